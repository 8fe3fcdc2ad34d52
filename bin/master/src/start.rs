//! Start-up (master-ipc §2.1, §2.2).

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;

use config::environment::{self, Purpose};
use config::{Config, params};
use logging::{Audience, fatal};
use sys::signal::Signal;

use crate::lock_file;
use crate::master::Master;
use crate::options::Options;

/// The name under which master logs, and whose pid file it locks.
pub const PROCESS: &str = "master";

/// The highest descriptor number that a child may find something at, and below which master keeps nothing of its own: five fixed
/// ones, and the listeners of one service.
pub const RESERVED: i32 = 63;

/// The early checks, and the command line.
pub fn read_command_line() -> Options {
    sys::process::set_umask(0o077);
    sys::signal::ignore(Signal::SIGPIPE);
    sys::descriptor::close_from(3);
    or_fatal(sys::descriptor::fill_standard().map_err(|error| format!("open /dev/null: {}", sys::reason(&error))));
    logging::start(PROCESS, Audience::Log);
    if sys::privilege::effective_uid() != 0 {
        fatal!("the master command is reserved for the superuser");
    }
    if sys::privilege::real_uid() != 0 {
        fatal!("the master command must not run as a set-uid process");
    }
    let mut words = text::getopt::from_os(std::env::args_os());
    let program = if words.is_empty() { PROCESS.into() } else { words.remove(0) };
    let options = Options::parse(&words, std::process::id())
        .unwrap_or_else(|wrong| fatal!("{}", wrong.text(&text::show(&program).to_string())));
    if let Some(directory) = &options.config_directory {
        sys::environment::set(config::directory::DIRECTORY_VARIABLE, OsStr::from_bytes(directory));
    }
    if options.verbosity > 0 {
        logging::set_verbosity(logging::verbosity() + options.verbosity);
    }
    options
}

/// Leaves the terminal and the process group of whoever started this.
pub fn detach(options: &Options) {
    if !options.stay {
        let null = File::options().read(true).write(true).open("/dev/null");
        let null = null.unwrap_or_else(|error| fatal!("open /dev/null: {}", sys::reason(&error)));
        let keep_stdout = options.keep_stdout || options.init;
        for number in [0, 1, 2] {
            if number != 1 || !keep_stdout {
                or_fatal(sys::descriptor::redirect_standard(number, &null).map_err(|error| sys::reason(&error)));
            }
        }
    }
    let leads = options.init || options.stay || options.debugger || std::env::var_os("MAIL_DEBUG").is_some();
    if !leads
        && let Err(error) = sys::process::new_session()
        && !sys::process::is_session_leader()
    {
        fatal!("unable to set session and process group ID: {}", sys::reason(&error));
    }
}

/// From main.cf to running services.
pub fn start(options: &Options) -> Master {
    reserve_descriptors();
    let config = load_config();
    let elements = or_fatal(config.import_environment(Purpose::Clean));
    environment::apply(&elements, Purpose::Clean);
    // MAIL_CONFIG and the log's variables are what children need most, whatever the list says.
    sys::environment::set(config::directory::DIRECTORY_VARIABLE, OsStr::from_bytes(config.directory()));
    or_fatal(logging::configure(&config, true));
    or_fatal(sys::process::limit_file_size().map_err(|error| sys::reason(&error)));
    let directory = config.get(params::QUEUE_DIRECTORY);
    if let Err(error) = std::env::set_current_dir(OsStr::from_bytes(directory)) {
        fatal!("chdir {}: {}", text::show(directory), sys::reason(&error));
    }
    let locks = lock_file::take(&config);
    if options.debugger || std::env::var_os("MAIL_DEBUG").is_some() {
        or_fatal(logging::run_debugger(&config));
    }
    let mut master = Master::new(config, options, locks);
    master.load_services();
    log::info!(
        "daemon started -- version {}, configuration {}",
        text::show(master.config.get(params::MAIL_VERSION)),
        text::show(master.config.directory())
    );
    master
}

/// Reads main.cf, at start and at reload.
pub fn load_config() -> Config {
    or_fatal(Config::load(PROCESS, &[]))
}

/// The value, or a fatal end with the text of the error.
pub fn or_fatal<T, E: std::fmt::Display>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| fatal!("{error}"))
}

/// Keeps the low numbers taken, so that nothing that master opens stands where a child's descriptors go.
fn reserve_descriptors() {
    loop {
        let copy = sys::descriptor::standard(0);
        let copy = copy.unwrap_or_else(|error| fatal!("reserve descriptors: {}", sys::reason(&error)));
        let number = std::os::fd::AsRawFd::as_raw_fd(&copy);
        if number > RESERVED {
            return;
        }
        // It stays open for the life of the process; children close it on exec.
        std::mem::forget(copy);
    }
}
