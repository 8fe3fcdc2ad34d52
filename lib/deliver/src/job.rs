//! One delivery request on its way through an agent.

use std::fs::File;
use std::path::{Path, PathBuf};

use ipc::Stats;
use ipc::bounce::{Dsn, Notification, Recipient};
use ipc::delivery::{Request, flag};
use logging::fatal;
use queue::RecordType;

use crate::outcome::{Failure, Outcome};
use crate::report::{Attempt, Reporter};

/// A message, some recipients, and the queue file with a shared lock.
#[derive(Debug)]
pub struct Job<'a> {
    /// What the queue manager asks for.
    pub request: Request,
    /// The queue file, open for reading and for marking recipients.
    pub file: File,
    /// Its path below the queue directory.
    pub path: PathBuf,
    /// The agent's name in log lines: its service name, or `none`.
    pub relay: String,
    /// Why the queue manager is to avoid the destination for a while, if it is.
    pub avoid: Option<Dsn>,
    /// Where results go.
    pub reporter: &'a mut Reporter,
}

impl Job<'_> {
    /// Whether this is a probe: nothing may be delivered.
    pub fn is_probe(&self) -> bool {
        self.request.flags & (flag::MTA_VERIFY | flag::USER_VERIFY) != 0
    }

    /// The recipient got the message, with status 2.0.0 or what `dsn` says.
    pub fn sent(&mut self, recipient: &Recipient, dsn: Dsn) -> Outcome {
        self.sent_at(recipient, dsn, self.request.stats)
    }

    /// As [`Job::sent`], with other time stamps.
    pub fn sent_at(&mut self, recipient: &Recipient, dsn: Dsn, stats: Stats) -> Outcome {
        let (reporter, parts) = self.parts();
        reporter.sent(&parts.attempt(recipient, &stats), dsn)
    }

    /// The recipient cannot get the message.
    pub fn bounce(&mut self, recipient: &Recipient, dsn: Dsn) -> Outcome {
        let stats = self.request.stats;
        let (reporter, parts) = self.parts();
        reporter.bounce(&parts.attempt(recipient, &stats), dsn)
    }

    /// The recipient waits.
    pub fn defer(&mut self, recipient: &Recipient, dsn: Dsn) -> Outcome {
        let stats = self.request.stats;
        let (reporter, parts) = self.parts();
        reporter.defer(&parts.attempt(recipient, &stats), dsn)
    }

    /// Bounces or defers, as the failure says.
    pub fn fail(&mut self, recipient: &Recipient, failure: Failure) -> Outcome {
        let stats = self.request.stats;
        let (reporter, parts) = self.parts();
        match failure {
            Failure::Because(dsn) => reporter.fail(&parts.attempt(recipient, &stats), *dsn),
            Failure::Corrupt => Outcome::Retry,
        }
    }

    /// As [`Job::fail`], with the notification to another sender than the message's, at once.
    pub fn fail_to(&mut self, recipient: &Recipient, sender: &[u8], failure: Failure) -> Outcome {
        let stats = self.request.stats;
        let message = self.notification(sender);
        let (reporter, parts) = self.parts();
        let attempt = parts.attempt(recipient, &stats);
        match failure {
            Failure::Because(dsn) if dsn.status.first() == Some(&b'4') => reporter.defer_one(&attempt, &message, *dsn),
            Failure::Because(dsn) => reporter.bounce_one(&attempt, &message, *dsn),
            Failure::Corrupt => Outcome::Retry,
        }
    }

    /// Adds a record to the message's trace log.
    pub fn trace(&mut self, recipient: &Recipient, dsn: &Dsn) -> bool {
        let stats = self.request.stats;
        let (reporter, parts) = self.parts();
        reporter.trace(&parts.attempt(recipient, &stats), dsn)
    }

    /// Marks a recipient as done in the queue file, if the outcome and the request say so. Offset -1 has no record to mark.
    pub fn complete(&mut self, recipient: &Recipient, outcome: Outcome) -> Outcome {
        if outcome == Outcome::Done && self.request.flags & flag::SUCCESS != 0 {
            self.mark(recipient);
        }
        outcome
    }

    /// Marks a recipient as done in the queue file.
    pub fn mark(&self, recipient: &Recipient) {
        match u64::try_from(recipient.offset) {
            Ok(offset) if offset > 0 => {
                if let Err(error) = queue::file::mark_recipient(&self.file, offset, RecordType::DONE) {
                    fatal!("update queue file {}: {}", self.path.display(), sys::reason(&error));
                }
            }
            _ if recipient.offset == -1 => {}
            _ => logging::panic_report(&format!("deliver_completed: bad offset {}", recipient.offset)),
        }
    }

    /// The facts about this message that a notification needs.
    pub fn notification(&self, sender: &[u8]) -> Notification {
        let request = &self.request;
        Notification {
            flags: request.flags & flag::TRACE_MASK,
            queue_name: request.queue_name.clone(),
            queue_id: request.queue_id.clone(),
            encoding: request.encoding.clone(),
            smtputf8: request.smtputf8,
            sender: sender.into(),
            envelope_id: request.envelope_id.clone(),
            ret: request.ret,
        }
    }

    /// Marks the queue file as corrupt, so that the queue manager puts it aside.
    pub fn mark_corrupt(&self) {
        mark_corrupt(&self.file, &self.path);
    }

    fn parts(&mut self) -> (&mut Reporter, Parts<'_>) {
        let parts = Parts {
            queue_id: &self.request.queue_id,
            flags: self.request.flags & flag::TRACE_MASK,
            relay: self.relay.as_bytes(),
        };
        (self.reporter, parts)
    }
}

/// See [`Job::mark_corrupt`].
pub(crate) fn mark_corrupt(file: &File, path: &Path) {
    log::warn!("corrupted queue file: {}", path.display());
    if let Err(error) = queue::file::mark_corrupt(file) {
        log::warn!("mark {} corrupt: {}", path.display(), sys::reason(&error));
    }
}

struct Parts<'a> {
    queue_id: &'a [u8],
    flags: i32,
    relay: &'a [u8],
}

impl Parts<'_> {
    fn attempt<'b>(&'b self, recipient: &'b Recipient, stats: &'b Stats) -> Attempt<'b> {
        Attempt { queue_id: self.queue_id, flags: self.flags, stats, recipient, relay: self.relay }
    }
}
