//! `postfix set-permissions`: owner, group and mode of everything that the mail system has.

use std::io::ErrorKind;
use std::path::Path;

use logging::fatal;

use crate::layout::{self, QUEUE};
use crate::paths::Paths;

/// Programs that write to the maildrop or talk to public services for whoever calls them.
const SET_GID: [&str; 3] = ["postdrop", "postqueue", "postlog"];
const SET_GID_MODE: u32 = 0o2755;
const PROGRAM_MODE: u32 = 0o755;
/// Other programs of the command directory.
const COMMANDS: [&str; 12] = [
    "postalias",
    "postcat",
    "postconf",
    "postfix",
    "postkick",
    "postlock",
    "postmap",
    "postmulti",
    "postsuper",
    "sendmail",
    "mailq",
    "newaliases",
];

/// How much is mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extent {
    /// What changed from one release to the next: the queue, and programs with rights of their own.
    Changing,
    /// Everything.
    All,
}

/// Mends owners and permissions; what cannot be mended ends the program. Files in the queue stay as they are.
pub fn set(paths: &Paths, extent: Extent) {
    for directory in &QUEUE {
        or_fatal(&directory.path(paths), directory.set_permissions(paths));
    }
    let (uid, gid) = paths.owner();
    or_fatal(&paths.data, layout::set(&paths.data, uid, gid, 0o700));
    // All instances have the same programs: they are the business of the first.
    let programs = !paths.is_secondary();
    if programs {
        set_gid_programs(paths);
    }
    if extent == Extent::Changing {
        return;
    }
    set_if_there(&paths.configuration, 0, PROGRAM_MODE);
    for name in ["main.cf", "master.cf"] {
        set_if_there(&paths.configuration.join(name), 0, 0o644);
    }
    if programs {
        set_programs(paths);
    }
}

fn set_gid_programs(paths: &Paths) {
    let setgid = paths.setgid();
    for name in SET_GID {
        set_if_there(&paths.command(name), setgid, SET_GID_MODE);
    }
}

fn set_programs(paths: &Paths) {
    for name in COMMANDS {
        set_if_there(&paths.command(name), 0, PROGRAM_MODE);
    }
    match std::fs::read_dir(&paths.daemons) {
        Ok(entries) => {
            for entry in entries.flatten().filter(|entry| entry.path().is_file()) {
                set_if_there(&entry.path(), 0, PROGRAM_MODE);
            }
        }
        Err(error) => fatal!("{}: {}", paths.daemons.display(), sys::reason(&error)),
    }
}

/// A link is left alone, and so is what it leads to: that is not of this installation, or has its own turn.
fn set_if_there(path: &Path, gid: u32, mode: u32) {
    if path.is_symlink() {
        return;
    }
    match layout::set(path, 0, gid, mode) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        result => or_fatal(path, result),
    }
}

fn or_fatal(path: &Path, result: std::io::Result<()>) {
    if let Err(error) = result {
        fatal!("set permissions of {}: {}", path.display(), sys::reason(&error));
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn what_a_link_leads_to_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (directory.path().join("file"), directory.path().join("link"));
        fs::write(&file, "").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        symlink(&file, &link).unwrap();
        set_if_there(&link, 0, SET_GID_MODE);
        set_if_there(&directory.path().join("nothing"), 0, SET_GID_MODE);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o600);
    }
}
