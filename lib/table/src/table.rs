//! An open table: checks, folding, and messages that are the same for all types (tables §1.5, §1.6, §1.8).

use std::borrow::Cow;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bstr::{BStr, BString, ByteSlice};

use crate::map::{Change, Map, Operation, Owner};
use crate::{Error, Flags, Lookup, Mode};

/// An open table. Clones share it.
#[derive(Clone)]
pub struct Table {
    shared: Arc<Shared>,
}

struct Shared {
    /// `type:name`, as it was opened.
    name: BString,
    /// `type:name`, as messages call it.
    label: String,
    /// What it was opened with, and what the type added.
    flags: Flags,
    owner: Owner,
    opened: Opened,
    map: Mutex<Box<dyn Map>>,
}

/// How it was opened, to tell whether it has changed.
struct Opened {
    flags: Flags,
    mode: Mode,
    modified: Option<SystemTime>,
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table")
            .field("name", &self.shared.name)
            .field("flags", &self.shared.flags)
            .finish_non_exhaustive()
    }
}

impl Table {
    /// Wraps what a type has opened. `flags` are those of the caller, with [`Flags::UTF8_ACTIVE`] if checks are in force.
    pub(crate) fn new(kind: &[u8], name: &[u8], flags: Flags, mode: Mode, map: Box<dyn Map>) -> Self {
        let facts = map.facts();
        let modified = map.file().and_then(|file| file.metadata().ok()).and_then(|status| status.modified().ok());
        let label = facts.label.as_deref().map_or(name, |label| label);
        Table {
            shared: Arc::new(Shared {
                name: [kind, b":", name].concat().into(),
                label: format!("{}:{}", text::show(kind), text::show(label)),
                flags: flags | facts.flags,
                owner: facts.owner,
                opened: Opened { flags: flags.without(Flags::UTF8_ACTIVE), mode, modified },
                map: Mutex::new(map),
            }),
        }
    }

    /// `type:name`, as it was opened.
    pub fn name(&self) -> &BStr {
        self.shared.name.as_bstr()
    }

    /// `type:name`, as messages call it.
    pub fn label(&self) -> &str {
        &self.shared.label
    }

    /// Open flags, with those that the type has set.
    pub fn flags(&self) -> Flags {
        self.shared.flags
    }

    /// Whether keys are fixed strings, so that partial keys make sense.
    pub fn is_fixed(&self) -> bool {
        self.shared.flags.has(Flags::FIXED)
    }

    /// Who vouches for the content.
    pub fn owner(&self) -> Owner {
        self.shared.owner
    }

    fn map(&self) -> MutexGuard<'_, Box<dyn Map>> {
        self.shared.map.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn checks_utf8(&self) -> bool {
        self.shared.flags.has(Flags::UTF8_ACTIVE)
    }

