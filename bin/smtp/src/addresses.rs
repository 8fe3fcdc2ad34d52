//! From a next hop to the addresses of its servers (smtp-client §4).

mod srv;

use std::net::IpAddr;

use bstr::BString;
use dns::{Data, Error, ErrorKind, Options, Record, Resolve, Type};
use ipc::bounce::Dsn;
use text::hostaddr;

use crate::settings::{DnsSupport, Preference, Settings};

/// Lists of addresses have at most this many: what a DNS lookup gives.
const LIST_LIMIT: usize = dns::RECORD_LIMIT;

/// One address of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The server's name, for log lines and policies.
    pub host: BString,
    /// Its address.
    pub address: IpAddr,
    /// The preference of its MX record, or the priority of its SRV record; the smallest is the best.
    pub preference: u16,
    /// The port of its SRV record.
    pub port: Option<u16>,
}

/// What a lookup found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// In the order in which they are to be tried.
    pub targets: Vec<Target>,
    /// This machine is among the servers, or no other next hop makes sense.
    pub is_last_hop: bool,
    /// Why there are none, or what went wrong besides.
    pub why: Option<Dsn>,
}

impl Found {
    fn nothing(why: Dsn) -> Self {
        let is_last_hop = why.status.ends_with(b".4.6");
        Found { targets: Vec::new(), is_last_hop, why: Some(why) }
    }
}

/// Looks up next hops.
pub struct Lookup<'a> {
    /// Parameters.
    pub settings: &'a Settings,
    /// Enabled protocols.
    pub protocols: config::Protocols,
    /// The DNS.
    pub resolver: &'a dyn Resolve,
    /// Which addresses are this machine's; nothing is when loops are not looked for.
    pub is_own: &'a dyn Fn(IpAddr) -> bool,
}

impl Lookup<'_> {
    /// The servers of a domain, by MX records (§4.1).
    pub fn domain(&self, domain: &[u8]) -> Found {
        let name = ascii(domain);
        let options = Options { dnssec: self.settings.dns_support == DnsSupport::Dnssec, ..Options::default() };
        let error = match self.resolver.lookup(&name, &[Type::MX], options) {
            Ok(records) => return self.servers(&name, &records),
            Err(error) => error,
        };
        match error.kind {
            ErrorKind::NotFound => self.host(domain),
            ErrorKind::TryAgain | ErrorKind::Fail | ErrorKind::Invalid if self.settings.ignore_mx_lookup_error => {
                self.host(domain)
            }
            kind => Found::nothing(Dsn::new(mx_status(kind), error.text)),
        }
    }

    /// The addresses of one host (§4.3).
    pub fn host(&self, host: &[u8]) -> Found {
        let mut why = None;
        let dnssec = self.settings.dns_support == DnsSupport::Dnssec;
        let targets = self.addresses(&ascii(host), 0, dnssec, &mut why);
        if targets.is_empty() {
            return Found::nothing(why.unwrap_or_else(|| not_found(host, false)));
        }
        if targets.iter().any(|target| (self.is_own)(target.address)) {
            return Found::nothing(looping(host));
        }
        Found { targets: self.ordered(targets), is_last_hop: false, why: None }
    }

    fn servers(&self, domain: &BString, records: &[Record]) -> Found {
        let mut servers: Vec<(u16, &BString, bool)> = records
            .iter()
            .filter_map(|record| match &record.data {
                Data::Mx { preference, host } => Some((*preference, host, record.validated)),
                _ => None,
            })
            .collect();
        servers.sort_by_key(|(preference, ..)| *preference);
        let (mut targets, mut why) = (Vec::new(), None);
        for (preference, host, validated) in &servers {
            targets.extend(self.addresses(host, *preference, *validated, &mut why));
        }
        targets.truncate(LIST_LIMIT);
        if targets.is_empty() {
            log::warn!("no MX host for {} has a valid address record", text::show(domain));
            let mut why = why.unwrap_or_else(|| not_found(domain, false));
            if self.settings.defer_if_no_mx_address && why.status.first() == Some(&b'5') {
                why.status[0] = b'4';
            }
            return Found::nothing(why);
        }
        let best = servers.first().map_or(0, |(preference, ..)| *preference);
        let found = self.without_loop(domain, best, targets);
        Found { targets: self.ordered(found.targets), ..found }
    }

    /// Cuts the list where this machine is on it: only better servers are tried.
    fn without_loop(&self, domain: &[u8], best: u16, mut targets: Vec<Target>) -> Found {
        let found = targets.first().map_or(0, |target| target.preference);
        let own = targets.iter().find(|target| (self.is_own)(target.address)).map(|target| target.preference);
        if let Some(own) = own {
            targets.retain(|target| target.preference < own);
            if targets.is_empty() {
                return Found::nothing(match best == found {
                    true => looping(domain),
                    false => Dsn::new("4.4.4", format!("unable to find primary relay for {}", text::show(domain))),
                });
            }
        }
        Found { targets, is_last_hop: own.is_some(), why: None }
    }

    /// The addresses of one name (§4.2). Reasons go to `why`; a temporary one makes later ones temporary.
    fn addresses(&self, host: &BString, preference: u16, dnssec: bool, why: &mut Option<Dsn>) -> Vec<Target> {
        let target = |name: &BString, address| Target { host: name.clone(), address, preference, port: None };
        if let Some(address) = literal(host)
            && self.protocols.allow(address)
        {
            return vec![target(host, address)];
        }
        if self.settings.lookup_dns {
            let options = Options { dnssec, ..self.settings.resolver_options };
            match self.resolver.lookup(host, &self.types(), options) {
                Ok(records) => {
                    let name = |record: &Record| match self.settings.cname_overrides_servername {
                        true => record.owner.clone(),
                        false => record.query.clone(),
                    };
                    let address = |record: &Record| Some(target(&name(record), record.address()?));
                    return records.iter().filter_map(address).collect();
                }
                Err(error) => {
                    *why = Some(dns_reason(&error, is_soft(why)));
                    if error.kind != ErrorKind::NotFound {
                        return Vec::new();
                    }
                }
            }
        }
        if self.settings.lookup_native { self.native(host, preference, why) } else { Vec::new() }
    }

    fn types(&self) -> Vec<Type> {
        let families = [(self.protocols.ipv4, Type::A), (self.protocols.ipv6, Type::AAAA)];
        families.into_iter().filter(|(enabled, _)| *enabled).map(|(_, rtype)| rtype).collect()
    }

    fn native(&self, host: &BString, preference: u16, why: &mut Option<Dsn>) -> Vec<Target> {
        let soft = is_soft(why);
        let found = match dns::hosts::addresses(host) {
            Ok(found) => found,
            Err(error) => {
                let class = if soft || error.is_temporary() { "4" } else { "5" };
                let detail = if error.is_about_name() { "4.4" } else { "3.0" };
                let reason = format!("unable to look up host {}: {error}", text::show(host));
                *why = Some(Dsn::new(format!("{class}.{detail}"), reason));
                return Vec::new();
            }
        };
        let mut targets = Vec::new();
        for address in found {
            if self.protocols.allow(address) {
                targets.push(Target { host: host.clone(), address, preference, port: None });
            } else {
                let family = if address.is_ipv4() { 2 } else { 10 };
                log::info!("skipping address family {family} for host {}", text::show(host));
            }
        }
        if targets.is_empty() {
            *why = Some(not_found(host, soft));
        }
        targets
    }

    /// Random within a preference, the preferred family first, and some of each family (§4.4).
    fn ordered(&self, mut targets: Vec<Target>) -> Vec<Target> {
        if targets.len() < 2 {
            return targets;
        }
        if self.settings.randomize_addresses
            && let Err(error) = sys::random::shuffle(&mut targets)
        {
            log::warn!("random numbers: {}", sys::reason(&error));
        }
        let family = |target: &Target| match self.settings.address_preference {
            Preference::Any => false,
            Preference::Ipv4 => target.address.is_ipv6(),
            Preference::Ipv6 => target.address.is_ipv4(),
        };
        targets.sort_by_key(|target| (target.preference, family(target)));
        self.balance(&mut targets);
        targets
    }

    fn balance(&self, targets: &mut Vec<Target>) {
        if self.settings.balance_protocols && self.settings.mx_address_limit > 0 {
            balance(targets, self.settings.mx_address_limit.min(LIST_LIMIT));
        }
    }
}

