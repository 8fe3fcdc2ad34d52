//! Returning a message that cannot be accepted (cleanup-rewrite §18.1).

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::time::Duration;

use bstr::{BString, ByteSlice};
use config::{Config, params};
use deliver::{Attempt, Outcome, Reporter};
use ipc::bounce::{CLEAN, Dsn, Notification, Recipient, Request, ret};
use ipc::cleanup::status;
use ipc::{Stamp, Stats, Status, protocol};
use queue::{QueueDir, QueueId, Reader, RecordType, attribute};

use crate::message::Finished;

/// Who is told about a message that names nobody.
const NOBODY: &str = "unknown";

/// A message that goes back.
pub struct Return<'a> {
    pub id: &'a QueueId,
    pub file: &'a File,
    pub message: &'a Finished,
    pub reporter: &'a mut Reporter,
    pub config: &'a Config,
}

/// A step failed, which has been logged.
#[derive(Debug)]
pub struct NotReturned;

impl Return<'_> {
    /// Tells the bounce service why each recipient will not get the message, and has it tell the sender.
    pub fn send(mut self) -> Result<(), NotReturned> {
        self.log_recipients()?;
        self.notify_sender()
    }

    fn dsn(&self) -> Dsn {
        let meaning = status::describe(self.message.status);
        match text::dsn::split_status(&self.message.reason) {
            _ if self.message.reason.is_empty() => Dsn::new(meaning.dsn, meaning.text),
            Some((status, text)) => Dsn::new(status, text),
            None => Dsn::new("5.0.0", self.message.reason.clone()),
        }
    }

    fn log_recipients(&mut self) -> Result<(), NotReturned> {
        let mut file = self.file;
        if let Err(error) = file.seek(SeekFrom::Start(0)) {
            log::warn!("{}: seek queue file: {}", self.id, sys::reason(&error));
            return Err(NotReturned);
        }
        let mut reader = Reader::new(file, format!("{}/{}", QueueDir::Incoming, self.id), 0);
        let mut found = false;
        let mut recipient = Recipient::default();
        loop {
            // A file that ends early is one that could not be written further.
            let record = match reader.next_cooked() {
                Ok(Some(record)) if record.record_type != RecordType::END => record,
                Ok(_) => break,
                Err(error) => {
                    log::debug!("{error}");
                    break;
                }
            };
            let (meaning, value) = attribute::resolve(record.record_type, record.payload);
            match meaning {
                RecordType::ORIGINAL_RECIPIENT => recipient.original = value.into(),
                RecordType::DSN_ORIGINAL_RECIPIENT => recipient.dsn_orig_rcpt = value.into(),
                RecordType::DSN_NOTIFY => recipient.notify = value.to_str_lossy().parse().unwrap_or(0),
                RecordType::RECIPIENT => {
                    recipient.address = value.into();
                    recipient.offset = i64::try_from(record.offset).unwrap_or(0);
                    self.log_recipient(&std::mem::take(&mut recipient))?;
                    found = true;
                }
                _ => {}
            }
        }
        match found {
            true => Ok(()),
            false => self.log_recipient(&Recipient { address: NOBODY.into(), ..Recipient::default() }),
        }
    }

    fn log_recipient(&mut self, recipient: &Recipient) -> Result<(), NotReturned> {
        let stats =
            Stats { incoming_arrival: self.message.arrival.map_or_else(Stamp::now, Stamp::from), ..Stats::default() };
        let dsn = self.dsn();
        let attempt = Attempt { queue_id: self.id.as_ref(), flags: CLEAN, stats: &stats, recipient, relay: b"none" };
        match self.reporter.bounce(&attempt, dsn) {
            Outcome::Done => Ok(()),
            Outcome::Retry => Err(NotReturned),
        }
    }

    fn notify_sender(&self) -> Result<(), NotReturned> {
        let message = self.message;
        let headers_only = message.status & (status::CONT | status::SIZE) != 0;
        let notification = Notification {
            flags: CLEAN,
            queue_name: QueueDir::Incoming.name().into(),
            queue_id: self.id.as_str().into(),
            encoding: message.encoding.clone(),
            smtputf8: message.smtputf8,
            sender: message.sender.clone().unwrap_or_default(),
            envelope_id: message.envelope_id.clone(),
            ret: if headers_only { ret::HDRS } else { message.ret },
        };
        let request = match self.verp() {
            Some(delimiters) => Request::Verp(notification, delimiters),
            None => Request::Flush(notification),
        };
        let service = text::show(self.config.get(params::BOUNCE_SERVICE_NAME)).to_string();
        let limit: Duration = self.config.get(params::IPC_TIMEOUT);
        match ipc::call::<_, Status>("private", &service, protocol::BOUNCE, &request, limit) {
            Ok(Status(0)) => return Ok(()),
            Ok(_) => {}
            Err(error) => log::warn!("{error}"),
        }
        log::warn!("{}: bounce message failure", self.id);
        Err(NotReturned)
    }

    fn verp(&self) -> Option<BString> {
        self.message.verp.clone().filter(|_| !self.config.get(params::DISABLE_VERP_BOUNCES))
    }
}
