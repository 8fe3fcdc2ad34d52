//! Lists of jobs: constant time for everything but finding a place.

use std::collections::HashMap;

use super::MessageKey;

/// A list in which each message stands at most once.
#[derive(Debug, Default)]
pub struct Chain {
    head: Option<MessageKey>,
    tail: Option<MessageKey>,
    links: HashMap<MessageKey, Link>,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    previous: Option<MessageKey>,
    next: Option<MessageKey>,
}

impl Chain {
    pub fn head(&self) -> Option<MessageKey> {
        self.head
    }

    pub fn tail(&self) -> Option<MessageKey> {
        self.tail
    }

    pub fn next(&self, key: MessageKey) -> Option<MessageKey> {
        self.links.get(&key)?.next
    }

    pub fn previous(&self, key: MessageKey) -> Option<MessageKey> {
        self.links.get(&key)?.previous
    }

    /// Puts `key`, which is not in the list, behind `at`; `None` is the front.
    pub fn insert_after(&mut self, at: Option<MessageKey>, key: MessageKey) {
        let next = match at {
            Some(at) => self.next(at),
            None => self.head,
        };
        self.links.insert(key, Link { previous: at, next });
        self.set_next(at, Some(key));
        self.set_previous(next, Some(key));
    }

    /// Puts `key`, which is not in the list, directly before `at`, which is.
    pub fn insert_before(&mut self, at: MessageKey, key: MessageKey) {
        self.insert_after(self.previous(at), key);
    }

    /// Takes `key` out, if it is in the list.
    pub fn remove(&mut self, key: MessageKey) {
        let Some(Link { previous, next }) = self.links.remove(&key) else { return };
        self.set_next(previous, next);
        self.set_previous(next, previous);
    }

    fn set_next(&mut self, key: Option<MessageKey>, next: Option<MessageKey>) {
        match key.and_then(|key| self.links.get_mut(&key)) {
            Some(link) => link.next = next,
            None => self.head = next,
        }
    }

    fn set_previous(&mut self, key: Option<MessageKey>, previous: Option<MessageKey>) {
        match key.and_then(|key| self.links.get_mut(&key)) {
            Some(link) => link.previous = previous,
            None => self.tail = previous,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn forwards(chain: &Chain) -> Vec<u64> {
        std::iter::successors(chain.head(), |key| chain.next(*key)).map(|key| key.0).collect()
    }

    fn backwards(chain: &Chain) -> Vec<u64> {
        std::iter::successors(chain.tail(), |key| chain.previous(*key)).map(|key| key.0).collect()
    }

    proptest! {
        #[test]
        fn behaves_like_a_vector(steps in prop::collection::vec((0..3u8, 0..8u64, 0..8usize), 0..60)) {
            let (mut chain, mut model) = (Chain::default(), Vec::new());
            for (step, key, at) in steps {
                let place = at.min(model.len());
                match step {
                    0 if !model.contains(&key) => {
                        chain.insert_after(place.checked_sub(1).map(|at| MessageKey(model[at])), MessageKey(key));
                        model.insert(place, key);
                    }
                    1 if !model.contains(&key) && place < model.len() => {
                        chain.insert_before(MessageKey(model[place]), MessageKey(key));
                        model.insert(place, key);
                    }
                    2 => {
                        chain.remove(MessageKey(key));
                        model.retain(|other| *other != key);
                    }
                    _ => {}
                }
                prop_assert_eq!(forwards(&chain), model.clone());
                let mut reversed = backwards(&chain);
                reversed.reverse();
                prop_assert_eq!(reversed, model.clone());
            }
        }
    }
}
