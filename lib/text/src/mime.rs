//! The structure of a message: which lines are headers of what, and which are body (cleanup-rewrite §16.1 to §16.3).

use bstr::BString;

use crate::header::{is_continuation, is_header, split};
use crate::space::is_space;

/// Whose headers these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// The message's.
    Primary,
    /// Those of a part, behind a boundary.
    Part,
    /// Those of a message inside.
    Nested,
}

/// What the content has next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A header with the lines that continue it, joined by newlines.
    Header(Block, BString),
    /// A line of a body, a boundary, or the empty line behind headers.
    Body(BString),
}

/// Bounds of what is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a boundary that are compared (`mime_boundary_length_limit`).
    pub boundary_length: usize,
    /// How deep parts may be nested (`mime_nesting_limit`); the format allows two more open boundaries.
    pub nesting: usize,
}

/// Reads content line by line.
#[derive(Clone, Debug)]
pub struct Structure {
    limits: Option<Limits>,
    state: State,
    /// A header that may continue.
    pending: Option<(Block, BString)>,
    /// What the headers of this block say that its body is.
    kind: Kind,
    /// Open boundaries, the innermost last, each with what its parts are by default.
    boundaries: Vec<(BString, Kind)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Headers(Block),
    Body,
}

/// What a body is, as far as it matters for the structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A message with headers.
    Message,
    /// Parts with boundaries.
    Multipart,
    /// Anything else.
    Other,
}

impl Structure {
    /// With `limits`, attachments and messages inside are looked at; without, all is body that follows the first headers.
    pub fn new(limits: Option<Limits>) -> Self {
        let state = State::Headers(Block::Primary);
        Structure { limits, state, pending: None, kind: Kind::Other, boundaries: Vec::new() }
    }

    /// Takes a line without its newline.
    pub fn take(&mut self, line: &[u8]) -> Vec<Event> {
        if let State::Headers(_) = self.state
            && is_continuation(line)
            && let Some((_, header)) = &mut self.pending
        {
            header.push(b'\n');
            header.extend_from_slice(line);
            return Vec::new();
        }
        let mut events: Vec<Event> = self.end_header().into_iter().collect();
        match self.state {
            State::Headers(block) if is_header(line) => self.pending = Some((block, line.into())),
            State::Headers(_) => {
                self.state = self.behind_headers(line);
                events.push(Event::Body(line.into()));
            }
            State::Body => {
                self.look_for_boundary(line);
                events.push(Event::Body(line.into()));
            }
        }
        events
    }

    /// The content ends.
    pub fn finish(&mut self) -> Option<Event> {
        self.end_header()
    }

    /// A header is complete.
    fn end_header(&mut self) -> Option<Event> {
        let (block, header) = self.pending.take()?;
        if let Some(limits) = self.limits
            && let Some((name, value)) = split(&header)
            && name.eq_ignore_ascii_case(b"Content-Type")
        {
            self.content_type(value, limits);
        }
        Some(Event::Header(block, header))
    }

    fn content_type(&mut self, value: &[u8], limits: Limits) {
        let mut pieces = pieces(value).into_iter();
        let first = pieces.next().unwrap_or_default();
        let word = |n: usize| match first.get(n) {
            Some(Word::Token(text)) => text.to_ascii_lowercase(),
            _ => Vec::new(),
        };
        let (main, slash, sub) = (word(0), word(1), word(2));
        match main.as_slice() {
            _ if first.is_empty() => self.kind = Kind::Other,
            b"text" => self.kind = Kind::Other,
            b"message" => {
                let has_headers = slash == b"/" && (sub == b"rfc822" || sub == b"global");
                self.kind = if has_headers { Kind::Message } else { Kind::Other };
            }
            b"multipart" => {
                self.kind = Kind::Multipart;
                let of_parts = if slash == b"/" && sub == b"digest" { Kind::Message } else { Kind::Other };
                for piece in pieces {
                    self.open_boundary(&piece, of_parts, limits);
                }
            }
            _ => {}
        }
    }

    fn open_boundary(&mut self, piece: &[Word], of_parts: Kind, limits: Limits) {
        if let [Word::Token(name), Word::Token(equals), Word::Token(value) | Word::Quoted(value), ..] = piece
            && name.eq_ignore_ascii_case(b"boundary")
            && equals == b"="
            && self.boundaries.len() < limits.nesting.saturating_add(2)
        {
            let value = &value[..value.len().min(limits.boundary_length)];
            self.boundaries.push((value.into(), of_parts));
        }
    }

    /// What comes behind a header block that this line ends.
    fn behind_headers(&mut self, line: &[u8]) -> State {
        let kind = std::mem::replace(&mut self.kind, Kind::Other);
        match kind {
            Kind::Message if line.is_empty() => State::Headers(Block::Nested),
            _ => State::Body,
        }
    }

    /// A boundary line of a part that is open, the innermost first, begins or ends a part.
    fn look_for_boundary(&mut self, line: &[u8]) {
        let Some(text) = line.strip_prefix(b"--").filter(|text| !text.is_empty()) else { return };
        let Some(at) = self.boundaries.iter().rposition(|(boundary, _)| text.starts_with(boundary)) else { return };
        let (boundary, of_parts) = &self.boundaries[at];
        if text[boundary.len()..].starts_with(b"--") {
            self.boundaries.truncate(at);
            self.kind = Kind::Other;
        } else {
            self.kind = *of_parts;
            self.boundaries.truncate(at + 1);
            self.state = State::Headers(Block::Part);
        }
    }
}

