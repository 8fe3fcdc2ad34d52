//! A name server for tests, without a network.

use std::collections::HashMap;

use bstr::BString;

use crate::error::{Error, ErrorKind};
use crate::record::{Data, Record, Type};
use crate::resolver::{Options, Resolve};

/// Records and failures of one life time; names that it does not have are not found.
#[derive(Clone, Debug, Default)]
pub struct Zone {
    records: Vec<Record>,
    failures: HashMap<(BString, Type), ErrorKind>,
}

impl Zone {
    /// One more record.
    #[must_use]
    pub fn record(mut self, name: &str, rtype: Type, data: Data) -> Self {
        let (query, owner) = (BString::from(name), BString::from(name));
        self.records.push(Record { query, owner, rtype, ttl: 3600, validated: false, data });
        self
    }

    /// One more MX record.
    #[must_use]
    pub fn mx(self, name: &str, preference: u16, host: &str) -> Self {
        self.record(name, Type::MX, Data::Mx { preference, host: host.into() })
    }

    /// One more A record.
    ///
    /// # Panics
    /// When the text is no IPv4 address.
    #[must_use]
    pub fn a(self, name: &str, address: &str) -> Self {
        self.record(name, Type::A, Data::A(address.parse().expect("an IPv4 address")))
    }

    /// One more AAAA record.
    ///
    /// # Panics
    /// When the text is no IPv6 address.
    #[must_use]
    pub fn aaaa(self, name: &str, address: &str) -> Self {
        self.record(name, Type::AAAA, Data::Aaaa(address.parse().expect("an IPv6 address")))
    }

    /// A question that fails.
    #[must_use]
    pub fn fail(mut self, name: &str, rtype: Type, kind: ErrorKind) -> Self {
        self.failures.insert((name.into(), rtype), kind);
        self
    }
}

impl Resolve for Zone {
    fn query(&self, name: &[u8], rtype: Type, _options: Options) -> Result<Vec<Record>, Error> {
        if let Some(kind) = self.failures.get(&(name.into(), rtype)) {
            return Err(match kind {
                ErrorKind::NullMx => {
                    Error::new(*kind, format!("Domain {} does not accept mail (nullMX)", text::show(name)))
                }
                ErrorKind::Invalid => Error::malformed(name, rtype),
                ErrorKind::TryAgain => Error::of_query(*kind, name, rtype, "Host not found, try again"),
                _ => Error::of_query(*kind, name, rtype, "Non-recoverable error"),
            });
        }
        let found: Vec<Record> = self
            .records
            .iter()
            .filter(|record| record.rtype == rtype && record.owner.eq_ignore_ascii_case(name))
            .cloned()
            .collect();
        if found.is_empty() {
            let known = self.records.iter().any(|record| record.owner.eq_ignore_ascii_case(name));
            let why = if known { "Host found but no data record of requested type" } else { "Host not found" };
            return Err(Error::of_query(ErrorKind::NotFound, name, rtype, why));
        }
        Ok(found)
    }
}
