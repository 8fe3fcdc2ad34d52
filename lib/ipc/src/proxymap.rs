//! Lookup tables by way of the proxymap and proxywrite services (tables §7.2), as Postfix 3.7 has them.

use bstr::BString;

use crate::attr::{Error, Message, Reader, Writer};

/// Status values of replies.
pub mod status {
    /// Found, or done.
    pub const OK: i32 = 0;
    /// Not found, or nothing to do.
    pub const NOKEY: i32 = 1;
    /// Try again later.
    pub const RETRY: i32 = 2;
    /// The request makes no sense.
    pub const BAD: i32 = 3;
    /// The table is not approved.
    pub const DENY: i32 = 4;
    /// The table is configured wrongly.
    pub const CONFIG: i32 = 5;
}

/// What a client asks for. `table` is `type:name`, `flags` are open and request flags (tables §1.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What to do.
    pub action: Action,
    /// The table.
    pub table: BString,
    /// How it is opened.
    pub flags: i32,
}

/// What to do with a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Open it.
    Open,
    /// Look up a key.
    Lookup(BString),
    /// Store a key and its value.
    Update(BString, BString),
    /// Remove a key.
    Delete(BString),
    /// Give the first (`true`) or next entry.
    Sequence(bool),
    /// A request name that means nothing. No other attributes were read.
    Unknown(BString),
}

impl Message for Request {
    fn write(&self, to: &mut Writer) {
        let name = match &self.action {
            Action::Open => "open".into(),
            Action::Lookup(_) => "lookup".into(),
            Action::Update(..) => "update".into(),
            Action::Delete(_) => "delete".into(),
            Action::Sequence(_) => "sequence".into(),
            Action::Unknown(name) => return to.string("request", name),
        };
        let name: BString = name;
        to.string("request", &name);
        to.string("table", &self.table);
        to.int("flags", self.flags);
        match &self.action {
            Action::Open | Action::Unknown(_) => {}
            Action::Lookup(key) | Action::Delete(key) => to.string("key", key),
            Action::Update(key, value) => {
                to.string("key", key);
                to.string("value", value);
            }
            Action::Sequence(first) => to.int("function", i32::from(!first)),
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        let name = from.string("request")?;
        if ![&b"open"[..], b"lookup", b"update", b"delete", b"sequence"].contains(&name.as_slice()) {
            return Ok(Request { action: Action::Unknown(name), table: BString::default(), flags: 0 });
        }
        let (table, flags) = (from.string("table")?, from.int("flags")?);
        let action = match name.as_slice() {
            b"open" => Action::Open,
            b"lookup" => Action::Lookup(from.string("key")?),
            b"update" => Action::Update(from.string("key")?, from.string("value")?),
            b"delete" => Action::Delete(from.string("key")?),
            _ => Action::Sequence(from.int("function")? == 0),
        };
        Ok(Request { action, table, flags })
    }
}

/// The answer to [`Action::Open`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// One of [`status`].
    pub status: i32,
    /// The flags of the table.
    pub flags: i32,
}

impl Message for Opened {
    fn write(&self, to: &mut Writer) {
        to.int("status", self.status);
        to.int("flags", self.flags);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Opened { status: from.int("status")?, flags: from.int("flags")? })
    }
}

/// The answer to [`Action::Lookup`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// One of [`status`].
    pub status: i32,
    /// The value; empty unless the status is [`status::OK`].
    pub value: BString,
}

impl Message for Found {
    fn write(&self, to: &mut Writer) {
        to.int("status", self.status);
        to.string("value", &self.value);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Found { status: from.int("status")?, value: from.string("value")? })
    }
}

/// The answer to [`Action::Update`], [`Action::Delete`], and to what makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// One of [`status`].
    pub status: i32,
}

impl Message for Done {
    fn write(&self, to: &mut Writer) {
        to.int("status", self.status);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Done { status: from.int("status")? })
    }
}

/// The answer to [`Action::Sequence`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// One of [`status`].
    pub status: i32,
    /// The key; empty unless the status is [`status::OK`].
    pub key: BString,
    /// The value.
    pub value: BString,
}

impl Message for Entry {
    fn write(&self, to: &mut Writer) {
        to.int("status", self.status);
        to.string("key", &self.key);
        to.string("value", &self.value);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Entry { status: from.int("status")?, key: from.string("key")?, value: from.string("value")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attr::{Encoding, Slice};

    #[test]
    fn the_example_of_the_specification() {
        let request =
            Request { action: Action::Lookup("a@b".into()), table: "hash:/etc/postfix/v".into(), flags: 540_736 };
        let wire = request.to_bytes();
        assert_eq!(wire, b"request\0lookup\0table\0hash:/etc/postfix/v\0flags\x00540736\0key\0a@b\0\0");
        assert_eq!(Request::take(&mut Slice::new(&wire, "x"), Encoding::Null).unwrap(), request);
        assert_eq!(Found { status: 0, value: "c".into() }.to_bytes(), b"status\x000\0value\0c\0\0");
    }

    #[test]
    fn all_requests_come_back() {
        let actions = [
            Action::Open,
            Action::Update("k".into(), "v".into()),
            Action::Delete("k".into()),
            Action::Sequence(true),
            Action::Sequence(false),
        ];
        for action in actions {
            let request = Request { action, table: "t:n".into(), flags: 1 };
            let wire = request.to_bytes();
            assert_eq!(Request::take(&mut Slice::new(&wire, "x"), Encoding::Null).unwrap(), request);
        }
    }
}
