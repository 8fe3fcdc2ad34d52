//! Delivery requests: what the queue manager asks of a delivery agent (qmgr-bounce §7).

use bstr::BString;

use crate::attr::{Error, Message, Reader, Writer};
use crate::bounce::{Dsn, Recipient};
use crate::stats::Stats;

/// Bits of [`Request::flags`] and of a message's trace flags (qmgr-bounce §7.2).
pub mod flag {
    /// Mark recipients that are done in the queue file.
    pub const SUCCESS: i32 = 1;
    /// Historical; always sent.
    pub const BOUNCE: i32 = 2;
    /// A probe of the verify service: do not deliver, tell `verify`.
    pub const MTA_VERIFY: i32 = 256;
    /// A probe of a user (`sendmail -bv`): do not deliver, tell `trace`.
    pub const USER_VERIFY: i32 = 512;
    /// Deliver, and record that in `trace` (`sendmail -v`).
    pub const RECORD: i32 = 1024;
    /// Look in the connection cache.
    pub const CACHE_LOAD: i32 = 2048;
    /// Save the connection in the cache.
    pub const CACHE_STORE: i32 = 4096;
    /// Record in `trace` when this delayed mail is finally sent.
    pub const TRACE_DELAY: i32 = 8192;
    /// The bits that go on to the bounce, trace and verify services.
    pub const TRACE_MASK: i32 = MTA_VERIFY | USER_VERIFY | RECORD | TRACE_DELAY;
}

/// Bits of SMTPUTF8 state (qmgr-bounce §7.2 item 8).
pub mod utf8 {
    /// The submitter asked for SMTPUTF8.
    pub const REQUESTED: i32 = 1;
    /// A header has UTF-8.
    pub const HEADER: i32 = 2;
    /// The sender has UTF-8.
    pub const SENDER: i32 = 4;
    /// A recipient has UTF-8.
    pub const RECIPIENT: i32 = 8;
    /// Those that say that there is UTF-8.
    pub const FOUND: i32 = HEADER | SENDER | RECIPIENT;
    /// All about UTF-8.
    pub const ANY: i32 = REQUESTED | FOUND;
    /// The header says that the message may travel without TLS (RFC 8689 §5).
    pub const TLS_NOT_REQUIRED: i32 = 16;
    /// The message must not travel without TLS (RFC 8689 §2).
    pub const REQUIRETLS: i32 = 32;
    /// Those that the submitter asked for, and that the message itself does not tell.
    pub const WISHES: i32 = REQUESTED | REQUIRETLS;
}

/// One message, one next hop, some recipients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// [`flag`] bits.
    pub flags: i32,
    /// The directory in which the message is: `active`.
    pub queue_name: BString,
    /// The message.
    pub queue_id: BString,
    /// File offset of the first content record.
    pub data_offset: i64,
    /// Content length, in bytes.
    pub data_size: i64,
    /// The next hop, in its original case.
    pub nexthop: BString,
    /// `7bit`, `8bit` or empty.
    pub encoding: BString,
    /// [`utf8`] bits.
    pub smtputf8: i32,
    /// Envelope sender, in internal form.
    pub sender: BString,
    /// DSN envelope ID; may be empty.
    pub envelope_id: BString,
    /// [`crate::bounce::ret`].
    pub ret: i32,
    /// Time stamps so far.
    pub stats: Stats,
    /// The client, for logging and XFORWARD; each may be empty.
    pub client: ClientInfo,
    /// `local` or `remote`.
    pub rewrite_context: BString,
    /// At least one.
    pub recipients: Vec<Recipient>,
}

/// What is known about the client that handed over a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientInfo {
    /// `log_client_name`.
    pub name: BString,
    /// `log_client_address`.
    pub address: BString,
    /// `log_client_port`.
    pub port: BString,
    /// `log_protocol_name`.
    pub protocol: BString,
    /// `log_helo_name`.
    pub helo: BString,
    /// `sasl_method`.
    pub sasl_method: BString,
    /// `sasl_username`.
    pub sasl_username: BString,
    /// `sasl_sender`.
    pub sasl_sender: BString,
    /// `log_ident`: the queue ID upstream.
    pub ident: BString,
}

/// The common attributes: all of a request but its recipients, and how many those are.
struct Common {
    request: Request,
    recipient_count: i32,
}

struct RecipientList(Recipient);

impl Request {
    /// Writes the request with all its recipients: one list each.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        self.write_common(&mut writer);
        writer.end();
        for recipient in &self.recipients {
            recipient.write(&mut writer);
            writer.end();
        }
        writer.into_bytes()
    }

    /// Receives a request with all its recipients.
    ///
    /// # Errors
    /// Which part was bad, and why: the warnings that an agent logs. No recipients is not an error here; the agent says so.
    pub fn receive(stream: &mut crate::Stream) -> Result<Self, (ReceiveError, Error)> {
        let common: Common = stream.receive().map_err(|error| (ReceiveError::Common, error))?;
        let mut request = common.request;
        for _ in 0..common.recipient_count {
            let recipient: RecipientList = stream.receive().map_err(|error| (ReceiveError::Recipient, error))?;
            request.recipients.push(recipient.0);
        }
        Ok(request)
    }

    fn write_common(&self, to: &mut Writer) {
        to.int("flags", self.flags);
        to.string("queue_name", &self.queue_name);
        to.string("queue_id", &self.queue_id);
        to.long("offset", self.data_offset);
        to.long("size", self.data_size);
        to.string("nexthop", &self.nexthop);
        to.string("encoding", &self.encoding);
        to.int("smtputf8", self.smtputf8);
        to.string("sender", &self.sender);
        to.string("envelope_id", &self.envelope_id);
        to.int("ret_flags", self.ret);
        to.data("time", &self.stats.to_bytes());
        to.string("log_client_name", &self.client.name);
        to.string("log_client_address", &self.client.address);
        to.string("log_client_port", &self.client.port);
        to.string("log_protocol_name", &self.client.protocol);
        to.string("log_helo_name", &self.client.helo);
        to.string("sasl_method", &self.client.sasl_method);
        to.string("sasl_username", &self.client.sasl_username);
        to.string("sasl_sender", &self.client.sasl_sender);
        to.string("log_ident", &self.client.ident);
        to.string("rewrite_context", &self.rewrite_context);
        to.int("recipient_count", i32::try_from(self.recipients.len()).unwrap_or(i32::MAX));
    }
}

