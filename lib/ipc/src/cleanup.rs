//! The cleanup service, and postdrop, which speaks alike (master-ipc §13.1, queue-files §10.2).

use bstr::BString;

use crate::attr::{Error, Message, Reader, Writer};

/// Bits with which a client says what cleanup shall do.
pub mod flag {
    use crate::delivery::utf8;

    /// cleanup may return a bad message itself.
    pub const BOUNCE: i32 = 1;
    /// Header and body checks.
    pub const FILTER: i32 = 2;
    /// Place the message on hold.
    pub const HOLD: i32 = 4;
    /// Throw the message away silently.
    pub const DISCARD: i32 = 8;
    /// Add automatic BCC recipients.
    pub const BCC_OK: i32 = 16;
    /// Map addresses.
    pub const MAP_OK: i32 = 32;
    /// Use non_smtpd_milters.
    pub const MILTER: i32 = 64;
    /// The reply's reason may be a complete SMTP reply.
    pub const SMTP_REPLY: i32 = 128;
    /// SMTPUTF8 was asked for.
    pub const SMTPUTF8: i32 = 256;
    /// Find out whether SMTPUTF8 is needed.
    pub const AUTOUTF8: i32 = 512;
    /// REQUIRETLS was asked for.
    pub const REQUIRETLS: i32 = 1024;
    /// The bits with which a message gets the wishes of another ([`crate::delivery::utf8`]).
    pub const fn of_wishes(wishes: i32) -> i32 {
        let utf8 = if wishes & utf8::REQUESTED != 0 { SMTPUTF8 } else { 0 };
        utf8 | if wishes & utf8::REQUIRETLS != 0 { REQUIRETLS } else { 0 }
    }

    /// What a submission from outside gets.
    pub const EXTERNAL: i32 = FILTER | MILTER | BCC_OK | MAP_OK;
    /// What mail that the system makes itself gets.
    pub const INTERNAL: i32 = MAP_OK;
    /// Bits that a flags record in the stream may set.
    pub const EXTRA: i32 = HOLD | DISCARD;
}

/// Bits of a completion status. Several may be set; [`describe`](status::describe) picks the one that counts.
pub mod status {
    /// Malformed input.
    pub const BAD: i32 = 1;
    /// The queue file could not be written.
    pub const WRITE: i32 = 2;
    /// The message is too big.
    pub const SIZE: i32 = 4;
    /// The content is refused.
    pub const CONT: i32 = 8;
    /// Too many Received: headers.
    pub const HOPS: i32 = 16;
    /// No recipients.
    pub const RCPT: i32 = 64;
    /// A proxy failed.
    pub const PROXY: i32 = 128;
    /// Try again later.
    pub const DEFER: i32 = 256;
    /// The submitter is not allowed to.
    pub const NOPERM: i32 = 512;

    /// What a status means to a client.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Meaning {
        /// SMTP reply code.
        pub smtp: u16,
        /// Enhanced status code.
        pub dsn: &'static str,
        /// Text for people.
        pub text: &'static str,
    }

    const fn meaning(smtp: u16, dsn: &'static str, text: &'static str) -> Meaning {
        Meaning { smtp, dsn, text }
    }

    /// In order of weight: the first bit that is set decides.
    const MEANINGS: [(i32, Meaning); 9] = [
        (DEFER, meaning(451, "4.7.1", "service unavailable")),
        (PROXY, meaning(451, "4.3.0", "queue file write error")),
        (BAD, meaning(451, "4.3.0", "internal protocol error")),
        (RCPT, meaning(550, "5.1.0", "no recipients specified")),
        (HOPS, meaning(554, "5.4.0", "too many hops")),
        (SIZE, meaning(552, "5.3.4", "message file too big")),
        (CONT, meaning(550, "5.7.1", "message content rejected")),
        (WRITE, meaning(451, "4.3.0", "queue file write error")),
        (NOPERM, meaning(550, "5.7.1", "service denied")),
    ];

    /// What the weightiest bit of a status means.
    pub fn describe(status: i32) -> Meaning {
        MEANINGS
            .iter()
            .find(|(bit, _)| status & bit != 0)
            .map_or(meaning(250, "2.0.0", "Success"), |(_, meaning)| *meaning)
    }
}

/// The server's first words: its protocol, and the ID of the queue file that it has made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// [`crate::protocol::CLEANUP`] or [`crate::protocol::POSTDROP`].
    pub protocol: &'static str,
    /// The new message.
    pub queue_id: BString,
}

impl Greeting {
    /// Receives the greeting of a server that must speak `protocol`.
    ///
    /// # Errors
    /// It speaks another, or nothing.
    pub fn receive(stream: &mut crate::Stream, protocol: &'static str) -> Result<Self, Error> {
        let mut reader = Reader::new(stream, crate::Encoding::Null, true);
        reader.expect("protocol", protocol)?;
        let queue_id = reader.string("queue_id")?;
        reader.end()?;
        Ok(Self { protocol, queue_id })
    }

    /// The greeting as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.string("protocol", self.protocol);
        writer.string("queue_id", &self.queue_id);
        writer.end();
        writer.into_bytes()
    }
}

/// The client's wish: [`flag`] bits. Records follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    /// [`flag`] bits.
    pub flags: i32,
}

impl Message for Open {
    fn write(&self, to: &mut Writer) {
        to.int("flags", self.flags);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self { flags: from.int("flags")? })
    }
}

/// The server's last words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// [`status`] bits; 0: the message is safe on disk.
    pub status: i32,
    /// Empty, or why not.
    pub reason: BString,
}

impl Message for Reply {
    fn write(&self, to: &mut Writer) {
        to.int("status", self.status);
        to.string("reason", &self.reason);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self { status: from.int("status")?, reason: from.string("reason")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greeting_of_the_specification() {
        let greeting = Greeting { protocol: crate::protocol::POSTDROP, queue_id: "676205D2C1".into() };
        assert_eq!(greeting.to_bytes(), b"protocol\0postdrop_protocol\0queue_id\x00676205D2C1\0\0");
    }

    #[test]
    fn the_weightiest_bit_decides() {
        assert_eq!(status::describe(0).text, "Success");
        assert_eq!(status::describe(status::WRITE | status::SIZE).text, "message file too big");
        assert_eq!(status::describe(status::BAD | status::DEFER).smtp, 451);
        assert_eq!(status::describe(status::NOPERM).text, "service denied");
    }
}
