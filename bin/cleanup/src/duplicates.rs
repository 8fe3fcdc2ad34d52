//! Recipients that a message has had already (cleanup-rewrite §12.5).

use std::collections::HashSet;

/// Remembers recipients; case does not matter.
#[derive(Debug)]
pub struct Duplicates {
    seen: HashSet<Vec<u8>>,
    limit: usize,
}

impl Duplicates {
    /// Remembers up to `limit` recipients (`duplicate_filter_limit`); 0: all.
    pub fn new(limit: usize) -> Duplicates {
        Duplicates { seen: HashSet::new(), limit }
    }

    /// Was there a recipient with these properties before? If not, it is remembered while there is room.
    pub fn contains_or_remember(&mut self, properties: &[&[u8]]) -> bool {
        let key = properties.join(&b'\0').to_ascii_lowercase();
        if self.seen.contains(&key) {
            return true;
        }
        if self.limit == 0 || self.seen.len() < self.limit {
            self.seen.insert(key);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_a_duplicate() {
        let mut seen = Duplicates::new(1);
        assert!(!seen.contains_or_remember(&[b"a", b"B@x"]));
        assert!(seen.contains_or_remember(&[b"A", b"b@x"]));
        assert!(!seen.contains_or_remember(&[b"", b"c@x"]));
        assert!(!seen.contains_or_remember(&[b"", b"c@x"]));
    }
}
