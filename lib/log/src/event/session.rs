//! The stations of an SMTP or QMQP session (smtpd §11).

use std::fmt::{self, Display};

use super::{Event, Parts, address};

/// A client has connected.
#[derive(Clone, Copy, Debug)]
pub struct Connected<'a> {
    /// The client as `name[address]`, perhaps with `:port`.
    pub client: &'a [u8],
}

impl Event for Connected<'_> {
    fn name(&self) -> &'static str {
        "connected"
    }

    fn parts(&self, parts: &mut Parts) {
        parts.text("client", self.client);
    }
}

impl Display for Connected<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connect from {}", text::show(self.client))
    }
}

/// A session is over.
#[derive(Clone, Copy, Debug)]
pub struct Disconnected<'a> {
    /// The client as `name[address]`, perhaps with `:port`.
    pub client: &'a [u8],
    /// What it did: ` ehlo=1 commands=1`, and ` notes=bare_lf`. Nothing for QMQP.
    pub summary: &'a str,
}

impl Event for Disconnected<'_> {
    fn name(&self) -> &'static str {
        "disconnected"
    }

    fn parts(&self, parts: &mut Parts) {
        parts.text("client", self.client);
        parts.text("summary", self.summary.trim_start().as_bytes());
    }
}

impl Display for Disconnected<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "disconnect from {}{}", text::show(self.client), self.summary)
    }
}

/// A session did not end with QUIT.
#[derive(Clone, Copy, Debug)]
pub struct Broken<'a> {
    /// `lost connection`, `timeout`, `too many errors`.
    pub reason: &'a str,
    /// The command that was last, with a byte count for content.
    pub stage: &'a str,
    /// The client as `name[address]`, perhaps with `:port`.
    pub client: &'a [u8],
}

impl Event for Broken<'_> {
    fn name(&self) -> &'static str {
        "broken"
    }

    fn parts(&self, parts: &mut Parts) {
        parts.text("reason", self.reason.as_bytes());
        parts.text("stage", self.stage.as_bytes());
        parts.text("client", self.client);
    }
}

impl Display for Broken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} after {} from {}", self.reason, self.stage, text::show(self.client))
    }
}

/// A message has begun to arrive.
#[derive(Clone, Copy, Debug, Default)]
pub struct MessageClient<'a> {
    /// The message; `None`: it goes through a filter, and has no ID here.
    pub queue_id: Option<&'a [u8]>,
    /// The client as `name[address]`, perhaps with `:port`.
    pub client: &'a [u8],
    /// How the client logged in.
    pub sasl_method: Option<&'a [u8]>,
    /// As whom.
    pub sasl_username: Option<&'a [u8]>,
    /// AUTH= of MAIL.
    pub sasl_sender: Option<&'a [u8]>,
    /// The ID that the message has at the client for whom this client talks.
    pub original_queue_id: Option<&'a [u8]>,
    /// The client for whom this client talks.
    pub original_client: Option<&'a [u8]>,
}

impl Event for MessageClient<'_> {
    fn name(&self) -> &'static str {
        "message_client"
    }

    fn parts(&self, parts: &mut Parts) {
        parts.optional("queue_id", self.queue_id);
        parts.text("client", self.client);
        for (name, value) in self.more() {
            parts.optional(name, value);
        }
    }
}

impl<'a> MessageClient<'a> {
    fn more(&self) -> [(&'static str, Option<&'a [u8]>); 5] {
        [
            ("sasl_method", self.sasl_method),
            ("sasl_username", self.sasl_username),
            ("sasl_sender", self.sasl_sender),
            ("orig_queue_id", self.original_queue_id),
            ("orig_client", self.original_client),
        ]
    }
}

impl Display for MessageClient<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, client) = (text::show(self.queue_id.unwrap_or(b"NOQUEUE")), text::show(self.client));
        write!(f, "{id}: client={client}")?;
        for (name, value) in self.more() {
            if let Some(value) = value {
                write!(f, ", {name}={}", text::show(value))?;
            }
        }
        Ok(())
    }
}

/// A before-queue filter took a message, or did not.
#[derive(Clone, Copy, Debug)]
pub struct FilterVerdict<'a> {
    /// Whether it took it.
    pub accepted: bool,
    /// What it said.
    pub reply: &'a [u8],
    /// Envelope sender, in internal form.
    pub sender: Option<&'a [u8]>,
    /// The recipient, if there is just one.
    pub recipient: Option<&'a [u8]>,
    /// `SMTP` or `ESMTP`.
    pub protocol: &'a str,
    /// The client's name by itself.
    pub helo: Option<&'a [u8]>,
    /// As whom the client logged in.
    pub sasl_username: Option<&'a [u8]>,
}

impl Event for FilterVerdict<'_> {
    fn name(&self) -> &'static str {
        "filter_verdict"
    }

    fn parts(&self, parts: &mut Parts) {
        parts.flag("accepted", self.accepted);
        parts.text("reply", self.reply);
        parts.optional("sender", self.sender);
        parts.optional("recipient", self.recipient);
        parts.text("protocol", self.protocol.as_bytes());
        parts.optional("helo", self.helo);
        parts.optional("sasl_username", self.sasl_username);
    }
}

impl Display for FilterVerdict<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.accepted { "accept" } else { "reject" };
        write!(f, "proxy-{verdict}: END-OF-MESSAGE: {};", text::show(self.reply))?;
        if let Some(sender) = self.sender {
            write!(f, " from=<{}>", address(sender))?;
        }
        if let Some(recipient) = self.recipient {
            write!(f, " to=<{}>", address(recipient))?;
        }
        write!(f, " proto={}", self.protocol)?;
        if let Some(helo) = self.helo {
            write!(f, " helo=<{}>", text::show(helo))?;
        }
        match self.sasl_username {
            Some(name) => write!(f, " sasl_username=<{}>", text::show(name)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_the_specification() {
        let client = b"mx.example.org[192.0.2.1]".as_slice();
        assert_eq!(Connected { client }.to_string(), "connect from mx.example.org[192.0.2.1]");
        let broken = Broken { reason: "lost connection", stage: "DATA (4096 bytes)", client };
        assert_eq!(broken.to_string(), "lost connection after DATA (4096 bytes) from mx.example.org[192.0.2.1]");
        let message = MessageClient {
            queue_id: Some(b"4TQ"),
            client,
            sasl_method: Some(b"PLAIN"),
            sasl_username: Some(b"alice"),
            original_client: Some(b"x[y]"),
            ..MessageClient::default()
        };
        assert_eq!(
            message.to_string(),
            "4TQ: client=mx.example.org[192.0.2.1], sasl_method=PLAIN, sasl_username=alice, orig_client=x[y]"
        );
        assert!(MessageClient { client, ..MessageClient::default() }.to_string().starts_with("NOQUEUE: client=mx"));
        let verdict = FilterVerdict {
            accepted: false,
            reply: b"550 no",
            sender: Some(b""),
            recipient: None,
            protocol: "ESMTP",
            helo: Some(b"h"),
            sasl_username: None,
        };
        assert_eq!(verdict.to_string(), "proxy-reject: END-OF-MESSAGE: 550 no; from=<> proto=ESMTP helo=<h>");
    }
}
