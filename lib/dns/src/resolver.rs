//! Lookups: aliases, search lists, several types for one name (smtp-client §21).

use std::cell::Cell;

use bstr::BString;

use crate::answer::{Asked, Meaning, push_limited};
use crate::error::{Error, ErrorKind};
use crate::name::can_be_asked;
use crate::probe::Probe;
use crate::record::{Record, Type};
use crate::resolv_conf::ResolvConf;
use crate::search::{Failures, candidates};
use crate::transport;
use crate::wire::{Reply, Style};

/// The most aliases that are followed beyond those in a reply.
const MAX_ALIASES: usize = 10;
/// How to look a name up. All off by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `res_defnames`: complete a name without dots.
    pub default_names: bool,
    /// `res_dnsrch`: try the domains of the search list.
    pub search: bool,
    /// Ask for DNSSEC validation.
    pub dnssec: bool,
}

/// Something that looks names up.
pub trait Resolve {
    /// The records of one type.
    ///
    /// # Errors
    /// Why there are none.
    fn query(&self, name: &[u8], rtype: Type, options: Options) -> Result<Vec<Record>, Error>;

    /// The records of all the types, in their order. One type that has records is enough.
    ///
    /// # Errors
    /// The best failure, and of equal ones the last.
    fn lookup(&self, name: &[u8], types: &[Type], options: Options) -> Result<Vec<Record>, Error> {
        let mut records = Vec::new();
        let mut failure: Option<Error> = None;
        for rtype in types {
            match self.query(name, *rtype, options) {
                Ok(found) => found.into_iter().for_each(|record| push_limited(&mut records, record)),
                Err(error) if failure.as_ref().is_none_or(|old| error.kind <= old.kind) => failure = Some(error),
                Err(_) => {}
            }
        }
        match failure {
            Some(failure) if records.is_empty() => Err(failure),
            _ => Ok(records),
        }
    }
}

/// What a reply filter wants with a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Keep it.
    Keep,
    /// Remove it.
    Ignore,
    /// The filter says something that it cannot say, or failed; that has been logged.
    Confused,
}

/// Looks at each record of a reply in text form, such as `smtp_dns_reply_filter`.
pub trait ReplyFilter {
    /// Judges a record.
    fn judge(&self, record: &str) -> Verdict;
}

/// Asks name servers.
pub struct Resolver {
    conf: ResolvConf,
    filter: Option<Box<dyn ReplyFilter>>,
    probe: Option<Probe>,
    /// Some reply so far was validated, or the probe has been made.
    dnssec_settled: Cell<bool>,
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resolver").field("conf", &self.conf).finish_non_exhaustive()
    }
}

impl Resolver {
    /// A resolver for these name servers.
    pub fn new(conf: ResolvConf) -> Self {
        Self { conf, filter: None, probe: None, dnssec_settled: Cell::new(false) }
    }

    /// A resolver for the name servers of this machine, as /etc/resolv.conf names them now.
    pub fn system() -> Self {
        Self::new(ResolvConf::system())
    }

    /// The same resolver, with a reply filter.
    #[must_use]
    pub fn with_filter(self, filter: Option<Box<dyn ReplyFilter>>) -> Self {
        Self { filter, ..self }
    }

    /// The same resolver, which probes once whether there is DNSSEC validation at all.
    #[must_use]
    pub fn with_probe(self, probe: Option<Probe>) -> Self {
        Self { probe, ..self }
    }

    /// Follows aliases from `name` until there are records.
    fn follow(&self, name: &[u8], rtype: Type, options: Options) -> Result<Vec<Record>, Error> {
        let mut current = BString::from(name);
        let mut dnssec = options.dnssec;
        for step in 0..=MAX_ALIASES {
            let options = Options { dnssec, ..options };
            let found = match step {
                0 => self.search(name, rtype, options),
                _ => self.ask(name, &current, rtype, options),
            };
            let (meaning, validated) = found?;
            // An alias that nobody vouches for makes the rest of the chain worth no more.
            dnssec &= validated;
            match meaning {
                Meaning::Records(records) => return Ok(records),
                Meaning::Alias(target) => current = target,
            }
        }
        log::warn!("dns_lookup: Name server loop for {}", text::show(name));
        Err(Error::new(ErrorKind::NotFound, format!("Name server loop for {}", text::show(name))))
    }

    fn search(&self, name: &[u8], rtype: Type, options: Options) -> Result<(Meaning, bool), Error> {
        let mut failures = Failures::default();
        for candidate in candidates(&self.conf, name, options) {
            match self.ask(name, &candidate, rtype, options) {
                Ok(found) => return Ok(found),
                Err(error) => {
                    if failures.add(error, candidate == name) {
                        break;
                    }
                }
            }
        }
        Err(failures.result().unwrap_or_else(|| Error::invalid_name(name)))
    }

