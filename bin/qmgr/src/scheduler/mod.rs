//! What is delivered next: transports, their destinations, and delivery requests that wait (qmgr-bounce §5, §6).
//!
//! Pure: no I/O, no clock. What shall happen later comes out as a [`Timer`] for the event loop.
//!
//! Within a transport, what a message wants of it is a job. The oldest job goes first, unless a small one has waited long and the
//! big one before it has earned it the way; within a job, destinations that have room take turns.

mod chain;
mod destination;
mod feedback;
mod jobs;
mod messages;
mod preempt;
mod select;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use bstr::{BStr, BString};
use ipc::bounce::{Dsn, Recipient};

pub use destination::{Destination, State};
pub use feedback::{Feedback, short};
pub use select::Choice;

use jobs::{Job, Jobs, Messages};

use crate::settings::TransportSettings;

/// Names a message in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageKey(pub u64);

/// Names a delivery request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryId(pub u64);

/// Names a transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransportId(pub usize);

/// Names a destination of a transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DestinationId {
    pub transport: TransportId,
    number: u64,
}

/// Recipients of one message that go to one place in one request.
#[derive(Clone, Debug)]
pub struct Entry {
    pub message: MessageKey,
    pub destination: DestinationId,
    pub recipients: Vec<Recipient>,
    busy: bool,
}

/// Something that shall happen after a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// A throttled transport is tried again.
    TransportAlive(TransportId),
    /// A dead destination is tried again.
    DestinationAlive(DestinationId),
    /// A destination's rate delay is over.
    DestinationResumes(DestinationId),
}

/// A delivery agent service.
#[derive(Debug)]
pub struct Transport {
    pub name: BString,
    pub settings: TransportSettings,
    /// Why it is not used.
    pub throttled: Option<Dsn>,
    rate_locked: bool,
    /// Connections that are being made.
    pending: usize,
    destinations: HashMap<u64, Destination>,
    names: HashMap<BString, u64>,
    /// Destinations that could take a request now.
    open: BTreeSet<u64>,
    jobs: Jobs,
}

impl Transport {
    /// Takes note of whether a destination could take a request now.
    fn note_capacity(&mut self, number: u64) {
        if self.destinations.get(&number).is_some_and(|destination| destination.capacity() > 0) {
            self.open.insert(number);
        } else {
            self.open.remove(&number);
        }
    }
}

/// How many connections to one transport are being made at once, at most.
const PENDING_LIMIT: usize = 2;

/// All transports and all requests.
#[derive(Debug)]
pub struct Scheduler {
    transports: Vec<Transport>,
    names: HashMap<BString, TransportId>,
    /// The transport that was chosen last, so that all have their turn.
    turn: usize,
    entries: HashMap<EntryId, Entry>,
    messages: Messages,
    /// Recipients of all messages.
    recipients: usize,
    next_number: u64,
    timers: Vec<(Duration, Timer)>,
    transport_retry: Duration,
    minimal_backoff: Duration,
}

impl Scheduler {
    pub fn new(transport_retry: Duration, minimal_backoff: Duration) -> Self {
        Self {
            transports: Vec::new(),
            names: HashMap::new(),
            turn: 0,
            entries: HashMap::new(),
            messages: Messages::new(),
            recipients: 0,
            next_number: 0,
            timers: Vec::new(),
            transport_retry,
            minimal_backoff,
        }
    }

    /// Finds a transport; `settings` are read when it is new.
    pub fn transport(&mut self, name: &BStr, settings: impl FnOnce() -> TransportSettings) -> TransportId {
        if let Some(id) = self.names.get::<BStr>(name) {
            return *id;
        }
        let id = TransportId(self.transports.len());
        let settings = settings();
        self.transports.push(Transport {
            name: name.into(),
            jobs: Jobs::new(settings.recipient_pool),
            settings,
            throttled: None,
            rate_locked: false,
            pending: 0,
            destinations: HashMap::new(),
            names: HashMap::new(),
            open: BTreeSet::new(),
        });
        self.names.insert(name.into(), id);
        id
    }

    pub fn transport_of(&self, id: TransportId) -> &Transport {
        &self.transports[id.0]
    }

    /// Finds a destination by its name, or makes one with this next hop.
    pub fn destination(&mut self, transport: TransportId, name: &BStr, nexthop: &BStr) -> DestinationId {
        let next = self.next_number;
        let owner = &mut self.transports[transport.0];
        let number = *owner.names.entry(name.into()).or_insert(next);
        if number == next {
            self.next_number += 1;
            owner.destinations.insert(number, Destination::new(name.into(), nexthop.into(), &owner.settings));
        }
        DestinationId { transport, number }
    }

