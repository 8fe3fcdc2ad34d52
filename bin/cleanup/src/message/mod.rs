//! From the records of a client to the records of a queue file.
//!
//! A [`Message`] takes one record at a time ([`Message::take`]) and writes what becomes of it. What is wrong with the
//! message shows in [`Message::status`]; some of it ends the work on the message ([`Message::is_off`]).
//!
//! | room | what it does |
//! |---|---|
//! | `envelope` | the first segment: sender, attributes, recipients (§11) |
//! | `recipients` | one recipient: mapping, aliases, copies, duplicates (§12) |
//! | `addresses` | completing, canonical mapping, masquerading (§12.4, §13.5) |
//! | `content` | lines become headers and body (§13.1, §13.2) |
//! | `checks` | tables that say what to do about headers and body lines, and bytes that may not be there (§15) |
//! | `headers` | what each header means, and how it is written (§13.4 to §13.6) |
//! | `missing` | headers that the message should have had (§14) |
//! | `extracted` | the last segment (§17) |

mod addresses;
mod checks;
mod content;
mod envelope;
mod extracted;
mod headers;
mod missing;
mod recipients;
#[cfg(test)]
pub mod tests;

use std::collections::HashMap;
use std::time::SystemTime;

use bstr::BString;
use ipc::cleanup::{flag, status};
use ipc::delivery::utf8;
use ipc::{Stamp, Stats};
use queue::message::SizeRecord;
use queue::record::{filler, pointer_payload};
use queue::{Created, QueueId, RecordType, TypeSet, attribute};
use text::mime::{Structure, Trouble};

use crate::duplicates::Duplicates;
use crate::known::Seen;
use crate::milters::DefaultAction;
use crate::output::{Output, QueueFile, is_too_large};
use crate::site::Site;
use crate::world::World;

/// Problems that a message cannot be returned for.
const NOT_RETURNABLE: i32 = status::BAD | status::WRITE | status::DEFER | status::RCPT;
/// Problems after which even a message that is to be returned needs not be written any further.
const HOPELESS: i32 = status::BAD | status::WRITE | status::SIZE | status::DEFER;

/// Which part of the message the next record belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Segment {
    Envelope,
    Content,
    Extracted,
    Done,
}

/// By which rules addresses in headers are completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Context {
    Local,
    Remote,
    /// Headers are left alone.
    None,
}

impl Context {
    /// The name of the rule; `None`: addresses stay as they are.
    fn rule(self) -> Option<&'static str> {
        match self {
            Context::Local => Some("local"),
            Context::Remote => Some("remote"),
            Context::None => None,
        }
    }
}

/// What the envelope says.
#[derive(Debug)]
struct Envelope {
    arrival: Option<SystemTime>,
    full_name: Option<BString>,
    /// Internal form, after rewriting.
    sender: Option<BString>,
    attributes: HashMap<BString, BString>,
    context: Context,
    trace_flags: Option<i32>,
    envelope_id: BString,
    ret: i32,
    verp: Option<BString>,
    has_warn_time: bool,
}

/// What the next recipient record will need.
#[derive(Debug, Default)]
struct Pending {
    original: Option<BString>,
    dsn_original: Option<BString>,
    notify: i32,
}

/// What is known of the headers so far.
#[derive(Debug, Default)]
struct Head {
    seen: Seen,
    is_resent: bool,
    /// `Received` headers, also those of messages inside.
    hops: usize,
    /// There is a header that asks for TLS all the way.
    requires_tls: bool,
    /// A line that is no header ended the headers, and a header has to say so.
    wants_error_header: bool,
}

/// What was found out about the content.
#[derive(Debug, Default)]
struct Found {
    /// The content filter that the message goes through.
    filter: Option<BString>,
    /// Where the message goes instead of its recipients.
    redirect: Option<BString>,
    /// Who gets copies.
    bcc: Vec<BString>,
    /// What is wrong with the structure, as far as it weighs most.
    trouble: Option<Trouble>,
}

/// A message while its records come in.
pub struct Message<'a> {
    site: &'a Site,
    world: &'a mut dyn World,
    output: Output<'a>,
    id: &'a QueueId,
    created: SystemTime,
    flags: i32,
    status: i32,
    reason: BString,
    segment: Segment,
    has_begun: bool,
    /// In a run of recipient records: others are worth a note to the queue manager.
    in_recipients: bool,
    /// There is an `m` record: Milters can edit the file.
    milters_announced: bool,
    envelope: Envelope,
    pending: Pending,
    /// An `R` record was processed.
    has_recipient: bool,
    duplicates: Duplicates,
    is_traced: bool,
    /// The last recipient, before aliases are expanded.
    last_recipient: Option<BString>,
    /// Reads the content, from its first record on.
    structure: Option<Box<Structure>>,
    head: Head,
    found: Found,
    /// Numbers for the first record; the sizes come last.
    numbers: SizeRecord,
    content_end: u64,
}

