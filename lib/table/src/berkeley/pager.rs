//! Pages of a Berkeley DB file: reading, caching, writing, the free list, and chains of overflow pages (tables §6.1).

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::{Duration, SystemTime};

use nix::errno::Errno;

/// Offset of the first item index, in all pages but the metadata page.
pub const HEADER: usize = 26;
/// Page types.
pub const FREE: u8 = 0;
/// A hash page of an old file: entries in no order.
pub const HASH_UNSORTED: u8 = 2;
/// An internal page of a tree.
pub const TREE_INTERNAL: u8 = 3;
/// A leaf page of a tree.
pub const TREE_LEAF: u8 = 5;
/// One page of a long key or value.
pub const OVERFLOW: u8 = 7;
/// A hash page: entries in key order.
pub const HASH: u8 = 13;

const META_FREE: usize = 28;
const META_LAST: usize = 32;
const PAGE_NUMBER: usize = 8;
const PREVIOUS: usize = 12;
const NEXT: usize = 16;
const ENTRIES: usize = 20;
const LOW_WATER: usize = 22;
const LEVEL: usize = 24;
const TYPE: usize = 25;

/// The metadata changes on disk within one clock tick cannot be told apart; pages read this short after one are not kept.
const UNTRUSTED: Duration = Duration::from_millis(100);

/// What a damaged file gives: the library's EINVAL.
pub fn corrupt() -> io::Error {
    Errno::EINVAL.into()
}

/// Numbers in the byte order of the file's writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Most significant byte first.
    pub big: bool,
}

