//! A queue file's state: permission bits, time stamps, and marks inside (queue-files §8.3, §8.5, §8.7, §2.1).

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::fcntl::{AT_FDCWD, OFlag};
use nix::sys::stat::{UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;
use sys::{reason, safe_open};

use super::mode;
use crate::RecordType;

/// The permission bits that make a file a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Complete {
    /// In maildrop: 0744.
    Maildrop,
    /// Elsewhere: 0700.
    Queue,
}

/// The modification time that a message gets: when it is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mtime {
    /// That of its last write.
    AsIs,
    /// This one.
    At(SystemTime),
}

impl Complete {
    /// Makes a written file a message: time stamps, permission, then fsync. After that it will be delivered, whatever
    /// happens. What was buffered must have been written.
    ///
    /// The first message of a process also compares the clocks of file system and system: queue files whose time
    /// stamps are in the future would wait.
    pub fn commit(self, file: &File, path: &Path, mtime: Mtime) -> io::Result<()> {
        if let Mtime::At(time) = mtime {
            set_times(path, time)?;
        }
        let mode = match self {
            Complete::Maildrop => 0o744,
            Complete::Queue => 0o700,
        };
        file.set_permissions(Permissions::from_mode(mode))?;
        file.sync_all()?;
        if self == Complete::Queue && mtime == Mtime::AsIs {
            mend_clock_drift(file, path)?;
        }
        Ok(())
    }
}

/// How far the file system's clock may lag behind before it is worth a warning.
const MAX_LAG: Duration = Duration::from_secs(100);

fn mend_clock_drift(file: &File, path: &Path) -> io::Result<()> {
    static CHECKED: AtomicBool = AtomicBool::new(false);
    static AHEAD: AtomicBool = AtomicBool::new(false);
    if !CHECKED.swap(true, Ordering::Relaxed) {
        AHEAD.store(file_clock_is_ahead(file.metadata()?.modified()?), Ordering::Relaxed);
    }
    match AHEAD.load(Ordering::Relaxed) {
        true => set_times(path, SystemTime::now()),
        false => Ok(()),
    }
}

fn file_clock_is_ahead(modified: SystemTime) -> bool {
    let now = SystemTime::now();
    // Whole seconds: file systems round.
    let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (modified, now) = (seconds(modified), seconds(now));
    if modified > now {
        log::warn!("file system clock is {} seconds ahead of local clock", modified - now);
        log::warn!("resetting file time stamps - this hurts performance");
    } else if now - modified > MAX_LAG.as_secs() {
        log::warn!("file system clock is {} seconds behind local clock", now - modified);
    }
    modified > now
}

/// Sets access and modification time of the file by name.
pub fn set_times(path: &Path, time: SystemTime) -> io::Result<()> {
    let time = TimeSpec::from_duration(time.duration_since(UNIX_EPOCH).unwrap_or_default());
    utimensat(AT_FDCWD, path, &time, &time, UtimensatFlags::NoFollowSymlink).map_err(io::Error::from)
}

/// Marks the message as damaged, so that the queue manager moves it to `corrupt`.
pub fn mark_corrupt(file: &File) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(mode::CORRUPT))
}

/// Overwrites the type byte of the recipient record at `offset` (bytes): it needs no more work ([`RecordType::DONE`]),
/// or a Milter deleted it ([`RecordType::CANCELED`]).
///
/// What is there must be a recipient, done or not; anything else is [`io::ErrorKind::InvalidData`] and stays.
pub fn mark_recipient(file: &File, offset: u64, mark: RecordType) -> io::Result<()> {
    let mut present = [0];
    file.read_exact_at(&mut present, offset)?;
    match RecordType(present[0]) {
        RecordType::RECIPIENT | RecordType::DONE | RecordType::CANCELED => file.write_all_at(&[mark.0], offset),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "no recipient record at this offset")),
    }
}

/// Permission bits could not be added.
#[derive(Debug, thiserror::Error)]
pub enum ModeError {
    /// The file could not be opened safely.
    #[error(transparent)]
    Open(#[from] safe_open::Error),
    /// Its mode could not be changed.
    #[error("cannot set permission: {}", reason(.0))]
    Change(#[source] io::Error),
}

/// Adds permission bits ([`mode::EXPIRE`], [`mode::UNTHROTTLE`]) to a complete message. False when it is not complete,
/// or has them already.
///
/// The file is opened with the safe-open checks and changed through its descriptor, never by name.
pub fn add_mode_bits(path: &Path, bits: u32) -> Result<bool, ModeError> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(OFlag::O_NONBLOCK.bits());
    let (file, metadata) = safe_open::open_existing(path, &options)?;
    let present = metadata.mode() & 0o7777;
    if present & mode::OWNER_BITS != mode::OWNER_BITS || present & bits == bits {
        return Ok(false);
    }
    file.set_permissions(Permissions::from_mode(present | bits)).map_err(ModeError::Change)?;
    Ok(true)
}

/// An inode change that recent explains a second link: a backup or a move that is under way.
const LINK_TOLERANCE: i64 = 60;

pub(super) fn examine(path: &Path) -> Option<Metadata> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                log::warn!("{}: {}", path.display(), reason(&error));
            }
            return None;
        }
    };
    if !metadata.is_file() {
        log::warn!("{}: uid {}: not a regular file", path.display(), metadata.uid());
        return None;
    }
    if metadata.mode() & mode::OWNER_BITS != mode::OWNER_BITS {
        return None;
    }
    let now = text::date::to_seconds(SystemTime::now());
    if metadata.nlink() > 1 && metadata.ctime().saturating_add(LINK_TOLERANCE) < now {
        log::warn!("{}: uid {}: file has {} links", path.display(), metadata.uid(), metadata.nlink());
    }
    Some(metadata)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode_of(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn commit_sets_mode_and_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let file = File::create_new(&path).unwrap();
        assert!(examine(&path).is_none());
        let due = UNIX_EPOCH + Duration::from_secs(1_795_499_046);
        Complete::Queue.commit(&file, &path, Mtime::At(due)).unwrap();
        assert_eq!(mode_of(&path), 0o700);
        assert_eq!(examine(&path).unwrap().mtime(), 1_795_499_046);
        Complete::Maildrop.commit(&file, &path, Mtime::AsIs).unwrap();
        assert_eq!(mode_of(&path), 0o744);
        mark_corrupt(&file).unwrap();
        assert!(examine(&path).is_none());
    }

    #[test]
    fn only_recipients_are_marked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        fs::write(&path, b"S\x01aR\x01b").unwrap();
        let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        assert!(mark_recipient(&file, 0, RecordType::DONE).is_err());
        assert!(mark_recipient(&file, 99, RecordType::DONE).is_err());
        mark_recipient(&file, 3, RecordType::DONE).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"S\x01aD\x01b");
    }

    #[test]
    fn bits_are_added_to_complete_messages_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let file = File::create_new(&path).unwrap();
        file.set_permissions(Permissions::from_mode(0o600)).unwrap();
        assert!(!add_mode_bits(&path, mode::EXPIRE).unwrap());
        file.set_permissions(Permissions::from_mode(0o740)).unwrap();
        assert!(add_mode_bits(&path, mode::EXPIRE).unwrap());
        assert!(!add_mode_bits(&path, mode::EXPIRE).unwrap());
        assert_eq!(mode_of(&path), 0o750);
        assert!(add_mode_bits(&dir.path().join("y"), mode::EXPIRE).is_err());
    }
}
