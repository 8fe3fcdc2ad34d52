//! Restrictions on the HELO name (access-milter-postscreen §3.3).

use std::net::IpAddr;

use bstr::BString;
use dns::{ErrorKind, Options, Type};
use text::hostaddr;
use text::hostname::check_hostname;

use crate::reply::{Class, rejected};
use crate::rule::Rule;
use crate::run::{Deferral, Outcome, Run, Step};

/// The network address that a text is, without brackets.
pub(crate) fn address(text: &[u8]) -> Option<IpAddr> {
    let address = hostaddr::ipv4(text).map(IpAddr::V4);
    address.or_else(|_| hostaddr::ipv6(text).map(IpAddr::V6)).ok()
}

/// Whether a text is a network address.
pub(crate) fn is_address(text: &[u8]) -> bool {
    address(text).is_some()
}

/// The name without a dot at its end; a name that ends in two is not one.
pub(crate) fn without_final_dot(name: &[u8]) -> &[u8] {
    match name {
        [_, .., b'.', b'.'] => name,
        [rest @ .., b'.'] if !rest.is_empty() => rest,
        _ => name,
    }
}

/// Whether a name can be a host's. With `utf8` it may be written in any script; one that IDNA does not take is logged.
pub(crate) fn is_hostname(name: &[u8], utf8: bool) -> bool {
    let ascii;
    let name = if utf8 && !name.is_ascii() {
        match text::idn::to_ascii(name) {
            Ok(found) => {
                ascii = found;
                ascii.as_bytes()
            }
            Err(error) => {
                log::warn!("{error}");
                return false;
            }
        }
    } else {
        name
    };
    check_hostname(name).is_ok()
}

/// A domain as the domain name system knows it; `None`: that cannot be.
pub(crate) fn dns_name(domain: &[u8]) -> Option<String> {
    if domain.is_ascii() {
        return std::str::from_utf8(domain).ok().map(str::to_owned);
    }
    text::idn::to_ascii(domain).ok()
}

/// What the system's resolver says of such a failure.
pub(crate) fn resolver_text(error: &dns::Error) -> &'static str {
    match error.kind {
        ErrorKind::TryAgain => "Host not found, try again",
        ErrorKind::NotFound | ErrorKind::NullMx | ErrorKind::NullSrv => "Host not found",
        ErrorKind::Invalid => "Malformed or unexpected name server reply",
        ErrorKind::Filtered => "DNS reply filter policy",
        ErrorKind::Fail => "Non-recoverable error",
    }
}

