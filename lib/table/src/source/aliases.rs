//! The aliases format: `name: value, ...` (tables §2.3).

use bstr::BString;
use text::address::{Token, external, internal, scan};
use text::lines::{LogicalLines, Misplaced, logical_lines};

/// What is wrong with a line of an alias file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AliasProblem {
    /// A continuation of nothing. To be logged after `<path>: `.
    Misplaced(Misplaced),
    /// Anything else. To be logged after `<path>, line <n>: `. There is no entry.
    Line(usize, String),
}

/// The entries of an alias file: line number, name in unquoted form, value in quoted form.
pub struct AliasEntries<'a> {
    lines: LogicalLines<'a>,
    utf8: bool,
}

impl<'a> AliasEntries<'a> {
    /// The entries of this text. `utf8`: lines that are not UTF-8 are skipped.
    pub fn new(source: &'a [u8], utf8: bool) -> Self {
        AliasEntries { lines: logical_lines(source), utf8 }
    }

    /// `None`: the line has no tokens.
    fn parse(&self, text: &[u8]) -> Result<Option<(BString, BString)>, String> {
        if self.utf8 && std::str::from_utf8(text).is_err() {
            return Err(format!("non-UTF-8 input \"{}\" -- ignoring this line", text::show(text)));
        }
        let text = &text[..memchr::memchr(0, text).unwrap_or(text.len())];
        let tokens = scan(text, None);
        if tokens.is_empty() {
            return Ok(None);
        }
        let need_pair = || "need name:value pair".to_owned();
        let ends_name = |token: &Token| matches!(token, Token::Operator(b':' | b','));
        let colon = tokens.iter().position(ends_name).ok_or_else(need_pair)?;
        let (name, value) = (&tokens[..colon], &tokens[colon + 1..]);
        if name.is_empty() || value.is_empty() || tokens[colon] != Token::Operator(b':') {
            return Err(need_pair());
        }
        if name.iter().any(|token| matches!(token, Token::Operator(b'@' | b'%'))) {
            return Err("name must be local".into());
        }
        Ok(Some((internal(name), external(value))))
    }
}

impl Iterator for AliasEntries<'_> {
    type Item = Result<(usize, BString, BString), AliasProblem>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let line = match self.lines.next()? {
                Ok(line) => line,
                Err(misplaced) => return Some(Err(AliasProblem::Misplaced(misplaced))),
            };
            match self.parse(&line.text) {
                Ok(None) => {}
                Ok(Some((name, value))) => return Some(Ok((line.first, name, value))),
                Err(problem) => return Some(Err(AliasProblem::Line(line.first, problem))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(source: &str) -> Vec<Result<(usize, BString, BString), AliasProblem>> {
        AliasEntries::new(source.as_bytes(), true).collect()
    }

    #[test]
    fn names_lose_quotes_and_values_keep_them() {
        let entries = read("foo:\tbar, \"|cmd x\"\n\"quoted name\": x\n");
        assert_eq!(entries[0], Ok((1, "foo".into(), "bar, \"|cmd x\"".into())));
        assert_eq!(entries[1], Ok((2, "quoted name".into(), "x".into())));
    }

    #[test]
    fn lines_that_are_no_aliases() {
        for (line, problem) in [
            ("foo bar", "need name:value pair"),
            (": bar", "need name:value pair"),
            ("foo:", "need name:value pair"),
            ("a, b: c", "need name:value pair"),
            ("(comment)", "need name:value pair"),
            ("user@dom: x", "name must be local"),
        ] {
            assert_eq!(read(line), [Err(AliasProblem::Line(1, problem.into()))], "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_to_the_end(source: Vec<u8>) {
            AliasEntries::new(&source, false).count();
        }
    }
}
