//! Waiting for what happens in its own time.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a test waits for something that should happen at once; generous, for a machine under load.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Asks again and again until there is an answer.
///
/// # Panics
/// After [`LIMIT`], with `what` and what `state` says.
pub fn until<T>(what: &str, answer: impl FnMut() -> Option<T>, state: impl Fn() -> String) -> T {
    until_within(LIMIT, what, answer, state)
}

/// As [`until`], with a limit for work that takes long.
pub fn until_within<T>(
    limit: Duration,
    what: &str,
    mut answer: impl FnMut() -> Option<T>,
    state: impl Fn() -> String,
) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(answer) = answer() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}:\n{}", state());
        sleep(Duration::from_millis(20));
    }
}
