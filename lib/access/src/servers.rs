//! Restrictions on the hosts that serve a domain (access-milter-postscreen §4.5).

use bstr::{BString, ByteSlice};
use dns::{Data, ErrorKind, Options, Record};

use crate::evaluate::Subject;
use crate::facts::is_unknown;
use crate::lookup::{address_keys, domain_keys};
use crate::names::{dns_name, is_address, resolver_text};
use crate::reply::Class;
use crate::rule::{Servers, Target};
use crate::run::{Outcome, Run, Step, Stop};

/// How many addresses are looked at in all.
const MOST_ADDRESSES: usize = 100;

impl Run<'_> {
    /// Looks up the names and addresses of the hosts that serve a domain.
    pub fn check_server_access(&mut self, target: Target, servers: Servers, word: &[u8], table: &BString) -> Outcome {
        let facts = self.facts;
        let client = &facts.client;
        let known = |name| Some(name).filter(|name: &&BString| !is_unknown(name));
        let (name, subject) = match target {
            Target::Client => (known(&client.name), Some((&client.namaddr, Class::Client))),
            Target::ReverseClient => {
                (known(&client.reverse_name), Some((&client.reverse_name, Class::UnverifiedClient)))
            }
            Target::Helo => (facts.helo.as_ref(), facts.helo.as_ref().map(|helo| (helo, Class::Helo))),
            Target::Sender | Target::Recipient => {
                let class = if target == Target::Sender { Class::Sender } else { Class::Recipient };
                let address = self.address_of(target).filter(|address| !address.is_empty());
                (address, address.map(|address| (address, class)))
            }
            Target::Etrn => (None, None),
        };
        let (Some(name), Some((shown, class))) = (name, subject) else { return Ok(Step::Dunno) };
        let step = self.check_servers(name, servers, table, Subject::of(shown, class))?;
        self.forbid_permit(step, word, name)
    }

    fn check_servers(&mut self, name: &[u8], servers: Servers, table: &BString, subject: Subject<'_>) -> Outcome {
        let domain = name.rsplit_once_str("@").map_or(name, |(_, domain)| domain);
        if let Some(inside) = domain.strip_prefix(b"[") {
            return self.check_literal_server(inside, servers, table, subject);
        }
        let Some(domain) = dns_name(domain).filter(|domain| !domain.is_empty()) else { return Ok(Step::Dunno) };
        let hosts = match servers {
            Servers::Own => vec![domain.into()],
            Servers::Mail => match self.mail_exchangers(&domain) {
                Some(hosts) => hosts,
                None => return Ok(Step::Dunno),
            },
            Servers::Name => match self.name_servers(name, &domain) {
                Some(hosts) => hosts,
                None => return Ok(Step::Dunno),
            },
        };
        let mut count = 0;
        for host in hosts {
            if let Some(outcome) = self.check_server(&host, servers, table, subject, &mut count) {
                return outcome;
            }
            if count > MOST_ADDRESSES {
                break;
            }
        }
        Ok(Step::Dunno)
    }

    fn check_literal_server(
        &mut self,
        inside: &[u8],
        servers: Servers,
        table: &BString,
        subject: Subject<'_>,
    ) -> Outcome {
        const TAG: &[u8] = b"IPv6:";
        if servers == Servers::Name {
            return Ok(Step::Dunno);
        }
        let inside = inside.split(|byte| *byte == b']').next().unwrap_or(inside);
        let address = match inside.split_at_checked(TAG.len()) {
            Some((tag, address)) if tag.eq_ignore_ascii_case(TAG) => address,
            _ => inside,
        };
        let found = self.find("check_addr_access", table, &address_keys(address))?;
        self.act_on(table, found, subject)
    }

    /// One host; `None`: the table has nothing about it.
    fn check_server(
        &mut self,
        host: &BString,
        servers: Servers,
        table: &BString,
        subject: Subject<'_>,
        count: &mut usize,
    ) -> Option<Outcome> {
        if is_address(host) {
            return self.decided(table, "check_addr_access", address_keys(host), subject);
        }
        if servers != Servers::Own {
            let keys = domain_keys(host, self.rules.plain_parents);
            let outcome = self.decided(table, "check_domain_access", keys, subject);
            if outcome.is_some() {
                return outcome;
            }
        }
        let kind = servers.kind();
        let addresses = match self.doors.dns.host_addresses(host) {
            Ok(addresses) => addresses,
            Err(why) => {
                if servers != Servers::Own {
                    let (class, name) = (subject.class.text(), text::show(subject.name));
                    log::warn!("Unable to look up {kind} host {} for {class} {name}: {why}", text::show(host));
                }
                return None;
            }
        };
        for address in addresses {
            *count += 1;
            if *count > MOST_ADDRESSES {
                let (class, name) = (subject.class.text(), text::show(subject.name));
                log::warn!(
                    "check_server_access: {kind} server address count limit ({MOST_ADDRESSES}) exceeded for {class} {name} -- \
                     ignoring the remainder"
                );
                return None;
            }
            let keys = address_keys(address.to_string().as_bytes());
            let outcome = self.decided(table, "check_addr_access", keys, subject);
            if outcome.is_some() {
                return outcome;
            }
        }
        None
    }

    /// What a table says, if it says anything.
    fn decided(
        &mut self,
        table: &BString,
        function: &str,
        keys: Vec<crate::lookup::LookupKey>,
        subject: Subject<'_>,
    ) -> Option<Result<Step, Stop>> {
        match self.find(function, table, &keys) {
            Ok(None) => None,
            Ok(found) => Some(self.act_on(table, found, subject)),
            Err(stop) => Some(Err(stop)),
        }
    }

    /// The mail exchangers of a domain; the domain itself if it has none. `None`: there is nothing to look at.
    fn mail_exchangers(&mut self, domain: &str) -> Option<Vec<BString>> {
        match self.doors.dns.query(domain.as_bytes(), Servers::Mail.kind(), Options::default()) {
            Ok(records) => Some(hosts(records)),
            Err(error) => match error.kind {
                ErrorKind::NotFound => Some(vec![domain.into()]),
                ErrorKind::NullMx => None,
                _ => {
                    log::warn!("Unable to look up MX host for {domain}: {}", resolver_text(&error));
                    None
                }
            },
        }
    }

    /// The name servers of a domain, or of the nearest domain that it is in and that has some.
    fn name_servers(&mut self, name: &[u8], domain: &str) -> Option<Vec<BString>> {
        let mut zone = domain;
        loop {
            let error = match self.doors.dns.query(zone.as_bytes(), Servers::Name.kind(), Options::default()) {
                Ok(records) => return Some(hosts(records)),
                Err(error) => error,
            };
            if error.kind != ErrorKind::NotFound {
                log::warn!("Unable to look up NS host for {zone}: {}", resolver_text(&error));
                return None;
            }
            match zone.split_once('.') {
                Some((_, parent)) if parent.contains('.') => zone = parent,
                _ => {
                    log::warn!("Unable to look up NS host for {}: {}", text::show(name), resolver_text(&error));
                    return None;
                }
            }
        }
    }
}

fn hosts(records: Vec<Record>) -> Vec<BString> {
    records
        .into_iter()
        .filter_map(|record| match record.data {
            Data::Mx { host, .. } | Data::Name(host) => Some(host),
            _ => None,
        })
        .collect()
}
