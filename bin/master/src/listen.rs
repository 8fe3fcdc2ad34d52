//! What clients connect to (master-ipc §3.3).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::Path;

use bstr::ByteSlice;
use config::master::{Endpoint, Entry, Transport};
use config::{Config, params};
use sys::privilege::ActingAs;

use crate::start::RESERVED;

/// How many listeners one service can hand to its processes.
const LISTENER_LIMIT: usize = RESERVED as usize - 6;

/// Where a service is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The name by which a service is known from one master.cf to the next.
    pub internal_name: String,
    /// For inet services.
    pub addresses: Vec<SocketAddr>,
    /// Whether clients of other machines can connect.
    pub remote_clients: bool,
}

impl Place {
    /// Where the service of a line is reached.
    ///
    /// # Errors
    /// The text of the fatal error.
    pub fn of(entry: &Entry, config: &Config) -> Result<Self, String> {
        if entry.transport == Transport::Inet {
            return inet(entry, config);
        }
        let class = if entry.private { "private" } else { "public" };
        Ok(Self {
            internal_name: format!("{class}/{}", entry.name.to_str_lossy()),
            addresses: Vec::new(),
            remote_clients: entry.transport == Transport::Pass,
        })
    }

    /// Makes the listeners.
    ///
    /// # Errors
    /// The text of the fatal error.
    pub fn listen(&self, entry: &Entry, config: &Config, owner: (u32, u32)) -> Result<Vec<OwnedFd>, String> {
        let backlog = backlog(entry, config);
        let window = usize::try_from(config.get(params::TCP_WINDOWSIZE)).unwrap_or(0);
        if self.addresses.len() > LISTENER_LIMIT {
            let (count, name) = (self.addresses.len(), text::show(&entry.name));
            return Err(format!("service {name}: {count} addresses are more than the limit of {LISTENER_LIMIT}"));
        }
        if entry.transport == Transport::Inet {
            let listen = |address: &SocketAddr| sys::socket::listen_tcp(*address, backlog, window);
            return self.addresses.iter().map(listen).collect();
        }
        let path = Path::new(&self.internal_name);
        let acting = ActingAs::new(owner.0, owner.1).map_err(|error| sys::reason(&error))?;
        let listener = match entry.transport {
            Transport::UnixDatagram => sys::socket::bind_datagram(path),
            Transport::Fifo => sys::socket::make_fifo(path),
            _ => sys::socket::listen_unix(path, backlog),
        };
        drop(acting);
        listener.map(|listener| vec![listener])
    }
}

fn backlog(entry: &Entry, config: &Config) -> i32 {
    let default = config.get(params::DEFAULT_PROCESS_LIMIT);
    i32::try_from(default.max(i64::from(entry.process_limit))).unwrap_or(i32::MAX)
}

fn inet(entry: &Entry, config: &Config) -> Result<Place, String> {
    let name = text::show(&entry.name);
    let endpoint = Endpoint::parse(&entry.name).map_err(|error| format!("{error} in \"{name}\""))?;
    let Some(port) = port(&endpoint.port, config) else {
        return Err(format!("bad hostname or network address: {name}"));
    };
    let ips = match &endpoint.host {
        Some(host) => {
            let host = host.to_str_lossy();
            let ips = sys::network::host_addresses(&host).unwrap_or_default();
            let ips: Vec<IpAddr> = ips.into_iter().filter(|ip| config.protocols().allow(*ip)).collect();
            if ips.is_empty() {
                return Err(format!("no valid IP address found: {name}"));
            }
            ips
        }
        None => default_addresses(config),
    };
    let internal_name = match &endpoint.host {
        Some(host) => format!("[{}]:{port}", host.to_str_lossy()),
        None => port.to_string(),
    };
    let remote_clients = ips.iter().any(|ip| !ip.is_loopback());
    let addresses = ips.into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
    Ok(Place { internal_name, addresses, remote_clients })
}

fn port(name: &[u8], config: &Config) -> Option<u16> {
    let text = name.to_str().ok()?;
    text.parse().ok().or_else(|| config.known_ports().get(name)).or_else(|| sys::network::service_port(text))
}

/// All wildcard addresses for `inet_interfaces = all`, else the addresses that it selects.
fn default_addresses(config: &Config) -> Vec<IpAddr> {
    let protocols = config.protocols();
    if config.get(params::INET_INTERFACES).eq_ignore_ascii_case(b"all") {
        let four = protocols.ipv4.then_some(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let six = protocols.ipv6.then_some(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
        return four.into_iter().chain(six).collect();
    }
    config.own_addresses()
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::master::{Defaults, parse};
    use text::level::Level;

    fn place(line: &str, pairs: &[(&str, &str)]) -> Result<Place, String> {
        let defaults = Defaults { level: Level::new(3, 6, 0), process_limit: 100 };
        let entry = parse("/m", line.as_bytes(), &defaults).unwrap().remove(0);
        Place::of(&entry, &Config::for_tests(pairs))
    }

    #[test]
    fn one_port_has_one_name() {
        let all = [("inet_interfaces", "all"), ("inet_protocols", "ipv4")];
        let smtp = place("smtp inet n - n - - smtpd", &all).unwrap();
        assert_eq!(smtp, place("25 inet n - n - - smtpd", &all).unwrap());
        assert_eq!((smtp.internal_name.as_str(), smtp.remote_clients), ("25", true));
    }

    #[test]
    fn loopback_has_no_remote_clients() {
        let place = place("127.0.0.1:10025 inet n - n - 10 smtpd", &[]).unwrap();
        assert_eq!((place.internal_name.as_str(), place.remote_clients), ("[127.0.0.1]:10025", false));
    }

    #[test]
    fn local_names_are_paths() {
        assert_eq!(place("a unix - - n - - x", &[]).unwrap().internal_name, "private/a");
        assert_eq!(place("a unix n - n - - x", &[]).unwrap().internal_name, "public/a");
    }
}
