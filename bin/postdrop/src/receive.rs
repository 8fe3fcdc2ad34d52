//! Receiving the records of a message (queue-files §10.2).

use std::fs::File;
use std::io;

use bstr::{BString, ByteSlice};
use config::{Config, params};
use ipc::cleanup::{Reply, status};
use queue::record::{ReadError, Writer};
use queue::{Reader, Record, RecordType, TypeSet};

use crate::attributes::{Fate, judge};
use crate::permission::Submitter;
use crate::write_status;

/// How the input ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// The client went away: there is no message.
    Canceled,
    /// There is a whole message, which is not accepted.
    Refused(Reply),
    /// There is a whole message, written as far as can be told.
    Complete,
}

/// What stands where, and which record ends it.
const SEGMENTS: [(TypeSet, RecordType); 3] = [
    (TypeSet::POSTDROP_ENVELOPE, RecordType::MESSAGE),
    (TypeSet::POSTDROP_CONTENT, RecordType::EXTRACTED),
    (TypeSet::POSTDROP_EXTRACTED, RecordType::END),
];

/// Takes records from standard input.
pub struct Receiver<'a> {
    submitter: &'a Submitter,
    input: Reader<File>,
    output: &'a mut Writer<File>,
    reply: Reply,
    has_sender: bool,
    has_recipient: bool,
}

impl<'a> Receiver<'a> {
    /// `error` is what has gone wrong with the output already.
    pub fn new(
        config: &Config,
        submitter: &'a Submitter,
        output: &'a mut Writer<File>,
        error: Option<io::Error>,
    ) -> Receiver<'a> {
        let limit = u64::try_from(config.get(params::LINE_LENGTH_LIMIT)).unwrap_or(0);
        let input = sys::descriptor::standard(0)
            .unwrap_or_else(|error| logging::fatal!("open standard input: {}", sys::reason(&error)));
        let reply = Reply { status: error.map_or(0, |error| write_status(&error)), reason: BString::default() };
        Receiver {
            submitter,
            input: Reader::new(input, "stdin", limit),
            output,
            reply,
            has_sender: false,
            has_recipient: false,
        }
    }

    /// Takes the whole message. Input that is no message ends the program.
    pub fn receive(mut self) -> Received {
        for (legal, end) in SEGMENTS {
            if !self.receive_segment(legal, end) {
                return Received::Canceled;
            }
        }
        if self.reply.status == 0 && !(self.has_sender && self.has_recipient) {
            self.reply.status |= status::BAD;
        }
        if self.reply.status == 0 { Received::Complete } else { Received::Refused(self.reply) }
    }

    /// False when the client has gone.
    fn receive_segment(&mut self, legal: TypeSet, end: RecordType) -> bool {
        loop {
            let uid = self.submitter.uid;
            let record = match self.input.next_raw() {
                Ok(Some(record)) => record,
                Ok(None) => return false,
                Err(error) => malformed(uid, &error),
            };
            let record_type = record.record_type;
            // What will not be stored is only read, so that the client need not fear a broken pipe.
            if self.reply.status == 0 {
                check_record(uid, legal, record);
                let payload = record.payload.to_owned();
                self.take(record_type, &payload);
            }
            if record_type == end {
                return true;
            }
        }
    }

    fn take(&mut self, record_type: RecordType, payload: &[u8]) {
        match record_type {
            RecordType::SENDER => {
                self.has_sender = true;
                if let Err(refusal) = self.submitter.check_sender(payload) {
                    self.reply = refusal;
                    return;
                }
            }
            RecordType::RECIPIENT => self.has_recipient = true,
            RecordType::ATTRIBUTE => return self.take_attribute(payload),
            _ => {}
        }
        self.store(record_type, payload);
    }

    fn take_attribute(&mut self, payload: &[u8]) {
        let uid = self.submitter.uid;
        let (name, value) = match text::split_name_value(payload) {
            Ok(parts) => parts,
            Err(error) => return log::warn!("uid={uid}: ignoring malformed record: {error}: {}", text::show(payload)),
        };
        match judge(name, value) {
            Fate::Keep => self.store(RecordType::ATTRIBUTE, &[name, b"=", value].concat()),
            Fate::Ignore => {
                let (name, value) = (text::show(name), text::show(value));
                log::warn!("uid={uid}: ignoring attribute record: {name}={value}");
            }
            Fate::IgnoreTraceFlags => {
                log::warn!("uid={uid}: ignoring unexpected trace flags: {}", text::show(value));
            }
        }
    }

    fn store(&mut self, record_type: RecordType, payload: &[u8]) {
        if let Err(error) = self.output.put(record_type, payload) {
            log::warn!("uid={}: {}", self.submitter.uid, sys::reason(&error));
            self.reply.status = write_status(&error);
        }
    }
}

fn malformed(uid: u32, error: &ReadError) -> ! {
    log::warn!("{error}");
    logging::fatal!("uid={uid}: malformed input");
}

/// Record types out of place, and line ends in an address, are nothing that sendmail sends.
fn check_record(uid: u32, legal: TypeSet, record: Record<'_>) {
    let Record { record_type, payload, .. } = record;
    if !legal.contains(record_type) {
        logging::fatal!("uid={uid}: unexpected record type: {}", record_type.0);
    }
    let is_text = matches!(record_type, RecordType::TEXT | RecordType::UNTERMINATED);
    if !is_text && payload.find_byteset(b"\0\r\n").is_some() {
        let name = record_type.name();
        logging::fatal!("uid={uid}: null or line break in '{name}' record type: {}", text::show(payload));
    }
}
