//! A message in memory.

mod read;
#[cfg(test)]
mod tests;

use std::time::SystemTime;

use bstr::BString;
use ipc::Stamp;
use ipc::bounce::{Notification, Recipient};
use ipc::delivery::{ClientInfo, flag, utf8};
use queue::QueueId;

use crate::scan::ScanFlags;

pub use read::{Invalid, read_batch};

/// Everything about a message but the recipients that have been handed out.
#[derive(Clone, Debug)]
pub struct Message {
    pub id: QueueId,
    /// What the scan that found it said.
    pub scan: ScanFlags,
    /// Its file says: forget that its destinations are dead.
    pub unthrottle: bool,
    /// Its file says: return it now.
    pub force_expire: bool,

    pub sender: Option<BString>,
    pub arrival: Option<Stamp>,
    pub active: Stamp,
    /// Seconds since 1970; `None` until it has been read.
    pub create_time: Option<i64>,
    pub data_size: i64,
    pub data_offset: i64,
    pub content_length: i64,
    pub queue_flags: i64,
    pub smtputf8: i32,
    pub encoding: BString,
    pub envelope_id: BString,
    pub ret: i32,
    pub client: ClientInfo,
    pub has_log_client: bool,
    pub rewrite_context: Option<BString>,
    pub trace_flags: i32,
    /// Where the record of `sendmail -v` stands, to be voided when its report is out.
    pub trace_offset: Option<u64>,
    pub inspector: bool,
    pub filter: Option<BString>,
    pub redirect: Option<BString>,
    pub verp: Option<[u8; 2]>,
    /// Where the delay warning record stands, and when the warning is due; negative: it was sent.
    pub warning: Option<(u64, i64)>,

    /// Recipient records that have not been read.
    pub unread: i64,
    /// Where reading goes on.
    pub next_offset: Option<u64>,
    /// All records that are no recipients have been seen.
    pub envelope_complete: bool,

    /// The file turned out to be no message while deliveries went on.
    pub corrupt: bool,
    /// Something must be tried again.
    pub deferred: bool,
}

/// Bit of [`Message::queue_flags`]: some recipient wants to know about success.
const WANTS_SUCCESS: i64 = 4;
/// Bit of [`Message::queue_flags`]: recipient records are mixed with others.
const MIXED: i64 = 1;

impl Message {
    pub fn new(id: QueueId, scan: ScanFlags) -> Self {
        Self {
            id,
            scan,
            unthrottle: false,
            force_expire: false,
            sender: None,
            arrival: None,
            active: Stamp::now(),
            create_time: None,
            data_size: 0,
            data_offset: 0,
            content_length: 0,
            queue_flags: MIXED,
            smtputf8: 0,
            encoding: BString::default(),
            envelope_id: BString::default(),
            ret: 0,
            client: ClientInfo::default(),
            has_log_client: false,
            rewrite_context: None,
            trace_flags: 0,
            trace_offset: None,
            inspector: false,
            filter: None,
            redirect: None,
            verp: None,
            warning: None,
            unread: 0,
            next_offset: None,
            envelope_complete: false,
            corrupt: false,
            deferred: false,
        }
    }

    /// The envelope sender; every message that was read has one, perhaps an empty one.
    pub fn sender(&self) -> &[u8] {
        self.sender.as_ref().map_or(&[], |sender| sender.as_slice())
    }

    /// Whether this is a probe: of the verify service, or of a user.
    pub fn is_probe(&self) -> bool {
        self.trace_flags & (flag::MTA_VERIFY | flag::USER_VERIFY) != 0
    }

    /// Whether a report on deliveries is due at the end.
    pub fn wants_trace(&self) -> bool {
        let flags = flag::USER_VERIFY | flag::RECORD | flag::TRACE_DELAY;
        self.trace_flags & flags != 0 || self.queue_flags & WANTS_SUCCESS != 0
    }

    /// Its age in seconds; `None` without a usable creation time.
    pub fn age(&self) -> Option<i64> {
        let created = self.create_time.filter(|time| *time > 0)?;
        Some(text::date::to_seconds(SystemTime::now()).saturating_sub(created))
    }

    /// The facts that a notification about this message needs.
    pub fn notification(&self, flags: i32) -> Notification {
        Notification {
            flags,
            queue_name: "active".into(),
            queue_id: self.id.as_str().into(),
            encoding: self.encoding.clone(),
            smtputf8: self.smtputf8,
            sender: self.sender().into(),
            envelope_id: self.envelope_id.clone(),
            ret: self.ret,
        }
    }

    /// A delivery request without transport facts (qmgr-bounce §7.2).
    pub fn request(&self, recipients: &[Recipient], smtputf8_enabled: bool) -> ipc::delivery::Request {
        let mut utf8_flags = self.smtputf8;
        let non_ascii =
            |recipient: &Recipient| !recipient.address.is_ascii() && std::str::from_utf8(&recipient.address).is_ok();
        if smtputf8_enabled && recipients.iter().any(non_ascii) {
            utf8_flags |= utf8::RECIPIENT;
            if self.verp.is_some() {
                utf8_flags |= utf8::SENDER;
            }
        }
        let sender = match (self.verp, recipients.first()) {
            (Some(delimiters), Some(recipient)) => {
                let original = &recipient.original;
                let name = if original.is_empty() { &recipient.address } else { original };
                text::address::verp_sender(self.sender(), name, delimiters)
            }
            _ => self.sender().into(),
        };
        let success = if self.inspector { 0 } else { flag::SUCCESS };
        ipc::delivery::Request {
            flags: self.trace_flags | flag::BOUNCE | success,
            queue_name: "active".into(),
            queue_id: self.id.as_str().into(),
            data_offset: self.data_offset,
            data_size: self.content_length,
            nexthop: BString::default(),
            encoding: self.encoding.clone(),
            smtputf8: utf8_flags,
            sender,
            envelope_id: self.envelope_id.clone(),
            ret: self.ret,
            stats: self.stats(),
            client: self.client.clone(),
            rewrite_context: self.rewrite_context.clone().unwrap_or_else(|| "local".into()),
            recipients: recipients.to_vec(),
        }
    }

    /// The time stamps so far.
    pub fn stats(&self) -> ipc::Stats {
        ipc::Stats {
            incoming_arrival: self.arrival.unwrap_or_default(),
            active_arrival: self.active,
            ..ipc::Stats::default()
        }
    }
}
