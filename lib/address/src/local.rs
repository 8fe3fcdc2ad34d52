//! Which domains are ours (cleanup-rewrite §9.2).

use std::net::IpAddr;

use bstr::ByteSlice;
use config::{Config, params};
use table::{Error, Tables};
use text::hostaddr::{HostaddrError, ipv4, ipv6};

use crate::MatchList;

/// `mydestination`, and this machine's addresses as literals.
#[derive(Debug)]
pub struct LocalDomains {
    mydestination: MatchList,
    addresses: Vec<IpAddr>,
}

impl LocalDomains {
    /// Reads the parameters.
    ///
    /// # Errors
    /// The text that ends the program.
    pub fn new(tables: &Tables, config: &Config) -> Result<Self, String> {
        let key = params::MYDESTINATION;
        let mydestination = MatchList::new(tables, key.name(), config.get(key))?;
        let mut addresses = config.own_addresses();
        addresses.extend(config.proxy_addresses().map_err(|error| error.to_string())?);
        Ok(LocalDomains { mydestination, addresses })
    }

    /// Whether mail for this domain, or for this address literal, is for us.
    ///
    /// # Errors
    /// A table of `mydestination` failed, which has been logged.
    pub fn contains(&self, domain: &[u8]) -> Result<bool, Error> {
        let domain = domain.strip_suffix(b".").unwrap_or(domain);
        if domain.is_empty() || domain.ends_with(b".") {
            return Ok(false);
        }
        if self.mydestination.matches(domain)? {
            return Ok(true);
        }
        Ok(match literal(domain) {
            None => false,
            Some(Ok(address)) => self.is_own(address),
            Some(Err(problem)) => {
                log::warn!("{problem}");
                false
            }
        })
    }

    /// Whether a network address is one of ours.
    pub fn is_own(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address)
    }
}

/// The address in `[address]` or `[IPv6:address]`; `None`: no brackets.
pub fn literal(domain: &[u8]) -> Option<Result<IpAddr, HostaddrError>> {
    const TAG: &[u8] = b"IPv6:";
    let inner = domain.strip_prefix(b"[")?.strip_suffix(b"]")?;
    Some(match inner.get(..TAG.len()) {
        Some(tag) if tag.eq_ignore_ascii_case(TAG) => ipv6(inner[TAG.len()..].as_bytes()).map(IpAddr::V6),
        _ => ipv4(inner).map(IpAddr::V4),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use table::Settings;

    #[test]
    fn domains_and_literals() {
        let tables = Tables::new(Settings::default());
        let config = Config::for_tests(&[("mydestination", "mail.example.com, localhost")]);
        let local = LocalDomains::new(&tables, &config).unwrap();
        let contains = |domain: &str| local.contains(domain.as_bytes()).unwrap();
        assert!(contains("LOCALHOST") && contains("localhost.") && contains("[127.0.0.1]"));
        assert!(!contains("") && !contains("localhost..") && !contains("[192.0.2.1]") && !contains("[x]"));
    }
}
