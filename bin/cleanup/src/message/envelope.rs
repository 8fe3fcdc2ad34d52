//! The first segment: what the client says about the message (cleanup-rewrite §11, §12.1).

use address::{Form, Keys};
use bstr::{BString, ByteSlice};
use ipc::bounce::{notify, ret};
use ipc::cleanup::{flag, status};
use ipc::delivery::{flag as trace, utf8};
use queue::message::{parse_arrival_time, parse_wishes};
use queue::{RecordType, TypeSet, attribute};
use text::date::to_seconds;

use super::{Context, Message, Segment};
use crate::classes::Role;

/// How much of a bad attribute goes into the log, in bytes.
const SHOWN: usize = 100;

/// An attribute record taken apart.
pub(super) struct Attribute<'p> {
    pub name: &'p [u8],
    pub value: &'p [u8],
}

impl Message<'_> {
    pub(super) fn take_envelope(&mut self, record_type: RecordType, payload: &[u8]) {
        if record_type == RecordType::FLAGS {
            return self.take_extra_flags(payload);
        }
        if !TypeSet::ENVELOPE.contains(record_type) {
            return self.refuse(format_args!("unexpected record type {} in envelope", record_type.0));
        }
        if TypeSet::ENVELOPE_RECIPIENT.contains(record_type) && !self.in_recipients && !self.start_recipients() {
            return;
        }
        if record_type != RecordType::ATTRIBUTE {
            return self.take_meaning(record_type, payload, record_type, payload);
        }
        let Some(attribute) = self.split_attribute(payload) else { return };
        match attribute::mapped_type(attribute.name) {
            Some(meaning) => self.take_meaning(meaning, attribute.value, record_type, payload),
            None => self.take_attribute(&attribute, payload),
        }
    }

    /// Takes a record by what it means; `stored_type` and `stored` are what goes into the file, if anything does.
    fn take_meaning(&mut self, meaning: RecordType, value: &[u8], stored_type: RecordType, stored: &[u8]) {
        match meaning {
            RecordType::SIZE => self.take_wishes(value),
            RecordType::CREATE_TIME => {}
            RecordType::TIME => self.take_time(value),
            RecordType::FULL_NAME if self.envelope.full_name.is_some() => {}
            RecordType::FULL_NAME => {
                self.envelope.full_name = Some(value.into());
                self.store_in_envelope(stored_type, stored);
            }
            RecordType::SENDER => self.take_sender(value),
            RecordType::DSN_ENVELOPE_ID if value.is_empty() || !value.iter().all(|b| matches!(b, b' '..=b'~')) => {
                self.refuse(format_args!("bad DSN envelope ID record"));
            }
            RecordType::DSN_ENVELOPE_ID => {
                self.envelope.envelope_id = value.into();
                self.store_in_envelope(stored_type, stored);
            }
            RecordType::DSN_RET => match parse_number(value) {
                Some(value) if value == ret::FULL || value == ret::HDRS => {
                    self.envelope.ret = value;
                    self.store_in_envelope(stored_type, stored);
                }
                _ => self.refuse(format_args!("bad DSN RET record <{}>", text::show(stored))),
            },
            RecordType::WARN_TIME if self.envelope.has_warn_time => {}
            RecordType::WARN_TIME => {
                self.envelope.has_warn_time = true;
                self.store_in_envelope(stored_type, stored);
            }
            RecordType::VERP => self.take_verp(value),
            RecordType::MESSAGE => self.end_envelope(),
            _ if self.take_recipient_record(meaning, value, stored) => {}
            _ => self.store_in_envelope(stored_type, stored),
        }
    }

    fn store_in_envelope(&mut self, record_type: RecordType, payload: &[u8]) {
        self.store(record_type, payload, TypeSet::ENVELOPE_RECIPIENT);
    }

    /// Extra flags that the client sets on the way. What is no number is none.
    pub(super) fn take_extra_flags(&mut self, payload: &[u8]) {
        match parse_number(payload).unwrap_or(0) {
            extra if extra & !flag::EXTRA == 0 => self.flags |= extra,
            extra => log::warn!("{}: ignoring bad extra flags: 0x{extra:x}", self.id),
        }
    }

    /// Takes an attribute record apart. `None`: it is of no use, which has been logged.
    pub(super) fn split_attribute<'p>(&mut self, payload: &'p [u8]) -> Option<Attribute<'p>> {
        match text::split_name_value(payload) {
            Err(error) => {
                let shown = text::show(&payload[..payload.len().min(SHOWN)]);
                self.refuse(format_args!("malformed attribute: {error}: {shown}"));
                None
            }
            Ok((name, b"")) => {
                let name = text::show(name);
                log::warn!("{}: spurious null attribute value for \"{name}\" -- ignored", self.id);
                None
            }
            Ok((name, value)) => Some(Attribute { name, value }),
        }
    }

    /// Of the numbers of a message that was in the queue before, those count that its content does not tell.
    fn take_wishes(&mut self, payload: &[u8]) {
        if let Some(wishes) = parse_wishes(payload) {
            self.numbers.smtputf8 = wishes & i64::from(utf8::WISHES);
        }
    }

    /// An attribute that stands for no record type.
    fn take_attribute(&mut self, attribute: &Attribute<'_>, payload: &[u8]) {
        if self.envelope.attributes.len() >= self.site.attribute_count_limit {
            let limit = self.site.attribute_count_limit;
            return self.refuse(format_args!("attribute count exceeds limit {limit}"));
        }
        if attribute.name == attribute::REWRITE_CONTEXT.as_bytes() {
            self.envelope.context = match attribute.value {
                b"local" => Context::Local,
                b"remote" if self.site.headers.rewrite_remote => Context::Remote,
                b"remote" => Context::None,
                other => return self.refuse(format_args!("bad rewriting context: {}", text::show(other))),
            };
        } else if attribute.name == attribute::TRACE_FLAGS.as_bytes() {
            let Some(flags) = parse_number(attribute.value) else {
                return self.refuse(format_args!("bad TFLAG record <{}>", text::show(payload)));
            };
            self.envelope.trace_flags.get_or_insert(flags & trace::TRACE_MASK);
        }
        self.envelope.attributes.insert(attribute.name.into(), attribute.value.into());
        self.store_in_envelope(RecordType::ATTRIBUTE, payload);
    }

    /// The lifetime in the queue begins now, whatever the client says.
    fn take_time(&mut self, payload: &[u8]) {
        if self.envelope.arrival.is_none() {
            let arrival = parse_arrival_time(payload);
            self.envelope.arrival = (to_seconds(arrival) > 0).then_some(arrival);
            self.store_in_envelope(RecordType::TIME, payload);
        }
        let now = to_seconds(self.world.now());
        let attribute = format!("{}={now}", attribute::CREATE_TIME);
        self.store_in_envelope(RecordType::ATTRIBUTE, attribute.as_bytes());
    }

    fn take_sender(&mut self, address: &[u8]) {
        if self.envelope.sender.is_some() {
            return self.refuse(format_args!("multiple envelope sender records"));
        }
        let mut sender = self.complete_locally(address);
        if self.is_mail_system(&sender) {
            sender.clear();
        }
        let sender = self.map_address(sender, Role::EnvelopeSender);
        if self.needs_utf8(&sender) {
            self.note_utf8(utf8::SENDER);
        }
        self.store_in_envelope(RecordType::SENDER, &sender);
        self.pad_for_milters(RecordType::POINTER, sender.len());
        self.envelope.sender = Some(sender.clone());
        if self.flags & flag::BCC_OK != 0 && !sender.is_empty() {
            self.add_bcc_from_table(&self.site.sender_bcc, &sender);
        }
    }

    /// Is this the address with which the mail system speaks, and which is the null address to it?
    fn is_mail_system(&mut self, sender: &[u8]) -> bool {
        const NAME: &[u8] = b"MAILER-DAEMON";
        let is_similar = sender.get(..NAME.len()).is_some_and(|start| start.eq_ignore_ascii_case(NAME));
        is_similar && self.complete_locally(NAME).eq_ignore_ascii_case(sender)
    }

    /// A copy for whom the table names. Lookups do not care for the address extension of the result.
    pub(super) fn add_bcc_from_table(&mut self, maps: &table::Maps, address: &[u8]) {
        match self.site.finder.find(maps, address, Keys::ADDRESS, Form::ExternalThenInternal) {
            Ok(Some(found)) => self.add_bcc(&found.value),
            Ok(None) => {}
            Err(_) => {
                let title = maps.title();
                log::warn!("{}: {title} map lookup problem -- message not accepted, try again later", self.id);
                self.fail(status::WRITE);
            }
        }
    }

    fn take_verp(&mut self, delimiters: &[u8]) {
        if self.envelope.verp.is_some() {
            return;
        }
        if self.envelope.sender.as_ref().is_none_or(|sender| sender.is_empty()) {
            return log::warn!("{}: ignoring VERP request for null sender", self.id);
        }
        let legal = |byte: &u8| self.site.verp_delimiter_filter.contains(byte);
        if delimiters.len() != 2 || !delimiters.iter().all(legal) {
            return log::warn!("{}: ignoring bad VERP request: \"{}\"", self.id, text::show(delimiters));
        }
        self.envelope.verp = Some(delimiters.into());
        self.store_in_envelope(RecordType::VERP, delimiters);
    }

    /// Recipients begin: what must be known before them, must be known now.
    fn start_recipients(&mut self) -> bool {
        let Some(sender) = &self.envelope.sender else {
            self.refuse(format_args!("missing sender envelope record"));
            return false;
        };
        let Some(arrival) = self.envelope.arrival else {
            self.refuse(format_args!("missing time envelope record"));
            return false;
        };
        if !self.envelope.has_warn_time && !sender.is_empty() && !self.site.delay_warning_time.is_zero() {
            let delay = i64::try_from(self.site.delay_warning_time.as_secs()).unwrap_or(i64::MAX);
            let when = to_seconds(arrival).saturating_add(delay);
            self.put(RecordType::WARN_TIME, format!("{when:15}").as_bytes());
        }
        self.in_recipients = true;
        true
    }

    /// Takes what belongs to recipients, in both envelope segments. `payload` is that of the whole record, for messages.
    /// False: it is something else.
    pub(super) fn take_recipient_record(&mut self, meaning: RecordType, value: &[u8], payload: &[u8]) -> bool {
        match meaning {
            RecordType::ORIGINAL_RECIPIENT => {
                let old = self.pending.original.replace(value.into());
                self.warn_out_of_order("original recipient", old, value);
            }
            RecordType::DSN_ORIGINAL_RECIPIENT => {
                let old = self.pending.dsn_original.replace(value.into());
                self.warn_out_of_order("DSN original recipient", old, value);
            }
            RecordType::DSN_NOTIFY => self.take_notify(value, payload),
            RecordType::RECIPIENT => {
                self.take_recipient(value);
                self.pending = super::Pending::default();
            }
            RecordType::DONE | RecordType::CANCELED => self.pending = super::Pending::default(),
            _ => return false,
        }
        true
    }

    fn warn_out_of_order(&self, what: &str, old: Option<BString>, new: &[u8]) {
        if let Some(old) = old {
            let is_new_shown = self.segment == Segment::Extracted && what == "original recipient";
            let shown = if is_new_shown { new.as_bstr() } else { old.as_bstr() };
            log::warn!("{}: ignoring out-of-order {what} record <{}>", self.id, text::show(shown));
        }
    }

    fn take_notify(&mut self, value: &[u8], payload: &[u8]) {
        if self.pending.notify != 0 {
            log::warn!("{}: ignoring out-of-order DSN notify record <{}>", self.id, self.pending.notify);
        }
        match parse_number(value).filter(|&wishes| is_notify(wishes)) {
            Some(wishes) => {
                self.pending.notify = wishes;
                self.numbers.flags |= i64::from(wishes) << 1;
            }
            None => {
                let dsn = if self.segment == Segment::Extracted { "dsn" } else { "DSN" };
                log::warn!("{}: ignoring malformed {dsn} notify record <{}>", self.id, text::show(payload));
            }
        }
    }

    fn end_envelope(&mut self) {
        self.in_recipients = false;
        self.put_place_for_milters();
        self.put(RecordType::MESSAGE, b"");
        self.numbers.data_offset = i64::try_from(self.output.position()).unwrap_or(i64::MAX);
        self.segment = Segment::Content;
    }
}

/// NEVER alone, or any of SUCCESS, FAILURE and DELAY.
fn is_notify(wishes: i32) -> bool {
    let others = notify::SUCCESS | notify::FAILURE | notify::DELAY;
    wishes == notify::NEVER || (wishes != 0 && wishes & !others == 0)
}

/// A number that is digits and nothing else.
pub(super) fn parse_number(text: &[u8]) -> Option<i32> {
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    is_number.then(|| text.to_str().ok()?.parse().ok()).flatten()
}
