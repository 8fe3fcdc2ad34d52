//! The line that every delivery attempt leaves (qmgr-bounce §8).

use std::fmt::{self, Display};
use std::time::Duration;

use ipc::bounce::{Dsn, Recipient};
use ipc::{Stamp, Stats};

use super::{Delay, Event, Parts, address, delay_decimals};

/// What became of one recipient in one attempt.
#[derive(Clone, Copy, Debug)]
pub struct DeliveryStatus<'a> {
    /// The message.
    pub queue_id: &'a [u8],
    /// The recipient.
    pub recipient: &'a Recipient,
    /// `host[address]:port`, an agent's name, or `none`.
    pub relay: &'a [u8],
    /// Time stamps; what is not set counts as "now" or "never" by the rules of §8.2.
    pub stats: &'a Stats,
    /// Status code and reason.
    pub dsn: &'a Dsn,
    /// `sent`, `deferred`, `bounced` and so on.
    pub status: &'a str,
}

impl Event for DeliveryStatus<'_> {
    fn name(&self) -> &'static str {
        "delivery"
    }

    fn parts(&self, parts: &mut Parts) {
        parts.text("queue_id", self.queue_id);
        parts.text("recipient", &self.recipient.address);
        if !self.recipient.original.is_empty() {
            parts.text("original_recipient", &self.recipient.original);
        }
        parts.text("relay", self.relay);
        if self.stats.reuse_count > 0 {
            parts.number("connection_use", i64::from(self.stats.reuse_count) + 1);
        }
        let (total, delays) = delays(self.stats, Stamp::now());
        parts.seconds("delay", total);
        parts.all_seconds("delays", &delays);
        parts.text("dsn", &self.dsn.status);
        parts.text("status", self.status.as_bytes());
        parts.text("reason", &self.dsn.reason);
    }
}

impl Display for DeliveryStatus<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let recipient = self.recipient;
        write!(f, "{}: to=<{}>, ", text::show(self.queue_id), address(&recipient.address))?;
        if !recipient.original.is_empty() && !recipient.original.eq_ignore_ascii_case(&recipient.address) {
            write!(f, "orig_to=<{}>, ", address(&recipient.original))?;
        }
        write!(f, "relay={}, ", text::show(self.relay))?;
        if self.stats.reuse_count > 0 {
            write!(f, "conn_use={}, ", self.stats.reuse_count.saturating_add(1))?;
        }
        write_delays(f, self.stats, Stamp::now())?;
        let (status, reason) = (text::show(&self.dsn.status), text::show(&self.dsn.reason));
        write!(f, ", dsn={status}, status={} ({reason})", self.status)
    }
}

/// The whole delay, and its parts: before the active queue, in it, connecting, sending.
fn delays(stats: &Stats, now: Stamp) -> (Duration, [Duration; 4]) {
    let now = if stats.delivery_done.is_zero() { now } else { stats.delivery_done };
    let since = |later: Stamp, earlier: Stamp| later.since(earlier);
    let none = Duration::ZERO;
    let (arrival, active, handoff, connected) =
        (stats.incoming_arrival, stats.active_arrival, stats.agent_handoff, stats.connection_done);
    let parts = if active.is_zero() {
        [since(now, arrival), none, none, none]
    } else if handoff.is_zero() {
        [since(active, arrival), since(now, active), none, none]
    } else if connected.is_zero() {
        [since(active, arrival), since(handoff, active), none, since(now, handoff)]
    } else {
        [since(active, arrival), since(handoff, active), since(connected, handoff), since(now, connected)]
    };
    (since(now, arrival), parts)
}

/// `delay=<total>, delays=<a>/<b>/<c>/<d>`.
fn write_delays(f: &mut fmt::Formatter<'_>, stats: &Stats, now: Stamp) -> fmt::Result {
    let (total, parts) = delays(stats, now);
    let [a, b, c, d] = parts.map(|part| Delay::new(part, delay_decimals()));
    write!(f, "delay={}, delays={a}/{b}/{c}/{d}", Delay::new(total, delay_decimals()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(millis: i64) -> Stamp {
        Stamp { seconds: 1000 + millis / 1000, micros: millis % 1000 * 1000 }
    }

    #[test]
    fn the_line_has_all_parts_in_order() {
        let stats = Stats {
            incoming_arrival: stamp(0),
            active_arrival: stamp(70),
            agent_handoff: stamp(80),
            connection_done: stamp(280),
            delivery_done: stamp(1500),
            reuse_count: 1,
        };
        let recipient = Recipient { address: "a@b".into(), original: "A@c".into(), ..Recipient::default() };
        let event = DeliveryStatus {
            queue_id: b"57EE1BE3F7",
            recipient: &recipient,
            relay: b"mx[1.2.3.4]:25",
            stats: &stats,
            dsn: &Dsn::new("2.0.0", "250 ok"),
            status: "sent",
        };
        assert_eq!(
            event.to_string(),
            "57EE1BE3F7: to=<a@b>, orig_to=<A@c>, relay=mx[1.2.3.4]:25, conn_use=2, delay=1.5, \
             delays=0.07/0.01/0.2/1.2, dsn=2.0.0, status=sent (250 ok)"
        );
    }

    #[test]
    fn the_original_recipient_shows_only_when_it_differs() {
        let recipient = Recipient { address: "a@b".into(), original: "A@B".into(), ..Recipient::default() };
        let stats = Stats { incoming_arrival: stamp(0), delivery_done: stamp(20), ..Stats::default() };
        let dsn = Dsn::new("4.3.0", "later");
        let event = DeliveryStatus {
            queue_id: b"1",
            recipient: &recipient,
            relay: b"none",
            stats: &stats,
            dsn: &dsn,
            status: "deferred",
        };
        assert_eq!(
            event.to_string(),
            "1: to=<a@b>, relay=none, delay=0.02, delays=0.02/0/0/0, dsn=4.3.0, status=deferred (later)"
        );
    }
}
