//! Connection strings: `mongodb://user:password@host:port,host:port/database?name=value&name=value`.

use std::time::Duration;

use bstr::{BString, ByteSlice};
use table::client::Endpoint;

use crate::percent;
use crate::tls::{Check, Settings};

const PORT: &str = "27017";
/// How long a server may take for each step, if nothing else is said.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// Options about what this client does not do: keeping many connections, writing, watching the state of servers.
const WITHOUT_MEANING: [&str; 16] = [
    "appname",
    "compressors",
    "heartbeatfrequencyms",
    "journal",
    "localthresholdms",
    "maxidletimems",
    "maxpoolsize",
    "minpoolsize",
    "readconcernlevel",
    "retryreads",
    "retrywrites",
    "serverselectiontimeoutms",
    "serverselectiontryonce",
    "w",
    "waitqueuetimeoutms",
    "wtimeoutms",
];

/// Which servers of a set may answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preference {
    Primary,
    PrimaryPreferred,
    Secondary,
    SecondaryPreferred,
    Nearest,
}

impl Preference {
    const NAMES: [(&'static str, Self); 5] = [
        ("primary", Preference::Primary),
        ("primaryPreferred", Preference::PrimaryPreferred),
        ("secondary", Preference::Secondary),
        ("secondaryPreferred", Preference::SecondaryPreferred),
        ("nearest", Preference::Nearest),
    ];

    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, preference)| *preference == self).map_or("primary", |(name, _)| name)
    }
}

/// A connection string, understood.
#[derive(Clone, Debug)]
pub struct Uri {
    pub servers: Vec<Endpoint>,
    pub user: String,
    pub password: String,
    /// Where the user is known.
    pub source: String,
    pub tls: Option<Settings>,
    /// `replicaSet`; empty: any.
    pub set: String,
    pub preference: Preference,
    /// The first server is taken as it is.
    pub is_direct: bool,
    pub timeout: Duration,
}

impl Uri {
    /// Reads a connection string.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let rest = match text.strip_prefix(b"mongodb://") {
            Some(rest) => rest,
            None if text.starts_with(b"mongodb+srv://") => return Err("mongodb+srv:// is not supported".into()),
            None => return Err(format!("invalid URI: \"{}\"", text::show(text))),
        };
        let (rest, options) = rest.split_once_str("?").unwrap_or((rest, b""));
        let (authority, database) = rest.split_once_str("/").unwrap_or((rest, b""));
        let (login, places) = authority.rsplit_once_str("@").unwrap_or((b"", authority));
        let (user, password) = login.split_once_str(":").unwrap_or((login, b""));
        let source = decode(database)?;
        let mut uri = Uri {
            servers: places.split(|&byte| byte == b',').map(server).collect::<Result<_, _>>()?,
            user: decode(user)?,
            password: decode(password)?,
            source: if source.is_empty() { "admin".into() } else { source },
            tls: None,
            set: String::new(),
            preference: Preference::Primary,
            is_direct: false,
            timeout: TIME_LIMIT,
        };
        let mut tls = Settings { check: Check::IssuerAndName, ..Settings::default() };
        for option in options.split(|&byte| byte == b'&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once_str("=").ok_or_else(|| bad_option(option))?;
            uri.read_option(&decode(name)?, decode(value)?, &mut tls)?;
        }
        uri.tls = uri.tls.map(|_| tls);
        Ok(uri)
    }

    fn read_option(&mut self, name: &str, value: String, tls: &mut Settings) -> Result<(), String> {
        let yes = || match value.as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(format!("invalid URI option: {name}={value}")),
        };
        match name.to_ascii_lowercase().as_str() {
            "authsource" => self.source = value,
            "authmechanism" if value == "SCRAM-SHA-256" => {}
            "replicaset" => self.set = value,
            "directconnection" => self.is_direct = yes()?,
            "tls" | "ssl" => self.tls = yes()?.then(Settings::default),
            "tlscafile" => tls.ca_file = value.into(),
            "tlscertificatekeyfile" => tls.certificate = value.into(),
            "tlsallowinvalidhostnames" if !yes()? => {}
            "tlsallowinvalidhostnames" if tls.check == Check::IssuerAndName => tls.check = Check::Issuer,
            "tlsallowinvalidhostnames" => {}
            "tlsallowinvalidcertificates" | "tlsinsecure" => {
                if yes()? {
                    tls.check = Check::Nothing;
                }
            }
            "readpreference" => {
                let known = Preference::NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(&value));
                self.preference = known.ok_or_else(|| format!("invalid URI option: {name}={value}"))?.1;
            }
            "connecttimeoutms" | "sockettimeoutms" => {
                let number = value.parse::<u64>().map_err(|_| format!("invalid URI option: {name}={value}"))?;
                if number > 0 {
                    self.timeout = Duration::from_millis(number);
                }
            }
            other if WITHOUT_MEANING.contains(&other) => {}
            _ => return Err(format!("unsupported URI option: {name}={value}")),
        }
        Ok(())
    }
}

fn bad_option(option: &[u8]) -> String {
    format!("invalid URI option: {}", text::show(option))
}

fn server(text: &[u8]) -> Result<Endpoint, String> {
    let decoded = decode(text)?;
    if decoded.starts_with('/') {
        return Ok(Endpoint::Unix(decoded.into()));
    }
    let (host, port) = crate::hosts::split_port(text);
    let host = BString::from(decode(host)?);
    if host.is_empty() {
        return Err(format!("invalid URI host: \"{}\"", text::show(text)));
    }
    Endpoint::inet(&[b"[", host.as_slice(), b"]:", port.unwrap_or(PORT.as_bytes())].concat())
}

fn decode(text: &[u8]) -> Result<String, String> {
    let decoded = percent::decode(text).and_then(|decoded| String::from_utf8(decoded.into()).ok());
    decoded.ok_or_else(|| format!("invalid percent-encoding in URI: \"{}\"", text::show(text)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn strings() {
        let uri = Uri::parse(b"mongodb://me:p%40w@a,b:1/db?replicaSet=rs&tls=true&tlsCAFile=/x&w=1").unwrap();
        assert_eq!(uri.servers.len(), 2);
        assert_eq!(uri.servers[0].to_string(), "[a]:27017");
        assert_eq!((uri.user.as_str(), uri.password.as_str(), uri.source.as_str()), ("me", "p@w", "db"));
        assert_eq!(uri.set, "rs");
        assert_eq!(uri.tls.unwrap().ca_file, "/x");
        let uri = Uri::parse(b"mongodb://%2Ftmp%2Fm.sock/?readPreference=nearest&connectTimeoutMS=1500").unwrap();
        assert_eq!(uri.servers, [Endpoint::Unix("/tmp/m.sock".into())]);
        assert_eq!((uri.source.as_str(), uri.preference.name()), ("admin", "nearest"));
        assert_eq!(uri.timeout, Duration::from_millis(1500));
        for (uri, problem) in [
            ("http://x", "invalid URI: \"http://x\""),
            ("mongodb+srv://x", "mongodb+srv:// is not supported"),
            ("mongodb://", "invalid URI host: \"\""),
            ("mongodb://h/?authMechanism=PLAIN", "unsupported URI option: authMechanism=PLAIN"),
            ("mongodb://h/?tls", "invalid URI option: tls"),
            ("mongodb://h%2", "invalid percent-encoding in URI: \"h%2\""),
        ] {
            assert_eq!(Uri::parse(uri.as_bytes()).unwrap_err(), problem);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_understood(text in "(mongodb://)?[a:@/?=&%,2\\[\\]]{0,20}") {
            let _ = Uri::parse(text.as_bytes());
        }
    }
}
