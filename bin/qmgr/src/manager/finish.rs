//! The end of a message's stay in memory (qmgr-bounce §3).

use std::io::ErrorKind;
use std::time::{Duration, SystemTime};

use ipc::bounce::{DELETE_RECIPIENTS, Request};
use ipc::delivery::flag;
use logging::event::{Expired, Removed};
use logging::fatal;
use queue::file::{Access, set_times};
use queue::{QueueDir, RecordType};
use std::os::unix::fs::FileExt;
use tokio::time::timeout;

use super::{Event, Manager};
use crate::message::Message;
use crate::scheduler::MessageKey;
use crate::wire::ask_bounce;

/// How long a bounce service may take.
const BOUNCE_LIMIT: Duration = Duration::from_secs(1000);

/// What a bounce service was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The non-delivery notification for recipients that failed.
    Bounce,
    /// The delivery report.
    Trace,
    /// The non-delivery notification for recipients that waited too long.
    Expire,
    /// The delay notification.
    Warn,
}

impl Manager {
    /// Goes through the steps of completion if nothing of this message is outstanding.
    pub(super) fn complete_if_idle(&mut self, key: MessageKey) {
        if self.scheduler.outstanding(key) != Some(0) {
            return;
        }
        if self.messages.get(&key).is_some_and(|message| message.corrupt) {
            self.forget(key);
        } else {
            self.send_bounces(key);
        }
    }

    /// Step 1: recipients that failed.
    fn send_bounces(&mut self, key: MessageKey) {
        let Some(message) = self.messages.get(&key) else { return };
        match self.log_size(QueueDir::Bounce, &message.id) {
            Some(0) => {
                if let Err(error) = self.spool.remove(QueueDir::Bounce, &message.id) {
                    fatal!("remove empty bounce log {}: {}", message.id, sys::reason(&error));
                }
            }
            Some(_) => {
                let request = self.flush_request(message, 0);
                let service = self.settings.bounce_service.clone();
                return self.ask(key, Stage::Bounce, &service, request);
            }
            None => {}
        }
        self.check_and_refill(key);
    }

    /// Steps 2 and 3: a file that is damaged by now; recipients that have not been read yet.
    fn check_and_refill(&mut self, key: MessageKey) {
        let Some(message) = self.messages.get(&key) else { return };
        let id = message.id.clone();
        if message.deferred && self.spool.complete_message(QueueDir::Active, &id).is_none() {
            self.forget(key);
            return self.save_corrupt(&id);
        }
        if message.next_offset.is_none() {
            return self.send_trace(key);
        }
        self.refill(key);
        self.complete_if_idle(key);
    }

    /// Step 4: the report on deliveries.
    fn send_trace(&mut self, key: MessageKey) {
        let Some(message) = self.messages.get(&key) else { return };
        if !message.wants_trace() {
            return self.expire_or_warn(key);
        }
        let request = Request::Trace(message.notification(message.trace_flags));
        let service = self.settings.trace_service.clone();
        self.ask(key, Stage::Trace, &service, request);
    }

    /// Step 5: a message that waited too long, or long enough for a warning.
    fn expire_or_warn(&mut self, key: MessageKey) {
        let Some(message) = self.messages.get(&key).filter(|message| message.deferred) else {
            return self.end(key);
        };
        let service = self.settings.defer_service.clone();
        if self.is_too_old(message) {
            let status = if message.force_expire { "force-expired" } else { "expired" };
            logging::emit(&Expired { queue_id: message.id.as_str().as_bytes(), sender: message.sender(), status });
            let request = self.flush_request(message, DELETE_RECIPIENTS);
            return self.ask(key, Stage::Expire, &service, request);
        }
        let now = text::date::to_seconds(SystemTime::now());
        if message.warning.is_some_and(|(_, time)| time > 0 && now >= time - 1) {
            let request = Request::Warn(message.notification(0));
            return self.ask(key, Stage::Warn, &service, request);
        }
        self.end(key);
    }

    fn is_too_old(&self, message: &Message) -> bool {
        let lifetime =
            if message.sender().is_empty() { self.settings.bounce_lifetime } else { self.settings.queue_lifetime };
        let age = message.age().and_then(|age| u64::try_from(age).ok());
        message.force_expire || age.is_some_and(|age| age >= lifetime.as_secs())
    }

