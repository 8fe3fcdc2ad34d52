//! What local reads from main.cf (delivery-agents §2.1).

use std::time::Duration;

use bstr::{BString, ByteSlice};
use config::{Config, Key, Raw, Str, params};
use deliver::mailbox::Locking;
use logging::fatal;
use sys::privilege::Account;
use text::list;

/// Where a destination was named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// In an alias table.
    Alias,
    /// In a `.forward` file.
    Forward,
    /// In an `:include:` file.
    Include,
}

/// A subset of three things that a parameter names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subset([bool; 3]);

impl Subset {
    /// Bad names end the program.
    fn read(config: &Config, parameter: Key<Str>, names: [&[u8]; 3]) -> Self {
        let value = config.get(parameter);
        let mut subset = Self([false; 3]);
        for word in list::split(value, b", \t\r\n") {
            match names.iter().position(|name| *name == word) {
                Some(index) => subset.0[index] = true,
                None => {
                    let (word, value) = (text::show(word), text::show(value));
                    fatal!("unknown {} value \"{word}\" in \"{value}\"", parameter.name())
                }
            }
        }
        subset
    }

    /// Whether a source is in the set; what a recipient itself names is not.
    pub fn allows(self, source: Option<Source>) -> bool {
        match source {
            Some(Source::Alias) => self.0[0],
            Some(Source::Forward) => self.0[1],
            Some(Source::Include) => self.0[2],
            None => false,
        }
    }
}

const SOURCES: [&[u8]; 3] = [b"alias", b"forward", b"include"];

/// Parameters, understood.
#[derive(Debug)]
pub struct Settings {
    pub commands_from: Subset,
    pub files_from: Subset,
    /// Delivered-To: for commands, files, forwarded mail.
    delivered_header: Subset,
    /// Sources whose addresses get the recipient's extension.
    pub propagate: Subset,
    pub biff: bool,
    pub execution_directory: BString,
    pub command_filter: BString,
    pub forward_filter: BString,
    pub directory_filter: BString,
    pub command_limit: Duration,
    pub default_privs: Account,
    pub duplicate_limit: usize,
    pub expand_owner_alias: bool,
    pub reset_owner_alias: bool,
    pub owner_request_special: bool,
    pub fallback_transport: BString,
    pub mailbox_transport: BString,
    pub forward_path: BString,
    pub frozen_delivered_to: bool,
    pub home_mailbox: BString,
    pub line_limit: usize,
    pub command_shell: BString,
    pub luser_relay: BString,
    pub spool_directory: BString,
    pub mailbox_command: BString,
    pub locking: Locking,
    pub require_home: bool,
    pub delimiter: BString,
    pub double_bounce: BString,
    pub strict_ownership: bool,
    pub original_recipient: bool,
    pub utf8: bool,
    pub ipc_timeout: Duration,
    pub environment: Vec<(BString, BString)>,
}

