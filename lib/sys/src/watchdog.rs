//! The watchdog that ends a daemon which is stuck (master-ipc §8.10).
//!
//! It counts monotonic time, so a jump of the wall clock cannot set it off.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Small: the thread sleeps, and calls one function at the end.
const STACK_SIZE: usize = 128 * 1024;

/// Calls a function when nobody has patted it for a given time. Dropping it ends the watch.
#[derive(Debug)]
pub struct Watchdog {
    shared: Arc<Shared>,
    limit: Duration,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running(Instant),
    Stopped,
    Dismissed,
}

impl Watchdog {
    /// Starts the watch. `bite` runs on a thread of its own when `limit` passes without [`Watchdog::pat`]; it is expected to end the
    /// process.
    ///
    /// # Errors
    /// When no thread can be made.
    pub fn start(limit: Duration, bite: impl FnOnce() + Send + 'static) -> std::io::Result<Self> {
        let shared =
            Arc::new(Shared { state: Mutex::new(State::Running(Instant::now() + limit)), changed: Condvar::new() });
        let watched = Arc::clone(&shared);
        thread::Builder::new().name("watchdog".into()).stack_size(STACK_SIZE).spawn(move || {
            if watched.expired(limit) {
                bite();
            }
        })?;
        Ok(Self { shared, limit })
    }

    /// Shows that the program is alive: the time starts anew.
    pub fn pat(&self) {
        self.shared.set(State::Running(Instant::now() + self.limit));
    }

    /// Stops the watch until the next [`Watchdog::pat`], as during a wait that may take any time.
    pub fn pause(&self) {
        self.shared.set(State::Stopped);
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.shared.set(State::Dismissed);
        self.shared.changed.notify_one();
    }
}

impl Shared {
    /// No new state needs to wake the thread: it never sleeps longer than the limit, and so looks again before any deadline
    /// that is set while it sleeps. A busy program pats its watchdog for each request, and a wake-up would cost more than
    /// the request.
    fn set(&self, state: State) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// Waits for the end: true when the time ran out, false when the watch was dismissed.
    fn expired(&self, limit: Duration) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let left = match *state {
                State::Dismissed => return false,
                State::Stopped => limit,
                State::Running(deadline) => deadline.saturating_duration_since(Instant::now()),
            };
            if left.is_zero() {
                return true;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn bites_only_when_nobody_pats_it() {
        let (sender, receiver) = channel();
        let dog = Watchdog::start(Duration::from_millis(60), move || sender.send(()).unwrap()).unwrap();
        for _ in 0..5 {
            thread::sleep(Duration::from_millis(20));
            dog.pat();
        }
        assert!(receiver.try_recv().is_err());
        dog.pause();
        thread::sleep(Duration::from_millis(100));
        assert!(receiver.try_recv().is_err());
        dog.pat();
        receiver.recv_timeout(Duration::from_secs(5)).unwrap();
    }
}
