//! Queue files made by hand.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::Instance;

impl Instance {
    /// Puts a file into a queue directory, with a queue ID of the form that its inode asks for. Says the ID, and where the file is.
    ///
    /// # Panics
    /// When that cannot be done.
    pub fn place(&self, directory: &str, bytes: &[u8], mode: u32) -> (String, PathBuf) {
        // Not in the directory itself: a queue manager that looks there just now takes any name.
        let temporary = self.path("q/temporary");
        fs::write(&temporary, bytes).expect("a file");
        let id = format!("{:05X}{:X}", 0x12345, temporary.metadata().expect("metadata").ino());
        let path = match directory {
            "deferred" => self.path("q/deferred").join(&id[..1]).join(&id),
            _ => self.path("q").join(directory).join(&id),
        };
        let parent = path.parent().expect("a directory");
        if !parent.exists() {
            fs::create_dir(parent).expect("a directory");
            give_to_owner(parent);
        }
        give_to_owner(&temporary);
        fs::set_permissions(&temporary, Permissions::from_mode(mode)).expect("permissions");
        fs::rename(&temporary, &path).expect("a rename");
        (id, path)
    }

    /// Puts a log file beside a message: `queue` is `defer`, `bounce` or `trace`.
    ///
    /// # Panics
    /// When that cannot be done.
    pub fn place_log(&self, queue: &str, id: &str, text: &str) -> PathBuf {
        let directory = self.path("q").join(queue);
        let directory = if queue == "defer" { directory.join(&id[..1]) } else { directory };
        if !directory.exists() {
            fs::create_dir(&directory).expect("a directory");
            give_to_owner(&directory);
        }
        let path = directory.join(id);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("permissions");
        give_to_owner(&path);
        path
    }
}

fn give_to_owner(path: &Path) {
    let owner = sys::privilege::account("postfix").ok().flatten().expect("the mail owner");
    chown(path, Some(owner.uid), Some(owner.gid)).expect("ownership");
}

/// Sets the time stamp of a file to this many seconds from now.
///
/// # Panics
/// When that cannot be done.
pub fn set_mtime(path: &Path, offset: i64) {
    let now = SystemTime::now();
    let distance = Duration::from_secs(offset.unsigned_abs());
    let time = if offset < 0 { now - distance } else { now + distance };
    File::options().write(true).open(path).and_then(|file| file.set_modified(time)).expect("a time stamp");
}