/// Which part of a delivery request could not be received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiveError {
    /// The common attributes.
    #[error("deliver_request_get: error receiving common attributes")]
    Common,
    /// A recipient's attributes.
    #[error("deliver_request_get: error receiving recipient attributes")]
    Recipient,
}

impl Message for Common {
    fn write(&self, to: &mut Writer) {
        self.request.write_common(to);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        let request = Request {
            flags: from.int("flags")?,
            queue_name: from.string("queue_name")?,
            queue_id: from.string("queue_id")?,
            data_offset: from.long("offset")?,
            data_size: from.long("size")?,
            nexthop: from.string("nexthop")?,
            encoding: from.string("encoding")?,
            smtputf8: from.int("smtputf8")?,
            sender: from.string("sender")?,
            envelope_id: from.string("envelope_id")?,
            ret: from.int("ret_flags")?,
            stats: Stats::from_bytes(&from.data("time")?)
                .map_err(|reason| Error::Io { stream: "delivery request".into(), reason })?,
            client: ClientInfo {
                name: from.string("log_client_name")?,
                address: from.string("log_client_address")?,
                port: from.string("log_client_port")?,
                protocol: from.string("log_protocol_name")?,
                helo: from.string("log_helo_name")?,
                sasl_method: from.string("sasl_method")?,
                sasl_username: from.string("sasl_username")?,
                sasl_sender: from.string("sasl_sender")?,
                ident: from.string("log_ident")?,
            },
            rewrite_context: from.string("rewrite_context")?,
            recipients: Vec::new(),
        };
        Ok(Self { request, recipient_count: from.int("recipient_count")? })
    }
}

impl Message for RecipientList {
    fn write(&self, to: &mut Writer) {
        self.0.write(to);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        Recipient::read(from).map(Self)
    }
}

/// An agent's answer to a request (qmgr-bounce §7.4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// Empty, unless the destination as a whole is to be avoided; then its status and reason say why.
    pub dsn: Dsn,
    /// 0: every recipient is finished. Otherwise some must be tried again.
    pub status: i32,
}

impl Message for Reply {
    fn write(&self, to: &mut Writer) {
        self.dsn.write(to);
        to.int("status", self.status);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self { dsn: Dsn::read(from)?, status: from.int("status")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attr::{Encoding, Slice};

    const WIRE: &[u8] = b"flags\x003\0queue_name\0active\0queue_id\x004FB78BE3E1\0offset\x00742\0size\x00333\0nexthop\0\
        bench.example.com\0encoding\0\0smtputf8\x000\0sender\0s@client.example\0envelope_id\0\0ret_flags\x000\0time\0\
        SS4FawAAAAAB6gMAAAAAAEkuBWsAAAAAmE0FAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\0\
        log_client_name\0localhost\0log_client_address\x00127.0.0.1\0log_client_port\x0052454\0log_protocol_name\0ESMTP\0\
        log_helo_name\0client.example\0sasl_method\0\0sasl_username\0\0sasl_sender\0\0log_ident\x004FB78BE3E1\0\
        rewrite_context\0local\0recipient_count\x001\0\0original_recipient\0info@local.example\0recipient\0alice@local.example\0\
        offset\x00653\0dsn_orig_rcpt\0rfc822;info@local.example\0notify_flags\x000\0\0";

    fn over_socket(wire: &[u8]) -> Result<Request, (ReceiveError, Error)> {
        let (left, right) = sys::socket::pair().unwrap();
        std::io::Write::write_all(&mut std::fs::File::from(left), wire).unwrap();
        Request::receive(&mut crate::Stream::new(right, "client socket", None))
    }

    #[test]
    fn a_recorded_request() {
        let request = over_socket(WIRE).unwrap();
        assert_eq!(request.recipients[0].address, "alice@local.example");
        assert_eq!(request.stats.incoming_arrival.micros, 256_513);
        assert_eq!(request.to_bytes(), WIRE);
    }

    #[test]
    fn bad_parts_are_told_apart() {
        assert_eq!(over_socket(b"flags\x003\0\0").unwrap_err().0, ReceiveError::Common);
        assert_eq!(over_socket(&WIRE[..WIRE.len() - 20]).unwrap_err().0, ReceiveError::Recipient);
    }

    #[test]
    fn a_recorded_reply() {
        let wire = b"status\0\0diag_type\0\0diag_text\0\0mta_type\0\0mta_mname\0\0action\0\0reason\0\0status\x000\0\0";
        let reply = Reply::take(&mut Slice::new(wire, "x"), Encoding::Null).unwrap();
        assert_eq!(reply, Reply::default());
        assert_eq!(reply.to_bytes(), wire);
    }
}
