//! `lmdb:`: LMDB files, with locks of our own on the data file (tables §4.2, §6.3).

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

use heed::types::Bytes;
use heed::{Env, MdbError, WithoutTls};

use super::Request;
use super::indexed::{Indexed, Store, StoreResult, warn_if_outdated};
use crate::berkeley::Pair;
use crate::error::open_error;
use crate::map::{Facts, Map, Owner};
use crate::{Flags, Mode, OpenError};

/// The longest key that LMDB stores, with its NUL.
const LONGEST_KEY: usize = 511;

/// How often a transaction is tried again with another map size: a map can double 40 times at most.
const TRIES: usize = 40;

type Database = heed::Database<Bytes, Bytes>;

/// An environment. LMDB does not allow a file to be opened twice by one process, so tables share it.
struct Shared {
    env: Mutex<Env<WithoutTls>>,
    read_only: bool,
}

/// The environments of this process, by device and inode.
type Environments = Mutex<BTreeMap<(u64, u64), Weak<Shared>>>;

static OPEN: LazyLock<Environments> = LazyLock::new(Mutex::default);

/// An open file.
struct Lmdb {
    shared: Arc<Shared>,
    database: Database,
    /// The data file, for locks and status.
    file: File,
    /// `lmdb:<name>`, for messages.
    label: String,
    /// While a table is built: what will be written at the end, `None` for an entry to delete.
    pending: Option<BTreeMap<Vec<u8>, Option<Vec<u8>>>>,
    /// The table will be emptied before that.
    truncates: bool,
    /// The last key that was listed.
    cursor: Option<Vec<u8>>,
}

pub(super) fn open(request: &Request<'_>) -> Result<Box<dyn Map>, OpenError> {
    let name = request.indexed_file(b".lmdb");
    let path = PathBuf::from(OsStr::from_bytes(&name));
    let shown = text::show(&name).to_string();
    let failed = |reason: String| open_error!("open database {shown}: {reason}");
    let building = request.flags.has(Flags::BULK_UPDATE);
    let file = open_file(&path, request.mode).map_err(|error| failed(sys::reason(&error)))?;
    let locked = match (building, request.mode) {
        (false, Mode::ReadOnly) => sys::record_lock::shared(&file),
        _ => sys::record_lock::exclusive(&file),
    };
    locked.map_err(|error| open_error!("lock {shown}: {}", sys::reason(&error)))?;
    let shared = share(&path, &file, request).map_err(|error| failed(reason(&error)))?;
    let database = shared.database().map_err(|error| failed(reason(&error)))?;
    let unlocked = if building { sys::record_lock::shared(&file) } else { sys::record_lock::unlock(&file) };
    unlocked.map_err(|error| open_error!("unlock {shown}: {}", sys::reason(&error)))?;
    if !building {
        warn_if_outdated(&file, &shown, request.path());
    }
    let facts = Facts::fixed(file.metadata().map_or(Owner::Unknown, |status| Owner::of(status.uid())));
    let facts = Facts { flags: facts.flags | Flags::MULTI_WRITER, ..facts };
    let label = request.full_name();
    let pending = building.then(BTreeMap::new);
    let truncates = request.mode == Mode::Truncate;
    let store = Lmdb { shared, database, file, label: label.clone(), pending, truncates, cursor: None };
    Ok(Box::new(Indexed::new(store, facts, request, label, true)))
}

fn open_file(path: &Path, mode: Mode) -> io::Result<File> {
    let writes = mode != Mode::ReadOnly;
    let creates = matches!(mode, Mode::Create | Mode::Truncate);
    OpenOptions::new().read(true).write(writes).create(creates).mode(0o644).open(path)
}

/// The environment of the file, which may be open already. The caller holds the lock.
fn share(path: &Path, file: &File, request: &Request<'_>) -> Result<Arc<Shared>, heed::Error> {
    let status = file.metadata()?;
    let read_only = request.mode == Mode::ReadOnly;
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    let place = open.entry((status.dev(), status.ino())).or_default();
    if let Some(shared) = place.upgrade() {
        if shared.read_only && !read_only {
            return Err(io::Error::other("already open for reading only").into());
        }
        return Ok(shared);
    }
    let page = 4096;
    let wanted = request.tables.settings().lmdb_map_size.max(usize::try_from(status.len()).unwrap_or(usize::MAX / 2));
    let env = sys::lmdb::open(path, wanted.next_multiple_of(page), read_only)?;
    let shared = Arc::new(Shared { env: Mutex::new(env), read_only });
    *place = Arc::downgrade(&shared);
    Ok(shared)
}

/// LMDB's text for an error.
fn reason(error: &heed::Error) -> String {
    match error {
        heed::Error::Io(error) => sys::reason(error),
        other => other.to_string(),
    }
}

impl Shared {
    fn env(&self) -> MutexGuard<'_, Env<WithoutTls>> {
        self.env.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn database(&self) -> Result<Database, heed::Error> {
        if self.read_only {
            return self.read(|env, txn| Ok(env.open_database(txn, None)?.ok_or(MdbError::NotFound)?));
        }
        let env = self.env();
        let mut txn = env.write_txn()?;
        let database = env.create_database(&mut txn, None)?;
        txn.commit()?;
        Ok(database)
    }

