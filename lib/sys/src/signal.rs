//! Signals as events: handlers only set flags or wake a descriptor, and ordinary code acts.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

pub use nix::sys::signal::Signal;
use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Ignores a signal, in this process and in programs that it runs.
pub fn ignore(signal: Signal) {
    // SAFETY: SIG_IGN runs no code of ours.
    let _ = unsafe { nix::sys::signal::signal(signal, SigHandler::SigIgn) };
}

/// Restores the default action of a signal.
pub fn restore(signal: Signal) {
    // SAFETY: SIG_DFL runs no code of ours.
    let _ = unsafe { nix::sys::signal::signal(signal, SigHandler::SigDfl) };
}

/// Signals that arrive as events on a descriptor instead of interrupting (signalfd). They stay blocked for the life of the
/// process; programs that it runs through [`crate::process`] start with none blocked.
#[derive(Debug)]
pub struct Signals {
    fd: SignalFd,
}

impl Signals {
    /// Blocks the given signals and collects them.
    ///
    /// # Errors
    /// What sigprocmask(2) and signalfd(2) report.
    pub fn new(signals: &[Signal]) -> io::Result<Self> {
        let set: SigSet = signals.iter().copied().collect();
        for signal in signals {
            // A signal that is ignored is never queued, even when it is blocked.
            restore(*signal);
        }
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&set), None)?;
        Ok(Self { fd: SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)? })
    }

    /// The next signal that has arrived, if any.
    pub fn next_pending(&self) -> Option<Signal> {
        let info = self.fd.read_signal().ok().flatten()?;
        Signal::try_from(i32::try_from(info.ssi_signo).ok()?).ok()
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Is this signal ignored, perhaps since before this program began?
pub fn is_ignored(signal: Signal) -> bool {
    // SAFETY: an all-zero sigaction is a valid value, and the call only writes to it.
    unsafe {
        let mut present: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal as libc::c_int, std::ptr::null(), &raw mut present) == 0
            && present.sa_sigaction == libc::SIG_IGN
    }
}

/// Calls a function, in a thread of its own, when one of these signals arrives. They stay blocked in all other threads,
/// and programs that are run through [`crate::process`] start with none blocked.
///
/// # Errors
/// As [`Signals::new`], or when no thread can be made.
pub fn in_thread(signals: &[Signal], act: impl Fn(Signal) + Send + 'static) -> io::Result<()> {
    let signals = Signals::new(signals)?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        while crate::descriptor::wait_readable(&signals, None).is_ok() {
            if let Some(signal) = signals.next_pending() {
                act(signal);
            }
        }
    })?;
    Ok(())
}

/// Ends this process by `signal` with its default action, as if nothing had caught it.
pub fn die_by(signal: Signal) -> ! {
    restore(signal);
    let set: SigSet = [signal].into_iter().collect();
    let _ = sigprocmask(SigmaskHow::SIG_UNBLOCK, Some(&set), None);
    let _ = nix::sys::signal::raise(signal);
    std::process::exit(128 + signal as i32)
}

/// Sends a signal to one process.
///
/// # Errors
/// `ESRCH` when it does not exist, `EPERM` when it belongs to somebody else.
pub fn send(pid: i32, signal: Signal) -> io::Result<()> {
    Ok(nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal)?)
}

/// Sends a signal to every process of a process group (0 = this process's own).
///
/// # Errors
/// As [`send`].
pub fn send_group(group: i32, signal: Signal) -> io::Result<()> {
    Ok(nix::sys::signal::killpg(nix::unistd::Pid::from_raw(group), signal)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blocked_signal_becomes_an_event() {
        let signals = Signals::new(&[Signal::SIGUSR2]).unwrap();
        assert_eq!(signals.next_pending(), None);
        nix::sys::signal::raise(Signal::SIGUSR2).unwrap();
        assert_eq!(signals.next_pending(), Some(Signal::SIGUSR2));
        assert_eq!(signals.next_pending(), None);
    }
}
