//! Telling what became of a recipient (qmgr-bounce §9): to the bounce, defer, trace and verify services, and to the log.

use std::time::Duration;

use bstr::{BString, ByteSlice};
use config::{Config, Key, Str, params};
use ipc::bounce::{Append, CLEAN, Dsn, Notification, Recipient, Request, notify};
use ipc::delivery::flag;
use ipc::{PersistentClient, Stats, Status, protocol, verify};
use logging::event::DeliveryStatus;

use crate::filter::StatusFilter;
use crate::outcome::Outcome;
use address::FastFlush;

/// One attempt to deliver to one recipient.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// The message.
    pub queue_id: &'a [u8],
    /// Trace flags ([`flag::TRACE_MASK`]), and [`CLEAN`] where it is wanted.
    pub flags: i32,
    /// Time stamps.
    pub stats: &'a Stats,
    /// The recipient.
    pub recipient: &'a Recipient,
    /// Who took it, or `none`.
    pub relay: &'a [u8],
}

/// Knows the services that keep records of deliveries.
#[derive(Debug)]
pub struct Reporter {
    bounce_service: String,
    defer_service: String,
    trace_service: String,
    limit: Duration,
    soft_bounce: bool,
    negative_cache: bool,
    filter: Option<StatusFilter>,
    flush: Option<FastFlush>,
    verify: PersistentClient,
}

impl Reporter {
    /// A reporter without a status filter and without fast flush. Services are below the working directory.
    pub fn new(config: &Config) -> Self {
        let name = |key: Key<Str>| config.get(key).to_str_lossy().into_owned();
        let limit = config.get(params::IPC_TIMEOUT);
        Self {
            bounce_service: name(params::BOUNCE_SERVICE_NAME),
            defer_service: name(params::DEFER_SERVICE_NAME),
            trace_service: name(params::TRACE_SERVICE_NAME),
            limit,
            soft_bounce: config.get(params::SOFT_BOUNCE),
            negative_cache: config.get(params::ADDRESS_VERIFY_NEGATIVE_CACHE),
            filter: None,
            flush: None,
            verify: PersistentClient::new(
                "private",
                name(params::ADDRESS_VERIFY_SERVICE_NAME),
                protocol::VERIFY,
                limit,
                config.get(params::IPC_IDLE),
                config.get(params::IPC_TTL),
            ),
        }
    }

    /// The same reporter with a status filter.
    #[must_use]
    pub fn with_filter(self, filter: Option<StatusFilter>) -> Self {
        Self { filter, ..self }
    }

    /// The same reporter, which tells the flush service about deferred mail. Opens tables: call it before a chroot. A bad `fast_flush_domains`
    /// ends the program.
    #[must_use]
    pub fn with_fast_flush(self, config: &Config) -> Self {
        let flush = FastFlush::open(config).unwrap_or_else(|error| logging::fatal!("{error}"));
        Self { flush: Some(flush), ..self }
    }

    /// The recipient got the message.
    pub fn sent(&mut self, attempt: &Attempt<'_>, dsn: Dsn) -> Outcome {
        let mut dsn = with_class(dsn, b'2', "sent");
        self.apply_filter(&mut dsn);
        if attempt.flags & flag::MTA_VERIFY != 0 {
            return self.verify(attempt, dsn, verify::OK, "deliverable");
        }
        if attempt.flags & flag::USER_VERIFY != 0 {
            return self.probe_trace(attempt, dsn, "deliverable");
        }
        if dsn.action.is_empty() {
            dsn.action = "delivered".into();
        }
        let wishes = attempt.recipient.notify;
        let was_delayed = attempt.flags & flag::TRACE_DELAY != 0 && (wishes == 0 || wishes & notify::DELAY != 0);
        let recorded = attempt.flags & flag::RECORD != 0 || was_delayed;
        let traced =
            (!recorded || self.trace(attempt, &dsn)) && (wishes & notify::SUCCESS == 0 || self.trace(attempt, &dsn));
        if traced {
            log_status(attempt, &dsn, "sent");
            return Outcome::Done;
        }
        let reason = format!("{}: trace service failed", text::show(attempt.queue_id));
        self.defer_unfiltered(attempt, Dsn::new("4.3.0", reason))
    }

    /// The recipient cannot get the message: it goes into the message's bounce log.
    pub fn bounce(&mut self, attempt: &Attempt<'_>, dsn: Dsn) -> Outcome {
        let mut dsn = with_class(dsn, b'5', "bounce_append");
        self.apply_filter(&mut dsn);
        match dsn.status.first() {
            Some(b'4') => self.defer_unfiltered(attempt, dsn),
            _ => self.bounce_unfiltered(attempt, dsn, None),
        }
    }

