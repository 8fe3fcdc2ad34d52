//! Berkeley DB btree files: reading and writing (tables §6.2).
//!
//! The root page never moves. Lookups search the pages as they lie; changes take a page apart ([`Node`]) and put it together.

use std::cmp::Ordering;
use std::io;

use super::Pair;
use super::node::{Item, Node};
use super::pager::{Pager, TREE_INTERNAL, TREE_LEAF, corrupt, level, page_type};

const MINIMUM_KEYS: usize = 76;
const PAD: usize = 84;
const ROOT: usize = 88;

/// Deeper trees than this are damaged files.
const DEEPEST: usize = 64;

/// One step of a way down: an internal page, and which child was taken.
#[derive(Clone, Copy, Debug)]
struct Step {
    page: u32,
    child: usize,
}

/// A tree file.
#[derive(Debug)]
pub struct Btree {
    pager: Pager,
}

impl Btree {
    /// An existing file, whose metadata page the caller has checked.
    pub fn open(pager: Pager) -> Self {
        Btree { pager }
    }

    /// Fills in the metadata page of a new file, and adds its root, an empty leaf.
    pub fn create(mut pager: Pager) -> io::Result<Self> {
        let order = pager.order;
        let root = pager.allocate(TREE_LEAF, 1)?;
        let meta = pager.page_mut(0)?;
        for (at, value) in [(MINIMUM_KEYS, 2), (PAD, 32), (ROOT, root)] {
            order.set_u32(meta, at, value)?;
        }
        Ok(Btree { pager })
    }

    /// The pages.
    pub fn pager(&mut self) -> &mut Pager {
        &mut self.pager
    }

    /// The value of a key.
    pub fn get(&mut self, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let (_, leaf) = self.descend(key)?;
        match self.search_leaf(leaf, key)? {
            Ok(entry) => self.read(leaf, 2 * entry + 1).map(Some),
            Err(_) => Ok(None),
        }
    }

    /// The first pair after `key`, or the first of all.
    pub fn next(&mut self, key: Option<&[u8]>) -> io::Result<Option<Pair>> {
        let (order, limit) = (self.pager.order, self.pager.last()?);
        let (mut leaf, mut entry) = match key {
            None => (self.descend(b"")?.1, 0),
            Some(key) => {
                let leaf = self.descend(key)?.1;
                match self.search_leaf(leaf, key)? {
                    Ok(found) => (leaf, found + 1),
                    Err(place) => (leaf, place),
                }
            }
        };
        for _ in 0..=limit {
            let count = order.entries(self.pager.page(leaf)?)? / 2;
            while entry < count {
                if !self.is_deleted(leaf, entry)? {
                    return Ok(Some((self.read(leaf, 2 * entry)?, self.read(leaf, 2 * entry + 1)?)));
                }
                entry += 1;
            }
            leaf = order.next(self.pager.page(leaf)?)?;
            if leaf == 0 {
                return Ok(None);
            }
            entry = 0;
        }
        Err(corrupt())
    }

    /// Stores a pair; the key must not exist.
    pub fn insert(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        let (path, leaf) = self.descend(key)?;
        let place = match self.search_leaf(leaf, key)? {
            Ok(place) | Err(place) => place,
        };
        let pair = [Item::store(&mut self.pager, key)?, Item::store(&mut self.pager, value)?];
        let mut node = self.node(leaf)?;
        let replaces = 2 * place < node.items.len() && self.compare(leaf, 2 * place, key)? == Ordering::Equal;
        let marked = if replaces { 2 } else { 0 };
        let last = 2 * place == node.items.len();
        // An equal key can only be one that is marked as deleted.
        node.items.splice(2 * place..2 * place + marked, pair);
        self.put(path, leaf, node, last)
    }

    /// Removes a pair; false if there was none.
    pub fn delete(&mut self, key: &[u8]) -> io::Result<bool> {
        let (path, leaf) = self.descend(key)?;
        let Ok(place) = self.search_leaf(leaf, key)? else { return Ok(false) };
        let mut node = self.node(leaf)?;
        let gone: Vec<Item> = node.items.drain(2 * place..2 * place + 2).collect();
        for item in gone {
            item.release(&mut self.pager)?;
        }
        if node.items.is_empty() && !path.is_empty() {
            self.unlink(&node)?;
            self.pager.release(leaf)?;
            return self.remove_child(path).map(|()| true);
        }
        self.write(leaf, &node)?;
        Ok(true)
    }

