//! The text of main.cf (config §1), and of the files that are written like it.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, SystemTime};

use bstr::{BString, ByteSlice};
use text::lines::logical_lines;
use text::{NameValueError, split_name_value};

use crate::error::Error;

/// One `name = value` of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The number of the first line.
    pub line: usize,
    /// The name.
    pub name: BString,
    /// The value, unexpanded.
    pub value: BString,
}

/// How long to wait before a file that has just been changed is read again.
const COOL_DOWN: Duration = Duration::from_millis(300);

/// Reads a whole configuration file. One that was changed within the last second is read again, until it has cooled down:
/// somebody may still be writing it (config §1.4).
///
/// # Errors
/// [`Error::Open`] and [`Error::Read`].
pub fn read_file(path: &str) -> Result<Vec<u8>, Error> {
    loop {
        let started = SystemTime::now();
        let mut file = File::open(Path::new(path)).map_err(|source| Error::Open { path: path.to_owned(), source })?;
        let mut text = Vec::new();
        let changed = file
            .read_to_end(&mut text)
            .and_then(|_| file.metadata()?.modified())
            .map_err(|source| Error::Read { path: path.to_owned(), source })?;
        if changed < started - Duration::from_secs(1) || changed > SystemTime::now() {
            return Ok(text);
        }
        log::debug!("pausing to let {path} cool down");
        std::thread::sleep(COOL_DOWN);
    }
}

/// The logical lines of a file, each with the number of the first of its lines. `path` is the file's name in messages; text that
/// continues nothing is logged and left out, and so is, silently, what follows a null byte.
pub fn lines<'a>(path: &'a str, text: &'a [u8]) -> impl Iterator<Item = (usize, Cow<'a, [u8]>)> {
    logical_lines(text).filter_map(move |line| match line {
        Ok(line) => Some((line.first, before_null(line.text))),
        Err(misplaced) => {
            log::warn!("{path}: {misplaced}");
            None
        }
    })
}

fn before_null(text: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    match (text.find_byte(0), text) {
        (None, text) => text,
        (Some(end), Cow::Borrowed(text)) => Cow::Borrowed(&text[..end]),
        (Some(end), Cow::Owned(mut text)) => {
            text.truncate(end);
            Cow::Owned(text)
        }
    }
}

/// Takes the text of a file apart, in its order, by its [`lines`]. [`Error::Line`] comes for a line that is not `name = value`.
pub fn assignments<'a>(path: &'a str, text: &'a [u8]) -> impl Iterator<Item = Result<Assignment, Error>> + 'a {
    lines(path, text).map(move |(line, content)| match split_name_value(&content) {
        Ok((name, value)) => Ok(Assignment { line, name: name.into(), value: value.into() }),
        Err(problem) => Err(line_error(path, line, problem, &content)),
    })
}

fn line_error(path: &str, line: usize, problem: NameValueError, text: &[u8]) -> Error {
    Error::Line { path: path.to_owned(), line, problem, text: text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments_come_in_order() {
        let found: Vec<_> =
            assignments("main.cf", b"a = b = c\nd =\n e\0f\nx\n = 1\na=2").collect::<Result<_, _>>().unwrap();
        let texts: Vec<_> = found.iter().map(|a| format!("{}:{}={}", a.line, a.name, a.value)).collect();
        assert_eq!(texts, ["1:a=b = c", "2:d=e", "4:x=1", "6:a=2"]);
    }

    #[test]
    fn bad_lines_end_the_program() {
        let error = |text: &str| assignments("f", text.as_bytes()).find_map(Result::err).unwrap().to_string();
        assert_eq!(error("\nnovalue"), "f, line 2: missing '=' after attribute name: \"novalue\"");
        assert_eq!(error("a b = c"), "f, line 1: missing '=' after attribute name: \"a b = c\"");
        assert_eq!(error("= x"), "f, line 1: missing attribute name: \"= x\"");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(text: Vec<u8>, line in "[a=# \n\t$]{0,40}") {
            for text in [&text, line.as_bytes()] {
                assert!(assignments("f", text).count() <= text.len());
            }
        }
    }
}
