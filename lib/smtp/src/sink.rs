//! Where programs listen that throw mail away (smtpd §15): `[inet:][host]:port`, `unix:path`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::Path;

use bstr::{BString, ByteSlice};

use crate::load::Families;

/// Where and how to listen.
#[derive(Clone, Debug)]
pub struct Place {
    /// The endpoint.
    pub endpoint: BString,
    /// How many clients may wait.
    pub backlog: i32,
    /// Which addresses are wanted.
    pub families: Families,
    /// The size of the TCP window, in bytes; 0: the system's.
    pub window: usize,
}

impl Place {
    /// Reads the two operands. `None`: they make no sense.
    pub fn parse(endpoint: &[u8], backlog: &[u8]) -> Option<Place> {
        let backlog: i32 = backlog.to_str().ok()?.parse().ok().filter(|backlog| *backlog > 0)?;
        Some(Place { endpoint: endpoint.into(), backlog, families: Families::All, window: 0 })
    }

    /// The listeners.
    ///
    /// # Errors
    /// The text of the fatal error.
    pub fn listen(&self) -> Result<Vec<OwnedFd>, String> {
        if let Some(path) = self.endpoint.strip_prefix(b"unix:") {
            let path = path.to_path().unwrap_or_else(|_| Path::new(""));
            return Ok(vec![sys::socket::listen_unix(path, self.backlog)?]);
        }
        let endpoint = self.endpoint.strip_prefix(b"inet:").unwrap_or(&self.endpoint);
        let (host, service) = endpoint.rsplit_once_str(":").unwrap_or((b"", endpoint));
        let host = host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]")).unwrap_or(host);
        let (host, service) = (text::show(host).to_string(), text::show(service).to_string());
        let port = match service.parse() {
            Ok(port) => port,
            Err(_) => sys::network::service_port(&service).ok_or(format!("unknown service: {service}/tcp"))?,
        };
        let listen = |ip| sys::socket::listen_tcp(SocketAddr::new(ip, port), self.backlog, self.window);
        self.addresses(&host)?.into_iter().map(listen).collect()
    }

    fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, String> {
        let found = if host.is_empty() {
            let kernel_has = |address: &IpAddr| sys::interface::probe_family(address.is_ipv6()).is_ok();
            let any = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
            any.into_iter().filter(kernel_has).collect()
        } else {
            sys::network::host_addresses(host).map_err(|error| format!("{host}: {}", sys::reason(&error)))?
        };
        let found: Vec<IpAddr> = found.into_iter().filter(|address| self.families.wants(*address)).collect();
        if found.is_empty() { Err(format!("no suitable addresses for {host}")) } else { Ok(found) }
    }
}
