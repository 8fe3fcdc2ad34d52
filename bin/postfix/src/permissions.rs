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

/// Mends everything; what cannot be mended ends the program.
pub fn set_all(paths: &Paths) {
    if let Err(error) = layout::create_missing(paths) {
        fatal!("unable to create missing queue directories: {}", sys::reason(&error));
    }
    for directory in &QUEUE {
        or_fatal(&directory.path(paths), directory.set_permissions(paths));
    }
    let (uid, gid) = paths.owner();
    or_fatal(&paths.data, layout::set(&paths.data, uid, gid, 0o700));
    let setgid = paths.setgid();
    for name in SET_GID {
        set_if_there(&paths.command(name), setgid, SET_GID_MODE);
    }
    for name in COMMANDS {
        set_if_there(&paths.command(name), 0, PROGRAM_MODE);
    }
    set_if_there(&paths.configuration, 0, PROGRAM_MODE);
    for name in ["main.cf", "master.cf"] {
        set_if_there(&paths.configuration.join(name), 0, 0o644);
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

fn set_if_there(path: &Path, gid: u32, mode: u32) {
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
