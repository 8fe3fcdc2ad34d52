//! Content: lines become headers and body (cleanup-rewrite §13.1, §13.2, §16).
//!
//! All of the content passes through [`Message::take_content`]. What a line is, `text::mime` finds out, and tells the message,
//! which is its [`Sink`].

use ipc::cleanup::{flag, status};
use logging::event::MimeError;
use queue::RecordType;
use text::mime::{Block, End, HeadersEnd, Options, Reports, Sink, Structure, Trouble};

use super::checks::Verdict;
use super::{Message, Segment};
use crate::site::HeadersEndAction;

impl Message<'_> {
    pub(super) fn take_content(&mut self, record_type: RecordType, payload: &[u8]) {
        match record_type {
            RecordType::EXTRACTED => self.end_content(),
            RecordType::TEXT => self.take_text(payload, End::Line),
            RecordType::UNTERMINATED => self.take_text(payload, End::Piece),
            other => {
                let number = other.0;
                log::warn!(
                    "cleanup_message_headerbody: message rejected: unexpected record type {number} in message content"
                );
                self.fail(status::BAD);
            }
        }
    }

    fn take_text(&mut self, payload: &[u8], end: End) {
        if let Some(text) = self.clean_characters(payload) {
            self.with_structure(|structure, message| structure.take(&text, end, message));
        }
    }

    /// The reader of the structure tells the message what it sees, so it is taken out while it works.
    fn with_structure(&mut self, work: impl FnOnce(&mut Structure, &mut Self)) {
        let mut structure = match self.structure.take() {
            Some(structure) => structure,
            None => Box::new(Structure::new(self.mime_options())),
        };
        work(&mut structure, self);
        self.structure = Some(structure);
    }

    fn mime_options(&self) -> Options {
        let site = self.site;
        let is_filtered = self.flags & flag::FILTER != 0;
        Options {
            mime: site.mime.limits,
            header_size_limit: site.headers.size_limit(self.has_milters()),
            reports: if is_filtered { site.mime.reports } else { Reports::default() },
            downgrade: site.mime.downgrade,
        }
    }

    fn end_content(&mut self) {
        self.with_structure(|structure, message| {
            let is_inside_body_line = structure.is_inside_line() && !structure.is_in_primary_headers();
            structure.finish(message);
            if is_inside_body_line {
                message.put_text(RecordType::TEXT, b"");
            }
        });
        self.put_place_for_milters();
        if let Some(trouble) = self.found.trouble
            && self.reason.is_empty()
        {
            self.fail(status::CONT);
            self.reason = format!("{} {}", trouble.dsn(), trouble.text()).into();
        }
        self.content_end = self.output.position();
        self.put(RecordType::EXTRACTED, b"");
        self.segment = Segment::Extracted;
    }
}

impl Sink for Message<'_> {
    fn header(&mut self, block: Block, text: &[u8]) {
        self.take_header(block, text);
    }

    fn headers_end(&mut self, block: Block, _: HeadersEnd) {
        if block != Block::Primary {
            return;
        }
        if !self.is_off() {
            self.add_missing_headers();
        }
        // Here Milters can append headers, and replace the body.
        self.put_place_for_milters();
    }

    fn body(&mut self, text: &[u8], end: End, offset: u64) {
        let record_type = if end == End::Line { RecordType::TEXT } else { RecordType::UNTERMINATED };
        match self.check_body(text, offset) {
            Verdict::Keep => self.put_text(record_type, text),
            Verdict::Replace(text) => self.put_text(record_type, &text),
            Verdict::Drop => {}
        }
    }

    fn trouble(&mut self, trouble: Trouble, text: &[u8]) {
        let event = MimeError { queue_id: self.id.as_ref(), error: trouble.text(), content: text, route: self.route() };
        logging::emit(&event);
        if trouble == Trouble::HeadersEnd && self.site.mime.headers_end != HeadersEndAction::Reject {
            self.head.wants_error_header = true;
            return;
        }
        self.found.trouble = self.found.trouble.into_iter().chain([trouble]).min();
    }
}
