//! The syntax of network addresses in text form, with the warnings that go with it (cleanup-rewrite §9.2).

use std::net::{Ipv4Addr, Ipv6Addr};

use thiserror::Error;

/// The longest group of an IPv6 address, in digits.
const GROUP: usize = 4;
/// Colons between the eight groups of an IPv6 address, and when the last two groups are an IPv4 address.
const COLONS: usize = 7;
const COLONS_BEFORE_IPV4: usize = 6;

/// What is wrong with a network address. Log it as a warning, as it is.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum HostaddrError {
    /// Not an IPv4 address: why, and the text.
    #[error("valid_ipv4_hostaddr: {0}: {text}", text = shown(.1))]
    Ipv4(String, Vec<u8>),
    /// Not an IPv6 address.
    #[error("valid_ipv6_hostaddr: {0}: {text}", text = shown(.1))]
    Ipv6(String, Vec<u8>),
}

fn shown(text: &[u8]) -> crate::Show<'_> {
    crate::show(&text[..text.len().min(100)])
}

/// Reads an IPv4 address: four numbers up to 255, in decimal. The first is not 0, unless all are.
///
/// # Errors
/// Why the text is none.
pub fn ipv4(text: &[u8]) -> Result<Ipv4Addr, HostaddrError> {
    let error = |reason: &str| HostaddrError::Ipv4(reason.into(), text.to_vec());
    let (mut octets, mut current) = (Vec::new(), None);
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {
                let value = current.unwrap_or(0u32) * 10 + u32::from(byte - b'0');
                current = Some(value);
                if value > 255 {
                    return Err(error("invalid octet value"));
                }
            }
            b'.' => match current.take() {
                Some(_) if at + 1 == text.len() => return Err(error("misplaced dot")),
                None => return Err(error("misplaced dot")),
                Some(0) if octets.is_empty() && text.iter().any(|byte| !matches!(byte, b'0' | b'.')) => {
                    return Err(error("bad initial octet value"));
                }
                Some(value) => octets.push(value as u8),
            },
            other => return Err(error(&format!("invalid character {other}(decimal)"))),
        }
    }
    octets.extend(current.map(|value| value as u8));
    <[u8; 4]>::try_from(octets).map(Ipv4Addr::from).map_err(|_| error("invalid octet count"))
}

/// Reads an IPv6 address, without a scope. The last 32 bits can be an IPv4 address.
///
/// # Errors
/// Why the text is none.
pub fn ipv6(text: &[u8]) -> Result<Ipv6Addr, HostaddrError> {
    let error = |reason: String| HostaddrError::Ipv6(reason, text.to_vec());
    check_ipv6(text).map_err(|problem| match problem {
        Problem::Reason(reason) => error(reason),
        Problem::Embedded(embedded) => embedded,
    })?;
    let address = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    address.ok_or_else(|| error("malformed IPv6 address".into()))
}

enum Problem {
    Reason(String),
    Embedded(HostaddrError),
}

/// Reads group by group: each ends at a colon, a dot, or the end.
fn check_ipv6(text: &[u8]) -> Result<(), Problem> {
    let reason = |text: &str| Err(Problem::Reason(text.to_owned()));
    let (mut at, mut colons, mut has_gap) = (0, 0, false);
    loop {
        let digits = text[at..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        if digits > GROUP {
            return reason("malformed IPv6 address");
        }
        match text.get(at + digits) {
            None if colons < 2 || (!has_gap && colons < COLONS && digits > 0) => {
                return reason("too few `:' in IPv6 address");
            }
            None if digits == 0 && !text.ends_with(b"::") => return reason("bad null last field in IPv6 address"),
            None => return Ok(()),
            Some(b':') => {
                colons += 1;
                let next = text.get(at + digits + 1);
                if at == 0 && digits == 0 && next.is_some_and(u8::is_ascii_alphanumeric) {
                    return reason("bad null first field in IPv6 address");
                }
                if next == Some(&b':') {
                    if has_gap {
                        return reason("too many `::' in IPv6 address");
                    }
                    has_gap = true;
                }
                if colons > COLONS {
                    return reason("too many `:' in IPv6 address");
                }
                at += digits + 1;
            }
            Some(b'.') => {
                let right_place = match has_gap {
                    true => (2..=COLONS_BEFORE_IPV4).contains(&colons),
                    false => colons == COLONS_BEFORE_IPV4,
                };
                if !right_place {
                    return reason("malformed IPv4-in-IPv6 address");
                }
                return ipv4(&text[at..]).map(|_| ()).map_err(Problem::Embedded);
            }
            Some(other) => return reason(&format!("invalid character {other}(decimal) in IPv6 address")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem4(text: &str) -> String {
        ipv4(text.as_bytes()).map_or_else(|error| error.to_string(), |address| address.to_string())
    }

    fn problem6(text: &str) -> String {
        ipv6(text.as_bytes()).map_or_else(|error| error.to_string(), |address| address.to_string())
    }

    #[test]
    fn ipv4_addresses() {
        for (text, reason) in [
            ("1.2.3", "invalid octet count"),
            ("", "invalid octet count"),
            ("1.2.3.4.5", "invalid octet count"),
            ("1.2.3.400", "invalid octet value"),
            ("2001:db8::1", "invalid octet value"),
            ("x", "invalid character 120(decimal)"),
            (".1.2.3", "misplaced dot"),
            ("1.2.3.4.", "misplaced dot"),
            ("0.1.2.3", "bad initial octet value"),
        ] {
            assert_eq!(problem4(text), format!("valid_ipv4_hostaddr: {reason}: {text}"));
        }
        assert_eq!(problem4("01.2.3.004"), "1.2.3.4");
        assert_eq!(problem4("0.0.0.0"), "0.0.0.0");
    }

    #[test]
    fn ipv6_addresses() {
        for (text, reason) in [
            ("1.2.3.4", "malformed IPv4-in-IPv6 address"),
            ("1:2:3:4:5:6:7:1.2.3.4", "malformed IPv4-in-IPv6 address"),
            ("2001:zz::1", "invalid character 122(decimal) in IPv6 address"),
            ("1::2::3", "too many `::' in IPv6 address"),
            (":::", "too many `::' in IPv6 address"),
            ("", "too few `:' in IPv6 address"),
            (":", "too few `:' in IPv6 address"),
            ("1:2", "too few `:' in IPv6 address"),
            ("1:2:3", "too few `:' in IPv6 address"),
            ("1:2:3:4:5:6:7:8:9", "too many `:' in IPv6 address"),
            ("12345::", "malformed IPv6 address"),
            (":1:2:3:4:5:6:7", "bad null first field in IPv6 address"),
            ("::1:", "bad null last field in IPv6 address"),
        ] {
            assert_eq!(problem6(text), format!("valid_ipv6_hostaddr: {reason}: {text}"));
        }
        assert_eq!(problem6("::1.2.3"), "valid_ipv4_hostaddr: invalid octet count: 1.2.3");
        assert_eq!(problem6("1:2:3:4:5:6:7:8"), "1:2:3:4:5:6:7:8");
        assert_eq!(problem6("::ffff:127.0.0.1"), "::ffff:127.0.0.1");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in "[0-9a-g:.]{0,40}") {
            let strict: Result<Ipv6Addr, _> = text.parse();
            assert!(strict.is_err() || ipv6(text.as_bytes()).is_ok() || text.contains('.'));
            let strict: Result<Ipv4Addr, _> = text.parse();
            assert!(strict.is_err() || ipv4(text.as_bytes()).is_ok() || text.starts_with("0."));
        }
    }
}
