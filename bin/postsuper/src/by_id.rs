//! Actions on one message (queue-files §13.1).

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::SystemTime;

use queue::file::{ModeError, add_mode_bits, mode, set_times};
use queue::{QueueDir, QueueId, Spool};

use crate::options::Action;
use crate::tally::Tally;

/// One kind of action, on the messages of some queues.
pub struct ById<'a> {
    /// The queue.
    pub spool: &'a Spool,
    /// Where to search, in order; directories of logs are passed over.
    pub queues: &'a [QueueDir],
    /// What to do.
    pub action: Action,
    /// What was done.
    pub tally: &'a Tally,
}

/// Does the directory hold messages?
pub fn holds_messages(dir: QueueDir) -> bool {
    matches!(dir, QueueDir::Maildrop | QueueDir::Incoming | QueueDir::Active | QueueDir::Deferred | QueueDir::Hold)
}

impl ById<'_> {
    /// Does it to the message, if it can be found.
    pub fn run(&self, id: &QueueId) {
        match self.action {
            Action::Delete => self.find(id, |_| true, |dir| self.delete(dir, id)),
            Action::Expire => self.expire(id),
            Action::ExpireAndRelease => {
                self.expire(id);
                self.release(id);
            }
            Action::Hold => self.find(
                id,
                |dir| !matches!(dir, QueueDir::Maildrop | QueueDir::Hold),
                |dir| self.rename(id, dir, QueueDir::Hold, "placed on hold", |counts| counts.held += 1),
            ),
            Action::Release => self.release(id),
            Action::Requeue => self.find(id, |dir| dir != QueueDir::Maildrop, |dir| self.requeue(dir, id)),
        }
    }

    /// Tries all queues, and, since the message may be moving from one to another, tries them again.
    fn find(&self, id: &QueueId, wanted: impl Fn(QueueDir) -> bool, act: impl Fn(QueueDir) -> bool) {
        let queues = || self.queues.iter().copied().filter(|&dir| holds_messages(dir) && wanted(dir));
        let _ = queues().chain(queues()).any(|dir| self.spool.complete_message(dir, id).is_some() && act(dir));
    }

    fn delete(&self, dir: QueueDir, id: &QueueId) -> bool {
        for log in [QueueDir::Bounce, QueueDir::Defer, QueueDir::Trace] {
            remove(&self.spool.path(log, id));
        }
        let removed = remove(&self.spool.path(dir, id));
        if removed {
            log::info!("{id}: removed");
            self.tally.count(|counts| counts.deleted += 1);
        }
        removed
    }

    fn expire(&self, id: &QueueId) {
        self.find(
            id,
            |dir| dir != QueueDir::Maildrop,
            |dir| {
                if expire(&self.spool.path(dir, id)) {
                    log::info!("{id}: expired");
                    self.tally.count(|counts| counts.expired += 1);
                }
                true
            },
        );
    }

    fn release(&self, id: &QueueId) {
        let in_hold =
            self.queues.contains(&QueueDir::Hold) && self.spool.complete_message(QueueDir::Hold, id).is_some();
        if in_hold {
            self.rename(id, QueueDir::Hold, QueueDir::Deferred, "released from hold", |counts| counts.released += 1);
        }
    }

    fn requeue(&self, dir: QueueDir, id: &QueueId) -> bool {
        let requeued = self.rename(id, dir, QueueDir::Maildrop, "requeued", |counts| counts.requeued += 1);
        let path = self.spool.path(QueueDir::Maildrop, id);
        if requeued && let Err(error) = set_times(&path, SystemTime::now()) {
            log::warn!("{}: reset time stamps: {}", path.display(), sys::reason(&error));
        }
        requeued
    }

    fn rename(
        &self,
        id: &QueueId,
        from: QueueDir,
        to: QueueDir,
        done: &str,
        count: impl FnOnce(&mut crate::tally::Counts),
    ) -> bool {
        let renamed = rename(&self.spool.path(from, id), &self.spool.path(to, id));
        if renamed {
            log::info!("{id}: {done}");
            self.tally.count(count);
        }
        renamed
    }
}

/// Removes a file. False when there is none.
pub fn remove(path: &Path) -> bool {
    match fs::remove_file(path) {
        Ok(()) => true,
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(error) => logging::fatal!("remove file {}: {}", path.display(), sys::reason(&error)),
    }
}

/// Renames a file, making directories as needed. False when there is none.
pub fn rename(old: &Path, new: &Path) -> bool {
    match queue::rename_making_dirs(old, new) {
        Ok(()) => true,
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(error) => {
            logging::fatal!("rename file {} as {}: {}", old.display(), new.display(), sys::reason(&error))
        }
    }
}

/// Marks a message as expired. False when it is not complete, or was expired before.
pub fn expire(path: &Path) -> bool {
    match add_mode_bits(path, mode::EXPIRE) {
        Ok(changed) => changed,
        Err(ModeError::Open(error)) if error.is_not_found() => false,
        Err(error) => {
            log::warn!("expire file {}: {error}", path.display());
            false
        }
    }
}
