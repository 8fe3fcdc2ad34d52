//! What is remembered about an address (access-milter-postscreen §12.3).

use std::time::Duration;

use bstr::{BString, ByteSlice};
use config::{Config, params};
use ipc::verify;

/// How long a probe may take, in seconds, before another one is sent.
const PROBE_TIME: u64 = 1000;

/// An entry: `status:probed:updated:text`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// [`verify::OK`], `DEFER`, `BOUNCE`, or `TODO`.
    pub status: i32,
    /// When the probe was sent that has no result yet; 0: there is none.
    pub probed: u64,
    /// When there was a result; 0: there was none.
    pub updated: u64,
    /// The reason.
    pub text: BString,
}

impl Entry {
    /// Reads an entry. `None`: it is none, which has been logged.
    pub fn parse(value: &[u8]) -> Option<Entry> {
        let entry = Self::read(value);
        if entry.is_none() {
            log::warn!("bad address verify table entry: {}", text::show(&value[..value.len().min(100)]));
        }
        entry
    }

    fn read(value: &[u8]) -> Option<Entry> {
        let (status, rest) = value.split_once_str(":")?;
        let (probed, rest) = rest.split_once_str(":")?;
        let (updated, text) = rest.split_once_str(":")?;
        let number = |digits: &[u8]| {
            let digits = std::str::from_utf8(digits).ok()?;
            digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u64>().ok())?
        };
        let status = number(status).and_then(|status| i32::try_from(status).ok())?;
        let entry = Entry { status, probed: number(probed)?, updated: number(updated)?, text: text.into() };
        let is_known = (verify::OK..=verify::TODO).contains(&entry.status);
        (is_known && (entry.probed > 0 || entry.updated > 0)).then_some(entry)
    }

    /// The entry as it is stored.
    pub fn to_bytes(&self) -> BString {
        let numbers = format!("{}:{}:{}:", self.status, self.probed, self.updated);
        [numbers.as_bytes(), &self.text].concat().into()
    }

    /// Whether a probe is under way.
    pub fn is_probed(&self, now: u64) -> bool {
        self.probed > 0 && now.saturating_sub(self.probed) < PROBE_TIME
    }
}

/// The key of an address.
pub fn key(address: &[u8]) -> BString {
    address.iter().map(|&byte| if byte == b':' { b'_' } else { byte }).collect::<Vec<_>>().into()
}

/// How long results are believed, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Ages {
    positive: Age,
    negative: Age,
}

#[derive(Clone, Copy, Debug)]
struct Age {
    expire: u64,
    refresh: u64,
}

impl Ages {
    /// Reads the parameters.
    pub fn read(config: &Config) -> Ages {
        let age = |expire: Duration, refresh: Duration| Age { expire: expire.as_secs(), refresh: refresh.as_secs() };
        Ages {
            positive: age(
                config.get(params::ADDRESS_VERIFY_POSITIVE_EXPIRE_TIME),
                config.get(params::ADDRESS_VERIFY_POSITIVE_REFRESH_TIME),
            ),
            negative: age(
                config.get(params::ADDRESS_VERIFY_NEGATIVE_EXPIRE_TIME),
                config.get(params::ADDRESS_VERIFY_NEGATIVE_REFRESH_TIME),
            ),
        }
    }

    fn of(&self, entry: &Entry) -> Age {
        if entry.status == verify::OK { self.positive } else { self.negative }
    }

    /// Whether a result is not believed any more.
    pub fn is_expired(&self, entry: &Entry, now: u64) -> bool {
        now.saturating_sub(entry.updated) >= self.of(entry).expire
    }

    /// Whether a new result is wanted.
    pub fn is_stale(&self, entry: &Entry, now: u64) -> bool {
        now.saturating_sub(entry.updated) >= self.of(entry).refresh
    }

    /// Whether an entry is worth its place.
    pub fn is_worthwhile(&self, entry: &Entry, now: u64) -> bool {
        entry.is_probed(now) || !self.is_expired(entry, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn entries() {
        let entry = Entry::parse(b"3:1700000000:0:Address verification in progress").unwrap();
        assert_eq!((entry.status, entry.probed, entry.updated), (3, 1_700_000_000, 0));
        assert!(entry.is_probed(1_700_000_999) && !entry.is_probed(1_700_001_000));
        for bad in ["", "0:0:0:x", "4:1:1:x", "0:x:1:x", "0:1", "-1:1:1:x", "0:+1:1:x"] {
            assert_eq!(Entry::parse(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(key(b"u@[IPv6:2001:db8::1]"), "u@[IPv6_2001_db8__1]");
    }

    #[test]
    fn ages_depend_on_the_result() {
        let ages = Ages::read(&Config::for_tests(&[]));
        let day = 86400;
        let good = Entry { status: verify::OK, probed: 0, updated: 100 * day, text: "x".into() };
        let bad = Entry { status: verify::BOUNCE, ..good.clone() };
        assert!(ages.is_stale(&good, 107 * day) && !ages.is_expired(&good, 107 * day));
        assert!(ages.is_expired(&good, 131 * day) && ages.is_expired(&bad, 103 * day));
        assert!(ages.is_stale(&bad, 100 * day + 3 * 3600) && ages.is_worthwhile(&bad, 101 * day));
    }

    proptest! {
        #[test]
        fn entries_come_back(status in 0..4i32, probed in 1..u64::MAX, updated: u64, text in ".{0,30}") {
            let entry = Entry { status, probed, updated, text: text.into() };
            prop_assert_eq!(Entry::parse(&entry.to_bytes()), Some(entry));
        }

        #[test]
        fn any_value_is_read_without_panic(value in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = Entry::parse(&value);
        }
    }
}
