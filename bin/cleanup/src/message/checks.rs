//! Checks of content: tables that say what to do about headers and body lines, and bytes that may not be there
//! (cleanup-rewrite §15).

use std::borrow::Cow;

use bstr::{BString, ByteSlice};
use ipc::cleanup::{flag, status};
use logging::event::{ContentAction, Route};
use queue::{RecordType, attribute};
use table::Maps;
use text::checks::{Action, Subject, parse};
use text::dsn::split_status;
use text::mime::Block;

use super::Message;

/// What becomes of a header or line.
pub(super) enum Verdict {
    Keep,
    Drop,
    /// This stands in its place.
    Replace(BString),
}

const UNKNOWN: &[u8] = b"unknown";

impl Message<'_> {
    /// Looks a header up; what its tables want is done.
    pub(super) fn check_header(&mut self, block: Block, is_mime: bool, text: &[u8]) -> Verdict {
        let checks = &self.site.checks;
        let maps = match block {
            _ if is_mime => &checks.mime_header,
            Block::Primary => &checks.header,
            Block::Part => &checks.mime_header,
            Block::Nested => &checks.nested_header,
        };
        self.look_up(maps, Subject::Header, text)
    }

    /// Looks a line of a body up, or a piece of one; what its tables want is done.
    pub(super) fn check_body(&mut self, text: &[u8], offset: u64) -> Verdict {
        let checks = &self.site.checks;
        let is_within = checks.body_size_limit == 0 || offset < checks.body_size_limit;
        if text.is_empty() || !is_within {
            return Verdict::Keep;
        }
        self.look_up(&checks.body, Subject::Body, text)
    }

    fn look_up(&mut self, maps: &Maps, subject: Subject, text: &[u8]) -> Verdict {
        if maps.is_empty() || self.flags & flag::FILTER == 0 {
            return Verdict::Keep;
        }
        // Tables see text up to the first NUL.
        let key = text.find_byte(0).map_or(text, |end| &text[..end]);
        let result = match maps.find(key) {
            Ok(Some(result)) => result,
            Ok(None) => return Verdict::Keep,
            Err(_) => {
                self.warn_later(&format!("{} map lookup problem", maps.title()));
                self.fail(status::WRITE);
                return Verdict::Keep;
            }
        };
        match parse(maps.title(), subject, &result) {
            Ok(action) => self.act(action, subject, key),
            Err(warning) => {
                log::warn!("{warning}");
                Verdict::Keep
            }
        }
    }

    fn act(&mut self, action: Action<'_>, subject: Subject, key: &[u8]) -> Verdict {
        let context = if subject == Subject::Header { "header" } else { "body" };
        let text = match action {
            Action::Reject(text) => return self.reject(context, key, text),
            // Only the first one counts, and only while there is something to hold.
            Action::Hold(_) if self.flags & (flag::HOLD | flag::DISCARD) != 0 => return Verdict::Keep,
            Action::Ignore => return Verdict::Drop,
            Action::Dunno => return Verdict::Keep,
            Action::Warn(text)
            | Action::Info(text)
            | Action::Filter(text)
            | Action::Pass(text)
            | Action::Discard(text)
            | Action::Hold(text)
            | Action::Prepend(text)
            | Action::Replace(text)
            | Action::Redirect(text)
            | Action::Bcc(text)
            | Action::Strip(text) => text,
        };
        if let Some(word) = action.log_word() {
            self.log_action(word, context, key, text);
        }
        match action {
            Action::Filter(_) => self.found.filter = Some(text.into()),
            Action::Redirect(_) => {
                self.found.redirect = Some(text.into());
                self.look_no_further();
            }
            Action::Bcc(_) => self.found.bcc.push(text.into()),
            Action::Pass(_) => self.look_no_further(),
            Action::Discard(_) => {
                self.flags |= flag::DISCARD;
                self.look_no_further();
            }
            Action::Hold(_) => self.flags |= flag::HOLD,
            Action::Prepend(_) if subject == Subject::Header => self.write_header(text),
            Action::Prepend(_) => self.put_text(RecordType::TEXT, text),
            Action::Replace(_) => return Verdict::Replace(text.into()),
            Action::Strip(_) => return Verdict::Drop,
            _ => {}
        }
        Verdict::Keep
    }

    fn look_no_further(&mut self) {
        self.flags &= !(flag::FILTER | flag::MILTER);
    }

    /// Refuses the message; the line stays, for the sender to see.
    fn reject(&mut self, context: &str, key: &[u8], text: &[u8]) -> Verdict {
        let (dsn, rest) = match split_status(text) {
            Some((dsn, rest)) => (BString::from(dsn), rest),
            None => ("5.7.1".into(), text),
        };
        let rest = if rest.is_empty() { b"message content rejected" } else { rest };
        let dsn = self.failure_status(dsn, text);
        self.fail(if dsn.starts_with(b"4") { status::DEFER } else { status::CONT });
        self.reason = [dsn.as_slice(), b" ", rest].concat().into();
        self.look_no_further();
        let reason = self.reason.clone();
        self.log_action("reject", context, key, &reason);
        Verdict::Keep
    }

    /// A success is no reason to refuse anything.
    fn failure_status(&self, mut dsn: BString, text: &[u8]) -> BString {
        if dsn.starts_with(b"2") {
            log::warn!("bad DSN action in {} -- need 4.x.x or 5.x.x", text::show(text));
            dsn[0] = b'4';
        }
        dsn
    }

    fn log_action(&self, action: &str, context: &str, content: &[u8], text: &[u8]) {
        let queue_id = self.id.as_ref();
        logging::emit(&ContentAction { queue_id, action, context, content, route: self.route(), text });
    }

    /// Whose message this is, for the log.
    pub(super) fn route(&self) -> Route<'_> {
        let attribute = |name: &str| self.envelope.attributes.get(name.as_bytes()).map(|value| value.as_slice());
        Route {
            origin: attribute(attribute::LOG_MESSAGE_ORIGIN).unwrap_or(UNKNOWN),
            sender: self.envelope.sender.as_ref().map(|sender| sender.as_slice()),
            recipient: self.last_recipient.as_ref().map(|recipient| recipient.as_slice()),
            protocol: attribute(attribute::LOG_PROTOCOL_NAME),
            helo: attribute(attribute::LOG_HELO_NAME),
        }
    }

    /// A record of content without the bytes that shall not be there (§15.4); `None`: the record is refused.
    pub(super) fn clean_characters<'t>(&mut self, text: &'t [u8]) -> Option<Cow<'t, [u8]>> {
        let characters = &self.site.characters;
        let mut text = Cow::Borrowed(text);
        // They would be line ends to those who read the message as text.
        if characters.replace_stray_cr_lf && memchr::memchr2(b'\r', b'\n', &text).is_some() {
            let is_stray = |byte: u8| matches!(byte, b'\r' | b'\n');
            text = text.iter().map(|&byte| if is_stray(byte) { b' ' } else { byte }).collect();
        }
        if self.flags & flag::FILTER == 0 {
            return Some(text);
        }
        if text.find_byteset(&characters.reject).is_some() {
            let key = text.find_byte(0).map_or(&text[..], |end| &text[..end]);
            self.reject("content", key, b"disallowed character");
            return None;
        }
        if text.find_byteset(&characters.strip).is_some() {
            text = text.iter().copied().filter(|byte| !characters.strip.contains(byte)).collect();
        }
        Some(text)
    }
}
