//! The frame that commands run in, as opposed to daemons (floor 4).
//!
//! Each command does the same first steps: safe descriptors and file modes, logging, main.cf, environment, queue
//! directory. None of them returns an error: what goes wrong here is fatal, with Postfix's text.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bstr::{BStr, BString, ByteSlice};
use config::environment::{self, Purpose};
use config::{Config, directory, params};
use logging::Audience;
use queue::{IdStyle, Spool};
use sys::signal::Signal;

mod replace;
mod stop;
pub mod table_tool;

pub use replace::replace;
pub use stop::{Stop, on_stop};

/// How the command was called.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// `argv[0]`, as it was given.
    pub name: BString,
    /// The words behind it.
    pub args: Vec<BString>,
}

impl Invocation {
    /// That of this process.
    pub fn of_process() -> Invocation {
        let mut words = text::getopt::from_os(std::env::args_os());
        let name = if words.is_empty() { BString::default() } else { words.remove(0) };
        Invocation { name, args: words }
    }

    /// The name without its directory.
    pub fn base_name(&self) -> &BStr {
        self.name.rsplit_str("/").next().unwrap_or_default().as_bstr()
    }

    /// Says on standard error what getopt(3) says about a bad option. The program's own usage message follows.
    pub fn report(&self, error: text::getopt::Error) {
        eprintln!("{}: {error}", text::show(&self.name));
    }
}

/// The first steps of every command: new files are not writable by others, the standard descriptors are open, and
/// messages go out as `process`.
pub fn begin(process: &BStr, audience: Audience) {
    sys::process::set_umask(0o022);
    let opened = sys::descriptor::fill_standard();
    logging::start(&process.to_str_lossy(), audience);
    std::panic::set_hook(Box::new(|panic| logging::panic_report(&panic.to_string())));
    if let Err(error) = opened {
        logging::fatal!("open /dev/null: {}", sys::reason(&error));
    }
}

/// What `-c` does: the configuration is read from this directory, here and in programs that this one runs.
pub fn use_config_directory(directory: &[u8]) {
    sys::environment::set(directory::DIRECTORY_VARIABLE, OsStr::from_bytes(directory));
}

/// What a command does with `import_environment`, and where its log goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// It runs with its caller's rights: the listed assignments are made.
    Caller,
    /// It runs with rights that its caller does not have: only listed variables are left.
    SetGid,
    /// It runs as root, perhaps while the mail system is down: it writes the log file itself when nobody else does.
    Root,
}

/// Reads main.cf, and follows what it says about log and environment.
pub fn load(program: &str, trust: Trust) -> Config {
    let config = Config::load(program, &[]).unwrap_or_else(|error| logging::fatal!("{error}"));
    let purpose = if trust == Trust::SetGid { Purpose::Clean } else { Purpose::Update };
    match config.import_environment(purpose) {
        Ok(elements) => environment::apply(&elements, purpose),
        Err(error) => logging::fatal!("{error}"),
    }
    if let Err(error) = logging::configure(&config, trust == Trust::Root) {
        logging::fatal!("{error}");
    }
    config
}

/// Goes to the queue directory, relative to which all queue paths are.
pub fn enter_queue_directory(config: &Config) {
    let directory = config.get(params::QUEUE_DIRECTORY);
    if let Err(error) = std::env::set_current_dir(Path::new(OsStr::from_bytes(directory))) {
        logging::fatal!("chdir {}: {}", text::show(directory), sys::reason(&error));
    }
}

/// The tree of queue directories, as configured.
pub fn spool(config: &Config) -> Spool {
    Spool::new(
        config.get(params::HASH_QUEUE_NAMES),
        config.get(params::HASH_QUEUE_DEPTH),
        IdStyle::from(config.get(params::ENABLE_LONG_QUEUE_IDS)),
    )
}

/// Ignores SIGPIPE, so that a peer that goes away is a write error.
pub fn ignore_broken_pipes() {
    sys::signal::ignore(Signal::SIGPIPE);
}

/// Keeps this process's files at `message_size_limit` (bytes; 0 sets no limit), unless they have a lower limit
/// already. A write beyond it fails with EFBIG (queue-files §8.5).
pub fn limit_file_size(config: &Config) {
    sys::signal::ignore(Signal::SIGXFSZ);
    let limit = config.get(params::MESSAGE_SIZE_LIMIT);
    if let Ok(limit) = u64::try_from(limit)
        && limit > 0
        && let Err(error) = sys::limit::lower_file_size(limit)
    {
        logging::fatal!("setrlimit: {}", sys::reason(&error));
    }
}

/// The login name of a user; `None` when the user has no account.
pub fn login_name(uid: u32) -> Option<String> {
    match sys::privilege::account_of(uid) {
        Ok(account) => account.map(|account| account.name),
        Err(error) => logging::fatal!("unable to look up user ID {uid}: {}", sys::reason(&error)),
    }
}
