//! Queue IDs (queue-files §7).

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Which form new queue IDs have (`enable_long_queue_ids`). Both are accepted whatever the setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum IdStyle {
    /// Microseconds and inode number, in hexadecimal; unique only among the files that exist.
    #[default]
    Short,
    /// Seconds, microseconds and inode number, in base 52; not reused.
    Long,
}

impl From<bool> for IdStyle {
    fn from(enable_long_queue_ids: bool) -> IdStyle {
        if enable_long_queue_ids { IdStyle::Long } else { IdStyle::Short }
    }
}

/// A valid queue ID, or the name of a log file in `flush`: 1 to 255 ASCII letters, digits and `_`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueId(String);

/// Digits and consonants, in order of value.
const ALPHABET: &[u8; 52] = b"0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz";
const SEPARATOR: u8 = b'z';
/// The inode part does without the last letter of the alphabet, so that the separator is the last `z`.
const INODE_BASE: u64 = 51;
const TIME_BASE: u64 = 52;
const SECONDS_WIDTH: usize = 6;
const MICROSECONDS_WIDTH: usize = 4;
const MAX_LENGTH: usize = 255;

impl QueueId {
    /// Makes a new ID from the time (sampled after the inode was known) and the inode of a file.
    pub fn generate(style: IdStyle, time: SystemTime, inode: u64) -> QueueId {
        let time = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        match style {
            IdStyle::Short => QueueId(format!("{:05X}{inode:X}", time.subsec_micros())),
            IdStyle::Long => QueueId::long(time, inode),
        }
    }

    fn long(time: Duration, inode: u64) -> QueueId {
        let mut id = to_base(time.as_secs(), TIME_BASE, SECONDS_WIDTH);
        id += &to_base(time.subsec_micros().into(), TIME_BASE, MICROSECONDS_WIDTH);
        id.push(char::from(SEPARATOR));
        id += &to_base(inode, INODE_BASE, 1);
        QueueId(id)
    }

    /// Checks a name that a user gave or a directory holds; `None` when it cannot be a queue ID.
    pub fn parse(name: &(impl AsRef<[u8]> + ?Sized)) -> Option<QueueId> {
        let name = name.as_ref();
        let legal = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        if name.is_empty() || name.len() > MAX_LENGTH || !name.iter().all(legal) {
            return None;
        }
        String::from_utf8(name.to_vec()).ok().map(QueueId)
    }

    /// The ID as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Index of the separator of a long ID.
    fn separator(&self) -> Option<usize> {
        self.0.rfind(char::from(SEPARATOR)).filter(|&at| at >= SECONDS_WIDTH + MICROSECONDS_WIDTH)
    }

    /// Is it a long ID? Decided by position alone.
    pub fn is_long(&self) -> bool {
        self.separator().is_some()
    }

    /// Microsecond part of the creation time; `None` when it is no number.
    pub fn microseconds(&self) -> Option<u64> {
        match self.separator() {
            Some(at) => from_base(&self.0.as_bytes()[at - MICROSECONDS_WIDTH..at], TIME_BASE),
            None => u64::from_str_radix(self.0.get(..5)?, 16).ok(),
        }
    }

    /// Inode number of the file that the ID was made for; `None` when it is no number.
    pub fn inode(&self) -> Option<u64> {
        match self.separator() {
            Some(at) => from_base(&self.0.as_bytes()[at + 1..], INODE_BASE),
            None => match self.0.get(5..)? {
                "" => Some(0),
                inode => u64::from_str_radix(inode, 16).ok(),
            },
        }
    }

    /// Creation time in whole seconds since the epoch. Only a long ID has one.
    pub fn seconds(&self) -> Option<u64> {
        let end = self.separator()? - MICROSECONDS_WIDTH;
        from_base(&self.0.as_bytes()[..end], TIME_BASE)
    }

    /// The same ID for another inode, as postsuper needs it after a queue was copied (§13.2). `None` when the short
    /// form is wanted of a long ID whose microseconds are no number, or of a name shorter than the microseconds.
    pub fn with_inode(&self, style: IdStyle, inode: u64) -> Option<QueueId> {
        match (self.separator(), style) {
            (Some(at), IdStyle::Long) => Some(QueueId(format!("{}{}", &self.0[..=at], to_base(inode, INODE_BASE, 1)))),
            (Some(_), IdStyle::Short) => Some(QueueId(format!("{:05X}{inode:X}", self.microseconds()?))),
            (None, _) => Some(QueueId(format!("{}{inode:X}", self.0.get(..5)?))),
        }
    }

    /// The text whose first characters name the hash directories (§8.2): both forms of ID hash alike.
    pub fn hash_key(&self) -> String {
        match self.separator() {
            Some(_) => format!("{:05X}", self.microseconds().unwrap_or(0)),
            None => self.0.clone(),
        }
    }

    /// Default Message-Id (without angle brackets), for the ID and the time that belongs to it (§7).
    pub fn message_id(&self, created: SystemTime, myhostname: &str) -> String {
        if self.is_long() {
            return format!("{self}@{myhostname}");
        }
        format!("{}.{self}@{myhostname}", text::date::compact_utc(created))
    }
}

