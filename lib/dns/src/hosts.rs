//! The system's own resolver: /etc/hosts and whatever else it uses (`native` in smtp_host_lookup; smtp-client §4.2).

use std::net::IpAddr;

pub use sys::name_info::NameInfoError;

/// The addresses of a host, in the resolver's order, of all families.
///
/// # Errors
/// What getaddrinfo(3) reports.
pub fn addresses(host: &[u8]) -> Result<Vec<IpAddr>, NameInfoError> {
    let host = std::str::from_utf8(host).map_err(|_| NameInfoError::NO_NAME)?;
    sys::name_info::addresses(host)
}

/// The name of an address.
///
/// # Errors
/// What getnameinfo(3) reports, also when there is none.
pub fn name(address: IpAddr) -> Result<String, NameInfoError> {
    sys::name_info::name(address)
}
