//! The time stamps that travel with a delivery (qmgr-bounce §7.5).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment in wall-clock time: seconds and microseconds since 1970; zero means "not set".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    /// Seconds.
    pub seconds: i64,
    /// Microseconds, 0 to 999999.
    pub micros: i64,
}

impl Stamp {
    /// The current time.
    pub fn now() -> Self {
        SystemTime::now().into()
    }

    /// Whether the stamp was never set.
    pub fn is_zero(self) -> bool {
        self.seconds <= 0
    }

    /// The time from `earlier` to this stamp; zero when the clock went backwards.
    pub fn since(self, earlier: Self) -> Duration {
        let micros = (self.seconds.saturating_sub(earlier.seconds))
            .saturating_mul(1_000_000)
            .saturating_add(self.micros.saturating_sub(earlier.micros));
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }
}

impl From<SystemTime> for Stamp {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX), micros: i64::from(since.subsec_micros()) }
    }
}

/// When a message passed each stage of its way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// The message arrived in the mail system.
    pub incoming_arrival: Stamp,
    /// It came into the active queue.
    pub active_arrival: Stamp,
    /// A delivery agent got it.
    pub agent_handoff: Stamp,
    /// The agent had its connection set up.
    pub connection_done: Stamp,
    /// The delivery was done.
    pub delivery_done: Stamp,
    /// How many deliveries the connection had carried before.
    pub reuse_count: i32,
}

impl Stats {
    /// The size of the wire form before base64.
    pub const WIRE_SIZE: usize = 88;

    /// The wire form: five pairs of 64-bit numbers, a 32-bit number and padding, in native byte order.
    pub fn to_bytes(&self) -> [u8; Self::WIRE_SIZE] {
        let mut bytes = [0; Self::WIRE_SIZE];
        for (slot, stamp) in bytes.chunks_exact_mut(16).zip(self.stamps()) {
            slot[..8].copy_from_slice(&stamp.seconds.to_ne_bytes());
            slot[8..].copy_from_slice(&stamp.micros.to_ne_bytes());
        }
        bytes[80..84].copy_from_slice(&self.reuse_count.to_ne_bytes());
        bytes
    }

    /// Reads the wire form.
    ///
    /// # Errors
    /// The text of the warning, when the size is another.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let bytes: &[u8; Self::WIRE_SIZE] = bytes
            .try_into()
            .map_err(|_| format!("msg_stats_scan: size mis-match: {} != {}", bytes.len(), Self::WIRE_SIZE))?;
        let mut stamps = bytes[..80].chunks_exact(16).map(|slot| {
            let (seconds, micros) = slot.split_at(8);
            Stamp { seconds: native(seconds), micros: native(micros).clamp(0, 999_999) }
        });
        let mut next = || stamps.next().unwrap_or_default();
        Ok(Self {
            incoming_arrival: next(),
            active_arrival: next(),
            agent_handoff: next(),
            connection_done: next(),
            delivery_done: next(),
            reuse_count: i32::from_ne_bytes([bytes[80], bytes[81], bytes[82], bytes[83]]),
        })
    }

    fn stamps(&self) -> [Stamp; 5] {
        [self.incoming_arrival, self.active_arrival, self.agent_handoff, self.connection_done, self.delivery_done]
    }
}

fn native(bytes: &[u8]) -> i64 {
    bytes.try_into().map_or(0, i64::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_form_round_trips() {
        let stats = Stats {
            incoming_arrival: Stamp { seconds: 1_700_000_000, micros: 250_000 },
            active_arrival: Stamp { seconds: 1_700_000_000, micros: 300_000 },
            reuse_count: -3,
            ..Stats::default()
        };
        let bytes = stats.to_bytes();
        assert_eq!(&bytes[..4], &1_700_000_000u32.to_le_bytes());
        assert_eq!(Stats::from_bytes(&bytes).unwrap(), stats);
        assert_eq!(Stats::from_bytes(&bytes[1..]).unwrap_err(), "msg_stats_scan: size mis-match: 87 != 88");
    }

    #[test]
    fn a_clock_that_goes_backwards_gives_no_negative_time() {
        let (early, late) = (Stamp { seconds: 5, micros: 900_000 }, Stamp { seconds: 7, micros: 100_000 });
        assert_eq!(late.since(early), Duration::from_millis(1200));
        assert_eq!(early.since(late), Duration::ZERO);
    }
}
