//! Making processes: daemons with fixed descriptors, and forks.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid};

/// What became of a child process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It exited with this status.
    Exited(i32),
    /// This signal killed it.
    Killed(i32),
    /// This signal stopped it; it is still there.
    Stopped(i32),
}

/// Starts `program` as a child that finds each of `descriptors` at its given number, with `arguments` (argv[0] first).
///
/// Every other descriptor that is close-on-exec is closed in the child, and no signal is blocked there. Descriptors must have
/// numbers above all target numbers, so that none is overwritten before it is used.
///
/// # Errors
/// fork(2) failed. A program that cannot be executed is an error too: nothing is left behind.
pub fn spawn(
    program: impl AsRef<OsStr>,
    arguments: &[impl AsRef<OsStr>],
    environment: &[(&str, &str)],
    descriptors: &[(BorrowedFd<'_>, RawFd)],
) -> io::Result<Child> {
    let mut command = Command::new(program);
    if let Some((name, rest)) = arguments.split_first() {
        command.arg0(name).args(rest);
    }
    command.envs(environment.iter().copied());
    let plan: Vec<(RawFd, RawFd)> = descriptors.iter().map(|(fd, target)| (fd.as_raw_fd(), *target)).collect();
    // SAFETY: between fork and exec the closure only calls dup2, fcntl and sigprocmask, which are async-signal-safe, and
    // allocates nothing.
    unsafe { command.pre_exec(move || place(&plan).and_then(|()| unblock_signals())) };
    command.spawn()
}

/// A child inherits what its parent has blocked, to have it as events.
fn unblock_signals() -> io::Result<()> {
    Ok(sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?)
}

fn place(plan: &[(RawFd, RawFd)]) -> io::Result<()> {
    for &(source, target) in plan {
        // SAFETY: plain system calls on descriptor numbers; in this child nobody else relies on the target numbers.
        let result = unsafe {
            if source == target { libc::fcntl(source, libc::F_SETFD, 0) } else { libc::dup2(source, target) }
        };
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Forks. The child continues as a copy of a process that has only this thread.
///
/// # Errors
/// What fork(2) reports.
///
/// # Panics
/// When the process has other threads: a lock that one of them holds would stay locked for ever in the child.
pub fn fork() -> io::Result<Option<Pid>> {
    assert_eq!(thread_count(), 1, "fork needs a process with a single thread");
    // SAFETY: the process has one thread, so the child is in a consistent state.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(Some(child)),
        ForkResult::Child => Ok(None),
    }
}

fn thread_count() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(1, |tasks| tasks.count())
}

/// The next child that has ended or stopped, without waiting: its process ID and what became of it.
pub fn reap() -> Option<(i32, Ended)> {
    let flags = WaitPidFlag::WNOHANG | WaitPidFlag::WUNTRACED;
    loop {
        return match waitpid(None, Some(flags)) {
            Ok(WaitStatus::Exited(pid, status)) => Some((pid.as_raw(), Ended::Exited(status))),
            Ok(WaitStatus::Signaled(pid, signal, _)) => Some((pid.as_raw(), Ended::Killed(signal as i32))),
            Ok(WaitStatus::Stopped(pid, signal)) => Some((pid.as_raw(), Ended::Stopped(signal as i32))),
            Ok(WaitStatus::StillAlive) => None,
            Ok(_) | Err(nix::errno::Errno::EINTR) => continue,
            Err(_) => None,
        };
    }
}

/// Waits for one child.
///
/// # Errors
/// `ECHILD` when there is no such child.
pub fn wait(pid: i32) -> io::Result<Ended> {
    loop {
        return match waitpid(Pid::from_raw(pid), None) {
            Ok(WaitStatus::Exited(_, status)) => Ok(Ended::Exited(status)),
            Ok(WaitStatus::Signaled(_, signal, _)) => Ok(Ended::Killed(signal as i32)),
            Ok(_) | Err(nix::errno::Errno::EINTR) => continue,
            Err(error) => Err(error.into()),
        };
    }
}

/// Makes this process the leader of a session and process group of its own.
///
/// # Errors
/// `EPERM` for one that leads a group already.
pub fn new_session() -> io::Result<()> {
    nix::unistd::setsid()?;
    Ok(())
}

/// Whether this process leads its session.
pub fn is_session_leader() -> bool {
    nix::unistd::getsid(None).is_ok_and(|session| session == nix::unistd::getpid())
}

/// Sets the file mode creation mask.
pub fn set_umask(mask: u32) {
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(mask));
}

/// Makes an unlimited file size limit a finite one, the largest file offset, as Postfix's programs do.
///
/// # Errors
/// What setrlimit(2) reports.
pub fn limit_file_size() -> io::Result<()> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (soft, hard) = getrlimit(Resource::RLIMIT_FSIZE)?;
    if soft == libc::RLIM_INFINITY {
        setrlimit(Resource::RLIMIT_FSIZE, i64::MAX as u64, hard.max(i64::MAX as u64))?;
    }
    Ok(())
}

