//! Where a PostgreSQL server is, and how to log in: an element of `hosts` (tables §5.4).

use bstr::{BString, ByteSlice};
use table::client::Endpoint;

use crate::hosts::{Family, split_port};
use crate::percent;
use crate::tls::{Check, Settings};

const PORT: &str = "5432";
/// Where Debian's server has its socket.
const SOCKET_DIRECTORY: &str = "/var/run/postgresql";

/// Whether a connection by TCP is encrypted (`sslmode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// `disable`.
    Never,
    /// `allow`: only when the server refuses us otherwise.
    Second,
    /// `prefer`: if that works.
    First,
    /// `require`, `verify-ca`, `verify-full`.
    Always,
}

/// A host, and what its URI says.
#[derive(Clone, Debug)]
pub struct Target {
    /// As it was written, for messages.
    pub text: String,
    pub endpoints: Vec<Endpoint>,
    pub user: Option<BString>,
    pub password: Option<BString>,
    pub database: Option<BString>,
    pub encryption: Encryption,
    pub tls: Settings,
    /// More for the server: `application_name`, `options`.
    pub options: Vec<(String, BString)>,
    /// `connect_timeout`, seconds.
    pub timeout: Option<u64>,
}

impl Target {
    /// Reads an element.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(host: &[u8]) -> Result<(Family, Self), String> {
        let mut target = Target {
            text: text::show(host).to_string(),
            endpoints: Vec::new(),
            user: None,
            password: None,
            database: None,
            encryption: Encryption::First,
            tls: Settings::default(),
            options: Vec::new(),
            timeout: None,
        };
        if let Some((_, rest)) = host.split_once_str("://") {
            target.read_uri(rest)?;
            return Ok((Family::Uri, target));
        }
        let name = host.strip_prefix(b"unix:").or_else(|| host.starts_with(b"/").then_some(host));
        if let Some(directory) = name {
            target.endpoints.push(socket(directory, PORT));
            return Ok((Family::Unix, target));
        }
        let (name, port) = split_port(host.strip_prefix(b"inet:").unwrap_or(host));
        let port = port.filter(|port| !port.is_empty()).unwrap_or(PORT.as_bytes());
        target.endpoints.push(inet(name, port)?);
        Ok((Family::Inet, target))
    }

    /// `user:password@host:port,host:port/database?name=value&name=value`.
    fn read_uri(&mut self, text: &[u8]) -> Result<(), String> {
        let (text, parameters) = text.split_once_str("?").map_or((text, None), |(text, rest)| (text, Some(rest)));
        let (authority, path) = text.split_once_str("/").unwrap_or((text, b""));
        let (login, places) = authority.rsplit_once_str("@").map_or((None, authority), |(l, rest)| (Some(l), rest));
        if let Some(login) = login {
            let (user, password) = login.split_once_str(":").map_or((login, None), |(user, rest)| (user, Some(rest)));
            self.user = Some(decode(user)?).filter(|user| !user.is_empty());
            self.password = password.map(decode).transpose()?;
        }
        self.database = Some(decode(path)?).filter(|path| !path.is_empty());
        let mut places = places.split(|&byte| byte == b',').map(place).collect::<Result<Vec<_>, _>>()?;
        for parameter in parameters.into_iter().flat_map(|text| text.split(|&byte| byte == b'&')) {
            let Some((name, value)) = parameter.split_once_str("=") else {
                let shown = text::show(parameter);
                return Err(format!("missing key/value separator \"=\" in URI query parameter: \"{shown}\""));
            };
            self.read_parameter(&String::from_utf8_lossy(&decode(name)?), decode(value)?, &mut places)?;
        }
        let endpoint = |(host, port): &(BString, BString)| match host.first() {
            None => Ok(socket(SOCKET_DIRECTORY.as_bytes(), &port.to_str_lossy())),
            Some(b'/') => Ok(socket(host, &port.to_str_lossy())),
            Some(_) => inet(host, port),
        };
        self.endpoints = places.iter().map(endpoint).collect::<Result<_, _>>()?;
        Ok(())
    }

    fn read_parameter(
        &mut self,
        name: &str,
        value: BString,
        places: &mut Vec<(BString, BString)>,
    ) -> Result<(), String> {
        match name {
            "host" | "hostaddr" => {
                let port = places.first().map_or_else(|| PORT.into(), |(_, port)| port.clone());
                *places = value.split(|&byte| byte == b',').map(|host| (host.into(), port.clone())).collect();
            }
            "port" => places.iter_mut().for_each(|(_, port)| *port = value.clone()),
            "user" => self.user = Some(value),
            "password" => self.password = Some(value),
            "dbname" => self.database = Some(value),
            "sslmode" => (self.encryption, self.tls.check) = mode(&value)?,
            "sslrootcert" if value == "system" => self.tls.check = Check::IssuerAndName,
            "sslrootcert" => self.tls.ca_file = value,
            "sslcert" => self.tls.certificate = value,
            "sslkey" => self.tls.key = value,
            "connect_timeout" => self.timeout = value.to_str().ok().and_then(|text| text.parse().ok()),
            "application_name" | "options" => self.options.push((name.into(), value)),
            _ => return Err(format!("invalid URI query parameter: \"{}\"", text::show(name.as_bytes()))),
        }
        Ok(())
    }
}

