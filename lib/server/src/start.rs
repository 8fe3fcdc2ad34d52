//! The start of a daemon, in the order of master-ipc §8.3.

use std::ffi::OsStr;
use std::io::IsTerminal;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice};
use config::{Config, Start, params};
use logging::{Audience, fatal};
use sys::signal::Signal;

use crate::accept_lock::AcceptLock;
use crate::channel::{Channel, inherited_listeners};
use crate::context::Context;
use crate::daemon::{Daemon, Demand, Transport};
use crate::flow::Tokens;
use crate::life::Life;
use crate::options::Options;

/// A daemon that has read its configuration, and has all the rights that it was started with.
pub(crate) struct Beginning {
    pub(crate) context: Context,
    pub(crate) transport: Option<Transport>,
    pub(crate) accept_lock: AcceptLock,
    options: Options,
    generation: u32,
}

/// What a daemon under master works with.
pub(crate) struct Post {
    pub(crate) channel: Channel,
    pub(crate) listeners: Vec<OwnedFd>,
    pub(crate) transport: Transport,
    pub(crate) accept_lock: AcceptLock,
    pub(crate) life: Life,
}

/// Does everything up to the point where the service opens what it needs root's rights for. `locked` frames have an accept lock.
pub(crate) fn begin(daemon: &Daemon, accepted: &[Transport], locked: bool) -> Beginning {
    contain_panics();
    let (process, words) = command_line();
    sys::signal::ignore(Signal::SIGPIPE);
    sys::signal::ignore(Signal::SIGXFSZ);
    logging::start(&process, Audience::Log);
    let options = or_fatal(Options::parse(&words));
    if options.log_to_stderr {
        logging::start(&process, Audience::Both);
    }
    raise_verbosity(options.verbosity);
    // A jail has no time zone files.
    text::date::local_zone();
    let service = options.service.as_ref().map_or_else(|| process.clone(), |name| name.to_string());
    let config = load(daemon, &service, &options);
    if options.log_to_stderr {
        logging::tag(&[config.get(params::SYSLOG_NAME).as_bytes(), b"/", process.as_bytes()].concat());
    }
    refuse_terminal(&options, &process);
    let transport = or_fatal(options.transport(accepted));
    check_demand(daemon, &options, &service);
    let variable = std::env::var_os("GENERATION");
    let generation = or_fatal(ipc::master::parse_generation(variable.as_deref().map(OsStrExt::as_bytes)));
    if options.debugger || std::env::var_os("MAIL_DEBUG").is_some() {
        or_fatal(logging::run_debugger(&config));
    }
    let accept_lock = if locked && !options.one_process && !options.stand_alone {
        or_fatal(AcceptLock::open(
            options.transport.as_ref().map_or("unix", |name| name.to_str().unwrap_or("unix")),
            &service,
        ))
    } else {
        AcceptLock::none()
    };
    enter_queue_directory(&config);
    let flow = if options.stand_alone { None } else { Tokens::inherited().ok() };
    let context = Context {
        config,
        service,
        arguments: options.arguments.clone(),
        stand_alone: options.stand_alone,
        privileged: !options.unprivileged,
        program: daemon.program,
        flow,
    };
    if !daemon.takes_arguments {
        context.refuse_arguments();
    }
    Beginning { context, transport, accept_lock, options, generation }
}

impl Beginning {
    /// Gives up the rights that master.cf does not grant.
    pub(crate) fn drop_privileges(&self) {
        let account = self.context.mail_owner();
        let jail = self.options.chroot.then(|| queue_directory(&self.context.config));
        or_fatal(sys::privilege::drop_privileges(&account, jail.as_deref(), self.options.unprivileged));
    }

    /// Takes up the work that master has for this process. A stand-alone daemon has none.
    pub(crate) fn take_post(self, daemon: &Daemon) -> (Context, Option<Post>) {
        let Some(transport) = self.transport else { return (self.context, None) };
        let count = self.options.sockets.map_or(1, std::num::NonZeroUsize::get);
        let inherited = Channel::inherited(self.generation)
            .and_then(|channel| Ok((channel, inherited_listeners(count)?)))
            .unwrap_or_else(|error| fatal!("no descriptors from master: {}", sys::reason(&error)));
        let post = Post {
            channel: inherited.0,
            listeners: inherited.1,
            transport,
            accept_lock: self.accept_lock,
            life: life(daemon, &self.context.config),
        };
        (self.context, Some(post))
    }
}

/// The value, or a fatal end with the text of the error.
pub(crate) fn or_fatal<T, E: std::fmt::Display>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| fatal!("{error}"))
}

/// A panic is a bug. It is logged, ends the process, and master starts another; what was on disk stays.
fn contain_panics() {
    std::panic::set_hook(Box::new(|info| {
        logging::panic_report(&info.to_string().replace('\n', " "));
    }));
}

fn command_line() -> (String, Vec<BString>) {
    let mut words = text::getopt::from_os(std::env::args_os());
    let path = if words.is_empty() { BString::from("unknown") } else { words.remove(0) };
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(&path);
    (name.to_str_lossy().into_owned(), words)
}

fn raise_verbosity(more: u32) {
    if more > 0 {
        logging::set_verbosity(logging::verbosity() + more);
    }
}

fn load(daemon: &Daemon, service: &str, options: &Options) -> Config {
    let mut overrides = options.overrides.clone();
    for (given, parameter) in [(&options.max_idle, "max_idle"), (&options.max_use, "max_use")] {
        overrides.extend(given.as_ref().map(|value| (parameter.into(), value.clone())));
    }
    let start = Start { program: daemon.program, service_name: Some(service.into()), overrides: &overrides };
    let config = or_fatal(Config::start(&start));
    or_fatal(logging::configure(&config, false));
    config
}

fn refuse_terminal(options: &Options, process: &str) {
    if !options.quiet_terminal && !options.stand_alone && std::io::stdin().is_terminal() {
        logging::start(process, Audience::Both);
        fatal!("do not run this command by hand");
    }
}

fn check_demand(daemon: &Daemon, options: &Options, service: &str) {
    if options.stand_alone {
        return;
    }
    match daemon.demand {
        Demand::OneProcess if !options.one_process => fatal!("service {service} requires a process limit of 1"),
        Demand::NoLimit if !options.no_limit => fatal!("service {service} requires a process limit of 0"),
        Demand::Privileged if options.unprivileged => fatal!("service {service} requires privileged operation"),
        _ => {}
    }
}

fn queue_directory(config: &Config) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(config.get(params::QUEUE_DIRECTORY)))
}

fn enter_queue_directory(config: &Config) {
    let directory: &Path = &queue_directory(config);
    if let Err(error) = std::env::set_current_dir(directory) {
        fatal!("chdir(\"{}\"): {}", directory.display(), sys::reason(&error));
    }
}

fn life(daemon: &Daemon, config: &Config) -> Life {
    let uses = u64::try_from(config.get(params::MAX_USE)).unwrap_or(0);
    let idle = config.get(params::MAX_IDLE);
    Life::new((daemon.use_limit && uses > 0).then_some(uses), (daemon.idle_limit && !idle.is_zero()).then_some(idle))
}
