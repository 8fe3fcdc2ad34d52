//! Putting replies together from lines (smtp-client §7).

use bstr::BString;

/// A reply of a server, perhaps of several lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The three digits of the last line; 0 when it has none.
    pub code: u16,
    /// The enhanced status code of the last line, if it fits the code; else made from the code.
    pub status: BString,
    /// All lines, with LF between them, up to the limit.
    pub text: BString,
}

impl Reply {
    /// The first digit.
    pub fn class(&self) -> u16 {
        self.code / 100
    }

    /// Whether the server accepts.
    pub fn is_positive(&self) -> bool {
        self.class() == 2
    }

    /// The text for log lines and notifications: in one line.
    pub fn one_line(&self) -> BString {
        self.text.iter().map(|&byte| if byte == b'\n' { b' ' } else { byte }).collect::<Vec<u8>>().into()
    }
}

/// What is wrong with a line, for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It does not begin with three digits and a separator: the line.
    NoCode(BString),
    /// The text of all lines together is too long; the rest is left out. The line.
    TooLong(BString),
}

/// What a line leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More lines are needed.
    More,
    /// The reply is complete.
    Complete(Reply),
}

/// Collects the lines of one reply.
#[derive(Clone, Debug)]
pub struct ReplyReader {
    limit: usize,
    text: BString,
    is_full: bool,
    /// Nothing has been taken yet.
    fresh: bool,
}

impl ReplyReader {
    /// Keeps at most `limit` bytes of text (`line_length_limit`).
    pub fn new(limit: usize) -> Self {
        Self { limit, text: BString::default(), is_full: false, fresh: true }
    }

    /// Takes one line, clean and without its end. A line without a code is a problem, and the reply goes on behind it.
    pub fn take(&mut self, line: &[u8]) -> (Progress, Option<Problem>) {
        let too_long = self.keep(line);
        let digits = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let progress = match (digits, line.get(3)) {
            (3, Some(b'-')) => Progress::More,
            (3, None | Some(b' ')) => {
                let code = line[..3].iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
                let text = std::mem::take(&mut self.text);
                (self.is_full, self.fresh) = (false, true);
                Progress::Complete(Reply { code, status: status(line), text })
            }
            _ => return (Progress::More, Some(Problem::NoCode(line.into()))),
        };
        (progress, too_long)
    }

    fn keep(&mut self, line: &[u8]) -> Option<Problem> {
        if self.is_full {
            return None;
        }
        if !std::mem::take(&mut self.fresh) {
            self.text.push(b'\n');
        }
        let room = self.limit.saturating_sub(self.text.len());
        self.text.extend_from_slice(&line[..line.len().min(room)]);
        self.is_full = line.len() > room;
        self.is_full.then(|| Problem::TooLong(line.into()))
    }
}

/// The enhanced status of a last line.
fn status(line: &[u8]) -> BString {
    let class = line[0];
    if !matches!(class, b'2' | b'4' | b'5') {
        return "5.5.0".into();
    }
    let text = text::space::trim_start(&line[3..]);
    match text::dsn::split_status(text) {
        Some((status, _)) if status.first() == Some(&class) => status.into(),
        _ => [&[class][..], b".0.0"].concat().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(lines: &[&str]) -> Reply {
        let mut reader = ReplyReader::new(2048);
        for line in lines {
            if let (Progress::Complete(reply), _) = reader.take(line.as_bytes()) {
                return reply;
            }
        }
        panic!("no reply")
    }

    #[test]
    fn the_last_line_has_the_status() {
        let reply = read(&["550-5.1.1 no", "550 5.1.2 such user"]);
        assert_eq!((reply.code, reply.status), (550, "5.1.2".into()));
        assert_eq!(reply.text, "550-5.1.1 no\n550 5.1.2 such user");
        assert_eq!(read(&["550 4.1.1 x"]).status, "5.0.0");
        assert_eq!(read(&["354"]).status, "5.5.0");
        assert_eq!(read(&["250"]).status, "2.0.0");
        assert_eq!(read(&["250 2.1.5x"]).status, "2.0.0");
    }

    #[test]
    fn lines_without_a_code_are_read_past() {
        let mut reader = ReplyReader::new(2048);
        assert_eq!(reader.take(b"hello"), (Progress::More, Some(Problem::NoCode("hello".into()))));
        assert_eq!(reader.take(b"2500 x").1, Some(Problem::NoCode("2500 x".into())));
        assert_eq!(reader.take(b"250:x").1, Some(Problem::NoCode("250:x".into())));
        let (Progress::Complete(reply), None) = reader.take(b"250 ok") else { panic!("no reply") };
        assert_eq!(reply.one_line(), "hello 2500 x 250:x 250 ok");
    }

    #[test]
    fn text_beyond_the_limit_is_left_out_and_reported_once() {
        let mut reader = ReplyReader::new(10);
        assert_eq!(reader.take(b"250-abcd").1, None);
        assert!(matches!(reader.take(b"250-efgh").1, Some(Problem::TooLong(_))));
        let (Progress::Complete(reply), None) = reader.take(b"550 x") else { panic!("no reply") };
        assert_eq!((reply.code, reply.text), (550, "250-abcd\n2".into()));
    }

    proptest! {
        #[test]
        fn any_lines_are_read(lines: Vec<Vec<u8>>, limit in 0usize..50) {
            let mut reader = ReplyReader::new(limit);
            for line in lines {
                if let (Progress::Complete(reply), _) = reader.take(&line) {
                    prop_assert!(reply.text.len() <= limit && reply.code < 1000);
                }
            }
        }
    }
}
