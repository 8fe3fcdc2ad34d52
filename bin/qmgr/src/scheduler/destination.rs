//! One destination of a transport: its window, and who waits (qmgr-bounce §5.6).

use std::collections::VecDeque;
use std::time::Instant;

use bstr::BString;
use ipc::bounce::Dsn;
use ipc::delivery::flag;

use super::EntryId;
use super::feedback::short;
use crate::settings::TransportSettings;

/// Whether a destination can be delivered to.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// As many deliveries as the window allows.
    Ready,
    /// None: too many failed.
    Dead(Dsn),
    /// None until the rate delay is over.
    Suspended,
}

/// A place that mail goes to.
#[derive(Clone, Debug)]
pub struct Destination {
    pub name: BString,
    pub nexthop: BString,
    pub state: State,
    /// How many deliveries may go on at once.
    pub window: usize,
    pub busy: usize,
    pub waiting: VecDeque<EntryId>,
    success: f64,
    failure: f64,
    failed_cohorts: f64,
    last_done: Option<Instant>,
    /// [`flag::CACHE_LOAD`] and [`flag::CACHE_STORE`].
    cache_flags: i32,
    /// The blocker tag at which a job found no room here.
    pub blocker: u64,
    pub clog_warned: Option<Instant>,
}

impl Destination {
    pub fn new(name: BString, nexthop: BString, settings: &TransportSettings) -> Self {
        Self {
            name,
            nexthop,
            state: State::Ready,
            window: settings.initial_concurrency,
            busy: 0,
            waiting: VecDeque::new(),
            success: 0.0,
            failure: 0.0,
            failed_cohorts: 0.0,
            last_done: None,
            cache_flags: 0,
            blocker: 0,
            clog_warned: None,
        }
    }

    /// How many deliveries could start now.
    pub fn capacity(&self) -> usize {
        match self.state {
            State::Ready => self.window.saturating_sub(self.busy).min(self.waiting.len()),
            State::Dead(_) | State::Suspended => 0,
        }
    }

    /// Whether one delivery more may go on.
    pub fn has_room(&self) -> bool {
        self.state == State::Ready && self.window > self.busy
    }

    pub fn is_dead(&self) -> bool {
        matches!(self.state, State::Dead(_))
    }

    /// A request waits here no more.
    pub fn stop_waiting(&mut self, entry: EntryId) {
        if let Some(at) = self.waiting.iter().position(|other| *other == entry) {
            self.waiting.remove(at);
        }
    }

    /// Whether nothing is going on.
    pub fn is_empty(&self) -> bool {
        self.busy == 0 && self.waiting.is_empty()
    }

    /// A delivery found the site in order. The feedback, if it counts.
    pub fn succeed(&mut self, settings: &TransportSettings) -> Option<f64> {
        self.failed_cohorts = 0.0;
        if self.state != State::Ready {
            self.revive(settings);
            return None;
        }
        let limit = settings.concurrency_limit;
        if (limit == 0 || limit > self.window) && self.window < self.busy + settings.initial_concurrency {
            let feedback = settings.positive.value(self.window);
            self.success += feedback;
            while self.success + feedback / 2.0 >= 1.0 {
                self.window += 1;
                self.success -= 1.0;
                self.failure = 0.0;
            }
            if limit > 0 {
                self.window = self.window.min(limit);
            }
            return Some(feedback);
        }
        None
    }

    /// A delivery found the site unusable, and the destination is ready. The feedback; none: that was one too many, and it is dead now.
    pub fn fail(&mut self, settings: &TransportSettings, dsn: Dsn) -> Option<f64> {
        self.failed_cohorts += 1.0 / self.window.max(1) as f64;
        let limit = settings.failed_cohort_limit as f64;
        if limit > 0.0 && self.failed_cohorts >= limit {
            self.window = 0;
            self.state = State::Dead(dsn);
            self.cache_flags = 0;
            return None;
        }
        let feedback = settings.negative.value(self.window);
        self.failure -= feedback;
        while self.failure - feedback / 2.0 < 0.0 {
            self.window = self.window.saturating_sub(1);
            self.success = 0.0;
            self.failure += 1.0;
        }
        self.window = self.window.max(1);
        Some(feedback)
    }

    /// What the log says after each result (`destination_concurrency_feedback_debug`).
    pub fn trace(&self, limit: usize) -> String {
        format!(
            "queue {}: limit {limit} window {} success {} failure {} fail_cohorts {}",
            text::show(&self.name),
            self.window,
            short(self.success),
            short(self.failure),
            short(self.failed_cohorts),
        )
    }

    /// Dead or suspended no more: it begins anew, with what is still going on.
    pub fn revive(&mut self, settings: &TransportSettings) {
        self.state = State::Ready;
        self.window = if self.busy > 0 { self.busy } else { settings.initial_concurrency };
        self.success = 0.0;
        self.failure = 0.0;
        self.failed_cohorts = 0.0;
    }

    /// A rate delay begins.
    pub fn suspend(&mut self) {
        self.state = State::Suspended;
        self.window = 0;
    }

    /// A rate delay is over: one delivery.
    pub fn resume(&mut self) {
        self.state = State::Ready;
        self.window = 1;
    }

    /// A delivery is done.
    pub fn done(&mut self, now: Instant) {
        self.last_done = Some(now);
    }

    /// The connection cache flags for a delivery that starts now and is counted as busy already (§5.9).
    pub fn update_cache_flags(&mut self, now: Instant) -> i32 {
        let recent = self.last_done.is_some_and(|last| now.saturating_duration_since(last).as_secs() <= 1);
        if self.cache_flags & flag::CACHE_STORE == 0 {
            if recent {
                self.cache_flags = flag::CACHE_LOAD | flag::CACHE_STORE;
            }
        } else if self.busy <= 1 && !recent {
            self.cache_flags &= !flag::CACHE_STORE;
        }
        self.cache_flags
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh() -> (Destination, TransportSettings) {
        let settings = TransportSettings::default();
        (Destination::new("x".into(), "x".into(), &settings), settings)
    }

    #[test]
    fn the_worked_example_of_failures() {
        let (mut destination, settings) = fresh();
        let mut fail = || destination.fail(&settings, Dsn::new("4.4.1", "x"));
        assert_eq!([fail(), fail(), fail()], [Some(1.0), Some(1.0), None]);
        let (mut destination, settings) = fresh();
        let windows: Vec<usize> = (0..3)
            .map(|_| {
                destination.fail(&settings, Dsn::new("4.4.1", "x"));
                destination.window
            })
            .collect();
        assert_eq!(windows, [3, 2, 0]);
    }

    #[test]
    fn successes_open_the_window_up_to_its_bounds() {
        let (mut destination, settings) = fresh();
        destination.busy = 1;
        destination.succeed(&settings);
        assert_eq!(destination.window, 6);
        destination.succeed(&settings);
        assert_eq!(destination.window, 6);
        for busy in 1..40 {
            destination.busy = busy;
            destination.succeed(&settings);
        }
        assert_eq!(destination.window, 20);
    }

    #[test]
    fn a_dead_destination_revives() {
        let (mut destination, settings) = fresh();
        while destination.fail(&settings, Dsn::default()).is_some() {}
        destination.waiting.push_back(EntryId(1));
        assert_eq!(destination.capacity(), 0);
        destination.revive(&settings);
        assert_eq!((destination.window, destination.capacity()), (5, 1));
    }
}
