//! fcntl(2) locks on whole files that belong to the open file, not to the process (`F_OFD_SETLKW`).
//!
//! They exclude, and are excluded by, the classic fcntl locks of other processes. Unlike those, they are not lost when the
//! process closes another descriptor of the same file. For LMDB tables (tables §4.2).

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// Takes an exclusive lock, waiting for it.
///
/// # Errors
/// What fcntl(2) reports.
pub fn exclusive(file: &File) -> io::Result<()> {
    set(file, libc::F_WRLCK)
}

/// Takes a shared lock, or turns an exclusive one into it, waiting if need be.
///
/// # Errors
/// What fcntl(2) reports.
pub fn shared(file: &File) -> io::Result<()> {
    set(file, libc::F_RDLCK)
}

/// Gives the lock up.
///
/// # Errors
/// What fcntl(2) reports.
pub fn unlock(file: &File) -> io::Result<()> {
    set(file, libc::F_UNLCK)
}

fn set(file: &File, kind: libc::c_int) -> io::Result<()> {
    // SAFETY: an all-zero flock is a valid value: the whole file from its start, and the process ID 0 that is asked for.
    let mut range: libc::flock = unsafe { std::mem::zeroed() };
    range.l_type = kind as libc::c_short;
    range.l_whence = libc::SEEK_SET as libc::c_short;
    loop {
        // SAFETY: the descriptor is open, and `range` is a live flock.
        if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLKW, &raw const range) } >= 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}
