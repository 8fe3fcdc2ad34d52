//! The logs of a service, one file for each message (qmgr-bounce §10.2).

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use bstr::BString;
use config::{Config, params};
use ipc::bounce::{Dsn, Recipient};
use logging::fatal;
use queue::file::Access;
use queue::status_log::{LogEntry, LogReader};
use queue::{QueueDir, QueueId, Spool};

/// The logs of one service.
#[derive(Debug)]
pub struct Journal {
    dir: QueueDir,
    spool: Spool,
    old_style: bool,
    utf8: bool,
    lock_attempts: u32,
    lock_delay: Duration,
}

impl Journal {
    /// The logs in `dir`.
    pub fn new(dir: QueueDir, spool: Spool, config: &Config) -> Journal {
        Journal {
            dir,
            spool,
            old_style: config.get(params::BACKWARDS_BOUNCE_LOGFILE_COMPATIBILITY),
            utf8: config.get(params::SMTPUTF8_ENABLE),
            lock_attempts: u32::try_from(config.get(params::DELIVER_LOCK_ATTEMPTS)).unwrap_or(1),
            lock_delay: config.get(params::DELIVER_LOCK_DELAY),
        }
    }

    /// The directory; its name is the service's.
    pub fn dir(&self) -> QueueDir {
        self.dir
    }

    /// Where the log of a message is.
    pub fn path(&self, id: &QueueId) -> PathBuf {
        self.spool.path(self.dir, id)
    }

    /// Adds an entry, and returns when it is on disk. When that cannot be, the log is as before, and the program ends.
    pub fn append(&self, id: &QueueId, entry: &LogEntry) {
        let mut file = self.open_locked(id);
        let size = file.metadata().unwrap_or_else(|error| self.fail("seek file", id, &error)).len();
        let written = file.write_all(&entry.to_text(self.old_style)).and_then(|()| file.sync_all());
        if let Err(error) = written {
            if let Err(error) = file.set_len(size) {
                self.fail("truncate file", id, &error);
            }
            self.fail("append file", id, &error);
        }
    }

    /// Opens a log for appending, and locks it. One that was removed while this waited for the lock is no good.
    fn open_locked(&self, id: &QueueId) -> File {
        loop {
            let file =
                self.spool.open_to_append(self.dir, id).unwrap_or_else(|error| self.fail("open file", id, &error));
            if let Err(error) = sys::lock::exclusive_within(&file, self.lock_attempts, self.lock_delay) {
                self.fail("lock file", id, &error);
            }
            match file.metadata() {
                Ok(metadata) if metadata.nlink() == 0 => {}
                Ok(_) => return file,
                Err(error) => self.fail("seek file", id, &error),
            }
        }
    }

    /// Reads a log; `None` when there is none.
    pub fn read(&self, id: &QueueId) -> Option<Vec<LogEntry>> {
        let file = match self.spool.open(self.dir, id, Access::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return None,
            Err(error) => self.fail("open", id, &error),
        };
        let path = self.path(id).display().to_string();
        let mut reader = LogReader::new(BufReader::new(file), path, self.dir, self.utf8);
        let mut entries = Vec::new();
        while let Some(entry) = reader.next_entry().unwrap_or_else(|error| self.fail("read", id, &error)) {
            entries.push(entry);
        }
        Some(entries)
    }

    /// Removes a log, if there is one.
    pub fn remove(&self, id: &QueueId) {
        match self.spool.remove(self.dir, id) {
            Err(error) if error.kind() != ErrorKind::NotFound => self.fail("remove", id, &error),
            _ => {}
        }
    }

    fn fail(&self, what: &str, id: &QueueId, error: &io::Error) -> ! {
        fatal!("{what} {} {id}: {}", self.dir, sys::reason(error))
    }
}

/// The log entry for a recipient, with addresses as they are, in internal form.
pub fn raw_entry(recipient: &Recipient, dsn: &Dsn) -> LogEntry {
    LogEntry {
        recipient: recipient.address.clone(),
        original_recipient: recipient.original.clone(),
        offset: u64::try_from(recipient.offset).unwrap_or(0),
        dsn_original_recipient: recipient.dsn_orig_rcpt.clone(),
        notify: u32::try_from(recipient.notify).unwrap_or(0),
        status: dsn.status.clone(),
        action: dsn.action.clone(),
        diagnostic_type: dsn.diag_type.clone(),
        diagnostic_text: dsn.diag_text.clone(),
        mta_type: dsn.mta_type.clone(),
        mta_name: dsn.mta_name.clone(),
        reason: dsn.reason.clone(),
    }
}

/// The log entry for a recipient as it goes to the file: addresses as in headers.
pub fn quoted_entry(recipient: &Recipient, dsn: &Dsn) -> LogEntry {
    let raw = raw_entry(recipient, dsn);
    LogEntry { recipient: quoted(&raw.recipient), original_recipient: quoted(&raw.original_recipient), ..raw }
}

/// An address as in a header; the null address stays empty.
fn quoted(address: &BString) -> BString {
    if address.is_empty() { BString::default() } else { text::address::quote(address) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal(root: &std::path::Path) -> Journal {
        let config = Config::for_tests(&[("backwards_bounce_logfile_compatibility", "no")]);
        Journal::new(QueueDir::Defer, Spool::from(&config).at(root), &config)
    }

    #[test]
    fn entries_are_appended_read_and_removed() {
        let root = tempfile::tempdir().unwrap();
        let journal = journal(root.path());
        let id = QueueId::parse("57EE1BE3F7").unwrap();
        assert_eq!(journal.read(&id), None);
        journal.remove(&id);
        let recipient = Recipient { address: "a b@c".into(), offset: 9, notify: 4, ..Recipient::default() };
        let dsn = Dsn { action: "delayed".into(), ..Dsn::new("4.0.0", "later") };
        journal.append(&id, &quoted_entry(&recipient, &dsn));
        journal.append(&id, &quoted_entry(&recipient, &dsn));
        let path = root.path().join("defer/5/57EE1BE3F7");
        let text = "\nrecipient=\"a b\"@c\noffset=9\nnotify_flags=4\nstatus=4.0.0\naction=delayed\nreason=later\n\n";
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text.repeat(2));
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(journal.read(&id).unwrap().len(), 2);
        journal.remove(&id);
        assert!(!path.exists());
    }
}
