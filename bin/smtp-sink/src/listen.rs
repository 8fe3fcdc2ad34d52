//! Endpoints: `[inet:][host]:port`, `unix:path`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::Path;

use bstr::ByteSlice;

use crate::options::Options;

/// The listeners of an endpoint.
///
/// # Errors
/// The text of the fatal error.
pub fn listen(options: &Options) -> Result<Vec<OwnedFd>, String> {
    if let Some(path) = options.endpoint.strip_prefix(b"unix:") {
        let path = path.to_path().unwrap_or_else(|_| Path::new(""));
        return Ok(vec![sys::socket::listen_unix(path, options.backlog)?]);
    }
    let endpoint = options.endpoint.strip_prefix(b"inet:").unwrap_or(&options.endpoint);
    let (host, service) = endpoint.rsplit_once_str(":").unwrap_or((b"", endpoint));
    let host = host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]")).unwrap_or(host);
    let (host, service) = (text::show(host).to_string(), text::show(service).to_string());
    let port = match service.parse() {
        Ok(port) => port,
        Err(_) => sys::network::service_port(&service).ok_or(format!("unknown service: {service}/tcp"))?,
    };
    let addresses = addresses(options, &host)?;
    addresses
        .into_iter()
        .map(|ip| sys::socket::listen_tcp(SocketAddr::new(ip, port), options.backlog, options.window_size))
        .collect()
}

fn addresses(options: &Options, host: &str) -> Result<Vec<IpAddr>, String> {
    let allowed = |address: &IpAddr| if address.is_ipv4() { options.ipv4 } else { options.ipv6 };
    let found = if host.is_empty() {
        let kernel_has = |address: &IpAddr| sys::interface::probe_family(address.is_ipv6()).is_ok();
        let any = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
        any.into_iter().filter(kernel_has).collect()
    } else {
        sys::network::host_addresses(host).map_err(|error| format!("{host}: {}", sys::reason(&error)))?
    };
    let found: Vec<IpAddr> = found.into_iter().filter(allowed).collect();
    if found.is_empty() { Err(format!("no suitable addresses for {host}")) } else { Ok(found) }
}