impl Order {
    /// The 16-bit number at an offset.
    pub fn u16(self, page: &[u8], at: usize) -> io::Result<u16> {
        let bytes = page.get(at..at + 2).and_then(|bytes| bytes.try_into().ok()).ok_or_else(corrupt)?;
        Ok(if self.big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    /// The 32-bit number at an offset.
    pub fn u32(self, page: &[u8], at: usize) -> io::Result<u32> {
        let bytes = page.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).ok_or_else(corrupt)?;
        Ok(if self.big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    /// Stores a 16-bit number.
    pub fn set_u16(self, page: &mut [u8], at: usize, value: u16) -> io::Result<()> {
        let bytes = if self.big { value.to_be_bytes() } else { value.to_le_bytes() };
        page.get_mut(at..at + 2).ok_or_else(corrupt)?.copy_from_slice(&bytes);
        Ok(())
    }

    /// Stores a 32-bit number.
    pub fn set_u32(self, page: &mut [u8], at: usize, value: u32) -> io::Result<()> {
        let bytes = if self.big { value.to_be_bytes() } else { value.to_le_bytes() };
        page.get_mut(at..at + 4).ok_or_else(corrupt)?.copy_from_slice(&bytes);
        Ok(())
    }

    /// The next page in the chain, 0 at its end.
    pub fn next(self, page: &[u8]) -> io::Result<u32> {
        self.u32(page, NEXT)
    }

    /// The page before, 0 at the start.
    pub fn previous(self, page: &[u8]) -> io::Result<u32> {
        self.u32(page, PREVIOUS)
    }

    /// Links a page to the next one.
    pub fn set_next(self, page: &mut [u8], next: u32) -> io::Result<()> {
        self.set_u32(page, NEXT, next)
    }

    /// Links a page to the one before.
    pub fn set_previous(self, page: &mut [u8], previous: u32) -> io::Result<()> {
        self.set_u32(page, PREVIOUS, previous)
    }

    /// The number of items on the page.
    pub fn entries(self, page: &[u8]) -> io::Result<usize> {
        self.u16(page, ENTRIES).map(usize::from)
    }

    /// Stores the number of items.
    pub fn set_entries(self, page: &mut [u8], entries: usize) -> io::Result<()> {
        self.set_u16(page, ENTRIES, u16::try_from(entries).map_err(|_| corrupt())?)
    }

    /// Where the items begin; they reach to the end of the page. An empty page of 65536 bytes stores 0.
    pub fn low_water(self, page: &[u8]) -> io::Result<usize> {
        match self.u16(page, LOW_WATER)? {
            0 => Ok(page.len()),
            offset => Ok(offset.into()),
        }
    }

    /// Stores where the items begin.
    pub fn set_low_water(self, page: &mut [u8], offset: usize) -> io::Result<()> {
        self.set_u16(page, LOW_WATER, (offset & 0xffff) as u16)
    }

    /// The offset of item `n`.
    pub fn index(self, page: &[u8], n: usize) -> io::Result<usize> {
        self.u16(page, HEADER + 2 * n).map(usize::from)
    }

    /// Stores the offset of item `n`.
    pub fn set_index(self, page: &mut [u8], n: usize, offset: usize) -> io::Result<()> {
        self.set_u16(page, HEADER + 2 * n, u16::try_from(offset).map_err(|_| corrupt())?)
    }

    /// Bytes between the item indexes and the items.
    pub fn room(self, page: &[u8]) -> io::Result<usize> {
        self.low_water(page)?.checked_sub(HEADER + 2 * self.entries(page)?).ok_or_else(corrupt)
    }
}

/// The type of a page.
pub fn page_type(page: &[u8]) -> u8 {
    page.get(TYPE).copied().unwrap_or(FREE)
}

/// The level of a page of a tree: 1 for leaves.
pub fn level(page: &[u8]) -> u8 {
    page.get(LEVEL).copied().unwrap_or(0)
}

#[derive(Debug)]
struct Page {
    number: u32,
    bytes: Vec<u8>,
    dirty: bool,
}

/// Pages in memory.
#[derive(Debug, Default)]
struct Cache {
    pages: Vec<Page>,
    /// Where a page is among them.
    places: HashMap<u32, usize>,
    /// Where the page is that was asked for last: most times it is asked for again.
    recent: usize,
}

impl Cache {
    fn get(&mut self, number: u32) -> Option<&mut Page> {
        if self.pages.get(self.recent).is_none_or(|page| page.number != number) {
            self.recent = *self.places.get(&number)?;
        }
        self.pages.get_mut(self.recent)
    }

    fn contains(&self, number: u32) -> bool {
        self.places.contains_key(&number)
    }

    fn len(&self) -> usize {
        self.pages.len()
    }

    /// Adds a page, or puts it in place of the one with its number.
    fn insert(&mut self, page: Page) {
        match self.places.get(&page.number) {
            Some(&place) => self.pages[place] = page,
            None => {
                self.places.insert(page.number, self.pages.len());
                self.pages.push(page);
            }
        }
    }

    fn clear(&mut self) {
        *self = Cache::default();
    }

    /// Forgets all pages but the first of the file.
    fn keep_metadata(&mut self) {
        let metadata = self.pages.drain(..).find(|page| page.number == 0);
        self.clear();
        if let Some(page) = metadata {
            self.insert(page);
        }
    }

    /// The pages that were changed, in the order of the file.
    fn changed(&mut self) -> Vec<&mut Page> {
        let mut changed: Vec<&mut Page> = self.pages.iter_mut().filter(|page| page.dirty).collect();
        changed.sort_unstable_by_key(|page| page.number);
        changed
    }
}

/// The pages of one open file. The caller holds the file's lock, shared for reads and exclusive for writes.
#[derive(Debug)]
pub struct Pager {
    file: File,
    /// Byte order of the file.
    pub order: Order,
    /// Bytes in a page.
    pub page_size: usize,
    cache: Cache,
    /// Pages to keep, at least a handful.
    capacity: usize,
    /// When the cached pages were read: the file's modification time and size, and the time by the clock.
    read_at: Option<(SystemTime, u64, SystemTime)>,
    /// Whether the caller is without the lock, so that nothing may be read from the file.
    unlocked: bool,
}

impl Pager {
    /// Pages of `file`, with a cache of about `cache_size` bytes.
    pub fn new(file: File, order: Order, page_size: usize, cache_size: usize) -> Self {
        let capacity = (cache_size / page_size).max(16);
        Pager { file, order, page_size, cache: Cache::default(), capacity, read_at: None, unlocked: false }
    }

    /// To be called after taking the lock: forgets pages that another process may have changed since they were read.
    pub fn refresh(&mut self) -> io::Result<()> {
        let (modified, size) = self.state()?;
        if !self.is_trusted(modified, size) {
            self.cache.clear();
            self.read_at = Some((modified, size, SystemTime::now()));
        }
        Ok(())
    }

    fn state(&self) -> io::Result<(SystemTime, u64)> {
        let status = self.file.metadata()?;
        Ok((status.modified()?, status.size()))
    }

    /// Whether the pages in memory are those of a file that looks like this.
    fn is_trusted(&self, modified: SystemTime, size: u64) -> bool {
        self.read_at.is_some_and(|(then, size_then, clock)| {
            then == modified && size_then == size && clock.duration_since(modified).is_ok_and(|age| age > UNTRUSTED)
        })
    }

    /// Begins to work without the lock: with the pages in memory alone, if they are those of the file as it is now. Pages that are not there
    /// are [`io::ErrorKind::WouldBlock`] until [`Pager::locked`]. False: they are not.
    pub fn unlocked(&mut self) -> io::Result<bool> {
        let (modified, size) = self.state()?;
        self.unlocked = self.is_trusted(modified, size);
        Ok(self.unlocked)
    }

    /// Ends that.
    pub fn locked(&mut self) {
        self.unlocked = false;
    }

    /// A page, read only.
    pub fn page(&mut self, number: u32) -> io::Result<&[u8]> {
        Ok(&self.load(number)?.bytes)
    }

    /// A page that is about to be changed.
    pub fn page_mut(&mut self, number: u32) -> io::Result<&mut [u8]> {
        let page = self.load(number)?;
        page.dirty = true;
        Ok(&mut page.bytes)
    }

    fn load(&mut self, number: u32) -> io::Result<&mut Page> {
        if self.cache.get(number).is_none() {
            if self.unlocked {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.make_place()?;
            let mut bytes = vec![0; self.page_size];
            self.file.read_exact_at(&mut bytes, self.position(number)).map_err(short_is_corrupt)?;
            self.cache.insert(Page { number, bytes, dirty: false });
        }
        self.cache.get(number).ok_or_else(corrupt)
    }

    /// Puts a whole page in place of what was there.
    pub fn replace(&mut self, number: u32, bytes: Vec<u8>) -> io::Result<()> {
        if !self.cache.contains(number) {
            self.make_place()?;
        }
        self.cache.insert(Page { number, bytes, dirty: true });
        Ok(())
    }

    /// A full cache is written out and emptied, but for the metadata page.
    fn make_place(&mut self) -> io::Result<()> {
        if self.cache.len() < self.capacity {
            return Ok(());
        }
        self.flush()?;
        self.cache.keep_metadata();
        Ok(())
    }

    fn position(&self, number: u32) -> u64 {
        u64::from(number) * self.page_size as u64
    }

    /// Writes what has changed, in the order of the file.
    pub fn flush(&mut self) -> io::Result<()> {
        let page_size = self.page_size as u64;
        for page in self.cache.changed() {
            self.file.write_all_at(&page.bytes, u64::from(page.number) * page_size)?;
            page.dirty = false;
        }
        Ok(())
    }

    /// Forgets changes that have not been written, after an error.
    pub fn forget(&mut self) {
        self.cache.clear();
        self.read_at = None;
    }

    /// Makes the file durable.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// The number of the last page.
    pub fn last(&mut self) -> io::Result<u32> {
        let order = self.order;
        order.u32(self.page(0)?, META_LAST)
    }

    /// An empty page image.
    pub fn blank(&self, number: u32, page_type: u8, level: u8) -> io::Result<Vec<u8>> {
        let mut page = vec![0; self.page_size];
        self.order.set_u32(&mut page, 4, 1)?;
        self.order.set_u32(&mut page, PAGE_NUMBER, number)?;
        self.order.set_low_water(&mut page, self.page_size)?;
        page[LEVEL] = level;
        page[TYPE] = page_type;
        Ok(page)
    }

    /// Adds `count` pages at the end of the file; gives the number of the first. They are to be filled with [`Pager::replace`].
    pub fn extend(&mut self, count: u32) -> io::Result<u32> {
        let first = self.last()?.checked_add(1).ok_or_else(corrupt)?;
        let last = first.checked_add(count - 1).ok_or_else(corrupt)?;
        let order = self.order;
        order.set_u32(self.page_mut(0)?, META_LAST, last)?;
        Ok(first)
    }

    /// Takes a page from the free list, or adds one to the file, and makes it empty.
    pub fn allocate(&mut self, page_type: u8, level: u8) -> io::Result<u32> {
        let order = self.order;
        let number = match order.u32(self.page(0)?, META_FREE)? {
            0 => self.extend(1)?,
            free => {
                if page_type_is_not_free(self.page(free)?) {
                    return Err(corrupt());
                }
                let next = order.next(self.page(free)?)?;
                order.set_u32(self.page_mut(0)?, META_FREE, next)?;
                free
            }
        };
        let page = self.blank(number, page_type, level)?;
        self.replace(number, page)?;
        Ok(number)
    }

    /// Puts a page on the free list.
    pub fn release(&mut self, number: u32) -> io::Result<()> {
        let order = self.order;
        let next = order.u32(self.page(0)?, META_FREE)?;
        let mut page = self.blank(number, FREE, 0)?;
        order.set_next(&mut page, next)?;
        self.replace(number, page)?;
        order.set_u32(self.page_mut(0)?, META_FREE, number)
    }

    /// Reads a chain of overflow pages that has `length` bytes.
    pub fn read_overflow(&mut self, first: u32, length: u32) -> io::Result<Vec<u8>> {
        let (order, length) = (self.order, length as usize);
        let mut data = Vec::new();
        let mut number = first;
        while data.len() < length {
            let page = self.overflow_page(number)?;
            let size = usize::from(order.u16(page, LOW_WATER)?);
            let piece = page.get(HEADER..HEADER + size).filter(|piece| !piece.is_empty()).ok_or_else(corrupt)?;
            data.extend_from_slice(piece);
            number = order.next(page)?;
        }
        data.truncate(length);
        Ok(data)
    }

    /// Stores bytes in a new chain of overflow pages; gives its first page.
    pub fn write_overflow(&mut self, data: &[u8]) -> io::Result<u32> {
        let order = self.order;
        let (mut first, mut previous) = (0, 0);
        for piece in data.chunks(self.page_size - HEADER) {
            let number = self.allocate(OVERFLOW, 0)?;
            let page = self.page_mut(number)?;
            order.set_previous(page, previous)?;
            order.set_entries(page, 1)?;
            order.set_low_water(page, piece.len())?;
            page[HEADER..HEADER + piece.len()].copy_from_slice(piece);
            match previous {
                0 => first = number,
                before => order.set_next(self.page_mut(before)?, number)?,
            }
            previous = number;
        }
        Ok(first)
    }

    /// Gives up one reference to a chain of overflow pages; the last one frees it.
    pub fn release_overflow(&mut self, first: u32) -> io::Result<()> {
        let order = self.order;
        let references = order.entries(self.overflow_page(first)?)?;
        if references > 1 {
            return order.set_entries(self.page_mut(first)?, references - 1);
        }
        let mut number = first;
        while number != 0 {
            let next = order.next(self.overflow_page(number)?)?;
            self.release(number)?;
            number = next;
        }
        Ok(())
    }

    fn overflow_page(&mut self, number: u32) -> io::Result<&[u8]> {
        let page = self.page(number)?;
        if number == 0 || page_type(page) != OVERFLOW { Err(corrupt()) } else { Ok(page) }
    }
}

fn page_type_is_not_free(page: &[u8]) -> bool {
    page_type(page) != FREE
}

fn short_is_corrupt(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::UnexpectedEof { corrupt() } else { error }
}
