//! The stations of a message: picked up, cleaned up, active, removed.

use std::fmt::{self, Display};

use super::{Event, Parts, address};

/// pickup took a message from maildrop.
#[derive(Clone, Copy, Debug)]
pub struct PickedUp<'a> {
    /// The new message.
    pub queue_id: &'a [u8],
    /// Who submitted it.
    pub uid: u32,
    /// Envelope sender, in internal form.
    pub sender: &'a [u8],
    /// Its ID before `postsuper -r`, if it was requeued.
    pub original_id: Option<&'a [u8]>,
}

impl Event for PickedUp<'_> {
    fn name(&self) -> &'static str {
        "picked_up"
    }

    fn parts(&self, parts: &mut Parts) {
        parts.text("queue_id", self.queue_id);
        parts.number("uid", self.uid.into());
        parts.text("sender", self.sender);
        parts.optional("original_queue_id", self.original_id);
    }
}

impl Display for PickedUp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: uid={} from=<{}>", text::show(self.queue_id), self.uid, address(self.sender))?;
        match self.original_id {
            Some(id) => write!(f, " orig_id={}", text::show(id)),
            None => Ok(()),
        }
    }
}

/// cleanup saw, or made, the Message-ID: header.
#[derive(Clone, Copy, Debug)]
pub struct MessageId<'a> {
    /// The message.
    pub queue_id: &'a [u8],
    /// The header's value, with its brackets.
    pub message_id: &'a [u8],
    /// Whether the header is a Resent-Message-ID:.
    pub resent: bool,
}

impl Event for MessageId<'_> {
    fn name(&self) -> &'static str {
        "message_id"
    }

    fn parts(&self, parts: &mut Parts) {
        parts.text("queue_id", self.queue_id);
        parts.text("message_id", self.message_id);
        parts.flag("resent", self.resent);
    }
}

impl Display for MessageId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.resent { "resent-message-id" } else { "message-id" };
        write!(f, "{}: {name}={}", text::show(self.queue_id), text::show(self.message_id))
    }
}

/// The queue manager moved a message into the active queue.
#[derive(Clone, Copy, Debug)]
pub struct QueueActive<'a> {
    /// The message.
    pub queue_id: &'a [u8],
    /// Envelope sender, in internal form.
    pub sender: &'a [u8],
    /// Message size, in bytes.
    pub size: i64,
    /// How many recipients are left.
    pub recipients: usize,
}

impl Event for QueueActive<'_> {
    fn name(&self) -> &'static str {
        "queue_active"
    }

    fn parts(&self, parts: &mut Parts) {
        parts.text("queue_id", self.queue_id);
        parts.text("sender", self.sender);
        parts.number("size", self.size);
        parts.number("recipients", i64::try_from(self.recipients).unwrap_or(i64::MAX));
    }
}

impl Display for QueueActive<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, sender) = (text::show(self.queue_id), address(self.sender));
        write!(f, "{id}: from=<{sender}>, size={}, nrcpt={} (queue active)", self.size, self.recipients)
    }
}

/// The queue manager gave a message up: its sender gets it back.
#[derive(Clone, Copy, Debug)]
pub struct Expired<'a> {
    /// The message.
    pub queue_id: &'a [u8],
    /// Envelope sender, in internal form.
    pub sender: &'a [u8],
    /// `expired`, or `force-expired` by an administrator.
    pub status: &'a str,
}

impl Event for Expired<'_> {
    fn name(&self) -> &'static str {
        "expired"
    }

    fn parts(&self, parts: &mut Parts) {
        parts.text("queue_id", self.queue_id);
        parts.text("sender", self.sender);
        parts.text("status", self.status.as_bytes());
    }
}

impl Display for Expired<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, sender) = (text::show(self.queue_id), address(self.sender));
        write!(f, "{id}: from=<{sender}>, status={}, returned to sender", self.status)
    }
}

/// A message left the queue for good.
#[derive(Clone, Copy, Debug)]
pub struct Removed<'a> {
    /// The message.
    pub queue_id: &'a [u8],
}

impl Event for Removed<'_> {
    fn name(&self) -> &'static str {
        "removed"
    }

    fn parts(&self, parts: &mut Parts) {
        parts.text("queue_id", self.queue_id);
    }
}

impl Display for Removed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: removed", text::show(self.queue_id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_literal() {
        let picked = PickedUp { queue_id: b"1", uid: 0, sender: b"root", original_id: None };
        assert_eq!(picked.to_string(), "1: uid=0 from=<root>");
        let picked = PickedUp { original_id: Some(b"2"), ..picked };
        assert_eq!(picked.to_string(), "1: uid=0 from=<root> orig_id=2");
        let active = QueueActive { queue_id: b"1", sender: b"", size: 285, recipients: 2 };
        assert_eq!(active.to_string(), "1: from=<>, size=285, nrcpt=2 (queue active)");
        let id = MessageId { queue_id: b"1", message_id: b"<x@y>", resent: false };
        assert_eq!(id.to_string(), "1: message-id=<x@y>");
        assert_eq!(Removed { queue_id: b"1" }.to_string(), "1: removed");
    }
}
