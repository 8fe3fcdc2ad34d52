//! Next hops: how they are written (smtp-client §3).

use bstr::{BString, ByteSlice};
use config::Config;
use logging::fatal;
use text::hostname::check_hostname;
use text::{hostaddr, list};

use crate::mode::Mode;

/// Where one try goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// As it is written, with brackets and port; without `inet:`.
    pub written: BString,
    /// A domain, a host or an address.
    pub host: BString,
    /// In brackets: no MX lookup.
    pub is_literal: bool,
    /// A number or a name.
    pub service: BString,
}

/// A request's next hop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A UNIX-domain socket.
    Unix(BString),
    /// Elements to try in order; the fallback relays begin at the number.
    Network(Vec<BString>, usize),
}

impl Destination {
    /// Reads a next hop, and adds the fallback relays.
    pub fn parse(mode: Mode, nexthop: &[u8], fallback: &[u8]) -> Self {
        if mode.is_lmtp()
            && let Some(path) = nexthop.strip_prefix(b"unix:")
        {
            if !fallback.is_empty() {
                let fallback = text::show(fallback);
                log::warn!("ignoring \"lmtp_fallback_relay = {fallback}\" setting for non-TCP connections");
            }
            return Destination::Unix(path.into());
        }
        let nexthop = if mode.is_lmtp() { nexthop.strip_prefix(b"inet:").unwrap_or(nexthop) } else { nexthop };
        let elements = |text: &[u8]| list::split(text, b", \t\r\n").map(BString::from).collect::<Vec<_>>();
        let mut all = elements(nexthop);
        if all.is_empty() {
            logging::panic_report(&format!("null destination: \"{}\"", text::show(nexthop)));
        }
        let own = all.len();
        all.extend(elements(fallback));
        Destination::Network(all, own)
    }
}

impl Hop {
    /// Takes one element apart.
    ///
    /// # Errors
    /// The first part of the fatal text.
    pub fn parse(element: &[u8], default_service: &[u8]) -> Result<Self, &'static str> {
        let (host, service, is_literal) = match element.strip_prefix(b"[") {
            Some(rest) => {
                let (host, behind) = rest.split_once_str("]").ok_or("missing \"]\"")?;
                let service = match behind {
                    b"" => None,
                    _ => Some(behind.strip_prefix(b":").ok_or("garbage after \"]\"")?),
                };
                (host, service, true)
            }
            None => match element.rsplit_once_str(":") {
                Some((host, service)) => (host, Some(service), false),
                None => (element, None, false),
            },
        };
        let service = service.filter(|service| !service.is_empty()).unwrap_or(default_service);
        let host = checked_host(host, is_literal)?;
        if service.is_empty() {
            return Err("missing service information");
        }
        if service[0].is_ascii_digit() && !service.iter().all(u8::is_ascii_digit) {
            return Err("garbage after numerical service");
        }
        Ok(Hop { written: element.into(), host: host.into(), is_literal, service: service.into() })
    }

    /// The number of the port. What cannot be one is fatal: mail waits until the configuration is mended.
    pub fn port(&self, config: &Config) -> u16 {
        if let Some(port) = config.known_ports().get(&self.service) {
            return port;
        }
        let service = text::show(&self.service);
        if self.service.iter().all(u8::is_ascii_digit) {
            return match service.to_string().parse() {
                Ok(port) if port > 0 => port,
                _ => fatal!("bad network port: {service} for destination: {}", text::show(&self.written)),
            };
        }
        sys::network::service_port(&service.to_string()).unwrap_or_else(|| fatal!("unknown service: {service}/tcp"))
    }
}

/// The host, without the tag of an IPv6 address.
fn checked_host(host: &[u8], is_literal: bool) -> Result<&[u8], &'static str> {
    const TAG: &[u8] = b"IPv6:";
    let tagged = host.get(..TAG.len()).is_some_and(|tag| tag.eq_ignore_ascii_case(TAG));
    if is_literal && tagged {
        let address = &host[TAG.len()..];
        return hostaddr::ipv6(address).map(|_| address).map_err(|_| "malformed IPv6 address");
    }
    if host.is_empty() {
        return Err("missing host information");
    }
    let is_address = hostaddr::ipv4(host).is_ok() || hostaddr::ipv6(host).is_ok();
    let is_name = || match host.is_ascii() {
        true => check_hostname(host).is_ok(),
        false => text::idn::to_ascii(host).is_ok_and(|name| check_hostname(name.as_bytes()).is_ok()),
    };
    if is_address || is_name() { Ok(host) } else { Err("valid hostname or network address required") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(element: &str) -> Result<(String, String, bool), &'static str> {
        let hop = Hop::parse(element.as_bytes(), b"smtp")?;
        Ok((hop.host.to_string(), hop.service.to_string(), hop.is_literal))
    }

    #[test]
    fn hosts_and_ports() {
        let is = |host: &str, service: &str, literal| Ok((host.to_owned(), service.to_owned(), literal));
        assert_eq!(parse("a.example"), is("a.example", "smtp", false));
        assert_eq!(parse("a.example:"), is("a.example", "smtp", false));
        assert_eq!(parse("[a.example]:25"), is("a.example", "25", true));
        assert_eq!(parse("[IPV6:2001:db8::1]"), is("2001:db8::1", "smtp", true));
        assert_eq!(parse("192.0.2.1:submission"), is("192.0.2.1", "submission", false));
        for (bad, why) in [
            ("[a", "missing \"]\""),
            ("[a]x", "garbage after \"]\""),
            ("[ipv6:x]", "malformed IPv6 address"),
            ("[]", "missing host information"),
            ("a..b", "valid hostname or network address required"),
            ("a:25x", "garbage after numerical service"),
        ] {
            assert_eq!(parse(bad), Err(why));
        }
    }

    #[test]
    fn lists_and_sockets() {
        let parsed = Destination::parse(Mode::Smtp, b"a, [b]:587 c", b"[f]");
        assert_eq!(parsed, Destination::Network(vec!["a".into(), "[b]:587".into(), "c".into(), "[f]".into()], 3));
        assert_eq!(Destination::parse(Mode::Lmtp, b"unix:private/x", b""), Destination::Unix("private/x".into()));
        assert_eq!(Destination::parse(Mode::Lmtp, b"inet:h:24", b""), Destination::Network(vec!["h:24".into()], 1));
        let smtp = Destination::parse(Mode::Smtp, b"unix:x", b"");
        assert_eq!(smtp, Destination::Network(vec!["unix:x".into()], 1));
    }
}