    /// Step 6: gone, or until later.
    fn end(&mut self, key: MessageKey) {
        let Some(message) = self.forget(key) else { return };
        let id = &message.id;
        if message.deferred {
            return self.put_off(&message);
        }
        match self.spool.remove(QueueDir::Active, id) {
            Ok(()) => logging::emit(&Removed { queue_id: id.as_str().as_bytes() }),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                log::warn!("qmgr_active_done_3_generic: remove {id} from active: {}", sys::reason(&error));
            }
            Err(error) => fatal!("remove {id} from active: {}", sys::reason(&error)),
        }
    }

    /// The next attempt comes when the message is twice as old, within limits.
    fn put_off(&self, message: &Message) {
        let id = &message.id;
        let (minimum, maximum) = (self.settings.minimal_backoff, self.settings.maximal_backoff);
        let age = message.age().and_then(|age| u64::try_from(age).ok()).map_or(minimum, Duration::from_secs);
        let delay = age.min(maximum).max(minimum);
        let path = self.spool.path(QueueDir::Active, id);
        let moved = set_times(&path, SystemTime::now() + delay)
            .and_then(|()| self.spool.rename(id, QueueDir::Active, QueueDir::Deferred));
        match moved {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {
                log::warn!("qmgr_active_defer: rename {id} from active to deferred: {}", sys::reason(&error));
            }
            Err(error) => {
                fatal!("qmgr_active_defer: rename {id} from active to deferred: {}", sys::reason(&error))
            }
        }
    }

    /// Drops a message from memory.
    pub(super) fn forget(&mut self, key: MessageKey) -> Option<Message> {
        let message = self.messages.remove(&key)?;
        self.scheduler.forget(key);
        if message.trace_flags & flag::MTA_VERIFY != 0 {
            self.probes = self.probes.saturating_sub(1);
        }
        Some(message)
    }

    fn flush_request(&self, message: &Message, flags: i32) -> Request {
        let notification = message.notification(flags);
        match message.verp.filter(|_| !self.settings.disable_verp_bounces) {
            Some(delimiters) => Request::Verp(notification, delimiters.as_slice().into()),
            None => Request::Flush(notification),
        }
    }

    fn ask(&mut self, key: MessageKey, stage: Stage, service: &str, request: Request) {
        // The message stays in memory, with one thing outstanding.
        self.scheduler.hold(key);
        let (service, sender) = (service.to_owned(), self.sender.clone());
        tokio::task::spawn_local(async move {
            let status = timeout(BOUNCE_LIMIT, ask_bounce(&service, &request)).await.unwrap_or(-1);
            let _ = sender.send(Event::Bounce { message: key, stage, status });
        });
    }

    /// A bounce service has answered: the next step.
    pub(super) fn handle_bounce(&mut self, key: MessageKey, stage: Stage, status: i32) {
        self.scheduler.release(key);
        let Some(message) = self.messages.get_mut(&key) else { return };
        if status != 0 {
            let verp = message.verp.is_some() && !self.settings.disable_verp_bounces;
            let what = match stage {
                Stage::Bounce | Stage::Expire if verp => "verp",
                Stage::Bounce | Stage::Expire => "bounce",
                Stage::Trace => "trace",
                Stage::Warn => "delay warning",
            };
            log::info!("{}: status=deferred ({what} failed)", message.id);
        }
        let failed = status != 0;
        match stage {
            Stage::Bounce => {
                message.deferred |= failed;
                self.check_and_refill(key);
            }
            Stage::Trace => {
                message.deferred |= failed;
                if let Some(offset) = message.trace_offset.filter(|_| !failed) {
                    self.kill_trace_record(key, offset);
                }
                self.expire_or_warn(key);
            }
            Stage::Expire => {
                message.deferred = failed;
                self.end(key);
            }
            Stage::Warn => {
                if let Some((offset, _)) = message.warning.filter(|_| !failed) {
                    self.mark_warned(key, offset);
                }
                self.end(key);
            }
        }
    }

    /// A report on `sendmail -v` goes out once.
    fn kill_trace_record(&self, key: MessageKey, offset: u64) {
        self.overwrite(key, offset, &[RecordType::KILLED.0]);
    }

    /// A delay warning goes out once.
    fn mark_warned(&self, key: MessageKey, offset: u64) {
        let mut record = Vec::new();
        // A Vec takes everything.
        let _ = queue::record::write(&mut record, RecordType::WARN_TIME, format!("{:15}", -1).as_bytes());
        self.overwrite(key, offset, &record);
    }

    fn overwrite(&self, key: MessageKey, offset: u64, bytes: &[u8]) {
        let Some(message) = self.messages.get(&key) else { return };
        let written = self
            .spool
            .open(QueueDir::Active, &message.id, Access::ReadWrite)
            .and_then(|file| file.write_all_at(bytes, offset));
        if let Err(error) = written {
            fatal!("update queue file active/{}: {}", message.id, sys::reason(&error));
        }
    }
}
