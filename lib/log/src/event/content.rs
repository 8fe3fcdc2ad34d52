//! What cleanup found in a message (cleanup-rewrite §15.3, §16.4).

use std::fmt::{self, Display};

use super::{Event, Parts, address};

/// How much of a header or line is shown, in bytes.
const SHOWN: usize = 200;
const SHOWN_IN_ERROR: usize = 100;

/// Where a message comes from and goes to, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub struct Route<'a> {
    /// `log_message_origin`, such as `client.example[192.0.2.7]` or `local`.
    pub origin: &'a [u8],
    /// Envelope sender, in internal form.
    pub sender: Option<&'a [u8]>,
    /// The last recipient so far, in internal form.
    pub recipient: Option<&'a [u8]>,
    /// `log_protocol_name`.
    pub protocol: Option<&'a [u8]>,
    /// `log_helo_name`.
    pub helo: Option<&'a [u8]>,
}

impl Route<'_> {
    fn parts(&self, parts: &mut Parts) {
        parts.text("origin", self.origin);
        parts.optional("sender", self.sender);
        parts.optional("recipient", self.recipient);
        parts.optional("protocol", self.protocol);
        parts.optional("helo", self.helo);
    }
}

/// A check of content wants something done.
#[derive(Clone, Copy, Debug)]
pub struct ContentAction<'a> {
    /// The message.
    pub queue_id: &'a [u8],
    /// What is done, such as `reject`.
    pub action: &'a str,
    /// `header`, `body`, or `content`.
    pub context: &'a str,
    /// What was found.
    pub content: &'a [u8],
    /// Whose message it is.
    pub route: Route<'a>,
    /// More about it; may be empty.
    pub text: &'a [u8],
}

impl Event for ContentAction<'_> {
    fn name(&self) -> &'static str {
        "content_action"
    }

    fn parts(&self, parts: &mut Parts) {
        parts.text("queue_id", self.queue_id);
        parts.text("action", self.action.as_bytes());
        parts.text("context", self.context.as_bytes());
        parts.text("content", &self.content[..self.content.len().min(SHOWN)]);
        self.route.parts(parts);
        if !self.text.is_empty() {
            parts.text("text", self.text);
        }
    }
}

impl Display for ContentAction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let content = text::show(&self.content[..self.content.len().min(SHOWN)]);
        let (id, origin) = (text::show(self.queue_id), text::show(self.route.origin));
        write!(f, "{id}: {}: {} {content} from {origin};", self.action, self.context)?;
        if let Some(sender) = self.route.sender {
            write!(f, " from=<{}>", address(sender))?;
        }
        if let Some(recipient) = self.route.recipient {
            write!(f, " to=<{}>", address(recipient))?;
        }
        if let Some(protocol) = self.route.protocol {
            write!(f, " proto={}", text::show(protocol))?;
        }
        if let Some(helo) = self.route.helo {
            write!(f, " helo=<{}>", text::show(helo))?;
        }
        if self.text.is_empty() { Ok(()) } else { write!(f, ": {}", text::show(self.text)) }
    }
}

/// The structure of a message is against the rules, and that is a reason to refuse it.
#[derive(Clone, Copy, Debug)]
pub struct MimeError<'a> {
    /// The message.
    pub queue_id: &'a [u8],
    /// What is wrong.
    pub error: &'a str,
    /// Where.
    pub content: &'a [u8],
    /// Whose message it is.
    pub route: Route<'a>,
}

impl Event for MimeError<'_> {
    fn name(&self) -> &'static str {
        "mime_error"
    }

    fn parts(&self, parts: &mut Parts) {
        parts.text("queue_id", self.queue_id);
        parts.text("error", self.error.as_bytes());
        parts.text("content", &self.content[..self.content.len().min(SHOWN_IN_ERROR)]);
        self.route.parts(parts);
    }
}

impl Display for MimeError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let content = text::show(&self.content[..self.content.len().min(SHOWN_IN_ERROR)]);
        let known = |place: Option<&[u8]>| place.map_or_else(|| "unknown".into(), |place| address(place).to_string());
        let (id, origin) = (text::show(self.queue_id), text::show(self.route.origin));
        let (sender, recipient) = (known(self.route.sender), known(self.route.recipient));
        write!(f, "{id}: reject: mime-error {}: {content} from {origin}; from=<{sender}> to=<{recipient}>", self.error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_literal() {
        let route = Route {
            origin: b"client.a.example[192.0.2.7]",
            sender: Some(b"ann@a.example"),
            recipient: Some(b"bob@example.com"),
            protocol: Some(b"ESMTP"),
            helo: Some(b"a.example"),
        };
        let action = ContentAction {
            queue_id: b"4B2C61A0F3",
            action: "reject",
            context: "header",
            content: b"Subject: win\nmoney",
            route,
            text: b"5.7.1 no spam",
        };
        let line = "4B2C61A0F3: reject: header Subject: win?money from client.a.example[192.0.2.7]; from=<ann@a.example> \
                    to=<bob@example.com> proto=ESMTP helo=<a.example>: 5.7.1 no spam";
        assert_eq!(action.to_string(), line);
        let route = Route { origin: b"local", sender: Some(b""), recipient: None, protocol: None, helo: None };
        let action = ContentAction { route, text: b"", ..action };
        assert!(action.to_string().ends_with(" from local; from=<>"));
        let error = MimeError { queue_id: b"1", error: "bad", content: &[b'x'; 300], route };
        assert_eq!(error.to_string().len(), 100 + "1: reject: mime-error bad:  from local; from=<> to=<unknown>".len());
    }
}
