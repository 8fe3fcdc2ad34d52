//! A pass over whole directories: repairs, and actions on ALL messages (queue-files §13.2).

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use queue::file::mode;
use queue::{IdStyle, QueueDir, QueueId, Spool};

use crate::by_id::{expire, holds_messages, remove, rename};
use crate::options::Action;
use crate::tally::{Counts, Tally};

/// How old an incomplete file must be before it is purged: mail does not take longer to arrive.
const MAX_INCOMPLETE_AGE: Duration = Duration::from_secs(7 * 86_400);

/// Mark on the name of a file that has its new ID, but must not be seen before its logs have it too.
const FIX_MARK: &str = "#FIX";

/// What to repair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repair {
    /// `-p`: remove old incomplete files.
    pub purge: bool,
    /// `-s`: names and positions.
    pub structure: bool,
    /// `-S`: long names too must match the inode number.
    pub long_names: bool,
}

impl Repair {
    /// Nothing to repair?
    pub fn is_empty(&self) -> bool {
        *self == Repair::default()
    }
}

/// A pass over directories.
pub struct Pass<'a> {
    spool: &'a Spool,
    repair: Repair,
    action: Option<Action>,
    tally: &'a Tally,
}

/// A file that the pass has come to.
struct Found<'a> {
    dir: QueueDir,
    path: &'a Path,
    name: &'a OsStr,
    metadata: Metadata,
}

impl Found<'_> {
    fn is_complete_message(&self) -> bool {
        holds_messages(self.dir) && self.metadata.is_file() && self.has_complete_mode()
    }

    fn has_complete_mode(&self) -> bool {
        self.metadata.mode() & mode::OWNER_BITS == mode::OWNER_BITS
    }

    fn warn_bogus(&self) {
        log::warn!("bogus file name: {}", self.path.display());
    }
}

