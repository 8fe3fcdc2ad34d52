//! Locking and opening a mailbox or another file (delivery-agents §1.4).

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use config::{Config, Key, Long, Str, params};
use ipc::Stamp;

use crate::outcome::{Failure, mailbox_status};

/// Permissions of a new mailbox.
const MODE: u32 = 0o600;
/// Linux's O_NONBLOCK: opening a FIFO must not wait.
const NONBLOCK: i32 = 0o4000;

/// Which locks to take, and how patiently.
#[derive(Clone, Copy, Debug)]
pub struct Locking {
    flock: bool,
    fcntl: bool,
    dotlock: bool,
    attempts: u32,
    delay: Duration,
    stale: Duration,
}

impl Locking {
    /// Reads `mailbox_delivery_lock` or `virtual_mailbox_lock`, and the parameters about patience.
    ///
    /// # Errors
    /// The text of the fatal error.
    pub fn from_config(config: &Config, parameter: Key<Str>) -> Result<Self, String> {
        let names = config.get(parameter);
        Self::parse(names, config)
    }

    /// As [`Locking::from_config`], with the names as they are given.
    ///
    /// # Errors
    /// The text of the fatal error.
    pub fn parse(names: &[u8], config: &Config) -> Result<Self, String> {
        let mut locking = Self {
            flock: false,
            fcntl: false,
            dotlock: false,
            attempts: u32::try_from(config.get(params::DELIVER_LOCK_ATTEMPTS)).unwrap_or(1),
            delay: config.get(params::DELIVER_LOCK_DELAY),
            stale: config.get(params::STALE_LOCK_TIME),
        };
        for name in text::list::split(names, b", \t\r\n") {
            match name {
                b"flock" => locking.flock = true,
                b"fcntl" => locking.fcntl = true,
                b"dotlock" => locking.dotlock = true,
                _ => {
                    let (name, names) = (text::show(name), text::show(names));
                    return Err(format!("unknown mailbox_delivery_lock value \"{name}\" in \"{names}\""));
                }
            }
        }
        Ok(locking)
    }

    /// Only the dotlock, which very old mail readers understand.
    #[must_use]
    pub fn dotlock_only(self) -> Self {
        Self { flock: false, fcntl: false, ..self }
    }

    /// Whether no lock would be taken at all.
    pub fn is_empty(&self) -> bool {
        !(self.flock || self.fcntl || self.dotlock)
    }

    /// About `deliver_lock_delay`: up to a quarter more or less, so that two that wait do not wait in step.
    fn jittered_delay(&self) -> Duration {
        let span = u64::try_from(self.delay.as_micros()).unwrap_or(u64::MAX) / 2;
        let jitter = Stamp::now().micros.cast_unsigned() * 2_654_435_761 % span.max(1);
        self.delay * 3 / 4 + Duration::from_micros(jitter)
    }

    /// Takes a lock that others may have: up to `deliver_lock_attempts` attempts, about `deliver_lock_delay` apart. In between it looks
    /// often: a neighbour's delivery takes milliseconds, and a busy mailbox would spend most of its time in delays.
    fn patiently(&self, is_taken: fn(&io::Error) -> bool, mut take: impl FnMut() -> io::Result<()>) -> io::Result<()> {
        for _ in 1..self.attempts {
            let end = Instant::now() + self.jittered_delay();
            loop {
                match take() {
                    Err(error) if is_taken(&error) => {}
                    result => return result,
                }
                let left = end.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                sleep(LOOK_AGAIN.min(left));
            }
        }
        take()
    }
}

/// How soon to look again for a lock that somebody has.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Checks the size limit of mailboxes against that of messages, and sets it for this process and the commands that it runs.
///
/// # Errors
/// The text of the fatal error.
pub fn limit_size(config: &Config, parameter: Key<Long>) -> Result<(), String> {
    let (mailbox, message) = (config.get(parameter), config.get(params::MESSAGE_SIZE_LIMIT));
    let name = parameter.name();
    if mailbox > 0 && message == 0 {
        return Err(format!("configuration error: {name} is limited but message_size_limit is unlimited"));
    }
    if mailbox > 0 && mailbox < message {
        return Err(format!("configuration error: {name} is smaller than message_size_limit"));
    }
    let limit = u64::try_from(mailbox).unwrap_or(0);
    sys::limit::set_file_size(limit).map_err(|error| format!("setrlimit: {}", sys::reason(&error)))
}

/// What a mailbox is for, which decides how failures count.
#[derive(Clone, Copy, Debug)]
pub struct Purpose {
    /// The status of an error that has no status of its own.
    pub default_status: &'static str,
    /// Whether delivery goes on without a dotlock that cannot be made: for files that users name.
    pub dotlock_is_optional: bool,
    /// Who shall own a new file, when that is somebody else than the process.
    pub owner: Option<(u32, u32)>,
}

/// A mailbox that is open for appending, and locked.
#[derive(Debug)]
pub struct Mailbox {
    /// The file.
    pub file: File,
    _dotlock: Option<Dotlock>,
}

/// A lock file, which goes away with this value.
#[derive(Debug)]
struct Dotlock(PathBuf);

