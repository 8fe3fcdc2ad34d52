//! Where the server of another protocol is: `inet:host:port` or `unix:path`.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::time::Duration;

use bstr::{BString, ByteSlice};
use config::master::Endpoint as Name;
use sys::socket::{ConnectOptions, connect_tcp, connect_unix};

/// Why a server could not be connected to.
#[derive(Debug)]
pub enum ConnectError {
    /// The host or the service is not known, and why.
    NotFound(String),
    /// connect(2) failed.
    Io(io::Error),
}

/// The address of a server. Its `Display` is the text of log lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A TCP port.
    Inet {
        /// The whole name, for messages.
        name: BString,
        /// A host name or address.
        host: BString,
        /// A service name or number.
        port: BString,
    },
    /// A UNIX-domain socket; relative to the queue directory.
    Unix(BString),
}

impl Endpoint {
    /// Reads `inet:host:port`, `inet:port`, `unix:path` or `local:path`.
    ///
    /// # Errors
    /// The text of the fatal error.
    pub fn parse(text: &[u8]) -> Result<Endpoint, String> {
        let Some((transport, name)) = text.split_once_str(":").filter(|(_, name)| !name.is_empty()) else {
            return Err(format!("need service transport:endpoint instead of \"{}\"", text::show(text)));
        };
        match transport {
            b"inet" => Endpoint::inet(name),
            b"unix" | b"local" => Ok(Endpoint::Unix(name.into())),
            other => {
                let (transport, text) = (text::show(other), text::show(text));
                Err(format!("invalid transport name: {transport} in service: {text}"))
            }
        }
    }

    /// Reads `host:port` or `port`.
    ///
    /// # Errors
    /// The text of the fatal error.
    pub fn inet(name: &[u8]) -> Result<Endpoint, String> {
        let parsed = Name::parse(name).map_err(|error| format!("{}: {error}", text::show(name)))?;
        let host = parsed.host.unwrap_or_else(|| "localhost".into());
        Ok(Endpoint::Inet { name: name.into(), host, port: parsed.port })
    }

    /// Connects to the first address that answers within `limit`.
    ///
    /// # Errors
    /// The host or service is unknown, or what connect(2) reports.
    pub fn connect(&self, limit: Duration) -> Result<OwnedFd, ConnectError> {
        let (host, port) = match self {
            Endpoint::Unix(path) => {
                return connect_unix(path.to_path_lossy(), limit).map(OwnedFd::from).map_err(ConnectError::Io);
            }
            Endpoint::Inet { host, port, .. } => (host, port),
        };
        let options = ConnectOptions { limit: Some(limit), window_size: 0 };
        let mut last = io::Error::from(nix::errno::Errno::EADDRNOTAVAIL);
        for address in addresses(host, port)? {
            match connect_tcp(address, &options, |_| Ok(())) {
                Ok(socket) => return Ok(socket),
                Err(sys::socket::ConnectError::Prepared(error) | sys::socket::ConnectError::System(error)) => {
                    last = error
                }
            }
        }
        Err(ConnectError::Io(last))
    }

    /// As [`Endpoint::connect`], with the warning about a host or service that is not known.
    ///
    /// # Errors
    /// What connect(2) reports, `EADDRNOTAVAIL` for what is not known.
    pub fn connect_or_warn(&self, limit: Duration) -> io::Result<OwnedFd> {
        self.connect(limit).map_err(|error| match error {
            ConnectError::NotFound(why) => {
                log::warn!("host or service {self} not found: {why}");
                nix::errno::Errno::EADDRNOTAVAIL.into()
            }
            ConnectError::Io(error) => error,
        })
    }
}

fn addresses(host: &[u8], port: &[u8]) -> Result<Vec<SocketAddr>, ConnectError> {
    let not_found = |why: &str| ConnectError::NotFound(why.to_owned());
    let (host, port) = (host.to_str().ok(), port.to_str().ok());
    let (Some(host), Some(port)) = (host, port) else { return Err(not_found("Name or service not known")) };
    let number = port.parse().ok().or_else(|| sys::network::service_port(port));
    let port = number.ok_or_else(|| not_found("Servname not supported for ai_socktype"))?;
    let found = (host, port).to_socket_addrs().map_err(|error| {
        let text = sys::reason(&error);
        not_found(text.strip_prefix("failed to lookup address information: ").unwrap_or(&text))
    })?;
    Ok(found.collect())
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Endpoint::Inet { name, .. } | Endpoint::Unix(name)) = self;
        text::show(name).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints() {
        let parse = |text: &str| Endpoint::parse(text.as_bytes());
        let inet = |name: &str, host: &str, port: &str| Endpoint::Inet {
            name: name.into(),
            host: host.into(),
            port: port.into(),
        };
        assert_eq!(parse("inet:[::1]:10040"), Ok(inet("[::1]:10040", "::1", "10040")));
        assert_eq!(parse("inet:10040"), Ok(inet("10040", "localhost", "10040")));
        assert_eq!(parse("unix:private/policy").unwrap().to_string(), "private/policy");
        assert_eq!(parse("x").unwrap_err(), "need service transport:endpoint instead of \"x\"");
        assert_eq!(parse("tcp:x").unwrap_err(), "invalid transport name: tcp in service: tcp:x");
    }
}