/// The host name that the kernel has.
///
/// # Errors
/// What gethostname(2) reports.
pub fn host_name() -> io::Result<std::ffi::OsString> {
    Ok(nix::unistd::gethostname()?)
}

/// Waits for the end of a child, at most for `limit`; nothing when it still runs.
///
/// # Errors
/// What pidfd_open(2), poll(2) and waitpid(2) report.
pub fn wait_at_most(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    // SAFETY: the call takes two numbers, and gives back a new descriptor or an error.
    let number = unsafe { libc::syscall(libc::SYS_pidfd_open, child.id(), 0) };
    let number = RawFd::try_from(number).ok().filter(|number| *number >= 0).ok_or_else(io::Error::last_os_error)?;
    // SAFETY: the descriptor was just made, and nobody else knows its number.
    let handle = unsafe { OwnedFd::from_raw_fd(number) };
    crate::descriptor::wait_readable(&handle, Some(limit))?;
    child.try_wait()
}

/// Where programs are searched that have no `/` in their name: the system's default.
pub const DEFAULT_PATH: &str = "/usr/bin:/bin";

/// A command that runs with the rights of a user, apart from the process that starts it.
#[derive(Clone, Debug)]
pub struct UserCommand {
    /// The program and its arguments; a program without `/` is searched in the `PATH` of `environment`.
    pub words: Vec<std::ffi::OsString>,
    /// The whole environment.
    pub environment: Vec<(std::ffi::OsString, std::ffi::OsString)>,
    /// Real, effective and saved user.
    pub uid: u32,
    /// Real, effective and saved group, and the only supplementary one.
    pub gid: u32,
    /// A new root directory; needs root's rights.
    pub jail: Option<std::path::PathBuf>,
    /// The working directory.
    pub directory: Option<std::path::PathBuf>,
}

/// Which step kept a [`UserCommand`] from running.
#[derive(Debug)]
pub enum StartError {
    /// No process could be made.
    Fork(io::Error),
    /// The jail could not be entered.
    Jail(io::Error),
    /// The rights could not be changed.
    Rights(io::Error),
    /// The working directory could not be entered.
    Directory(io::Error),
    /// The program could not be executed.
    Exec(io::Error),
}

impl UserCommand {
    /// Starts the command in a session and process group of its own.
    ///
    /// # Errors
    /// Which step failed; nothing is left behind.
    pub fn spawn(
        &self,
        stdin: impl Into<std::process::Stdio>,
        stdout: impl Into<std::process::Stdio>,
        stderr: impl Into<std::process::Stdio>,
    ) -> Result<Child, StartError> {
        let (reader, writer) = crate::descriptor::pipe().map_err(StartError::Fork)?;
        let Some((program, arguments)) = self.words.split_first() else {
            return Err(StartError::Exec(io::ErrorKind::NotFound.into()));
        };
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(stdin).stdout(stdout).stderr(stderr);
        let plan = self.prepared().map_err(StartError::Exec)?;
        let report = writer.as_raw_fd();
        // SAFETY: between fork and exec the closure only makes system calls that are async-signal-safe, on memory that was
        // prepared before; `report` is open, since `writer` lives until after the spawn.
        unsafe {
            command.pre_exec(move || {
                unblock_signals()?;
                plan.carry_out().map_err(|(step, error)| {
                    libc::write(report, (&raw const step).cast(), 1);
                    error
                })
            });
        }
        let result = command.spawn();
        drop(writer);
        result.map_err(|error| {
            let mut step = [0];
            match io::Read::read(&mut std::fs::File::from(reader), &mut step) {
                Ok(1) if step[0] == STEP_JAIL => StartError::Jail(error),
                Ok(1) if step[0] == STEP_DIRECTORY => StartError::Directory(error),
                Ok(1) => StartError::Rights(error),
                _ if error.raw_os_error() == Some(libc::EAGAIN) => StartError::Fork(error),
                _ => StartError::Exec(error),
            }
        })
    }