impl Settings {
    /// Reads and checks everything; what is wrong ends the program.
    pub fn new(config: &Config) -> Self {
        let text = |key: Key<Str>| BString::from(config.get(key));
        let raw = |key: Key<Raw>| BString::from(config.get(key));
        let locking =
            Locking::from_config(config, params::MAILBOX_DELIVERY_LOCK).unwrap_or_else(|error| fatal!("{error}"));
        Self {
            commands_from: Subset::read(config, params::ALLOW_MAIL_TO_COMMANDS, SOURCES),
            files_from: Subset::read(config, params::ALLOW_MAIL_TO_FILES, SOURCES),
            delivered_header: Subset::read(config, params::PREPEND_DELIVERED_HEADER, [b"command", b"file", b"forward"]),
            propagate: propagate(config),
            biff: config.get(params::BIFF),
            execution_directory: raw(params::COMMAND_EXECUTION_DIRECTORY),
            command_filter: text(params::COMMAND_EXPANSION_FILTER),
            forward_filter: text(params::FORWARD_EXPANSION_FILTER),
            directory_filter: text(params::EXECUTION_DIRECTORY_EXPANSION_FILTER),
            command_limit: config.get(params::COMMAND_TIME_LIMIT),
            default_privs: account(config.get(params::DEFAULT_PRIVS)),
            duplicate_limit: usize::try_from(config.get(params::DUPLICATE_FILTER_LIMIT)).unwrap_or(0),
            expand_owner_alias: config.get(params::EXPAND_OWNER_ALIAS),
            reset_owner_alias: config.get(params::RESET_OWNER_ALIAS),
            owner_request_special: config.get(params::OWNER_REQUEST_SPECIAL),
            fallback_transport: text(params::FALLBACK_TRANSPORT),
            mailbox_transport: text(params::MAILBOX_TRANSPORT),
            forward_path: raw(params::FORWARD_PATH),
            frozen_delivered_to: config.get(params::FROZEN_DELIVERED_TO),
            home_mailbox: text(params::HOME_MAILBOX),
            line_limit: usize::try_from(config.get(params::LINE_LENGTH_LIMIT)).unwrap_or(2048),
            command_shell: text(params::LOCAL_COMMAND_SHELL),
            luser_relay: raw(params::LUSER_RELAY),
            spool_directory: text(params::MAIL_SPOOL_DIRECTORY),
            mailbox_command: raw(params::MAILBOX_COMMAND),
            locking: effective_locking(config, locking),
            require_home: config.get(params::REQUIRE_HOME_DIRECTORY),
            delimiter: text(params::RECIPIENT_DELIMITER),
            double_bounce: text(params::DOUBLE_BOUNCE_SENDER),
            strict_ownership: config.get(params::STRICT_MAILBOX_OWNERSHIP),
            original_recipient: config.get(params::ENABLE_ORIGINAL_RECIPIENT),
            utf8: config.get(params::SMTPUTF8_ENABLE),
            ipc_timeout: config.get(params::IPC_TIMEOUT),
            environment: environment(config),
        }
    }

    /// Whether commands get a Delivered-To: header.
    pub fn delivered_header_for_commands(&self) -> bool {
        self.delivered_header.0[0]
    }

    /// Whether files and mailboxes get one.
    pub fn delivered_header_for_files(&self) -> bool {
        self.delivered_header.0[1]
    }

    /// Whether forwarded mail gets one.
    pub fn delivered_header_for_forwarding(&self) -> bool {
        self.delivered_header.0[2]
    }
}

/// `propagate_unmatched_extensions` has names that concern other programs too.
fn propagate(config: &Config) -> Subset {
    let value = config.get(params::PROPAGATE_UNMATCHED_EXTENSIONS);
    let has = |name: &[u8]| list::split(value, b", \t\r\n").any(|word| word == name);
    Subset(SOURCES.map(has))
}

fn effective_locking(config: &Config, locking: Locking) -> Locking {
    let locking = if config.get(params::SUN_MAILTOOL_COMPATIBILITY) {
        log::warn!("sun_mailtool_compatibility: deprecated parameter, use \"mailbox_delivery_lock = dotlock\" instead");
        locking.dotlock_only()
    } else {
        locking
    };
    if locking.is_empty() {
        fatal!("parameter mailbox_delivery_lock specifies no applicable mailbox locking method");
    }
    locking
}

fn account(name: &[u8]) -> Account {
    match sys::privilege::account(&name.to_str_lossy()) {
        Ok(Some(account)) => account,
        _ => fatal!("unknown user: {}", text::show(name)),
    }
}

/// What commands find in their environment besides what this agent adds.
fn environment(config: &Config) -> Vec<(BString, BString)> {
    let elements = config.export_environment().unwrap_or_else(|error| fatal!("{error}"));
    config::environment::select(&elements, config::environment::safe_variable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subsets_of_sources() {
        let settings = Settings::new(&Config::for_tests(&[
            ("allow_mail_to_commands", "alias"),
            ("propagate_unmatched_extensions", "canonical, virtual, forward"),
            ("mail_owner", "root"),
        ]));
        assert!(settings.commands_from.allows(Some(Source::Alias)));
        assert!(!settings.commands_from.allows(Some(Source::Forward)));
        assert!(!settings.commands_from.allows(None));
        assert!(settings.propagate.allows(Some(Source::Forward)) && !settings.propagate.allows(Some(Source::Alias)));
    }
}
