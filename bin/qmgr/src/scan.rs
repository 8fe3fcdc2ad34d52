//! Scans of `incoming` and `deferred` (qmgr-bounce §1.3, §1.4).

use queue::{Entry, QueueDir, Scan, Spool};

/// What a scan is asked for; flags add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanFlags {
    /// Begin, or begin again when the scan that runs is done.
    pub start: bool,
    /// Take messages that are not due yet.
    pub all: bool,
    /// Ignore `defer_transports` for the messages that are found.
    pub ignore_deferred_transports: bool,
}

impl ScanFlags {
    fn merge(&mut self, other: Self) {
        self.start |= other.start;
        self.all |= other.all;
        self.ignore_deferred_transports |= other.ignore_deferred_transports;
    }
}

/// What a trigger asks for (qmgr-bounce §1.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    pub incoming: ScanFlags,
    pub deferred: ScanFlags,
    /// Revive all dead transports and destinations.
    pub revive: bool,
}

impl Wish {
    /// Reads the bytes of a trigger; unknown ones mean nothing.
    pub fn parse(request: &[u8]) -> Self {
        let mut wish = Self::default();
        for byte in request {
            match byte {
                b'W' | b'I' => wish.incoming.start = true,
                b'D' => wish.deferred.start = true,
                b'F' => {
                    wish.revive = true;
                    wish.incoming.ignore_deferred_transports = true;
                    wish.deferred.ignore_deferred_transports = true;
                }
                b'A' => {
                    wish.incoming.all = true;
                    wish.deferred.all = true;
                }
                _ => {}
            }
        }
        wish
    }
}

/// One queue directory that is walked through again and again.
#[derive(Debug)]
pub struct QueueScan {
    pub dir: QueueDir,
    running: Option<(Scan, ScanFlags)>,
    wanted: ScanFlags,
}

impl QueueScan {
    pub fn new(dir: QueueDir) -> Self {
        Self { dir, running: None, wanted: ScanFlags::default() }
    }

    /// Asks for something. What holds for messages also holds for a scan that runs.
    pub fn request(&mut self, flags: ScanFlags, spool: &Spool) {
        if let Some((_, current)) = &mut self.running {
            current.merge(ScanFlags { start: false, ..flags });
        }
        self.wanted.merge(flags);
        if self.running.is_none() {
            self.begin(spool);
        }
    }

    /// Whether a scan is in progress.
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// The next file, and the flags of the scan that found it.
    pub fn next(&mut self, spool: &Spool) -> Option<(Entry, ScanFlags)> {
        let (scan, flags) = self.running.as_mut()?;
        match scan.next() {
            Some(Ok(entry)) => return Some((entry, *flags)),
            Some(Err(error)) => log::warn!("{error}"),
            None => {}
        }
        self.running = None;
        self.begin(spool);
        // A scan that was asked for meanwhile begins at once: nobody may come to ask for it again.
        self.running.is_some().then(|| self.next(spool)).flatten()
    }

    fn begin(&mut self, spool: &Spool) {
        if !self.wanted.start {
            return;
        }
        match Scan::new(spool, self.dir) {
            Ok(scan) => self.running = Some((scan, std::mem::take(&mut self.wanted))),
            Err(error) => logging::fatal!("{error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use queue::IdStyle;

    #[test]
    fn triggers_mean_what_they_say() {
        let wish = Wish::parse(b"FADI\0?");
        let flags = ScanFlags { start: true, all: true, ignore_deferred_transports: true };
        assert_eq!(wish, Wish { incoming: flags, deferred: flags, revive: true });
        assert_eq!(
            Wish::parse(b"W\0"),
            Wish { incoming: ScanFlags { start: true, ..Default::default() }, ..Default::default() }
        );
    }

    #[test]
    fn flags_without_start_wait_for_the_next_scan() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("incoming")).unwrap();
        std::fs::write(directory.path().join("incoming/AB"), "").unwrap();
        let spool = Spool::new(b"", 1, IdStyle::from(false)).at(directory.path());
        let mut scan = QueueScan::new(QueueDir::Incoming);
        scan.request(ScanFlags { all: true, ..Default::default() }, &spool);
        assert!(!scan.is_running());
        scan.request(ScanFlags { start: true, ..Default::default() }, &spool);
        let (entry, flags) = scan.next(&spool).unwrap();
        assert_eq!((entry.name.to_str(), flags.all), (Some("AB"), true));
        scan.request(ScanFlags { start: true, ..Default::default() }, &spool);
        // The scan that was asked for meanwhile follows without a pause, and without the flags of the first.
        let (entry, flags) = scan.next(&spool).unwrap();
        assert_eq!((entry.name.to_str(), flags.all), (Some("AB"), false));
        assert!(scan.next(&spool).is_none());
        assert!(!scan.is_running());
    }
}
