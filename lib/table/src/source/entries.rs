//! The postmap format: `key whitespace value` (tables §2.2).

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;

use bstr::BString;
use text::lines::{LogicalLines, Misplaced, logical_lines};
use text::list::{SEPARATORS, split};
use text::space::{is_space, trim};

/// What is wrong with a line of a source file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// A continuation of nothing. To be logged after `<path>: `.
    Misplaced(Misplaced),
    /// Anything else. To be logged after `<path>, line <n>: `.
    Line {
        /// The number of the first physical line.
        line: usize,
        /// What to say.
        text: String,
        /// Whether there is no entry; if not, it is the next that the iterator gives.
        skipped: bool,
    },
}

/// The entries of a source file: line number, key, value.
pub struct Entries<'a> {
    lines: LogicalLines<'a>,
    utf8: bool,
    /// An entry that a warning goes before.
    held: Option<(usize, BString, BString)>,
}

impl<'a> Entries<'a> {
    /// The entries of this text. `utf8`: lines that are not UTF-8 are skipped.
    pub fn new(source: &'a [u8], utf8: bool) -> Self {
        Entries { lines: logical_lines(source), utf8, held: None }
    }

    fn parse(&mut self, number: usize, text: &[u8]) -> <Self as Iterator>::Item {
        let problem = |text: String| Err(Problem::Line { line: number, text, skipped: true });
        if self.utf8 && std::str::from_utf8(text).is_err() {
            return problem(format!("non-UTF-8 input \"{}\" -- ignoring this line", text::show(text)));
        }
        let text = &text[..memchr::memchr(0, text).unwrap_or(text.len())];
        let Some(end) = key_length(text, |_| false) else {
            return problem(format!("unbalanced '\"' in '{}' -- ignoring this line", text::show(text)));
        };
        let (key, value) = (&text[..end], trim(&text[end..]));
        if key.is_empty() || value.is_empty() {
            return problem("expected format: key whitespace value".into());
        }
        let entry = (number, BString::from(key), BString::from(value));
        if key.ends_with(b":") {
            self.held = Some(entry);
            let text = "record is in \"key: value\" format; is this an alias file?".into();
            return Err(Problem::Line { line: number, text, skipped: false });
        }
        Ok(entry)
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<(usize, BString, BString), Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(held) = self.held.take() {
            return Some(Ok(held));
        }
        match self.lines.next()? {
            Ok(line) => Some(self.parse(line.first, &line.text)),
            Err(misplaced) => Some(Err(Problem::Misplaced(misplaced))),
        }
    }
}

/// Where a key ends: at white space, or a byte that `ends`, outside double quotes. A backslash protects the next byte. `None`: a
/// quote is open at the end of the text.
pub(crate) fn key_length(text: &[u8], ends: impl Fn(u8) -> bool) -> Option<usize> {
    let (mut at, mut quoted) = (0, false);
    while let Some(&byte) = text.get(at) {
        match byte {
            b'\\' if at + 1 < text.len() => at += 1,
            b'"' => quoted = !quoted,
            byte if !quoted && (is_space(byte) || ends(byte)) => break,
            _ => {}
        }
        at += 1;
    }
    (!quoted).then_some(at)
}

/// The value that `-F` stores: the contents of the named files, with newlines between them, in base64 (tables §2.2).
///
/// # Errors
/// The reason why the entry is to be skipped.
pub fn files_value(names: &[u8]) -> Result<BString, String> {
    use base64::Engine;
    let mut content = Vec::new();
    let mut first = true;
    for name in split(names, SEPARATORS) {
        if !first {
            content.push(b'\n');
        }
        first = false;
        let failed =
            |what: &str, error: &std::io::Error| format!("{what} {}: {}", text::show(name), sys::reason(error));
        let mut file = File::open(OsStr::from_bytes(name)).map_err(|error| failed("open", &error))?;
        file.read_to_end(&mut content).map_err(|error| failed("read", &error))?;
        if content.len() > LARGEST {
            return Err(format!("file too large: {}", text::show(names)));
        }
    }
    if first {
        return Err(format!("empty pathname list: >>{}<<'", text::show(names)));
    }
    Ok(base64::engine::general_purpose::STANDARD.encode(content).into())
}

/// What fits in a value after encoding, in bytes.
const LARGEST: usize = i32::MAX as usize / 4 * 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(source: &str) -> Vec<Result<(usize, String), String>> {
        Entries::new(source.as_bytes(), true)
            .map(|entry| match entry {
                Ok((line, key, value)) => Ok((line, format!("{key}={value}"))),
                Err(Problem::Line { line, text, .. }) => Err(format!("{line}: {text}")),
                Err(Problem::Misplaced(problem)) => Err(problem.to_string()),
            })
            .collect()
    }

    #[test]
    fn the_example_of_the_specification() {
        let entries = read("# comment\nFoo   bar\n  more\n\"a b\" c\nx\n");
        assert_eq!(entries[0], Ok((2, "Foo=bar  more".into())));
        assert_eq!(entries[1], Ok((4, "\"a b\"=c".into())));
        assert_eq!(entries[2], Err("5: expected format: key whitespace value".into()));
    }

    #[test]
    fn quotes_and_backslashes() {
        assert_eq!(read("a\\ b c")[0], Ok((1, "a\\ b=c".into())));
        assert!(read("\"a b c")[0].as_ref().unwrap_err().starts_with("1: unbalanced '\"' in '\"a b c'"));
        let alias = read("foo: bar\n");
        assert!(alias[0].as_ref().unwrap_err().contains("is this an alias file?"));
        assert_eq!(alias[1], Ok((1, "foo:=bar".into())));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_to_the_end(source: Vec<u8>) {
            for (_, key, value) in Entries::new(&source, false).flatten() {
                assert!(!key.is_empty() && !value.is_empty() && !key.contains(&0));
            }
        }
    }
}
