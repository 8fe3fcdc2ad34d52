//! Servers by SRV records, since 3.8 (smtp-client §4.5).

use bstr::BString;
use dns::{Data, ErrorKind, Options, Record, Type};
use ipc::bounce::Dsn;

use super::{Found, LIST_LIMIT, Lookup, ascii, mx_status, not_found};
use crate::settings::DnsSupport;

/// What an SRV record says, less its priority.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Server {
    weight: u16,
    port: u16,
    host: BString,
    validated: bool,
}

impl Lookup<'_> {
    /// The servers of a domain for a service. Nothing: they are to be found in another way.
    pub fn service(&self, service: &[u8], domain: &[u8]) -> Option<Found> {
        let name = BString::from([b"_", service, b"._tcp.", ascii(domain).as_slice()].concat());
        let options = Options { dnssec: self.settings.dns_support == DnsSupport::Dnssec, ..Options::default() };
        let (why, falls_back) = match self.resolver.lookup(&name, &[Type::SRV], options) {
            Ok(records) => match self.reachable(&name, &records) {
                Ok(found) => return Some(found),
                Err(why) => (*why, false),
            },
            Err(error) => {
                let is_error = matches!(error.kind, ErrorKind::TryAgain | ErrorKind::Fail | ErrorKind::Invalid);
                (Dsn::new(mx_status(error.kind), error.text), is_error && self.settings.ignore_srv_lookup_error)
            }
        };
        if falls_back || self.settings.allow_srv_lookup_fallback {
            log::info!("skipping SRV lookup for {}: {}", text::show(&name), text::show(&why.reason));
            return None;
        }
        Some(Found::nothing(why))
    }

    /// The addresses behind records, in the order in which they are to be tried.
    fn reachable(&self, name: &[u8], records: &[Record]) -> Result<Found, Box<Dsn>> {
        let mut priorities: Vec<u16> = records.iter().filter_map(priority).collect();
        priorities.sort_unstable();
        priorities.dedup();
        let (mut targets, mut why) = (Vec::new(), None);
        for &wanted in &priorities {
            let group = records.iter().filter(|record| priority(record) == Some(wanted)).filter_map(server).collect();
            for server in weighted(group) {
                let found = self.addresses(&server.host, wanted, server.validated, &mut why).into_iter();
                targets.extend(found.map(|target| super::Target { port: Some(server.port), ..target }));
            }
        }
        targets.truncate(LIST_LIMIT);
        if targets.is_empty() {
            log::warn!("no SRV host for {} has a valid address record", text::show(name));
            return Err(Box::new(why.unwrap_or_else(|| not_found(name, false))));
        }
        let best = priorities.first().copied().unwrap_or(0);
        let mut found = self.without_loop(name, best, targets);
        self.balance(&mut found.targets);
        Ok(found)
    }
}

fn priority(record: &Record) -> Option<u16> {
    match &record.data {
        Data::Srv { priority, .. } => Some(*priority),
        _ => None,
    }
}

fn server(record: &Record) -> Option<Server> {
    match &record.data {
        Data::Srv { weight, port, target, .. } => {
            Some(Server { weight: *weight, port: *port, host: target.clone(), validated: record.validated })
        }
        _ => None,
    }
}

/// Servers of one priority in random order; who has more weight is likely to come sooner.
fn weighted(mut servers: Vec<Server>) -> Vec<Server> {
    if servers.len() < 2 {
        return servers;
    }
    if let Err(error) = sys::random::shuffle(&mut servers) {
        log::warn!("random numbers: {}", sys::reason(&error));
    }
    if servers.iter().all(|server| server.weight == 0) {
        return servers;
    }
    let mut ordered = Vec::with_capacity(servers.len());
    while !servers.is_empty() {
        let sum: u64 = servers.iter().map(|server| u64::from(server.weight)).sum();
        // Without random numbers the first of the order above comes first.
        let draw = sys::random::number().map_or(0, |number| number % (sum + 1));
        let at = chosen(&servers, draw);
        ordered.push(servers.remove(at));
    }
    ordered
}

/// The first server with which the sum of weights reaches a number.
fn chosen(servers: &[Server], draw: u64) -> usize {
    let sums = servers.iter().scan(0, |sum, server| {
        *sum += u64::from(server.weight);
        Some(*sum)
    });
    sums.into_iter().position(|sum| sum >= draw).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(weights: &[u16]) -> Vec<Server> {
        let server = |&weight: &u16| Server { weight, port: 25, host: weight.to_string().into(), validated: false };
        weights.iter().map(server).collect()
    }

    #[test]
    fn weights_decide_by_their_sums() {
        let all = servers(&[0, 10, 5]);
        for (draw, expected) in [(0, 0), (1, 1), (10, 1), (11, 2), (15, 2)] {
            assert_eq!(chosen(&all, draw), expected, "{draw}");
        }
    }

    #[test]
    fn nobody_is_lost_and_heavy_servers_come_first_most_times() {
        let mut first = 0;
        for _ in 0..200 {
            let ordered = weighted(servers(&[1, 100, 0]));
            assert_eq!(ordered.len(), 3);
            first += usize::from(ordered[0].weight == 100);
        }
        assert!(first > 150, "{first}");
        assert_eq!(weighted(servers(&[0, 0])).len(), 2);
    }
}