fn mode(value: &[u8]) -> Result<(Encryption, Check), String> {
    Ok(match value {
        b"disable" => (Encryption::Never, Check::Nothing),
        b"allow" => (Encryption::Second, Check::Nothing),
        b"prefer" => (Encryption::First, Check::Nothing),
        b"require" => (Encryption::Always, Check::Nothing),
        b"verify-ca" => (Encryption::Always, Check::Issuer),
        b"verify-full" => (Encryption::Always, Check::IssuerAndName),
        _ => return Err(format!("invalid sslmode value: \"{}\"", text::show(value))),
    })
}

fn socket(directory: &[u8], port: &str) -> Endpoint {
    Endpoint::Unix([directory, b"/.s.PGSQL.", port.as_bytes()].concat().into())
}

fn inet(host: &[u8], port: &[u8]) -> Result<Endpoint, String> {
    Endpoint::inet(&[b"[", host, b"]:", port].concat())
}

/// Host and port of a URI.
fn place(text: &[u8]) -> Result<(BString, BString), String> {
    let (host, port) = split_port(text);
    let port = port.filter(|port| !port.is_empty()).unwrap_or(PORT.as_bytes());
    Ok((decode(host)?, port.into()))
}

fn decode(text: &[u8]) -> Result<BString, String> {
    let decoded = percent::decode(text).filter(|decoded| !decoded.contains(&0));
    decoded.ok_or_else(|| format!("invalid percent-encoded token: \"{}\"", text::show(text)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn places(host: &str) -> Vec<String> {
        let (_, target) = Target::parse(host.as_bytes()).unwrap();
        let place = |endpoint: &Endpoint| match endpoint {
            Endpoint::Unix(path) => path.to_string(),
            Endpoint::Inet { host, port, .. } => format!("{host} {port}"),
        };
        target.endpoints.iter().map(place).collect()
    }

    #[test]
    fn hosts() {
        assert_eq!(places("unix:/run/x"), ["/run/x/.s.PGSQL.5432"]);
        assert_eq!(places("/run/x"), ["/run/x/.s.PGSQL.5432"]);
        assert_eq!(places("inet:db:33"), ["db 33"]);
        assert_eq!(places("localhost"), ["localhost 5432"]);
        assert_eq!(places("[::1]:33"), ["::1 33"]);
        assert_eq!(Target::parse(b"/x").unwrap().0, Family::Unix);
    }

    #[test]
    fn uris() {
        assert_eq!(places("postgresql://a,b:33/x"), ["a 5432", "b 33"]);
        assert_eq!(places("postgresql:///x?host=/run&port=33"), ["/run/.s.PGSQL.33"]);
        assert_eq!(places("postgres://%2Frun/x"), ["/run/.s.PGSQL.5432"]);
        assert_eq!(places("postgresql://"), ["/var/run/postgresql/.s.PGSQL.5432"]);
        let (family, target) =
            Target::parse(b"postgresql://me:p%40ss@h:1/db?sslmode=verify-ca&options=-c%20x").unwrap();
        assert_eq!(family, Family::Uri);
        assert_eq!((target.user.unwrap(), target.password.unwrap()), ("me".into(), "p@ss".into()));
        assert_eq!(target.database.unwrap(), "db");
        assert_eq!((target.encryption, target.tls.check), (Encryption::Always, Check::Issuer));
        assert_eq!(target.options, [("options".to_owned(), "-c x".into())]);
        for (uri, problem) in [
            ("postgresql://h?x=y", "invalid URI query parameter: \"x\""),
            ("postgresql://h?x", "missing key/value separator \"=\" in URI query parameter: \"x\""),
            ("postgresql://h%2", "invalid percent-encoded token: \"h%2\""),
            ("postgresql://h?sslmode=x", "invalid sslmode value: \"x\""),
        ] {
            assert_eq!(Target::parse(uri.as_bytes()).unwrap_err(), problem);
        }
    }

    proptest! {
        #[test]
        fn any_host_is_understood(text in "(postgresql://)?[a:@/?=&%,2\\[\\]]{0,20}") {
            let _ = Target::parse(text.as_bytes());
        }
    }
}
