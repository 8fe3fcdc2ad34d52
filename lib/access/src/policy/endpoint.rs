//! Where a policy server is.

use bstr::{BString, ByteSlice};
use config::master::Endpoint as Name;

/// The address of a policy server. Its `Display` is the text of log lines.
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
            b"inet" => {
                let parsed = Name::parse(name).map_err(|error| format!("{error}: {}", text::show(name)))?;
                let host = parsed.host.unwrap_or_else(|| "localhost".into());
                Ok(Endpoint::Inet { name: name.into(), host, port: parsed.port })
            }
            b"unix" | b"local" => Ok(Endpoint::Unix(name.into())),
            other => {
                let (transport, text) = (text::show(other), text::show(text));
                Err(format!("invalid transport name: {transport} in service: {text}"))
            }
        }
    }
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