/// What became of a message when all of its records were taken.
#[derive(Debug)]
pub struct Finished {
    /// [`status`] bits.
    pub status: i32,
    /// Why, for the client; may be empty.
    pub reason: BString,
    /// [`flag`] bits, with those that were set on the way.
    pub flags: i32,
    /// There is a trace log for it.
    pub is_traced: bool,
    /// When it arrived.
    pub arrival: Option<SystemTime>,
    /// Envelope sender, in internal form.
    pub sender: Option<BString>,
    /// The `encoding` attribute; may be empty.
    pub encoding: BString,
    /// SMTPUTF8 bits.
    pub smtputf8: i32,
    /// DSN envelope ID; may be empty.
    pub envelope_id: BString,
    /// DSN RET value; 0 for none.
    pub ret: i32,
    /// VERP delimiters.
    pub verp: Option<BString>,
}

impl Finished {
    /// Shall it go back to its sender?
    pub fn is_returnable(&self) -> bool {
        self.status != 0 && self.status & NOT_RETURNABLE == 0 && self.sender.is_some() && self.flags & flag::BOUNCE != 0
    }

    /// Shall it be thrown away, with success?
    pub fn is_discarded(&self) -> bool {
        self.flags & flag::DISCARD != 0
    }
}

/// What the client asked for, as the first record says it.
fn wishes(flags: i32) -> i32 {
    let wish = |flag: i32, bit: i32| if flags & flag != 0 { bit } else { 0 };
    wish(flag::SMTPUTF8, utf8::REQUESTED) | wish(flag::REQUIRETLS, utf8::REQUIRETLS)
}

