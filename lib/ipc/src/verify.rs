//! The address verification service (master-ipc §13.5).

use bstr::BString;

use crate::attr::{Error, Message, Reader, Writer};

/// The address can be delivered to.
pub const OK: i32 = 0;
/// Not now.
pub const DEFER: i32 = 1;
/// Not at all.
pub const BOUNCE: i32 = 2;
/// Not known yet; a probe is under way.
pub const TODO: i32 = 3;

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// What is known about an address.
    Query {
        /// The address.
        address: BString,
    },
    /// A probe had this result.
    Update {
        /// The address.
        address: BString,
        /// [`OK`], [`DEFER`] or [`BOUNCE`].
        recipient_status: i32,
        /// Why.
        reason: BString,
    },
    /// A request name that means nothing.
    Unknown(BString),
}

impl Message for Request {
    fn write(&self, to: &mut Writer) {
        match self {
            Self::Query { address } => {
                to.string("request", "query");
                to.string("address", address);
            }
            Self::Update { address, recipient_status, reason } => {
                to.string("request", "update");
                to.string("address", address);
                to.int("recipient_status", *recipient_status);
                to.string("reason", reason);
            }
            Self::Unknown(name) => to.string("request", name),
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        let request = from.string("request")?;
        Ok(match request.as_slice() {
            b"query" => Self::Query { address: from.string("address")? },
            b"update" => Self::Update {
                address: from.string("address")?,
                recipient_status: from.int("recipient_status")?,
                reason: from.string("reason")?,
            },
            _ => Self::Unknown(request),
        })
    }
}

/// The answer to [`Request::Query`]. An update is answered with [`crate::Status`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// 0: the rest is meant.
    pub status: i32,
    /// [`OK`], [`DEFER`], [`BOUNCE`] or [`TODO`].
    pub recipient_status: i32,
    /// Why.
    pub reason: BString,
}

impl Message for Answer {
    fn write(&self, to: &mut Writer) {
        to.int("status", self.status);
        to.int("recipient_status", self.recipient_status);
        to.string("reason", &self.reason);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self {
            status: from.int("status")?,
            recipient_status: from.int("recipient_status")?,
            reason: from.string("reason")?,
        })
    }
}
