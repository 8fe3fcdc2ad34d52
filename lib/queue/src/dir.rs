//! The queue directories, and where in them a file belongs (queue-files §8.1, §8.2).

use std::fmt;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use config::{Config, params};

use crate::{IdStyle, QueueId};

/// A directory below `queue_directory` that holds files named by queue ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QueueDir {
    /// Local submissions; never hashed.
    Maildrop,
    /// Mail that cleanup writes or has written.
    Incoming,
    /// Mail that the queue manager has opened.
    Active,
    /// Mail that waits for its next try.
    Deferred,
    /// Mail that waits for the administrator.
    Hold,
    /// Damaged files.
    Corrupt,
    /// Logs of why recipients failed.
    Bounce,
    /// Logs of why recipients wait.
    Defer,
    /// Logs of deliveries to be reported.
    Trace,
    /// Per-destination logs of the fast flush service, named by site.
    Flush,
    /// Not used by any daemon; postcat searches it.
    Saved,
}

impl QueueDir {
    /// All of them.
    pub const ALL: [QueueDir; 11] = [
        QueueDir::Maildrop,
        QueueDir::Incoming,
        QueueDir::Active,
        QueueDir::Deferred,
        QueueDir::Hold,
        QueueDir::Corrupt,
        QueueDir::Bounce,
        QueueDir::Defer,
        QueueDir::Trace,
        QueueDir::Flush,
        QueueDir::Saved,
    ];

    /// Name of the directory.
    pub const fn name(self) -> &'static str {
        match self {
            QueueDir::Maildrop => "maildrop",
            QueueDir::Incoming => "incoming",
            QueueDir::Active => "active",
            QueueDir::Deferred => "deferred",
            QueueDir::Hold => "hold",
            QueueDir::Corrupt => "corrupt",
            QueueDir::Bounce => "bounce",
            QueueDir::Defer => "defer",
            QueueDir::Trace => "trace",
            QueueDir::Flush => "flush",
            QueueDir::Saved => "saved",
        }
    }

    /// The directory of that name.
    pub fn from_name(name: &[u8]) -> Option<QueueDir> {
        QueueDir::ALL.into_iter().find(|dir| dir.name().as_bytes() == name)
    }
}

impl fmt::Display for QueueDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The tree of queue directories, as configured.
///
/// Paths are relative to the working directory, which is `queue_directory`, and appear that way in messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spool {
    root: PathBuf,
    hashed: Vec<QueueDir>,
    depth: usize,
    style: IdStyle,
}

impl From<&Config> for Spool {
    /// The tree that main.cf describes.
    fn from(config: &Config) -> Spool {
        Spool::new(
            config.get(params::HASH_QUEUE_NAMES),
            config.get(params::HASH_QUEUE_DEPTH),
            IdStyle::from(config.get(params::ENABLE_LONG_QUEUE_IDS)),
        )
    }
}

impl Spool {
    /// The tree that the parameters `hash_queue_names` (separated by commas or white space, case ignored),
    /// `hash_queue_depth` (at least 1) and `enable_long_queue_ids` describe.
    ///
    /// ```
    /// # use queue::{IdStyle, QueueDir, QueueId, Spool};
    /// let spool = Spool::new(b"deferred, defer", 1, IdStyle::from(false));
    /// let id = QueueId::parse("676205D2C1").unwrap();
    /// assert_eq!(spool.path(QueueDir::Deferred, &id).to_str(), Some("deferred/6/676205D2C1"));
    /// ```
    pub fn new(hash_queue_names: &[u8], hash_queue_depth: i64, style: IdStyle) -> Spool {
        let hashed = hash_queue_names
            .split(|&byte| byte == b',' || text::space::is_space(byte))
            .filter_map(|name| QueueDir::from_name(&name.to_ascii_lowercase()))
            .collect();
        let depth = usize::try_from(hash_queue_depth).unwrap_or(1).max(1);
        Spool { root: PathBuf::new(), hashed, depth, style }
    }

