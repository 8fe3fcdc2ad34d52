//! The log of a site: queue IDs, one on a line (queue-files §15.2, §15.3).

use std::collections::HashSet;
use std::fs::{File, FileTimes};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::time::{Duration, SystemTime};

use bstr::ByteSlice;
use ipc::trigger;
use logging::fatal;
use queue::file::Access;
use queue::{QueueDir, QueueId, Scan, Spool};

use crate::QueueManager;
use crate::message::{Destinations, make_due};

/// No queue ID is that long, in bytes.
const LINE_LIMIT: u64 = 512;
/// How many IDs to remember, so that a message is not moved twice.
const MEMORY: usize = 10_000;
/// How much of a bad ID to show, in bytes.
const EXCERPT: usize = 30;

/// Whether the queue manager shall forget which destinations seem dead, before the mail is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reset {
    /// No.
    Nothing,
    /// Yes.
    DeadDestinations,
}

/// The log of a site, which need not exist.
#[derive(Debug)]
pub struct LogFile<'a> {
    spool: &'a Spool,
    name: QueueId,
}

impl<'a> LogFile<'a> {
    /// The log with this name.
    pub fn new(spool: &'a Spool, name: QueueId) -> LogFile<'a> {
        LogFile { spool, name }
    }

    /// Adds a message.
    pub fn add(&self, id: &QueueId) {
        let mut file = self
            .spool
            .open_to_append(QueueDir::Flush, &self.name)
            .unwrap_or_else(|error| self.fail("flush_add_path: open fast flush logfile", &error));
        if let Err(error) = sys::lock::exclusive(&file) {
            self.fail("flush_add_path: lock fast flush logfile", &error);
        }
        if let Err(error) = file.write_all(format!("{id}\n").as_bytes()) {
            log::warn!("write fast flush logfile {}: {}", self.name, sys::reason(&error));
        }
    }

    /// Has the mail that the log names tried, and empties the log. Without a log there is no mail.
    pub fn send(&self, queue_manager: &QueueManager, reset: Reset) {
        let file = match self.spool.open(QueueDir::Flush, &self.name, Access::ReadWrite) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return,
            Err(error) => self.fail("open fast flush logfile", &error),
        };
        if let Err(error) = sys::lock::exclusive(&file) {
            self.fail("lock fast flush logfile", &error);
        }
        if reset == Reset::DeadDestinations {
            queue_manager.tell(trigger::FLUSH_DEAD);
        }
        let has_lines = self.make_mail_due(&file);
        if has_lines && let Err(error) = file.set_len(0) {
            self.fail("truncate fast flush logfile", &error);
        }
        let now = SystemTime::now();
        if let Err(error) = file.set_times(FileTimes::new().set_accessed(now).set_modified(now)) {
            log::warn!("update fast flush logfile {} time stamps: {}", self.name, sys::reason(&error));
        }
        drop(file);
        if has_lines {
            queue_manager.tell(trigger::SCAN_INCOMING);
        }
    }

    /// Returns whether the log has any lines.
    fn make_mail_due(&self, file: &File) -> bool {
        let mut lines = Lines { input: BufReader::new(file) };
        let mut seen = HashSet::new();
        let mut has_lines = false;
        loop {
            match lines.next_line() {
                Ok(Some(line)) => {
                    has_lines = true;
                    self.take_line(&line, &mut seen);
                }
                Ok(None) => return has_lines,
                Err(error) => self.fail("read fast flush logfile", &error),
            }
        }
    }

    fn take_line(&self, line: &[u8], seen: &mut HashSet<QueueId>) {
        let Some(id) = QueueId::parse(line) else {
            let start = text::show(&line[..line.len().min(EXCERPT)]);
            return log::warn!("bad queue id \"{start}...\" in fast flush logfile {}", self.name);
        };
        if seen.contains(&id) {
            return;
        }
        make_due(self.spool, &id, Destinations::Leave);
        if seen.len() < MEMORY {
            seen.insert(id);
        }
    }

    fn fail(&self, what: &str, error: &io::Error) -> ! {
        fatal!("{what} {}: {}", self.name, sys::reason(error))
    }
}

/// Lines of a bounded length; what is longer comes in pieces.
struct Lines<R> {
    input: R,
}

