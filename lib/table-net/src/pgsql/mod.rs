//! `pgsql:`: PostgreSQL (tables §5.4).

mod connection;
mod target;

use bstr::BString;
use nix::unistd::{User, geteuid};
use table::client::{ConnectError, Endpoint};
use table::{Error, Facts, Lookup, Map, OpenError, Owner, Request};

use crate::hosts::Hosts;
use crate::parameters::Parameters;
use crate::results::TooMany;
use crate::statement::Statement;
use connection::{Connection, Failure, Login};
use target::Target;

/// In these, a `'` or `\` can be half of a character, so that a quoted text may not stay quoted.
const UNSAFE_ENCODINGS: [&str; 7] = ["BIG5", "GB18030", "GBK", "JOHAB", "SHIFT_JIS_2004", "SJIS", "UHC"];

struct PgSql {
    /// The name in messages.
    name: String,
    owner: Owner,
    hosts: Hosts<Target, Connection>,
    statement: Statement,
    login: Login,
}

pub fn open(request: &Request<'_>) -> Result<Box<dyn Map>, OpenError> {
    request.read_only()?;
    let parameters = Parameters::read(request)?;
    let label = &parameters.label;
    let hosts = parameters.list("hosts", "localhost")?;
    let hosts = hosts.iter().map(|host| Target::parse(host)).collect::<Result<Vec<_>, _>>();
    let hosts = hosts.map_err(|problem| OpenError(format!("{label}: {problem}")))?;
    let database = parameters.text("dbname", "")?;
    if let Some((_, target)) = hosts.iter().find(|(_, target)| target.database.is_none())
        && database.is_empty()
    {
        let host = &target.text;
        return Err(OpenError(format!("{label} host target '{host}' requires dbname setting")));
    }
    for (_, target) in &hosts {
        // Files that are missing are found out now.
        target.tls.load().map_err(|problem| OpenError(format!("{label}: {problem}")))?;
    }
    let encoding = text::show(&parameters.text("encoding", "UTF8")?).to_string();
    if UNSAFE_ENCODINGS.iter().any(|name| encoding.eq_ignore_ascii_case(name)) {
        return Err(OpenError(format!("{label}: unsupported parameter value: encoding = {encoding}")));
    }
    Ok(Box::new(PgSql {
        hosts: Hosts::new(&parameters, hosts)?,
        statement: Statement::read(&parameters, request, true)?,
        login: Login {
            user: parameters.text("user", "")?,
            password: parameters.text("password", "")?,
            database,
            encoding,
        },
        owner: parameters.owner(),
        name: parameters.name,
    }))
}

/// The name of the user that the process runs as.
fn own_name() -> BString {
    User::from_uid(geteuid()).ok().flatten().map_or_else(BString::default, |user| user.name.into())
}

/// What the target says counts more.
fn login_for(target: &Target, login: &Login) -> Login {
    let user = target.user.clone().unwrap_or_else(|| login.user.clone());
    Login {
        user: if user.is_empty() { own_name() } else { user },
        password: target.password.clone().unwrap_or_else(|| login.password.clone()),
        database: target.database.clone().unwrap_or_else(|| login.database.clone()),
        encoding: login.encoding.clone(),
    }
}

/// Connects to the first address of a target that answers, and says what the client library says when none does.
fn connect(target: &Target, login: &Login) -> Result<Connection, Error> {
    let login = login_for(target, login);
    let mut last = Error::RETRY;
    let mut problems = Vec::new();
    for endpoint in &target.endpoints {
        match Connection::open(endpoint, target, &login) {
            Ok(connection) => return Ok(connection),
            Err(failure) => {
                last = error_of(&failure);
                problems.push(problem(endpoint, &failure));
            }
        }
    }
    log::warn!("connect to pgsql server {}: {}", target.text, problems.join("\n"));
    Err(last)
}

fn problem(endpoint: &Endpoint, failure: &Failure) -> String {
    let is_down = matches!(failure, Failure::Unreachable(ConnectError::Io(_)));
    match endpoint {
        Endpoint::Inet { host, .. } if matches!(failure, Failure::Unreachable(ConnectError::NotFound(_))) => {
            format!("could not translate host name \"{}\" to address: {failure}", text::show(host))
        }
        Endpoint::Inet { host, port, .. } => {
            let hint = "\n\tIs the server running on that host and accepting TCP/IP connections?";
            let hint = if is_down { hint } else { "" };
            let (host, port) = (text::show(host), text::show(port));
            format!("connection to server at \"{host}\", port {port} failed: {failure}{hint}")
        }
        Endpoint::Unix(path) => {
            let hint = "\n\tIs the server running locally and accepting connections on that socket?";
            let hint = if is_down { hint } else { "" };
            format!("connection to server on socket \"{}\" failed: {failure}{hint}", text::show(path))
        }
    }
}

fn error_of(failure: &Failure) -> Error {
    match failure {
        Failure::Unreachable(error) => crate::wire::error_of(error),
        Failure::Io(error) => Error::system(error),
        _ => Error::RETRY,
    }
}

/// Says what went wrong with a query.
fn complain(host: &str, failure: &Failure) {
    match failure {
        Failure::Protocol => log::warn!("pgsql query failed: protocol error, host {host}"),
        Failure::Empty => log::warn!("pgsql query failed: {failure} from host {host}"),
        failure => log::warn!("pgsql query failed: fatal error from host {host}: {failure}"),
    }
}

impl Map for PgSql {
    fn facts(&self) -> Facts {
        Facts::fixed(self.owner)
    }

    fn lookup(&mut self, key: &[u8]) -> Lookup {
        if !self.statement.wants(key)? {
            return Ok(None);
        }
        let PgSql { hosts, statement, login, .. } = self;
        let values = hosts.ask(
            |target| connect(target, login),
            |connection, target| {
                let text = statement.text(key, |text, out| connection.quote(text, out));
                connection.query(&text).map_err(|failure| {
                    complain(&target.text, &failure);
                    error_of(&failure)
                })
            },
        )?;
        let mut results = self.statement.results(key);
        match values.iter().try_for_each(|value| results.add(value)) {
            Ok(()) => Ok(results.finish()),
            Err(TooMany) => {
                let (name, key) = (&self.name, text::show(key));
                log::warn!("dict_pgsql_lookup: {name}: Expansion limit exceeded for key: '{key}'");
                Err(Error::RETRY)
            }
        }
    }
}
