//! Having a deferred message tried: it becomes due, and moves to the incoming queue (queue-files §15.3).

use std::io::ErrorKind;
use std::path::Path;
use std::time::SystemTime;

use queue::file::{ModeError, add_mode_bits, mode, set_times};
use queue::{QueueDir, QueueId, Spool};

/// What the queue manager shall do about destinations of the message that seem dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destinations {
    /// Nothing.
    Leave,
    /// Try them all the same.
    Revive,
}

/// Makes a message due now. False when it is neither deferred nor incoming, or is to be revived and is not complete.
pub fn make_due(spool: &Spool, id: &QueueId, destinations: Destinations) -> bool {
    let Some(dir) = [QueueDir::Deferred, QueueDir::Incoming].into_iter().find(|&dir| touch(&spool.path(dir, id)))
    else {
        return false;
    };
    let path = spool.path(dir, id);
    if destinations == Destinations::Revive && (spool.complete_message(dir, id).is_none() || !revive(&path)) {
        return false;
    }
    if dir == QueueDir::Deferred
        && let Err(error) = spool.rename(id, QueueDir::Deferred, QueueDir::Incoming)
        && error.kind() != ErrorKind::NotFound
    {
        let incoming = spool.path(QueueDir::Incoming, id);
        log::warn!("rename {} to {}: {}", path.display(), incoming.display(), sys::reason(&error));
    }
    true
}

fn touch(path: &Path) -> bool {
    match set_times(path, SystemTime::now()) {
        Ok(()) => true,
        Err(error) => {
            if error.kind() != ErrorKind::NotFound {
                log::warn!("update {} time stamps: {}", path.display(), sys::reason(&error));
            }
            false
        }
    }
}

fn revive(path: &Path) -> bool {
    match add_mode_bits(path, mode::UNTHROTTLE) {
        Ok(_) => true,
        Err(ModeError::Open(error)) if error.is_not_found() => false,
        Err(error) => {
            log::warn!("{}: {error}", path.display());
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use queue::IdStyle;

    use super::*;

    #[test]
    fn a_deferred_message_becomes_incoming_and_due() {
        let root = tempfile::tempdir().unwrap();
        let spool = Spool::new(b"deferred", 1, IdStyle::Short).at(root.path());
        let id = QueueId::parse("57EE1BE3F7").unwrap();
        assert!(!make_due(&spool, &id, Destinations::Leave));
        fs::create_dir_all(root.path().join("deferred/5")).unwrap();
        fs::create_dir(root.path().join("incoming")).unwrap();
        let deferred = root.path().join("deferred/5/57EE1BE3F7");
        fs::write(&deferred, "x").unwrap();
        fs::set_permissions(&deferred, Permissions::from_mode(0o700)).unwrap();
        set_times(&deferred, SystemTime::now() + std::time::Duration::from_secs(1000)).unwrap();
        assert!(make_due(&spool, &id, Destinations::Revive));
        let incoming = root.path().join("incoming/57EE1BE3F7");
        let metadata = fs::metadata(&incoming).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o740);
        assert!(metadata.modified().unwrap() <= SystemTime::now());
        assert!(make_due(&spool, &id, Destinations::Leave));
        assert!(incoming.exists());
        fs::set_permissions(&incoming, Permissions::from_mode(0o600)).unwrap();
        assert!(!make_due(&spool, &id, Destinations::Revive));
    }
}