    fn root(&mut self) -> io::Result<u32> {
        let order = self.pager.order;
        order.u32(self.pager.page(0)?, ROOT).and_then(|root| if root == 0 { Err(corrupt()) } else { Ok(root) })
    }

    /// The way to the leaf where a key is, or would be.
    fn descend(&mut self, key: &[u8]) -> io::Result<(Vec<Step>, u32)> {
        let order = self.pager.order;
        let (mut path, mut number) = (Vec::new(), self.root()?);
        while path.len() < DEEPEST {
            let page = self.pager.page(number)?;
            match page_type(page) {
                TREE_LEAF => return Ok((path, number)),
                TREE_INTERNAL => {}
                _ => return Err(corrupt()),
            }
            let count = order.entries(page)?;
            let child = self.search_internal(number, count, key)?;
            path.push(Step { page: number, child });
            let page = self.pager.page(number)?;
            number = order.u32(page, order.index(page, child)? + 4)?;
        }
        Err(corrupt())
    }

    /// The last child whose key is not above `key`. The first child's key is below any.
    fn search_internal(&mut self, number: u32, count: usize, key: &[u8]) -> io::Result<usize> {
        if count == 0 {
            return Err(corrupt());
        }
        let (mut low, mut high) = (1, count);
        while low < high {
            let middle = low.midpoint(high);
            if self.compare(number, middle, key)? == Ordering::Greater { high = middle } else { low = middle + 1 }
        }
        Ok(low - 1)
    }

    /// Looks for a key in a leaf: its number, or `Err` with the one it would get.
    fn search_leaf(&mut self, number: u32, key: &[u8]) -> io::Result<Result<usize, usize>> {
        let order = self.pager.order;
        let (mut low, mut high) = (0, order.entries(self.pager.page(number)?)? / 2);
        while low < high {
            let middle = low.midpoint(high);
            match self.compare(number, 2 * middle, key)? {
                Ordering::Equal if self.is_deleted(number, middle)? => return Ok(Err(middle)),
                Ordering::Equal => return Ok(Ok(middle)),
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
            }
        }
        Ok(Err(low))
    }

    fn is_deleted(&mut self, number: u32, entry: usize) -> io::Result<bool> {
        let order = self.pager.order;
        Item::is_deleted(order, self.pager.page(number)?, 2 * entry)
    }

    fn compare(&mut self, number: u32, n: usize, key: &[u8]) -> io::Result<Ordering> {
        let order = self.pager.order;
        match Item::on_page(order, self.pager.page(number)?, n)? {
            Ok(bytes) => Ok(bytes.cmp(key)),
            Err((page, length)) => Ok(self.pager.read_overflow(page, length)?.as_slice().cmp(key)),
        }
    }

    fn read(&mut self, number: u32, n: usize) -> io::Result<Vec<u8>> {
        let order = self.pager.order;
        match Item::on_page(order, self.pager.page(number)?, n)? {
            Ok(bytes) => Ok(bytes.to_vec()),
            Err((page, length)) => self.pager.read_overflow(page, length),
        }
    }

    fn node(&mut self, number: u32) -> io::Result<Node> {
        let order = self.pager.order;
        Node::take_apart(order, self.pager.page(number)?)
    }

    fn write(&mut self, number: u32, node: &Node) -> io::Result<()> {
        let page = node.put_together(&self.pager, number)?;
        self.pager.replace(number, page)
    }

    /// Writes a changed page, splitting it if it has become too big. `at_end`: the new item is the last, so that keys
    /// that come in order fill their pages.
    fn put(&mut self, mut path: Vec<Step>, number: u32, mut node: Node, at_end: bool) -> io::Result<()> {
        if node.size() <= self.pager.page_size {
            return self.write(number, &node);
        }
        let mut right = node.split(at_end);
        let (page_type, level) = (node.page_type, node.level);
        let right_number = self.pager.allocate(page_type, level)?;
        let separator = self.separator(&node, &mut right)?;
        let Some(step) = path.pop() else {
            return self.grow(number, node, right_number, right, separator);
        };
        self.link(number, &mut node, right_number, &mut right)?;
        self.write(number, &node)?;
        self.write(right_number, &right)?;
        let mut parent = self.node(step.page)?;
        let last = step.child + 1 == parent.items.len();
        parent.items.insert(step.child + 1, separator.with_child(right_number));
        self.put(path, step.page, parent, last)
    }

