//! Logical lines, of main.cf, master.cf and the source files of lookup tables alike (config §1.1).

use std::borrow::Cow;

use thiserror::Error;

use crate::space::is_space;

/// Text that may continue over several lines of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogicalLine<'a> {
    /// The number of its first line, from 1.
    pub first: usize,
    /// The number of its last line that is neither a comment nor blank.
    pub last: usize,
    /// The lines, joined without the newlines between them. A carriage return stays.
    pub text: Cow<'a, [u8]>,
}

/// Continuation text with nothing to continue. Log it as a warning after the file's name, and go on.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("logical line must not start with whitespace: \"{}{}\"", crate::show(&text[..text.len().min(SHOWN)]), if text.len() > SHOWN { "..." } else { "" })]
pub struct Misplaced {
    /// The number of its first line, from 1.
    pub line: usize,
    text: Vec<u8>,
}

/// How many bytes of a misplaced line the warning shows.
const SHOWN: usize = 30;

/// Reads the logical lines of `file`: comments and blank lines are dropped and end nothing; a line that begins with white
/// space continues.
pub fn logical_lines(file: &[u8]) -> LogicalLines<'_> {
    LogicalLines { rest: file, number: 0 }
}

/// What [`logical_lines`] returns.
#[derive(Clone, Debug)]
pub struct LogicalLines<'a> {
    rest: &'a [u8],
    /// How many lines were taken from the file.
    number: usize,
}

impl<'a> LogicalLines<'a> {
    /// The next line that has content, and its number, without taking it; and what the file has after it.
    fn peek(&self) -> Option<(&'a [u8], usize, &'a [u8])> {
        let (mut rest, mut number) = (self.rest, self.number);
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let (line, tail) = (&rest[..end], rest.get(end + 1..).unwrap_or_default());
            number += 1;
            match line.iter().find(|&&byte| !is_space(byte)) {
                None | Some(b'#') => rest = tail,
                Some(_) => return Some((line, number, tail)),
            }
        }
        None
    }
}

impl<'a> Iterator for LogicalLines<'a> {
    type Item = Result<LogicalLine<'a>, Misplaced>;

    fn next(&mut self) -> Option<Self::Item> {
        let (line, first, tail) = self.peek()?;
        let mut found = LogicalLine { first, last: first, text: Cow::Borrowed(line) };
        (self.rest, self.number) = (tail, first);
        while let Some((line, number, tail)) = self.peek().filter(|(line, ..)| is_space(line[0])) {
            found.text.to_mut().extend_from_slice(line);
            found.last = number;
            (self.rest, self.number) = (tail, number);
        }
        if is_space(found.text[0]) {
            return Some(Err(Misplaced { line: first, text: found.text.into_owned() }));
        }
        Some(Ok(found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &str) -> Vec<(usize, usize, String)> {
        logical_lines(file.as_bytes())
            .map(|line| match line {
                Ok(line) => (line.first, line.last, String::from_utf8(line.text.into_owned()).unwrap()),
                Err(misplaced) => (misplaced.line, 0, misplaced.to_string()),
            })
            .collect()
    }

    #[test]
    fn comments_and_blank_lines_do_not_end_a_logical_line() {
        assert_eq!(read("#c\na = 1\n#x\n  # y\n\n b\nc=2"), [(2, 6, "a = 1 b".to_owned()), (7, 7, "c=2".to_owned())]);
    }

    #[test]
    fn continuation_of_nothing_is_dropped_with_what_continues_it() {
        let text = "logical line must not start with whitespace: \"";
        assert_eq!(read(" x = 1\n y\nz")[0], (1, 0, format!("{text} x = 1 y\"")));
        assert_eq!(
            read(" 23456789012345678901234567890123")[0],
            (1, 0, format!("{text} 23456789012345678901234567890...\"",))
        );
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_to_the_end(file: Vec<u8>) {
            let mut last = 0;
            for line in logical_lines(&file) {
                let (first, end) = line.as_ref().map_or_else(|m| (m.line, m.line), |l| (l.first, l.last));
                assert!(last < first && first <= end);
                last = end;
            }
        }
    }
}
