//! Content: lines become headers, and what follows them (cleanup-rewrite §13.1, §13.2).
//!
//! All of the content passes through [`Message::take_content`]; a header is whole in `Message::end_header`, and body
//! lines go through `Message::take_body`.

use bstr::BString;
use queue::RecordType;

use super::{Message, Segment};

impl Message<'_> {
    pub(super) fn take_content(&mut self, record_type: RecordType, payload: &[u8]) {
        match record_type {
            RecordType::EXTRACTED => self.end_content(),
            RecordType::TEXT | RecordType::UNTERMINATED => {
                let text = self.without_stray_line_ends(payload);
                let text = text.as_deref().unwrap_or(payload);
                match self.head.has_ended {
                    true => self.take_body(record_type, text),
                    false => self.take_head(record_type, text),
                }
            }
            other => {
                let number = other.0;
                log::warn!(
                    "cleanup_message_headerbody: message rejected: unexpected record type {number} in message content"
                );
                self.fail(ipc::cleanup::status::BAD);
            }
        }
    }

    /// The text with blanks in place of CR and LF, if it has any: they would be line ends to those who read the message
    /// as text.
    fn without_stray_line_ends(&self, text: &[u8]) -> Option<Vec<u8>> {
        let is_stray = |byte: u8| matches!(byte, b'\r' | b'\n');
        if !self.site.replace_stray_cr_lf || memchr::memchr2(b'\r', b'\n', text).is_none() {
            return None;
        }
        Some(text.iter().map(|&byte| if is_stray(byte) { b' ' } else { byte }).collect())
    }

    /// A line of the headers, or a piece of one; or the line that ends them.
    fn take_head(&mut self, record_type: RecordType, text: &[u8]) {
        let is_piece = std::mem::replace(&mut self.head.is_inside_line, record_type == RecordType::UNTERMINATED);
        let limit = self.site.headers.size_limit(self.has_milters());
        let continues = |head: &BString| head.len() < limit;
        match &mut self.head.current {
            Some(header) if is_piece => {
                if continues(header) {
                    header.extend_from_slice(text);
                }
            }
            Some(header) if text::header::is_continuation(text) => {
                if continues(header) {
                    header.push(b'\n');
                    header.extend_from_slice(text);
                }
            }
            _ => match normalized(text) {
                Some(header) => {
                    self.end_header();
                    self.head.current = Some(header);
                }
                None => self.end_head_at(record_type, text),
            },
        }
    }

    /// The headers end before this line. If it is not empty, it is the first line of the body.
    fn end_head_at(&mut self, record_type: RecordType, text: &[u8]) {
        self.end_head();
        if !text.is_empty() {
            self.put_text(RecordType::TEXT, b"");
        }
        self.take_body(record_type, text);
    }

    fn end_header(&mut self) {
        if let Some(header) = self.head.current.take() {
            self.take_header(&header);
        }
    }

    fn end_head(&mut self) {
        self.end_header();
        self.head.has_ended = true;
        if !self.is_off() {
            self.add_missing_headers();
        }
        // Here Milters can append headers, and replace the body.
        self.put_place_for_milters();
    }

    fn take_body(&mut self, record_type: RecordType, text: &[u8]) {
        self.head.is_inside_line = record_type == RecordType::UNTERMINATED;
        self.put_text(record_type, text);
    }

    fn end_content(&mut self) {
        if !self.head.has_ended {
            self.end_head();
        } else if self.head.is_inside_line {
            self.put_text(RecordType::TEXT, b"");
        }
        self.put_place_for_milters();
        self.content_end = self.output.position();
        self.put(RecordType::EXTRACTED, b"");
        self.segment = Segment::Extracted;
    }
}

/// A line that begins a header, without blanks before the colon.
fn normalized(line: &[u8]) -> Option<BString> {
    let (name, value) = text::header::split(line)?;
    Some([name, b":", value].concat().into())
}
