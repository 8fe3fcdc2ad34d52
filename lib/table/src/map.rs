//! What a table type has to provide.

use std::fs::File;

use bstr::BString;

use crate::{Error, Flags, Lookup};

/// Who vouches for what is in a table (tables §1.5). The order is from most to least trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// root, or the configuration itself.
    Trusted,
    /// This user.
    User(u32),
    /// Nobody knows.
    Unknown,
}

impl Owner {
    /// The owner by the user ID of a file.
    pub fn of(uid: u32) -> Self {
        if uid == 0 { Owner::Trusted } else { Owner::User(uid) }
    }

    /// The owner of a table made of two.
    pub fn combine(self, other: Owner) -> Self {
        match (self, other) {
            (Owner::User(one), Owner::User(two)) if one != two => Owner::Unknown,
            (one, two) => one.max(two),
        }
    }
}

/// Fixed facts about an open table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// [`Flags::FIXED`] or [`Flags::PATTERN`], perhaps with [`Flags::MULTI_WRITER`].
    pub flags: Flags,
    /// Who vouches for it.
    pub owner: Owner,
    /// The name in messages, if it is not the one that the table was opened with.
    pub label: Option<BString>,
}

impl Facts {
    /// A table of fixed strings.
    pub fn fixed(owner: Owner) -> Self {
        Facts { flags: Flags::FIXED, owner, label: None }
    }

    /// A table of patterns.
    pub fn pattern(owner: Owner) -> Self {
        Facts { flags: Flags::PATTERN, owner, label: None }
    }
}

/// The outcome of an update or deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Done.
    Done,
    /// Nothing changed: the key exists (update), or does not (delete).
    Nothing,
}

/// An operation that not every type has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Store an entry.
    Update,
    /// Remove an entry.
    Delete,
    /// List all entries.
    Sequence,
}

impl Operation {
    /// The word in messages.
    pub fn word(self) -> &'static str {
        match self {
            Operation::Update => "update",
            Operation::Delete => "delete",
            Operation::Sequence => "sequence",
        }
    }
}

/// An open table of some type. Keys come folded and checked.
pub trait Map: Send {
    /// What is known from opening.
    fn facts(&self) -> Facts;

    /// The value of a key.
    fn lookup(&mut self, key: &[u8]) -> Lookup;

    /// Stores an entry; the flags say what happens to a duplicate. `None`: the type cannot.
    fn update(&mut self, _key: &[u8], _value: &[u8], _flags: Flags) -> Option<Result<Change, Error>> {
        None
    }

    /// Stores an entry without a trailing NUL, replacing another. `None`: the type cannot.
    fn update_mark(&mut self, key: &[u8], value: &[u8]) -> Option<Result<Change, Error>> {
        self.update(key, value, Flags::REPLACE)
    }

    /// Removes an entry. `None`: the type cannot.
    fn delete(&mut self, _key: &[u8]) -> Option<Result<Change, Error>> {
        None
    }

    /// The first (`restart`) or next entry. `None`: the type cannot.
    fn sequence(&mut self, _restart: bool) -> Option<Result<Option<(BString, BString)>, Error>> {
        None
    }

    /// Writes what is kept back, after a table was built.
    fn finish(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// The indexed file, for types whose changes are detected.
    fn file(&self) -> Option<&File> {
        None
    }
}
