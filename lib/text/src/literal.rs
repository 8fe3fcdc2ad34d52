//! Address literals: `[192.0.2.1]`, `[IPv6:2001:db8::1]` (RFC 5321 §4.1.3).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The address in an address literal with its brackets; `None` when it is none. `IPv6:` may be in any case.
///
/// ```
/// assert!(text::literal::address(b"[IPv6:2001:db8::1]").is_some());
/// assert!(text::literal::address(b"[2001:db8::1]").is_none());
/// ```
pub fn address(literal: &[u8]) -> Option<IpAddr> {
    const TAG: &[u8] = b"IPv6:";
    let inner = literal.strip_prefix(b"[")?.strip_suffix(b"]")?;
    let text = |bytes| std::str::from_utf8(bytes).ok();
    match inner.split_at_checked(TAG.len()) {
        Some((tag, address)) if tag.eq_ignore_ascii_case(TAG) => {
            text(address)?.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
        }
        _ => text(inner)?.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals() {
        assert_eq!(address(b"[192.0.2.1]"), Some("192.0.2.1".parse().unwrap()));
        assert_eq!(address(b"[ipv6:::1]"), Some("::1".parse().unwrap()));
        for bad in ["[]", "192.0.2.1", "[192.0.2]", "[::1]", "[192.0.2.1", "[IPv6:192.0.2.1]", "[192.0.2.1 ]"] {
            assert_eq!(address(bad.as_bytes()), None, "{bad}");
        }
    }
}