    /// The root was split: its left part moves to a new page too, and the root becomes their parent.
    fn grow(&mut self, root: u32, mut left: Node, right_number: u32, mut right: Node, key: Item) -> io::Result<()> {
        let left_number = self.pager.allocate(left.page_type, left.level)?;
        self.link(left_number, &mut left, right_number, &mut right)?;
        self.write(left_number, &left)?;
        self.write(right_number, &right)?;
        let level = left.level.checked_add(1).ok_or_else(corrupt)?;
        let items = vec![Item::lowest(left_number), key.with_child(right_number)];
        self.write(root, &Node { page_type: TREE_INTERNAL, level, previous: 0, next: 0, items })
    }

    /// Puts the right part of a split leaf into the list of leaves.
    fn link(&mut self, number: u32, node: &mut Node, right_number: u32, right: &mut Node) -> io::Result<()> {
        if node.page_type != TREE_LEAF {
            return Ok(());
        }
        let order = self.pager.order;
        right.next = node.next;
        right.previous = number;
        node.next = right_number;
        if right.next != 0 {
            order.set_previous(self.pager.page_mut(right.next)?, right_number)?;
        }
        Ok(())
    }

    /// Takes a leaf out of the list of leaves.
    fn unlink(&mut self, node: &Node) -> io::Result<()> {
        let order = self.pager.order;
        if node.previous != 0 {
            order.set_next(self.pager.page_mut(node.previous)?, node.next)?;
        }
        if node.next != 0 {
            order.set_previous(self.pager.page_mut(node.next)?, node.previous)?;
        }
        Ok(())
    }

    /// The key that the parent gets for the right part. Of a leaf: as few bytes as tell the parts apart. Of an internal
    /// page: the first key moves up, because nothing looks at it any more.
    fn separator(&mut self, left: &Node, right: &mut Node) -> io::Result<Item> {
        let (Some(last), Some(first)) = (left.last_key().cloned(), right.items.first_mut()) else {
            return Err(corrupt());
        };
        if left.page_type == TREE_INTERNAL {
            let child = first.child();
            return Ok(std::mem::replace(first, Item::lowest(child)));
        }
        let below = last.bytes(&mut self.pager)?;
        let above = first.clone().bytes(&mut self.pager)?;
        let common = below.iter().zip(&above).take_while(|(one, other)| one == other).count();
        Item::store(&mut self.pager, &above[..(common + 1).min(above.len())])
    }

    /// Removes the child at the end of `path`, whose page is gone already, and what becomes empty above it.
    fn remove_child(&mut self, mut path: Vec<Step>) -> io::Result<()> {
        while let Some(step) = path.pop() {
            let mut node = self.node(step.page)?;
            if step.child >= node.items.len() {
                return Err(corrupt());
            }
            node.items.remove(step.child).release(&mut self.pager)?;
            if !node.items.is_empty() {
                self.write(step.page, &node)?;
                return self.lower_root();
            }
            if path.is_empty() {
                let empty = Node { page_type: TREE_LEAF, level: 1, previous: 0, next: 0, items: Vec::new() };
                return self.write(step.page, &empty);
            }
            self.pager.release(step.page)?;
        }
        Ok(())
    }

    /// A root with a single child takes over what the child has.
    fn lower_root(&mut self) -> io::Result<()> {
        let root = self.root()?;
        for _ in 0..DEEPEST {
            let node = self.node(root)?;
            let [only] = node.items.as_slice() else { return Ok(()) };
            if node.page_type != TREE_INTERNAL {
                return Ok(());
            }
            let number = only.child();
            let child = self.node(number)?;
            if node.level != child.level + 1 || level(self.pager.page(number)?) == 0 {
                return Err(corrupt());
            }
            only.clone().release(&mut self.pager)?;
            self.write(root, &child)?;
            self.pager.release(number)?;
        }
        Err(corrupt())
    }
}