impl<R: BufRead> Lines<R> {
    fn next_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        if self.input.by_ref().take(LINE_LIMIT).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        Ok(Some(line.trim_end_with(|c| c == '\n').to_vec()))
    }
}

/// Goes through all logs: has the mail of those tried that were not read for `age`, and removes those that have been empty
/// for `purge_time`.
pub fn refresh_all(spool: &Spool, queue_manager: &QueueManager, age: Duration, purge_time: Duration) {
    let scan = Scan::new(spool, QueueDir::Flush).unwrap_or_else(|error| fatal!("{error}"));
    for entry in scan {
        let entry = entry.unwrap_or_else(|error| fatal!("{error}"));
        let Some(name) = entry.id() else { continue };
        let Ok(metadata) = entry.path.symlink_metadata() else { continue };
        let is_older = |time: io::Result<SystemTime>, limit: Duration| {
            time.ok().and_then(|time| SystemTime::now().duration_since(time).ok()).is_some_and(|past| past >= limit)
        };
        if metadata.len() > 0 {
            if is_older(metadata.accessed(), age) {
                LogFile::new(spool, name).send(queue_manager, Reset::Nothing);
            }
        } else if is_older(metadata.modified(), purge_time)
            && let Err(error) = std::fs::remove_file(&entry.path)
            && error.kind() != ErrorKind::NotFound
        {
            log::warn!("remove logfile {}: {}", entry.path.display(), sys::reason(&error));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::UNIX_EPOCH;

    use proptest::prelude::*;
    use queue::IdStyle;

    use super::*;

    fn queue_manager() -> QueueManager {
        QueueManager { service: "none".into(), limit: Duration::from_secs(1) }
    }

    fn root_with_message(id: &str) -> (tempfile::TempDir, Spool) {
        let root = tempfile::tempdir().unwrap();
        for dir in ["deferred", "incoming", "flush"] {
            fs::create_dir(root.path().join(dir)).unwrap();
        }
        fs::write(root.path().join("deferred").join(id), "x").unwrap();
        let spool = Spool::new(b"", 1, IdStyle::Short).at(root.path());
        (root, spool)
    }

    #[test]
    fn mail_in_the_log_is_tried_once() {
        let (root, spool) = root_with_message("57EE1BE3F7");
        let log = LogFile::new(&spool, QueueId::parse("example_com").unwrap());
        log.send(&queue_manager(), Reset::DeadDestinations);
        let id = QueueId::parse("57EE1BE3F7").unwrap();
        log.add(&id);
        log.add(&id);
        let path = root.path().join("flush/example_com");
        assert_eq!(fs::read_to_string(&path).unwrap(), "57EE1BE3F7\n57EE1BE3F7\n");
        log.send(&queue_manager(), Reset::Nothing);
        assert!(root.path().join("incoming/57EE1BE3F7").exists());
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
    }

    #[test]
    fn a_refresh_reads_old_logs_and_removes_empty_ones() {
        let (root, spool) = root_with_message("1");
        let path = |name: &str| root.path().join("flush").join(name);
        fs::write(path("new"), "1\n").unwrap();
        fs::write(path("old"), "1\n").unwrap();
        fs::write(path("empty"), "").unwrap();
        fs::write(path("fresh"), "").unwrap();
        for name in ["old", "empty"] {
            queue::file::set_times(&path(name), UNIX_EPOCH).unwrap();
        }
        refresh_all(&spool, &queue_manager(), Duration::from_secs(3600), Duration::from_secs(3600));
        assert!(!path("empty").exists() && path("fresh").exists());
        assert_eq!(fs::read_to_string(path("new")).unwrap(), "1\n");
        assert_eq!(fs::read_to_string(path("old")).unwrap(), "");
        assert!(root.path().join("incoming/1").exists());
        refresh_all(&spool, &queue_manager(), Duration::ZERO, Duration::from_secs(3600));
        assert_eq!(fs::read_to_string(path("new")).unwrap(), "");
    }

    proptest! {
        #[test]
        fn lines_are_bounded(bytes: Vec<u8>, line in 500..2000_usize) {
            let bytes = [bytes, vec![b'x'; line]].concat();
            let mut lines = Lines { input: bytes.as_slice() };
            while let Some(line) = lines.next_line().unwrap() {
                prop_assert!(line.len() <= 512);
            }
        }
    }
}
