//! What can go wrong, and whom it concerns (smtp-client §15).

use bstr::BString;
use ipc::bounce::Dsn;
use smtp_protocol::client::Reply;

use crate::session::{Broken, Session};

/// A failure before it is reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The server is of no use, for a reason of its own.
    Site(Failed),
    /// The server cannot take this message.
    Message(Failed),
    /// The conversation broke.
    Broken(Broken),
}

/// A reason, and whether the server broke the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Status, text, and who said so.
    pub dsn: Box<Dsn>,
    /// The server's reply is none that the protocol allows, or says that ours is none.
    pub is_protocol_error: bool,
}

impl From<Dsn> for Failed {
    fn from(dsn: Dsn) -> Self {
        Failed { dsn: Box::new(dsn), is_protocol_error: false }
    }
}

impl Trouble {
    /// The server is of no use.
    pub fn site(failed: impl Into<Failed>) -> Self {
        Trouble::Site(failed.into())
    }
}

impl From<Broken> for Trouble {
    fn from(broken: Broken) -> Self {
        Trouble::Broken(broken)
    }
}

/// A failure that a server's reply states. The text is a sentence around the reply.
pub fn from_reply(session: &Session, reply: &Reply, text: impl Into<BString>) -> Failed {
    let mut dsn = Dsn {
        mta_type: "dns".into(),
        mta_name: session.peer.host.clone(),
        diag_type: "smtp".into(),
        diag_text: reply.one_line(),
        ..Dsn::new(reply.status.clone(), text)
    };
    let mut is_protocol_error = is_protocol_code(reply.code);
    if !matches!(dsn.status.first(), Some(b'4' | b'5')) {
        dsn.status = "5.5.0".into();
        dsn.reason = [b"Protocol error: ", dsn.reason.as_slice()].concat().into();
        is_protocol_error = true;
    }
    Failed { dsn: Box::new(dsn), is_protocol_error }
}

/// The failure of one stage: `host ... said: ... (in reply to ...)`.
pub fn said(session: &Session, reply: &Reply, request: &str) -> Failed {
    let (host, text) = (session.peer.name_address(), reply.one_line());
    from_reply(session, reply, format!("host {host} said: {} (in reply to {request})", text::show(&text)))
}

/// A conversation that broke while `doing` something.
pub fn broken(session: &Session, broken: Broken, doing: &str) -> Dsn {
    let host = session.peer.name_address();
    match broken {
        Broken::Lost => Dsn::new("4.4.2", format!("lost connection with {host} while {doing}")),
        Broken::Timeout => Dsn::new("4.4.2", format!("conversation with {host} timed out while {doing}")),
        Broken::LocalData => Dsn::new("4.3.0", format!("local data error while talking to {host}")),
    }
}

/// Codes that say that somebody does not speak the protocol.
fn is_protocol_code(code: u16) -> bool {
    !(400..=599).contains(&code) || code == 555 || (500..510).contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes() {
        for (code, expected) in [(250, true), (450, false), (500, true), (509, true), (510, false), (550, false)] {
            assert_eq!(is_protocol_code(code), expected, "{code}");
        }
        assert!(is_protocol_code(555) && is_protocol_code(0) && is_protocol_code(600));
    }
}
