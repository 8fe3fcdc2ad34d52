//! Message content as records, after DATA and in BDAT chunks (smtpd §7.1, §7.4, §7.5).

use super::newline::Newlines;
use crate::stream::{Ending, Line};

/// What a line of content becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A whole line, or the end of a long one.
    Line(&'a [u8]),
    /// The beginning or middle of a long line.
    Part(&'a [u8]),
    /// A line that does not count in the size of the message: ours, not the client's.
    Added(&'a [u8]),
}

/// Content after DATA: dots are removed, and the lone dot found.
#[derive(Debug)]
pub struct Data {
    newlines: Newlines,
    /// Dots stay: a filter will remove them.
    stuffed: bool,
    first: bool,
    at_line_start: bool,
    after_bare: bool,
    /// Whether a line ended in LF alone, where that matters.
    pub saw_bare: bool,
}

impl Data {
    /// No content yet. `stuffed`: leading dots are kept, for a receiver that removes them.
    pub fn new(newlines: Newlines, stuffed: bool) -> Self {
        Self { newlines, stuffed, first: true, at_line_start: true, after_bare: false, saw_bare: false }
    }

    /// Takes a line, or a piece of one, and hands on what it becomes. True: it was the end of the content.
    pub fn take(&mut self, line: &Line, put: &mut dyn FnMut(Piece<'_>)) -> bool {
        let mut text = self.newlines.text(line);
        let at_line_start = std::mem::replace(&mut self.at_line_start, line.ending != Ending::Open);
        let bare = self.newlines.is_bare(line);
        let after_bare =
            if line.ending == Ending::Open { self.after_bare } else { std::mem::replace(&mut self.after_bare, bare) };
        self.saw_bare |= bare;
        if self.first {
            if is_mailbox_line(text) {
                put(Piece::Added(&[b"X-Mailbox-Line: ", text].concat()));
                return false;
            }
            self.first = false;
            if matches!(text.first(), Some(b' ' | b'\t')) {
                put(Piece::Added(b""));
            }
        }
        if at_line_start && text.first() == Some(&b'.') {
            let whole = line.ending != Ending::Open;
            if whole && text.len() == 1 && (bare || after_bare) {
                return false;
            }
            if text.len() == 1 && whole {
                return true;
            }
            if !self.stuffed {
                text = &text[1..];
            }
        }
        put(if line.ending == Ending::Open { Piece::Part(text) } else { Piece::Line(text) });
        false
    }
}

/// A line that mailbox files begin messages with, perhaps quoted.
fn is_mailbox_line(text: &[u8]) -> bool {
    let quotes = text.iter().take_while(|byte| **byte == b'>').count();
    text[quotes..].starts_with(b"From ")
}

/// Content in chunks of known sizes: lines may go on from one chunk to the next.
#[derive(Debug)]
pub struct Chunks {
    newlines: Newlines,
    line_limit: usize,
    partial: Vec<u8>,
    /// The partial line has had pieces handed on.
    inside_line: bool,
    /// Whether a line ended in LF alone, where that matters.
    pub saw_bare: bool,
}

impl Chunks {
    /// No content yet. No piece has more than `line_limit` bytes.
    pub fn new(newlines: Newlines, line_limit: usize) -> Self {
        Self { newlines, line_limit: line_limit.max(1), partial: Vec::new(), inside_line: false, saw_bare: false }
    }

    /// How many bytes wait for the end of their line.
    pub fn waiting(&self) -> usize {
        self.partial.len()
    }

    /// Takes bytes of a chunk, and hands on the lines that they complete. The flag tells whether a piece begins a line.
    pub fn take(&mut self, mut bytes: &[u8], put: &mut dyn FnMut(Piece<'_>, bool)) {
        while !bytes.is_empty() {
            let (taken, complete) = match memchr::memchr(b'\n', bytes) {
                Some(at) => (at, true),
                None => (bytes.len(), false),
            };
            self.partial.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken + usize::from(complete)..];
            self.hand_on_parts(put);
            if complete {
                self.hand_on_line(put);
            }
        }
    }

    /// Hands on the beginning of a line that is too long. A CR at its end may belong to the line end, and waits.
    fn hand_on_parts(&mut self, put: &mut dyn FnMut(Piece<'_>, bool)) {
        loop {
            let may_end = self.partial.len() == self.line_limit + 1 && self.partial.ends_with(b"\r");
            if self.partial.len() <= self.line_limit || may_end {
                return;
            }
            let start = !std::mem::replace(&mut self.inside_line, true);
            put(Piece::Part(&self.partial[..self.line_limit]), start);
            self.partial.drain(..self.line_limit);
        }
    }

    fn hand_on_line(&mut self, put: &mut dyn FnMut(Piece<'_>, bool)) {
        let mut text = std::mem::take(&mut self.partial);
        let ending = if text.last() == Some(&b'\r') {
            text.pop();
            Ending::CrLf
        } else {
            Ending::Lf
        };
        let line = Line { text, ending };
        self.saw_bare |= self.newlines.is_bare(&line);
        let start = !std::mem::take(&mut self.inside_line);
        put(Piece::Line(self.newlines.text(&line)), start);
    }

    /// The last chunk has ended: an unfinished line is finished.
    pub fn finish(&mut self, put: &mut dyn FnMut(Piece<'_>, bool)) {
        if self.partial.len() > self.line_limit {
            let start = !std::mem::replace(&mut self.inside_line, true);
            put(Piece::Part(&self.partial[..self.line_limit]), start);
            self.partial.drain(..self.line_limit);
        }
        let rest = std::mem::take(&mut self.partial);
        let start = !std::mem::take(&mut self.inside_line);
        if !rest.is_empty() || !start {
            put(Piece::Line(&rest), start);
        }
    }
}

/// The size of a message as its client counts it: two bytes for each end of a line, our own headers not counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Meter {
    /// `message_size_limit`; 0 for none.
    pub limit: u64,
    /// Bytes so far.
    pub counted: u64,
}

impl Meter {
    /// Counts a record of `length` bytes, if the message may be that big.
    pub fn admit(&mut self, length: usize) -> bool {
        let more = length as u64 + 2;
        let fits = self.limit == 0 || self.limit.saturating_sub(self.counted) >= more;
        if fits {
            self.counted += more;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(text: &str, ending: Ending) -> Line {
        Line { text: text.into(), ending }
    }

    /// Lines of content, each with CR LF unless it ends in `|` (LF alone) or `+` (open).
    fn data(newlines: Newlines, lines: &[&str]) -> (Vec<String>, Option<usize>) {
        let mut data = Data::new(newlines, false);
        let mut out = Vec::new();
        for (at, text) in lines.iter().enumerate() {
            let (text, ending) = match (text.strip_suffix('|'), text.strip_suffix('+')) {
                (Some(text), _) => (text, Ending::Lf),
                (_, Some(text)) => (text, Ending::Open),
                _ => (*text, Ending::CrLf),
            };
            let ended = data.take(&line(text, ending), &mut |piece| {
                out.push(match piece {
                    Piece::Line(text) => format!("N{}", String::from_utf8_lossy(text)),
                    Piece::Part(text) => format!("L{}", String::from_utf8_lossy(text)),
                    Piece::Added(text) => format!("A{}", String::from_utf8_lossy(text)),
                });
            });
            if ended {
                return (out, Some(at));
            }
        }
        (out, None)
    }

    #[test]
    fn leading_dots_go_and_a_lone_dot_ends() {
        let (out, end) = data(Newlines::Lenient, &["..x", ".x", "a.", ".|"]);
        assert_eq!((out, end), (vec!["N.x".into(), "Nx".into(), "Na.".into()], Some(3)));
        let (out, end) = data(Newlines::Lenient, &["aa+", ".", "."]);
        assert_eq!((out, end), (vec!["Laa".into(), "N.".into()], Some(2)));
    }

    #[test]
    fn only_dots_between_crlf_end_when_bare_newlines_are_not_trusted() {
        for lines in [["a|", ".", "b"], ["a", ".|", "b"], ["a|", ".|", "b"]] {
            let (out, end) = data(Newlines::Normalize, &lines);
            assert_eq!((out.len(), end), (2, None), "{lines:?}");
        }
        assert_eq!(data(Newlines::Normalize, &["a", "."]).1, Some(1));
    }

    #[test]
    fn first_lines_are_protected() {
        assert_eq!(data(Newlines::Lenient, &[" x", " y"]).0, ["A", "N x", "N y"]);
        let (out, _) = data(Newlines::Lenient, &["From a b", ">From c", "\tx", "From d"]);
        assert_eq!(out, ["AX-Mailbox-Line: From a b", "AX-Mailbox-Line: >From c", "A", "N\tx", "NFrom d"]);
    }

    fn chunks(limit: usize, parts: &[&[u8]]) -> Vec<String> {
        let mut chunks = Chunks::new(Newlines::Lenient, limit);
        let mut out = Vec::new();
        let mut put = |piece: Piece<'_>, start: bool| {
            let (kind, text) = match piece {
                Piece::Line(text) | Piece::Added(text) => ('N', text),
                Piece::Part(text) => ('L', text),
            };
            out.push(format!("{}{kind}{}", if start { "^" } else { "" }, String::from_utf8_lossy(text)));
        };
        for part in parts {
            chunks.take(part, &mut put);
        }
        chunks.finish(&mut put);
        out
    }

    #[test]
    fn lines_go_on_over_chunk_borders() {
        assert_eq!(chunks(100, &[b"Subject: x\r", b"\n\r\nbo", b"dy"]), ["^NSubject: x", "^N", "^Nbody"]);
        assert_eq!(chunks(4, &[b"1234567\r\n1234\r\n5"]), ["^L1234", "N567", "^N1234", "^N5"]);
        assert_eq!(chunks(4, &[b"12345678"]), ["^L1234", "N5678"]);
        assert!(chunks(4, &[]).is_empty());
    }

    #[test]
    fn sizes_are_counted_with_line_ends() {
        let mut meter = Meter { limit: 10, counted: 0 };
        assert!(meter.admit(3));
        assert!(!meter.admit(4));
        assert!(meter.admit(3));
        assert_eq!(meter.counted, 10);
    }

    proptest! {
        #[test]
        fn chunk_borders_do_not_matter(bytes in "[a.\r\n]{0,60}", cut in 0usize..60, limit in 1usize..8) {
            let bytes = bytes.as_bytes();
            let cut = cut.min(bytes.len());
            prop_assert_eq!(chunks(limit, &[bytes]), chunks(limit, &[&bytes[..cut], &bytes[cut..]]));
        }
    }
}
