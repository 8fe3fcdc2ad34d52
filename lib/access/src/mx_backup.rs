//! Mail for domains whose backup mail exchanger this host is (access-milter-postscreen §3.9).

use address::MatchList;
use bstr::BString;
use dns::{Data, ErrorKind, Options, Record, Type};
use text::address::split_domain;

use crate::names::{dns_name, resolver_text};
use crate::reply::{Class, rejected};
use crate::rule::Target;
use crate::run::{Deferral, Outcome, Run, Step, Stop};

impl Run<'_> {
    /// Accepts what this host serves, and what it keeps for a better mail exchanger.
    pub fn permit_mx_backup(&mut self, word: &[u8], recipient: &BString) -> Outcome {
        let is_backup = self.is_served(recipient)? || self.is_mx_backup(recipient)?;
        match is_backup {
            true => self.permit(word, recipient, Class::Recipient, None),
            false => Ok(Step::Dunno),
        }
    }

    /// Defers what would be rejected, because it is not known whether this host is a backup.
    fn unable(&mut self, recipient: &[u8], what: String) {
        let text = rejected(recipient, Class::Recipient, format!("Unable to {what}"));
        self.defer_if_reject(Deferral::new(450, "4.4.4", text));
    }

    fn is_mx_backup(&mut self, recipient: &BString) -> Result<bool, Stop> {
        let resolved = self.resolve(Target::Recipient, recipient)?;
        if self.is_untrusted(&resolved) {
            return Ok(false);
        }
        let (_, domain) = split_domain(&resolved.recipient);
        let Some(domain) = domain.filter(|domain| !domain.starts_with(b"[")).and_then(dns_name) else {
            return Ok(false);
        };
        let records = match self.doors.dns.query(domain.as_bytes(), Type::MX, Options::default()) {
            Ok(records) => records,
            Err(error) => {
                if matches!(error.kind, ErrorKind::TryAgain | ErrorKind::Filtered) {
                    self.unable(recipient, format!("look up mail exchanger information: {}", resolver_text(&error)));
                }
                return Ok(false);
            }
        };
        let (primary, backup) = split_by_preference(records);
        if self.has_this_host(&primary, recipient)? || !self.has_this_host(&backup, recipient)? {
            return Ok(false);
        }
        let networks = &self.rules.mx_backup_networks;
        Ok(networks.is_empty() || self.are_trusted(&primary, networks, recipient))
    }

    /// Whether a mail exchanger is this host: by name, or by one of its addresses.
    fn has_this_host(&mut self, hosts: &[BString], recipient: &BString) -> Result<bool, Stop> {
        for host in hosts {
            match self.rules.finder.local_domains().contains(host) {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(error) => return Err(self.list_error(&error)),
            }
        }
        for host in hosts {
            match self.doors.dns.host_addresses(host) {
                Ok(addresses) => {
                    let local = self.rules.finder.local_domains();
                    if addresses.iter().any(|address| local.is_own(*address)) {
                        return Ok(true);
                    }
                }
                Err(why) => self.unable(recipient, format!("look up mail exchanger host {}: {why}", text::show(host))),
            }
        }
        Ok(false)
    }

    /// Whether all addresses of all hosts are in the list.
    fn are_trusted(&mut self, hosts: &[BString], networks: &MatchList, recipient: &BString) -> bool {
        for host in hosts {
            let addresses = match self.doors.dns.host_addresses(host) {
                Ok(addresses) => addresses,
                Err(why) => {
                    self.unable(recipient, format!("look up host {} as mail exchanger: {why}", text::show(host)));
                    return false;
                }
            };
            for address in addresses {
                match networks.matches_host(host, address.to_string().as_bytes()) {
                    Ok(true) => {}
                    Ok(false) => return false,
                    Err(_) => {
                        self.unable(recipient, format!("verify host {} as mail exchanger", text::show(host)));
                        return false;
                    }
                }
            }
        }
        true
    }
}

/// The mail exchangers of best preference, and the others.
fn split_by_preference(records: Vec<Record>) -> (Vec<BString>, Vec<BString>) {
    let mut hosts: Vec<(u16, BString)> = records
        .into_iter()
        .filter_map(|record| match record.data {
            Data::Mx { preference, host } => Some((preference, host)),
            _ => None,
        })
        .collect();
    hosts.sort_by_key(|(preference, _)| *preference);
    let best = hosts.first().map(|(preference, _)| *preference);
    let (primary, backup): (Vec<_>, Vec<_>) = hosts.into_iter().partition(|(preference, _)| Some(*preference) == best);
    let names = |hosts: Vec<(u16, BString)>| hosts.into_iter().map(|(_, name)| name).collect();
    (names(primary), names(backup))
}
