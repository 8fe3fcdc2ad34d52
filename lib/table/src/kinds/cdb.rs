//! `cdb:`: constant databases (tables §4.3, §6.4).

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;

use sys::mapping::Mapping;

use super::Request;
use super::indexed::{Indexed, Store, StoreResult, warn_if_outdated};
use crate::berkeley::Pair;
use crate::error::open_error;
use crate::map::{Facts, Map, Owner};
use crate::{Flags, Mode, OpenError};

/// 256 pairs of position and number of slots.
const HEADER: u32 = 2048;
const TABLES: usize = 256;

/// The hash function of cdb.
fn hash(key: &[u8]) -> u32 {
    key.iter().fold(5381, |hash: u32, &byte| hash.wrapping_mul(33) ^ u32::from(byte))
}

/// A file that is read.
struct Reader {
    file: File,
    content: Mapping,
    path: String,
    /// Where the next record to list is.
    position: u64,
}

/// A file that is built: kept in memory, written to a temporary name at the end.
struct Builder {
    file: File,
    temporary: PathBuf,
    path: PathBuf,
    entries: Vec<Pair>,
    index: HashMap<Vec<u8>, usize>,
}

pub(super) fn open(request: &Request<'_>) -> Result<Box<dyn Map>, OpenError> {
    let name = request.indexed_file(b".cdb");
    let path = PathBuf::from(OsStr::from_bytes(&name));
    let shown = text::show(&name).to_string();
    let label = text::show(request.name).to_string();
    match request.mode {
        Mode::ReadOnly => {
            let file =
                File::open(&path).map_err(|error| open_error!("open database {shown}: {}", sys::reason(&error)))?;
            warn_if_outdated(&file, &shown, request.path());
            let facts = Facts::fixed(file.metadata().map_or(Owner::Unknown, |status| Owner::of(status.uid())));
            let facts = Facts { label: Some(name.into()), ..facts };
            let content =
                Mapping::of(&file).map_err(|error| open_error!("open database {shown}: {}", sys::reason(&error)))?;
            let reader = Reader { file, content, path: shown, position: u64::from(HEADER) };
            Ok(Box::new(Indexed::new(reader, facts, request, label, false)))
        }
        Mode::Truncate if request.flags.has(Flags::BULK_UPDATE) => {
            let builder = Builder::new(path, &shown)?;
            let facts = Facts::fixed(Owner::Unknown);
            Ok(Box::new(Indexed::new(builder, facts, request, label, false)))
        }
        _ => Err(open_error!(
            "dict_cdb_open: inappropriate open flags for cdb database - specify O_RDONLY or O_WRONLY|O_CREAT|O_TRUNC"
        )),
    }
}

/// What a damaged file gives.
fn damaged() -> io::Error {
    nix::errno::Errno::EPROTO.into()
}

impl Reader {
    fn read(&self, at: u64, length: usize) -> io::Result<Vec<u8>> {
        // A damaged length must not make us ask for memory that the file cannot fill.
        if at.saturating_add(length as u64) > self.content.len() {
            return Err(damaged());
        }
        let mut bytes = vec![0; length];
        if self.content.read(at, &mut bytes) { Ok(bytes) } else { Err(damaged()) }
    }

