//! What hash, btree, lmdb and cdb files have in common: the trailing NUL, duplicates, locks (tables §1.7, §6.5).

use std::fs::File;
use std::time::{Duration, SystemTime};

use bstr::BString;

use super::Request;
use crate::flags::Duplicates;
use crate::map::{Change, Facts, Map};
use crate::{Error, Flags, Lookup};

/// A source file must be this old before its index can be called outdated.
const SETTLED: Duration = Duration::from_secs(100);

/// The texts of errors are complete messages, which end a tool.
pub type StoreResult<T> = Result<T, String>;

/// A file of keys and values, as they are stored.
pub trait Store: Send {
    /// The value of exactly this key.
    fn get(&mut self, key: &[u8]) -> StoreResult<Option<Vec<u8>>>;
    /// As [`Store::get`] without the lock, where a store knows the answer from what it has in memory; nothing where it does not.
    fn get_unlocked(&mut self, _key: &[u8]) -> StoreResult<Option<Option<Vec<u8>>>> {
        Ok(None)
    }
    /// Stores a pair in place of one with the same key.
    fn put(&mut self, key: &[u8], value: &[u8]) -> StoreResult<()>;
    /// Removes a pair; false if there was none.
    fn delete(&mut self, key: &[u8]) -> StoreResult<bool>;
    /// The first (`restart`) or next pair.
    fn next(&mut self, restart: bool) -> StoreResult<Option<(Vec<u8>, Vec<u8>)>>;
    /// Takes the lock: exclusive to write.
    fn lock(&mut self, exclusive: bool) -> std::io::Result<()>;
    /// Gives the lock back.
    fn unlock(&mut self) -> std::io::Result<()>;
    /// Ends one update, durably if asked.
    fn update_done(&mut self, durable: bool) -> StoreResult<()>;
    /// Ends a bulk update.
    fn finish(&mut self) -> StoreResult<()>;
    /// Whether entries can be changed and listed.
    fn writable(&self) -> bool {
        true
    }
    /// The indexed file.
    fn file(&self) -> &File;
}

/// How keys and values are stored.
#[derive(Clone, Copy, Debug)]
struct Nul {
    with: bool,
    without: bool,
}

/// A [`Store`] as a table.
pub struct Indexed<S> {
    store: S,
    facts: Facts,
    flags: Flags,
    nul: Nul,
    /// The file's name in lock errors and duplicate warnings.
    label: String,
    lock_name: String,
}

impl<S: Store> Indexed<S> {
    /// `label` names the table in warnings, `lock_name` in lock errors. `stores_nul`: what is written when the flags say
    /// nothing or both.
    pub fn new(store: S, facts: Facts, request: &Request<'_>, label: String, stores_nul: bool) -> Self {
        let (with, without) = (request.flags.has(Flags::TRY_WITH_NUL), request.flags.has(Flags::TRY_WITHOUT_NUL));
        let building = request.flags.has(Flags::BULK_UPDATE);
        let nul = match (with, without) {
            (true, false) => Nul { with, without },
            (false, true) => Nul { with, without },
            _ if building => Nul { with: stores_nul, without: !stores_nul },
            _ => Nul { with: true, without: true },
        };
        let lock_name = text::show(request.name).to_string();
        Indexed { store, facts, flags: request.flags, nul, label, lock_name }
    }

    /// Runs `access` between lock and unlock, if the table was opened with locks.
    fn locked<T>(&mut self, exclusive: bool, access: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        if !self.flags.has(Flags::LOCK) {
            return access(self);
        }
        let failed = |what, error: &std::io::Error, name: &str| {
            Error::Fatal(format!("{name}: {what} dictionary: {}", sys::reason(error)))
        };
        self.store.lock(exclusive).map_err(|error| failed("lock", &error, &self.lock_name))?;
        let result = access(self);
        self.store.unlock().map_err(|error| failed("unlock", &error, &self.lock_name))?;
        result
    }

    /// The ways in which a key may be stored, and what is known of the file after a hit.
    fn ways(&self) -> impl Iterator<Item = Nul> + use<S> {
        let with = self.nul.with.then_some(Nul { with: true, without: false });
        let without = self.nul.without.then_some(Nul { with: false, without: true });
        with.into_iter().chain(without)
    }

