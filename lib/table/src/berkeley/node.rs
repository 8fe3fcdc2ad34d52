//! A page of a tree, taken apart (tables §6.2).

use std::io;

use super::pager::{HEADER, Order, Pager, TREE_INTERNAL, TREE_LEAF, corrupt, level, page_type};

/// Item kinds, and the bit that marks one as deleted.
const ON_PAGE: u8 = 1;
const OFF_PAGE: u8 = 3;
const DELETED: u8 = 0x80;

/// Length of an off-page item: 2 unused, type, unused, page, length.
const OFF_PAGE_LENGTH: usize = 12;
/// Header of an item on a leaf: length, type.
const LEAF_HEADER: usize = 3;
/// Header of an item on an internal page: length, type, unused, child page, record count.
const INTERNAL_HEADER: usize = 12;

/// A key or value: its bytes, or where they are; on an internal page also the child that it leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    data: Data,
    child: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Data {
    OnPage(Vec<u8>),
    OffPage { page: u32, length: u32 },
}

impl Item {
    /// An item for these bytes; many bytes go to overflow pages, so that at least four items fit on a page.
    pub fn store(pager: &mut Pager, bytes: &[u8]) -> io::Result<Self> {
        let most = (pager.page_size - HEADER) / 4 - 2 - INTERNAL_HEADER - 4;
        if bytes.len() <= most {
            return Ok(Item { data: Data::OnPage(bytes.to_vec()), child: 0 });
        }
        let length = u32::try_from(bytes.len()).map_err(|_| corrupt())?;
        Ok(Item { data: Data::OffPage { page: pager.write_overflow(bytes)?, length }, child: 0 })
    }

    /// The first item of an internal page.
    pub fn lowest(child: u32) -> Self {
        Item { data: Data::OnPage(Vec::new()), child }
    }

    /// The same key, leading to a child.
    pub fn with_child(self, child: u32) -> Self {
        Item { child, ..self }
    }

    /// The child page; 0 on a leaf.
    pub fn child(&self) -> u32 {
        self.child
    }

    /// The bytes.
    pub fn bytes(self, pager: &mut Pager) -> io::Result<Vec<u8>> {
        match self.data {
            Data::OnPage(bytes) => Ok(bytes),
            Data::OffPage { page, length } => pager.read_overflow(page, length),
        }
    }

    /// Frees overflow pages.
    pub fn release(self, pager: &mut Pager) -> io::Result<()> {
        match self.data {
            Data::OnPage(_) => Ok(()),
            Data::OffPage { page, .. } => pager.release_overflow(page),
        }
    }

    /// Item `n` as it lies on its page: its bytes, or the page and length of an overflow chain.
    pub fn on_page(order: Order, page: &[u8], n: usize) -> io::Result<Result<&[u8], (u32, u32)>> {
        let at = order.index(page, n)?;
        let kind = page.get(at + 2).ok_or_else(corrupt)? & !DELETED;
        let internal = page_type(page) == TREE_INTERNAL;
        let start = if internal { at + INTERNAL_HEADER } else { at + LEAF_HEADER };
        match kind {
            ON_PAGE => {
                let length = usize::from(order.u16(page, at)?);
                page.get(start..start + length).ok_or_else(corrupt).map(Ok)
            }
            OFF_PAGE => {
                let start = if internal { start } else { at };
                Ok(Err((order.u32(page, start + 4)?, order.u32(page, start + 8)?)))
            }
            _ => Err(corrupt()),
        }
    }

    /// Whether item `n` of a leaf is marked as deleted.
    pub fn is_deleted(order: Order, page: &[u8], n: usize) -> io::Result<bool> {
        let at = order.index(page, n)?;
        Ok(page.get(at + 2).ok_or_else(corrupt)? & DELETED != 0)
    }

    fn length(&self, internal: bool) -> usize {
        let length = match (&self.data, internal) {
            (Data::OnPage(bytes), false) => LEAF_HEADER + bytes.len(),
            (Data::OffPage { .. }, false) => OFF_PAGE_LENGTH,
            (Data::OnPage(bytes), true) => INTERNAL_HEADER + bytes.len(),
            (Data::OffPage { .. }, true) => INTERNAL_HEADER + OFF_PAGE_LENGTH,
        };
        length.next_multiple_of(4)
    }

    fn store_off_page(order: Order, page: &mut [u8], at: usize, first: u32, length: u32) -> io::Result<()> {
        *page.get_mut(at + 2).ok_or_else(corrupt)? = OFF_PAGE;
        order.set_u32(page, at + 4, first)?;
        order.set_u32(page, at + 8, length)
    }

