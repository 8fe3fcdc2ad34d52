//! The network interfaces of this machine.

use std::collections::HashSet;
use std::io;
use std::net::IpAddr;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, socket};

/// An address of an interface that is up, and the network behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Interface {
    /// The address.
    pub address: IpAddr,
    /// The number of leading one bits of the interface's netmask.
    pub prefix: u8,
}

/// The addresses of all interfaces that are up: IPv4 first, else in the system's order, none twice.
///
/// # Errors
/// What getifaddrs(3) reports.
pub fn interfaces() -> io::Result<Vec<Interface>> {
    let mut seen = HashSet::new();
    let mut found: Vec<Interface> = getifaddrs()?
        .filter(|entry| entry.flags.contains(InterfaceFlags::IFF_UP))
        .filter_map(|entry| {
            let address = ip(entry.address.as_ref()?)?;
            let prefix = entry.netmask.as_ref().and_then(ip).map_or(full(address), leading_ones);
            Some(Interface { address, prefix })
        })
        .filter(|interface| seen.insert(interface.address))
        .collect();
    found.sort_by_key(|interface| interface.address.is_ipv6());
    Ok(found)
}

/// Tries whether the kernel has IPv6, or else IPv4, sockets.
///
/// # Errors
/// What socket(2) reports; `EAFNOSUPPORT` when the kernel lacks the family.
pub fn probe_family(ipv6: bool) -> io::Result<()> {
    let family = if ipv6 { AddressFamily::Inet6 } else { AddressFamily::Inet };
    socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    Ok(())
}

/// Whether an error of [`probe_family`] says that the kernel lacks the family.
pub fn is_unsupported_family(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EAFNOSUPPORT)
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    if let Some(v4) = address.as_sockaddr_in() {
        return Some(IpAddr::V4(v4.ip()));
    }
    address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip()))
}

fn full(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn leading_ones(mask: IpAddr) -> u8 {
    let ones = match mask {
        IpAddr::V4(mask) => mask.to_bits().leading_ones(),
        IpAddr::V6(mask) => mask.to_bits().leading_ones(),
    };
    ones as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_among_the_interfaces() {
        let found = interfaces().unwrap();
        assert!(found.contains(&Interface { address: "127.0.0.1".parse().unwrap(), prefix: 8 }), "{found:?}");
        probe_family(false).unwrap();
    }
}
