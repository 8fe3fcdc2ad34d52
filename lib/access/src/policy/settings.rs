//! How a policy server is asked: `{ endpoint, name = value ... }` (access-milter-postscreen §6.1).

use std::time::Duration;

use bstr::{BString, ByteSlice};
use config::{Config, params};
use text::list::{SEPARATORS, split_braced, unbrace};
use text::split_name_value;

use crate::Endpoint;

/// The global parameters.
#[derive(Clone, Debug)]
pub(crate) struct Defaults {
    timeout: Duration,
    max_idle: Duration,
    max_ttl: Duration,
    retry_delay: Duration,
    request_limit: u64,
    try_limit: u64,
    default_action: BString,
    policy_context: BString,
}

impl Defaults {
    pub fn read(config: &Config) -> Defaults {
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        Defaults {
            timeout: config.get(params::SMTPD_POLICY_SERVICE_TIMEOUT),
            max_idle: config.get(params::SMTPD_POLICY_SERVICE_MAX_IDLE),
            max_ttl: config.get(params::SMTPD_POLICY_SERVICE_MAX_TTL),
            retry_delay: config.get(params::SMTPD_POLICY_SERVICE_RETRY_DELAY),
            request_limit: count(config.get(params::SMTPD_POLICY_SERVICE_REQUEST_LIMIT)),
            try_limit: count(config.get(params::SMTPD_POLICY_SERVICE_TRY_LIMIT)),
            default_action: config.get(params::SMTPD_POLICY_SERVICE_DEFAULT_ACTION).into(),
            policy_context: config.get(params::SMTPD_POLICY_SERVICE_POLICY_CONTEXT).into(),
        }
    }
}

/// Where a policy server is, and how it is asked.
#[derive(Clone, Debug)]
pub(crate) struct PolicySettings {
    pub endpoint: Endpoint,
    /// For the connect, and for each read and write.
    pub timeout: Duration,
    /// How long a connection may be unused.
    pub max_idle: Duration,
    /// How long a connection is used.
    pub max_ttl: Duration,
    /// The pause between tries.
    pub retry_delay: Duration,
    /// Requests for each connection; 0: no limit.
    pub request_limit: u64,
    /// Tries for each request; 0: no limit.
    pub try_limit: u64,
    /// What counts as the answer when there is none.
    pub default_action: BString,
    pub policy_context: BString,
}

impl PolicySettings {
    /// Reads the word after `check_policy_service`.
    ///
    /// # Errors
    /// The text of the fatal error.
    pub fn parse(word: &[u8], defaults: &Defaults) -> Result<PolicySettings, String> {
        let inside = match word.starts_with(b"{") {
            true => unbrace(word).map_err(|error| format!("policy service syntax error: {error}"))?,
            false => word,
        };
        let mut words = split_braced(inside, SEPARATORS);
        let Some(endpoint) = words.next() else {
            return Err(format!("empty policy service: \"{}\"", text::show(word)));
        };
        let mut settings = PolicySettings {
            endpoint: Endpoint::parse(endpoint)?,
            timeout: defaults.timeout,
            max_idle: defaults.max_idle,
            max_ttl: defaults.max_ttl,
            retry_delay: defaults.retry_delay,
            request_limit: defaults.request_limit,
            try_limit: defaults.try_limit,
            default_action: defaults.default_action.clone(),
            policy_context: defaults.policy_context.clone(),
        };
        for option in words {
            settings.set(word, option)?;
        }
        Ok(settings)
    }

    fn set(&mut self, word: &[u8], option: &[u8]) -> Result<(), String> {
        let malformed =
            |why: &dyn std::fmt::Display| format!("malformed option: {why}: \"...{}...\"", text::show(option));
        let inside = match option.starts_with(b"{") {
            true => unbrace(option).map_err(|error| format!("policy service syntax error: {error}"))?,
            false => option,
        };
        let (name, value) = split_name_value(inside).map_err(|error| malformed(&error))?;
        match name {
            b"timeout" => self.timeout = time(name, value)?,
            b"max_idle" => self.max_idle = time(name, value)?,
            b"max_ttl" => self.max_ttl = time(name, value)?,
            b"retry_delay" => self.retry_delay = time(name, value)?,
            b"request_limit" => self.request_limit = number(name, value)?,
            b"try_limit" => self.try_limit = number(name, value)?,
            b"default_action" => self.default_action = value.into(),
            b"policy_context" => self.policy_context = value.into(),
            _ => {
                let (name, value) = (text::show(name), text::show(value));
                log::debug!("in {}", text::show(word));
                return Err(format!("unknown option: \"{name} = {value}\""));
            }
        }
        Ok(())
    }
}

fn time(name: &[u8], value: &[u8]) -> Result<Duration, String> {
    let bad = || format!("{}: bad time value or unit: {}", text::show(name), text::show(value));
    config::seconds(value, b's').map(|seconds| Duration::from_secs(seconds.into())).ok_or_else(bad)
}

fn number(name: &[u8], value: &[u8]) -> Result<u64, String> {
    let bad = || format!("bad numerical configuration: {} = {}", text::show(name), text::show(value));
    value.to_str().ok().and_then(|digits| digits.parse().ok()).ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(word: &str) -> Result<PolicySettings, String> {
        let defaults = Defaults::read(&Config::for_tests(&[]));
        PolicySettings::parse(word.as_bytes(), &defaults)
    }

    #[test]
    fn options() {
        let word = "{ inet:h:1, timeout=10 max_idle=1h, { default_action = 450 try later } try_limit=0 }";
        let settings = parse(word).unwrap();
        assert_eq!((settings.timeout.as_secs(), settings.max_idle.as_secs(), settings.try_limit), (10, 3600, 0));
        assert_eq!(settings.default_action, "450 try later");
        assert_eq!(parse("unix:p").unwrap().default_action, "451 4.3.5 Server configuration problem");
    }

    #[test]
    fn mistakes_are_fatal() {
        assert_eq!(parse("{}").unwrap_err(), "empty policy service: \"{}\"");
        assert_eq!(parse("{ unix:p, x=1 }").unwrap_err(), "unknown option: \"x = 1\"");
        assert_eq!(parse("{ unix:p, timeout=x }").unwrap_err(), "timeout: bad time value or unit: x");
        assert_eq!(parse("{ unix:p, try_limit=x }").unwrap_err(), "bad numerical configuration: try_limit = x");
        let error = "malformed option: missing '=' after attribute name: \"...timeout...\"";
        assert_eq!(parse("{ unix:p, timeout }").unwrap_err(), error);
        assert!(parse("{ unix:p").unwrap_err().starts_with("policy service syntax error: missing '}'"));
    }
}
