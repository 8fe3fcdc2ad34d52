//! File descriptors: adopting inherited ones, waiting, closing, flags.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Takes over a descriptor that the parent process left open for this one, such as the listen sockets of master's children.
///
/// # Errors
/// `EBADF` when the descriptor is not open.
pub fn adopt(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: F_GETFD reads a flag of whatever the number refers to, and fails cleanly on a closed descriptor.
    if unsafe { libc::fcntl(number, libc::F_GETFD) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is open, was inherited, and the caller adopts each number once.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Waits until `fd` is readable (or at end of file). `None` waits for ever. Interrupted waits go on with the time that is left.
///
/// # Errors
/// What poll(2) reports.
pub fn wait_readable(fd: impl AsFd, limit: Option<Duration>) -> io::Result<bool> {
    Ok(wait_any(&[(fd.as_fd(), PollFlags::POLLIN)], limit)?.is_some())
}

/// Waits until `fd` is writable. See [`wait_readable`].
///
/// # Errors
/// What poll(2) reports.
pub fn wait_writable(fd: impl AsFd, limit: Option<Duration>) -> io::Result<bool> {
    Ok(wait_any(&[(fd.as_fd(), PollFlags::POLLOUT)], limit)?.is_some())
}

/// Waits until one of several descriptors is readable; the index of the first that is, or `None` after `limit`.
///
/// # Errors
/// What poll(2) reports.
pub fn wait_first_readable(fds: &[BorrowedFd<'_>], limit: Option<Duration>) -> io::Result<Option<usize>> {
    let wanted: Vec<_> = fds.iter().map(|fd| (*fd, PollFlags::POLLIN)).collect();
    wait_any(&wanted, limit)
}

fn wait_any(wanted: &[(BorrowedFd<'_>, PollFlags)], limit: Option<Duration>) -> io::Result<Option<usize>> {
    let deadline = limit.map(|limit| Instant::now() + limit);
    let mut fds: Vec<_> = wanted.iter().map(|(fd, flags)| PollFd::new(*fd, *flags)).collect();
    loop {
        match poll(&mut fds, poll_timeout(deadline)) {
            Ok(0) if deadline.is_some_and(|deadline| Instant::now() >= deadline) => return Ok(None),
            Ok(0) | Err(nix::errno::Errno::EINTR) => {}
            Ok(_) => return Ok(fds.iter().position(|fd| fd.any().unwrap_or(true))),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Milliseconds rounded up, so that a wait never ends just before its deadline and spins.
fn poll_timeout(deadline: Option<Instant>) -> PollTimeout {
    let Some(deadline) = deadline else { return PollTimeout::NONE };
    let left = deadline.saturating_duration_since(Instant::now()) + Duration::from_micros(999);
    PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
}

/// How many bytes can be read from `fd` without blocking (FIONREAD).
///
/// # Errors
/// What ioctl(2) reports.
pub fn pending(fd: impl AsFd) -> io::Result<usize> {
    let mut count: libc::c_int = 0;
    // SAFETY: FIONREAD writes one int, to a live int.
    if unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::FIONREAD, &raw mut count) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(usize::try_from(count).unwrap_or(0))
}

/// Sets or clears O_NONBLOCK.
///
/// # Errors
/// What fcntl(2) reports.
pub fn set_nonblocking(fd: impl AsFd, on: bool) -> io::Result<()> {
    let mut flags = OFlag::from_bits_retain(fcntl(fd.as_fd(), FcntlArg::F_GETFL)?);
    flags.set(OFlag::O_NONBLOCK, on);
    fcntl(fd.as_fd(), FcntlArg::F_SETFL(flags))?;
    Ok(())
}

/// Sets or clears the close-on-exec flag.
///
/// # Errors
/// What fcntl(2) reports.
pub fn set_close_on_exec(fd: impl AsFd, on: bool) -> io::Result<()> {
    let flags = if on { FdFlag::FD_CLOEXEC } else { FdFlag::empty() };
    fcntl(fd.as_fd(), FcntlArg::F_SETFD(flags))?;
    Ok(())
}

/// Duplicates `fd` to a number that is at least `minimum`, close-on-exec.
///
/// # Errors
/// What fcntl(2) reports.
pub fn duplicate_above(fd: impl AsFd, minimum: RawFd) -> io::Result<OwnedFd> {
    let number = fcntl(fd.as_fd(), FcntlArg::F_DUPFD_CLOEXEC(minimum))?;
    // SAFETY: fcntl just created this descriptor, and nobody else knows its number.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Closes every descriptor from `first` upwards, as set-gid programs and daemons do before anything else.
pub fn close_from(first: RawFd) {
    // SAFETY: called at program start, before anything of ours owns a descriptor that high.
    if unsafe { libc::close_range(first as libc::c_uint, libc::c_uint::MAX, 0) } == 0 {
        return;
    }
    for number in first..1024 {
        // SAFETY: as above; closing a number that is not open fails harmlessly.
        unsafe { libc::close(number) };
    }
}

/// Opens `/dev/null` on each of descriptors 0, 1 and 2 that is closed, so that a later open never lands there.
///
/// # Errors
/// When `/dev/null` cannot be opened.
pub fn fill_standard() -> io::Result<()> {
    loop {
        let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
        if null.as_raw_fd() > 2 {
            return Ok(());
        }
        let number = null.into_raw_fd();
        // SAFETY: the number is open (just created) and is meant to stay open for the life of the process.
        unsafe { libc::fcntl(number, libc::F_SETFD, 0) };
    }
}

/// Makes the standard descriptor `number` (0, 1 or 2) refer to what `file` refers to.
///
/// # Errors
/// What dup2(2) reports.
pub fn redirect_standard(number: RawFd, file: impl AsFd) -> io::Result<()> {
    assert!((0..=2).contains(&number), "only standard descriptors are redirected");
    // SAFETY: both numbers are valid; the standard descriptors are owned by the process as a whole.
    if unsafe { libc::dup2(file.as_fd().as_raw_fd(), number) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// A second handle on a standard descriptor (0, 1 or 2) as a file.
///
/// # Errors
/// When the descriptor is closed.
pub fn standard(number: RawFd) -> io::Result<File> {
    assert!((0..=2).contains(&number), "only standard descriptors are shared");
    // SAFETY: dup either fails or makes a descriptor of its own.
    let copy = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3) };
    if copy < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: just created, owned by nobody else.
    Ok(unsafe { File::from_raw_fd(copy) })
}

/// An anonymous pipe, close-on-exec: (read end, write end).
///
/// # Errors
/// What pipe2(2) reports.
pub fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(nix::unistd::pipe2(OFlag::O_CLOEXEC)?)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_wait_ends_at_its_limit_and_with_data() {
        let (reader, writer) = pipe().unwrap();
        assert!(!wait_readable(&reader, Some(Duration::from_millis(5))).unwrap());
        File::from(writer).write_all(b"abc").unwrap();
        assert!(wait_readable(&reader, Some(Duration::ZERO)).unwrap());
        assert_eq!(pending(&reader).unwrap(), 3);
    }

    #[test]
    fn the_first_readable_of_several_is_found() {
        let (quiet, _keep) = pipe().unwrap();
        let (ready, writer) = pipe().unwrap();
        drop(writer);
        assert_eq!(wait_first_readable(&[quiet.as_fd(), ready.as_fd()], None).unwrap(), Some(1));
    }

    #[test]
    fn a_closed_number_cannot_be_adopted() {
        assert!(adopt(4097).is_err());
    }
}