impl<'a> Message<'a> {
    /// Begins a message, which is written to an empty `file`.
    pub fn new(
        site: &'a Site,
        world: &'a mut dyn World,
        file: &'a mut dyn QueueFile,
        created: &'a Created,
        flags: i32,
    ) -> Message<'a> {
        let origin = (attribute::LOG_MESSAGE_ORIGIN.into(), "local".into());
        Message {
            site,
            world,
            output: Output::new(file),
            id: &created.id,
            created: created.time,
            flags,
            status: 0,
            reason: BString::default(),
            segment: Segment::Envelope,
            has_begun: false,
            in_recipients: false,
            milters_announced: false,
            envelope: Envelope {
                arrival: None,
                full_name: None,
                sender: None,
                attributes: HashMap::from([origin]),
                context: Context::Local,
                trace_flags: None,
                envelope_id: BString::default(),
                ret: 0,
                verp: None,
                has_warn_time: false,
            },
            pending: Pending::default(),
            has_recipient: false,
            duplicates: Duplicates::new(site.duplicate_filter_limit),
            is_traced: false,
            last_recipient: None,
            structure: None,
            head: Head::default(),
            found: Found::default(),
            numbers: SizeRecord { smtputf8: wishes(flags).into(), ..SizeRecord::default() },
            content_end: 0,
        }
    }

    /// Is there a reason not to look at further records?
    pub fn is_off(&self) -> bool {
        let fatal = if self.flags & flag::BOUNCE != 0 { HOPELESS } else { !0 };
        self.status & fatal != 0 || self.flags & flag::DISCARD != 0
    }

    /// Takes the next record.
    pub fn take(&mut self, record_type: RecordType, payload: &[u8]) {
        if record_type == RecordType::POINTER || record_type == RecordType::PADDING {
            let number = record_type.0;
            log::warn!("{}: record type {number} not allowed - discarding this message", self.id);
            return self.fail(status::BAD);
        }
        if !std::mem::replace(&mut self.has_begun, true) {
            self.put(RecordType::SIZE, SizeRecord::default().to_string().as_bytes());
        }
        match self.segment {
            Segment::Envelope => self.take_envelope(record_type, payload),
            Segment::Content => self.take_content(record_type, payload),
            Segment::Extracted => self.take_extracted(record_type, payload),
            Segment::Done => self.fail(status::BAD),
        }
    }

    /// Notes a problem.
    pub fn fail(&mut self, bits: i32) {
        self.status |= bits;
    }

    /// Milters that the client has connections to were announced: they can edit the file.
    pub fn announce_milters(&mut self) {
        self.milters_announced = true;
    }

    /// All records were taken that there will be: completes the file, unless there is no use.
    pub fn finish(mut self) -> Finished {
        if !self.is_off() {
            if !self.has_recipient {
                self.fail(status::RCPT);
            }
            if self.segment != Segment::Done {
                self.fail(status::BAD);
            }
        }
        if self.flags & flag::DISCARD != 0 {
            self.status = 0;
        }
        if self.status == 0 && self.flags & flag::DISCARD == 0 && self.wants_own_milters() {
            self.do_without_milters();
        }
        self.complete_file();
        let encoding = self.envelope.attributes.remove(attribute::ENCODING.as_bytes()).unwrap_or_default();
        Finished {
            status: self.status,
            reason: self.reason,
            flags: self.flags,
            is_traced: self.is_traced,
            arrival: self.envelope.arrival,
            sender: self.envelope.sender,
            encoding,
            smtputf8: self.numbers.smtputf8 as i32,
            envelope_id: self.envelope.envelope_id,
            ret: self.envelope.ret,
            verp: self.envelope.verp,
        }
    }

    fn complete_file(&mut self) {
        let result = match self.is_off() {
            // What there is may be needed to return the message.
            true => self.output.flush(),
            false => {
                let size = self.content_end.saturating_sub(self.numbers.data_offset.unsigned_abs());
                self.numbers.size = i64::try_from(size).unwrap_or(i64::MAX);
                self.numbers.content_length = self.numbers.size;
                self.output.complete(&self.numbers)
            }
        };
        self.check(result);
    }

    fn check(&mut self, result: std::io::Result<()>) {
        match result {
            Ok(()) => {}
            Err(error) if is_too_large(&error) => {
                log::warn!("{}: queue file size limit exceeded", self.id);
                self.fail(status::SIZE);
            }
            Err(error) => {
                log::warn!("{}: write queue file: {}", self.id, sys::reason(&error));
                self.fail(status::WRITE);
            }
        }
    }

    /// Writes a record.
    fn put(&mut self, record_type: RecordType, payload: &[u8]) {
        let result = self.output.put(record_type, payload);
        self.check(result);
    }

    fn put_attribute(&mut self, name: &str, value: &[u8]) {
        self.put(RecordType::ATTRIBUTE, &[name.as_bytes(), b"=", value].concat());
    }

    /// Writes content text, cut into records of legal length.
    fn put_text(&mut self, record_type: RecordType, text: &[u8]) {
        let result = self.output.put_text(record_type, text, self.site.line_length_limit);
        self.check(result);
    }

    /// Writes a record as received. In a run of recipients, the queue manager must know of a record of another kind.
    fn store(&mut self, record_type: RecordType, payload: &[u8], recipients: TypeSet) {
        if self.in_recipients && !recipients.contains(record_type) {
            self.numbers.flags |= SizeRecord::MIXED_RECIPIENTS;
        }
        self.put(record_type, payload);
    }

    /// Refuses the message for what the client sent.
    fn refuse(&mut self, why: std::fmt::Arguments<'_>) {
        log::warn!("{}: message rejected: {why}", self.id);
        self.fail(status::BAD);
    }

    /// Can Milters edit the file?
    fn has_milters(&self) -> bool {
        self.milters_announced || self.site.has_milters
    }

    /// Writes a pointer that leads nowhere, for Milters to overwrite (queue-files §4.1).
    fn put_place_for_milters(&mut self) {
        if self.has_milters() {
            self.put(RecordType::POINTER, &pointer_payload(0));
        }
    }

    /// Makes room behind a record for Milters to overwrite it with a pointer (queue-files §4.4).
    fn pad_for_milters(&mut self, filler_type: RecordType, length: usize) {
        if self.has_milters()
            && let Some(padding) = filler(length)
        {
            self.put(filler_type, &padding);
        }
    }

    /// Shall Milters of our own see the message?
    fn wants_own_milters(&self) -> bool {
        self.site.has_milters && !self.milters_announced && self.flags & flag::MILTER != 0
    }

    /// The Milters are treated as unreachable (access-milter-postscreen §7.7).
    fn do_without_milters(&mut self) {
        log::warn!("{}: non_smtpd_milters cannot be reached, using milter_default_action", self.id);
        let (bits, reason) = match self.site.milter_default_action {
            DefaultAction::Accept => return,
            DefaultAction::Quarantine => return self.flags |= flag::HOLD,
            DefaultAction::Reject => (status::CONT, "5.5.0 Service unavailable"),
            DefaultAction::Tempfail => (status::DEFER, "4.7.1 Service unavailable - try again later"),
            DefaultAction::Unknown => (status::DEFER, "4.3.5 Server configuration problem - try again later"),
        };
        self.fail(bits);
        self.reason = reason.into();
    }

    /// The time stamps for reports.
    fn stats(&self) -> Stats {
        Stats { incoming_arrival: self.envelope.arrival.map_or_else(Stamp::default, Stamp::from), ..Stats::default() }
    }

    fn requests_smtputf8(&self) -> bool {
        self.numbers.smtputf8 & i64::from(utf8::REQUESTED) != 0
    }

    /// Notes that something needs SMTPUTF8: some bits, and that it is requested, if the client left that to us.
    fn note_utf8(&mut self, bits: i32) {
        self.numbers.smtputf8 |= i64::from(bits);
        if self.flags & flag::AUTOUTF8 != 0 {
            self.numbers.smtputf8 |= i64::from(utf8::REQUESTED);
        }
    }
}
