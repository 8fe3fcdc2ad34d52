//! The message on standard input, as records (queue-files §9.5).

use std::io::{self, BufRead};

use bstr::ByteSlice;
use config::{Config, params};
use queue::RecordType;

/// Standard input cannot be read.
#[derive(Debug)]
pub struct ContentError(pub io::Error);

/// What happens to returns at line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineEndings {
    /// Removed.
    Strip,
    /// Kept.
    Keep,
    /// The first line decides.
    AsFirstLine,
}

/// Cuts input into lines and pieces of long lines.
pub struct Content<R> {
    input: R,
    limit: usize,
    line_endings: LineEndings,
    ignore_dots: bool,
    /// Only mailbox separators so far.
    at_start: bool,
    /// The last record was a piece of a line that goes on.
    in_long_line: bool,
    ended: bool,
}

impl<R: BufRead> Content<R> {
    /// Reads from `input`. Unless `ignore_dots`, a dot alone on a line is the end.
    pub fn new(input: R, config: &Config, ignore_dots: bool) -> Content<R> {
        let value = config.get(params::SENDMAIL_FIX_LINE_ENDINGS);
        let line_endings = match value.as_bytes() {
            b"always" => LineEndings::Strip,
            b"never" => LineEndings::Keep,
            b"strict" => LineEndings::AsFirstLine,
            _ => logging::fatal!("invalid sendmail_fix_line_endings value: {}", text::show(value)),
        };
        let limit = usize::try_from(config.get(params::LINE_LENGTH_LIMIT)).unwrap_or(0);
        Content { input, limit, line_endings, ignore_dots, at_start: true, in_long_line: false, ended: false }
    }

    /// The next record; `None` at the end of the message.
    pub fn next_record(&mut self) -> Result<Option<(RecordType, Vec<u8>)>, ContentError> {
        while !self.ended {
            let Some((record_type, mut text)) = self.read_piece().map_err(ContentError)? else { break };
            let is_line = record_type == RecordType::TEXT;
            if is_line && self.line_endings == LineEndings::AsFirstLine {
                let has_return = text.ends_with(b"\r");
                self.line_endings = if has_return { LineEndings::Strip } else { LineEndings::Keep };
            }
            if is_line && self.at_start && is_mailbox_separator(&text) {
                continue;
            }
            self.at_start = false;
            if is_line && self.line_endings == LineEndings::Strip {
                text.truncate(text.trim_end_with(|c| c == '\r').len());
            }
            if !self.ignore_dots && !self.in_long_line && text == b"." {
                self.ended = true;
                break;
            }
            self.in_long_line = !is_line;
            return Ok(Some((record_type, text)));
        }
        Ok(None)
    }

    /// A line without its end, or as much of it as the limit allows, or what is left at the end of the input.
    fn read_piece(&mut self) -> io::Result<Option<(RecordType, Vec<u8>)>> {
        let mut text = Vec::new();
        loop {
            let available = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result?,
            };
            if available.is_empty() {
                return Ok((!text.is_empty()).then_some((RecordType::UNTERMINATED, text)));
            }
            let room = if self.limit > 0 { self.limit - text.len() } else { usize::MAX };
            let piece = &available[..available.len().min(room)];
            match memchr::memchr(b'\n', piece) {
                Some(end) => {
                    text.extend_from_slice(&piece[..end]);
                    self.input.consume(end + 1);
                    return Ok(Some((RecordType::TEXT, text)));
                }
                None => {
                    text.extend_from_slice(piece);
                    let length = piece.len();
                    self.input.consume(length);
                    if text.len() == self.limit {
                        return Ok(Some((RecordType::UNTERMINATED, text)));
                    }
                }
            }
        }
    }
}

/// `From ` behind any number of `>`.
fn is_mailbox_separator(line: &[u8]) -> bool {
    line.trim_start_with(|c| c == '>').starts_with(b"From ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The records of an input, with lines of at most 3 bytes in a record.
    fn read(line_endings: &str, input: &[u8]) -> Vec<(RecordType, Vec<u8>)> {
        let config = Config::for_tests(&[("sendmail_fix_line_endings", line_endings)]);
        let mut content = Content { limit: 3, ..Content::new(input, &config, false) };
        std::iter::from_fn(|| content.next_record().unwrap()).collect()
    }

    fn lines(line_endings: &str, input: &str) -> Vec<String> {
        read(line_endings, input.as_bytes()).into_iter().map(|(_, text)| String::from_utf8(text).unwrap()).collect()
    }

    #[test]
    fn a_dot_alone_ends_the_message() {
        assert_eq!(lines("always", "a\n.\nb\n"), ["a"]);
        assert_eq!(lines("always", "a\n..\n.b\n"), ["a", "..", ".b"]);
        assert_eq!(lines("always", "abc.\nd\n"), ["abc", ".", "d"]);
    }

    #[test]
    fn mailbox_separators_at_the_start_are_dropped() {
        let config = Config::for_tests(&[]);
        let mut content = Content::new(&b"From x\n>>From y\na\nFrom z\n"[..], &config, false);
        assert_eq!(content.next_record().unwrap().unwrap().1, b"a");
        assert_eq!(content.next_record().unwrap().unwrap().1, b"From z");
    }

    #[test]
    fn long_lines_are_cut() {
        let expected = [
            (RecordType::TEXT, "ab"),
            (RecordType::UNTERMINATED, "abc"),
            (RecordType::TEXT, ""),
            (RecordType::UNTERMINATED, "abc"),
            (RecordType::TEXT, "d"),
            (RecordType::UNTERMINATED, "x"),
        ];
        let expected = expected.map(|(record_type, text)| (record_type, text.as_bytes().to_vec()));
        assert_eq!(read("always", b"ab\nabc\nabcd\nx"), expected);
    }

    #[test]
    fn returns_at_line_ends() {
        assert_eq!(lines("always", "a\r\r\nb\n"), ["a\r\r", "", "b"]);
        assert_eq!(lines("always", "a\r\nb\n"), ["a", "b"]);
        assert_eq!(lines("never", "a\r\nb\n"), ["a\r", "b"]);
        assert_eq!(lines("strict", "a\r\nb\r\n"), ["a", "b"]);
        assert_eq!(lines("strict", "a\nb\r\n"), ["a", "b\r"]);
    }

    proptest! {
        #[test]
        fn no_record_is_over_the_limit(input: Vec<u8>) {
            for (_, text) in read("always", &input) {
                prop_assert!(text.len() <= 3);
            }
        }
    }
}
