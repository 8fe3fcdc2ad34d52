//! From records to a message (qmgr-bounce §2.3 to §2.6).

use std::fs::File;

use bstr::{BStr, BString, ByteSlice};
use ipc::Stamp;
use ipc::bounce::{Recipient, notify, ret};
use ipc::delivery::flag;
use logging::event::QueueActive;
use queue::record::Pointer;
use queue::{Reader, RecordType, TypeSet, attribute};

use super::{MIXED, Message};

/// The file is no message; why has been logged. It goes to `corrupt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalid;

/// Flags of the size record that are known.
const LEGAL_QUEUE_FLAGS: i64 = 0x1f;
/// How much of a bad record a warning shows, in bytes.
const SHOWN: usize = 200;

const EXPECTED: [TypeSet; 2] = [TypeSet::ENVELOPE, TypeSet::EXTRACTED];

/// Reads the next recipients, at most `limit` of them, and on the first pass all that is known about the message. `name` is the file's path in
/// warnings.
pub fn read_batch(
    message: &mut Message,
    file: File,
    name: &str,
    limit: usize,
    verp_filter: &[u8],
) -> Result<Vec<Recipient>, Invalid> {
    assert!(limit > 0, "a batch has room for a recipient");
    let first = message.data_offset == 0;
    let mut pass = Pass {
        reader: Reader::new(file, name, 0),
        message,
        pending: Pending::default(),
        recipients: Vec::new(),
        limit,
        verp_filter,
        only_envelope: false,
        in_extracted: false,
    };
    pass.run()?;
    let recipients = pass.recipients;
    if first {
        message.require_envelope()?;
    }
    message.check_count();
    Ok(recipients)
}

impl Message {
    fn require_envelope(&mut self) -> Result<(), Invalid> {
        let missing = match (&self.arrival, &self.sender, self.data_offset) {
            (None, ..) => "arrival time",
            (_, None, _) => "sender",
            (.., 0) => "size",
            (Some(arrival), ..) => {
                let seconds = arrival.seconds;
                self.create_time.get_or_insert(seconds);
                return Ok(());
            }
        };
        log::warn!("{}: message rejected: missing {missing} record", self.id);
        Err(Invalid)
    }

    fn check_count(&mut self) {
        if self.unread < 0 || (self.next_offset.is_none() && self.unread != 0) {
            log::warn!("{}: rcpt count mismatch ({})", self.id, self.unread);
            self.unread = 0;
        }
    }
}

/// What is said about the next recipient.
#[derive(Default)]
struct Pending {
    original: Option<BString>,
    dsn_original: Option<BString>,
    notify: Option<i32>,
}

struct Pass<'a> {
    reader: Reader<File>,
    message: &'a mut Message,
    pending: Pending,
    recipients: Vec<Recipient>,
    limit: usize,
    verp_filter: &'a [u8],
    /// The batch is full: recipients are passed over.
    only_envelope: bool,
    in_extracted: bool,
}

/// Whether to go on reading.
#[derive(PartialEq, Eq)]
enum Step {
    On,
    Stop,
}

