//! The command line, main.cf, and the environment that other programs find.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use bstr::{BStr, BString, ByteSlice};
use command::{Invocation, Trust};
use config::environment::{self, Purpose};
use config::{Config, directory, params};
use logging::{Audience, fatal};
use text::getopt::Getopt;
use text::level::Level;

use crate::paths::Paths;

/// The compatibility level that needs no reminder.
const LEVEL: Level = Level::new(3, 6, 0);
/// Where administrative programs are searched.
const PATH: &str = "/bin:/usr/bin:/sbin:/usr/sbin";

/// What the command line says.
pub struct Arguments {
    pub words: Vec<BString>,
    /// The configuration directory was named, here or in the environment.
    pub one_instance: bool,
}

pub fn usage() -> ! {
    fatal!("usage: postfix [-c config_dir] [-Dv] command")
}

/// The early checks, and the options.
pub fn read_command_line() -> Arguments {
    let invocation = Invocation::of_process();
    command::begin("postfix".into(), Audience::LogAndTerminal);
    logging::tag(b"postfix");
    if sys::privilege::real_uid() != 0 {
        log::error!("to submit mail, use the Postfix sendmail command");
        fatal!("the postfix command is reserved for the superuser");
    }
    if sys::privilege::is_set_id() {
        fatal!("the postfix command must not run as a set-uid process");
    }
    let mut parser = Getopt::new(&invocation.args, "c:Dv");
    for option in parser.by_ref() {
        match option {
            Ok(option) if option.letter == b'c' => name_directory(option.value),
            Ok(option) if option.letter == b'D' => sys::environment::set("MAIL_DEBUG", ""),
            Ok(_) => {
                logging::set_verbosity(logging::verbosity() + 1);
                sys::environment::set("MAIL_VERBOSE", "");
            }
            Err(error) => {
                invocation.report(error);
                usage()
            }
        }
    }
    if parser.operands().is_empty() {
        usage();
    }
    let one_instance = std::env::var_os(directory::DIRECTORY_VARIABLE).is_some();
    Arguments { words: parser.operands().to_vec(), one_instance }
}

fn name_directory(value: &BStr) {
    if !value.starts_with(b"/") {
        fatal!("-c requires absolute pathname");
    }
    command::use_config_directory(value);
}

/// Reads main.cf, and cleans the environment.
pub fn load() -> Config {
    let config = command::load("postfix", Trust::Root);
    logging::tag(b"postfix");
    let elements = config.import_environment(Purpose::Clean).unwrap_or_else(|error| fatal!("{error}"));
    environment::apply(&elements, Purpose::Clean);
    if config.compatibility_level() < LEVEL {
        log::info!("Postfix is using backwards-compatible default settings");
        log::info!("See http://www.postfix.org/COMPATIBILITY_README.html for details");
        log::info!(
            "To disable backwards compatibility use \"postconf compatibility_level=3.6\" and \"postfix reload\""
        );
    }
    config
}

/// With several instances, and none of them named, a wrapper runs this command for each.
pub fn use_instances(config: &Config, arguments: &Arguments) {
    if arguments.one_instance || config.get(params::MULTI_INSTANCE_DIRECTORIES).is_empty() {
        return;
    }
    let wrapper = config.get(params::MULTI_INSTANCE_WRAPPER);
    let mut words = text::list::split(wrapper, b" \t\r\n").map(OsStr::from_bytes);
    let Some(program) = words.next() else {
        fatal!("multi-instance support is requested, but multi_instance_wrapper is empty");
    };
    let arguments = arguments.words.iter().map(|word| OsStr::from_bytes(word));
    let error = Command::new(program).args(words).args(arguments).exec();
    fatal!("execvp {}: {}", program.display(), sys::reason(&error));
}

/// From here on this is the management script: its environment, its name in the log, its checks of directories.
pub fn become_script(config: &Config, paths: &Paths) {
    sys::environment::set("PATH", PATH);
    sys::environment::set(directory::DIRECTORY_VARIABLE, OsStr::from_bytes(config.directory()));
    for (name, value) in paths.variables() {
        sys::environment::set(name, OsStr::from_bytes(&value));
    }
    let name = config.get(params::SYSLOG_NAME);
    sys::environment::set("MAIL_LOGTAG", OsStr::from_bytes(name));
    logging::tag(&[name.as_bytes(), b"/postfix-script"].concat());
    paths.require();
    if let Err(error) = std::env::set_current_dir(&paths.queue) {
        fatal!("chdir({}): {}", paths.queue.display(), sys::reason(&error));
    }
}
