//! Berkeley DB hash files: linear hashing, one chain of pages for each bucket (tables §6.1).

use std::cmp::Ordering;
use std::io;

use super::Pair;
use super::pager::{FREE, HASH, HASH_UNSORTED, HEADER, Pager, corrupt, page_type};

const HIGHEST_BUCKET: usize = 72;
const HIGH_MASK: usize = 76;
const LOW_MASK: usize = 80;
const ELEMENTS: usize = 88;
const TEST_HASH: usize = 92;
const SPARES: usize = 96;
const SPARES_COUNT: u32 = 32;

/// Elements that a new file says it has, by the estimate that Postfix gives at creation.
const ELEMENTS_AT_START: u32 = 4096;
/// The hash of `%$sniglet^&` and its NUL: whether two programs hash alike.
const TEST_HASH_VALUE: u32 = 0x5e68_8dd1;

/// Item kinds.
const ON_PAGE: u8 = 1;
const OFF_PAGE: u8 = 3;
const OFF_PAGE_LENGTH: usize = 12;

/// FNV with the multiplication first, from 0.
fn hash(key: &[u8]) -> u32 {
    key.iter().fold(0u32, |hash, &byte| hash.wrapping_mul(16_777_619) ^ u32::from(byte))
}

/// Which spares element goes with a bucket: ceil(log2(bucket + 1)).
fn spares_index(bucket: u32) -> u32 {
    u32::BITS - bucket.leading_zeros()
}

/// Where a pair was found.
#[derive(Clone, Copy, Debug)]
struct Place {
    page: u32,
    /// Item number of the key.
    item: usize,
}

/// An item as it lies on a page, with its first byte.
#[derive(Clone, Copy)]
enum Item<'a> {
    OnPage(&'a [u8]),
    OffPage { page: u32, length: u32 },
}

/// A hash file.
#[derive(Debug)]
pub struct Hash {
    pager: Pager,
}

impl Hash {
    /// An existing file, whose metadata page the caller has checked.
    pub fn open(pager: Pager) -> Self {
        Hash { pager }
    }

    /// Fills in the metadata page of a new file, and adds its two empty buckets.
    pub fn create(mut pager: Pager) -> io::Result<Self> {
        let order = pager.order;
        let meta = pager.page_mut(0)?;
        for (at, value) in [
            (HIGHEST_BUCKET, 1),
            (HIGH_MASK, 1),
            (LOW_MASK, 0),
            (ELEMENTS, ELEMENTS_AT_START),
            (TEST_HASH, TEST_HASH_VALUE),
            (SPARES, 1),
            (SPARES + 4, 1),
        ] {
            order.set_u32(meta, at, value)?;
        }
        let first = pager.extend(2)?;
        for number in [first, first + 1] {
            let page = pager.blank(number, HASH, 0)?;
            pager.replace(number, page)?;
        }
        Ok(Hash { pager })
    }

    /// The pages.
    pub fn pager(&mut self) -> &mut Pager {
        &mut self.pager
    }

    /// The value of a key.
    pub fn get(&mut self, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
        match self.find(key)? {
            None => Ok(None),
            Some(place) => self.read_item(place.page, place.item + 1).map(Some),
        }
    }

    /// Stores a pair; the key must not exist.
    pub fn insert(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        let pair = (self.make_item(key)?, self.make_item(value)?);
        let bucket = self.bucket_of(key)?;
        let overflowed = self.place(bucket, key, &pair)?;
        self.count(1)?;
        if overflowed {
            self.split()?;
        }
        Ok(())
    }

    /// Removes a pair; false if there was none.
    pub fn delete(&mut self, key: &[u8]) -> io::Result<bool> {
        let Some(place) = self.find(key)? else { return Ok(false) };
        for item in [place.item, place.item + 1] {
            if let Item::OffPage { page, .. } = self.item(place.page, item)? {
                self.pager.release_overflow(page)?;
            }
        }
        self.remove_pair(place)?;
        self.close_gap(key, place.page)?;
        self.count(-1)?;
        Ok(true)
    }

    /// The number of buckets.
    pub fn buckets(&mut self) -> io::Result<u32> {
        self.meta(HIGHEST_BUCKET)?.checked_add(1).ok_or_else(corrupt)
    }