    fn put(&self, order: Order, page: &mut [u8], at: usize, internal: bool) -> io::Result<()> {
        let (length, kind) = match &self.data {
            Data::OnPage(bytes) => (bytes.len(), ON_PAGE),
            Data::OffPage { .. } => (OFF_PAGE_LENGTH, OFF_PAGE),
        };
        let start = if internal { at + INTERNAL_HEADER } else { at + LEAF_HEADER };
        if internal {
            order.set_u32(page, at + 4, self.child)?;
        }
        match &self.data {
            Data::OffPage { page: first, length } if !internal => {
                return Item::store_off_page(order, page, at, *first, *length);
            }
            Data::OffPage { page: first, length } => Item::store_off_page(order, page, start, *first, *length)?,
            Data::OnPage(bytes) => {
                page.get_mut(start..start + bytes.len()).ok_or_else(corrupt)?.copy_from_slice(bytes);
            }
        }
        order.set_u16(page, at, u16::try_from(length).map_err(|_| corrupt())?)?;
        *page.get_mut(at + 2).ok_or_else(corrupt)? = kind;
        Ok(())
    }
}

/// A leaf (its items are keys and values by turns) or an internal page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// [`TREE_LEAF`] or [`TREE_INTERNAL`].
    pub page_type: u8,
    /// 1 for leaves, one more for each level above.
    pub level: u8,
    /// The leaf before.
    pub previous: u32,
    /// The leaf after.
    pub next: u32,
    /// What is on the page.
    pub items: Vec<Item>,
}

impl Node {
    /// Reads a page.
    pub fn take_apart(order: Order, page: &[u8]) -> io::Result<Self> {
        let page_type = page_type(page);
        let internal = match page_type {
            TREE_INTERNAL => true,
            TREE_LEAF => false,
            _ => return Err(corrupt()),
        };
        let mut items = Vec::new();
        for n in 0..order.entries(page)? {
            let data = match Item::on_page(order, page, n)? {
                Ok(bytes) => Data::OnPage(bytes.to_vec()),
                Err((page, length)) => Data::OffPage { page, length },
            };
            let child = if internal { order.u32(page, order.index(page, n)? + 4)? } else { 0 };
            items.push(Item { data, child });
        }
        if !internal && items.len() % 2 != 0 {
            return Err(corrupt());
        }
        let (previous, next) = (order.previous(page)?, order.next(page)?);
        Ok(Node { page_type, level: level(page), previous, next, items })
    }

    /// The bytes of the page; the caller has seen to it that they fit.
    pub fn put_together(&self, pager: &Pager, number: u32) -> io::Result<Vec<u8>> {
        let order = pager.order;
        let mut page = pager.blank(number, self.page_type, self.level)?;
        order.set_previous(&mut page, self.previous)?;
        order.set_next(&mut page, self.next)?;
        order.set_entries(&mut page, self.items.len())?;
        let mut low = page.len();
        for (n, item) in self.items.iter().enumerate() {
            low = low.checked_sub(item.length(self.is_internal())).ok_or_else(corrupt)?;
            if low < HEADER + 2 * self.items.len() {
                return Err(corrupt());
            }
            item.put(order, &mut page, low, self.is_internal())?;
            order.set_index(&mut page, n, low)?;
        }
        order.set_low_water(&mut page, low)?;
        Ok(page)
    }

    fn is_internal(&self) -> bool {
        self.page_type == TREE_INTERNAL
    }

    /// Bytes that the page needs.
    pub fn size(&self) -> usize {
        HEADER + self.items.iter().map(|item| item.length(self.is_internal()) + 2).sum::<usize>()
    }

    /// The last key.
    pub fn last_key(&self) -> Option<&Item> {
        if self.is_internal() { self.items.last() } else { self.items.iter().nth_back(1) }
    }

    /// Cuts off the right part: the last entry alone, or half of the bytes. Both parts keep something.
    pub fn split(&mut self, last_alone: bool) -> Node {
        let step = if self.is_internal() { 1 } else { 2 };
        let entries = self.items.len() / step;
        let keep = if last_alone { entries.saturating_sub(1) } else { self.half(step) };
        let items = self.items.split_off((keep.clamp(1, entries.max(2) - 1) * step).min(self.items.len()));
        Node { page_type: self.page_type, level: self.level, previous: 0, next: 0, items }
    }

    /// How many entries have half of the bytes.
    fn half(&self, step: usize) -> usize {
        let half = self.size() / 2;
        let (mut size, mut count) = (HEADER, 0);
        for entry in self.items.chunks(step) {
            size += entry.iter().map(|item| item.length(self.is_internal()) + 2).sum::<usize>();
            if size > half {
                break;
            }
            count += 1;
        }
        count
    }
}