    /// Tries the ways in which a key may be stored, until `access` has found something.
    fn first<T>(
        &mut self,
        key: &[u8],
        mut access: impl FnMut(&mut S, &[u8]) -> StoreResult<Option<T>>,
    ) -> Result<Option<T>, Error> {
        let mut with_nul = Vec::new();
        for nul in self.ways() {
            let stored = if nul.with {
                with_nul.reserve_exact(key.len() + 1);
                with_nul.extend_from_slice(key);
                with_nul.push(0);
                &with_nul
            } else {
                key
            };
            if let Some(found) = access(&mut self.store, stored).map_err(Error::Fatal)? {
                self.nul = nul;
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn find(&mut self, key: &[u8]) -> Result<Option<BString>, Error> {
        Ok(self.first(key, S::get)?.map(to_nul))
    }

    /// As [`Indexed::find`], without the lock; nothing when that takes it.
    fn find_unlocked(&mut self, key: &[u8]) -> Result<Option<Option<BString>>, Error> {
        let mut known = true;
        let found = self.first(key, |store, stored| match store.get_unlocked(stored)? {
            Some(found) if known => Ok(found),
            _ => {
                known = false;
                Ok(None)
            }
        })?;
        Ok(known.then(|| found.map(to_nul)))
    }

    /// Stores with a NUL while nothing is known about the file.
    fn stored(&mut self, text: &[u8]) -> Vec<u8> {
        if self.nul.with && self.nul.without {
            self.nul.without = false;
        }
        if self.nul.with { [text, b"\0"].concat() } else { text.to_vec() }
    }

    fn store_entry(&mut self, key: &[u8], value: &[u8], flags: Flags) -> Result<Change, Error> {
        let (stored_key, stored_value) = (self.stored(key), self.stored(value));
        let exists = self.store.get(&stored_key).map_err(Error::Fatal)?.is_some();
        if exists {
            let duplicate = || format!("{}: duplicate entry: \"{}\"", self.label, text::show(key));
            match flags.duplicates() {
                Duplicates::Replace => {}
                Duplicates::Ignore => return Ok(Change::Nothing),
                Duplicates::Warn => {
                    log::warn!("{}", duplicate());
                    return Ok(Change::Nothing);
                }
                Duplicates::Fatal => return Err(Error::Fatal(duplicate())),
            }
        }
        self.store.put(&stored_key, &stored_value).map_err(Error::Fatal)?;
        self.settle()
    }

    fn remove_entry(&mut self, key: &[u8]) -> Result<Change, Error> {
        match self.first(key, |store, stored| Ok(store.delete(stored)?.then_some(())))? {
            Some(()) => self.settle(),
            None => Ok(Change::Nothing),
        }
    }

    /// Ends one change, unless many more are to come.
    fn settle(&mut self) -> Result<Change, Error> {
        if !self.flags.has(Flags::BULK_UPDATE) {
            self.store.update_done(self.flags.has(Flags::SYNC_UPDATE)).map_err(Error::Fatal)?;
        }
        Ok(Change::Done)
    }
}

impl<S: Store> Map for Indexed<S> {
    fn facts(&self) -> Facts {
        self.facts.clone()
    }

    fn lookup(&mut self, key: &[u8]) -> Lookup {
        if self.flags.has(Flags::LOCK)
            && let Some(found) = self.find_unlocked(key)?
        {
            return Ok(found);
        }
        self.locked(false, |table| table.find(key))
    }

    fn update(&mut self, key: &[u8], value: &[u8], flags: Flags) -> Option<Result<Change, Error>> {
        self.store.writable().then(|| self.locked(true, |table| table.store_entry(key, value, flags)))
    }

    fn update_mark(&mut self, key: &[u8], value: &[u8]) -> Option<Result<Change, Error>> {
        let put = |table: &mut Self| {
            table.store.put(key, value).map_err(Error::Fatal)?;
            table.settle()
        };
        self.store.writable().then(|| self.locked(true, put))
    }

    fn delete(&mut self, key: &[u8]) -> Option<Result<Change, Error>> {
        self.store.writable().then(|| self.locked(true, |table| table.remove_entry(key)))
    }

    fn sequence(&mut self, restart: bool) -> Option<Result<Option<(BString, BString)>, Error>> {
        let next = |table: &mut Self| {
            let pair = table.store.next(restart).map_err(Error::Fatal)?;
            Ok(pair.map(|(key, value)| (to_nul(key), to_nul(value))))
        };
        Some(self.locked(false, next))
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.store.finish().map_err(Error::Fatal)
    }

    fn file(&self) -> Option<&File> {
        Some(self.store.file())
    }
}

/// The bytes before the first NUL.
fn to_nul(mut bytes: Vec<u8>) -> BString {
    if let Some(end) = memchr::memchr(0, &bytes) {
        bytes.truncate(end);
    }
    bytes.into()
}

/// Warns about an index that is older than its source (tables §1.7).
pub fn warn_if_outdated(indexed: &File, path: &str, source: &std::path::Path) {
    let (Ok(indexed), Ok(source_time)) =
        (indexed.metadata().and_then(|m| m.modified()), source.metadata().and_then(|m| m.modified()))
    else {
        return;
    };
    let settled = SystemTime::now().duration_since(source_time).is_ok_and(|age| age > SETTLED);
    if settled && source_time > indexed {
        log::warn!("database {path} is older than source file {}", source.display());
    }
}
