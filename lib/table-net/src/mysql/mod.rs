//! `mysql:`: MySQL and MariaDB (tables §5.4).

mod connection;
mod option_file;
mod packet;
#[cfg(test)]
mod tests;

use std::io;

use bstr::BString;
use table::client::{ConnectError, Endpoint};
use table::{Error, Facts, Lookup, Map, OpenError, Owner, Request};

use crate::hosts::{Family, Hosts, split_port};
use crate::parameters::Parameters;
use crate::results::TooMany;
use crate::statement::Statement;
use crate::tls::{self, Check};
use connection::{Answer, Connection, Encryption, Failure, Login};
use option_file::Options;

/// Where the server of this machine listens, if no option file says otherwise.
const SOCKET: &str = "/run/mysqld/mysqld.sock";
const PORT: &str = "3306";
/// In these, a `\` can be half of a character, so that a quoted text may not stay quoted.
const UNSAFE_CHARSETS: [&str; 5] = ["big5", "cp932", "gb18030", "gbk", "sjis"];

struct MySql {
    label: String,
    /// The name in messages.
    name: String,
    owner: Owner,
    hosts: Hosts<Host, Connection>,
    statement: Statement,
    login: Login,
    require_result_set: bool,
}

/// A host as it was written, and where that is.
#[derive(Clone)]
struct Host {
    text: String,
    endpoint: Endpoint,
}

pub fn open(request: &Request<'_>) -> Result<Box<dyn Map>, OpenError> {
    request.read_only()?;
    let parameters = Parameters::read(request)?;
    let group = parameters.text("option_group", "client")?;
    let options = Options::read(&parameters.text("option_file", "")?, &group);
    let hosts = parameters.list("hosts", "localhost")?;
    let hosts: Result<Vec<_>, _> = hosts.iter().map(|host| parse_host(host, &options)).collect();
    Ok(Box::new(MySql {
        hosts: Hosts::new(&parameters, hosts?)?,
        login: login(&parameters, &options)?,
        statement: Statement::read(&parameters, request, false)?,
        require_result_set: parameters.boolean("require_result_set", true)?,
        owner: parameters.owner(),
        name: parameters.name,
        label: parameters.label,
    }))
}

/// `unix:/path`, `inet:host:port`, `host:port`; `localhost` is a socket, whatever the port.
fn parse_host(host: &[u8], options: &Options) -> Result<(Family, Host), OpenError> {
    let usual = |name: &str, value: &str| options.get(name).cloned().unwrap_or_else(|| value.into());
    let text = text::show(host).to_string();
    if let Some(path) = host.strip_prefix(b"unix:") {
        return Ok((Family::Unix, Host { text, endpoint: Endpoint::Unix(path.into()) }));
    }
    let name = host.strip_prefix(b"inet:").unwrap_or(host);
    let (name, port) = split_port(name);
    if name.eq_ignore_ascii_case(b"localhost") {
        return Ok((Family::Unix, Host { text, endpoint: Endpoint::Unix(usual("socket", SOCKET)) }));
    }
    let port = port.map_or_else(|| usual("port", PORT), BString::from);
    let endpoint = Endpoint::inet(&[b"[", name, b"]:", &port].concat()).map_err(OpenError)?;
    Ok((Family::Inet, Host { text, endpoint }))
}

