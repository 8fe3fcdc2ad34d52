//! DNS block and allow lists (access-milter-postscreen §3.7).

mod pattern;
mod reply;

use std::net::{IpAddr, Ipv4Addr};

use bstr::{BString, ByteSlice};
use dns::{Data, Error, ErrorKind, Options, Type};
use text::hostname::check_hostname;
use text::list::{SEPARATORS, split};

use crate::facts::{Stage, is_unknown};
use crate::names::{address, dns_name};
use crate::reply::{Class, rejected};
use crate::rule::{Rule, Target};
use crate::run::{Deferral, Outcome, Run, Step, Stop};

use pattern::Pattern;

/// The longest text of a list, in bytes.
const LONGEST_TEXT: usize = 500;

/// What a list says about a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listing {
    pub addresses: Vec<Ipv4Addr>,
    pub text: BString,
}

/// A list, and which of its answers count.
struct List<'a> {
    /// As it is in the configuration.
    argument: &'a [u8],
    domain: &'a [u8],
    filter: Option<Pattern>,
}

impl<'a> List<'a> {
    fn parse(argument: &'a [u8]) -> Result<Self, Stop> {
        let (domain, filter) = match argument.split_once_str("=") {
            Some((domain, filter)) => {
                let filter = Pattern::parse(filter).map_err(|text| Stop::Fatal(format!("RBL reply error: {text}")))?;
                (domain, Some(filter))
            }
            None => (argument, None),
        };
        Ok(List { argument, domain, filter })
    }
}

/// What is looked up, and how replies call it.
struct Listed<'a> {
    what: &'a [u8],
    class: Class,
}

