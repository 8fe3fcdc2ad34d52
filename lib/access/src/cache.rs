//! Answers that are kept.

use std::collections::VecDeque;

/// The last answers: when there are too many, the one is forgotten that was not asked for the longest time.
#[derive(Debug)]
pub(crate) struct Cache<Q, A> {
    limit: usize,
    /// The newest is at the end.
    entries: VecDeque<(Q, A)>,
}

impl<Q: PartialEq, A: Clone> Cache<Q, A> {
    pub fn new(limit: usize) -> Self {
        Cache { limit, entries: VecDeque::new() }
    }

    /// The answer to a question.
    pub fn get(&mut self, question: &Q) -> Option<A> {
        let at = self.entries.iter().position(|(known, _)| known == question)?;
        let entry = self.entries.remove(at)?;
        let answer = entry.1.clone();
        self.entries.push_back(entry);
        Some(answer)
    }

    /// Remembers an answer.
    pub fn put(&mut self, question: Q, answer: A) {
        if self.entries.len() >= self.limit {
            self.entries.pop_front();
        }
        self.entries.push_back((question, answer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_wanted_is_forgotten() {
        let mut cache = Cache::new(2);
        cache.put(1, "a");
        cache.put(2, "b");
        assert_eq!(cache.get(&1), Some("a"));
        cache.put(3, "c");
        assert_eq!((cache.get(&1), cache.get(&2), cache.get(&3)), (Some("a"), None, Some("c")));
    }
}
