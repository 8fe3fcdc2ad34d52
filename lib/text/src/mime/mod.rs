//! The structure of a message: which lines are headers of what, and which are body (cleanup-rewrite §13.1, §13.2, §16).
//!
//! [`Structure`] takes content line by line, or a long line in pieces, and tells a [`Sink`] what it is. It holds one header
//! and the open boundaries, and nothing else of the message.
//!
//! | room | what is in it |
//! |---|---|
//! | `kind` | what headers say about a body: type, encoding, domain |
//! | `words` | the words of structured header values |
//! | `trouble` | what can be wrong with the structure |
//! | `quoted_printable` | text with 8-bit characters as 7-bit text |

mod kind;
mod quoted_printable;
#[cfg(test)]
mod tests;
mod trouble;
mod words;

use bstr::BString;

pub use quoted_printable::QuotedPrintable;
pub use trouble::{Reports, Trouble};

use crate::header::{is_continuation, split};
use kind::{Body, Domain, Encoding, Kind};

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

/// Does a line go on behind this piece?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Here the line ends.
    Line,
    /// More of the line follows.
    Piece,
}

/// What ends a block of headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadersEnd {
    /// An empty line, which follows as body.
    EmptyLine,
    /// A line that is no header, and belongs to the body. Behind the message's own headers, an empty line comes first.
    Text,
    /// The content ends.
    Content,
}

/// Bounds of what is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a boundary that are compared (`mime_boundary_length_limit`).
    pub boundary_length: usize,
    /// How deep parts may be nested (`mime_nesting_limit`); the format allows two more open boundaries.
    pub nesting: usize,
}

/// How content is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// With limits, attachments and messages inside are looked at; without, all is body that follows the first headers.
    pub mime: Option<Limits>,
    /// A header grows while it is shorter than this, in bytes; then the rest is left out.
    pub header_size_limit: usize,
    /// What is reported as [`Trouble`].
    pub reports: Reports,
    /// Turn 8-bit text into quoted-printable (§16.5).
    pub downgrade: bool,
}

impl Options {
    /// Headers of any length; nothing is reported or changed.
    pub fn plain(mime: Option<Limits>) -> Self {
        Options { mime, header_size_limit: usize::MAX, reports: Reports::default(), downgrade: false }
    }
}

/// What wants to know the structure.
pub trait Sink {
    /// A header with the lines that continue it, joined by newlines; no blanks stand before its colon. It ends before the
    /// first NUL that it has.
    fn header(&mut self, block: Block, text: &[u8]);

    /// A block of headers has ended.
    fn headers_end(&mut self, block: Block, end: HeadersEnd);

    /// A line of a body, a boundary, or the empty line behind headers. `offset` is how many bytes there were in this
    /// segment of the body before it, a line counting one more than its length.
    fn body(&mut self, text: &[u8], end: End, offset: u64);

    /// Something is wrong that was to be reported; once for each kind of trouble.
    fn trouble(&mut self, trouble: Trouble, text: &[u8]);
}

/// Reads content.
#[derive(Clone, Debug)]
pub struct Structure {
    options: Options,
    state: State,
    /// The last record was a piece of a line.
    is_inside_line: bool,
    /// A header that may continue.
    pending: Option<BString>,
    /// What the headers of this block say that its body is; in a body, what it is.
    body: Body,
    /// Open boundaries, the innermost last, each with what its parts are by default.
    boundaries: Vec<(BString, Kind)>,
    /// Bytes of this segment of the body.
    offset: u64,
    converter: Option<QuotedPrintable>,
    reported: Reports,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Headers(Block),
    Body,
}

impl Structure {
    /// At the start of a message.
    pub fn new(options: Options) -> Self {
        Structure {
            options,
            state: State::Headers(Block::Primary),
            is_inside_line: false,
            pending: None,
            body: Body::default(),
            boundaries: Vec::new(),
            offset: 0,
            converter: None,
            reported: Reports::default(),
        }
    }

    /// Has the content stopped in the middle of a line?
    pub fn is_inside_line(&self) -> bool {
        self.is_inside_line
    }

    /// Are these still the headers of the message itself?
    pub fn is_in_primary_headers(&self) -> bool {
        self.state == State::Headers(Block::Primary)
    }

    /// Takes a line without its newline, or a piece of one.
    pub fn take(&mut self, text: &[u8], end: End, sink: &mut impl Sink) {
        let continues = std::mem::replace(&mut self.is_inside_line, end == End::Piece);
        let State::Headers(block) = self.state else { return self.take_body(text, end, continues, sink) };
        if self.continue_header(text, continues) {
            return;
        }
        self.end_header(block, sink);
        match split(text) {
            Some((name, value)) => self.pending = Some([name, b":", value].concat().into()),
            None => {
                let ended_by = if text.is_empty() { HeadersEnd::EmptyLine } else { HeadersEnd::Text };
                if ended_by == HeadersEnd::Text && block == Block::Primary && self.options.reports.headers_end {
                    self.report(Trouble::HeadersEnd, text, sink);
                }
                self.end_headers(block, ended_by, sink);
                self.take_body(text, end, continues, sink);
            }
        }
    }

    /// The content ends.
    pub fn finish(&mut self, sink: &mut impl Sink) {
        if let State::Headers(block) = self.state {
            self.end_header(block, sink);
            self.end_headers(block, HeadersEnd::Content, sink);
        }
        self.end_conversion(sink);
    }

