//! Notifications about what became of a message.

use std::fmt::{self, Display};

use super::{Event, Parts};

/// Who got a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The sender of the message.
    Sender,
    /// The postmaster.
    Postmaster,
}

impl Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sender => "sender",
            Self::Postmaster => "postmaster",
        })
    }
}

/// What a notification is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Recipients that failed.
    NonDelivery,
    /// Recipients that wait.
    Delay,
    /// What was asked for: deliveries, or probes.
    DeliveryStatus,
}

impl Topic {
    fn name(self) -> &'static str {
        match self {
            Topic::NonDelivery => "non-delivery",
            Topic::Delay => "delay",
            Topic::DeliveryStatus => "delivery status",
        }
    }
}

/// A notification about a message was queued.
#[derive(Clone, Copy, Debug)]
pub struct Notified<'a> {
    /// The message.
    pub queue_id: &'a [u8],
    /// Who gets the notification.
    pub audience: Audience,
    /// What it is about.
    pub topic: Topic,
    /// The notification.
    pub notification_id: &'a [u8],
}

impl Event for Notified<'_> {
    fn name(&self) -> &'static str {
        "notified"
    }

    fn parts(&self, parts: &mut Parts) {
        parts.text("queue_id", self.queue_id);
        parts.text("audience", self.audience.to_string().as_bytes());
        parts.text("topic", self.topic.name().as_bytes());
        parts.text("notification_queue_id", self.notification_id);
    }
}

impl Display for Notified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let topic = self.topic.name();
        let (id, new) = (text::show(self.queue_id), text::show(self.notification_id));
        write!(f, "{id}: {} {topic} notification: {new}", self.audience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_literal() {
        let sent =
            Notified { queue_id: b"1", audience: Audience::Sender, topic: Topic::NonDelivery, notification_id: b"2" };
        assert_eq!(sent.to_string(), "1: sender non-delivery notification: 2");
        let sent = Notified { audience: Audience::Postmaster, topic: Topic::Delay, ..sent };
        assert_eq!(sent.to_string(), "1: postmaster delay notification: 2");
        let sent = Notified { audience: Audience::Sender, topic: Topic::DeliveryStatus, ..sent };
        assert_eq!(sent.to_string(), "1: sender delivery status notification: 2");
    }
}
