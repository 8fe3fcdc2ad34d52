//! Requests to the bounce, defer and trace services (qmgr-bounce §10.1), and what they share with delivery requests.

use bstr::BString;

use crate::attr::{Error, Message, Reader, Writer};

/// A recipient in a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipient {
    /// The address before rewriting and aliasing; may be empty.
    pub original: BString,
    /// The final address, in internal form.
    pub address: BString,
    /// Where its record stands in the queue file, in bytes; -1 for a recipient that has none.
    pub offset: i64,
    /// `type;address`, decoded; may be empty.
    pub dsn_orig_rcpt: BString,
    /// [`notify`] bits.
    pub notify: i32,
}

/// Values of the DSN NOTIFY parameter, as bits.
pub mod notify {
    /// Never.
    pub const NEVER: i32 = 1;
    /// When it was delivered.
    pub const SUCCESS: i32 = 2;
    /// When it failed.
    pub const FAILURE: i32 = 4;
    /// When it is delayed.
    pub const DELAY: i32 = 8;
}

/// Values of the DSN RET parameter.
pub mod ret {
    /// The whole message.
    pub const FULL: i32 = 1;
    /// Headers only.
    pub const HDRS: i32 = 2;
}

impl Recipient {
    pub(crate) fn write(&self, to: &mut Writer) {
        to.string("original_recipient", &self.original);
        to.string("recipient", &self.address);
        to.long("offset", self.offset);
        to.string("dsn_orig_rcpt", &self.dsn_orig_rcpt);
        to.int("notify_flags", self.notify);
    }

    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self {
            original: from.string("original_recipient")?,
            address: from.string("recipient")?,
            offset: from.long("offset")?,
            dsn_orig_rcpt: from.string("dsn_orig_rcpt")?,
            notify: from.int("notify_flags")?,
        })
    }
}

/// What happened to a recipient: the fields of a delivery status report (RFC 3464).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dsn {
    /// Enhanced status code, such as `5.1.1`.
    pub status: BString,
    /// Type of the diagnostic code, such as `smtp` or `x-unix`; may be empty.
    pub diag_type: BString,
    /// The diagnostic code: what the remote side said.
    pub diag_text: BString,
    /// Type of the remote MTA's name, such as `dns`.
    pub mta_type: BString,
    /// The remote MTA's name.
    pub mta_name: BString,
    /// `failed`, `delayed`, `delivered` and so on; may be empty.
    pub action: BString,
    /// Free text.
    pub reason: BString,
}

impl Dsn {
    /// A report with a status and a reason only.
    pub fn new(status: impl Into<BString>, reason: impl Into<BString>) -> Self {
        Self { status: status.into(), reason: reason.into(), ..Self::default() }
    }

    pub(crate) fn write(&self, to: &mut Writer) {
        to.string("status", &self.status);
        to.string("diag_type", &self.diag_type);
        to.string("diag_text", &self.diag_text);
        to.string("mta_type", &self.mta_type);
        to.string("mta_mname", &self.mta_name);
        to.string("action", &self.action);
        to.string("reason", &self.reason);
    }

    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self {
            status: from.string("status")?,
            diag_type: from.string("diag_type")?,
            diag_text: from.string("diag_text")?,
            mta_type: from.string("mta_type")?,
            mta_name: from.string("mta_mname")?,
            action: from.string("action")?,
            reason: from.string("reason")?,
        })
    }
}

/// Flag: remove the log file when this request fails.
pub const CLEAN: i32 = 1;
/// Flag: mark the recipients in the queue file as done after a notification was sent.
pub const DELETE_RECIPIENTS: i32 = 2;

/// One recipient's status, to be added to a message's log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Append {
    /// [`CLEAN`], and trace flags ([`crate::delivery::flag`]).
    pub flags: i32,
    /// The message.
    pub queue_id: BString,
    /// The recipient.
    pub recipient: Recipient,
    /// What happened.
    pub dsn: Dsn,
}

/// A message about whose log a notification is to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notification {
    /// [`CLEAN`], [`DELETE_RECIPIENTS`], and trace flags.
    pub flags: i32,
    /// The directory in which the message is.
    pub queue_name: BString,
    /// The message.
    pub queue_id: BString,
    /// `7bit`, `8bit` or empty.
    pub encoding: BString,
    /// SMTPUTF8 bits ([`crate::delivery::utf8`]).
    pub smtputf8: i32,
    /// The message's envelope sender, who gets the notification.
    pub sender: BString,
    /// DSN envelope ID; may be empty.
    pub envelope_id: BString,
    /// [`ret`].
    pub ret: i32,
}