/// Leaves at most `limit` addresses, of both families if there are both.
fn balance(targets: &mut Vec<Target>, limit: usize) {
    let v6 = targets.iter().filter(|target| target.address.is_ipv6()).count();
    let v4 = targets.len() - v6;
    if v4 == 0 || v6 == 0 || v4 + v6 <= limit {
        return;
    }
    let (keep6, keep4) = if v6 <= limit / 2 {
        (v6, limit - v6)
    } else if v4 <= limit / 2 {
        (limit - v4, v4)
    } else {
        let keep4 = (limit + usize::from(targets[0].address.is_ipv4())) / 2;
        (limit - keep4, keep4)
    };
    let (mut left6, mut left4) = (keep6, keep4);
    targets.retain(|target| {
        let left = if target.address.is_ipv6() { &mut left6 } else { &mut left4 };
        let kept = *left > 0;
        *left = left.saturating_sub(1);
        kept
    });
}

/// The form that the DNS has. A name without one is not found there.
fn ascii(name: &[u8]) -> BString {
    match name.is_ascii() {
        true => name.into(),
        false => text::idn::to_ascii(name).map_or_else(|_| name.into(), BString::from),
    }
}

fn literal(host: &[u8]) -> Option<IpAddr> {
    hostaddr::ipv4(host).map(IpAddr::V4).or_else(|_| hostaddr::ipv6(host).map(IpAddr::V6)).ok()
}

fn is_soft(why: &Option<Dsn>) -> bool {
    why.as_ref().is_some_and(|dsn| dsn.status.first() == Some(&b'4'))
}

fn mx_status(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::TryAgain => "4.4.3",
        ErrorKind::Fail => "5.4.3",
        ErrorKind::Filtered => "4.7.0",
        ErrorKind::NullMx | ErrorKind::NullSrv => "5.1.0",
        ErrorKind::Invalid | ErrorKind::NotFound => "5.4.4",
    }
}

fn dns_reason(error: &Error, soft: bool) -> Dsn {
    let status = match (error.kind, soft) {
        (ErrorKind::TryAgain, _) | (ErrorKind::Fail, true) => "4.4.3",
        (ErrorKind::Fail, false) => "5.4.3",
        (ErrorKind::Filtered, _) => "4.7.0",
        (_, true) => "4.4.4",
        (_, false) => "5.4.4",
    };
    Dsn::new(status, error.text.as_str())
}

fn not_found(host: &[u8], soft: bool) -> Dsn {
    Dsn::new(if soft { "4.4.4" } else { "5.4.4" }, format!("{}: host not found", text::show(host)))
}

fn looping(name: &[u8]) -> Dsn {
    Dsn::new("5.4.6", format!("mail for {} loops back to myself", text::show(name)))
}

#[cfg(test)]
mod tests;
