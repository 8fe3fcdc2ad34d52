//! The services and hosts databases.

use std::ffi::{CStr, CString};
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Mutex;

/// The TCP port of a service name, from the services database.
pub fn service_port(name: &str) -> Option<u16> {
    static LOCK: Mutex<()> = Mutex::new(());
    const TCP: &CStr = c"tcp";
    let name = CString::new(name).ok()?;
    let _guard = LOCK.lock();
    // SAFETY: both strings end in NUL, and the lock keeps other threads from the static buffer that the result points to.
    let entry = unsafe { libc::getservbyname(name.as_ptr(), TCP.as_ptr()) };
    if entry.is_null() {
        return None;
    }
    // SAFETY: not null, and valid until the next call, which the lock delays.
    let port = unsafe { (*entry).s_port };
    u16::try_from(port).ok().map(u16::from_be)
}

/// The addresses of a host, each once, from the system's resolver; an address stands for itself.
///
/// # Errors
/// When the resolver knows none.
pub fn host_addresses(name: &str) -> std::io::Result<Vec<IpAddr>> {
    let mut addresses = Vec::new();
    for address in (name, 0).to_socket_addrs()? {
        if !addresses.contains(&address.ip()) {
            addresses.push(address.ip());
        }
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_stand_for_themselves() {
        assert_eq!(host_addresses("127.0.0.1").unwrap(), ["127.0.0.1".parse::<IpAddr>().unwrap()]);
        assert_eq!(service_port("no-such-service"), None);
    }
}
