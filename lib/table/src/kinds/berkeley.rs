//! `hash:` and `btree:` (tables §4.1).

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;

use bstr::BString;

use super::Request;
use super::indexed::{Indexed, Store, StoreResult, warn_if_outdated};
use crate::berkeley::{Database, Method, Pair};
use crate::error::open_error;
use crate::map::{Facts, Map, Owner};
use crate::{Flags, Mode, OpenError};

/// An open file.
struct Berkeley {
    database: Database,
    /// The file, a second time, for status and locks.
    file: File,
    /// Its name, for messages.
    path: String,
}

pub(super) fn open(request: &Request<'_>, method: Method) -> Result<Box<dyn Map>, OpenError> {
    let name = request.indexed_file(b".db");
    let path = PathBuf::from(OsStr::from_bytes(&name));
    let shown = text::show(&name).to_string();
    let building = request.flags.has(Flags::BULK_UPDATE);
    let file =
        if building { open_to_build(&path, &shown, request.mode)? } else { open_file(&path, &shown, request.mode)? };
    lock_while_opening(&file, &shown, request)?;
    let settings = request.tables.settings();
    let cache_size = match request.mode {
        Mode::ReadOnly => settings.berkeley_db_read_buffer_size,
        _ => settings.berkeley_db_create_buffer_size,
    };
    let opened = file.try_clone().and_then(|copy| {
        let fresh = request.mode == Mode::Truncate || (request.mode == Mode::Create && copy.metadata()?.len() == 0);
        if fresh { Database::create(copy, method, cache_size) } else { Database::open(copy, method, cache_size) }
    });
    let database = opened.map_err(|error| open_error!("open database {shown}: {}", sys::reason(&error)))?;
    if !building && !request.flags.has(Flags::OPEN_LOCK) {
        sys::lock::unlock(&file).map_err(|error| open_error!("unlock {shown}: {}", sys::reason(&error)))?;
    }
    if !building {
        warn_if_outdated(&file, &shown, request.path());
    }
    let owner = file.metadata().map_or(Owner::Unknown, |status| Owner::of(status.uid()));
    let facts = Facts { label: Some(BString::from(name)), ..Facts::fixed(owner) };
    let store = Berkeley { database, file, path: shown.clone() };
    Ok(Box::new(Indexed::new(store, facts, request, shown, true)))
}

fn open_file(path: &PathBuf, shown: &str, mode: Mode) -> Result<File, OpenError> {
    let mut options = OpenOptions::new();
    options.read(true).write(mode != Mode::ReadOnly).create(matches!(mode, Mode::Create | Mode::Truncate)).mode(0o644);
    options.open(path).map_err(|error| open_error!("open database {shown}: {}", sys::reason(&error)))
}

/// Opens the file to build; one that is empty, left by a program that was killed, is removed first.
fn open_to_build(path: &PathBuf, shown: &str, mode: Mode) -> Result<File, OpenError> {
    if let Ok(status) = path.metadata()
        && status.is_file()
        && status.len() == 0
    {
        log::warn!("removing zero-length database file: {shown}");
        std::fs::remove_file(path)
            .map_err(|error| open_error!("cannot remove zero-length database file {shown}: {}", sys::reason(&error)))?;
    }
    open_file(path, shown, mode)
}

/// A builder keeps the exclusive lock. All others wait for a running builder; with `open_lock`, there must be none.
fn lock_while_opening(file: &File, shown: &str, request: &Request<'_>) -> Result<(), OpenError> {
    if request.flags.has(Flags::BULK_UPDATE) {
        return sys::lock::exclusive(file).map_err(|error| open_error!("lock {shown}: {}", sys::reason(&error)));
    }
    if request.flags.has(Flags::OPEN_LOCK) {
        return sys::lock::try_exclusive(file).map_err(|error| {
            open_error!("{}: unable to get exclusive lock: {}", request.full_name(), sys::reason(&error))
        });
    }
    let lock = if request.mode == Mode::ReadOnly { sys::lock::shared } else { sys::lock::exclusive };
    lock(file).map_err(|error| open_error!("lock {shown}: {}", sys::reason(&error)))
}

impl Berkeley {
    fn failed(&self, doing: &str, error: &io::Error) -> String {
        format!("error {doing} {}: {}", self.path, sys::reason(error))
    }

    fn refresh(&mut self) -> StoreResult<()> {
        self.database.refresh().map_err(|error| self.failed("reading", &error))
    }

    fn replace(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        self.database.delete(key)?;
        self.database.insert(key, value)
    }
}

impl Store for Berkeley {
    fn get(&mut self, key: &[u8]) -> StoreResult<Option<Vec<u8>>> {
        self.database.get(key).map_err(|error| self.failed("reading", &error))
    }

    fn get_unlocked(&mut self, key: &[u8]) -> StoreResult<Option<Option<Vec<u8>>>> {
        self.database.get_unlocked(key).map_err(|error| self.failed("reading", &error))
    }

    fn put(&mut self, key: &[u8], value: &[u8]) -> StoreResult<()> {
        self.replace(key, value).map_err(|error| {
            self.database.forget();
            self.failed("writing", &error)
        })
    }

    fn delete(&mut self, key: &[u8]) -> StoreResult<bool> {
        self.database.delete(key).map_err(|error| {
            self.database.forget();
            self.failed("deleting from", &error)
        })
    }

    fn next(&mut self, restart: bool) -> StoreResult<Option<Pair>> {
        if restart {
            self.database.rewind();
        }
        self.database.next().map_err(|error| self.failed("seeking", &error))
    }

    fn lock(&mut self, exclusive: bool) -> io::Result<()> {
        if exclusive {
            sys::lock::exclusive(&self.file)?
        } else {
            sys::lock::shared(&self.file)?
        }
        self.refresh().map_err(io::Error::other)
    }

    fn unlock(&mut self) -> io::Result<()> {
        sys::lock::unlock(&self.file)
    }

    fn update_done(&mut self, durable: bool) -> StoreResult<()> {
        self.database.flush(durable).map_err(|error| {
            self.database.forget();
            self.failed("writing", &error)
        })
    }

    fn finish(&mut self) -> StoreResult<()> {
        self.update_done(true)
    }

    fn file(&self) -> &File {
        &self.file
    }
}
