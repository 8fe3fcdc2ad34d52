//! `name=value` arguments: where things are, and whom they belong to.

use bstr::{BStr, BString, ByteSlice};
use config::{Config, Key, Str, params};
use logging::fatal;
use text::show;

/// The parameters of an installation.
pub const PARAMETERS: [Key<Str>; 15] = [
    params::COMMAND_DIRECTORY,
    params::DAEMON_DIRECTORY,
    params::DATA_DIRECTORY,
    params::HTML_DIRECTORY,
    params::MAIL_OWNER,
    params::MAILQ_PATH,
    params::MANPAGE_DIRECTORY,
    params::META_DIRECTORY,
    params::NEWALIASES_PATH,
    params::QUEUE_DIRECTORY,
    params::README_DIRECTORY,
    params::SAMPLE_DIRECTORY,
    params::SENDMAIL_PATH,
    params::SETGID_GROUP,
    params::SHLIB_DIRECTORY,
];

/// Those that are names of accounts, not paths.
const ACCOUNTS: [&str; 2] = ["mail_owner", "setgid_group"];
/// Those that may be `no`: what they are for is not installed.
const OPTIONAL: [&str; 3] = ["html_directory", "readme_directory", "shlib_directory"];

/// What the command line says.
#[derive(Debug, Default)]
pub struct Settings(Vec<(BString, BString)>);

impl Settings {
    /// Takes a `name=value`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn add(&mut self, argument: &[u8]) -> Result<(), String> {
        let (name, value) = argument.split_once_str("=").unwrap_or((argument, b""));
        if !PARAMETERS.iter().any(|key| key.name().as_bytes() == name) {
            return Err(format!("{} is no parameter of an installation", show(name)));
        }
        check(&name.to_str_lossy(), value)?;
        self.0.push((name.into(), value.into()));
        Ok(())
    }

    /// Whether main.cf says something else.
    pub fn is_changed(&self, config: &Config) -> bool {
        let value = |name: &BString| PARAMETERS.iter().find(|key| name == key.name()).map(|key| config.get(*key));
        self.0.iter().any(|(name, new)| value(name) != Some(new.as_bstr()))
    }

    /// The configuration with these settings.
    pub fn over(&self, config: Config) -> Config {
        if self.0.is_empty() {
            return config;
        }
        Config::load("postfix", &self.0).unwrap_or_else(|error| fatal!("{error}"))
    }
}

fn check(name: &str, value: &[u8]) -> Result<(), String> {
    let fine = match value {
        b"" => false,
        b"no" => OPTIONAL.contains(&name),
        _ => ACCOUNTS.contains(&name) || value.starts_with(b"/"),
    };
    let wanted = if ACCOUNTS.contains(&name) { "a name" } else { "an absolute pathname" };
    if fine { Ok(()) } else { Err(format!("{name} must be {wanted}: '{}'", show(value))) }
}

/// All parameters of an installation as main.cf is to have them. A path that ends in the version goes along with upgrades.
pub fn in_main_cf(config: &Config) -> Vec<BString> {
    let version = config.get(params::MAIL_VERSION);
    let text = |value: &BStr| match value.strip_suffix(version.as_bytes()) {
        Some(rest) => [rest, b"${mail_version}"].concat(),
        None => value.to_vec(),
    };
    PARAMETERS.iter().map(|key| [key.name().as_bytes(), b" = ", &text(config.get(*key))].concat().into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_checked() {
        let add = |argument: &str| Settings::default().add(argument.as_bytes());
        assert_eq!(add("queue_directory=/q"), Ok(()));
        assert_eq!(add("html_directory=no"), Ok(()));
        assert_eq!(add("mail_owner=postfix"), Ok(()));
        for bad in ["queue_directory=q", "manpage_directory=no", "setgid_group=no", "myhostname=x", "data_directory="] {
            assert!(add(bad).is_err(), "{bad}");
        }
    }
}
