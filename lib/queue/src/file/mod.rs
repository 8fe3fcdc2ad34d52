//! Queue files as wholes: creating, completing, opening, marking, moving, removing (queue-files §8.3 to §8.8).

mod create;
mod state;

pub use create::{CreateError, Created};
pub use state::{Complete, ModeError, Mtime, add_mode_bits, mark_corrupt, mark_recipient, set_times};

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use nix::fcntl::OFlag;
use sys::reason;

use crate::dir::{make_parents, rename_making_dirs};
use crate::{QueueDir, QueueId, Spool};

/// Permission bits of complete files and their like (§8.3).
pub mod mode {
    /// A file that is being written.
    pub const INCOMPLETE: u32 = 0o600;
    /// A maildrop file that is being written.
    pub const INCOMPLETE_MAILDROP: u32 = 0o644;
    /// A damaged file.
    pub const CORRUPT: u32 = 0o400;
    /// The bits that say in which of these states a file is.
    pub const OWNER_BITS: u32 = 0o700;
    /// Extra bit: reset the dead-destination state for this message's destinations.
    pub const UNTHROTTLE: u32 = 0o040;
    /// Extra bit: forced to expire.
    pub const EXPIRE: u32 = 0o010;
}

/// May a program write to the file that it opens?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read only.
    Read,
    /// Read, and mark recipients.
    ReadWrite,
}

impl Spool {
    /// Opens a message or a log by ID, without locking (see [`sys::lock`]).
    pub fn open(&self, dir: QueueDir, id: &QueueId, access: Access) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(access == Access::ReadWrite)
            .custom_flags(OFlag::O_NOFOLLOW.bits())
            .open(self.path(dir, id))
    }

    /// Opens a log for appending, without locking. A missing log is created, with mode 0600, and so are its hash
    /// directories.
    pub fn open_to_append(&self, dir: QueueDir, id: &QueueId) -> io::Result<File> {
        let path = self.path(dir, id);
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(mode::INCOMPLETE).custom_flags(OFlag::O_NOFOLLOW.bits());
        match options.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_parents(&path)?;
                options.open(&path)
            }
            result => result,
        }
    }

    /// The test that every program makes before it uses a message file: a complete regular file (§8.3). `None` says
    /// not to use it; what the administrator should know is logged.
    pub fn complete_message(&self, dir: QueueDir, id: &QueueId) -> Option<Metadata> {
        state::examine(&self.path(dir, id))
    }

    /// Moves a file to another directory, creating hash directories as needed. Its ID stays.
    pub fn rename(&self, id: &QueueId, from: QueueDir, to: QueueDir) -> io::Result<()> {
        rename_making_dirs(&self.path(from, id), &self.path(to, id))
    }

    /// Removes a file.
    pub fn remove(&self, dir: QueueDir, id: &QueueId) -> io::Result<()> {
        fs::remove_file(self.path(dir, id))
    }

    /// Removes what an earlier message with the same ID may have left in `defer`, `bounce` and `trace` (§8.4).
    pub fn remove_spurious_logs(&self, id: &QueueId) -> Result<(), RemoveLogError> {
        for dir in [QueueDir::Defer, QueueDir::Bounce, QueueDir::Trace] {
            match self.remove(dir, id) {
                Ok(()) => log::warn!("{dir}: removed spurious {id} log"),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(RemoveLogError { dir, id: id.clone(), error }),
            }
        }
        Ok(())
    }

    /// Where the file is, among several directories: the first that has it as a complete message.
    pub fn find_message(&self, dirs: &[QueueDir], id: &QueueId) -> Option<(QueueDir, PathBuf)> {
        let dir = dirs.iter().copied().find(|&dir| self.complete_message(dir, id).is_some())?;
        Some((dir, self.path(dir, id)))
    }
}

/// A log of an earlier message is in the way.
#[derive(Debug, thiserror::Error)]
#[error("{dir}: remove {id} log: {}", reason(.error))]
pub struct RemoveLogError {
    dir: QueueDir,
    id: QueueId,
    error: io::Error,
}
