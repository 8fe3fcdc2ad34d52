//! Dates as mail and log reports show them, in the local time zone.

use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

pub use crate::zone::local_zone;

/// The date of a message header: `Tue, 24 Nov 2026 05:44:06 +0000 (UTC)`, day of month blank-padded to two columns.
pub fn header_date(time: SystemTime) -> String {
    format(&local(time), "%a, %e %b %Y %H:%M:%S %z (%Z)")
}

/// The C library's fixed-width format: `Tue Nov 24 05:44:06 2026`, day of month blank-padded to two columns.
pub fn ctime(time: SystemTime) -> String {
    format(&local(time), "%a %b %e %H:%M:%S %Y")
}

/// The time of a record in a log file: `Nov 05 07:08:09`, day of month padded with a zero (config §12.3).
pub fn log_file_date(time: SystemTime) -> String {
    thread_local! {
        /// The last answer: most records come in the same second as the one before.
        static LAST: RefCell<Option<(i64, String)>> = const { RefCell::new(None) };
    }
    let second = to_seconds(time);
    LAST.with_borrow_mut(|last| match last {
        Some((known, text)) if *known == second => text.clone(),
        _ => last.insert((second, format(&local(time), "%b %d %H:%M:%S"))).1.clone(),
    })
}

/// A time for programs to read, in UTC and microseconds: `2026-11-05T07:08:09.123456Z`.
pub fn utc(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).map(|time| format!("{time:.6}")).unwrap_or_default()
}

/// The time of a syslog record: `Nov  5 07:08:09`, day of month padded with a blank.
pub fn syslog_date(time: SystemTime) -> String {
    format(&local(time), "%b %e %H:%M:%S")
}

/// The local time in a strftime(3) format of the caller's; a format that makes no sense gives nothing.
pub fn local_format(time: SystemTime, layout: &str) -> String {
    format(&local(time), layout)
}

/// UTC to the second without punctuation: `20261124054406`.
pub fn compact_utc(time: SystemTime) -> String {
    format(&timestamp(time).to_zoned_datetime(TimeZone::UTC), "%Y%m%d%H%M%S")
}

/// The point in time that many seconds after (or before) the epoch; the epoch when the system cannot express it.
pub fn from_seconds(seconds: i64) -> SystemTime {
    let distance = std::time::Duration::from_secs(seconds.unsigned_abs());
    let time = if seconds < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) };
    time.unwrap_or(UNIX_EPOCH)
}

/// Whole seconds since the epoch, rounded down; negative before it.
pub fn to_seconds(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
        Err(before) => {
            let before = before.duration();
            let whole = i64::try_from(before.as_secs()).unwrap_or(i64::MAX);
            -whole - i64::from(before.subsec_nanos() > 0)
        }
    }
}

/// A time beyond the calendar (year 9999) shows as the calendar's end.
fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or(if time > UNIX_EPOCH { Timestamp::MAX } else { Timestamp::MIN })
}

fn local(time: SystemTime) -> ZonedDateTime {
    timestamp(time).to_zoned_datetime(local_zone().clone())
}

fn format(time: &ZonedDateTime, pattern: &str) -> String {
    time.strftime(pattern).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        let time = from_seconds(1_795_499_046);
        let utc = timestamp(time).to_zoned_datetime(TimeZone::UTC);
        assert_eq!(format(&utc, "%a, %e %b %Y %H:%M:%S %z (%Z)"), "Tue, 24 Nov 2026 05:44:06 +0000 (UTC)");
        assert_eq!(compact_utc(time), "20261124054406");
        assert_eq!(ctime(time).len(), 24);
        let early = timestamp(from_seconds(1_795_499_046 - 17 * 86_400)).to_zoned_datetime(TimeZone::UTC);
        assert_eq!(format(&early, "%a %b %e %H:%M:%S %Y"), "Sat Nov  7 05:44:06 2026");
    }

    #[test]
    fn any_time_has_a_text() {
        for seconds in [i64::MIN, -1, 0, 1 << 40, i64::MAX] {
            assert!(!header_date(from_seconds(seconds)).is_empty());
        }
        assert_eq!(to_seconds(from_seconds(-5)), -5);
    }
}