impl Run<'_> {
    /// A restriction on the HELO name.
    pub fn check_helo_name(&mut self, rule: Rule, word: &[u8], helo: &BString) -> Outcome {
        if rule == Rule::PermitNakedIpAddress {
            return self.permit_naked_address(word, helo);
        }
        if helo.starts_with(b"[") {
            return Ok(self.check_literal(helo));
        }
        match rule {
            Rule::RejectInvalidHeloHostname => Ok(self.check_helo_syntax(helo)),
            Rule::RejectNonFqdnHeloHostname => Ok(self.check_helo_is_qualified(helo)),
            _ => Ok(self.check_helo_exists(helo)),
        }
    }

    fn check_literal(&mut self, helo: &[u8]) -> Step {
        let inside = helo.strip_prefix(b"[").unwrap_or(helo);
        let inside = inside.strip_suffix(b"]").unwrap_or(inside);
        self.check_address_text(helo, inside)
    }

    /// An address, with `IPv6:` before that of IPv6.
    fn check_address_text(&mut self, helo: &[u8], text: &[u8]) -> Step {
        let literal = [b"[", text, b"]"].concat();
        match address::literal(&literal) {
            Some(Ok(_)) => Step::Dunno,
            _ => {
                let code = self.rules.settings.codes.invalid_hostname_reject;
                self.reject_as(code, "5.5.2", (helo, Class::Helo), "invalid ip address")
            }
        }
    }

    fn check_helo_syntax(&mut self, helo: &[u8]) -> Step {
        let name = without_final_dot(helo);
        if check_hostname(name).is_ok() || is_address(name) {
            return Step::Dunno;
        }
        let code = self.rules.settings.codes.invalid_hostname_reject;
        self.reject_as(code, "5.5.2", (helo, Class::Helo), "Invalid name")
    }

    fn check_helo_is_qualified(&mut self, helo: &[u8]) -> Step {
        let name = without_final_dot(helo);
        if check_hostname(name).is_ok() && name.contains(&b'.') {
            return Step::Dunno;
        }
        let code = self.rules.settings.codes.non_fqdn_reject;
        self.reject_as(code, "5.5.2", (helo, Class::Helo), "need fully-qualified hostname")
    }

    fn check_helo_exists(&mut self, helo: &[u8]) -> Step {
        let whom = (helo, Class::Helo);
        let code = self.rules.settings.codes.unknown_hostname_reject;
        match self.find_host(helo, &[Type::A, Type::AAAA, Type::MX]) {
            None | Some(ErrorKind::NullMx) => Step::Dunno,
            Some(ErrorKind::Invalid) => self.reject_as(code, "4.7.1", whom, "Malformed DNS server reply"),
            Some(ErrorKind::Filtered) => {
                let name = text::show(helo);
                log::warn!("{name}: address or MX lookup error: DNS reply filter drops all results");
                Step::Dunno
            }
            Some(ErrorKind::TryAgain) => {
                let text = rejected(helo, Class::Helo, "Host not found");
                let action = self.rules.settings.unknown_helo_tempfail;
                self.defer_if_permit(action, Deferral::new(450, "4.7.1", text))
            }
            Some(ErrorKind::NotFound | ErrorKind::Fail | ErrorKind::NullSrv) => {
                self.reject_as(code, "4.7.1", whom, "Host not found")
            }
        }
    }

    /// Asks for records of these types until there are some; `None`: there are. Types of protocols that are not in use are left out.
    pub fn find_host(&self, domain: &[u8], types: &[Type]) -> Option<ErrorKind> {
        let Some(name) = dns_name(domain) else { return Some(ErrorKind::NotFound) };
        let protocols = self.rules.settings.protocols;
        let mut trouble = ErrorKind::NotFound;
        for kind in types {
            if (*kind == Type::A && !protocols.ipv4) || (*kind == Type::AAAA && !protocols.ipv6) {
                continue;
            }
            match self.doors.dns.query(name.as_bytes(), *kind, Options::default()) {
                Ok(_) => return None,
                Err(error) => match error.kind {
                    ErrorKind::Invalid | ErrorKind::NullMx => return Some(error.kind),
                    ErrorKind::Filtered if *kind == Type::MX => return Some(error.kind),
                    other => trouble = trouble.min(other),
                },
            }
        }
        Some(trouble)
    }

    fn permit_naked_address(&mut self, word: &[u8], helo: &[u8]) -> Outcome {
        log::warn!(
            "restriction {} is deprecated. Use permit_mynetworks or permit_sasl_authenticated instead",
            text::show(word)
        );
        if !helo.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b':')) {
            return Ok(Step::Dunno);
        }
        match self.check_address_text(helo, helo) {
            Step::Dunno => self.permit(word, helo, Class::Helo, None),
            step => Ok(step),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_dot_may_end_a_name() {
        assert_eq!(without_final_dot(b"a.b."), b"a.b");
        assert_eq!(without_final_dot(b"a.."), b"a..");
        assert_eq!(without_final_dot(b"."), b".");
    }

    #[test]
    fn names_and_addresses() {
        assert!(is_address(b"192.0.2.1") && is_address(b"::1") && !is_address(b"a.b"));
        assert!(is_hostname("bücher.example".as_bytes(), true) && !is_hostname("bücher.example".as_bytes(), false));
        assert_eq!(dns_name("bücher.example".as_bytes()).as_deref(), Some("xn--bcher-kva.example"));
    }
}
