//! Requests to the connection cache (master-ipc §13.7, smtp-client §19).
//!
//! A *label* says what is looked for, and a *property* what was remembered with it; both are the client's own text. An *endpoint* is an open
//! connection, a *destination* leads to endpoints.

use bstr::BString;

use crate::attr::{Error, Message, Reader, Writer};

/// Values of the reply's status.
pub mod status {
    /// Done.
    pub const OK: i32 = 0;
    /// The request makes no sense.
    pub const BAD: i32 = 1;
    /// There is nothing, or no descriptor came.
    pub const FAIL: i32 = 2;
}

/// What a client wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Keep a connection, which follows as a descriptor once the server has sent [`Ready`].
    SaveEndpoint {
        /// For how many seconds.
        ttl: i32,
        /// What it will be looked for by.
        label: BString,
        /// What is known about it.
        property: BString,
    },
    /// Give a connection back. After a positive reply the client sends [`Ready`], gets the descriptor, and sends [`Ready`] again.
    FindEndpoint {
        /// What it was saved with.
        label: BString,
    },
    /// Remember that a destination leads to an endpoint.
    SaveDestination {
        /// For how many seconds.
        ttl: i32,
        /// What it will be looked for by.
        label: BString,
        /// What is known about it.
        property: BString,
        /// The endpoint's label.
        endpoint: BString,
    },
    /// Give a connection of a destination back, as for an endpoint.
    FindDestination {
        /// What it was saved with.
        label: BString,
    },
    /// Something that no client wants.
    Unknown(BString),
}

impl Message for Request {
    fn write(&self, to: &mut Writer) {
        match self {
            Request::SaveEndpoint { ttl, label, property } => {
                to.string("request", "save_endp");
                to.int("ttl", *ttl);
                to.string("label", label);
                to.string("property", property);
            }
            Request::FindEndpoint { label } => {
                to.string("request", "find_endp");
                to.string("label", label);
            }
            Request::SaveDestination { ttl, label, property, endpoint } => {
                to.string("request", "save_dest");
                to.int("ttl", *ttl);
                to.string("label", label);
                to.string("property", property);
                to.string("label", endpoint);
            }
            Request::FindDestination { label } => {
                to.string("request", "find_dest");
                to.string("label", label);
            }
            Request::Unknown(name) => to.string("request", name),
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        let request = from.string("request")?;
        Ok(match request.as_slice() {
            b"save_endp" => Request::SaveEndpoint {
                ttl: from.int("ttl")?,
                label: from.string("label")?,
                property: from.string("property")?,
            },
            b"find_endp" => Request::FindEndpoint { label: from.string("label")? },
            b"save_dest" => Request::SaveDestination {
                ttl: from.int("ttl")?,
                label: from.string("label")?,
                property: from.string("property")?,
                endpoint: from.string("label")?,
            },
            b"find_dest" => Request::FindDestination { label: from.string("label")? },
            _ => Request::Unknown(request),
        })
    }
}

/// The reply to [`Request::FindEndpoint`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointReply {
    /// [`status`].
    pub status: i32,
    /// What was remembered; empty unless the status is good.
    pub property: BString,
}

impl Message for EndpointReply {
    fn write(&self, to: &mut Writer) {
        to.int("status", self.status);
        to.string("property", &self.property);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(EndpointReply { status: from.int("status")?, property: from.string("property")? })
    }
}

/// The reply to [`Request::FindDestination`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DestinationReply {
    /// [`status`].
    pub status: i32,
    /// What was remembered of the destination.
    pub destination: BString,
    /// What was remembered of the endpoint.
    pub endpoint: BString,
}

impl Message for DestinationReply {
    fn write(&self, to: &mut Writer) {
        to.int("status", self.status);
        to.string("property", &self.destination);
        to.string("property", &self.endpoint);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(DestinationReply {
            status: from.int("status")?,
            destination: from.string("property")?,
            endpoint: from.string("property")?,
        })
    }
}

/// Says that the peer can go on: before a descriptor travels, so that it does not get mixed up with text, and after it has arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready;

impl Message for Ready {
    fn write(&self, to: &mut Writer) {
        to.string("dummy", "");
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        from.string("dummy")?;
        Ok(Ready)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attr::{Encoding, Slice};

    #[test]
    fn recorded_lists() {
        let wire = b"request\0save_dest\0ttl\x002\0label\0smtp\nx\n\0property\0p\n\0label\0smtp\ny\n\0\0";
        let request = Request::take(&mut Slice::new(wire, "x"), Encoding::Null).unwrap();
        assert!(matches!(&request, Request::SaveDestination { ttl: 2, endpoint, .. } if endpoint == "smtp\ny\n"));
        assert_eq!(request.to_bytes(), wire);
        assert_eq!(Ready.to_bytes(), b"dummy\0\0\0");
        let wire = b"status\x002\0property\0\0property\0\0\0";
        assert_eq!(DestinationReply { status: 2, ..Default::default() }.to_bytes(), wire);
    }
}