impl fmt::Display for QueueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for QueueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<[u8]> for QueueId {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl AsRef<OsStr> for QueueId {
    fn as_ref(&self) -> &OsStr {
        self.0.as_ref()
    }
}

impl AsRef<Path> for QueueId {
    fn as_ref(&self) -> &Path {
        self.0.as_ref()
    }
}

/// Writes a number with digits of [`ALPHABET`], padded in front with `0` to `width`.
fn to_base(mut number: u64, base: u64, width: usize) -> String {
    let mut digits = Vec::new();
    while number > 0 || digits.len() < width {
        digits.push(char::from(ALPHABET[(number % base) as usize]));
        number /= base;
    }
    digits.iter().rev().collect()
}

fn from_base(digits: &[u8], base: u64) -> Option<u64> {
    digits.iter().try_fold(0u64, |number, digit| {
        let value = ALPHABET[..base as usize].iter().position(|letter| letter == digit)? as u64;
        number.checked_mul(base)?.checked_add(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: u64, micros: u32) -> SystemTime {
        UNIX_EPOCH + Duration::new(seconds, micros * 1000)
    }

    #[test]
    fn known_ids() {
        let cases = [
            (423_456, 381_633, "676205D2C1", "4jYWvp30bNz2rj0"),
            (0, 51, "0000033", "4jYWvp0000z10"),
            (999_999, 2601, "F423FA29", "4jYWvp75plz100"),
            (51, 50, "0003332", "4jYWvp000zzy"),
        ];
        for (micros, inode, short, long) in cases {
            let time = at(1_795_499_046, micros);
            assert_eq!(QueueId::generate(IdStyle::Short, time, inode).as_str(), short);
            let id = QueueId::generate(IdStyle::Long, time, inode);
            assert_eq!(id.as_str(), long);
            assert_eq!(id.inode(), Some(inode));
            assert_eq!(id.microseconds(), Some(micros.into()));
            assert_eq!(id.seconds(), Some(1_795_499_046));
        }
    }

    #[test]
    fn validity() {
        assert!(QueueId::parse("mail_example_com").is_some());
        assert!(QueueId::parse("").is_none());
        assert!(QueueId::parse("123.456").is_none());
        assert!(QueueId::parse(&vec![b'A'; 255]).is_some());
        assert!(QueueId::parse(&vec![b'A'; 256]).is_none());
    }

    #[test]
    fn both_forms_hash_alike() {
        assert_eq!(QueueId::parse("676205D2C1").unwrap().hash_key(), "676205D2C1");
        assert_eq!(QueueId::parse("4jYWvp30bNz2rj0").unwrap().hash_key(), "67620");
        assert_eq!(QueueId::parse("mail_example_zone").unwrap().hash_key(), "00000");
    }

    #[test]
    fn another_inode() {
        let id = |name| QueueId::parse(name).unwrap();
        assert_eq!(id("676205D2C1").with_inode(IdStyle::Short, 255).unwrap().as_str(), "67620FF");
        assert_eq!(id("4jYWvp30bNz2rj0").with_inode(IdStyle::Short, 255).unwrap().as_str(), "67620FF");
        assert_eq!(id("4jYWvp30bNz2rj0").with_inode(IdStyle::Long, 51).unwrap().as_str(), "4jYWvp30bNz10");
        assert_eq!(id("abc").with_inode(IdStyle::Short, 1), None);
    }

    #[test]
    fn message_ids() {
        let time = at(1_795_499_046, 423_456);
        let id = |style| QueueId::generate(style, time, 381_633).message_id(time, "mail.example.org");
        assert_eq!(id(IdStyle::Short), "20261124054406.676205D2C1@mail.example.org");
        assert_eq!(id(IdStyle::Long), "4jYWvp30bNz2rj0@mail.example.org");
    }

    proptest! {
        #[test]
        fn any_name_is_taken_apart_without_panic(name: Vec<u8>, inode: u64) {
            if let Some(id) = QueueId::parse(&name) {
                let _ = (id.inode(), id.microseconds(), id.seconds(), id.hash_key());
                let _ = (id.with_inode(IdStyle::Short, inode), id.with_inode(IdStyle::Long, inode));
            }
        }

        #[test]
        fn long_ids_give_back_what_they_were_made_of(seconds in 0u64..1 << 40, micros in 0u32..1_000_000, inode: u64) {
            let id = QueueId::generate(IdStyle::Long, at(seconds, micros), inode);
            prop_assert_eq!(id.seconds(), Some(seconds));
            prop_assert_eq!(id.microseconds(), Some(micros.into()));
            prop_assert_eq!(id.inode(), Some(inode));
        }

        #[test]
        fn short_ids_give_back_what_they_were_made_of(micros in 0u32..1_000_000, inode: u64) {
            let id = QueueId::generate(IdStyle::Short, at(5, micros), inode);
            prop_assert_eq!(id.microseconds(), Some(micros.into()));
            prop_assert_eq!(id.inode(), Some(inode));
        }
    }
}