impl Pass<'_> {
    fn run(&mut self) -> Result<(), Invalid> {
        if let Some(offset) = self.message.next_offset.take() {
            self.reader.seek(offset).map_err(|error| self.reject(&sys::reason(&error)))?;
            self.in_extracted = offset > self.content_end();
        }
        while self.step()? == Step::On {}
        self.warn_about_leftovers();
        Ok(())
    }

    fn content_end(&self) -> u64 {
        u64::try_from(self.message.data_offset.saturating_add(self.message.data_size)).unwrap_or(u64::MAX)
    }

    fn step(&mut self) -> Result<Step, Invalid> {
        let at_content = self.message.data_offset > 0
            && u64::try_from(self.message.data_offset).is_ok_and(|offset| offset == self.reader.position());
        if at_content && !self.in_extracted {
            return self.skip_content();
        }
        let Some((record_type, offset, payload)) = self.next_record()? else {
            return Err(self.reject("message rejected: missing end record"));
        };
        if record_type == RecordType::POINTER {
            let pointer = Pointer::parse(&payload);
            if let Err(error) = self.reader.follow(pointer, &payload) {
                log::warn!("{error}");
                return Err(Invalid);
            }
            return Ok(Step::On);
        }
        if !EXPECTED.iter().any(|set| set.contains(record_type)) {
            return Err(self.unexpected(record_type, offset));
        }
        if record_type == RecordType::END {
            self.message.envelope_complete = true;
            return Ok(Step::Stop);
        }
        self.take(record_type, offset, &payload)
    }

    fn next_record(&mut self) -> Result<Option<(RecordType, u64, BString)>, Invalid> {
        match self.reader.next_raw() {
            Ok(Some(record)) => Ok(Some((record.record_type, record.offset, record.payload.into()))),
            Ok(None) => Ok(None),
            Err(error) => {
                log::warn!("{error}");
                Ok(None)
            }
        }
    }

    /// Passes over the content; the extracted segment must follow.
    fn skip_content(&mut self) -> Result<Step, Invalid> {
        let end = self.content_end();
        self.reader.seek(end).map_err(|error| self.reject(&sys::reason(&error)))?;
        self.in_extracted = true;
        match self.next_record()? {
            Some((RecordType::EXTRACTED, ..)) => Ok(Step::On),
            Some((other, offset, _)) => Err(self.unexpected(other, offset)),
            None => Err(self.reject("message rejected: missing end record")),
        }
    }

    fn take(&mut self, record_type: RecordType, offset: u64, payload: &BString) -> Result<Step, Invalid> {
        if record_type == RecordType::ATTRIBUTE
            && let Err(why) = text::split_name_value(payload)
        {
            let shown = text::show(&payload[..payload.len().min(SHOWN)]).to_string();
            return Err(self.reject(&format!("bad attribute record: {why}: {shown}")));
        }
        let (meaning, value) = attribute::resolve(record_type, payload);
        match meaning {
            RecordType::RECIPIENT => return self.take_recipient(offset, value),
            RecordType::DONE | RecordType::CANCELED => {
                if !self.only_envelope {
                    self.message.unread -= 1;
                    self.pending = Pending::default();
                }
            }
            RecordType::ORIGINAL_RECIPIENT | RecordType::DSN_ORIGINAL_RECIPIENT | RecordType::DSN_NOTIFY => {
                if !self.only_envelope {
                    self.take_pending(meaning, value);
                }
            }
            // A refill has seen all this before.
            _ if self.message.envelope_complete => {}
            _ => self.take_envelope(meaning, offset, value)?,
        }
        Ok(Step::On)
    }

    fn take_recipient(&mut self, offset: u64, address: &BStr) -> Result<Step, Invalid> {
        if self.only_envelope {
            return Ok(Step::On);
        }
        self.message.unread -= 1;
        let pending = std::mem::take(&mut self.pending);
        self.recipients.push(Recipient {
            original: pending.original.unwrap_or_default(),
            address: address.into(),
            offset: i64::try_from(offset).unwrap_or(-1),
            dsn_orig_rcpt: pending.dsn_original.unwrap_or_default(),
            notify: pending.notify.unwrap_or(0),
        });
        if self.recipients.len() < self.limit {
            return Ok(Step::On);
        }
        self.message.next_offset = Some(self.reader.position());
        if self.message.envelope_complete {
            return Ok(Step::Stop);
        }
        self.only_envelope = true;
        if self.message.queue_flags & MIXED != 0 {
            return Ok(Step::On);
        }
        if self.in_extracted {
            self.message.envelope_complete = true;
            return Ok(Step::Stop);
        }
        self.skip_content()
    }

    fn take_pending(&mut self, meaning: RecordType, value: &BStr) {
        let id = &self.message.id;
        match meaning {
            RecordType::ORIGINAL_RECIPIENT => {
                if let Some(old) = self.pending.original.replace(value.into()) {
                    log::warn!("{id}: ignoring out-of-order original recipient <{}>", text::show(&old));
                }
            }
            RecordType::DSN_ORIGINAL_RECIPIENT => {
                if let Some(old) = self.pending.dsn_original.replace(value.into()) {
                    let old = text::show(&old);
                    log::warn!("{id}: ignoring out-of-order DSN original recipient address <{old}>");
                }
            }
            _ => match parse_notify(value) {
                Some(flags) => {
                    if let Some(old) = self.pending.notify.replace(flags) {
                        log::warn!("{id}: ignoring out-of-order DSN notify flags <{old}>");
                    }
                }
                None => log::warn!("{id}: ignoring malformed DSN notify flags <{}>", text::show(value)),
            },
        }
    }

    fn warn_about_leftovers(&mut self) {
        let id = &self.message.id;
        let pending = std::mem::take(&mut self.pending);
        if let Some(old) = pending.original {
            log::warn!("{id}: ignoring out-of-order original recipient <{}>", text::show(&old));
        }
        if let Some(old) = pending.dsn_original {
            log::warn!("{id}: ignoring out-of-order DSN original recipient <{}>", text::show(&old));
        }
        if let Some(old) = pending.notify {
            log::warn!("{id}: ignoring out-of-order DSN notify flags <{old}>");
        }
    }

    fn take_envelope(&mut self, meaning: RecordType, offset: u64, value: &BStr) -> Result<(), Invalid> {
        match meaning {
            RecordType::SIZE if self.message.data_offset == 0 => self.take_size(value)?,
            RecordType::TIME => {
                let time: Stamp = queue::message::parse_arrival_time(value).into();
                if !time.is_zero() {
                    self.message.arrival.get_or_insert(time);
                }
            }
            RecordType::CREATE_TIME => {
                let time = value.to_str().ok().and_then(|text| text.trim().parse().ok());
                self.message.create_time = self.message.create_time.or(time);
            }
            RecordType::SENDER if self.message.sender.is_none() => self.take_sender(value),
            RecordType::FILTER => self.message.filter = Some(value.into()),
            RecordType::INSPECTOR => self.message.inspector = true,
            RecordType::REDIRECT => self.message.redirect = Some(value.into()),
            RecordType::DSN_ENVELOPE_ID => self.message.envelope_id = value.into(),
            RecordType::DSN_RET => match value.as_bytes() {
                b"1" => self.message.ret = ret::FULL,
                b"2" => self.message.ret = ret::HDRS,
                _ => log::warn!("ignoring malformed DSN RET flags in queue file record:{}", text::show(value)),
            },
            RecordType::WARN_TIME if self.message.warning.is_none() => self.take_warning(offset, value),
            RecordType::VERP if self.message.verp.is_none() => self.take_verp(value),
            RecordType::ATTRIBUTE => self.take_attribute(offset, value),
            _ => {}
        }
        Ok(())
    }

    fn take_size(&mut self, value: &BStr) -> Result<(), Invalid> {
        let numbers: Vec<i64> = value
            .fields_with(|c| c.is_ascii_whitespace())
            .map_while(|field| field.to_str().ok().and_then(|text| text.parse().ok()))
            .collect();
        let &[size, offset, count, ref rest @ ..] = numbers.as_slice() else {
            return Err(self.reject("message rejected: weird size record"));
        };
        let number = |index: usize, default| rest.get(index).copied().unwrap_or(default);
        let (flags, length, smtputf8) = (number(0, MIXED), number(1, 0), number(2, 0));
        if size <= 0 || offset <= 0 || length < 0 {
            return Err(self.reject(&format!("invalid size record: {}", text::show(value))));
        }
        if flags & !LEGAL_QUEUE_FLAGS != 0 {
            return Err(self.reject(&format!("invalid flags in size record: {}", text::show(value))));
        }
        let message = &mut *self.message;
        (message.data_size, message.data_offset, message.unread, message.queue_flags) = (size, offset, count, flags);
        message.content_length = if length > 0 { length } else { size };
        message.smtputf8 = i32::try_from(smtputf8).unwrap_or(0);
        Ok(())
    }

    fn take_sender(&mut self, value: &BStr) {
        let message = &mut *self.message;
        message.sender = Some(value.into());
        logging::emit(&QueueActive {
            queue_id: message.id.as_str().as_bytes(),
            sender: value,
            size: message.content_length,
            recipients: usize::try_from(message.unread).unwrap_or(0),
        });
    }

    fn take_warning(&mut self, offset: u64, value: &BStr) {
        if let Some(time) = value.to_str().ok().and_then(|text| text.trim().parse().ok()) {
            self.message.warning = Some((offset, time));
        }
    }

    fn take_verp(&mut self, value: &BStr) {
        let id = &self.message.id;
        match <[u8; 2]>::try_from(value.as_bytes()) {
            _ if self.message.sender().is_empty() => log::warn!("{id}: ignoring VERP request for null sender"),
            Ok(delimiters) if delimiters.iter().all(|byte| self.verp_filter.contains(byte)) => {
                self.message.verp = Some(delimiters);
            }
            _ => log::warn!("{id}: ignoring bad VERP request: \"{}\"", text::show(value)),
        }
    }

    fn take_attribute(&mut self, offset: u64, record: &BStr) {
        let Ok((name, value)) = text::split_name_value(record) else { return };
        let message = &mut *self.message;
        let client = &mut message.client;
        let logged = match name.to_str().unwrap_or_default() {
            attribute::LOG_CLIENT_NAME => Some(&mut client.name),
            attribute::LOG_CLIENT_ADDRESS => Some(&mut client.address),
            attribute::LOG_CLIENT_PORT => Some(&mut client.port),
            attribute::LOG_PROTOCOL_NAME => Some(&mut client.protocol),
            attribute::LOG_HELO_NAME => Some(&mut client.helo),
            attribute::ENCODING => Some(&mut message.encoding),
            _ => None,
        };
        if let Some(slot) = logged {
            *slot = value.into();
            message.has_log_client |= name.starts_with(b"log_");
            return;
        }
        let old = match name.to_str().unwrap_or_default() {
            attribute::CLIENT_NAME => Some(&mut client.name),
            attribute::CLIENT_ADDRESS => Some(&mut client.address),
            attribute::CLIENT_PORT => Some(&mut client.port),
            attribute::PROTOCOL_NAME => Some(&mut client.protocol),
            attribute::HELO_NAME => Some(&mut client.helo),
            _ => None,
        };
        if let Some(slot) = old {
            if !message.has_log_client && slot.is_empty() {
                *slot = value.into();
            }
            return;
        }
        self.take_single_attribute(offset, name, value);
    }

    /// Attributes of which the first counts.
    fn take_single_attribute(&mut self, offset: u64, name: &[u8], value: &[u8]) {
        let message = &mut *self.message;
        if name == attribute::TRACE_FLAGS.as_bytes() {
            let flags = value.to_str().ok().and_then(|text| text.parse().ok()).unwrap_or(0) & flag::TRACE_MASK;
            if message.trace_flags == 0 {
                message.trace_flags = flags;
                message.trace_offset = (flags == flag::RECORD).then_some(offset);
            }
            return;
        }
        if name == attribute::REWRITE_CONTEXT.as_bytes() {
            if message.rewrite_context.is_none() {
                message.rewrite_context = Some(value.into());
            } else {
                warn_multiple(message, name, value);
            }
            return;
        }
        let slot = match name.to_str().unwrap_or_default() {
            attribute::SASL_METHOD => &mut message.client.sasl_method,
            attribute::SASL_USERNAME => &mut message.client.sasl_username,
            attribute::SASL_SENDER => &mut message.client.sasl_sender,
            attribute::LOG_IDENT => &mut message.client.ident,
            _ => return,
        };
        if slot.is_empty() {
            *slot = value.into();
        } else {
            warn_multiple(message, name, value);
        }
    }

    fn unexpected(&self, record_type: RecordType, offset: u64) -> Invalid {
        let shown = text::show(&[record_type.0]).to_string();
        log::warn!("Unexpected record type '{shown}' at offset {offset}");
        Invalid
    }

    fn reject(&self, why: &str) -> Invalid {
        log::warn!("{}: {why}", self.message.id);
        Invalid
    }
}

fn warn_multiple(message: &Message, name: &[u8], value: &[u8]) {
    let (name, value) = (text::show(name), text::show(value));
    log::warn!("{}: ignoring multiple {name} attribute: {value}", message.id);
}

/// Either exactly NEVER, or some of the others.
fn parse_notify(value: &[u8]) -> Option<i32> {
    let flags: i32 = value.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()?;
    let others = notify::SUCCESS | notify::FAILURE | notify::DELAY;
    (flags == notify::NEVER || (flags > 0 && flags & !others == 0)).then_some(flags)
}