    /// A destination, unless it was forgotten.
    pub fn destination_of(&self, id: DestinationId) -> Option<&Destination> {
        self.transports[id.transport.0].destinations.get(&id.number)
    }

    pub fn destination_mut(&mut self, id: DestinationId) -> Option<&mut Destination> {
        self.transports[id.transport.0].destinations.get_mut(&id.number)
    }

    /// How many destinations a transport has.
    pub fn destination_count(&self, transport: TransportId) -> usize {
        self.transports[transport.0].destinations.len()
    }

    /// How many destinations all transports have.
    pub fn all_destinations(&self) -> usize {
        self.transports.iter().map(|transport| transport.destinations.len()).sum()
    }

    /// Adds a recipient to the last request of its message that waits for the destination, or to a new one. True: a new one was made.
    pub fn add(&mut self, key: MessageKey, id: DestinationId, recipient: Recipient, alone: bool) -> bool {
        let transport = &mut self.transports[id.transport.0];
        let Some(message) = self.messages.get_mut(&key) else { return false };
        let job = transport.jobs.jobs.entry(key).or_insert_with(|| {
            message.transports.push(id.transport);
            Job::new(message.queued)
        });
        let last = job.last_waiting(id.number);
        transport.jobs.list(key, &mut self.messages);
        self.count_in(key, id.transport);
        let transport = &mut self.transports[id.transport.0];
        let limit = transport.settings.recipient_limit;
        let Some(destination) = transport.destinations.get_mut(&id.number) else { return false };
        if let Some(entry) = last.and_then(|last| self.entries.get_mut(&last))
            && !alone
            && (limit == 0 || entry.recipients.len() < limit)
        {
            entry.recipients.push(recipient);
            return false;
        }
        let entry = EntryId(self.next_number);
        self.next_number += 1;
        destination.waiting.push_back(entry);
        self.entries.insert(entry, Entry { message: key, destination: id, recipients: vec![recipient], busy: false });
        transport.jobs.add_entry(key, id.number, entry);
        self.hold(key);
        self.reconsider(id);
        true
    }

    /// A transport that wants one more connection; it counts as being made (§5.2).
    pub fn next_transport(&mut self) -> Option<TransportId> {
        let count = self.transports.len();
        for step in 1..=count {
            let index = (self.turn + step) % count;
            if self.wants_connection(index) {
                self.turn = index;
                let transport = &mut self.transports[index];
                transport.pending += 1;
                transport.rate_locked = !transport.settings.transport_delay.is_zero();
                return Some(TransportId(index));
            }
        }
        None
    }

    fn wants_connection(&self, index: usize) -> bool {
        let transport = &self.transports[index];
        if transport.throttled.is_some() || transport.rate_locked || transport.pending >= PENDING_LIMIT {
            return false;
        }
        let needed = transport.pending + 1;
        let mut capacity = 0;
        for number in &transport.open {
            capacity += transport.destinations.get(number).map_or(0, Destination::capacity);
            if capacity >= needed {
                return true;
            }
        }
        false
    }

    /// A connection was made, or could not be made.
    pub fn connection_made(&mut self, transport: TransportId) {
        let transport = &mut self.transports[transport.0];
        transport.pending = transport.pending.saturating_sub(1);
    }

    /// A request could not be handed over: it waits again, in front of the others of its job.
    pub fn put_back(&mut self, id: EntryId) {
        let Some(entry) = self.entries.get_mut(&id).filter(|entry| entry.busy) else { return };
        entry.busy = false;
        let (key, destination_id) = (entry.message, entry.destination);
        let transport = &mut self.transports[destination_id.transport.0];
        if let Some(destination) = transport.destinations.get_mut(&destination_id.number) {
            destination.busy = destination.busy.saturating_sub(1);
            destination.waiting.push_back(id);
        }
        if let Some(job) = transport.jobs.get_mut(key) {
            job.selected = job.selected.saturating_sub(1);
            job.wait(destination_id.number, id, true);
        }
        transport.jobs.list(key, &mut self.messages);
        self.reconsider(destination_id);
    }

    pub fn entry(&self, id: EntryId) -> Option<&Entry> {
        self.entries.get(&id)
    }

