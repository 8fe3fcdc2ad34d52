//! Which protocols and which of this machine's addresses the mail system uses (config §5.1).

use std::io;
use std::net::{IpAddr, ToSocketAddrs};

use bstr::ByteSlice;
use sys::interface::{self, Interface};
use text::list;

use crate::error::Error;

/// The protocols of inet_protocols that the kernel has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Protocols {
    /// IPv4.
    pub ipv4: bool,
    /// IPv6.
    pub ipv6: bool,
}

impl Protocols {
    /// Whether any network protocol is left.
    pub fn any(self) -> bool {
        self.ipv4 || self.ipv6
    }

    /// Whether an address is of an enabled protocol.
    pub fn allow(self, address: IpAddr) -> bool {
        if address.is_ipv4() { self.ipv4 } else { self.ipv6 }
    }

    /// Reads inet_protocols.
    ///
    /// # Errors
    /// For a word that is no protocol.
    pub fn parse(value: &[u8]) -> Result<Self, Error> {
        let mut found = Protocols::default();
        for word in list::split(value, list::SEPARATORS) {
            match word {
                b"all" => found = Protocols { ipv4: true, ipv6: true },
                b"ipv4" => found.ipv4 = true,
                b"ipv6" => found.ipv6 = true,
                _ => {
                    let (context, word) = ("inet_protocols".into(), word.into());
                    return Err(Error::Word { context, word, value: value.into() });
                }
            }
        }
        Ok(found)
    }

    /// Leaves out what the kernel does not have, and says so.
    ///
    /// # Errors
    /// When a socket cannot be made for another reason.
    pub fn probe(mut self) -> Result<Self, Error> {
        for (enabled, ipv6, name) in [(&mut self.ipv4, false, "IPv4"), (&mut self.ipv6, true, "IPv6")] {
            match interface::probe_family(ipv6) {
                Err(error) if *enabled && interface::is_unsupported_family(&error) => {
                    let reason = sys::reason(&error);
                    log::warn!("inet_protocols: disabling {name} name/address support: {reason}");
                    *enabled = false;
                }
                Err(source) if *enabled => return Err(Error::Network { call: "socket", source }),
                _ => {}
            }
        }
        Ok(self)
    }
}

/// The addresses of inet_interfaces; all of them are this machine's.
///
/// # Errors
/// For a host that is not found, an address that is not local, and a machine without addresses.
pub fn own_interfaces(value: &[u8], protocols: Protocols) -> Result<Vec<Interface>, Error> {
    if !protocols.any() {
        return Ok(Vec::new());
    }
    let local = interface::interfaces().map_err(|source| Error::Network { call: "getifaddrs", source })?;
    select_own(value, local.into_iter().filter(|interface| protocols.allow(interface.address)).collect(), protocols)
}

fn select_own(value: &[u8], local: Vec<Interface>, protocols: Protocols) -> Result<Vec<Interface>, Error> {
    let own = match value {
        b"all" => local,
        b"loopback-only" => local.into_iter().filter(|interface| interface.address.is_loopback()).collect(),
        list => {
            let mut own = Vec::new();
            for address in resolve_list("inet_interfaces", list, protocols)? {
                let found = local.iter().find(|interface| interface.address == address);
                own.push(*found.ok_or(Error::NotLocal(address))?);
            }
            return Ok(own);
        }
    };
    if own.is_empty() { Err(Error::NoInterfaces) } else { Ok(own) }
}

/// The addresses of a list of host names and addresses, none twice.
pub(crate) fn resolve_list(parameter: &'static str, value: &[u8], protocols: Protocols) -> Result<Vec<IpAddr>, Error> {
    let mut found = Vec::new();
    for host in list::split(value, b" \t,") {
        let addresses = resolve(host, protocols).map_err(|_| Error::HostNotFound { parameter, host: host.into() })?;
        for address in addresses {
            if !found.contains(&address) {
                found.push(address);
            }
        }
    }
    Ok(found)
}

/// The addresses of one host; an IPv6 address may be in brackets.
fn resolve(host: &[u8], protocols: Protocols) -> io::Result<Vec<IpAddr>> {
    let host = host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]")).unwrap_or(host);
    let host = host.to_str().map_err(io::Error::other)?;
    let found: Vec<IpAddr> = match host.parse::<IpAddr>() {
        Ok(address) => vec![address],
        Err(_) => (host, 0).to_socket_addrs()?.map(|address| address.ip()).collect(),
    };
    let found: Vec<IpAddr> = found.into_iter().filter(|&address| protocols.allow(address)).collect();
    if found.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(found) }
}

/// The text of a warning or value that lists protocols.
impl std::fmt::Display for Protocols {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match (self.ipv4, self.ipv6) {
            (true, true) => "all",
            (true, false) => "ipv4",
            (false, true) => "ipv6",
            (false, false) => "",
        })
    }
}

/// The interfaces for a text that unit tests use: loopback alone.
pub(crate) fn loopback() -> Vec<Interface> {
    vec![Interface { address: IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), prefix: 8 }]
}

/// The addresses of interfaces.
pub(crate) fn addresses(interfaces: &[Interface]) -> Vec<IpAddr> {
    interfaces.iter().map(|interface| interface.address).collect()
}

/// The value of proxy_interfaces.
pub(crate) fn proxy_addresses(value: &[u8], protocols: Protocols) -> Result<Vec<IpAddr>, Error> {
    resolve_list("proxy_interfaces", value, protocols)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: Protocols = Protocols { ipv4: true, ipv6: true };

    fn local() -> Vec<Interface> {
        ["127.0.0.1", "192.0.2.7", "::1"]
            .iter()
            .map(|address| Interface { address: address.parse().unwrap(), prefix: 8 })
            .collect()
    }

    fn select(value: &str) -> Result<Vec<String>, String> {
        let own = select_own(value.as_bytes(), local(), BOTH).map_err(|error| error.to_string())?;
        Ok(own.iter().map(|own| own.address.to_string()).collect())
    }

    #[test]
    fn protocols_are_a_union_of_words() {
        assert_eq!(Protocols::parse(b"ipv4, ipv6").unwrap(), BOTH);
        assert_eq!(Protocols::parse(b"").unwrap(), Protocols::default());
        let error = Protocols::parse(b"ipv4 IPv6").unwrap_err().to_string();
        assert_eq!(error, "unknown inet_protocols value \"IPv6\" in \"ipv4 IPv6\"");
    }

    #[test]
    fn interfaces_are_checked_against_the_machine() {
        assert_eq!(select("all").unwrap().len(), 3);
        assert_eq!(select("loopback-only").unwrap(), ["127.0.0.1", "::1"]);
        assert_eq!(select("192.0.2.7, [::1] 192.0.2.7").unwrap(), ["192.0.2.7", "::1"]);
        assert_eq!(
            select("192.0.2.9").unwrap_err(),
            "parameter inet_interfaces: no local interface found for 192.0.2.9"
        );
        assert!(select("").unwrap().is_empty());
        assert_eq!(
            select("nosuch.invalid").unwrap_err(),
            "config variable inet_interfaces: host not found: nosuch.invalid"
        );
    }
}
