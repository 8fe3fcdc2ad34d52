//! Berkeley DB files of libdb 5.3, `hash` and `btree`, read and written (tables §6.1, §6.2).

mod btree;
mod hash;
mod node;
mod pager;

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use btree::Btree;
use hash::Hash;
use pager::{Order, Pager, corrupt};

const MAGIC: usize = 12;
const VERSION: usize = 16;
const PAGE_SIZE: usize = 20;
const ENCRYPTION: usize = 24;
const META_TYPE: usize = 25;
const META_FLAGS: usize = 26;
const FILE_ID: usize = 52;
const META_SIZE: usize = 512;

/// Page sizes that the format allows; new files get the file system's block size, within the second range.
const PAGE_SIZES: std::ops::RangeInclusive<usize> = 512..=65536;
const NEW_PAGE_SIZES: (usize, usize) = (512, 16384);

/// How much of an existing file is kept in memory at least, in bytes. The library does not ask for what it reads, either: it has the system
/// map whole files of up to 10 MB.
const KEPT: usize = 1 << 20;

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// The access method of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Linear hashing.
    Hash,
    /// A tree in key order.
    Btree,
}

impl Method {
    fn magic(self) -> u32 {
        match self {
            Method::Hash => 0x0006_1561,
            Method::Btree => 0x0005_3162,
        }
    }

    fn meta_type(self) -> u8 {
        match self {
            Method::Hash => 8,
            Method::Btree => 9,
        }
    }

    /// Versions with the layout that we know: the library reads these without an upgrade, too.
    fn versions(self) -> std::ops::RangeInclusive<u32> {
        match self {
            Method::Hash => 8..=10,
            Method::Btree => 9..=10,
        }
    }
}

#[derive(Debug)]
enum Access {
    Hash(Hash),
    Btree(Btree),
}

/// Where a walk through all pairs is.
#[derive(Debug, Default)]
enum Cursor {
    #[default]
    Start,
    /// The pairs of a bucket that are still to come, and the bucket after it.
    Bucket(VecDeque<Pair>, u32),
    /// The last key.
    After(Vec<u8>),
}

/// An open Berkeley DB file. The caller holds the file's lock around each call, and calls [`Database::refresh`] after taking it.
#[derive(Debug)]
pub struct Database {
    access: Access,
    cursor: Cursor,
}

impl Database {
    /// Opens an existing file. `cache_size` is in bytes.
    ///
    /// # Errors
    /// `EINVAL` for a file that is not what `method` says, or is damaged.
    pub fn open(file: File, method: Method, cache_size: usize) -> io::Result<Self> {
        let mut meta = [0; META_SIZE];
        file.read_exact_at(&mut meta, 0).map_err(|_| corrupt())?;
        let (order, page_size) = check_meta(&meta, method)?;
        let pager = Pager::new(file, order, page_size, cache_size.max(KEPT));
        let access = match method {
            Method::Hash => Access::Hash(Hash::open(pager)),
            Method::Btree => Access::Btree(Btree::open(pager)),
        };
        Ok(Database { access, cursor: Cursor::Start })
    }

    /// Makes a file, which may have been another database, an empty one.
    ///
    /// # Errors
    /// What the system reports.
    pub fn create(file: File, method: Method, cache_size: usize) -> io::Result<Self> {
        file.set_len(0)?;
        let status = file.metadata()?;
        let block = usize::try_from(status.blksize()).unwrap_or(4096).clamp(NEW_PAGE_SIZES.0, NEW_PAGE_SIZES.1);
        let page_size = if block.is_power_of_two() { block } else { 4096 };
        let order = Order { big: cfg!(target_endian = "big") };
        let mut pager = Pager::new(file, order, page_size, cache_size);
        let meta = new_meta(order, page_size, method, file_id(&status))?;
        pager.replace(0, meta)?;
        let access = match method {
            Method::Hash => Access::Hash(Hash::create(pager)?),
            Method::Btree => Access::Btree(Btree::create(pager)?),
        };
        let mut database = Database { access, cursor: Cursor::Start };
        database.pager().flush()?;
        Ok(database)
    }

    fn pager(&mut self) -> &mut Pager {
        match &mut self.access {
            Access::Hash(hash) => hash.pager(),
            Access::Btree(btree) => btree.pager(),
        }
    }

    /// To be called after taking the lock.
    ///
    /// # Errors
    /// What fstat(2) reports.
    pub fn refresh(&mut self) -> io::Result<()> {
        self.pager().refresh()
    }

    /// The value of a key.
    ///
    /// # Errors
    /// What the system reports, and `EINVAL` for a damaged file.
    pub fn get(&mut self, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
        match &mut self.access {
            Access::Hash(hash) => hash.get(key),
            Access::Btree(btree) => btree.get(key),
        }
    }

