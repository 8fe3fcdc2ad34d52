//! The clean flag: the log of a request that fails goes away, whatever the failure is (qmgr-bounce §10.1).
//!
//! cleanup(8) asks for this when it returns a message that it then throws away: a log without a message would stay for
//! ever.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use logging::fatal;
use sys::signal::Signal;

static DOOMED: Mutex<Option<PathBuf>> = Mutex::new(None);

/// From now on fatal errors and SIGTERM remove the log that is armed.
pub fn guard_process() {
    logging::on_fatal(remove);
    let guard = sys::signal::in_thread(&[Signal::SIGTERM], |signal| {
        remove();
        sys::signal::die_by(signal);
    });
    if let Err(error) = guard {
        fatal!("cannot catch signals: {}", sys::reason(&error));
    }
}

/// The log that goes if this request fails.
pub fn arm(log: PathBuf) {
    set(Some(log));
}

/// The request is done: the log stays, or is gone already.
pub fn disarm() {
    set(None);
}

/// Removes the log that is armed, if any.
pub fn remove() {
    if let Some(log) = set(None)
        && let Err(error) = std::fs::remove_file(&log)
        && error.kind() != ErrorKind::NotFound
    {
        log::warn!("remove {}: {}", log.display(), sys::reason(&error));
    }
}

fn set(log: Option<PathBuf>) -> Option<PathBuf> {
    std::mem::replace(&mut *DOOMED.lock().unwrap_or_else(PoisonError::into_inner), log)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_armed_log_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("1");
        std::fs::write(&log, "").unwrap();
        arm(log.clone());
        disarm();
        remove();
        assert!(log.exists());
        arm(log.clone());
        remove();
        assert!(!log.exists());
        remove();
    }
}
