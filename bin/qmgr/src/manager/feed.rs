//! Bringing messages into the active queue (qmgr-bounce §2.1, §2.2, §2.8 to §2.10).

use std::fs::{File, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::{Duration, Instant, SystemTime};

use ::deliver::{Attempt, Outcome, RETRY_SERVICE, Reporter};
use bstr::{BStr, BString};
use ipc::bounce::{Dsn, Recipient};
use ipc::delivery::flag;
use logging::fatal;
use queue::file::{Access, mode, set_times};
use queue::{Entry, QueueDir, QueueId, RecordType};

use super::{INCOMING, Manager};
use crate::message::{Invalid, Message, read_batch};
use crate::resolve::{Route, sort_by_domain};
use crate::scan::ScanFlags;
use crate::scheduler::{DestinationId, MessageKey, State};
use crate::settings::TransportSettings;

/// How long a message rests that somebody else has locked.
const LOCKED_PAUSE: Duration = Duration::from_secs(60);
/// The most recipients that one batch has.
const BATCH_LIMIT: usize = 5000;

/// What became of one turn of feeding.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fed {
    /// Some scan had a file name: there may be more at once.
    pub found_file: bool,
    /// A message was taken from `incoming`.
    pub from_incoming: bool,
}

impl Manager {
    /// What an earlier queue manager had in memory is new mail again.
    pub(super) fn return_active_messages(&mut self) {
        let scan = queue::Scan::new(&self.spool, QueueDir::Active).unwrap_or_else(|error| fatal!("{error}"));
        for entry in scan {
            let entry = entry.unwrap_or_else(|error| fatal!("{error}"));
            let Some(id) = entry.id() else {
                log::warn!("qmgr_move: ignored: queue active id {}", entry.name.display());
                continue;
            };
            let path = entry.path.display();
            match set_times(&entry.path, SystemTime::now())
                .and_then(|()| self.spool.rename(&id, QueueDir::Active, QueueDir::Incoming))
            {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => log::warn!("{path}: {}", sys::reason(&error)),
                Err(error) => fatal!("move {path} to incoming: {}", sys::reason(&error)),
            }
        }
    }

    /// Takes at most one message, from the scan whose turn it is or else from the other.
    pub(super) fn feed(&mut self) -> Fed {
        let mut fed = Fed::default();
        if self.messages.len() >= self.settings.active_limit {
            return fed;
        }
        for _ in 0..self.scans.len() {
            let scan = self.turn;
            self.turn = (self.turn + 1) % self.scans.len();
            let Some((entry, flags)) = self.scans[scan].next(&self.spool) else { continue };
            fed.found_file = true;
            if self.accept(self.scans[scan].dir, &entry, flags) {
                fed.from_incoming = scan == INCOMING;
                break;
            }
        }
        if self.messages.len() >= self.settings.active_limit {
            self.turn = INCOMING;
        }
        fed
    }