    /// Two numbers, which everything in the file comes in.
    fn pair(&self, at: u64) -> io::Result<(u32, u32)> {
        let mut words = [0; 8];
        if !self.content.read(at, &mut words) {
            return Err(damaged());
        }
        let [a, b, c, d, e, f, g, h] = words;
        Ok((u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])))
    }

    fn find(&self, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let hash = hash(key);
        let (start, slots) = self.pair(u64::from(hash % TABLES as u32) * 8)?;
        for probe in 0..slots {
            let slot = ((hash >> 8) % slots).wrapping_add(probe) % slots;
            let (found, position) = self.pair(u64::from(start) + u64::from(slot) * 8)?;
            if position == 0 {
                return Ok(None);
            }
            if found == hash {
                let (found, value_length, value_at) = self.record(position.into())?;
                if found == key {
                    return self.read(value_at, value_length).map(Some);
                }
            }
        }
        Ok(None)
    }

    /// The key of a record, and the length and place of its value.
    fn record(&self, position: u64) -> io::Result<(Vec<u8>, usize, u64)> {
        let (key_length, value_length) = self.pair(position)?;
        let key = self.read(position + 8, key_length as usize)?;
        let value_at = position + 8 + key.len() as u64;
        Ok((key, value_length as usize, value_at))
    }

    /// Where the records end: the first hash table is behind them.
    fn end(&self) -> io::Result<u64> {
        let starts = (0..TABLES as u64).map(|table| self.pair(table * 8).map(|(start, _)| u64::from(start)));
        Ok(starts.collect::<io::Result<Vec<_>>>()?.into_iter().min().unwrap_or(0))
    }

    fn following(&mut self, restart: bool) -> io::Result<Option<Pair>> {
        if restart {
            self.position = u64::from(HEADER);
        }
        if self.position >= self.end()? {
            return Ok(None);
        }
        let (key, value_length, value_at) = self.record(self.position)?;
        self.position = value_at + value_length as u64;
        Ok(Some((key, self.read(value_at, value_length)?)))
    }

    fn failed(&self, error: &io::Error) -> String {
        format!("error reading {}: {}", self.path, sys::reason(error))
    }
}

impl Store for Reader {
    fn get(&mut self, key: &[u8]) -> StoreResult<Option<Vec<u8>>> {
        self.find(key).map_err(|error| self.failed(&error))
    }

    fn put(&mut self, _key: &[u8], _value: &[u8]) -> StoreResult<()> {
        Err(format!("error writing {}: {}", self.path, sys::reason(&nix::errno::Errno::EROFS.into())))
    }

    fn delete(&mut self, _key: &[u8]) -> StoreResult<bool> {
        Err(format!("error deleting from {}: {}", self.path, sys::reason(&nix::errno::Errno::EROFS.into())))
    }

    fn next(&mut self, restart: bool) -> StoreResult<Option<Pair>> {
        self.following(restart).map_err(|error| self.failed(&error))
    }

    /// The file at this name never changes.
    fn lock(&mut self, _exclusive: bool) -> io::Result<()> {
        Ok(())
    }

    fn unlock(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn update_done(&mut self, _durable: bool) -> StoreResult<()> {
        Ok(())
    }

    fn finish(&mut self) -> StoreResult<()> {
        Ok(())
    }

    fn writable(&self) -> bool {
        false
    }

    fn file(&self) -> &File {
        &self.file
    }
}

impl Builder {
    /// Opens and locks the temporary file; one that was renamed while we waited is not the one we want.
    fn new(path: PathBuf, shown: &str) -> Result<Self, OpenError> {
        let shown = format!("{shown}.tmp");
        let temporary = PathBuf::from([path.as_os_str(), ".tmp".as_ref()].join("".as_ref()));
        let failed = |what: &str, error: &io::Error| open_error!("{what} {shown}: {}", sys::reason(error));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o644);
        let file = loop {
            let file = options.open(&temporary).map_err(|error| failed("open database", &error))?;
            sys::lock::exclusive(&file).map_err(|error| failed("lock", &error))?;
            let opened = file.metadata().map_err(|error| failed("fstat", &error))?;
            let named = temporary.metadata();
            if named.is_ok_and(|named| (named.dev(), named.ino()) == (opened.dev(), opened.ino())) {
                break file;
            }
        };
        file.set_len(0).map_err(|error| failed("truncate", &error))?;
        Ok(Builder { file, temporary, path, entries: Vec::new(), index: HashMap::new() })
    }

