//! How a rejection is worded (access-milter-postscreen §2.8).

use bstr::{BString, ByteSlice};
use text::dsn::split_status;
use text::printable_except;

/// What kind of trouble a rejection is, for the notices that postmasters get (`notify_classes`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The client did what it may not.
    Policy,
    /// The configuration, or a program, is wrong.
    Software,
    /// A lookup failed for lack of something.
    Resource,
}

/// A negative reply: `code dsn text`, without a line end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The whole reply.
    pub text: BString,
    /// What kind of trouble it is.
    pub cause: Cause,
}

impl Reply {
    /// The code, 400 to 599.
    pub fn code(&self) -> u16 {
        self.text.get(..3).and_then(|code| code.to_str().ok()?.parse().ok()).unwrap_or(450)
    }
}

/// What is being rejected: it adapts status codes about addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The client.
    Client,
    /// The client's name by its address alone.
    UnverifiedClient,
    /// The client's certificate.
    Certificate,
    /// The login.
    Login,
    /// The HELO name.
    Helo,
    /// The sender.
    Sender,
    /// The recipient.
    Recipient,
    /// DATA.
    Data,
    /// The message.
    EndOfData,
    /// ETRN.
    Etrn,
}

impl Class {
    /// The words in replies.
    pub fn text(self) -> &'static str {
        match self {
            Class::Client => "Client host",
            Class::UnverifiedClient => "Unverified Client host",
            Class::Certificate => "Client certificate",
            Class::Login => "SASL login name",
            Class::Helo => "Helo command",
            Class::Sender => "Sender address",
            Class::Recipient => "Recipient address",
            Class::Data => "Data command",
            Class::EndOfData => "End-of-data",
            Class::Etrn => "Etrn command",
        }
    }

    /// A status code as it fits what is rejected: `X.1.Y` is about an address, and says which. A change is logged.
    pub fn adapt(self, status: &[u8]) -> BString {
        let Some((class, detail)) = address_status(status) else { return status.into() };
        let adapted = match self {
            Class::Sender => match detail {
                b"1" | b"3" | b"4" | b"6" | b"7" => "1.7",
                b"2" | b"8" => "1.8",
                _ => "1.0",
            },
            Class::Recipient => match detail {
                b"1" => "1.1",
                b"2" | b"8" => "1.2",
                b"3" | b"7" => "1.3",
                b"4" => "1.4",
                b"5" => "1.5",
                b"6" => "1.6",
                _ => "1.0",
            },
            _ => "0.0",
        };
        let adapted = BString::from(format!("{}.{adapted}", char::from(class)));
        if adapted != status {
            let (old, new) = (text::show(status), text::show(&adapted));
            log::info!("mapping DSN status {old} into {} status {new}", self.text());
        }
        adapted
    }

    /// Takes a status code off the start of an administrator's text, or takes the default; and adapts it.
    pub fn split<'a>(self, default: &str, text: &'a [u8]) -> (BString, &'a [u8]) {
        match split_status(text) {
            Some((status, rest)) => (self.adapt(status), rest),
            None => (self.adapt(default.as_bytes()), text),
        }
    }
}

/// The class and the detail of an `X.1.Y` status.
fn address_status(status: &[u8]) -> Option<(u8, &[u8])> {
    let (class, rest) = status.split_first()?;
    Some((*class, rest.strip_prefix(b".1.")?))
}

/// `<name>: class rejected: why`.
pub(crate) fn rejected(name: &[u8], class: Class, why: impl AsRef<[u8]>) -> BString {
    [b"<", name, b">: ", class.text().as_bytes(), b" rejected: ", why.as_ref()].concat().into()
}

/// Puts a reply together, and checks it: a bad code or status code is a mistake of the configuration.
pub(crate) fn compose(code: i64, status: &[u8], text: &[u8], utf8: bool) -> BString {
    let reply = [code.to_string().as_bytes(), b" ", status, b" ", text].concat();
    let problem = if !(400..=599).contains(&code) {
        Some("SMTP reply")
    } else if split_status(status).is_none_or(|(_, rest)| !rest.is_empty()) {
        Some("DSN detail")
    } else {
        None
    };
    let reply = match problem {
        None => reply,
        Some(problem) => {
            log::warn!("{problem} code configuration error: {}", text::show(&reply));
            b"450 4.7.1 Service unavailable".to_vec()
        }
    };
    printable_except(&reply, utf8, b' ', |_| false).into_owned().into()
}

/// The status code follows the code: its first digit is that of the code.
pub(crate) fn align(reply: &mut BString) {
    if let [class, _, _, b' ', status, ..] = reply.as_mut_slice() {
        *status = *class;
    }
}

/// With `soft_bounce`, what would be permanent is not.
pub(crate) fn soften(reply: &mut BString) {
    if let [class @ b'5', ..] = reply.as_mut_slice() {
        *class = b'4';
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_adapted_to_what_is_rejected() {
        assert_eq!(Class::Recipient.adapt(b"5.1.7"), "5.1.3");
        assert_eq!(Class::Sender.adapt(b"4.1.2"), "4.1.8");
        assert_eq!(Class::Sender.adapt(b"5.1.5"), "5.1.0");
        assert_eq!(Class::Client.adapt(b"5.1.1"), "5.0.0");
        assert_eq!(Class::Client.adapt(b"5.7.1"), "5.7.1");
        assert_eq!(Class::Recipient.split("5.7.1", b"5.1.8 no"), (BString::from("5.1.2"), &b"no"[..]));
        assert_eq!(Class::Recipient.split("5.7.1", b"no"), (BString::from("5.7.1"), &b"no"[..]));
    }

    #[test]
    fn bad_codes_are_replaced() {
        assert_eq!(compose(554, b"5.7.1", b"x\ty", true), "554 5.7.1 x y");
        assert_eq!(compose(250, b"5.7.1", b"x", true), "450 4.7.1 Service unavailable");
        assert_eq!(compose(554, b"5.7", b"x", true), "450 4.7.1 Service unavailable");
        // It is the peer's matter what it makes of a long reply.
        assert_eq!(compose(554, b"5.7.1", &[b'x'; 600], true).len(), 610);
    }

    #[test]
    fn first_digits_agree() {
        let mut reply = BString::from("554 4.7.1 x");
        align(&mut reply);
        assert_eq!(reply, "554 5.7.1 x");
        soften(&mut reply);
        align(&mut reply);
        assert_eq!(reply, "454 4.7.1 x");
    }
}