impl Run<'_> {
    /// A restriction with a list.
    pub fn check_listing(&mut self, rule: Rule, word: &[u8], argument: &BString) -> Outcome {
        let facts = self.facts;
        let client = &facts.client;
        match rule {
            Rule::RejectRblClient => {
                let listed = Listed { what: &client.address, class: Class::Client };
                self.reject_listed(address_query(&client.address), argument, &listed)
            }
            Rule::PermitDnswlClient => {
                self.permit_listed(address_query(&client.address), word, argument, &client.address)
            }
            Rule::PermitRhswlClient if is_unknown(&client.name) => Ok(Step::Dunno),
            Rule::PermitRhswlClient => self.permit_listed(name_query(&client.name), word, argument, &client.name),
            Rule::RejectRhsbl(target) => {
                let Some((name, class)) = self.name_of(target) else { return Ok(Step::Dunno) };
                self.reject_listed(name_query(&name), argument, &Listed { what: &name, class })
            }
            _ => Ok(Step::Dunno),
        }
    }

    /// The name that a restriction of the `rhsbl` kind looks up.
    fn name_of(&self, target: Target) -> Option<(BString, Class)> {
        let facts = self.facts;
        let known = |name: &BString| Some(name.clone()).filter(|name| !is_unknown(name));
        match target {
            Target::Client => Some((known(&facts.client.name)?, Class::Client)),
            Target::ReverseClient => Some((known(&facts.client.reverse_name)?, Class::UnverifiedClient)),
            Target::Helo => Some((facts.helo.clone()?, Class::Helo)),
            Target::Sender => Some((facts.sender.clone().filter(|sender| !sender.is_empty())?, Class::Sender)),
            Target::Recipient => Some((self.recipient.cloned()?, Class::Recipient)),
            Target::Etrn => None,
        }
    }

    /// `reject_maps_rbl`: all domains of `maps_rbl_domains`.
    pub fn check_maps_rbl(&mut self) -> Outcome {
        if !self.memories.has_warned_of_maps_rbl {
            self.memories.has_warned_of_maps_rbl = true;
            log::warn!(
                "support for restriction \"reject_maps_rbl\" will be removed from Postfix; use \"reject_rbl_client domain-name\" instead"
            );
        }
        for domain in split(&self.rules.settings.maps_rbl_domains, SEPARATORS) {
            let step = self.check_listing(Rule::RejectRblClient, b"", &domain.into())?;
            if step != Step::Dunno {
                return Ok(step);
            }
        }
        Ok(Step::Dunno)
    }

    fn reject_listed(&mut self, query: Option<String>, argument: &BString, listed: &Listed<'_>) -> Outcome {
        let Some(query) = query else { return Ok(Step::Dunno) };
        let list = List::parse(argument)?;
        match self.listing(&query, &list) {
            Ok(Some(listing)) => self.reject_by_list(&list, &listing, listed),
            Ok(None) | Err(_) => Ok(Step::Dunno),
        }
    }

    fn permit_listed(&mut self, query: Option<String>, word: &[u8], argument: &BString, name: &BString) -> Outcome {
        let Some(query) = query else { return Ok(Step::Dunno) };
        if self.stage == Stage::Rcpt
            && let Some(recipient) = self.recipient
            && !self.is_served(recipient)?
        {
            return Ok(Step::Dunno);
        }
        let list = List::parse(argument)?;
        match self.listing(&query, &list) {
            Ok(None) => Ok(Step::Dunno),
            Ok(Some(_)) => self.permit(word, &self.facts.client.namaddr, Class::Client, None),
            Err(_) => {
                let text = rejected(name, Class::Client, "Service unavailable");
                Ok(self.defer_if_reject(Deferral::new(450, "4.7.1", text)))
            }
        }
    }

    /// What a list says about a name, by the memory of this process or by a query. A failure has been logged.
    fn listing(&mut self, query: &str, list: &List<'_>) -> Result<Option<Listing>, Error> {
        let name = format!("{query}.{}", text::show(list.domain));
        let question = BString::from(name.as_str());
        let found = match self.memories.listings.get(&question) {
            Some(found) => found,
            None => {
                let found = self.ask_list(&name)?;
                self.memories.listings.put(question, found.clone());
                found
            }
        };
        Ok(found.filter(|listing| match &list.filter {
            None => true,
            Some(pattern) => listing.addresses.iter().any(|address| pattern.matches(*address)),
        }))
    }

    fn ask_list(&mut self, name: &str) -> Result<Option<Listing>, Error> {
        let records = match self.doors.dns.query(name.as_bytes(), Type::A, Options::default()) {
            Ok(records) => records,
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                log::warn!("{name}: RBL lookup error: {error}");
                return Err(error);
            }
        };
        let addresses = records
            .into_iter()
            .filter_map(|record| match record.data {
                Data::A(address) => Some(address),
                _ => None,
            })
            .collect();
        Ok(Some(Listing { addresses, text: self.ask_for_text(name) }))
    }

    fn ask_for_text(&mut self, name: &str) -> BString {
        let records = match self.doors.dns.query(name.as_bytes(), Type::TXT, Options::default()) {
            Ok(records) => records,
            Err(error) => {
                if error.kind != ErrorKind::NotFound {
                    log::warn!("{name}: TXT lookup error: {error}");
                }
                return BString::default();
            }
        };
        let texts: Vec<BString> = records
            .into_iter()
            .filter_map(|record| match record.data {
                Data::Txt(text) => Some(text),
                _ => None,
            })
            .collect();
        let mut text = bstr::join(" / ", &texts);
        text.truncate(LONGEST_TEXT);
        text.into()
    }
}

/// The first part of a query about an address: what it is made of, backwards.
fn address_query(text: &[u8]) -> Option<String> {
    Some(match address(text)? {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}")
        }
        IpAddr::V6(address) => {
            let nibbles = address.octets().into_iter().rev().flat_map(|octet| [octet & 15, octet >> 4]);
            nibbles.map(|nibble| format!("{nibble:x}")).collect::<Vec<_>>().join(".")
        }
    })
}

/// The first part of a query about a name, or the domain of an address.
fn name_query(name: &[u8]) -> Option<String> {
    let domain = name.rsplit_once_str("@").map_or(name, |(_, domain)| domain);
    let last = domain.rsplit_once_str(".").map_or(domain, |(_, last)| last);
    if domain.is_empty() || domain.starts_with(b"[") || last.iter().all(u8::is_ascii_digit) {
        return None;
    }
    dns_name(domain).filter(|domain| check_hostname(domain.as_bytes()).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries() {
        assert_eq!(address_query(b"192.0.2.9").unwrap(), "9.2.0.192");
        let query = address_query(b"2001:db8::1").unwrap();
        assert_eq!(query, format!("1.{}8.b.d.0.1.0.0.2", "0.".repeat(23)));
        assert_eq!(name_query(b"a@b.example").as_deref(), Some("b.example"));
        assert_eq!(name_query(b"pc").as_deref(), Some("pc"));
        for name in ["", "a@", "[192.0.2.1]", "192.0.2.1", "a b"] {
            assert_eq!(name_query(name.as_bytes()), None, "{name}");
        }
    }
}
