//! Walking through a queue directory (queue-files §8.2).

use std::ffi::OsString;
use std::fs::{self, ReadDir};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use sys::reason;

use crate::{QueueDir, QueueId, Spool};

/// A directory cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// It cannot be opened.
    #[error("scan_dir_push: open directory {}: {}", .0.display(), reason(.1))]
    Open(PathBuf, #[source] io::Error),
    /// It cannot be read on.
    #[error("scan_dir_next: read directory {}: {}", .0.display(), reason(.1))]
    Read(PathBuf, #[source] io::Error),
}

/// Something that a queue directory holds, at whatever hash level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, which need not be a queue ID.
    pub name: OsString,
    /// Where it is; that need not be where it belongs.
    pub path: PathBuf,
}

impl Entry {
    /// The queue ID, if the name is one.
    pub fn id(&self) -> Option<QueueId> {
        QueueId::parse(self.name.as_bytes())
    }
}

/// An iterator over a queue directory with all its hash levels. Entries are read as they are asked for, so files may
/// come and go meanwhile.
#[derive(Debug)]
pub struct Scan {
    levels: Vec<(PathBuf, ReadDir)>,
    hashed: bool,
}

impl Scan {
    /// Starts with the directory. An entry with a name of one character is taken to be a hash directory, whatever it
    /// is, and is entered; not so in maildrop, which is flat.
    pub fn new(spool: &Spool, dir: QueueDir) -> Result<Scan, ScanError> {
        let mut scan = Scan { levels: Vec::new(), hashed: dir != QueueDir::Maildrop };
        let path = spool.dir_path(dir);
        scan.push(path.clone()).map_err(|error| ScanError::Open(path, error))?;
        Ok(scan)
    }

    fn push(&mut self, path: PathBuf) -> io::Result<()> {
        let entries = fs::read_dir(&path)?;
        self.levels.push((path, entries));
        Ok(())
    }

    /// Enters a hash directory. One that is gone by now was empty.
    fn enter(&mut self, path: &Path) -> Result<(), ScanError> {
        match self.push(path.to_owned()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(ScanError::Open(path.to_owned(), error)),
            _ => Ok(()),
        }
    }
}

impl Iterator for Scan {
    type Item = Result<Entry, ScanError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (level, entries) = self.levels.last_mut()?;
            let entry = match entries.next() {
                None => {
                    self.levels.pop();
                    continue;
                }
                Some(Err(error)) => {
                    let error = ScanError::Read(level.clone(), error);
                    self.levels.clear();
                    return Some(Err(error));
                }
                Some(Ok(entry)) => entry,
            };
            let name = entry.file_name();
            if !(self.hashed && name.len() == 1) {
                return Some(Ok(Entry { path: entry.path(), name }));
            }
            if let Err(error) = self.enter(&entry.path()) {
                self.levels.clear();
                return Some(Err(error));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::IdStyle;

    fn names(spool: &Spool, dir: QueueDir) -> Vec<OsString> {
        let mut names: Vec<_> = Scan::new(spool, dir).unwrap().map(|entry| entry.unwrap().name).collect();
        names.sort();
        names
    }

    #[test]
    fn hash_directories_are_entered_but_not_in_maildrop() {
        let root = tempfile::tempdir().unwrap();
        let spool = Spool::new(b"", 1, IdStyle::Short).at(root.path());
        for file in ["deferred/6/7/67A", "deferred/123", "maildrop/6/67A"] {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        assert_eq!(names(&spool, QueueDir::Deferred), ["123", "67A"]);
        assert_eq!(names(&spool, QueueDir::Maildrop), ["6"]);
        let missing = Scan::new(&spool, QueueDir::Hold).unwrap_err().to_string();
        assert!(missing.ends_with("/hold: No such file or directory"), "{missing}");
    }
}
