//! Which patterns of a table cannot match a key: a filter in front of regular expressions.
//!
//! Most patterns have a plain text that every match contains. All these texts are looked for in one pass over the key; a pattern whose text is
//! not there need not be tried. The filter only ever says "impossible" of what is impossible, so what it does not understand, it leaves alone.

use aho_corasick::{AhoCorasick, Anchored};

/// A text shorter than this is not worth looking for, in bytes.
const WORTHWHILE: usize = 2;

/// The syntax of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syntax {
    /// POSIX extended regular expressions, with the C library's additions.
    Posix,
    /// Perl-compatible regular expressions.
    Perl,
}

/// The longest text that is in everything that the pattern matches, if upper and lower case are equal.
pub(super) fn required(pattern: &[u8], syntax: Syntax) -> Option<Vec<u8>> {
    let mut scan = Scan { rest: pattern, run: Vec::new(), longest: Vec::new() };
    scan.all(syntax)?;
    scan.end_run();
    (scan.longest.len() >= WORTHWHILE).then_some(scan.longest)
}

/// Reads a pattern from left to right. Whatever may come between two characters ends a run of text.
struct Scan<'p> {
    rest: &'p [u8],
    run: Vec<u8>,
    longest: Vec<u8>,
}

impl Scan<'_> {
    /// `None`: nothing can be said about this pattern.
    fn all(&mut self, syntax: Syntax) -> Option<()> {
        while let Some((&byte, rest)) = self.rest.split_first() {
            self.rest = rest;
            match byte {
                b'|' => return None,
                b'\\' => self.escape(syntax)?,
                b'(' => self.group()?,
                b'[' => {
                    self.end_run();
                    self.rest = behind_class(self.rest)?;
                }
                // The character in front of these may be missing.
                b'*' | b'?' | b'{' => {
                    self.run.pop();
                    self.end_run();
                    if byte == b'{' {
                        self.rest = &self.rest[memchr::memchr(b'}', self.rest)? + 1..];
                    }
                }
                b'+' | b'.' | b'^' | b'$' | b')' | b'}' | b']' => self.end_run(),
                _ if byte.is_ascii_graphic() || byte == b' ' => self.run.push(byte),
                _ => self.end_run(),
            }
        }
        Some(())
    }

    /// A backslash makes a punctuation mark plain, and many a letter special.
    fn escape(&mut self, syntax: Syntax) -> Option<()> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        match byte {
            b'.' | b'*' | b'[' | b']' | b'(' | b')' | b'{' | b'}' | b'+' | b'?' | b'^' | b'$' | b'|' | b'\\' | b'/' => {
                self.run.push(byte);
            }
            b'w' | b'W' | b's' | b'S' | b'b' | b'B' => self.end_run(),
            b'd' | b'D' if syntax == Syntax::Perl => self.end_run(),
            b'<' | b'>' | b'`' | b'\'' if syntax == Syntax::Posix => self.end_run(),
            b'<' | b'>' | b'@' | b'-' | b':' | b'"' | b'=' | b'!' | b' ' | b',' | b'_' => self.run.push(byte),
            _ => return None,
        }
        Some(())
    }

    /// What is in parentheses may have alternatives, so it is left out.
    fn group(&mut self) -> Option<()> {
        self.end_run();
        let mut depth = 1;
        let mut is_start = true;
        while depth > 0 {
            let (&byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            match byte {
                // Settings, conditions and the like; `(?:` is just a group.
                b'*' if is_start => return None,
                b'?' if is_start && rest.first() != Some(&b':') => return None,
                b'(' => depth += 1,
                b')' => depth -= 1,
                b'[' => self.rest = behind_class(rest)?,
                b'\\' => {
                    // `\Q` quotes, and `\E` ends that.
                    if matches!(rest.first()?, b'Q' | b'E') {
                        return None;
                    }
                    self.rest = &rest[1..];
                }
                _ => {}
            }
            is_start = byte == b'(';
        }
        Some(())
    }

    fn end_run(&mut self) {
        let run = std::mem::take(&mut self.run);
        if run.len() > self.longest.len() {
            self.longest = run;
        }
    }
}

/// What follows a bracket expression; a `]` at its start is one of its characters, and so is what `[:`, `[.` and `[=` enclose. Where a backslash
/// stands, the two syntaxes differ.
fn behind_class(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text.strip_prefix(b"^").unwrap_or(text);
    rest = rest.strip_prefix(b"]").unwrap_or(rest);
    loop {
        match rest {
            [] | [b'\\', ..] => return None,
            [b'[', mark @ (b':' | b'.' | b'='), inner @ ..] => {
                let end = inner.windows(2).position(|pair| pair == [*mark, b']'])?;
                rest = &inner[end + 2..];
            }
            [b']', after @ ..] => return Some(after),
            [_, after @ ..] => rest = after,
        }
    }
}

