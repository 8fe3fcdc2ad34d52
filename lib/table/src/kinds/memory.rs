//! A table in memory: `internal:`, and the body of `texthash:` and `inline:` (tables §4.5, §4.6, §4.12).

use std::collections::{HashMap, VecDeque};

use bstr::{BString, ByteSlice};

use super::Request;
use crate::flags::Duplicates;
use crate::map::{Change, Facts, Map, Owner};
use crate::{Error, Flags, Lookup, OpenError};

/// Entries, which are listed in the order of their keys.
pub(super) struct Memory {
    entries: HashMap<BString, BString>,
    facts: Facts,
    /// Names the table in messages about duplicates.
    label: String,
    /// The keys that are still to be listed.
    waiting: VecDeque<BString>,
}

impl Memory {
    /// An empty table.
    pub fn new(owner: Owner, label: String) -> Self {
        Memory { entries: HashMap::new(), facts: Facts::fixed(owner), label, waiting: VecDeque::new() }
    }

    /// Stores an entry; gives false, and changes nothing, if the key exists.
    pub fn add(&mut self, key: BString, value: BString) -> bool {
        if self.entries.contains_key(&key) {
            return false;
        }
        self.entries.insert(key, value);
        true
    }

    /// Stores an entry in place of one with the same key.
    pub fn set(&mut self, key: BString, value: BString) {
        self.entries.insert(key, value);
    }

    fn store(&mut self, key: &[u8], value: &[u8], flags: Flags) -> Result<Change, Error> {
        if self.entries.contains_key(key.as_bstr()) {
            let duplicate = || format!("{}: duplicate entry: \"{}\"", self.label, text::show(key));
            match flags.duplicates() {
                Duplicates::Replace => {}
                Duplicates::Ignore => return Ok(Change::Nothing),
                Duplicates::Warn => {
                    log::warn!("{}", duplicate());
                    return Ok(Change::Nothing);
                }
                Duplicates::Fatal => return Err(Error::Fatal(duplicate())),
            }
        }
        self.set(key.into(), value.into());
        Ok(Change::Done)
    }
}

impl Map for Memory {
    fn facts(&self) -> Facts {
        self.facts.clone()
    }

    fn lookup(&mut self, key: &[u8]) -> Lookup {
        Ok(self.entries.get(key.as_bstr()).cloned())
    }

    fn update(&mut self, key: &[u8], value: &[u8], flags: Flags) -> Option<Result<Change, Error>> {
        Some(self.store(key, value, flags))
    }

    fn delete(&mut self, key: &[u8]) -> Option<Result<Change, Error>> {
        Some(Ok(match self.entries.remove(key.as_bstr()) {
            Some(_) => Change::Done,
            None => Change::Nothing,
        }))
    }

    fn sequence(&mut self, restart: bool) -> Option<Result<Option<(BString, BString)>, Error>> {
        if restart {
            let mut keys: Vec<BString> = self.entries.keys().cloned().collect();
            keys.sort_unstable();
            self.waiting = keys.into();
        }
        // What was removed meanwhile is not listed.
        while let Some(key) = self.waiting.pop_front() {
            if let Some(value) = self.entries.get(&key) {
                let value = value.clone();
                return Some(Ok(Some((key, value))));
            }
        }
        Some(Ok(None))
    }
}

/// Opens `internal:name`, which is empty.
pub(super) fn open(request: &Request<'_>) -> Result<Box<dyn Map>, OpenError> {
    Ok(Box::new(Memory::new(Owner::Trusted, request.full_name())))
}