impl Drop for Dotlock {
    fn drop(&mut self) {
        // Somebody who took it for stale may have removed it.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Locks and opens `path`. The order is fixed, and other software relies on it: dotlock, open, flock, fcntl.
///
/// # Errors
/// A failure of the UNIX form, without a prefix.
pub fn open(path: &Path, locking: &Locking, purpose: Purpose) -> Result<Mailbox, Failure> {
    let exists_as_other = path.metadata().is_ok_and(|metadata| !metadata.is_file());
    let dotlock = if locking.dotlock && !exists_as_other { dotlock(path, locking, purpose)? } else { None };
    let mut options = OpenOptions::new();
    options.append(true).custom_flags(NONBLOCK);
    let (file, metadata) = sys::safe_open::open_or_create(path, &options, MODE, purpose.owner).map_err(|error| {
        let cause = io::Error::from_raw_os_error(error.errno());
        failure(mailbox_status(&cause, purpose.default_status), error.to_string())
    })?;
    if metadata.is_file() {
        lock(&file, locking).map_err(|error| {
            let status = mailbox_status(&error, purpose.default_status);
            failure(status, format!("unable to lock for exclusive access: {}", sys::reason(&error)))
        })?;
        check_unchanged(path, &file)?;
    }
    sys::descriptor::set_nonblocking(&file, false).map_err(|error| failure("4.2.0", sys::reason(&error)))?;
    Ok(Mailbox { file, _dotlock: dotlock })
}

fn failure(status: &str, reason: String) -> Failure {
    Failure::unix(status, reason, "unable to lock or open mailbox")
}

/// Somebody may have made a link to the file while this process waited for its lock.
fn check_unchanged(path: &Path, file: &File) -> Result<(), Failure> {
    if file.metadata().is_ok_and(|metadata| metadata.nlink() == 1) {
        return Ok(());
    }
    log::warn!("{}: file status changed unexpectedly", path.display());
    Err(failure("4.2.0", "target file status changed unexpectedly".into()))
}

fn lock(file: &File, locking: &Locking) -> io::Result<()> {
    if locking.flock {
        locking.patiently(sys::lock::is_held, || sys::lock::try_exclusive(file))?;
    }
    if locking.fcntl {
        locking.patiently(sys::lock::is_held, || sys::lock::try_exclusive_record(file))?;
    }
    Ok(())
}

fn dotlock(path: &Path, locking: &Locking, purpose: Purpose) -> Result<Option<Dotlock>, Failure> {
    let mut name = OsString::from(path);
    name.push(".lock");
    let name = PathBuf::from(name);
    let error = match make_dotlock(&name, locking) {
        Ok(()) => return Ok(Some(Dotlock(name))),
        Err(error) => error,
    };
    let reason = format!("unable to create lock file {}: {}", name.display(), sys::reason(&error));
    if error.kind() == ErrorKind::AlreadyExists {
        return Err(failure("4.2.0", reason));
    }
    if purpose.dotlock_is_optional {
        log::warn!("{reason}");
        return Ok(None);
    }
    Err(failure(mailbox_status(&error, purpose.default_status), reason))
}

fn make_dotlock(name: &Path, locking: &Locking) -> io::Result<()> {
    let is_there = |error: &io::Error| error.kind() == ErrorKind::AlreadyExists;
    let create = || OpenOptions::new().write(true).create_new(true).mode(0o0).open(name).map(drop);
    locking.patiently(is_there, || match create() {
        Err(error) if is_there(&error) && is_stale(name, locking.stale) => match std::fs::remove_file(name) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => create(),
        },
        result => result,
    })
}

/// A lock file whose owner has not touched it for long belongs to nobody any more.
fn is_stale(name: &Path, limit: Duration) -> bool {
    let Ok(metadata) = name.symlink_metadata() else { return false };
    let changed = text::date::from_seconds(metadata.ctime());
    SystemTime::now().duration_since(changed).is_ok_and(|age| age > limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PURPOSE: Purpose = Purpose { default_status: "5.2.0", dotlock_is_optional: false, owner: None };

    fn locking(names: &str) -> Locking {
        let config = Config::for_tests(&[("deliver_lock_attempts", "2"), ("deliver_lock_delay", "1s")]);
        Locking { delay: Duration::from_millis(10), ..Locking::parse(names.as_bytes(), &config).unwrap() }
    }

    fn reason(result: Result<Mailbox, Failure>) -> (String, String) {
        match result {
            Err(Failure::Because(dsn)) => (dsn.status.to_string(), dsn.reason.to_string()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_mailbox_is_made_and_locked_and_unlocked() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("u");
        let held = open(&path, &locking("fcntl, dotlock, flock"), PURPOSE).unwrap();
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
        let (status, text) = reason(open(&path, &locking("dotlock"), PURPOSE));
        assert_eq!((status.as_str(), text.ends_with("u.lock: File exists")), ("4.2.0", true), "{text}");
        let (status, text) = reason(open(&path, &locking("flock"), PURPOSE));
        assert_eq!(status, "4.2.0");
        assert_eq!(text, "unable to lock for exclusive access: Resource temporarily unavailable");
        drop(held);
        open(&path, &locking("fcntl, dotlock, flock"), PURPOSE).unwrap();
        assert!(!directory.path().join("u.lock").exists());
    }

    #[test]
    fn links_and_directories_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("u");
        File::create(&path).unwrap();
        std::fs::hard_link(&path, directory.path().join("v")).unwrap();
        assert_eq!(reason(open(&path, &locking("flock"), PURPOSE)).1, "file has 2 hard links");
        assert_eq!(reason(open(directory.path(), &locking("flock"), PURPOSE)).0, "5.2.0");
    }

    #[test]
    fn an_unknown_lock_is_fatal() {
        let error = Locking::parse(b"flock, x", &Config::for_tests(&[])).unwrap_err();
        assert_eq!(error, "unknown mailbox_delivery_lock value \"x\" in \"flock, x\"");
    }
}