/// The texts of a table while it is read.
#[derive(Debug, Default)]
pub(super) struct Collector(Vec<Vec<u8>>);

impl Collector {
    /// Adds a text; its number.
    pub(super) fn add(&mut self, text: Vec<u8>) -> usize {
        self.0.push(text);
        self.0.len() - 1
    }

    /// All texts are there.
    pub(super) fn finish(self) -> Literals {
        let automaton = AhoCorasick::builder().ascii_case_insensitive(true).build(&self.0);
        // A table that is too big for the filter works without one.
        Literals { automaton: automaton.ok().filter(|_| !self.0.is_empty()), count: self.0.len() }
    }
}

/// The texts of a table.
#[derive(Debug)]
pub(super) struct Literals {
    automaton: Option<AhoCorasick>,
    count: usize,
}

/// Which texts a key has.
#[derive(Debug)]
pub(super) struct Found(Option<Vec<bool>>);

impl Literals {
    /// Looks for all of them.
    pub(super) fn find(&self, key: &[u8]) -> Found {
        let Some(automaton) = &self.automaton else { return Found(None) };
        let mut found = vec![false; self.count];
        let input = aho_corasick::Input::new(key).anchored(Anchored::No);
        for matched in automaton.find_overlapping_iter(input) {
            found[matched.pattern().as_usize()] = true;
        }
        Found(Some(found))
    }
}

impl Found {
    /// Can a pattern that needs this text match?
    pub(super) fn contains(&self, literal: usize) -> bool {
        self.0.as_ref().is_none_or(|found| found.get(literal).copied().unwrap_or(true))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sys::{pcre, regex};

    use super::*;

    fn posix(pattern: &str) -> Option<String> {
        required(pattern.as_bytes(), Syntax::Posix).map(|text| String::from_utf8(text).unwrap())
    }

    #[test]
    fn the_longest_text_is_required() {
        assert_eq!(posix("^Subject: (re|fw): win money").as_deref(), Some(": win money"));
        assert_eq!(posix("nam=[^>]*\\.exe\"").as_deref(), Some(".exe\""));
        assert_eq!(posix("colou?r").as_deref(), Some("colo"));
        assert_eq!(posix("abc+d").as_deref(), Some("abc"));
        assert_eq!(posix("ab{0,3}cd").as_deref(), Some("cd"));
        assert_eq!(posix("[]x[:alpha:]]yz").as_deref(), Some("yz"));
        for nothing in ["a|bcd", "(abc)", "a.b", "x\\1yz", "[a\\]bc", "(?i)abc", "(*UTF)abc", ""] {
            assert_eq!(posix(nothing), None, "{nothing}");
        }
        assert_eq!(required(b"\\Qa.b\\Ecd", Syntax::Perl), None);
        assert_eq!(required(b"\\d\\dab\\w", Syntax::Perl), Some(b"ab".to_vec()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]

        #[test]
        fn what_matches_has_the_text(
            pattern in r"([abAB.*+?|^$]|[(]|[)]|\[|\]|\\|\{|\}|1|,|-|\\[wdQE<1]|\[:alpha:\]){0,12}",
            subject in "[abAB.1,{}-]{0,12}",
        ) {
            let contains = |text: Option<Vec<u8>>| text.is_none_or(|text| {
                let subject = subject.to_ascii_lowercase();
                subject.as_bytes().windows(text.len()).any(|window| window.eq_ignore_ascii_case(&text))
            });
            let flags = regex::Flags { ignore_case: true, newline: false, extended: true };
            if let Ok(regex) = regex::Regex::new(pattern.as_bytes(), flags)
                && regex.is_match(&regex::Subject::new(subject.as_bytes())).unwrap_or(false)
            {
                prop_assert!(contains(required(pattern.as_bytes(), Syntax::Posix)), "posix {pattern} {subject}");
            }
            let flags = pcre::Flags { caseless: true, dot_all: true, ..pcre::Flags::default() };
            if let Ok(regex) = pcre::Regex::new(pattern.as_bytes(), flags)
                && regex.exec(subject.as_bytes()).ok().flatten().is_some()
            {
                prop_assert!(contains(required(pattern.as_bytes(), Syntax::Perl)), "perl {pattern} {subject}");
            }
        }
    }
}