/// Everything that a bounce service can be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Add a recipient's status to the log.
    Append(Append),
    /// Send a non-delivery notification from the log, and remove the log.
    Flush(Notification),
    /// Send a delay notification, and keep the log.
    Warn(Notification),
    /// As `Flush`, one notification for each recipient, with these two VERP delimiters.
    Verp(Notification, BString),
    /// Send a non-delivery notification for one recipient, without a log.
    One(Notification, Recipient, Dsn),
    /// Send a delivery report from the log, and remove the log.
    Trace(Notification),
    /// A number that means nothing.
    Unknown(i32),
}

impl Notification {
    fn write(&self, to: &mut Writer) {
        to.int("flags", self.flags);
        to.string("queue_name", &self.queue_name);
        to.string("queue_id", &self.queue_id);
        to.string("encoding", &self.encoding);
        to.int("smtputf8", self.smtputf8);
        to.string("sender", &self.sender);
        to.string("envelope_id", &self.envelope_id);
        to.int("ret_flags", self.ret);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self {
            flags: from.int("flags")?,
            queue_name: from.string("queue_name")?,
            queue_id: from.string("queue_id")?,
            encoding: from.string("encoding")?,
            smtputf8: from.int("smtputf8")?,
            sender: from.string("sender")?,
            envelope_id: from.string("envelope_id")?,
            ret: from.int("ret_flags")?,
        })
    }
}

impl Message for Request {
    fn write(&self, to: &mut Writer) {
        to.int("nrequest", self.number());
        match self {
            Self::Append(append) => {
                to.int("flags", append.flags);
                to.string("queue_id", &append.queue_id);
                append.recipient.write(to);
                append.dsn.write(to);
            }
            Self::Flush(message) | Self::Warn(message) | Self::Trace(message) => message.write(to),
            Self::Verp(message, delimiters) => {
                message.write(to);
                to.string("verp_delimiters", delimiters);
            }
            Self::One(message, recipient, dsn) => {
                message.write(to);
                recipient.write(to);
                dsn.write(to);
            }
            Self::Unknown(_) => {}
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(match from.leading_int("nrequest")? {
            0 => Self::Append(Append {
                flags: from.int("flags")?,
                queue_id: from.string("queue_id")?,
                recipient: Recipient::read(from)?,
                dsn: Dsn::read(from)?,
            }),
            1 => Self::Flush(Notification::read(from)?),
            2 => Self::Warn(Notification::read(from)?),
            3 => Self::Verp(Notification::read(from)?, from.string("verp_delimiters")?),
            4 => Self::One(Notification::read(from)?, Recipient::read(from)?, Dsn::read(from)?),
            5 => Self::Trace(Notification::read(from)?),
            number => Self::Unknown(number),
        })
    }

    const STRICT: bool = false;
}

impl Request {
    fn number(&self) -> i32 {
        match self {
            Self::Append(_) => 0,
            Self::Flush(_) => 1,
            Self::Warn(_) => 2,
            Self::Verp(..) => 3,
            Self::One(..) => 4,
            Self::Trace(_) => 5,
            Self::Unknown(number) => *number,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attr::{Encoding, Slice};

    #[test]
    fn a_recorded_flush_request() {
        let wire = b"nrequest\x001\0flags\x000\0queue_name\0active\0queue_id\x0057EE1BE3F7\0encoding\0\0smtputf8\x000\0sender\0\
            alice@local.example\0envelope_id\0\0ret_flags\x000\0\0";
        let request = Request::take(&mut Slice::new(wire, "x"), Encoding::Null).unwrap();
        let Request::Flush(message) = &request else { panic!("{request:?}") };
        assert_eq!(message.queue_id, "57EE1BE3F7");
        assert_eq!(request.to_bytes(), wire);
    }

    #[test]
    fn a_recorded_append_request() {
        let wire = b"nrequest\x000\0flags\x000\0queue_id\x0057EE1BE3F7\0original_recipient\0perm1@far.example\0recipient\0\
            perm1@far.example\0offset\x00732\0dsn_orig_rcpt\0rfc822;perm1@far.example\0notify_flags\x000\0status\x005.1.1\0\
            diag_type\0smtp\0diag_text\x00550 5.1.1 no such user here\0mta_type\0dns\0mta_mname\x00127.0.0.1\0action\0failed\0\
            reason\0host said no\0\0";
        let request = Request::take(&mut Slice::new(wire, "x"), Encoding::Null).unwrap();
        let Request::Append(append) = &request else { panic!("{request:?}") };
        assert_eq!((append.recipient.offset, append.dsn.status.as_slice()), (732, &b"5.1.1"[..]));
        assert_eq!(request.to_bytes(), wire);
    }
}