    /// The same tree below another directory than the working directory.
    pub fn at(self, root: impl Into<PathBuf>) -> Spool {
        Spool { root: root.into(), ..self }
    }

    /// Form of new queue IDs.
    pub fn id_style(&self) -> IdStyle {
        self.style
    }

    /// How many levels of hash directories the queue has: 0 when it is not hashed.
    pub fn depth(&self, dir: QueueDir) -> usize {
        if self.hashed.contains(&dir) { self.depth } else { 0 }
    }

    /// The directory itself.
    pub fn dir_path(&self, dir: QueueDir) -> PathBuf {
        self.root.join(dir.name())
    }

    /// Where the file belongs.
    pub fn path(&self, dir: QueueDir, id: &QueueId) -> PathBuf {
        self.path_hashed_by(dir, id, id.as_str())
    }

    /// As [`path`](Self::path), for a file whose name is not quite its ID (`<id>#FIX`).
    pub fn path_hashed_by(&self, dir: QueueDir, id: &QueueId, file_name: &str) -> PathBuf {
        let mut path = self.dir_path(dir);
        let depth = self.depth(dir);
        if depth > 0 {
            let key = id.hash_key();
            path.extend(key.chars().chain(std::iter::repeat('_')).take(depth).map(String::from));
        }
        path.push(file_name);
        path
    }
}

/// Renames, creating the hash directories of the target when they are missing (§8.6).
///
/// A rename that fails although it has happened (a spurious NFS error) counts as done.
pub fn rename_making_dirs(old: &Path, new: &Path) -> io::Result<()> {
    match rename(old, new) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && old.symlink_metadata().is_ok() => {
            make_parents(new)?;
            rename(old, new)
        }
        result => result,
    }
}

fn rename(old: &Path, new: &Path) -> io::Result<()> {
    let result = std::fs::rename(old, new);
    let gone = |path: &Path| matches!(path.symlink_metadata(), Err(error) if error.kind() == io::ErrorKind::NotFound);
    if result.is_err() && gone(old) && new.symlink_metadata().is_ok() {
        log::info!("sane_rename({},{}): worked around spurious NFS error", old.display(), new.display());
        return Ok(());
    }
    result
}

/// Creates the directories that the file needs, with mode 0700. Those that somebody else makes meanwhile are as good.
pub fn make_parents(file: &Path) -> io::Result<()> {
    match file.parent() {
        Some(parent) => DirBuilder::new().recursive(true).mode(0o700).create(parent),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(depth: i64, dir: QueueDir, id: &str) -> String {
        let spool = Spool::new(b"Deferred, defer", depth, IdStyle::Short);
        spool.path(dir, &QueueId::parse(id).unwrap()).to_str().unwrap().to_owned()
    }

    #[test]
    fn paths() {
        assert_eq!(path(1, QueueDir::Deferred, "676205D2C1"), "deferred/6/676205D2C1");
        assert_eq!(path(2, QueueDir::Deferred, "4jYWvp30bNz2rj0"), "deferred/6/7/4jYWvp30bNz2rj0");
        assert_eq!(path(6, QueueDir::Defer, "4jYWvp30bNz2rj0"), "defer/6/7/6/2/0/_/4jYWvp30bNz2rj0");
        assert_eq!(path(1, QueueDir::Active, "676205D2C1"), "active/676205D2C1");
    }

    #[test]
    fn rename_makes_the_hash_directories() {
        let root = tempfile::tempdir().unwrap();
        let (old, new) = (root.path().join("x"), root.path().join("deferred/6/7/x"));
        std::fs::write(&old, "").unwrap();
        rename_making_dirs(&old, &new).unwrap();
        assert!(new.exists());
        // Gone from here and found there: a rename that was done, whatever the file system said.
        rename_making_dirs(&old, &new).unwrap();
        let elsewhere = root.path().join("y");
        assert_eq!(rename_making_dirs(&old, &elsewhere).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