    /// Does the text belong to the header before it?
    fn continue_header(&mut self, text: &[u8], is_piece: bool) -> bool {
        let Some(header) = &mut self.pending else { return false };
        if !is_piece && !is_continuation(text) {
            return false;
        }
        if header.len() < self.options.header_size_limit {
            if !is_piece {
                header.push(b'\n');
            }
            header.extend_from_slice(text);
        }
        true
    }

    /// A header is complete.
    fn end_header(&mut self, block: Block, sink: &mut impl Sink) {
        let Some(mut header) = self.pending.take() else { return };
        if let Some(end) = memchr::memchr(0, &header) {
            header.truncate(end);
        }
        if self.options.reports.eight_bit_header && !header.is_ascii() {
            self.report(Trouble::EightBitHeader, &header, sink);
        }
        if let Some((name, value)) = split(&header) {
            if self.options.mime.is_some() && name.eq_ignore_ascii_case(b"Content-Type") {
                self.content_type(value, &header, sink);
            } else if self.options.mime.is_some() && name.eq_ignore_ascii_case(b"Content-Transfer-Encoding") {
                self.body.set_encoding(value);
                if self.options.downgrade && self.body.domain != Domain::SevenBit {
                    return;
                }
            }
        }
        sink.header(block, &header);
    }

    fn content_type(&mut self, value: &[u8], header: &[u8], sink: &mut impl Sink) {
        let Some(limits) = self.options.mime else { return };
        let opened = self.body.set_type(value);
        for (boundary, of_parts) in opened {
            if self.boundaries.len() < limits.nesting.saturating_add(2) {
                let boundary = &boundary[..boundary.len().min(limits.boundary_length)];
                self.boundaries.push((boundary.into(), of_parts));
            } else if self.options.reports.nesting {
                self.report(Trouble::Nesting, header, sink);
            }
        }
    }

    /// A block of headers has ended.
    fn end_headers(&mut self, block: Block, ended_by: HeadersEnd, sink: &mut impl Sink) {
        let converts = self.options.downgrade && self.body.domain != Domain::SevenBit;
        if converts {
            let header = format!("Content-Transfer-Encoding: {}", self.body.converted_encoding());
            sink.header(block, header.as_bytes());
        }
        sink.headers_end(block, ended_by);
        if self.options.reports.domain && !self.body.has_legal_domain() {
            self.report(Trouble::Domain, self.body.encoding.name().as_bytes(), sink);
        }
        self.offset = 0;
        let body = std::mem::take(&mut self.body);
        let is_empty_line = ended_by == HeadersEnd::EmptyLine;
        if is_empty_line && self.options.mime.is_some() && body.is_message(self.options.downgrade) {
            self.state = State::Headers(Block::Nested);
            // The empty line belongs to the block that it ends.
            return sink.body(b"", End::Line, 0);
        }
        self.state = State::Body;
        self.converter = (converts && body.is_text_in_itself()).then(QuotedPrintable::default);
        self.body = if body.kind == Kind::Multipart && is_empty_line { Body::of_kind(Kind::Other) } else { body };
        if ended_by == HeadersEnd::Text && block == Block::Primary {
            // This one is not the sender's, and does not count.
            sink.body(b"", End::Line, 0);
        }
    }

    fn take_body(&mut self, text: &[u8], end: End, continues: bool, sink: &mut impl Sink) {
        if matches!(self.state, State::Headers(_)) {
            return;
        }
        if !continues && text.len() > 2 && text.starts_with(b"--") && self.is_boundary(text) {
            self.end_conversion(sink);
            if self.state == State::Body {
                self.offset = 0;
            }
            return self.put(text, end, sink);
        }
        if self.options.reports.eight_bit_body && self.body.encoding == Encoding::SevenBit && !text.is_ascii() {
            self.report(Trouble::EightBitBody, text, sink);
        }
        match self.converter.take() {
            None => self.put(text, end, sink),
            Some(mut converter) => {
                converter.take(text, end, |line| self.put(line, End::Line, sink));
                self.converter = Some(converter);
            }
        }
    }

    fn end_conversion(&mut self, sink: &mut impl Sink) {
        if let Some(mut converter) = self.converter.take() {
            converter.finish(|line| self.put(line, End::Line, sink));
        }
    }

    fn put(&mut self, text: &[u8], end: End, sink: &mut impl Sink) {
        sink.body(text, end, self.offset);
        self.offset += text.len() as u64 + 1;
    }

    /// A boundary line of a part that is open, the innermost first, begins or ends a part.
    fn is_boundary(&mut self, line: &[u8]) -> bool {
        let text = &line[2..];
        let Some(at) = self.boundaries.iter().rposition(|(boundary, _)| text.starts_with(boundary)) else {
            return false;
        };
        let (boundary, of_parts) = &self.boundaries[at];
        if text[boundary.len()..].starts_with(b"--") {
            self.boundaries.truncate(at);
            self.body = Body::of_kind(Kind::Other);
        } else {
            self.body = Body::of_kind(*of_parts);
            self.boundaries.truncate(at + 1);
            self.state = State::Headers(Block::Part);
        }
        true
    }

    fn report(&mut self, trouble: Trouble, text: &[u8], sink: &mut impl Sink) {
        if self.reported.add(trouble) {
            sink.trouble(trouble, text);
        }
    }
}
