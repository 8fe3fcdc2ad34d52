//! The syntax of the domain that an address goes to (cleanup-rewrite §9.4).

use bstr::BString;
use text::hostaddr::{ipv4, ipv6};
use text::hostname::check_hostname;

/// What a domain is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Domain {
    /// A host name, or an address literal.
    Good,
    /// A bare network address, where `resolve_numeric_domain` allows that: it gets these brackets.
    Numeric(BString),
    /// Neither.
    Bad,
}

/// Checks a domain. `utf8`: names may have letters beyond ASCII. `numeric`: `resolve_numeric_domain`.
pub fn check(domain: &[u8], utf8: bool, numeric: bool) -> Domain {
    let good = |is_good: bool| if is_good { Domain::Good } else { Domain::Bad };
    if domain.starts_with(b"[") {
        return good(address::literal(domain).is_some_and(|address| address.is_ok()));
    }
    if is_host_name(domain, utf8) {
        return Domain::Good;
    }
    if !numeric {
        return Domain::Bad;
    }
    match ipv4(domain).is_ok() || ipv6(domain).is_ok() {
        true => Domain::Numeric([b"[", domain, b"]"].concat().into()),
        false => Domain::Bad,
    }
}

fn is_host_name(domain: &[u8], utf8: bool) -> bool {
    if domain.is_ascii() || !utf8 {
        return check_hostname(domain).is_ok();
    }
    let problem = match text::idn::to_ascii(domain) {
        Ok(ascii) if check_hostname(ascii.as_bytes()).is_ok() => return true,
        Ok(_) => "malformed ASCII label(s)".to_owned(),
        Err(problem) => problem.to_string(),
    };
    let domain = text::show(domain);
    log::warn!("midna_domain_to_ascii_create: Problem translating domain \"{domain}\" to ASCII form: {problem}");
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains() {
        for good in ["a.example", "[1.2.3.4]", "[IPv6:::1]", "a_b", "ä.example", "0x1.2"] {
            assert_eq!(check(good.as_bytes(), true, false), Domain::Good, "{good}");
        }
        for bad in ["", "-x", "a..b", "1.2.3.4", "[x]", "[1.2.3.4", "[1.2.3.4] x", "[2001:db8::1]", "a b", "ä-.example"]
        {
            assert_eq!(check(bad.as_bytes(), true, false), Domain::Bad, "{bad}");
        }
        assert_eq!(check("ä.example".as_bytes(), false, false), Domain::Bad);
        assert_eq!(check(b"1.2.3.4", true, true), Domain::Numeric("[1.2.3.4]".into()));
        assert_eq!(check(b"::1", true, true), Domain::Numeric("[::1]".into()));
        assert_eq!(check(b"1.2.3", true, true), Domain::Bad);
    }
}
