//! What the log says of the cache from time to time (smtp-client §19).

use std::time::SystemTime;

use crate::store::Sizes;

/// Counts of one interval.
#[derive(Clone, Debug)]
pub struct Statistics {
    start: SystemTime,
    domains: Lookups,
    addresses: Lookups,
    most: Sizes,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Lookups {
    hits: u64,
    misses: u64,
}

impl Lookups {
    fn count(&mut self, found: bool) {
        *if found { &mut self.hits } else { &mut self.misses } += 1;
    }

    fn line(self, what: &str) -> Option<String> {
        let Lookups { hits, misses } = self;
        let success = (hits * 100).checked_div(hits + misses)?;
        Some(format!("statistics: {what} lookup hits={hits} miss={misses} success={success}%"))
    }
}

impl Statistics {
    /// An interval begins.
    pub fn new(start: SystemTime) -> Self {
        Statistics { start, domains: Lookups::default(), addresses: Lookups::default(), most: Sizes::default() }
    }

    /// A destination was looked for.
    pub fn domain(&mut self, found: bool) {
        self.domains.count(found);
    }

    /// An endpoint was looked for.
    pub fn address(&mut self, found: bool) {
        self.addresses.count(found);
    }

    /// So much is kept now.
    pub fn size(&mut self, sizes: Sizes) {
        self.most.domains = self.most.domains.max(sizes.domains);
        self.most.addresses = self.most.addresses.max(sizes.addresses);
        self.most.connections = self.most.connections.max(sizes.connections);
    }

    /// The lines of the interval, if anything happened; a new one begins.
    pub fn report(&mut self, now: SystemTime) -> Vec<String> {
        let old = std::mem::replace(self, Statistics::new(now));
        let mut lines: Vec<String> =
            [old.domains.line("domain"), old.addresses.line("address")].into_iter().flatten().collect();
        if old.most != Sizes::default() {
            let Sizes { domains, addresses, connections } = old.most;
            lines.push(format!(
                "statistics: max simultaneous domains={domains} addresses={addresses} connection={connections}"
            ));
        }
        if !lines.is_empty() {
            lines.insert(0, format!("statistics: start interval {}", text::date::log_file_date(old.start)));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_happened_is_reported() {
        let mut statistics = Statistics::new(SystemTime::now());
        assert!(statistics.report(SystemTime::now()).is_empty());
        statistics.domain(true);
        statistics.domain(false);
        statistics.domain(false);
        statistics.size(Sizes { domains: 1, addresses: 2, connections: 3 });
        let lines = statistics.report(SystemTime::now());
        assert!(lines[0].starts_with("statistics: start interval "));
        assert_eq!(lines[1], "statistics: domain lookup hits=1 miss=2 success=33%");
        assert_eq!(lines[2], "statistics: max simultaneous domains=1 addresses=2 connection=3");
        assert!(statistics.report(SystemTime::now()).is_empty());
    }
}
