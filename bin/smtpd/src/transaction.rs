//! One message on its way in: its state.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use bstr::{BStr, BString};
use smtp_protocol::server::options::MailOptions;

use crate::bdat::Bdat;
use crate::destination::Destination;
use crate::session::Session;
use crate::xforward::Forwarded;

/// From MAIL to the end of the message.
#[derive(Debug)]
pub struct Transaction {
    /// When MAIL came.
    pub arrival: SystemTime,
    /// Envelope sender, in internal form.
    pub sender: BString,
    /// What MAIL had behind the sender.
    pub options: MailOptions,
    /// MAIL, as it came.
    pub line: BString,
    /// `local` or `remote`: how headers are completed.
    pub rewrite_context: &'static str,
    /// The name of the transaction for policy servers.
    pub instance: BString,
    /// Recipients that were accepted.
    pub accepted: usize,
    /// Recipients that were too many.
    pub surplus: u64,
    /// The first recipient that was accepted, in internal form.
    pub recipient: Option<BString>,
    /// Where the message goes, once that is open.
    pub destination: Option<Destination>,
}

impl Transaction {
    /// MAIL has come.
    pub fn new(sender: BString, options: MailOptions, line: &[u8], rewrite_context: &'static str) -> Self {
        let arrival = SystemTime::now();
        Self {
            instance: instance(arrival),
            arrival,
            sender,
            options,
            line: line.into(),
            rewrite_context,
            accepted: 0,
            surplus: 0,
            recipient: None,
            destination: None,
        }
    }

    /// The message's queue ID, once it has one.
    pub fn queue_id(&self) -> Option<&BStr> {
        self.destination.as_ref()?.queue_id()
    }
}

/// `<process>.<seconds>.<microseconds>.<sequence>`, hexadecimal.
fn instance(now: SystemTime) -> BString {
    static SEQUENCE: AtomicU32 = AtomicU32::new(0);
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let sequence = SEQUENCE.fetch_add(1, Ordering::Relaxed);
    format!("{:x}.{:x}.{:x}.{sequence:x}", std::process::id(), since.as_secs(), since.subsec_micros()).into()
}

impl Session<'_> {
    /// Forgets the message that is being received; cleanup throws away what it has of it.
    pub fn end_transaction(&mut self) {
        self.transaction = None;
        self.bdat = Bdat::None;
        self.forwarded = Forwarded::default();
        self.received = 0;
        if let Some(access) = &mut self.site.access {
            access.end_transaction();
        }
    }
}