impl<'a> Pass<'a> {
    /// A pass that repairs.
    pub fn repair(spool: &'a Spool, repair: Repair, tally: &'a Tally) -> Pass<'a> {
        Pass { spool, repair, action: None, tally }
    }

    /// A pass that does something to all messages.
    pub fn all(spool: &'a Spool, action: Action, tally: &'a Tally) -> Pass<'a> {
        Pass { spool, repair: Repair::default(), action: Some(action), tally }
    }

    /// Makes the pass.
    pub fn over(&self, dirs: &[QueueDir]) {
        for &dir in dirs {
            if dir == QueueDir::Maildrop && self.spool.depth(dir) > 0 {
                logging::fatal!("maildrop queue must not be hashed");
            }
            self.walk(dir, &self.spool.dir_path(dir), 0);
        }
    }

    /// Goes through a directory at some depth below the queue.
    fn walk(&self, dir: QueueDir, path: &Path, depth: usize) {
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound && depth > 0 => return,
            Err(error) => fatal_scan("scan_dir_push: open", path, &error),
        };
        for entry in entries {
            let entry = entry.unwrap_or_else(|error| fatal_scan("scan_dir_next: read", path, &error));
            let (path, name) = (entry.path(), entry.file_name());
            let Some(metadata) = examine(&path) else { continue };
            if name.len() == 1 && metadata.is_dir() && dir != QueueDir::Maildrop {
                self.walk_hash_directory(dir, &path, depth + 1);
            } else {
                self.visit(&Found { dir, path: &path, name: &name, metadata });
            }
        }
    }

    /// A hash directory that is deeper than the configuration has them is removed when it is empty.
    fn walk_hash_directory(&self, dir: QueueDir, path: &Path, depth: usize) {
        self.walk(dir, path, depth);
        if depth <= self.spool.depth(dir) {
            return;
        }
        match fs::remove_dir(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                logging::fatal!("remove directory {}: {}", path.display(), sys::reason(&error))
            }
            _ => {}
        }
    }

    fn visit(&self, found: &Found<'_>) {
        if found.metadata.is_dir() {
            if let Err(error) = fs::remove_dir(found.path) {
                log::warn!("remove subdirectory {}: {}", found.path.display(), sys::reason(&error));
            }
        } else if self.action == Some(Action::Delete) {
            if remove(found.path) && found.is_complete_message() {
                self.tally.count(|counts| counts.deleted += 1);
            }
        } else if !found.metadata.is_file() || self.is_stale(found) {
            remove(found.path);
        } else if let Some(name) = self.fix_mark(found) {
            self.take_off_mark(found, name);
        } else {
            match QueueId::parse(found.name.as_bytes()) {
                Some(id) => self.visit_id(found, &id),
                None => found.warn_bogus(),
            }
        }
    }

    fn is_stale(&self, found: &Found<'_>) -> bool {
        let age = || found.metadata.modified().ok().and_then(|time| SystemTime::now().duration_since(time).ok());
        self.repair.purge
            && holds_messages(found.dir)
            && !found.has_complete_mode()
            && age().is_some_and(|age| age > MAX_INCOMPLETE_AGE)
    }

    /// The name in front of the mark, when it has one.
    fn fix_mark<'f>(&self, found: &'f Found<'_>) -> Option<&'f [u8]> {
        found.name.as_bytes().strip_suffix(FIX_MARK.as_bytes()).filter(|_| self.repair.structure)
    }

    fn take_off_mark(&self, found: &Found<'_>, name: &[u8]) {
        let Some(id) = QueueId::parse(name) else { return found.warn_bogus() };
        if holds_messages(found.dir) {
            match id.inode() {
                None => return found.warn_bogus(),
                Some(inode) if inode != found.metadata.ino() => {
                    return log::warn!("name/inode mismatch: {}", found.path.display());
                }
                Some(_) => self.tally.count(|counts| counts.names_fixed += 1),
            }
        }
        self.put_in_place(found, &self.spool.path(found.dir, &id));
    }

    fn visit_id(&self, found: &Found<'_>, id: &QueueId) {
        if self.repair.structure && holds_messages(found.dir) {
            match self.right_id(found, id) {
                RightId::Undecodable => return found.warn_bogus(),
                RightId::Another(right) => return self.fix_name(found.dir, found.path, id, &right),
                RightId::Same => {}
            }
        }
        if let Some(action) = self.action
            && self.act(action, found, id)
        {
            return;
        }
        let place = self.spool.path(found.dir, id);
        if self.repair.structure && place != found.path {
            self.put_in_place(found, &place);
        }
    }

    /// What the name should be, given the inode number and the style of names.
    fn right_id(&self, found: &Found<'_>, id: &QueueId) -> RightId {
        let Some(inode) = id.inode() else { return RightId::Undecodable };
        let style = self.spool.id_style();
        let must_be_short = id.is_long() && style == IdStyle::Short;
        let must_match = !id.is_long() || self.repair.long_names;
        if !must_be_short && (inode == found.metadata.ino() || !must_match) {
            return RightId::Same;
        }
        match id.with_inode(style, found.metadata.ino()) {
            Some(right) => RightId::Another(right),
            None => RightId::Undecodable,
        }
    }

    /// Renames the logs, then the message, to the marked new name.
    fn fix_name(&self, dir: QueueDir, path: &Path, id: &QueueId, right: &QueueId) {
        let marked = |dir| self.spool.path_hashed_by(dir, right, &format!("{right}{FIX_MARK}"));
        self.tally.count(|counts| counts.names_marked += 1);
        for log in [QueueDir::Bounce, QueueDir::Defer, QueueDir::Trace] {
            rename(&self.spool.path(log, id), &marked(log));
        }
        rename(path, &marked(dir));
    }

    fn put_in_place(&self, found: &Found<'_>, place: &Path) {
        self.tally.count(|counts| counts.positions_fixed += 1);
        rename(found.path, place);
    }

    /// Does what was asked for with ALL. True when the file is somewhere else now.
    fn act(&self, action: Action, found: &Found<'_>, id: &QueueId) -> bool {
        let dir = found.dir;
        if !holds_messages(dir) || dir == QueueDir::Maildrop {
            return false;
        }
        let expires = matches!(action, Action::Expire | Action::ExpireAndRelease);
        if expires && found.is_complete_message() && expire(found.path) {
            self.tally.count(|counts| counts.expired += 1);
        }
        let releases = matches!(action, Action::Release | Action::ExpireAndRelease);
        let (target, count): (_, fn(&mut Counts)) = match action {
            Action::Requeue => (QueueDir::Maildrop, |counts| counts.requeued += 1),
            Action::Hold if dir != QueueDir::Hold => (QueueDir::Hold, |counts| counts.held += 1),
            _ if releases && dir == QueueDir::Hold => (QueueDir::Deferred, |counts| counts.released += 1),
            _ => return false,
        };
        if rename(found.path, &self.spool.path(target, id)) {
            self.tally.count(count);
        }
        true
    }
}

enum RightId {
    Same,
    Another(QueueId),
    Undecodable,
}

/// A file that has moved on meanwhile is not there.
fn examine(path: &Path) -> Option<Metadata> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Some(metadata),
        Err(error) => {
            if error.kind() != ErrorKind::NotFound {
                log::warn!("{}: {}", path.display(), sys::reason(&error));
            }
            None
        }
    }
}

fn fatal_scan(what: &str, path: &Path, error: &std::io::Error) -> ! {
    logging::fatal!("{what} directory {}: {}", path.display(), sys::reason(error))
}