    /// All pairs of a bucket, in the order of the file.
    pub fn bucket_pairs(&mut self, bucket: u32) -> io::Result<Vec<Pair>> {
        let mut pairs = Vec::new();
        for page in self.chain(bucket)? {
            for item in (0..self.items(page)?).step_by(2) {
                pairs.push((self.read_item(page, item)?, self.read_item(page, item + 1)?));
            }
        }
        Ok(pairs)
    }

    fn meta(&mut self, at: usize) -> io::Result<u32> {
        let order = self.pager.order;
        order.u32(self.pager.page(0)?, at)
    }

    fn set_meta(&mut self, at: usize, value: u32) -> io::Result<()> {
        let order = self.pager.order;
        order.set_u32(self.pager.page_mut(0)?, at, value)
    }

    fn count(&mut self, change: i32) -> io::Result<()> {
        let elements = self.meta(ELEMENTS)?;
        self.set_meta(ELEMENTS, elements.saturating_add_signed(change))
    }

    fn bucket_of(&mut self, key: &[u8]) -> io::Result<u32> {
        let hash = hash(key);
        let bucket = hash & self.meta(HIGH_MASK)?;
        if bucket > self.meta(HIGHEST_BUCKET)? { Ok(hash & self.meta(LOW_MASK)?) } else { Ok(bucket) }
    }

    fn first_page(&mut self, bucket: u32) -> io::Result<u32> {
        let index = spares_index(bucket);
        if index >= SPARES_COUNT {
            return Err(corrupt());
        }
        let spare = self.meta(SPARES + 4 * index as usize)?;
        bucket.checked_add(spare).filter(|&page| page != 0).ok_or_else(corrupt)
    }

    /// The pages of a bucket.
    fn chain(&mut self, bucket: u32) -> io::Result<Vec<u32>> {
        let limit = self.pager.last()? as usize;
        let (mut pages, mut number) = (Vec::new(), self.first_page(bucket)?);
        while number != 0 {
            if pages.len() > limit {
                return Err(corrupt());
            }
            pages.push(number);
            number = self.next_in_chain(number)?;
        }
        Ok(pages)
    }

    fn next_in_chain(&mut self, number: u32) -> io::Result<u32> {
        let order = self.pager.order;
        order.next(self.hash_page(number)?)
    }

    /// A page of a bucket. The library leaves pages that it has not used yet filled with zeros: no entries, no next.
    fn hash_page(&mut self, number: u32) -> io::Result<&[u8]> {
        let page = self.pager.page(number)?;
        match page_type(page) {
            HASH | HASH_UNSORTED | FREE => Ok(page),
            _ => Err(corrupt()),
        }
    }

    fn items(&mut self, number: u32) -> io::Result<usize> {
        let order = self.pager.order;
        Ok(order.entries(self.hash_page(number)?)? & !1)
    }

