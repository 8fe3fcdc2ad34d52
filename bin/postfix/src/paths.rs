//! Where things are.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bstr::{BStr, BString, ByteSlice};
use config::{Config, directory, main_cf, params};
use logging::fatal;
use text::list;

/// The directories of an installation, and who owns them.
#[derive(Clone, Debug)]
pub struct Paths {
    pub commands: PathBuf,
    pub daemons: PathBuf,
    pub configuration: PathBuf,
    pub data: PathBuf,
    pub queue: PathBuf,
    pub mail_owner: String,
    pub setgid_group: String,
    variables: Vec<(&'static str, BString)>,
}

impl Paths {
    pub fn new(config: &Config) -> Self {
        let path = |value: &BStr| PathBuf::from(OsStr::from_bytes(value));
        let variables = [
            params::COMMAND_DIRECTORY,
            params::DAEMON_DIRECTORY,
            params::DATA_DIRECTORY,
            params::META_DIRECTORY,
            params::QUEUE_DIRECTORY,
            params::SHLIB_DIRECTORY,
            params::MAIL_OWNER,
            params::SETGID_GROUP,
            params::SENDMAIL_PATH,
            params::MAILQ_PATH,
            params::NEWALIASES_PATH,
            params::MANPAGE_DIRECTORY,
            params::SAMPLE_DIRECTORY,
            params::README_DIRECTORY,
            params::HTML_DIRECTORY,
        ];
        let mut variables: Vec<_> = variables.map(|key| (key.name(), BString::from(config.get(key)))).into();
        variables.push(("config_directory", config.directory().into()));
        Self {
            commands: path(config.get(params::COMMAND_DIRECTORY)),
            daemons: path(config.get(params::DAEMON_DIRECTORY)),
            configuration: path(config.directory()),
            data: path(config.get(params::DATA_DIRECTORY)),
            queue: path(config.get(params::QUEUE_DIRECTORY)),
            mail_owner: config.get(params::MAIL_OWNER).to_str_lossy().into_owned(),
            setgid_group: config.get(params::SETGID_GROUP).to_str_lossy().into_owned(),
            variables,
        }
    }

    /// What programs that are run from here find in their environment.
    pub fn variables(&self) -> Vec<(&'static str, BString)> {
        self.variables.clone()
    }

    /// A program of the mail system that is run by hand or by scripts.
    pub fn command(&self, name: &str) -> PathBuf {
        self.commands.join(name)
    }

    pub fn master(&self) -> PathBuf {
        self.daemons.join("master")
    }

    /// Whether this is one of several instances, and not the first.
    pub fn is_secondary(&self) -> bool {
        let file = format!("{}/main.cf", directory::DEFAULT_DIRECTORY);
        let Ok(text) = main_cf::read_file(&file) else { return false };
        let own = self.configuration.as_os_str().as_bytes();
        main_cf::assignments(&file, &text)
            .filter_map(Result::ok)
            .filter(|assignment| assignment.name == params::MULTI_INSTANCE_DIRECTORIES.name())
            .any(|assignment| list::split(&assignment.value, list::SEPARATORS).any(|listed| listed == own))
    }

    /// Without these nothing works.
    pub fn require(&self) {
        require_directory("command", &self.commands);
        require_directory("daemon", &self.daemons);
        if !self.master().exists() {
            fatal!("no Postfix master program {}!", self.master().display());
        }
        require_directory("configuration", &self.configuration);
        require_directory("queue", &self.queue);
        if !self.command("postconf").exists() {
            fatal!("cannot execute {}!", self.command("postconf").display());
        }
    }

    /// User and group that own the queue.
    pub fn owner(&self) -> (u32, u32) {
        match sys::privilege::account(&self.mail_owner) {
            Ok(Some(account)) => (account.uid, account.gid),
            _ => fatal!("unknown mail_owner: {}", self.mail_owner),
        }
    }

    /// The group of programs that write to the maildrop.
    pub fn setgid(&self) -> u32 {
        match sys::privilege::group(&self.setgid_group) {
            Ok(Some(group)) => group,
            _ => fatal!("unknown setgid_group: {}", self.setgid_group),
        }
    }
}

fn require_directory(kind: &str, path: &Path) {
    if !path.is_dir() {
        fatal!("no Postfix {kind} directory {}!", path.display());
    }
}
