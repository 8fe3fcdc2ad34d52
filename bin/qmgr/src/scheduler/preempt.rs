//! Small messages go ahead of big ones (qmgr-bounce §6.3): each `cost` requests of a big message earn it a slot for a request of another.

use std::time::{Duration, Instant};

use super::MessageKey;
use super::jobs::{Jobs, Messages, count};
use crate::settings::TransportSettings;

/// For how long a candidate that was found is good.
const CANDIDATE_TIME: Duration = Duration::from_secs(1);

/// The answer of the last search.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    current: MessageKey,
    when: Instant,
    found: Option<MessageKey>,
}

impl Jobs {
    /// Puts the most deserving small job in front of the current one, if that one has earned it.
    pub fn preempt(&mut self, settings: &TransportSettings, messages: &mut Messages, now: Instant) {
        let cost = count(settings.slot_cost);
        let Some((current, job)) = self.current.and_then(|key| Some((key, self.get(key)?))) else { return };
        let is_small = count(self.maximum(current, messages)) < count(settings.minimum_slots).saturating_mul(cost);
        if cost < 2 || job.slots_available <= 0 || is_small {
            return;
        }
        let slots = job.slots_available / cost + count(settings.slot_loan);
        let Some(candidate) = self.candidate(current, cost, messages, now) else { return };
        let needed = self.needed(candidate, messages);
        let price = needed as f64 * (100 - settings.slot_discount.min(100)) as f64 / 100.0;
        if slots as f64 >= price {
            self.go_ahead(candidate, current, needed, settings, messages);
        }
    }

    /// How many requests a job may still come to.
    fn needed(&self, key: MessageKey, messages: &Messages) -> i64 {
        count(self.maximum(key, messages)) - self.get(key).map_or(0, |job| count(job.selected))
    }

    /// The job that has waited longest in relation to its size, and that the current one can afford.
    fn candidate(&mut self, current: MessageKey, cost: i64, messages: &Messages, now: Instant) -> Option<MessageKey> {
        if let Some(known) = self.candidate.filter(|known| known.current == current)
            && (known.found.is_none() || now.saturating_duration_since(known.when) < CANDIDATE_TIME)
        {
            return known.found;
        }
        let job = self.get(current)?;
        let affordable = (count(job.read) - count(job.selected) + job.slots_available) / cost;
        let found = if affordable > 0 { self.search(current, affordable, messages, now) } else { None };
        self.candidate = Some(Candidate { current, when: now, found });
        found
    }

    fn search(&self, current: MessageKey, affordable: i64, messages: &Messages, now: Instant) -> Option<MessageKey> {
        let mut best: Option<(f64, MessageKey)> = None;
        for key in std::iter::successors(self.order.next(current), |key| self.order.next(*key)) {
            let job = self.get(key)?;
            let delay = now.saturating_duration_since(job.queued).as_secs() as f64 + 1.0;
            let best_score = best.map_or(0.0, |(score, _)| score);
            if job.children.is_empty() && !self.is_blocked(key) {
                let score = delay / self.maximum(key, messages) as f64;
                if (1..=affordable).contains(&self.needed(key, messages)) && score > best_score {
                    best = Some((score, key));
                }
            }
            // What follows is younger.
            if job.level == Some(0) && delay <= best_score {
                break;
            }
        }
        best.map(|(_, key)| key)
    }

    fn go_ahead(
        &mut self,
        key: MessageKey,
        current: MessageKey,
        needed: i64,
        settings: &TransportSettings,
        messages: &mut Messages,
    ) {
        let cost = count(settings.slot_cost);
        self.pop(key, cost);
        self.order.remove(key);
        self.order.insert_before(current, key);
        let mut level = None;
        if let Some(parent) = self.get_mut(current) {
            parent.children.push(key);
            parent.slots_available -= needed * cost;
            level = parent.level.map(|level| level + 1);
        }
        if let Some(job) = self.get_mut(key) {
            (job.parent, job.level, job.slots_used) = (Some(current), level, -needed);
        }
        self.current = Some(key);
        self.candidate = None;
        self.lend_slots(key, settings, messages);
    }

    /// A job that went ahead, and has recipients that were not read, gets half of what can still be lent.
    fn lend_slots(&mut self, key: MessageKey, settings: &TransportSettings, messages: &mut Messages) {
        if let (Some(job), Some(message)) = (self.jobs.get_mut(&key), messages.get_mut(&key))
            && message.has_more
        {
            let lent = (count(settings.extra_recipient_limit) + self.pool + 1) / 2;
            job.recipient_limit += lent;
            message.recipient_limit += lent;
            self.pool -= lent;
        }
    }
}
