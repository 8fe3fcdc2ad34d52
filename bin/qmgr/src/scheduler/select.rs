//! Which request a connection carries (qmgr-bounce §6.4).

use std::time::Instant;

use super::jobs::{MessageFacts, count};
use super::{DestinationId, EntryId, MessageKey, Scheduler, TransportId};

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// This request.
    Entry(EntryId),
    /// Recipients of this message must be read; then ask again.
    Refill(MessageKey),
    /// Nothing: there is no need any more, and the rate lock is off.
    Nothing,
}

impl Scheduler {
    /// A connection can carry a request: perhaps another job than the current one should have it. Then ask [`Scheduler::take_entry`].
    pub fn begin_selection(&mut self, id: TransportId, now: Instant) {
        let transport = &mut self.transports[id.0];
        transport.jobs.preempt(&transport.settings, &mut self.messages, now);
    }

    /// The request that a new connection shall carry.
    pub fn take_entry(&mut self, id: TransportId, now: Instant) -> Choice {
        let mut next = self.transports[id.0].jobs.current;
        while let Some(key) = next {
            let jobs = &self.transports[id.0].jobs;
            next = jobs.order.next(key);
            if jobs.is_blocked(key) {
                continue;
            }
            if self.should_refill(id, key, now) {
                return Choice::Refill(key);
            }
            if let Some(entry) = self.next_of_job(id, key) {
                self.select(id, key, entry);
                return Choice::Entry(entry);
            }
            if self.messages.get(&key).is_some_and(MessageFacts::can_refill) {
                return Choice::Refill(key);
            }
            if self.transports[id.0].jobs.get(key).is_some_and(|job| job.has_waiting()) {
                self.block(id, key);
            } else {
                self.retire(id, key);
            }
        }
        let transport = &mut self.transports[id.0];
        transport.jobs.current = None;
        transport.rate_locked = false;
        Choice::Nothing
    }

    /// Whether it is time to read more recipients, while others are being delivered (§6.6).
    fn should_refill(&self, id: TransportId, key: MessageKey, now: Instant) -> bool {
        let Some(message) = self.messages.get(&key).filter(|message| message.can_refill()) else { return false };
        let settings = &self.transports[id.0].settings;
        message.free_slots() >= count(settings.refill_limit)
            || now.saturating_duration_since(message.last_read) >= settings.refill_delay
    }

    /// The first waiting request of the destination whose turn it is, among those that can take one.
    fn next_of_job(&mut self, id: TransportId, key: MessageKey) -> Option<EntryId> {
        let transport = &mut self.transports[id.0];
        let job = transport.jobs.jobs.get_mut(&key)?;
        let can_take = |number: &u64| transport.destinations.get(number).is_some_and(|found| found.capacity() > 0);
        let at = job.round.iter().position(can_take)?;
        let number = job.round[at];
        job.round.rotate_left(at + 1);
        job.waiting.get(&number)?.front().copied()
    }

    fn select(&mut self, id: TransportId, key: MessageKey, entry: EntryId) {
        let Some(found) = self.entries.get_mut(&entry) else { return };
        found.busy = true;
        let destination_id = found.destination;
        let transport = &mut self.transports[id.0];
        if let Some(destination) = transport.destinations.get_mut(&destination_id.number) {
            destination.stop_waiting(entry);
            destination.busy += 1;
        }
        transport.note_capacity(destination_id.number);
        transport.jobs.current = Some(key);
        let Some(job) = transport.jobs.get_mut(key) else { return };
        job.stop_waiting(destination_id.number, entry);
        job.selected += 1;
        job.slots_available += 1;
        job.slots_used += 1;
        let is_empty = !job.has_waiting() && self.messages.get(&key).is_none_or(|message| !message.has_more);
        if is_empty {
            self.retire(id, key);
        }
    }

    /// A job has requests, but none of its destinations can take one: until one of these can, it is passed over.
    fn block(&mut self, id: TransportId, key: MessageKey) {
        let transport = &mut self.transports[id.0];
        let tag = transport.jobs.blocker_tag;
        let Some(job) = transport.jobs.jobs.get_mut(&key) else { return };
        job.blocker = tag;
        for number in &job.round {
            if let Some(destination) = transport.destinations.get_mut(number) {
                destination.blocker = tag;
            }
        }
        transport.jobs.candidate = None;
    }

    pub(super) fn retire(&mut self, id: TransportId, key: MessageKey) {
        let transport = &mut self.transports[id.0];
        transport.jobs.retire(key, count(transport.settings.slot_cost), &mut self.messages);
    }

    /// A destination changed: it may have room for a request, and jobs that waited for that are looked at again.
    pub(super) fn reconsider(&mut self, id: DestinationId) {
        let transport = &mut self.transports[id.transport.0];
        transport.note_capacity(id.number);
        let tag = transport.jobs.blocker_tag;
        let Some(destination) = transport.destinations.get_mut(&id.number) else { return };
        if destination.blocker != tag {
            return;
        }
        if destination.capacity() > 0 {
            destination.blocker = 0;
            transport.jobs.unblock_all();
        } else if destination.is_dead() || destination.has_room() {
            destination.blocker = 0;
        }
    }
}
