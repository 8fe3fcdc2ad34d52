//! The system's own resolver: /etc/hosts and what else nsswitch.conf names (getaddrinfo(3), getnameinfo(3)).

use std::ffi::{CStr, CString};
use std::fmt;
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ptr;

use socket2::SockAddr;

/// `NI_MAXHOST`: room for the longest host name.
const NAME_SIZE: usize = 1025;

/// An error number of getaddrinfo(3) or getnameinfo(3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameInfoError(i32);

impl NameInfoError {
    /// The name has no entry.
    pub const NO_NAME: NameInfoError = NameInfoError(libc::EAI_NONAME);
    /// The resolver has no answer now.
    pub const AGAIN: NameInfoError = NameInfoError(libc::EAI_AGAIN);

    /// Whether another try may find more: try again, no memory, system error.
    pub fn is_temporary(self) -> bool {
        matches!(self.0, libc::EAI_AGAIN | libc::EAI_MEMORY | libc::EAI_SYSTEM)
    }

    /// Whether it is about the name, rather than about the resolver: try again, no data, no such name.
    pub fn is_about_name(self) -> bool {
        matches!(self.0, libc::EAI_AGAIN | libc::EAI_NODATA | libc::EAI_NONAME)
    }
}

impl fmt::Display for NameInfoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: gai_strerror returns a constant text for any number.
        let text = unsafe { CStr::from_ptr(libc::gai_strerror(self.0)) };
        f.write_str(&text.to_string_lossy())
    }
}

impl std::error::Error for NameInfoError {}

/// The addresses of a host, in the resolver's order, of all families.
///
/// # Errors
/// What getaddrinfo(3) reports; a name with a NUL does not exist.
pub fn addresses(host: &str) -> Result<Vec<IpAddr>, NameInfoError> {
    let host = CString::new(host).map_err(|_| NameInfoError::NO_NAME)?;
    let mut hints = MaybeUninit::<libc::addrinfo>::zeroed();
    // SAFETY: all bytes zero is a valid addrinfo, of numbers and null pointers.
    let hints = unsafe {
        (*hints.as_mut_ptr()).ai_socktype = libc::SOCK_STREAM;
        hints.assume_init()
    };
    let mut list = ptr::null_mut();
    // SAFETY: the name ends in NUL, and the other pointers are to live variables.
    let error = unsafe { libc::getaddrinfo(host.as_ptr(), ptr::null(), &raw const hints, &raw mut list) };
    if error != 0 {
        return Err(NameInfoError(error));
    }
    let mut found = Vec::new();
    let mut next = list;
    // SAFETY: getaddrinfo succeeded: the list is valid until it is freed, and each address is as long as its family's.
    unsafe {
        while let Some(entry) = next.as_ref() {
            found.extend(ip(entry.ai_addr));
            next = entry.ai_next;
        }
        libc::freeaddrinfo(list);
    }
    Ok(found)
}

/// # Safety
/// The pointer is null, or to a valid socket address of its family.
unsafe fn ip(address: *const libc::sockaddr) -> Option<IpAddr> {
    // SAFETY: as the caller promises; the family says how long the address is, and reads need no alignment.
    unsafe {
        match i32::from(address.as_ref()?.sa_family) {
            libc::AF_INET => {
                let v4 = ptr::read_unaligned(address.cast::<libc::sockaddr_in>());
                Some(IpAddr::V4(Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes())))
            }
            libc::AF_INET6 => {
                let v6 = ptr::read_unaligned(address.cast::<libc::sockaddr_in6>());
                Some(IpAddr::V6(Ipv6Addr::from(v6.sin6_addr.s6_addr)))
            }
            _ => None,
        }
    }
}

/// The host name of an address.
///
/// # Errors
/// What getnameinfo(3) reports, also when the address has no name.
pub fn name(address: IpAddr) -> Result<String, NameInfoError> {
    let address = SockAddr::from(SocketAddr::new(address, 0));
    let mut buffer = [0u8; NAME_SIZE];
    // SAFETY: address and buffer are live, and passed with their lengths.
    let error = unsafe {
        libc::getnameinfo(
            address.as_ptr().cast(),
            address.len(),
            buffer.as_mut_ptr().cast(),
            NAME_SIZE as libc::socklen_t,
            ptr::null_mut(),
            0,
            libc::NI_NAMEREQD,
        )
    };
    if error != 0 {
        return Err(NameInfoError(error));
    }
    let name = CStr::from_bytes_until_nul(&buffer).map_err(|_| NameInfoError::NO_NAME)?;
    Ok(name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_is_known_everywhere() {
        assert!(addresses("localhost").unwrap().contains(&IpAddr::V4(Ipv4Addr::LOCALHOST)));
        assert_eq!(addresses("127.0.0.2").unwrap(), [IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2))]);
        assert_eq!(addresses("a\0b"), Err(NameInfoError::NO_NAME));
        assert_eq!(NameInfoError::AGAIN.to_string(), "Temporary failure in name resolution");
        assert!(NameInfoError::AGAIN.is_temporary() && !NameInfoError::NO_NAME.is_temporary());
    }
}
