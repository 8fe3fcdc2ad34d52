//! The address rewriting and resolving service (master-ipc §13.2).

use bstr::BString;

use crate::attr::{Error, Message, Reader, Writer};

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Complete an address by the rules of a context.
    Rewrite {
        /// `local` or `remote`.
        rule: BString,
        /// External (quoted) form.
        address: BString,
    },
    /// Find out where an address goes.
    Resolve {
        /// Whether this is for an address probe, which has parameters of its own.
        verify: bool,
        /// Empty when no sender-dependent tables shall be searched.
        sender: BString,
        /// Internal form.
        address: BString,
    },
    /// A request name that means nothing.
    Unknown(BString),
}

impl Message for Request {
    fn write(&self, to: &mut Writer) {
        match self {
            Self::Rewrite { rule, address } => {
                to.string("request", "rewrite");
                to.string("rule", rule);
                to.string("address", address);
            }
            Self::Resolve { verify, sender, address } => {
                to.string("request", if *verify { "verify" } else { "resolve" });
                to.string("sender", sender);
                to.string("address", address);
            }
            Self::Unknown(name) => to.string("request", name),
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        let request = from.string("request")?;
        Ok(match request.as_slice() {
            b"rewrite" => Self::Rewrite { rule: from.string("rule")?, address: from.string("address")? },
            b"resolve" | b"verify" => Self::Resolve {
                verify: request == "verify",
                sender: from.string("sender")?,
                address: from.string("address")?,
            },
            _ => Self::Unknown(request),
        })
    }
}

/// The answer to [`Request::Rewrite`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewritten {
    /// Not 0: close the connection after this reply.
    pub server_flags: i32,
    /// External form.
    pub address: BString,
}

impl Message for Rewritten {
    fn write(&self, to: &mut Writer) {
        to.int("flags", self.server_flags);
        to.string("address", &self.address);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self { server_flags: from.int("flags")?, address: from.string("address")? })
    }
}

/// Bits of [`Resolved::flags`].
pub mod resolved {
    /// Final delivery here.
    pub const FINAL: i32 = 1;
    /// The address has routing.
    pub const ROUTED: i32 = 2;
    /// Bad destination syntax.
    pub const ERROR: i32 = 4;
    /// A lookup failed: try later.
    pub const FAIL: i32 = 8;
    /// Class local.
    pub const LOCAL: i32 = 256;
    /// Class alias: virtual_alias_domains.
    pub const ALIAS: i32 = 512;
    /// Class virtual: virtual_mailbox_domains.
    pub const VIRTUAL: i32 = 1024;
    /// Class relay: relay_domains.
    pub const RELAY: i32 = 2048;
    /// All else.
    pub const DEFAULT: i32 = 4096;
    /// All class bits.
    pub const CLASS_MASK: i32 = LOCAL | ALIAS | VIRTUAL | RELAY | DEFAULT;
}

/// The answer to [`Request::Resolve`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    /// Not 0: close the connection after this reply.
    pub server_flags: i32,
    /// The delivery agent's service name.
    pub transport: BString,
    /// Where the agent shall send it.
    pub nexthop: BString,
    /// The recipient, in internal form.
    pub recipient: BString,
    /// [`resolved`] bits.
    pub flags: i32,
}

impl Message for Resolved {
    fn write(&self, to: &mut Writer) {
        to.int("flags", self.server_flags);
        to.string("transport", &self.transport);
        to.string("nexthop", &self.nexthop);
        to.string("recipient", &self.recipient);
        to.int("flags", self.flags);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self {
            server_flags: from.int("flags")?,
            transport: from.string("transport")?,
            nexthop: from.string("nexthop")?,
            recipient: from.string("recipient")?,
            flags: from.int("flags")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attr::{Encoding, Slice};

    #[test]
    fn recorded_conversations() {
        let wire = b"request\0resolve\0sender\0s@client.example\0address\0x@far.example\0\0";
        assert_eq!(Request::take(&mut Slice::new(wire, "x"), Encoding::Null).unwrap().to_bytes(), wire);
        let wire =
            b"flags\x000\0transport\0smtp\0nexthop\0[127.0.0.1]:2965\0recipient\0x@far.example\0flags\x004096\0\0";
        let reply = Resolved::take(&mut Slice::new(wire, "x"), Encoding::Null).unwrap();
        assert_eq!(reply.flags, resolved::DEFAULT);
        assert_eq!(reply.to_bytes(), wire);
        let wire = b"request\0rewrite\0rule\0local\0address\0\"\"\0\0";
        assert_eq!(Request::take(&mut Slice::new(wire, "x"), Encoding::Null).unwrap().to_bytes(), wire);
    }
}
