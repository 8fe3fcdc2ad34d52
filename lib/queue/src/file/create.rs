//! A queue file's birth (queue-files §8.4).

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process;
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use sys::reason;

use super::mode;
use crate::dir::make_parents;
use crate::{QueueDir, QueueId, Spool};

const CREATE_RETRY_DELAY: Duration = Duration::from_secs(10);
const MAX_RENAME_TRIES: u32 = 1000;

/// A file that was created and is not yet complete.
#[derive(Clone, Debug)]
pub struct Created {
    /// Its queue ID.
    pub id: QueueId,
    /// Where it is.
    pub path: PathBuf,
    /// The creation time that belongs to the ID; Message-Ids are made from it.
    pub time: SystemTime,
}

/// No file could be created.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// It could not get its name, often enough.
    #[error("mail_queue_enter: rename {} to {}: giving up", .0.display(), .1.display())]
    GivingUp(PathBuf, PathBuf),
    /// It has no status.
    #[error("mail_queue_enter: fstat {}: {}", .0.display(), reason(.1))]
    Status(PathBuf, #[source] io::Error),
}

impl Spool {
    /// Creates a file, named after its inode and the time.
    ///
    /// The file is readable by its owner alone; in maildrop by all, since pickup is not its owner. Trouble with the
    /// directory (no space, no permission) is logged and the creation tried again every 10 seconds, without end.
    pub fn create(&self, dir: QueueDir) -> Result<(File, Created), CreateError> {
        let mode = if dir == QueueDir::Maildrop { mode::INCOMPLETE_MAILDROP } else { mode::INCOMPLETE };
        let (file, temporary) = self.create_temporary(dir, mode);
        let inode = match file.metadata() {
            Ok(metadata) => metadata.ino(),
            Err(error) => return Err(CreateError::Status(temporary, error)),
        };
        self.name_by_inode(dir, &temporary, inode).map(|created| (file, created))
    }

    fn create_temporary(&self, dir: QueueDir, mode: u32) -> (File, PathBuf) {
        loop {
            let micros = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().subsec_micros();
            // The dot makes it no queue ID, so that nobody takes it for a message.
            let path = self.dir_path(dir).join(format!("{micros}.{}", process::id()));
            match OpenOptions::new().read(true).write(true).create_new(true).mode(mode).open(&path) {
                Ok(file) => return (file, path),
                Err(error) if is_taken(&error) => {}
                Err(error) => {
                    log::warn!("mail_queue_enter: create file {}: {}", path.display(), reason(&error));
                    sleep(CREATE_RETRY_DELAY);
                }
            }
        }
    }

    fn name_by_inode(&self, dir: QueueDir, temporary: &Path, inode: u64) -> Result<Created, CreateError> {
        let mut tries = 0;
        loop {
            let time = SystemTime::now();
            let id = QueueId::generate(self.id_style(), time, inode);
            let path = self.path(dir, &id);
            let error = match rename_to_new(temporary, &path) {
                Ok(()) => return Ok(Created { id, path, time }),
                Err(error) => error,
            };
            if !is_taken(&error) {
                log::warn!(
                    "mail_queue_enter: rename {} to {}: {}",
                    temporary.display(),
                    path.display(),
                    reason(&error)
                );
            }
            tries += 1;
            if tries >= MAX_RENAME_TRIES {
                return Err(CreateError::GivingUp(temporary.to_owned(), path));
            }
        }
    }
}

impl Created {
    /// Moves it to another directory before it is complete, as cleanup does with mail to be held.
    pub fn move_to(&mut self, spool: &Spool, dir: QueueDir) -> io::Result<()> {
        let path = spool.path(dir, &self.id);
        crate::dir::rename_making_dirs(&self.path, &path)?;
        self.path = path;
        Ok(())
    }
}

/// A name that exists is never written over: a file of that name would be another message, alive.
fn rename_to_new(temporary: &Path, path: &Path) -> io::Result<()> {
    match rename_exclusively(temporary, path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make_parents(path)?;
            rename_exclusively(temporary, path)
        }
        result => result,
    }
}

fn rename_exclusively(old: &Path, new: &Path) -> io::Result<()> {
    match renameat2(AT_FDCWD, old, AT_FDCWD, new, RenameFlags::RENAME_NOREPLACE) {
        // Not every file system can; there, the inode in the name is all the protection.
        Err(Errno::EINVAL | Errno::ENOSYS) => fs::rename(old, new),
        result => result.map_err(io::Error::from),
    }
}

fn is_taken(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::EEXIST | Errno::EISDIR | Errno::EPERM))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::IdStyle;

    fn spool(root: &Path) -> Spool {
        fs::create_dir(root.join("incoming")).unwrap();
        Spool::new(b"incoming", 2, IdStyle::Long).at(root)
    }

    #[test]
    fn a_new_file_is_named_after_its_inode_and_incomplete() {
        let root = tempfile::tempdir().unwrap();
        let (file, created) = spool(root.path()).create(QueueDir::Incoming).unwrap();
        let metadata = fs::metadata(&created.path).unwrap();
        assert_eq!(created.id.inode(), Some(metadata.ino()));
        assert_eq!(metadata.ino(), file.metadata().unwrap().ino());
        assert_eq!(metadata.mode() & 0o777, 0o600);
        let micros = created.time.duration_since(UNIX_EPOCH).unwrap().subsec_micros();
        assert_eq!(created.id.microseconds(), Some(micros.into()));
    }

    #[test]
    fn an_existing_name_is_not_written_over() {
        let root = tempfile::tempdir().unwrap();
        let (one, two) = (root.path().join("one"), root.path().join("two"));
        fs::write(&one, "1").unwrap();
        fs::write(&two, "2").unwrap();
        assert!(is_taken(&rename_to_new(&one, &two).unwrap_err()));
        assert_eq!(fs::read(&two).unwrap(), b"2");
    }
}
