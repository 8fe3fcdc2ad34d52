//! Replacing a configuration file by a changed copy, so that readers see the old one or the new one (config §8.11).

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use bstr::BString;
use logging::fatal;

/// The mode of the file while it is being written.
const WORKING_MODE: u32 = 0o600;
/// The mode of the finished file.
const FINAL_MODE: u32 = 0o644;

/// Replaces `path` by what `change` makes of its text. Whoever else does the same at the same time waits.
///
/// Ends the program on an error. One that `change` ends it with leaves the temporary file behind, which the next edit
/// takes over.
pub fn replace(path: &str, change: impl FnOnce(&[u8]) -> BString) {
    let temporary = format!("{path}.tmp");
    let mut new =
        open_locked(Path::new(&temporary)).unwrap_or_else(|error| fatal!("open {temporary}: {}", sys::reason(&error)));
    let old = match fs::read(path) {
        Ok(old) => old,
        Err(error) => {
            give_up(&temporary);
            fatal!("open {path} for reading: {}", sys::reason(&error))
        }
    };
    let text = change(&old);
    let finished = new
        .write_all(&text)
        .and_then(|()| new.set_permissions(Permissions::from_mode(FINAL_MODE)))
        .and_then(|()| new.sync_all())
        .and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = finished {
        give_up(&temporary);
        fatal!("close {temporary}: {}", sys::reason(&error));
    }
}

/// Removes the temporary file of an edit that failed. If even that fails, the next edit takes the file over.
fn give_up(temporary: &str) {
    if let Err(error) = fs::remove_file(temporary) {
        log::warn!("remove {temporary}: {}", sys::reason(&error));
    }
}

/// Opens and locks an empty file that nobody else has open: another may have finished, or left one behind, in between.
fn open_locked(path: &Path) -> io::Result<File> {
    loop {
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(WORKING_MODE).open(path)?;
        sys::lock::exclusive(&file)?;
        let opened = file.metadata()?;
        let named = match fs::metadata(path) {
            Ok(named) => named,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if (opened.dev(), opened.ino()) != (named.dev(), named.ino()) {
            continue;
        }
        if !opened.is_file() || opened.nlink() != 1 || opened.mode() & 0o7777 != WORKING_MODE {
            fs::remove_file(path)?;
            continue;
        }
        file.set_len(0)?;
        return Ok(file);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_is_replaced_with_its_final_mode_whatever_was_left_behind() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("main.cf");
        let temporary = directory.path().join("main.cf.tmp");
        fs::write(&path, "a\n").unwrap();
        fs::write(&temporary, "leftover").unwrap();
        fs::hard_link(&temporary, directory.path().join("other")).unwrap();
        replace(path.to_str().unwrap(), |old| [old, b"b\n"].concat().into());
        assert_eq!(fs::read(&path).unwrap(), b"a\nb\n");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, FINAL_MODE);
        assert!(!temporary.exists());
        assert_eq!(fs::read(directory.path().join("other")).unwrap(), b"leftover");
    }
}