    /// As [`Database::get`], for a caller without the lock: the answer that the pages in memory give, if they are those of the file as it is
    /// now. Nothing when that takes more.
    ///
    /// # Errors
    /// As for [`Database::get`].
    pub fn get_unlocked(&mut self, key: &[u8]) -> io::Result<Option<Option<Vec<u8>>>> {
        if !self.pager().unlocked()? {
            return Ok(None);
        }
        let found = self.get(key);
        self.pager().locked();
        match found {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            found => found.map(Some),
        }
    }

    /// Stores a pair whose key is not there. Nothing is written before [`Database::flush`], or until the cache is full.
    ///
    /// # Errors
    /// As for [`Database::get`].
    pub fn insert(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        match &mut self.access {
            Access::Hash(hash) => hash.insert(key, value),
            Access::Btree(btree) => btree.insert(key, value),
        }
    }

    /// Removes a pair; false if there was none.
    ///
    /// # Errors
    /// As for [`Database::get`].
    pub fn delete(&mut self, key: &[u8]) -> io::Result<bool> {
        match &mut self.access {
            Access::Hash(hash) => hash.delete(key),
            Access::Btree(btree) => btree.delete(key),
        }
    }

    /// Writes all changes; `durable`: to the disk.
    ///
    /// # Errors
    /// What the system reports.
    pub fn flush(&mut self, durable: bool) -> io::Result<()> {
        let pager = self.pager();
        pager.flush()?;
        if durable { pager.sync() } else { Ok(()) }
    }

    /// After an error in the middle of a change: forgets what has not been written.
    pub fn forget(&mut self) {
        self.pager().forget();
    }

    /// Starts a walk through all pairs.
    pub fn rewind(&mut self) {
        self.cursor = Cursor::Start;
    }

    /// The next pair of the walk. Pairs may be added and deleted meanwhile.
    ///
    /// # Errors
    /// As for [`Database::get`].
    pub fn next(&mut self) -> io::Result<Option<Pair>> {
        let cursor = std::mem::take(&mut self.cursor);
        match &mut self.access {
            Access::Btree(btree) => {
                let last = match &cursor {
                    Cursor::After(key) => Some(key.as_slice()),
                    _ => None,
                };
                let pair = btree.next(last)?;
                self.cursor = match &pair {
                    Some((key, _)) => Cursor::After(key.clone()),
                    None => cursor,
                };
                Ok(pair)
            }
            Access::Hash(hash) => {
                let (mut pairs, mut bucket) = match cursor {
                    Cursor::Bucket(pairs, bucket) => (pairs, bucket),
                    _ => (VecDeque::new(), 0),
                };
                while pairs.is_empty() && bucket < hash.buckets()? {
                    pairs = hash.bucket_pairs(bucket)?.into();
                    bucket += 1;
                }
                let pair = pairs.pop_front();
                self.cursor = Cursor::Bucket(pairs, bucket);
                Ok(pair)
            }
        }
    }
}

/// Byte order and page size of a file that is what it should be.
fn check_meta(meta: &[u8], method: Method) -> io::Result<(Order, usize)> {
    let order = [false, true]
        .map(|big| Order { big })
        .into_iter()
        .find(|order| order.u32(meta, MAGIC).is_ok_and(|magic| magic == method.magic()));
    let order = order.ok_or_else(corrupt)?;
    let page_size = order.u32(meta, PAGE_SIZE)? as usize;
    let known = method.versions().contains(&order.u32(meta, VERSION)?)
        && meta.get(ENCRYPTION) == Some(&0)
        && meta.get(META_TYPE) == Some(&method.meta_type())
        // A checksum or partitions.
        && meta.get(META_FLAGS).is_some_and(|flags| flags & 3 == 0);
    if !known || !page_size.is_power_of_two() || !PAGE_SIZES.contains(&page_size) {
        return Err(corrupt());
    }
    Ok((order, page_size))
}

fn new_meta(order: Order, page_size: usize, method: Method, id: [u8; 20]) -> io::Result<Vec<u8>> {
    let mut meta = vec![0; page_size];
    let size = u32::try_from(page_size).map_err(|_| corrupt())?;
    for (at, value) in [(4, 1), (MAGIC, method.magic()), (VERSION, 9), (PAGE_SIZE, size)] {
        order.set_u32(&mut meta, at, value)?;
    }
    meta[META_TYPE] = method.meta_type();
    meta[FILE_ID..FILE_ID + id.len()].copy_from_slice(&id);
    Ok(meta)
}

/// Unlike any other file's: inode, device, time, process, and a serial number.
fn file_id(status: &std::fs::Metadata) -> [u8; 20] {
    static SERIAL: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let words = [
        status.ino() as u32,
        status.dev() as u32,
        (now.as_nanos() / 1000) as u32,
        std::process::id(),
        SERIAL.fetch_add(1, Ordering::Relaxed),
    ];
    let mut id = [0; 20];
    for (place, word) in id.chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&word.to_ne_bytes());
    }
    id
}

#[cfg(test)]
mod tests;
