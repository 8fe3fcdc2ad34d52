//! What smtpd decided about a client's request.

use std::fmt::{self, Display};

use super::{Event, Parts, address};

/// smtpd rejected a request, or took note of it (access-milter-postscreen §2.9).
#[derive(Clone, Copy, Debug)]
pub struct Decision<'a> {
    /// The message; `None`: none has been made yet.
    pub queue_id: Option<&'a [u8]>,
    /// `reject`, `reject_warning`, `permit`, `warn`, `info`, `filter`, `hold`, `discard`, `redirect`, `bcc`, `hangup`.
    pub action: &'a str,
    /// The command, or `CONNECT`, or `END-OF-MESSAGE`.
    pub stage: &'a str,
    /// The client as `name[address]`, perhaps with `:port`.
    pub client: &'a [u8],
    /// The reply, or what happens.
    pub text: &'a [u8],
    /// Envelope sender in internal form, once it is known.
    pub sender: Option<&'a [u8]>,
    /// Envelope recipient in internal form, if it is known.
    pub recipient: Option<&'a [u8]>,
    /// `SMTP` or `ESMTP`.
    pub protocol: &'a str,
    /// The client's name by itself, once it is known.
    pub helo: Option<&'a [u8]>,
}

impl Event for Decision<'_> {
    fn name(&self) -> &'static str {
        "decision"
    }

    fn parts(&self, parts: &mut Parts) {
        parts.optional("queue_id", self.queue_id);
        parts.text("action", self.action.as_bytes());
        parts.text("stage", self.stage.as_bytes());
        parts.text("client", self.client);
        parts.text("text", self.text);
        parts.optional("sender", self.sender);
        parts.optional("recipient", self.recipient);
        parts.text("protocol", self.protocol.as_bytes());
        parts.optional("helo", self.helo);
    }
}

impl Display for Decision<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, client) = (text::show(self.queue_id.unwrap_or(b"NOQUEUE")), text::show(self.client));
        write!(f, "{id}: {}: {} from {client}: {};", self.action, self.stage, text::show(self.text))?;
        if let Some(sender) = self.sender {
            write!(f, " from=<{}>", address(sender))?;
        }
        if let Some(recipient) = self.recipient {
            write!(f, " to=<{}>", address(recipient))?;
        }
        write!(f, " proto={}", self.protocol)?;
        match self.helo {
            Some(helo) => write!(f, " helo=<{}>", text::show(helo)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_specification() {
        let decision = Decision {
            queue_id: None,
            action: "reject",
            stage: "RCPT",
            client: b"unknown[192.0.2.9]",
            text: b"554 5.7.1 <u@other.example>: Relay access denied",
            sender: Some(b"a@b.example"),
            recipient: Some(b"u@other.example"),
            protocol: "ESMTP",
            helo: Some(b"pc"),
        };
        assert_eq!(
            decision.to_string(),
            "NOQUEUE: reject: RCPT from unknown[192.0.2.9]: 554 5.7.1 <u@other.example>: Relay access denied; \
             from=<a@b.example> to=<u@other.example> proto=ESMTP helo=<pc>"
        );
        let early = Decision { stage: "CONNECT", sender: None, recipient: None, helo: None, ..decision };
        assert!(early.to_string().ends_with("Relay access denied; proto=ESMTP"));
        let bounce = Decision { queue_id: Some(b"3B9D"), sender: Some(b""), recipient: None, ..decision };
        assert!(bounce.to_string().starts_with("3B9D: reject: ") && bounce.to_string().contains("; from=<> proto="));
    }
}
