//! Checks of parameters against the system and against each other (config §4.5).

use bstr::{BString, ByteSlice};
use text::hostname::check_hostname;
use text::show;
use text::space::is_space;

use crate::accounts::{self, Accounts};
use crate::error::Error;
use crate::{Config, params};

/// The names that syslog_facility may have (config §12.2).
const FACILITIES: [&str; 20] = [
    "auth", "authpriv", "cron", "daemon", "ftp", "kern", "lpr", "mail", "news", "syslog", "user", "uucp", "local0",
    "local1", "local2", "local3", "local4", "local5", "local6", "local7",
];

fn failed(path: &str, problem: String) -> Error {
    Error::Check { path: path.to_owned(), problem }
}

pub(crate) fn syslog_facility(path: &str, value: &[u8]) -> Result<(), Error> {
    if FACILITIES.iter().any(|facility| facility.as_bytes() == value) {
        return Ok(());
    }
    Err(failed(path, format!("parameter syslog_facility: unrecognized value: {}", show(value))))
}

pub(crate) fn hostname(path: &str, parameter: &str, value: &[u8]) -> Result<(), Error> {
    check_hostname(value).map_err(|problem| Error::hostname(path, parameter, value, &problem))
}

pub(crate) fn accounts(
    path: &str,
    default_privs: &BString,
    mail_owner: &BString,
    setgid_group: &BString,
) -> Result<(), Error> {
    let (default_privs, mail_owner) = (default_privs.as_bstr(), mail_owner.as_bstr());
    let named = Accounts { default_privs, mail_owner, setgid_group: setgid_group.as_bstr() };
    accounts::check(&named).map_err(|problem| failed(path, problem))
}

/// The checks that need all common parameters.
pub(crate) fn consistency(config: &Config, path: &str) -> Result<(), Error> {
    let (host, relay) = (config.get(params::MYHOSTNAME), config.get(params::RELAYHOST));
    if host.eq_ignore_ascii_case(relay) {
        return Err(Error::RelayIsMyself(host.to_owned()));
    }
    let origin = config.get(params::MYORIGIN);
    if origin.iter().any(|&byte| byte == b',' || is_space(byte)) {
        return Err(Error::ManyOrigins(origin.to_owned()));
    }
    verp(config, path)
}

fn verp(config: &Config, path: &str) -> Result<(), Error> {
    let (delimiters, filter) = (config.get(params::DEFAULT_VERP_DELIMITERS), config.get(params::VERP_DELIMITER_FILTER));
    let problem = match delimiters.iter().position(|byte| !filter.contains(byte)) {
        Some(0) => "bad first VERP delimiter character",
        Some(_) => "bad second VERP delimiter character",
        None => return Ok(()),
    };
    Err(failed(path, format!("parameters default_verp_delimiters and verp_delimiter_filter: {problem}")))
}