    /// One question about `name`, for a caller who asked for `query`.
    fn ask(&self, query: &[u8], name: &[u8], rtype: Type, options: Options) -> Result<(Meaning, bool), Error> {
        let style = Style { edns: options.dnssec, dnssec: options.dnssec };
        let shown = if name == b"." { b"" } else { name };
        let reply = transport::ask(&self.conf, shown, rtype, style).map_err(|none| {
            let error = Error::of_query(ErrorKind::TryAgain, name, rtype, "Host not found, try again");
            Error { rcode: none.rcode, ..error }
        })?;
        let validated = options.dnssec && reply.authentic;
        let asked = Asked { query, name, rtype, validated };
        let meaning = asked.judge(&reply);
        let with_reply = |error| annotated(error, &reply);
        meaning.map(|meaning| (meaning, validated)).map_err(with_reply)
    }

    fn filtered(&self, name: &[u8], rtype: Type, records: Vec<Record>) -> Result<Vec<Record>, Error> {
        let Some(filter) = &self.filter else { return Ok(records) };
        let mut kept = Vec::new();
        for record in records {
            let text = record.to_string();
            match filter.judge(&text) {
                Verdict::Keep => kept.push(record),
                Verdict::Ignore => log::info!("ignoring DNS RR: {text}"),
                Verdict::Confused => {
                    return Err(Error::filtered(ErrorKind::TryAgain, name, rtype, "Invalid DNS reply filter syntax"));
                }
            }
        }
        match kept.is_empty() {
            true => Err(Error::filtered(ErrorKind::Filtered, name, rtype, "DNS reply filter drops all results")),
            false => Ok(kept),
        }
    }

    /// After the first lookup that asked for DNSSEC and got none: is there any?
    fn settle_dnssec(&self, validated: bool) {
        if self.dnssec_settled.get() {
            return;
        }
        if validated {
            self.dnssec_settled.set(true);
        } else if let Some(probe) = &self.probe {
            self.dnssec_settled.set(true);
            probe.judge(|name, rtype| {
                let options = Options { dnssec: true, ..Options::default() };
                self.ask(name, name, rtype, options).map(|(_, validated)| validated)
            });
        }
    }
}

fn annotated(error: Error, reply: &Reply) -> Error {
    Error { rcode: Some(reply.rcode), negative_ttl: reply.negative_ttl, ..error }
}

impl Resolve for Resolver {
    fn query(&self, name: &[u8], rtype: Type, options: Options) -> Result<Vec<Record>, Error> {
        if !can_be_asked(name) {
            return Err(Error::invalid_name(name));
        }
        let found = self.follow(name, rtype, options);
        if options.dnssec {
            self.settle_dnssec(found.as_ref().is_ok_and(|records| records.iter().any(|record| record.validated)));
        }
        self.filtered(name, rtype, found?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Zone;

    #[test]
    fn the_best_failure_counts_and_of_equal_ones_the_last() {
        let zone = Zone::default()
            .fail("a.example", Type::A, ErrorKind::TryAgain)
            .aaaa("both.example", "2001:db8::1")
            .a("both.example", "192.0.2.1")
            .fail("half.example", Type::A, ErrorKind::TryAgain)
            .aaaa("half.example", "2001:db8::2");
        let both = [Type::A, Type::AAAA];
        let options = Options::default();
        assert_eq!(zone.lookup(b"a.example", &both, options).unwrap_err().kind, ErrorKind::TryAgain);
        let error = zone.lookup(b"none.example", &both, options).unwrap_err();
        assert!(error.text.ends_with("name=none.example type=AAAA: Host not found"), "{error}");
        let found = zone.lookup(b"both.example", &both, options).unwrap();
        assert_eq!(found[0].rtype, Type::A);
        assert_eq!(zone.lookup(b"half.example", &both, options).unwrap().len(), 1);
    }

    #[test]
    fn names_that_cannot_be_are_not_asked_for() {
        let resolver = Resolver::new(ResolvConf { servers: Vec::new(), ..ResolvConf::default() });
        for name in [&b"192.0.2.1"[..], b"a..b", b""] {
            let error = resolver.query(name, Type::MX, Options::default()).unwrap_err();
            assert_eq!(error.kind, ErrorKind::NotFound);
            assert!(error.text.ends_with(": invalid host or domain name"));
        }
    }

    struct NoV4;

    impl ReplyFilter for NoV4 {
        fn judge(&self, record: &str) -> Verdict {
            match record {
                record if record.contains(" IN A ") => Verdict::Ignore,
                record if record.contains(" IN MX ") => Verdict::Confused,
                _ => Verdict::Keep,
            }
        }
    }

    #[test]
    fn filters_remove_records() {
        let zone = Zone::default().a("a.example", "192.0.2.1").aaaa("a.example", "::1").mx("a.example", 1, "b.example");
        let resolver = Resolver::new(ResolvConf::default()).with_filter(Some(Box::new(NoV4)));
        let filtered = |rtype| {
            let records = zone.query(b"a.example", rtype, Options::default()).unwrap();
            resolver.filtered(b"a.example", rtype, records)
        };
        assert_eq!(filtered(Type::AAAA).unwrap().len(), 1);
        assert_eq!(
            filtered(Type::A).unwrap_err().text,
            "Error looking up name=a.example type=A: DNS reply filter drops all results"
        );
        assert_eq!(filtered(Type::MX).unwrap_err().kind, ErrorKind::TryAgain);
    }
}
