//! The limits of a daemon's life (master-ipc §8.9).

use std::time::{Duration, Instant};

/// Counts uses and idle time.
#[derive(Debug)]
pub(crate) struct Life {
    max_use: Option<u64>,
    max_idle: Option<Duration>,
    uses: u64,
    idle_since: Instant,
}

impl Life {
    /// `None` is no limit.
    pub(crate) fn new(max_use: Option<u64>, max_idle: Option<Duration>) -> Self {
        Self { max_use, max_idle, uses: 0, idle_since: Instant::now() }
    }

    /// The same life, in which idle time of `least` does no harm.
    pub(crate) fn idle_at_least(self, least: Duration) -> Self {
        Self { max_idle: self.max_idle.map(|limit| limit.max(least)), ..self }
    }

    /// A client was served: the idle time starts anew.
    pub(crate) fn count_use(&mut self) {
        self.uses += 1;
        self.idle_since = Instant::now();
    }

    /// Whether this process has served enough.
    pub(crate) fn is_used_up(&self) -> bool {
        self.max_use.is_some_and(|limit| self.uses >= limit)
    }

    /// How long this process may still be idle.
    pub(crate) fn idle_left(&self) -> Option<Duration> {
        Some(self.max_idle?.saturating_sub(self.idle_since.elapsed()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_and_idle_time_end_a_life() {
        let mut life = Life::new(Some(2), Some(Duration::from_secs(100)));
        assert!(!life.is_used_up());
        life.count_use();
        life.count_use();
        assert!(life.is_used_up());
        assert!(life.idle_left().unwrap() > Duration::from_secs(90));
        assert_eq!(Life::new(None, None).idle_left(), None);
    }
}