    /// The key, checked and folded. `None`: it is not UTF-8, which has been logged.
    fn prepare<'a>(&self, key: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        if self.checks_utf8() && std::str::from_utf8(key).is_err() {
            let shown = text::show(key);
            log::warn!("{}: non-UTF-8 key \"{shown}\": malformed UTF-8 or invalid codepoint", self.label());
            return None;
        }
        let fold = if self.is_fixed() { Flags::FOLD_FIX } else { Flags::FOLD_MUL };
        match self.shared.flags.has(fold) {
            true if key.iter().any(|byte| !byte.is_ascii() || byte.is_ascii_uppercase()) => {
                Some(Cow::Owned(text::fold(key, self.checks_utf8()).into()))
            }
            _ => Some(Cow::Borrowed(key)),
        }
    }

    /// False: the value is not UTF-8, which has been logged.
    fn is_acceptable(&self, key: &[u8], value: &[u8]) -> bool {
        if !self.checks_utf8() || std::str::from_utf8(value).is_ok() {
            return true;
        }
        let (key, value) = (text::show(key), text::show(value));
        let problem = "malformed UTF-8 or invalid codepoint";
        log::warn!("{}: key \"{key}\": non-UTF-8 value \"{value}\": {problem}", self.label());
        false
    }

    /// Looks up a key.
    ///
    /// # Errors
    /// Temporary failures and configuration errors; a key that is not UTF-8 is not found.
    pub fn lookup(&self, key: &[u8]) -> Lookup {
        let Some(folded) = self.prepare(key) else { return Ok(None) };
        let found = self.map().lookup(&folded)?;
        match found {
            Some(value) if !self.is_acceptable(key, &value) => Err(Error::Config),
            Some(value) if self.shared.flags.has(Flags::SRC_RHS_IS_FILE) => self.decode(&folded, &value).map(Some),
            found => Ok(found),
        }
    }

    /// The content of the file that a value stands for.
    fn decode(&self, key: &[u8], value: &[u8]) -> Result<BString, Error> {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.decode(value).map(BString::from).map_err(|_| {
            let start = text::show(&value[..value.len().min(30)]);
            log::warn!("table {}: key {}: malformed BASE64 value: {start}", self.label(), text::show(key));
            Error::Config
        })
    }

    fn unsupported(&self, operation: Operation) -> Error {
        Error::Fatal(format!("table {}: {} operation is not supported", self.label(), operation.word()))
    }

    /// Stores an entry; the flags of the table say what happens to a duplicate.
    ///
    /// # Errors
    /// Write errors, and types that cannot be changed.
    pub fn update(&self, key: &[u8], value: &[u8]) -> Result<Change, Error> {
        self.update_with(key, value, self.shared.flags)
    }

    /// As [`Table::update`], with other flags about duplicates, such as those of a proxymap request.
    ///
    /// # Errors
    /// As for [`Table::update`].
    pub fn update_with(&self, key: &[u8], value: &[u8], flags: Flags) -> Result<Change, Error> {
        let Some(folded) = self.prepare(key) else { return Ok(Change::Done) };
        if !self.is_acceptable(key, value) {
            return Ok(Change::Done);
        }
        let updated = self.map().update(&folded, value, flags);
        updated.unwrap_or_else(|| Err(self.unsupported(Operation::Update)))
    }

    /// Stores one of the marks that postalias leaves: as it is, without a NUL, and in place of an older one.
    ///
    /// # Errors
    /// As for [`Table::update`].
    pub fn update_mark(&self, key: &[u8], value: &[u8]) -> Result<Change, Error> {
        let updated = self.map().update_mark(key, value);
        updated.unwrap_or_else(|| Err(self.unsupported(Operation::Update)))
    }

    /// Removes an entry.
    ///
    /// # Errors
    /// Write errors, and types that cannot be changed.
    pub fn delete(&self, key: &[u8]) -> Result<Change, Error> {
        let Some(folded) = self.prepare(key) else { return Ok(Change::Done) };
        let deleted = self.map().delete(&folded);
        deleted.unwrap_or_else(|| Err(self.unsupported(Operation::Delete)))
    }

    /// The first (`restart`) or next entry, in the order of the table.
    ///
    /// # Errors
    /// Read errors, and types that cannot be listed.
    pub fn sequence(&self, restart: bool) -> Result<Option<(BString, BString)>, Error> {
        let next = self.map().sequence(restart);
        let next = next.unwrap_or_else(|| Err(self.unsupported(Operation::Sequence)))?;
        match next {
            Some((key, value)) if self.shared.flags.has(Flags::SRC_RHS_IS_FILE) => {
                let value = self.decode(&key, &value)?;
                Ok(Some((key, value)))
            }
            next => Ok(next),
        }
    }

    /// Ends building a table: what was kept back is written, and becomes visible.
    ///
    /// # Errors
    /// Write errors.
    pub fn finish(&self) -> Result<(), Error> {
        self.map().finish()
    }

    /// Whether the file is not any more what was opened (tables §1.7); then the text that names it in the log line.
    pub fn changed(&self) -> Option<String> {
        let status = self.map().file()?.metadata();
        let changed = status.is_ok_and(|status| self.differs(&status));
        changed.then(|| {
            let opened = &self.shared.opened;
            format!("{}({},{})", text::show(&self.shared.name), opened.mode.octal(), opened.flags)
        })
    }

    fn differs(&self, status: &Metadata) -> bool {
        let opened = &self.shared.opened;
        let watches_time = opened.mode == Mode::ReadOnly && !self.shared.flags.has(Flags::MULTI_WRITER);
        status.nlink() == 0 || (watches_time && status.modified().ok() != opened.modified)
    }
}