    fn prepared(&self) -> io::Result<Plan> {
        let path = |path: &Option<std::path::PathBuf>| {
            path.as_ref().map(|path| std::ffi::CString::new(path.as_os_str().as_encoded_bytes())).transpose()
        };
        Ok(Plan { uid: self.uid, gid: self.gid, jail: path(&self.jail)?, directory: path(&self.directory)? })
    }
}

const STEP_JAIL: u8 = 1;
const STEP_RIGHTS: u8 = 2;
const STEP_DIRECTORY: u8 = 3;

/// What the child does before it executes the program.
struct Plan {
    uid: u32,
    gid: u32,
    jail: Option<std::ffi::CString>,
    directory: Option<std::ffi::CString>,
}

impl Plan {
    fn carry_out(&self) -> Result<(), (u8, io::Error)> {
        let failed = |step| (step, io::Error::last_os_error());
        // SAFETY: system calls on values and strings that live as long as the plan.
        unsafe {
            let privileged = libc::geteuid() != self.uid || libc::getuid() != self.uid || self.jail.is_some();
            if privileged && libc::seteuid(0) < 0 {
                return Err(failed(STEP_RIGHTS));
            }
            if let Some(jail) = &self.jail
                && (libc::chroot(jail.as_ptr()) < 0 || libc::chdir(c"/".as_ptr()) < 0)
            {
                return Err(failed(STEP_JAIL));
            }
            if privileged
                && (libc::setgroups(1, &raw const self.gid) < 0
                    || libc::setresgid(self.gid, self.gid, self.gid) < 0
                    || libc::setresuid(self.uid, self.uid, self.uid) < 0)
            {
                return Err(failed(STEP_RIGHTS));
            }
            // A process that leads a group already keeps it.
            libc::setsid();
            if let Some(directory) = &self.directory
                && libc::chdir(directory.as_ptr()) < 0
            {
                return Err(failed(STEP_DIRECTORY));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;

    fn command(words: &[&str]) -> UserCommand {
        UserCommand {
            words: words.iter().map(Into::into).collect(),
            environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
            uid: nix::unistd::getuid().as_raw(),
            gid: nix::unistd::getgid().as_raw(),
            jail: None,
            directory: None,
        }
    }

    #[test]
    fn a_command_runs_and_failures_name_their_step() {
        let run = |command: &UserCommand| command.spawn(Stdio::null(), Stdio::piped(), Stdio::null());
        let output = run(&command(&["sh", "-c", "echo $PATH"])).unwrap().wait_with_output().unwrap();
        assert_eq!(output.stdout, b"/usr/bin:/bin\n");
        let lost = UserCommand { directory: Some("/no/such/place".into()), ..command(&["true"]) };
        assert!(matches!(run(&lost), Err(StartError::Directory(_))));
        assert!(matches!(run(&command(&["no-such-program"])), Err(StartError::Exec(_))));
    }

    #[test]
    fn a_wait_ends_with_the_child_or_the_time() {
        let start = |words| command(words).spawn(Stdio::null(), Stdio::null(), Stdio::null()).unwrap();
        let status = wait_at_most(&mut start(&["sh", "-c", "exit 3"]), Duration::from_secs(20)).unwrap();
        assert_eq!(status.and_then(|status| status.code()), Some(3));
        let mut slow = start(&["sleep", "100"]);
        assert_eq!(wait_at_most(&mut slow, Duration::from_millis(10)).unwrap(), None);
        slow.kill().unwrap();
        slow.wait().unwrap();
    }

    #[test]
    fn children_start_with_no_signal_blocked() {
        let blocked: SigSet = [nix::sys::signal::Signal::SIGTERM].into_iter().collect();
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&blocked), None).unwrap();
        let look = command(&["grep", "SigBlk", "/proc/self/status"]);
        let child = look.spawn(Stdio::null(), Stdio::piped(), Stdio::null()).unwrap();
        let output = child.wait_with_output().unwrap();
        sigprocmask(SigmaskHow::SIG_UNBLOCK, Some(&blocked), None).unwrap();
        assert_eq!(output.stdout, b"SigBlk:\t0000000000000000\n");
    }
}
