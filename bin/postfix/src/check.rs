//! Is everything where it must be, and does it belong to whom it must (master-ipc §15.3)?

use std::fs::{self, Metadata};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Command, exit};

use config::{Config, params};
use text::level::Level;

use crate::advice;
use crate::control::run;
use crate::layout;
use crate::paths::Paths;

/// Queue directories whose entries all belong to mail_owner.
const OWNED: [&str; 12] = [
    "saved", "incoming", "active", "defer", "deferred", "bounce", "hold", "trace", "corrupt", "public", "private",
    "flush",
];
/// Copies of system files below the queue directory, for daemons in a jail.
const JAIL: [&str; 5] = ["bin", "etc", "lib", "sbin", "usr"];
const OTHERS_WRITE: u32 = 0o022;
const SET_GID: u32 = 0o2111;

/// `postfix check`.
pub fn check(config: &Config, paths: &Paths) {
    if let Err(problem) = check_fatal(paths) {
        logging::record(logging::Severity::Fatal, problem.as_bytes());
        exit(1);
    }
    check_warn(paths);
    advice::advise(config, paths);
}

/// What must be in order.
pub fn check_fatal(paths: &Paths) -> Result<(), String> {
    if let Err(error) = layout::create_missing(paths) {
        log::warn!("{}", sys::reason(&error));
        return Err("unable to create missing queue directories".into());
    }
    let file = paths.configuration.join("master.cf");
    let Ok(master_cf) = fs::read(&file) else {
        return Err(format!("no {} file found", file.display()));
    };
    if logs_to_file() && !has_postlog(&master_cf) {
        return Err("missing 'postlog' service in master.cf - run 'postfix upgrade-configuration'".into());
    }
    if !run(&mut Command::new(paths.command("postsuper"))).success() {
        return Err("postsuper failed".into());
    }
    Ok(())
}

fn logs_to_file() -> bool {
    let files = [params::MAILLOG_FILE, params::MAILLOG_JSON_FILE];
    Config::load("postfix", &[]).is_ok_and(|config| files.iter().any(|key| !config.get(*key).is_empty()))
}

fn has_postlog(master_cf: &[u8]) -> bool {
    let defaults = config::master::Defaults { level: Level::new(3, 6, 0), process_limit: 100 };
    config::master::parse("master.cf", master_cf, &defaults).is_ok_and(|entries| {
        entries
            .iter()
            .any(|entry| entry.name == "postlog" && entry.transport == config::master::Transport::UnixDatagram)
    })
}

/// What an administrator should know.
pub fn check_warn(paths: &Paths) {
    let (owner, _) = paths.owner();
    let group = paths.setgid();
    for path in [paths.queue.clone(), paths.queue.join("pid")] {
        check_root_owned(&path);
        check_not_writable(&path);
    }
    // All instances have the same programs: they are the business of the first.
    let programs = !paths.is_secondary();
    for tree in [&paths.configuration, &paths.daemons].into_iter().take(if programs { 2 } else { 1 }) {
        walk(tree, &mut |path, _| {
            check_root_owned(path);
            check_not_writable(path);
        });
    }
    check_not_writable(&paths.data);
    check_owned(&paths.data, owner, &paths.mail_owner);
    for name in OWNED {
        check_entries(&paths.queue.join(name), owner, &paths.mail_owner);
    }
    check_owned(&paths.queue.join("maildrop"), owner, &paths.mail_owner);
    for path in [paths.queue.join("public"), paths.queue.join("maildrop")] {
        check_group(&path, group, &paths.setgid_group);
    }
    for path in [paths.command("postqueue"), paths.command("postdrop")].iter().filter(|_| programs) {
        check_group(path, group, &paths.setgid_group);
        check_set_gid(path);
    }
    for name in JAIL {
        check_jail(&paths.queue, name);
    }
    for entry in fs::read_dir(paths.queue.join("corrupt")).into_iter().flatten().flatten() {
        log::warn!("damaged message: corrupt/{}", entry.file_name().display());
    }
    check_sendmail();
}

/// The old and the new place of sendmail must be the same program.
fn check_sendmail() {
    let (old, new) = (Path::new("/usr/lib/sendmail"), Path::new("/usr/sbin/sendmail"));
    let (Ok(one), Ok(two)) = (fs::read(old), fs::read(new)) else { return };
    if one != two {
        log::warn!("{} and {} differ", old.display(), new.display());
        log::warn!("Replace one by a symbolic link to the other");
    }
}

fn check_root_owned(path: &Path) {
    if metadata(path).is_some_and(|metadata| metadata.uid() != 0) {
        log::warn!("not owned by root: {}", path.display());
    }
}

fn check_not_writable(path: &Path) {
    if metadata(path).is_some_and(|metadata| !metadata.is_symlink() && metadata.mode() & OTHERS_WRITE != 0) {
        log::warn!("group or other writable: {}", path.display());
    }
}

fn check_owned(path: &Path, owner: u32, name: &str) {
    if metadata(path).is_some_and(|metadata| metadata.uid() != owner) {
        log::warn!("not owned by {name}: {}", path.display());
    }
}

fn check_entries(directory: &Path, owner: u32, name: &str) {
    walk(directory, &mut |path, metadata| {
        let kind = metadata.file_type();
        if !kind.is_socket() && !kind.is_fifo() && metadata.uid() != owner {
            log::warn!("not owned by {name}: {}", path.display());
        }
    });
}

fn check_group(path: &Path, group: u32, name: &str) {
    if metadata(path).is_some_and(|metadata| metadata.gid() != group) {
        log::warn!("not owned by group {name}: {}", path.display());
    }
}

fn check_set_gid(path: &Path) {
    if metadata(path).is_some_and(|metadata| metadata.mode() & SET_GID != SET_GID) {
        log::warn!("not set-gid or not owner+group+world executable: {}", path.display());
    }
}

fn check_jail(queue: &Path, name: &str) {
    walk(&queue.join(name), &mut |path, metadata| {
        check_root_owned(path);
        if !metadata.is_file() {
            return;
        }
        let Ok(inside) = path.strip_prefix(queue) else { return };
        let original = Path::new("/").join(inside);
        if let (Ok(copy), Ok(original_text)) = (fs::read(path), fs::read(&original))
            && copy != original_text
        {
            log::warn!("{} and {} differ", path.display(), original.display());
        }
    });
}

fn metadata(path: &Path) -> Option<Metadata> {
    fs::symlink_metadata(path).ok()
}

/// Visits a directory and everything below it, without following links.
fn walk(path: &Path, visit: &mut impl FnMut(&Path, &Metadata)) {
    let mut waiting: Vec<PathBuf> = vec![path.to_owned()];
    while let Some(path) = waiting.pop() {
        // What disappears meanwhile needs no check.
        let Some(metadata) = metadata(&path) else { continue };
        visit(&path, &metadata);
        if metadata.is_dir() {
            waiting.extend(fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_postlog_service_is_found() {
        assert!(has_postlog(b"# x\npostlog unix-dgram n - n - 1 postlogd\n"));
        assert!(!has_postlog(b"postlog unix n - n - 1 postlogd\n"));
        assert!(!has_postlog(b"garbage\n"));
    }

    #[test]
    fn a_walk_sees_everything_once() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("a")).unwrap();
        fs::write(directory.path().join("a/b"), "").unwrap();
        std::os::unix::fs::symlink("/", directory.path().join("c")).unwrap();
        let mut count = 0;
        walk(directory.path(), &mut |_, _| count += 1);
        assert_eq!(count, 4);
    }
}