    /// Tries to bring one file into the active queue (§2.1).
    fn accept(&mut self, from: QueueDir, entry: &Entry, flags: ScanFlags) -> bool {
        let Some(id) = entry.id() else { return false };
        let Some(metadata) = self.spool.complete_message(from, &id) else { return false };
        let soon = SystemTime::now() + Duration::from_secs(1);
        if !flags.all && metadata.modified().is_ok_and(|time| time > soon) {
            return false;
        }
        match self.spool.rename(&id, from, QueueDir::Active) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let reason = sys::reason(&error);
                log::warn!("qmgr_active_feed: {id}: rename from {} to active: {reason}", from.name());
                return false;
            }
            Err(error) => {
                fatal!("qmgr_active_feed: {id}: rename from {} to active: {}", from.name(), sys::reason(&error))
            }
        }
        let mut message = Message::new(id, flags);
        message.unthrottle = metadata.mode() & mode::UNTHROTTLE != 0;
        message.force_expire = metadata.mode() & mode::EXPIRE != 0;
        self.activate(message)
    }

    /// Loads a message that is in `active` by now. True: it is in memory.
    fn activate(&mut self, mut message: Message) -> bool {
        let id = message.id.clone();
        let loaded = self.open_active(&id).map_err(|()| None).and_then(|file| {
            if sys::lock::try_exclusive(&file).is_err() {
                log::info!("{id}: skipped, still being delivered");
                return Err(Some(()));
            }
            let room = self.settings.recipient_limit.saturating_sub(self.scheduler.recipients());
            let limit = room.max(self.settings.recipient_minimum);
            let recipients = self.read(&mut message, &file, limit).map_err(|Invalid| None)?;
            Ok((file, recipients))
        });
        let (file, recipients) = match loaded {
            Ok(loaded) => loaded,
            Err(Some(())) => {
                self.postpone_locked(&id);
                return false;
            }
            Err(None) => {
                self.save_corrupt(&id);
                return false;
            }
        };
        if message.unthrottle {
            clear_unthrottle(&file, &id);
        }
        if self.settings.confirm_delay_cleared && message.warning.is_some_and(|(_, time)| time < 0) {
            message.trace_flags |= flag::TRACE_DELAY;
        }
        let expire_by_log = message.force_expire && self.log_size(QueueDir::Defer, &id).is_some_and(|size| size > 0);
        if !expire_by_log {
            self.remove_defer_log(&id);
        }
        if message.trace_flags & flag::MTA_VERIFY != 0 {
            self.probes += 1;
        }
        let key = MessageKey(self.next_key);
        self.next_key += 1;
        message.deferred = expire_by_log;
        self.messages.insert(key, message);
        self.scheduler.admit(key, self.settings.recipient_minimum, Instant::now());
        if !expire_by_log {
            self.assign(key, recipients);
        }
        // The lock ends here: delivery agents need it.
        drop(file);
        self.complete_if_idle(key);
        true
    }

    fn open_active(&self, id: &QueueId) -> Result<File, ()> {
        match self.spool.open(QueueDir::Active, id, Access::ReadWrite) {
            Ok(file) => Ok(file),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                log::warn!("open active {id}: {}", sys::reason(&error));
                Err(())
            }
            Err(error) => fatal!("open active {id}: {}", sys::reason(&error)),
        }
    }

    /// Reads the next batch of recipients.
    fn read(&self, message: &mut Message, file: &File, limit: usize) -> Result<Vec<Recipient>, Invalid> {
        let limit = limit.clamp(1, BATCH_LIMIT);
        let path = self.spool.path(QueueDir::Active, &message.id).display().to_string();
        let copy = file.try_clone().map_err(|error| {
            log::warn!("{path}: {}", sys::reason(&error));
            Invalid
        })?;
        read_batch(message, copy, &path, limit, &self.settings.verp_filter)
    }

    /// Reads more recipients of a message. When its file is no message any more, it goes to `corrupt` at once, and is forgotten when
    /// deliveries that go on have ended.
    pub(super) fn refill(&mut self, key: MessageKey) {
        let Some(mut message) = self.messages.remove(&key) else { return };
        let limit = self.scheduler.free_slots(key);
        let recipients =
            self.open_active(&message.id).and_then(|file| self.read(&mut message, &file, limit).map_err(|Invalid| ()));
        if recipients.is_err() {
            self.save_corrupt(&message.id);
            (message.corrupt, message.next_offset, message.unread) = (true, None, 0);
        }
        self.messages.insert(key, message);
        self.assign(key, recipients.unwrap_or_default());
    }

    /// Somebody delivers from this file, perhaps on behalf of an earlier queue manager.
    fn postpone_locked(&self, id: &QueueId) {
        let path = self.spool.path(QueueDir::Active, id);
        let moved = set_times(&path, SystemTime::now() + LOCKED_PAUSE)
            .and_then(|()| self.spool.rename(id, QueueDir::Active, QueueDir::Incoming));
        match moved {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                fatal!("{id}: move from active to incoming: {}", sys::reason(&error));
            }
            _ => {}
        }
    }

    /// Puts a file aside that is no message.
    pub(super) fn save_corrupt(&self, id: &QueueId) {
        match self.spool.rename(id, QueueDir::Active, QueueDir::Corrupt) {
            Ok(()) => log::warn!("saving corrupt file \"{id}\" from queue \"active\" to queue \"corrupt\""),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                fatal!("qmgr_active_corrupt: save corrupt file queue active id {id}: {}", sys::reason(&error))
            }
        }
    }

    /// The size of a message's log, if there is one.
    pub(super) fn log_size(&self, dir: QueueDir, id: &QueueId) -> Option<u64> {
        std::fs::metadata(self.spool.path(dir, id)).ok().map(|metadata| metadata.len())
    }

    fn remove_defer_log(&self, id: &QueueId) {
        match self.spool.remove(QueueDir::Defer, id) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                fatal!("remove defer log {id}: {}", sys::reason(&error));
            }
            _ => {}
        }
    }

    /// Finds out where recipients go, and makes delivery requests.
    fn assign(&mut self, key: MessageKey, mut recipients: Vec<Recipient>) {
        sort_by_domain(&mut recipients);
        if let Some(message) = self.messages.get_mut(&key).filter(|message| message.redirect.is_some()) {
            recipients.truncate(1);
            message.next_offset = None;
            message.unread = 0;
        }
        if let Some(message) = self.messages.get(&key) {
            let unread = usize::try_from(message.unread).unwrap_or(0);
            self.scheduler.has_read(key, unread, message.next_offset.is_some(), Instant::now());
        }
        let mut placed: Vec<(BString, BString, Recipient, DestinationId)> = Vec::new();
        for recipient in recipients {
            if let Some((recipient, id)) = self.place(key, recipient) {
                let transport = self.scheduler.transport_of(id.transport).name.clone();
                let name = self.scheduler.destination_of(id).map(|found| found.name.clone()).unwrap_or_default();
                placed.push((transport, name, recipient, id));
            }
        }
        placed.sort_by(|one, two| (&one.0, &one.1).cmp(&(&two.0, &two.1)));
        for (_, _, recipient, id) in placed {
            self.enqueue(key, recipient, id);
        }
        self.scheduler.has_added(key);
    }

    /// Decides about one recipient: where it goes, or that it needs no delivery now.
    fn place(&mut self, key: MessageKey, mut recipient: Recipient) -> Option<(Recipient, DestinationId)> {
        let message = self.messages.get(&key)?;
        let too_many_probes = self.probes > self.settings.probe_limit;
        let flush = message.unthrottle;
        let (transport, nexthop) = match self.rules.route(message, &mut recipient, &mut self.rewrite, too_many_probes) {
            Route::To { transport, nexthop } => (transport, nexthop),
            Route::DoubleBounce => {
                self.discard_double_bounce(key, &recipient);
                return None;
            }
        };
        let id = self.transport(transport.as_ref());
        if flush {
            self.scheduler.revive_transport(id);
        }
        if let Some(dsn) = self.scheduler.transport_of(id).throttled.clone() {
            return self.place_for_retry(key, recipient, dsn);
        }
        let limit = self.scheduler.transport_of(id).settings.recipient_limit;
        let name = self.rules.destination_name(transport.as_ref(), nexthop.as_ref(), &recipient.address, limit);
        let destination = self.scheduler.destination(id, name.as_ref(), nexthop.as_ref());
        if flush {
            self.scheduler.revive_destination(destination);
            // Revival forgets a destination that has nothing to do yet.
            let again = self.scheduler.destination(id, name.as_ref(), nexthop.as_ref());
            return Some((recipient, again));
        }
        match self.scheduler.destination_of(destination).map(|found| found.state.clone()) {
            Some(State::Dead(dsn)) => self.place_for_retry(key, recipient, dsn),
            _ => Some((recipient, destination)),
        }
    }

    /// A dead transport or destination: the retry agent defers the recipient, or this process does it when that is dead too.
    pub(super) fn place_for_retry(
        &mut self,
        key: MessageKey,
        recipient: Recipient,
        dsn: Dsn,
    ) -> Option<(Recipient, DestinationId)> {
        let id = self.transport(RETRY_SERVICE.into());
        let name = BString::from([dsn.status.as_slice(), b" ", &dsn.reason].concat());
        let usable = self.scheduler.transport_of(id).throttled.is_none();
        let destination = usable.then(|| self.scheduler.destination(id, name.as_ref(), name.as_ref()));
        let alive = |id: &DestinationId| {
            !matches!(self.scheduler.destination_of(*id).map(|found| &found.state), Some(State::Dead(_)))
        };
        if let Some(destination) = destination.filter(alive) {
            return Some((recipient, destination));
        }
        self.defer_now(key, &recipient, dsn);
        None
    }

    pub(super) fn transport(&mut self, name: &BStr) -> crate::scheduler::TransportId {
        let config = &self.context.config;
        self.scheduler.transport(name, || TransportSettings::read(config, name))
    }

    pub(super) fn enqueue(&mut self, key: MessageKey, recipient: Recipient, id: DestinationId) {
        let Some(message) = self.messages.get(&key) else { return };
        if self.scheduler.add(key, id, recipient, message.verp.is_some()) {
            self.warn_about_clog(id);
        }
    }

    /// Defers a recipient without an agent.
    pub(super) fn defer_now(&mut self, key: MessageKey, recipient: &Recipient, dsn: Dsn) {
        self.report(key, recipient, |reporter, attempt| reporter.defer(attempt, dsn));
    }

    /// A notice to the postmaster that cannot be delivered would only make another one.
    fn discard_double_bounce(&mut self, key: MessageKey, recipient: &Recipient) {
        let dsn = Dsn::new("2.0.0", "undeliverable postmaster notification discarded");
        self.report(key, recipient, |reporter, attempt| reporter.sent(attempt, dsn));
    }

    /// Reports on a recipient that no agent has seen, and marks it as done or its message as deferred.
    fn report(
        &mut self,
        key: MessageKey,
        recipient: &Recipient,
        tell: impl FnOnce(&mut Reporter, &Attempt<'_>) -> Outcome,
    ) {
        let Some(message) = self.messages.get_mut(&key) else { return };
        let stats = message.stats();
        let attempt = Attempt {
            queue_id: message.id.as_str().as_bytes(),
            flags: message.trace_flags & flag::TRACE_MASK,
            stats: &stats,
            recipient,
            relay: b"none",
        };
        match tell(&mut self.reporter, &attempt) {
            Outcome::Retry => message.deferred = true,
            Outcome::Done => self.mark_done(key, recipient),
        }
    }

    /// Marks a recipient in the queue file as done.
    fn mark_done(&self, key: MessageKey, recipient: &Recipient) {
        let (Some(message), Ok(offset)) = (self.messages.get(&key), u64::try_from(recipient.offset)) else { return };
        let marked = self
            .spool
            .open(QueueDir::Active, &message.id, Access::ReadWrite)
            .and_then(|file| queue::file::mark_recipient(&file, offset, RecordType::DONE));
        if let Err(error) = marked {
            fatal!("update queue file active/{}: {}", message.id, sys::reason(&error));
        }
    }

    /// Says when one destination has most of the active queue (§5.10).
    fn warn_about_clog(&mut self, id: DestinationId) {
        let Some(pause) = self.settings.clog_warn_time else { return };
        let active_limit = self.settings.active_limit;
        let destinations = self.scheduler.destination_count(id.transport);
        let transport = self.scheduler.transport_of(id.transport);
        let (name, limit) = (transport.name.clone(), transport.settings.concurrency_limit);
        let messages = self.messages.len();
        let Some(destination) = self.scheduler.destination_mut(id) else { return };
        let entries = destination.waiting.len() + destination.busy;
        if entries * 5 <= active_limit || destination.clog_warned.is_some_and(|time| time.elapsed() < pause) {
            return;
        }
        destination.clog_warned = Some(std::time::Instant::now());
        let (nexthop, busy, window) = (destination.nexthop.clone(), destination.busy, destination.window);
        log::warn!("mail for {nexthop} is using up {entries} of {messages} active queue entries");
        if entries * 10 < messages * 9 {
            log::warn!("this may slow down other mail deliveries");
        }
        if limit > 0 && limit <= busy + 1 {
            log::warn!("you may need to increase the main.cf {name}_destination_concurrency_limit from {limit}");
        } else if window * messages > active_limit * entries {
            log::warn!("you may need to increase the main.cf qmgr_message_active_limit from {active_limit}");
        } else if destinations > 1 {
            log::warn!("you may need a separate master.cf transport for {nexthop}");
        } else {
            log::warn!("you may need to reduce {name} connect and helo timeouts");
            log::warn!("so that Postfix quickly skips unavailable hosts");
            log::warn!("you may need to increase the main.cf minimal_backoff_time and maximal_backoff_time");
            log::warn!("so that Postfix wastes less time on undeliverable mail");
            log::warn!("you may need to increase the master.cf {name} process limit");
        }
        log::warn!("please avoid flushing the whole queue when you have");
        log::warn!("lots of deferred mail, that is bad for performance");
        log::warn!("to turn off these warnings specify: qmgr_clog_warn_time = 0");
    }
}

/// The wish to be tried at once is fulfilled.
fn clear_unthrottle(file: &File, id: &QueueId) {
    let cleared = file.metadata().and_then(|metadata| {
        file.set_permissions(Permissions::from_mode(metadata.mode() & 0o7777 & !mode::UNTHROTTLE))
    });
    if let Err(error) = cleared {
        fatal!("{id}: chmod: {}", sys::reason(&error));
    }
}