/// A word of a structured header value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    Token(Vec<u8>),
    Quoted(Vec<u8>),
}

/// How many words of a piece matter.
const WORDS: usize = 3;

/// The words of a value, cut at each `;`; only the first of each piece.
fn pieces(value: &[u8]) -> Vec<Vec<Word>> {
    let mut pieces = vec![Vec::new()];
    let mut rest = value;
    while let Some((word, after)) = next_word(rest) {
        rest = after;
        match word {
            Some(Word::Token(text)) if text == b";" => pieces.push(Vec::new()),
            Some(word) => {
                if let Some(last) = pieces.last_mut().filter(|last| last.len() < WORDS) {
                    last.push(word);
                }
            }
            None => {}
        }
    }
    pieces
}

const fn is_special(byte: u8) -> bool {
    matches!(
        byte,
        b'(' | b')' | b'<' | b'>' | b'@' | b',' | b';' | b':' | b'\\' | b'"' | b'/' | b'[' | b']' | b'?' | b'='
    ) || byte.is_ascii_control()
}

/// The next word, or nothing for a comment, and what follows it.
fn next_word(text: &[u8]) -> Option<(Option<Word>, &[u8])> {
    let text = crate::space::trim_start(text);
    match text.first()? {
        b'(' => Some((None, behind_comment(text))),
        b'"' => {
            let (quoted, rest) = quoted(&text[1..]);
            Some((Some(Word::Quoted(quoted)), rest))
        }
        &byte if is_special(byte) => Some((Some(Word::Token(vec![byte])), &text[1..])),
        _ => {
            let end = text.iter().position(|&byte| is_space(byte) || is_special(byte)).unwrap_or(text.len());
            Some((Some(Word::Token(text[..end].to_vec())), &text[end..]))
        }
    }
}

fn behind_comment(text: &[u8]) -> &[u8] {
    let (mut at, mut depth) = (0, 0usize);
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'\\' => at += 1,
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    &text[at.min(text.len())..]
}

/// The text up to the closing quote, without backslashes and newlines, and what follows the quote.
fn quoted(text: &[u8]) -> (Vec<u8>, &[u8]) {
    let (mut at, mut found) = (0, Vec::new());
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'"' => break,
            b'\\' => {
                found.extend(text.get(at));
                at += 1;
            }
            b'\n' => {}
            byte => found.push(byte),
        }
    }
    (found, &text[at.min(text.len())..])
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { boundary_length: 2048, nesting: 100 };

    fn read(content: &str, limits: Option<Limits>) -> Vec<String> {
        let mut structure = Structure::new(limits);
        let mut events: Vec<Event> = content.lines().flat_map(|line| structure.take(line.as_bytes())).collect();
        events.extend(structure.finish());
        let show = |event: &Event| match event {
            Event::Header(block, text) => format!("{block:?} {text}"),
            Event::Body(text) => text.to_string(),
        };
        events.iter().map(show).collect()
    }

    #[test]
    fn parts_and_messages_inside() {
        let content = "From: a\nContent-Type: multipart/mixed (x);\n boundary=\"b1\"\n\npre\n--b1\nX: y\n\nbody\n--b1x\n\
                       Content-type: message/rfc822\n\nSubject: in\n\ninner\n--b1--\nepilogue\nA: b";
        let expected = [
            "Primary From: a",
            "Primary Content-Type: multipart/mixed (x);\n boundary=\"b1\"",
            "",
            "pre",
            "--b1",
            "Part X: y",
            "",
            "body",
            "--b1x",
            "Part Content-type: message/rfc822",
            "",
            "Nested Subject: in",
            "",
            "inner",
            "--b1--",
            "epilogue",
            "A: b",
        ];
        assert_eq!(read(content, Some(LIMITS)), expected);
        assert_eq!(read(content, None)[5], "X: y");
    }

    #[test]
    fn digests_hold_messages() {
        let content = "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: x\n\nb\n--b--";
        assert_eq!(read(content, Some(LIMITS))[4], "Nested Subject: x");
    }

    #[test]
    fn an_outer_boundary_closes_the_inner_ones() {
        let content = "Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: multipart/mixed; boundary=i\n\n\
                       --i\nX: 1\n\n--o\nX: 2\n\n--i\nX: 3";
        let found = read(content, Some(LIMITS));
        assert!(found.contains(&"Part X: 2".into()) && found.contains(&"X: 3".into()));
    }

    proptest::proptest! {
        #[test]
        fn no_line_is_lost(content in "[-a:;=\"()\\\\ \tb\n]{0,80}", raw: Vec<u8>) {
            let mut structure = Structure::new(Some(LIMITS));
            for content in [content.as_bytes(), &raw] {
                let (mut lines, mut seen) = (0, 0);
                let mut count = |event: Event| match event {
                    Event::Header(_, text) => seen += text.iter().filter(|&&byte| byte == b'\n').count() + 1,
                    Event::Body(_) => seen += 1,
                };
                for line in content.split(|&byte| byte == b'\n') {
                    lines += 1;
                    structure.take(line).into_iter().for_each(&mut count);
                }
                structure.finish().into_iter().for_each(&mut count);
                assert_eq!(lines, seen);
            }
        }
    }
}
