//! The directories of the queue, and what they must look like (queue-files §8.1, master-ipc §15.6).

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use crate::paths::Paths;

/// Who owns a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// root.
    Root,
    /// mail_owner.
    Mail,
    /// mail_owner, and the group of submitting programs.
    MailAndSubmitters,
}

/// One directory.
#[derive(Clone, Copy, Debug)]
pub struct Directory {
    pub name: &'static str,
    pub owner: Owner,
    pub mode: u32,
}

const fn directory(name: &'static str, owner: Owner, mode: u32) -> Directory {
    Directory { name, owner, mode }
}

/// Below the queue directory; the first is the queue directory itself.
pub const QUEUE: [Directory; 15] = [
    directory("", Owner::Root, 0o755),
    directory("active", Owner::Mail, 0o700),
    directory("bounce", Owner::Mail, 0o700),
    directory("corrupt", Owner::Mail, 0o700),
    directory("defer", Owner::Mail, 0o700),
    directory("deferred", Owner::Mail, 0o700),
    directory("flush", Owner::Mail, 0o700),
    directory("hold", Owner::Mail, 0o700),
    directory("incoming", Owner::Mail, 0o700),
    directory("saved", Owner::Mail, 0o700),
    directory("trace", Owner::Mail, 0o700),
    directory("private", Owner::Mail, 0o700),
    directory("maildrop", Owner::MailAndSubmitters, 0o730),
    directory("public", Owner::MailAndSubmitters, 0o710),
    directory("pid", Owner::Root, 0o755),
];

impl Directory {
    pub fn path(&self, paths: &Paths) -> PathBuf {
        if self.name.is_empty() { paths.queue.clone() } else { paths.queue.join(self.name) }
    }

    fn ids(&self, paths: &Paths) -> (u32, u32) {
        let (uid, gid) = paths.owner();
        match self.owner {
            Owner::Root => (0, 0),
            Owner::Mail => (uid, gid),
            Owner::MailAndSubmitters => (uid, paths.setgid()),
        }
    }

    /// Makes the directory if it is not there.
    pub fn create_missing(&self, paths: &Paths) -> io::Result<()> {
        let path = self.path(paths);
        if path.is_dir() {
            return Ok(());
        }
        DirBuilder::new().mode(0o700).create(&path)?;
        self.set_permissions(paths)
    }

    /// Sets owner, group and mode.
    pub fn set_permissions(&self, paths: &Paths) -> io::Result<()> {
        let (uid, gid) = self.ids(paths);
        set(&self.path(paths), uid, gid, self.mode)
    }
}

/// Sets owner, group and mode of a file, the mode last: changing the owner takes set-id bits away.
pub fn set(path: &Path, uid: u32, gid: u32, mode: u32) -> io::Result<()> {
    let metadata = fs::metadata(path)?;
    if (metadata.uid(), metadata.gid()) != (uid, gid) {
        chown(path, Some(uid), Some(gid))?;
    }
    fs::set_permissions(path, Permissions::from_mode(mode))
}

/// Makes what is missing below the queue directory, and the data directory.
pub fn create_missing(paths: &Paths) -> io::Result<()> {
    for directory in &QUEUE {
        directory.create_missing(paths)?;
    }
    if !paths.data.is_dir() {
        DirBuilder::new().mode(0o700).recursive(true).create(&paths.data)?;
        let (uid, gid) = paths.owner();
        set(&paths.data, uid, gid, 0o700)?;
    }
    Ok(())
}