    /// A request is done, by a delivery or by deferral (§5.4).
    pub fn finish(&mut self, id: EntryId, now: Instant, too_many_destinations: bool) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        let destination_id = entry.destination;
        let transport = &mut self.transports[destination_id.transport.0];
        let settings = transport.settings.clone();
        let destination = transport.destinations.get_mut(&destination_id.number)?;
        if entry.busy {
            destination.busy = destination.busy.saturating_sub(1);
            destination.done(now);
            if !settings.destination_delay.is_zero() {
                destination.suspend();
                self.timers.push((settings.destination_delay, Timer::DestinationResumes(destination_id)));
            }
        } else {
            destination.stop_waiting(id);
            if let Some(job) = transport.jobs.get_mut(entry.message) {
                job.stop_waiting(destination_id.number, id);
                job.selected += 1;
            }
        }
        self.count_out(&entry);
        self.reconsider(destination_id);
        self.forget_if_idle(destination_id, too_many_destinations);
        Some(entry)
    }

    /// Forgets a destination that has nothing to do. A dead one is remembered until its time is up, unless there are too many.
    fn forget_if_idle(&mut self, id: DestinationId, too_many: bool) {
        let transport = &mut self.transports[id.transport.0];
        let Some(destination) = transport.destinations.get(&id.number) else { return };
        let forgettable = match destination.state {
            State::Ready => true,
            State::Dead(_) => too_many,
            State::Suspended => false,
        };
        if destination.is_empty() && forgettable {
            let name = destination.name.clone();
            transport.destinations.remove(&id.number);
            transport.names.remove(&name);
            transport.open.remove(&id.number);
        }
    }

    /// A delivery found the site in order.
    pub fn site_is_good(&mut self, id: DestinationId) {
        self.with_destination(id, |destination, settings| {
            let feedback = destination.succeed(settings);
            settings.trace("qmgr_queue_unthrottle", feedback, destination);
        });
    }

    /// A delivery found the site unusable. True: the destination is dead now.
    pub fn site_is_bad(&mut self, id: DestinationId, dsn: Dsn) -> bool {
        let mut died = false;
        self.with_destination(id, |destination, settings| {
            if destination.state == State::Ready {
                let feedback = destination.fail(settings, dsn);
                died = feedback.is_none();
                settings.trace("qmgr_queue_throttle", feedback, destination);
            }
        });
        if died {
            self.timers.push((self.minimal_backoff, Timer::DestinationAlive(id)));
        }
        died
    }

    /// Tries a dead destination again. One that lives is left alone: recipients may be on their way to it.
    pub fn revive_destination(&mut self, id: DestinationId) {
        if !self.destination_of(id).is_some_and(Destination::is_dead) {
            return;
        }
        self.with_destination(id, |destination, settings| {
            destination.revive(settings);
            settings.trace("qmgr_queue_unthrottle", None, destination);
        });
        self.forget_if_idle(id, false);
    }

    /// A rate delay is over.
    pub fn resume_destination(&mut self, id: DestinationId) {
        self.with_destination(id, |destination, _| {
            if destination.state == State::Suspended {
                destination.resume();
            }
        });
        self.forget_if_idle(id, false);
    }

    fn with_destination(&mut self, id: DestinationId, change: impl FnOnce(&mut Destination, &TransportSettings)) {
        let transport = &mut self.transports[id.transport.0];
        if let Some(destination) = transport.destinations.get_mut(&id.number) {
            change(destination, &transport.settings);
        }
        self.reconsider(id);
    }

    /// A transport does not work. One that is throttled already keeps its reason and its timer.
    pub fn throttle_transport(&mut self, id: TransportId, dsn: Dsn) {
        let transport = &mut self.transports[id.0];
        if transport.throttled.is_none() {
            transport.throttled = Some(dsn);
            self.timers.push((self.transport_retry, Timer::TransportAlive(id)));
        }
    }

    /// A transport works, or is to be tried again.
    pub fn revive_transport(&mut self, id: TransportId) {
        let transport = &mut self.transports[id.0];
        transport.throttled = None;
        transport.rate_locked = false;
    }

    /// Tries everything again.
    pub fn revive_all(&mut self) {
        for index in 0..self.transports.len() {
            let id = TransportId(index);
            self.revive_transport(id);
            let numbers: Vec<u64> = self.transports[index].destinations.keys().copied().collect();
            for number in numbers {
                self.revive_destination(DestinationId { transport: id, number });
            }
        }
    }

    /// The requests that wait for a destination.
    pub fn waiting_for(&self, id: DestinationId) -> Vec<EntryId> {
        self.destination_of(id).map(|destination| destination.waiting.iter().copied().collect()).unwrap_or_default()
    }

    /// The requests that wait for any destination of a transport.
    pub fn waiting_for_transport(&self, id: TransportId) -> Vec<EntryId> {
        self.transports[id.0]
            .destinations
            .values()
            .flat_map(|destination| destination.waiting.iter().copied())
            .collect()
    }

    /// What shall happen later, since this was asked last.
    pub fn take_timers(&mut self) -> Vec<(Duration, Timer)> {
        std::mem::take(&mut self.timers)
    }
}
