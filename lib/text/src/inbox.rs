//! Bytes that have come in and wait to be taken.

/// A buffer that is filled at its end and emptied from its front, and keeps its memory.
#[derive(Clone, Debug, Default)]
pub struct Inbox {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Inbox {
    /// What waits.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Takes bytes off the front; more than wait are all.
    pub fn take(&mut self, count: usize) -> &[u8] {
        let from = self.start;
        self.start = self.end.min(from.saturating_add(count));
        &self.bytes[from..self.start]
    }

    /// Puts the last bytes that were taken back.
    ///
    /// # Panics
    /// When more are put back than were taken since the last [`Inbox::space`].
    pub fn put_back(&mut self, count: usize) {
        self.start -= count;
    }

    /// Forgets what waits.
    pub fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    /// Room for `size` bytes more; [`Inbox::add`] says how many came.
    pub fn space(&mut self, size: usize) -> &mut [u8] {
        self.bytes.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        let needed = self.end + size;
        if self.bytes.len() < needed {
            self.bytes.resize(needed, 0);
        }
        &mut self.bytes[self.end..needed]
    }

    /// So many bytes have been written into the room.
    ///
    /// # Panics
    /// When there was not so much of it.
    pub fn add(&mut self, count: usize) {
        assert!(count <= self.bytes.len() - self.end, "more came than there was room for");
        self.end += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_what_came_in() {
        let mut inbox = Inbox::default();
        for text in [b"one\n".as_slice(), b"two"] {
            inbox.space(8)[..text.len()].copy_from_slice(text);
            inbox.add(text.len());
        }
        assert_eq!(inbox.take(4), b"one\n");
        inbox.put_back(1);
        assert_eq!(inbox.as_slice(), b"\ntwo");
        assert_eq!(inbox.take(1), b"\n");
        assert_eq!(inbox.space(1).len(), 1);
        assert_eq!(inbox.take(9), b"two");
        assert!(inbox.is_empty());
        inbox.clear();
        assert_eq!(inbox.as_slice(), b"");
    }
}