    fn write(&self) -> io::Result<()> {
        let too_big = || io::Error::from(nix::errno::Errno::EFBIG);
        let mut out = BufWriter::new(&self.file);
        out.seek(SeekFrom::Start(u64::from(HEADER)))?;
        let mut tables: Vec<Vec<(u32, u32)>> = vec![Vec::new(); TABLES];
        let mut position = HEADER;
        for (key, value) in &self.entries {
            let hash = hash(key);
            tables[(hash % TABLES as u32) as usize].push((hash, position));
            let (key_length, value_length) = (u32::try_from(key.len()), u32::try_from(value.len()));
            let (key_length, value_length) = (key_length.map_err(|_| too_big())?, value_length.map_err(|_| too_big())?);
            out.write_all(&key_length.to_le_bytes())?;
            out.write_all(&value_length.to_le_bytes())?;
            out.write_all(key)?;
            out.write_all(value)?;
            let size = key_length.checked_add(value_length).and_then(|size| size.checked_add(8)).ok_or_else(too_big)?;
            position = position.checked_add(size).ok_or_else(too_big)?;
        }
        let mut header = Vec::with_capacity(HEADER as usize);
        for table in &tables {
            let slots = slots(table);
            let count = u32::try_from(slots.len()).map_err(|_| too_big())?;
            header.extend_from_slice(&position.to_le_bytes());
            header.extend_from_slice(&count.to_le_bytes());
            for (hash, place) in slots {
                out.write_all(&hash.to_le_bytes())?;
                out.write_all(&place.to_le_bytes())?;
            }
            position = count.checked_mul(8).and_then(|size| position.checked_add(size)).ok_or_else(too_big)?;
        }
        out.seek(SeekFrom::Start(0))?;
        out.write_all(&header)?;
        out.flush()?;
        self.file.sync_all()
    }
}

/// An open-addressing table with twice as many slots as entries.
fn slots(entries: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let count = entries.len() * 2;
    let mut slots = vec![(0, 0); count];
    for &(hash, position) in entries {
        let mut slot = (hash >> 8) as usize % count;
        while slots[slot].1 != 0 {
            slot = (slot + 1) % count;
        }
        slots[slot] = (hash, position);
    }
    slots
}

impl Store for Builder {
    fn get(&mut self, key: &[u8]) -> StoreResult<Option<Vec<u8>>> {
        let entry = self.index.get(key).and_then(|&n| self.entries.get(n));
        Ok(entry.map(|(_, value)| value.clone()))
    }

    fn put(&mut self, key: &[u8], value: &[u8]) -> StoreResult<()> {
        match self.index.get(key).and_then(|&n| self.entries.get_mut(n)) {
            Some((_, old)) => *old = value.to_vec(),
            None => {
                self.index.insert(key.to_vec(), self.entries.len());
                self.entries.push((key.to_vec(), value.to_vec()));
            }
        }
        Ok(())
    }

    fn delete(&mut self, key: &[u8]) -> StoreResult<bool> {
        let Some(n) = self.index.remove(key) else { return Ok(false) };
        self.entries.remove(n);
        self.index.values_mut().filter(|at| **at > n).for_each(|at| *at -= 1);
        Ok(true)
    }

    fn next(&mut self, _restart: bool) -> StoreResult<Option<Pair>> {
        Err(format!("error reading {}: the database is being built", self.temporary.display()))
    }

    /// The exclusive lock is held from the start.
    fn lock(&mut self, _exclusive: bool) -> io::Result<()> {
        Ok(())
    }

    fn unlock(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn update_done(&mut self, _durable: bool) -> StoreResult<()> {
        Ok(())
    }

    fn finish(&mut self) -> StoreResult<()> {
        let shown = self.temporary.display();
        self.write().map_err(|error| format!("finish database {shown}: {}", sys::reason(&error)))?;
        std::fs::rename(&self.temporary, &self.path).map_err(|error| {
            format!("rename database from {shown} to {}: {}", self.path.display(), sys::reason(&error))
        })
    }

    fn file(&self) -> &File {
        &self.file
    }
}
