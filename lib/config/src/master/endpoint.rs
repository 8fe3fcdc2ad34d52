//! Names of inet services (master-ipc §7.3).

use std::net::{IpAddr, Ipv6Addr};

use bstr::{BString, ByteSlice};
use text::hostname::check_hostname;
use thiserror::Error;

/// `[host:]port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// A host name or address, without brackets and without `ipv6:`; nothing for all of inet_interfaces.
    pub host: Option<BString>,
    /// A service name or a number.
    pub port: BString,
}

/// Why a name is no endpoint.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum EndpointError {
    /// An open bracket.
    #[error("missing \"]\"")]
    Bracket,
    /// Something other than `:` after the bracket.
    #[error("garbage after \"]\"")]
    AfterBracket,
    /// No IPv6 address after `ipv6:`.
    #[error("malformed IPv6 address")]
    Ipv6,
    /// No port.
    #[error("missing service information")]
    NoPort,
    /// The host can be none.
    #[error("valid hostname or network address required")]
    Host,
    /// A port that begins with digits but is not a number.
    #[error("garbage after numerical service")]
    Port,
}

impl Endpoint {
    /// Takes the name of an inet service apart.
    ///
    /// # Errors
    /// When it is no endpoint.
    pub fn parse(name: &[u8]) -> Result<Self, EndpointError> {
        let (host, port) = match name.strip_prefix(b"[") {
            Some(inside) => bracketed(inside)?,
            None => match name.rsplit_once_str(":") {
                Some((b"", port)) => (None, port),
                Some((host, port)) => (Some(host), port),
                None => (None, name),
            },
        };
        if port.is_empty() {
            return Err(EndpointError::NoPort);
        }
        if port[0].is_ascii_digit() && !port.iter().all(u8::is_ascii_digit) {
            return Err(EndpointError::Port);
        }
        if host.is_some_and(|host| !is_host(host)) {
            return Err(EndpointError::Host);
        }
        Ok(Endpoint { host: host.map(BString::from), port: port.into() })
    }
}

/// Splits `host]:port`; `ipv6:` in front of the host is dropped.
fn bracketed(inside: &[u8]) -> Result<(Option<&[u8]>, &[u8]), EndpointError> {
    let (host, rest) = inside.split_once_str("]").ok_or(EndpointError::Bracket)?;
    let port = match rest {
        b"" => return Err(EndpointError::NoPort),
        [b':', port @ ..] => port,
        _ => return Err(EndpointError::AfterBracket),
    };
    let tagged = host.get(..5).is_some_and(|tag| tag.eq_ignore_ascii_case(b"ipv6:"));
    if !tagged {
        return Ok((Some(host), port));
    }
    let address = &host[5..];
    match address.to_str().ok().and_then(|address| address.parse::<Ipv6Addr>().ok()) {
        Some(_) => Ok((Some(address), port)),
        None => Err(EndpointError::Ipv6),
    }
}

fn is_host(host: &[u8]) -> bool {
    check_hostname(host).is_ok() || host.to_str().is_ok_and(|host| host.parse::<IpAddr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        for (name, host, port) in [
            ("smtp", None, "smtp"),
            (":25", None, "25"),
            ("127.0.0.1:10025", Some("127.0.0.1"), "10025"),
            ("::1:smtp", Some("::1"), "smtp"),
            ("[::1]:smtp", Some("::1"), "smtp"),
            ("[ipv6:::1]:25", Some("::1"), "25"),
            ("[host.example]:25", Some("host.example"), "25"),
        ] {
            let expected = Endpoint { host: host.map(BString::from), port: port.into() };
            assert_eq!(Endpoint::parse(name.as_bytes()), Ok(expected), "{name}");
        }
    }

    #[test]
    fn errors() {
        for (name, error) in [
            ("[::1", EndpointError::Bracket),
            ("[::1]25", EndpointError::AfterBracket),
            ("[ipv6:x]:25", EndpointError::Ipv6),
            ("[]:25", EndpointError::Host),
            ("host:", EndpointError::NoPort),
            ("[host]", EndpointError::NoPort),
            ("-x:25", EndpointError::Host),
            ("25x", EndpointError::Port),
        ] {
            assert_eq!(Endpoint::parse(name.as_bytes()), Err(error), "{name}");
        }
    }
}
