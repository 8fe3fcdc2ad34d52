//! What each header means, and how it is written (cleanup-rewrite §13.4 to §13.6).

use bstr::{BString, ByteSlice};
use ipc::cleanup::status;
use ipc::delivery::utf8;
use logging::event::MessageId;
use queue::{RecordType, attribute};
use text::address::{Address, Token, fold_header, parse_list, quote, scan, unquote};
use text::header::split;
use text::mime::Block;
use text::space::{trim_end, trim_start};

use super::Message;
use super::addresses::reachable;
use super::checks::Verdict;
use crate::classes::Role;
use crate::known::{Header, Party};

/// How much of a text goes into the log, in bytes.
const SHOWN: usize = 100;

impl Message<'_> {
    /// A header is complete: `name:value`, its lines separated by LF.
    pub(super) fn take_header(&mut self, block: Block, text: &[u8]) {
        let Some((name, _)) = split(text) else { return };
        let known = Header::find(name).map(|(header, _)| header);
        if known == Some(Header::Received) {
            self.head.hops += 1;
        }
        match self.check_header(block, known.is_some_and(Header::is_mime), text) {
            Verdict::Keep => self.process_header(block, text),
            Verdict::Drop => {}
            Verdict::Replace(text) => self.process_header(block, &text),
        }
    }

    fn process_header(&mut self, block: Block, text: &[u8]) {
        let Some((name, value)) = split(text) else { return };
        let known = Header::find(name);
        if let Some((Header::ContentTransferEncoding, _)) = known {
            self.note_encoding(trim_start(value));
        }
        if block != Block::Primary {
            return self.write_header(text);
        }
        if let Some((header, _)) = known {
            self.note_header(header, trim_start(value));
        }
        // A table that fails is a reason not to accept the message, even where the header does not stay.
        let rewritten = match known {
            Some((_, Some(party))) if !self.is_off() => self.rewritten(name, value, party),
            _ => None,
        };
        if !self.site.headers.dropped.contains(name) {
            self.write_header(rewritten.as_deref().map_or(text, |text| text.as_slice()));
        }
    }

    fn note_encoding(&mut self, encoding: &[u8]) {
        let is_8bit = encoding.eq_ignore_ascii_case(b"8bit") || encoding.eq_ignore_ascii_case(b"binary");
        if is_8bit && self.site.headers.detect_8bit_encoding {
            self.envelope.attributes.insert(attribute::ENCODING.into(), "8bit".into());
        }
    }

    /// Remembers what a header says about the message.
    fn note_header(&mut self, header: Header, value: &[u8]) {
        self.head.seen.add(header);
        match header {
            Header::MessageId => self.log_message_id(value, false),
            Header::ResentMessageId => self.log_message_id(value, true),
            Header::Received if self.head.hops >= self.site.headers.hopcount_limit => {
                log::warn!("{}: message rejected: hopcount exceeded", self.id);
                self.fail(status::HOPS);
            }
            Header::TlsRequired => self.note_tls_required(value),
            Header::RequireTlsEsmtp => self.note_requiretls(value),
            _ => {}
        }
        if header.marks_resent() && !self.is_off() {
            self.head.is_resent = true;
        }
    }

    /// RFC 8689 §5.
    fn note_tls_required(&mut self, value: &[u8]) {
        match trim_end(value).eq_ignore_ascii_case(b"no") {
            _ if !self.site.headers.tls_required => {}
            true => self.numbers.smtputf8 |= i64::from(utf8::TLS_NOT_REQUIRED),
            false => warn_malformed("TLS-Required", value),
        }
    }

    /// What a server without REQUIRETLS was told by its client, for the servers behind it.
    fn note_requiretls(&mut self, value: &[u8]) {
        match trim_end(value).eq_ignore_ascii_case(b"yes") {
            _ if !self.understands_requiretls() => {}
            true => {
                self.head.requires_tls = true;
                self.numbers.smtputf8 |= i64::from(utf8::REQUIRETLS);
            }
            false => warn_malformed("Require-TLS-ESMTP", value),
        }
    }

    pub(super) fn understands_requiretls(&self) -> bool {
        self.site.headers.requiretls && self.site.headers.requiretls_header
    }

    pub(super) fn log_message_id(&self, message_id: &[u8], resent: bool) {
        logging::emit(&MessageId { queue_id: self.id.as_ref(), message_id, resent });
    }

    /// The header with its addresses completed and mapped; `None` when that changes nothing.
    fn rewritten(&mut self, name: &[u8], value: &[u8], party: Party) -> Option<BString> {
        let rule = self.envelope.context.rule()?;
        let mut tokens = parse_list(scan(value, Some(self.site.headers.token_limit)));
        let mut has_changed = false;
        for token in &mut tokens {
            if let Token::Address(address) = token {
                let (new, is_changed) = self.rewritten_address(address, rule, party.role());
                *address = new;
                has_changed |= is_changed;
            }
        }
        if !has_changed {
            return None;
        }
        let header = fold_header(name, &tokens);
        for stripped in &header.stripped {
            let shown = text::show(&stripped[..stripped.len().min(SHOWN)]);
            log::warn!("stripping too many comments from address: {shown}...");
        }
        Some(header.text)
    }

    /// The address as it is to be written, if the header is written anew; and whether that is a reason to do so.
    fn rewritten_address(&mut self, address: &Address, rule: &str, role: Role) -> (Address, bool) {
        let given = address.unresolved();
        let completed = reachable(self.world.rewriter().rewrite(rule, &given));
        let single = Address::single(&completed);
        let internal = unquote(&single.unresolved());
        let mapped = self.map_address(internal.clone(), role);
        if mapped != internal {
            return (Address::single(&quote(&mapped)), true);
        }
        (single, completed != given)
    }

    /// Writes a header, its lines separated by LF: one record for each line, with white space in front of all but the
    /// first, and not more than the limit in all.
    pub(super) fn write_header(&mut self, text: &[u8]) {
        if self.site.smtputf8_enable && !text.is_ascii() {
            self.note_utf8(utf8::HEADER);
        }
        let limit = self.site.headers.size_limit(self.has_milters());
        let mut start = 0;
        for line in text.split_str("\n") {
            let end = start + line.len();
            let fits = end <= limit;
            if !fits && start * 10 > limit * 9 {
                return;
            }
            let line = &line[..line.len().min(limit.saturating_sub(start))];
            if start == 0 {
                self.put_text(RecordType::TEXT, line);
                self.pad_for_milters(RecordType::PADDING, line.len());
            } else if text::header::is_continuation(line) {
                self.put_text(RecordType::TEXT, line);
            } else {
                self.put_text(RecordType::TEXT, &[b"\t", line].concat());
            }
            if !fits {
                return;
            }
            start = end + 1;
        }
    }
}

fn warn_malformed(name: &str, value: &[u8]) {
    let header = [name.as_bytes(), b": ", value].concat();
    log::warn!("ignoring malformed header: '{}'", text::show(&header[..header.len().min(SHOWN)]));
}
