//! Which names may be asked for, and which may stand in replies (smtp-client §21).

use text::hostaddr;
use text::hostname::check_hostname;

/// Whether a name is the text of a network address.
pub(crate) fn is_address(name: &[u8]) -> bool {
    hostaddr::ipv4(name).is_ok() || hostaddr::ipv6(name).is_ok()
}

/// Whether a name can be asked for: a host name, or the root. What is wrong with it has been logged.
pub(crate) fn can_be_asked(name: &[u8]) -> bool {
    if name == b"." {
        return true;
    }
    if is_address(name) {
        return false;
    }
    is_valid(name)
}

/// Whether a name in a reply can be used. `place` and `what` say where it stands, for the warning.
pub(crate) fn is_usable(name: &[u8], place: &str, what: &str) -> bool {
    let shown = text::show(&name[..name.len().min(100)]);
    if is_address(name) {
        if place == "resource data" {
            log::warn!("numeric domain name in {place} of {what}: {shown}");
        }
        return true;
    }
    let valid = is_valid(name);
    if !valid {
        log::warn!("malformed domain name in {place} of {what}: {shown}");
    }
    valid
}

fn is_valid(name: &[u8]) -> bool {
    let checked = check_hostname(name);
    if let Err(why) = &checked {
        log::warn!("valid_hostname: {why}");
    }
    checked.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert!(can_be_asked(b".") && can_be_asked(b"a_b.example"));
        for bad in [&b""[..], b"192.0.2.1", b"::1", b"a..b", b"a b", b"*.example"] {
            assert!(!can_be_asked(bad), "{bad:?}");
        }
        assert!(is_usable(b"192.0.2.1", "resource data", "MX record for x"));
        assert!(!is_usable(b"a b", "resource data", "MX record for x"));
    }
}
