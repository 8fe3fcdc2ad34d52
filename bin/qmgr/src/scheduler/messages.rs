//! What the scheduler counts of each message.

use std::time::Instant;

use super::jobs::{MessageFacts, count};
use super::{Entry, MessageKey, Scheduler, TransportId};

impl Scheduler {
    /// A message becomes known; so many of its recipients may be in memory in any case.
    pub fn admit(&mut self, key: MessageKey, recipient_minimum: usize, now: Instant) {
        let facts = MessageFacts {
            queued: now,
            unread: 0,
            has_more: false,
            in_core: 0,
            recipient_limit: count(recipient_minimum),
            outstanding: 0,
            last_read: now,
            transports: Vec::new(),
        };
        self.messages.insert(key, facts);
    }

    /// Recipients of a message have been read; so many are said to be left, and `has_more` says whether the end was not seen.
    pub fn has_read(&mut self, key: MessageKey, unread: usize, has_more: bool, now: Instant) {
        let Some(message) = self.messages.get_mut(&key) else { return };
        (message.unread, message.has_more, message.last_read) = (unread, has_more, now);
    }

    /// The recipients that have been read are all added.
    pub fn has_added(&mut self, key: MessageKey) {
        let Some(message) = self.messages.get(&key).filter(|message| !message.has_more) else { return };
        for id in message.transports.clone() {
            self.transports[id.0].jobs.give_back_slots(key, &mut self.messages);
        }
    }

    /// How many recipients more of a message may be read.
    pub fn free_slots(&self, key: MessageKey) -> usize {
        self.messages.get(&key).map_or(0, |message| usize::try_from(message.free_slots()).unwrap_or(0))
    }

    /// Recipients of all messages that wait or are being delivered.
    pub fn recipients(&self) -> usize {
        self.recipients
    }

    /// How many requests, and other reasons to keep it, a message has; nothing when it is not known.
    pub fn outstanding(&self, key: MessageKey) -> Option<usize> {
        self.messages.get(&key).map(|message| message.outstanding)
    }

    /// There is one reason more to keep a message.
    pub fn hold(&mut self, key: MessageKey) {
        if let Some(message) = self.messages.get_mut(&key) {
            message.outstanding += 1;
        }
    }

    /// There is one reason less.
    pub fn release(&mut self, key: MessageKey) {
        if let Some(message) = self.messages.get_mut(&key) {
            message.outstanding = message.outstanding.saturating_sub(1);
        }
    }

    /// A message is gone, or is not ours any more.
    pub fn forget(&mut self, key: MessageKey) {
        let Some(message) = self.messages.get_mut(&key) else { return };
        message.has_more = false;
        for id in message.transports.clone() {
            self.retire(id, key);
            self.transports[id.0].jobs.jobs.remove(&key);
        }
        self.messages.remove(&key);
    }

    /// A recipient came into memory.
    pub(super) fn count_in(&mut self, key: MessageKey, id: TransportId) {
        self.recipients += 1;
        if let Some(message) = self.messages.get_mut(&key) {
            message.in_core += 1;
        }
        if let Some(job) = self.transports[id.0].jobs.get_mut(key) {
            job.in_core += 1;
        }
    }

    /// A request is done, and its recipients with it.
    pub(super) fn count_out(&mut self, entry: &Entry) {
        let (key, number) = (entry.message, entry.recipients.len());
        self.recipients = self.recipients.saturating_sub(number);
        let jobs = &mut self.transports[entry.destination.transport.0].jobs;
        if let Some(job) = jobs.get_mut(key) {
            job.in_core = job.in_core.saturating_sub(number);
        }
        let Some(message) = self.messages.get_mut(&key) else { return };
        message.in_core = message.in_core.saturating_sub(number);
        message.outstanding = message.outstanding.saturating_sub(1);
        if !message.has_more {
            jobs.give_back_slots(key, &mut self.messages);
        }
    }
}
