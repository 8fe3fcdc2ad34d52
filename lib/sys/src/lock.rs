//! Whole-file locks (master-ipc §1.3).
//!
//! The internal lock style is flock(2): the lock belongs to the open file description and goes with its last descriptor.
//! fcntl(2) locks are here for mailboxes alone (`mailbox_delivery_lock`).

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::thread::sleep;
use std::time::Duration;

use fs2::FileExt;

/// Takes an exclusive flock(2), waiting for it. A wait that a signal interrupts is tried again after one second.
///
/// # Errors
/// What flock(2) reports.
pub fn exclusive(file: &File) -> io::Result<()> {
    uninterrupted(|| FileExt::lock_exclusive(file))
}

/// Takes a shared flock(2), waiting for it.
///
/// # Errors
/// What flock(2) reports.
pub fn shared(file: &File) -> io::Result<()> {
    uninterrupted(|| FileExt::lock_shared(file))
}

/// Takes an exclusive flock(2) if nobody holds one that conflicts; `EWOULDBLOCK` otherwise.
///
/// # Errors
/// What flock(2) reports.
pub fn try_exclusive(file: &File) -> io::Result<()> {
    uninterrupted(|| FileExt::try_lock_exclusive(file))
}

/// Takes an exclusive flock(2), trying up to `attempts` times with a pause of about `delay` between tries: up to half
/// of it more or less, so that two that wait do not wait in step.
///
/// # Errors
/// What flock(2) reports; an error that [`is_held`] knows after the last try.
pub fn exclusive_within(file: &File, attempts: u32, delay: Duration) -> io::Result<()> {
    let mut tries = 1;
    loop {
        match try_exclusive(file) {
            Err(error) if is_held(&error) && tries < attempts => sleep(about(delay)),
            result => return result,
        }
        tries += 1;
    }
}

fn about(delay: Duration) -> Duration {
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    // The digits of the clock that differ between two processes, spread over 0 to 1.
    let spread = f64::from(clock.subsec_nanos().wrapping_mul(2_654_435_761)) / f64::from(u32::MAX);
    delay.mul_f64(0.5 + spread)
}

/// Takes a shared flock(2) if nobody holds one that conflicts; `EWOULDBLOCK` otherwise.
///
/// # Errors
/// What flock(2) reports.
pub fn try_shared(file: &File) -> io::Result<()> {
    uninterrupted(|| FileExt::try_lock_shared(file))
}

/// Gives up a flock(2).
///
/// # Errors
/// What flock(2) reports.
pub fn unlock(file: &File) -> io::Result<()> {
    uninterrupted(|| FileExt::unlock(file))
}

/// Takes an exclusive fcntl(2) lock on the whole file without waiting; `EAGAIN` or `EACCES` when another process holds one.
///
/// # Errors
/// What fcntl(2) reports.
pub fn try_exclusive_record(file: &File) -> io::Result<()> {
    // SAFETY: an all-zero flock is a valid value: the whole file from its start.
    let mut range: libc::flock = unsafe { std::mem::zeroed() };
    range.l_type = libc::F_WRLCK as libc::c_short;
    range.l_whence = libc::SEEK_SET as libc::c_short;
    uninterrupted(|| {
        // SAFETY: the descriptor is open, and `range` is a live flock.
        match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLK, &raw const range) } {
            0.. => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    })
}

/// Whether an error of the `try_` calls means that somebody else holds the lock.
pub fn is_held(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EWOULDBLOCK | libc::EACCES))
}

fn uninterrupted(mut attempt: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => sleep(Duration::from_secs(1)),
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exclusive_excludes_and_shared_shares() {
        let name = std::env::temp_dir().join(format!("sys-lock-{}", std::process::id()));
        let open = || File::options().create(true).truncate(false).write(true).read(true).open(&name).unwrap();
        let (first, second, third) = (open(), open(), open());
        try_shared(&first).unwrap();
        try_shared(&second).unwrap();
        assert!(is_held(&try_exclusive(&third).unwrap_err()));
        unlock(&first).unwrap();
        unlock(&second).unwrap();
        try_exclusive(&third).unwrap();
        let held = exclusive_within(&first, 2, Duration::from_millis(2)).unwrap_err();
        assert!(is_held(&held));
        unlock(&third).unwrap();
        exclusive_within(&first, 1, Duration::ZERO).unwrap();
        std::fs::remove_file(&name).unwrap();
    }

    #[test]
    fn pauses_vary_by_half() {
        for _ in 0..100 {
            let pause = about(Duration::from_secs(2));
            assert!((Duration::from_secs(1)..=Duration::from_secs(3)).contains(&pause), "{pause:?}");
        }
    }
}
