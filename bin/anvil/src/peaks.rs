//! The greatest numbers since the last report.

use std::time::{Duration, SystemTime};

use bstr::BString;
use ipc::anvil::Connections;

use crate::book::Kind;

/// A greatest number, who reached it, and when.
#[derive(Debug, Default)]
struct Peak {
    value: i64,
    ident: BString,
    time: Option<SystemTime>,
}

impl Peak {
    fn see(&mut self, value: i64, ident: &BString, time: SystemTime) {
        if value > self.value {
            *self = Peak { value, ident: ident.clone(), time: Some(time) };
        }
    }
}

/// The greatest numbers.
#[derive(Debug, Default)]
pub struct Peaks {
    unit: Duration,
    connection_rate: Peak,
    connection_count: Peak,
    message_rate: Peak,
    recipient_rate: Peak,
    newtls_rate: Peak,
    auth_rate: Peak,
    cache_size: Peak,
}

impl Peaks {
    /// Nothing yet. `unit` is what rates are counted in.
    pub fn new(unit: Duration) -> Self {
        Self { unit, ..Self::default() }
    }

    /// A connection has begun.
    pub fn connections(&mut self, ident: &BString, connections: Connections, now: SystemTime) {
        self.connection_rate.see(connections.rate.into(), ident, now);
        self.connection_count.see(connections.count.into(), ident, now);
    }

    /// An event was counted.
    pub fn rate(&mut self, kind: Kind, ident: &BString, rate: i32, now: SystemTime) {
        let peak = match kind {
            Kind::Message => &mut self.message_rate,
            Kind::Recipient => &mut self.recipient_rate,
            Kind::NewTls => &mut self.newtls_rate,
            Kind::Auth => &mut self.auth_rate,
        };
        peak.see(rate.into(), ident, now);
    }

    /// So many are known.
    pub fn cache(&mut self, size: usize, now: SystemTime) {
        self.cache_size.see(i64::try_from(size).unwrap_or(i64::MAX), &BString::default(), now);
    }

    /// Logs the numbers that are not zero, and begins anew.
    pub fn report(&mut self) {
        for line in self.lines() {
            log::info!("{line}");
        }
        *self = Self::new(self.unit);
    }

    fn lines(&self) -> Vec<String> {
        let unit = format!("/{}s", self.unit.as_secs());
        let peaks = [
            ("connection rate", &self.connection_rate, unit.as_str()),
            ("connection count", &self.connection_count, ""),
            ("message rate", &self.message_rate, &unit),
            ("recipient rate", &self.recipient_rate, &unit),
            ("newtls rate", &self.newtls_rate, &unit),
            ("auth rate", &self.auth_rate, &unit),
        ];
        let mut lines = Vec::new();
        for (name, peak, unit) in peaks {
            if let Some(time) = peak.time {
                let (ident, time) = (text::show(&peak.ident), text::date::log_file_date(time));
                lines.push(format!("statistics: max {name} {}{unit} for ({ident}) at {time}", peak.value));
            }
        }
        if let Some(time) = self.cache_size.time {
            let time = text::date::log_file_date(time);
            lines.push(format!("statistics: max cache size {} at {time}", self.cache_size.value));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_greater_numbers_count_and_zero_is_not_said() {
        let mut peaks = Peaks::new(Duration::from_secs(60));
        assert!(peaks.lines().is_empty());
        let (first, later) = (SystemTime::UNIX_EPOCH, SystemTime::now());
        peaks.connections(&BString::from("smtpd:a"), Connections { count: 2, rate: 3 }, first);
        peaks.connections(&BString::from("smtpd:b"), Connections { count: 2, rate: 3 }, later);
        peaks.cache(1, first);
        let lines = peaks.lines();
        assert_eq!(lines.len(), 3);
        let date = text::date::log_file_date(first);
        assert_eq!(lines[0], format!("statistics: max connection rate 3/60s for (smtpd:a) at {date}"));
        assert_eq!(lines[2], format!("statistics: max cache size 1 at {date}"));
        peaks.report();
        assert!(peaks.lines().is_empty());
    }
}