    /// Runs a read transaction. A file that has outgrown our map is mapped anew.
    fn read<T>(
        &self,
        access: impl Fn(&Env<WithoutTls>, &heed::RoTxn<'_, WithoutTls>) -> Result<T, heed::Error>,
    ) -> Result<T, heed::Error> {
        let mut env = self.env();
        for _ in 0..TRIES {
            match env.read_txn().and_then(|txn| access(&env, &txn)) {
                Err(heed::Error::Mdb(MdbError::MapResized)) => sys::lmdb::resize(&mut env, 0)?,
                result => return result,
            }
        }
        Err(MdbError::MapResized.into())
    }

    /// Runs a write transaction. A map that is full is doubled, and the transaction starts again.
    fn write<T>(&self, access: impl Fn(&mut heed::RwTxn<'_>) -> Result<T, heed::Error>) -> Result<T, heed::Error> {
        let mut env = self.env();
        for _ in 0..TRIES {
            let result = env.write_txn().and_then(|mut txn| {
                let done = access(&mut txn)?;
                txn.commit()?;
                Ok(done)
            });
            match result {
                Err(heed::Error::Mdb(MdbError::MapResized)) => sys::lmdb::resize(&mut env, 0)?,
                Err(heed::Error::Mdb(MdbError::MapFull)) => {
                    let size = env.info().map_size.checked_mul(2).ok_or(MdbError::MapFull)?;
                    sys::lmdb::resize(&mut env, size)?;
                }
                result => return result,
            }
        }
        Err(MdbError::MapFull.into())
    }
}

impl Lmdb {
    fn failed(&self, doing: &str, error: &heed::Error) -> String {
        format!("error {doing} {}: {}", self.label, reason(error))
    }

    /// What the file has for a key.
    fn stored(&self, key: &[u8]) -> StoreResult<Option<Vec<u8>>> {
        if self.truncates || key.is_empty() || key.len() > LONGEST_KEY {
            return Ok(None);
        }
        let found = self.shared.read(|_, txn| Ok(self.database.get(txn, key)?.map(<[u8]>::to_vec)));
        found.map_err(|error| self.failed("reading", &error))
    }
}

impl Store for Lmdb {
    fn get(&mut self, key: &[u8]) -> StoreResult<Option<Vec<u8>>> {
        match self.pending.as_ref().and_then(|pending| pending.get(key)) {
            Some(value) => Ok(value.clone()),
            None => self.stored(key),
        }
    }

    fn put(&mut self, key: &[u8], value: &[u8]) -> StoreResult<()> {
        if key.is_empty() || key.len() > LONGEST_KEY {
            return Err(self.failed("updating", &MdbError::BadValSize.into()));
        }
        if let Some(pending) = &mut self.pending {
            pending.insert(key.to_vec(), Some(value.to_vec()));
            return Ok(());
        }
        let put = self.shared.write(|txn| self.database.put(txn, key, value));
        put.map_err(|error| self.failed("updating", &error))
    }

    fn delete(&mut self, key: &[u8]) -> StoreResult<bool> {
        if self.get(key)?.is_none() {
            return Ok(false);
        }
        if let Some(pending) = &mut self.pending {
            pending.insert(key.to_vec(), None);
            return Ok(true);
        }
        let deleted = self.shared.write(|txn| self.database.delete(txn, key));
        deleted.map_err(|error| self.failed("deleting from", &error))
    }

    fn next(&mut self, restart: bool) -> StoreResult<Option<Pair>> {
        let last = if restart { None } else { self.cursor.take() };
        let next = self.shared.read(|_, txn| {
            let pair = match &last {
                Some(last) => self.database.get_greater_than(txn, last)?,
                None => self.database.first(txn)?,
            };
            Ok(pair.map(|(key, value)| (key.to_vec(), value.to_vec())))
        });
        let next = next.map_err(|error| self.failed("seeking", &error))?;
        self.cursor = next.as_ref().map(|(key, _)| key.clone()).or(last);
        Ok(next)
    }

    fn lock(&mut self, exclusive: bool) -> io::Result<()> {
        if exclusive { sys::record_lock::exclusive(&self.file) } else { sys::record_lock::shared(&self.file) }
    }

    fn unlock(&mut self) -> io::Result<()> {
        sys::record_lock::unlock(&self.file)
    }

    /// A commit is durable.
    fn update_done(&mut self, _durable: bool) -> StoreResult<()> {
        Ok(())
    }

    fn finish(&mut self) -> StoreResult<()> {
        let Some(pending) = self.pending.take() else { return Ok(()) };
        let written = self.shared.write(|txn| {
            if self.truncates {
                self.database.clear(txn)?;
            }
            for (key, value) in &pending {
                match value {
                    Some(value) => self.database.put(txn, key, value)?,
                    None => self.database.delete(txn, key).map(|_| ())?,
                }
            }
            Ok(())
        });
        written.map_err(|error| self.failed("updating", &error))?;
        self.truncates = false;
        Ok(())
    }

    fn file(&self) -> &File {
        &self.file
    }
}
