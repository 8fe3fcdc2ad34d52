//! Delivery to a Maildir (delivery-agents §1.6).

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ipc::Stamp;

use crate::copy::{Style, to_file};
use crate::job::Job;
use crate::outcome::{Failure, mailbox_status};

/// Permissions of new directories.
const DIRECTORY_MODE: u32 = 0o700;
/// Permissions of new messages.
const FILE_MODE: u32 = 0o600;

/// Writes the message of `job` as a new file in the Maildir at `path`, with the rights that the process has now. Missing directories are made.
///
/// # Errors
/// A failure whose reason begins with `maildir delivery failed: `. An access problem has been explained in the log.
pub fn deliver(job: &Job<'_>, path: &Path, style: &Style<'_>, default_status: &'static str) -> Result<(), Failure> {
    deliver_file(job, path, style, default_status).map_err(|failure| failure.prefixed("maildir delivery failed: "))
}

fn deliver_file(job: &Job<'_>, path: &Path, style: &Style<'_>, default_status: &'static str) -> Result<(), Failure> {
    let host = sys::process::host_name().map_err(|error| Failure::unix("4.3.0", sys::reason(&error), "host name"))?;
    let host = host.to_string_lossy();
    let now = Stamp::now();
    let temporary = path.join("tmp").join(format!("{}.P{}.{host}", now.seconds, std::process::id()));
    let failed = |name: &Path, error: &io::Error| {
        let reason = format!("create maildir file {}: {}", name.display(), sys::reason(error));
        explain_access(error, &reason);
        Failure::unix(mailbox_status(error, default_status), reason, "mail system configuration error")
    };
    let file = create(&temporary).map_err(|error| failed(&temporary, &error))?;
    let temporary = Temporary(temporary);
    let metadata = file.metadata().unwrap_or_else(|error| {
        logging::fatal!("fstat {}: {}", temporary.0.display(), sys::reason(&error));
    });
    let (device, inode) = (metadata.dev(), metadata.ino());
    let name = path.join("new").join(format!("{}.V{device:x}I{inode:x}M{}.{host}", now.seconds, now.micros));
    to_file(job, file, style)?;
    link(&temporary.0, &name, path).map_err(|error| failed(&name, &error))
}

/// The file in `tmp`, which goes away in every case.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            log::warn!("remove {}: {}", self.0.display(), sys::reason(&error));
        }
    }
}

fn create(name: &Path) -> io::Result<File> {
    let attempt = || OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(name);
    match attempt() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            make_directories(name.parent().unwrap_or(name))?;
            attempt()
        }
        result => result,
    }
}

fn link(old: &Path, new: &Path, maildir: &Path) -> io::Result<()> {
    match std::fs::hard_link(old, new) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            // What is wrong with `cur` shows when a mail reader wants it.
            let _ = make_directories(&maildir.join("cur"));
            make_directories(new.parent().unwrap_or(new))?;
            std::fs::hard_link(old, new)
        }
        Err(error) if is_same_file(old, new) => {
            let (old, new, reason) = (old.display(), new.display(), sys::reason(&error));
            log::info!("sane_link({old},{new}): worked around spurious NFS error");
            log::debug!("{reason}");
            Ok(())
        }
        result => result,
    }
}

fn is_same_file(one: &Path, two: &Path) -> bool {
    match (one.symlink_metadata(), two.symlink_metadata()) {
        (Ok(one), Ok(two)) => (one.dev(), one.ino()) == (two.dev(), two.ino()),
        _ => false,
    }
}

/// Makes a directory and what is missing above it, of the group that the process acts for.
fn make_directories(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path.ancestors().take_while(|directory| !directory.exists()).collect();
    for directory in missing.into_iter().rev() {
        match std::fs::DirBuilder::new().mode(DIRECTORY_MODE).create(directory) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && directory.is_dir() => continue,
            result => result?,
        }
        let group = sys::privilege::effective_gid();
        if directory.metadata()?.gid() != group
            && let Err(error) = std::os::unix::fs::chown(directory, None, Some(group))
        {
            log::warn!("make_dirs: chgrp {}: {}", directory.display(), sys::reason(&error));
        }
    }
    Ok(())
}

fn explain_access(error: &io::Error, reason: &str) {
    if error.kind() == ErrorKind::PermissionDenied {
        let (uid, gid) = (sys::privilege::effective_uid(), sys::privilege::effective_gid());
        log::warn!("maildir access problem for UID/GID={uid}/{gid}: {reason}");
        log::warn!("perhaps you need to create the maildirs in advance");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::Config;
    use ipc::delivery::Request;
    use queue::RecordType;

    #[test]
    fn a_message_appears_in_new_and_nothing_stays_in_tmp() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/Maildir");
        let mut file = tempfile::tempfile().unwrap();
        queue::record::write(&mut file, RecordType::TEXT, b"hello").unwrap();
        queue::record::write(&mut file, RecordType::EXTRACTED, b"").unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        let mut reporter = crate::Reporter::new(&Config::for_tests(&[]));
        let request = Request { sender: "s@x".into(), ..Request::default() };
        let job =
            Job { request, file, path: "active/1".into(), relay: "local".into(), avoid: None, reporter: &mut reporter };
        deliver(&job, &path, &Style::maildir(None, b"u@h"), "5.2.0").unwrap();
        let entries: Vec<_> = std::fs::read_dir(path.join("new")).unwrap().map(|entry| entry.unwrap().path()).collect();
        let [message] = entries.as_slice() else { panic!("{entries:?}") };
        let text = std::fs::read_to_string(message).unwrap();
        assert_eq!(text, "Return-Path: <s@x>\nDelivered-To: u@h\nhello\n");
        assert_eq!(message.metadata().unwrap().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(path.join("tmp")).unwrap().count(), 0);
        assert!(path.join("cur").is_dir());
    }
}