    fn item(&mut self, number: u32, n: usize) -> io::Result<Item<'_>> {
        let order = self.pager.order;
        let page = self.pager.page(number)?;
        let end = if n == 0 { page.len() } else { order.index(page, n - 1)? };
        let item = page.get(order.index(page, n)?..end).ok_or_else(corrupt)?;
        match item.first() {
            Some(&ON_PAGE) => Ok(Item::OnPage(&item[1..])),
            Some(&OFF_PAGE) => Ok(Item::OffPage { page: order.u32(item, 4)?, length: order.u32(item, 8)? }),
            _ => Err(corrupt()),
        }
    }

    fn read_item(&mut self, number: u32, n: usize) -> io::Result<Vec<u8>> {
        match self.item(number, n)? {
            Item::OnPage(bytes) => Ok(bytes.to_vec()),
            Item::OffPage { page, length } => self.pager.read_overflow(page, length),
        }
    }

    fn compare(&mut self, number: u32, n: usize, key: &[u8]) -> io::Result<Ordering> {
        match self.item(number, n)? {
            Item::OnPage(bytes) => Ok(bytes.cmp(key)),
            Item::OffPage { page, length } => Ok(self.pager.read_overflow(page, length)?.as_slice().cmp(key)),
        }
    }

    fn find(&mut self, key: &[u8]) -> io::Result<Option<Place>> {
        let bucket = self.bucket_of(key)?;
        for page in self.chain(bucket)? {
            if let Ok(item) = self.search(page, key)? {
                return Ok(Some(Place { page, item }));
            }
        }
        Ok(None)
    }

    /// Looks for a key on one page: its item number, or `Err` with the one where it would have to go.
    fn search(&mut self, number: u32, key: &[u8]) -> io::Result<Result<usize, usize>> {
        let count = self.items(number)? / 2;
        if page_type(self.pager.page(number)?) != HASH {
            return self.search_unsorted(number, count, key);
        }
        let (mut low, mut high) = (0, count);
        while low < high {
            let middle = low.midpoint(high);
            match self.compare(number, 2 * middle, key)? {
                Ordering::Equal => return Ok(Ok(2 * middle)),
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
            }
        }
        Ok(Err(2 * low))
    }

    fn search_unsorted(&mut self, number: u32, count: usize, key: &[u8]) -> io::Result<Result<usize, usize>> {
        for pair in 0..count {
            if self.compare(number, 2 * pair, key)? == Ordering::Equal {
                return Ok(Ok(2 * pair));
            }
        }
        Ok(Err(2 * count))
    }

    /// The item for a key or value; a long one goes to overflow pages.
    fn make_item(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        if bytes.len() <= self.pager.page_size / 4 {
            return Ok([&[ON_PAGE], bytes].concat());
        }
        let (order, length) = (self.pager.order, u32::try_from(bytes.len()).map_err(|_| corrupt())?);
        let mut item = vec![0; OFF_PAGE_LENGTH];
        item[0] = OFF_PAGE;
        order.set_u32(&mut item, 4, self.pager.write_overflow(bytes)?)?;
        order.set_u32(&mut item, 8, length)?;
        Ok(item)
    }

    /// Puts a pair on the first page of the bucket that has room; true if a page had to be added.
    fn place(&mut self, bucket: u32, key: &[u8], pair: &Pair) -> io::Result<bool> {
        let order = self.pager.order;
        let need = pair.0.len() + pair.1.len() + 4;
        let mut last = 0;
        for number in self.chain(bucket)? {
            self.initialize(number)?;
            if order.room(self.pager.page(number)?)? >= need {
                self.insert_pair(number, key, pair)?;
                return Ok(false);
            }
            last = number;
        }
        let number = self.pager.allocate(HASH, 0)?;
        order.set_previous(self.pager.page_mut(number)?, last)?;
        order.set_next(self.pager.page_mut(last)?, number)?;
        self.insert_pair(number, key, pair)?;
        Ok(true)
    }

    fn initialize(&mut self, number: u32) -> io::Result<()> {
        if page_type(self.pager.page(number)?) != FREE {
            return Ok(());
        }
        let page = self.pager.blank(number, HASH, 0)?;
        self.pager.replace(number, page)
    }

    /// Inserts a pair where the order of keys wants it. An item ends where the one before begins, so those behind move down.
    fn insert_pair(&mut self, number: u32, key: &[u8], (key_item, value_item): &Pair) -> io::Result<()> {
        let at = match self.search(number, key)? {
            Ok(at) | Err(at) => at,
        };
        let order = self.pager.order;
        let page = self.pager.page_mut(number)?;
        let (entries, low, need) =
            (order.entries(page)? & !1, order.low_water(page)?, key_item.len() + value_item.len());
        let top = if at == 0 { page.len() } else { order.index(page, at - 1)? };
        if top < low || top > page.len() || low < HEADER + 2 * entries + 4 + need {
            return Err(corrupt());
        }
        page.copy_within(low..top, low - need);
        for n in (at..entries).rev() {
            let moved = order.index(page, n)?.checked_sub(need).ok_or_else(corrupt)?;
            order.set_index(page, n + 2, moved)?;
        }
        order.set_index(page, at, top - key_item.len())?;
        order.set_index(page, at + 1, top - need)?;
        page[top - key_item.len()..top].copy_from_slice(key_item);
        page[top - need..top - key_item.len()].copy_from_slice(value_item);
        order.set_entries(page, entries + 2)?;
        order.set_low_water(page, low - need)
    }

    fn remove_pair(&mut self, Place { page: number, item }: Place) -> io::Result<()> {
        let order = self.pager.order;
        let page = self.pager.page_mut(number)?;
        let (entries, low) = (order.entries(page)? & !1, order.low_water(page)?);
        let top = if item == 0 { page.len() } else { order.index(page, item - 1)? };
        let bottom = order.index(page, item + 1)?;
        if bottom < low || bottom > top || top > page.len() {
            return Err(corrupt());
        }
        let size = top - bottom;
        page.copy_within(low..bottom, low + size);
        for n in item + 2..entries {
            let moved = order.index(page, n)? + size;
            order.set_index(page, n - 2, moved)?;
        }
        order.set_entries(page, entries - 2)?;
        order.set_low_water(page, low + size)
    }

    /// An empty page is taken out of its chain; in place of an empty first page comes the second.
    fn close_gap(&mut self, key: &[u8], number: u32) -> io::Result<()> {
        let order = self.pager.order;
        if self.items(number)? > 0 {
            return Ok(());
        }
        let bucket = self.bucket_of(key)?;
        let first = self.first_page(bucket)?;
        let next = self.next_in_chain(number)?;
        let (gone, previous) = match (number == first, next) {
            (true, 0) => return Ok(()),
            (true, next) => {
                let mut page = self.hash_page(next)?.to_vec();
                order.set_u32(&mut page, 8, first)?;
                order.set_previous(&mut page, 0)?;
                self.pager.replace(first, page)?;
                (next, first)
            }
            (false, _) => (number, order.previous(self.pager.page(number)?)?),
        };
        let after = self.next_in_chain(gone)?;
        order.set_next(self.pager.page_mut(previous)?, after)?;
        if after != 0 {
            order.set_previous(self.pager.page_mut(after)?, previous)?;
        }
        self.pager.release(gone)
    }

    /// Adds a bucket, and moves to it what belongs there from the bucket that it splits.
    fn split(&mut self) -> io::Result<()> {
        let new = self.buckets()?;
        if new > self.meta(HIGH_MASK)? && !self.double(new)? {
            return Ok(());
        }
        self.set_meta(HIGHEST_BUCKET, new)?;
        let old = new & self.meta(LOW_MASK)?;
        let pairs = self.take_bucket(old)?;
        for (key, pair) in pairs {
            let bucket = self.bucket_of(&key)?;
            self.place(bucket, &key, &pair)?;
        }
        Ok(())
    }

    /// Makes place for as many buckets as there are. False if the file has as many as the format allows.
    fn double(&mut self, new: u32) -> io::Result<bool> {
        let index = spares_index(new);
        if index >= SPARES_COUNT {
            return Ok(false);
        }
        let first = self.pager.extend(new)?;
        for number in first..first + new {
            let page = self.pager.blank(number, HASH, 0)?;
            self.pager.replace(number, page)?;
        }
        let low_mask = self.meta(HIGH_MASK)?;
        self.set_meta(LOW_MASK, low_mask)?;
        self.set_meta(HIGH_MASK, new | low_mask)?;
        self.set_meta(SPARES + 4 * index as usize, first.checked_sub(new).ok_or_else(corrupt)?)?;
        Ok(true)
    }

    /// Empties a bucket; gives its pairs as items, each with its key.
    fn take_bucket(&mut self, bucket: u32) -> io::Result<Vec<(Vec<u8>, Pair)>> {
        let chain = self.chain(bucket)?;
        let mut pairs = Vec::new();
        for &number in &chain {
            for item in (0..self.items(number)?).step_by(2) {
                pairs.push((self.read_item(number, item)?, (self.raw(number, item)?, self.raw(number, item + 1)?)));
            }
        }
        for &number in chain.iter().skip(1) {
            self.pager.release(number)?;
        }
        let page = self.pager.blank(chain[0], HASH, 0)?;
        self.pager.replace(chain[0], page)?;
        Ok(pairs)
    }

    fn raw(&mut self, number: u32, n: usize) -> io::Result<Vec<u8>> {
        let order = self.pager.order;
        let page = self.pager.page(number)?;
        let end = if n == 0 { page.len() } else { order.index(page, n - 1)? };
        page.get(order.index(page, n)?..end).map(<[u8]>::to_vec).ok_or_else(corrupt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_librarys() {
        assert_eq!(hash(b"%$sniglet^&\0"), TEST_HASH_VALUE);
    }

    #[test]
    fn buckets_of_a_doubling_share_a_spares_element() {
        assert_eq!([0, 1, 2, 3, 4, 7, 8].map(spares_index), [0, 1, 2, 2, 3, 3, 4]);
    }
}