    /// As [`Reporter::bounce`], but the notification goes out at once, to the sender that `message` names, without a log.
    pub fn bounce_one(&mut self, attempt: &Attempt<'_>, message: &Notification, dsn: Dsn) -> Outcome {
        let mut dsn = with_class(dsn, b'5', "bounce_one");
        self.apply_filter(&mut dsn);
        match dsn.status.first() {
            Some(b'4') => self.defer_unfiltered(attempt, dsn),
            _ => self.bounce_unfiltered(attempt, dsn, Some(message)),
        }
    }

    /// The recipient stays in the queue for another attempt.
    pub fn defer(&mut self, attempt: &Attempt<'_>, dsn: Dsn) -> Outcome {
        self.defer_as(attempt, dsn, None)
    }

    /// As [`Reporter::defer`]; should a filter make it a bounce, it is one of [`Reporter::bounce_one`].
    pub fn defer_one(&mut self, attempt: &Attempt<'_>, message: &Notification, dsn: Dsn) -> Outcome {
        self.defer_as(attempt, dsn, Some(message))
    }

    /// Bounces or defers, as the status says.
    pub fn fail(&mut self, attempt: &Attempt<'_>, dsn: Dsn) -> Outcome {
        if dsn.status.first() == Some(&b'4') { self.defer(attempt, dsn) } else { self.bounce(attempt, dsn) }
    }

    /// Adds a record to the message's trace log: for DSN reports that are not about a delivery.
    pub fn trace(&mut self, attempt: &Attempt<'_>, dsn: &Dsn) -> bool {
        let mut traced = dsn.clone();
        if attempt.relay != b"none" {
            traced.reason = [b"delivery via ", attempt.relay, b": ", &dsn.reason].concat().into();
        }
        let done = self.append(&self.trace_service, attempt, traced);
        if !done {
            log::warn!("{}: {} service failure", text::show(attempt.queue_id), self.trace_service);
        }
        done
    }

    fn defer_as(&mut self, attempt: &Attempt<'_>, dsn: Dsn, one: Option<&Notification>) -> Outcome {
        let mut dsn = with_class(dsn, b'4', if one.is_some() { "defer_one" } else { "defer_append" });
        self.apply_filter(&mut dsn);
        match dsn.status.first() {
            Some(b'5') => self.bounce_unfiltered(attempt, dsn, one),
            _ => self.defer_unfiltered(attempt, dsn),
        }
    }

    fn bounce_unfiltered(&mut self, attempt: &Attempt<'_>, mut dsn: Dsn, one: Option<&Notification>) -> Outcome {
        if attempt.flags & flag::MTA_VERIFY != 0 {
            return self.verify(attempt, dsn, verify::BOUNCE, "undeliverable");
        }
        if attempt.flags & flag::USER_VERIFY != 0 {
            return self.probe_trace(attempt, dsn, "undeliverable");
        }
        let clean = attempt.flags & CLEAN != 0;
        if self.soft_bounce && clean {
            return Outcome::Retry;
        }
        let accepted = if self.soft_bounce {
            dsn.status = [b"4", dsn.status.get(1..).unwrap_or_default()].concat().into();
            dsn.action = "delayed".into();
            self.append(&self.defer_service, attempt, dsn.clone())
        } else {
            dsn.action = "failed".into();
            match one {
                Some(message) => self.ask_one(attempt, message, &dsn),
                None => self.append(&self.bounce_service, attempt, dsn.clone()),
            }
        };
        let accepted = accepted && (attempt.flags & flag::RECORD == 0 || self.trace(attempt, &dsn));
        match accepted {
            true if self.soft_bounce => {
                log_status(attempt, &dsn, "SOFTBOUNCE");
                Outcome::Retry
            }
            true => {
                log_status(attempt, &dsn, "bounced");
                Outcome::Done
            }
            false if clean => Outcome::Retry,
            false => {
                let reason = format!("{} or {} service failure", self.bounce_service, self.trace_service);
                self.defer_unfiltered(attempt, Dsn::new("4.3.0", reason))
            }
        }
    }

    fn defer_unfiltered(&mut self, attempt: &Attempt<'_>, mut dsn: Dsn) -> Outcome {
        if attempt.flags & flag::MTA_VERIFY != 0 {
            return self.verify(attempt, dsn, verify::DEFER, "undeliverable");
        }
        if attempt.flags & flag::USER_VERIFY != 0 {
            return self.probe_trace(attempt, dsn, "undeliverable");
        }
        dsn.action = "delayed".into();
        if !self.append(&self.defer_service, attempt, dsn.clone()) {
            log::warn!("{}: {} service failure", text::show(attempt.queue_id), self.defer_service);
        }
        log_status(attempt, &dsn, "deferred");
        if attempt.flags & flag::RECORD != 0 {
            // A failure has been logged, and changes nothing.
            self.trace(attempt, &dsn);
        }
        self.remember_site(attempt);
        Outcome::Retry
    }