fn login(parameters: &Parameters, options: &Options) -> Result<Login, OpenError> {
    let either = |parameter: &str, option: &str| match parameters.text(parameter, "") {
        Ok(text) if text.is_empty() => Ok(options.get(option).cloned().unwrap_or_default()),
        result => result,
    };
    let charset = parameters.text("charset", "utf8mb4")?.to_ascii_lowercase();
    let charset = String::from_utf8_lossy(&charset).into_owned();
    let is_name = charset.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !is_name || charset.is_empty() || UNSAFE_CHARSETS.contains(&charset.as_str()) {
        let label = &parameters.label;
        return Err(OpenError(format!("{label}: unsupported parameter value: charset = {charset}")));
    }
    let verify = options.get("ssl-verify-server-cert").is_some_and(|value| !matches!(value.as_slice(), b"0" | b"off"));
    let check = match parameters.boolean("tls_verify_cert", verify)? {
        true => Check::IssuerAndName,
        false => Check::Nothing,
    };
    let settings = tls::Settings {
        check,
        ca_file: either("tls_CAfile", "ssl-ca")?,
        ca_directory: either("tls_CApath", "ssl-capath")?,
        certificate: either("tls_cert_file", "ssl-cert")?,
        key: either("tls_key_file", "ssl-key")?,
        ciphers: either("tls_ciphers", "ssl-cipher")?,
    };
    let config = settings.load().map_err(|problem| OpenError(format!("{}: {problem}", parameters.label)))?;
    let encryption = match settings == tls::Settings::default() {
        true => Encryption::Offered(config),
        false => Encryption::Required(config),
    };
    Ok(Login {
        user: either("user", "user")?,
        password: either("password", "password")?,
        database: parameters.required("dbname")?,
        charset,
        encryption,
    })
}

/// Connects, and says what the client library says when that fails.
fn connect(host: &Host, login: &Login) -> Result<Connection, Error> {
    Connection::open(&host.endpoint, login).map_err(|failure| {
        let text = match (&failure, &host.endpoint) {
            (Failure::Unreachable(ConnectError::Io(error)), Endpoint::Unix(path)) => {
                let number = error.raw_os_error().unwrap_or(0);
                format!("Can't connect to local server through socket '{}' ({number})", text::show(path))
            }
            (Failure::Unreachable(ConnectError::Io(_)), Endpoint::Inet { host, .. }) => {
                let number = nix::errno::Errno::EINPROGRESS as i32;
                format!("Can't connect to server on '{}' ({number})", text::show(host))
            }
            (Failure::Unreachable(ConnectError::NotFound(_)), Endpoint::Inet { host, .. }) => {
                format!("Unknown server host '{}' (-2)", text::show(host))
            }
            (failure, _) => failure.to_string(),
        };
        log::warn!("connect to mysql server {}: {text}", host.text);
        error_of(&failure)
    })
}

fn error_of(failure: &Failure) -> Error {
    match failure {
        Failure::Unreachable(error) => crate::wire::error_of(error),
        Failure::Io(error) if error.kind() != io::ErrorKind::UnexpectedEof => Error::system(error),
        _ => Error::RETRY,
    }
}

impl MySql {
    fn ask(&mut self, key: &[u8]) -> Result<Answer, Error> {
        let MySql { label, hosts, statement, login, require_result_set, .. } = self;
        hosts.ask(
            |host| connect(host, login),
            |connection, _| {
                let text = statement.text(key, |text, out| connection.quote(text, out));
                let answer = connection.query(text.as_bytes()).and_then(|answer| match answer.result_sets {
                    0 if *require_result_set => {
                        Err(Failure::Result("query returned no result set(require_result_set = yes)"))
                    }
                    0 | 1 => Ok(answer),
                    _ => Err(Failure::Result("multiple result sets returning data are not supported")),
                });
                answer.map_err(|failure| {
                    log::warn!("{label}: query failed: {failure}");
                    error_of(&failure)
                })
            },
        )
    }
}

impl Map for MySql {
    fn facts(&self) -> Facts {
        Facts::fixed(self.owner)
    }

    fn lookup(&mut self, key: &[u8]) -> Lookup {
        if !self.statement.wants(key)? {
            return Ok(None);
        }
        let answer = self.ask(key)?;
        let mut results = self.statement.results(key);
        let mut values = answer.rows.iter().flatten().flatten();
        match values.try_for_each(|value| results.add(value)) {
            Ok(()) => Ok(results.finish()),
            Err(TooMany) => {
                let (name, key) = (&self.name, text::show(key));
                log::warn!("dict_mysql_lookup: {name}: Expansion limit exceeded for key: '{key}'");
                Err(Error::RETRY)
            }
        }
    }
}
