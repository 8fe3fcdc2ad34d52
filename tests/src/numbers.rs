//! Numbers for random input, the same in each run.

/// Numbers that look random.
#[derive(Clone, Debug)]
pub struct Numbers(u64);

impl Numbers {
    /// By `POSTHORN_TEST_SEED`; without it, the same in each run.
    pub fn seeded() -> Self {
        Numbers(std::env::var("POSTHORN_TEST_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1))
    }

    /// A number from 0 up to this limit, which is excluded.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    /// One of these.
    pub fn one<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }

    /// One or more of these, at most one more than `most`.
    pub fn words(&mut self, words: &[&str], most: usize) -> String {
        (0..=self.below(most)).map(|_| words[self.below(words.len())]).collect()
    }
}