    /// Tells the flush service that mail waits for a domain.
    fn remember_site(&self, attempt: &Attempt<'_>) {
        let Some(flush) = &self.flush else { return };
        let (_, Some(domain)) = text::address::split_domain(&attempt.recipient.address) else { return };
        if !domain.is_empty() && !flush.add(domain, attempt.queue_id) {
            log::warn!("{}: {} service failure", text::show(attempt.queue_id), flush.service());
        }
    }

    /// A user's probe: the result goes into the trace log, and the log line has the reason as it is.
    fn probe_trace(&mut self, attempt: &Attempt<'_>, mut dsn: Dsn, word: &str) -> Outcome {
        dsn.action = word.into();
        if !self.trace(attempt, &dsn) {
            return Outcome::Retry;
        }
        log_status(attempt, &dsn, word);
        Outcome::Done
    }

    /// The system's own probe: the result goes to the verify service, for the original recipient and for the final one.
    fn verify(&mut self, attempt: &Attempt<'_>, mut dsn: Dsn, status: i32, word: &str) -> Outcome {
        dsn.action = word.into();
        if !self.negative_cache && status != verify::OK {
            dsn.action = "undeliverable-but-not-cached".into();
        } else if !self.update_verify(attempt, status, &dsn.reason) {
            log::warn!("{}: verify service failure", text::show(attempt.queue_id));
            return Outcome::Retry;
        }
        let word = dsn.action.to_string();
        log_status(attempt, &dsn, &word);
        Outcome::Done
    }

    fn update_verify(&mut self, attempt: &Attempt<'_>, status: i32, reason: &BString) -> bool {
        let recipient = attempt.recipient;
        let mut addresses = vec![&recipient.original];
        addresses.retain(|original| !original.is_empty());
        if recipient.original != recipient.address {
            addresses.push(&recipient.address);
        }
        addresses.into_iter().all(|address| {
            let update =
                verify::Request::Update { address: address.clone(), recipient_status: status, reason: reason.clone() };
            match self.verify.ask::<Status>(&update) {
                Ok(status) => status.0 == 0,
                Err(unreachable) => logging::fatal!("{unreachable}"),
            }
        })
    }

    fn apply_filter(&self, dsn: &mut Dsn) {
        if let Some(filter) = &self.filter {
            filter.apply(dsn);
        }
    }

    fn append(&self, service: &str, attempt: &Attempt<'_>, dsn: Dsn) -> bool {
        let append = Append {
            flags: attempt.flags & (flag::TRACE_MASK | CLEAN),
            queue_id: attempt.queue_id.into(),
            recipient: attempt.recipient.clone(),
            dsn,
        };
        self.ask(service, &Request::Append(append))
    }

    fn ask_one(&self, attempt: &Attempt<'_>, message: &Notification, dsn: &Dsn) -> bool {
        let request = Request::One(message.clone(), attempt.recipient.clone(), dsn.clone());
        self.ask(&self.bounce_service, &request)
    }

    fn ask(&self, service: &str, request: &Request) -> bool {
        match ipc::call::<_, Status>("private", service, protocol::BOUNCE, request, self.limit) {
            Ok(status) => status.0 == 0,
            Err(error) => {
                log::warn!("{error}");
                false
            }
        }
    }
}

fn log_status(attempt: &Attempt<'_>, dsn: &Dsn, status: &str) {
    logging::emit(&DeliveryStatus {
        queue_id: attempt.queue_id,
        recipient: attempt.recipient,
        relay: attempt.relay,
        stats: attempt.stats,
        dsn,
        status,
    });
}

/// The report with a status of the right class.
fn with_class(mut dsn: Dsn, class: u8, function: &str) -> Dsn {
    if dsn.status.first() != Some(&class) || !text::dsn::is_status(&dsn.status) {
        log::warn!("{function}: ignoring dsn code \"{}\"", text::show(&dsn.status));
        dsn.status = [&[class][..], b".0.0"].concat().into();
    }
    dsn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_of_the_wrong_class_is_replaced() {
        assert_eq!(with_class(Dsn::new("4.2.0", "x"), b'5', "bounce_append").status, "5.0.0");
        assert_eq!(with_class(Dsn::new("5.2.0", "x"), b'5', "bounce_append").status, "5.2.0");
        assert_eq!(with_class(Dsn::new("5.x", "x"), b'5', "bounce_append").status, "5.0.0");
    }
}
