//! The event loop, and what master knows.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use bstr::ByteSlice;
use config::master::Transport;
use config::{Config, params};
use logging::fatal;
use sys::signal::{Signal, Signals};
use sys::watch::{Watched, Watcher};
use sys::watchdog::Watchdog;

use crate::lock_file::Locks;
use crate::options::Options;
use crate::reload::Frozen;
use crate::service::Service;
use crate::spawn::Manner;
use crate::start::{RESERVED, or_fatal};
use crate::wakeup::{Pending, Wakeup};

/// After how long a stuck loop ends the process.
const WATCHDOG: Duration = Duration::from_secs(1000);
/// The longest wait of one turn.
const TURN: Duration = Duration::from_secs(500);
/// How long a dying master has before it is killed hard.
const DEATH_LIMIT: Duration = Duration::from_secs(5);

/// How long the last log records have to reach their file.
const LAST_RECORDS_LIMIT: Duration = Duration::from_secs(1);

/// Signals that end master.
const DEATH: [Signal; 3] = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT];

/// A daemon process.
#[derive(Clone, Copy, Debug)]
pub struct Child {
    /// The index of its service.
    pub service: usize,
    /// The number that it got at its birth.
    pub generation: u32,
    /// Whether it is idle.
    pub available: bool,
    /// How many requests it has completed.
    pub uses: u64,
}

/// Everything that master knows.
#[derive(Debug)]
pub struct Master {
    pub config: Config,
    pub services: Vec<Service>,
    pub children: HashMap<i32, Child>,
    pub generation: u32,
    pub manner: Manner,
    pub init: bool,
    /// The flow control pipe: read end, write end.
    pub flow: (OwnedFd, OwnedFd),
    /// User and group of mail_owner.
    pub owner: (u32, u32),
    pub frozen: Frozen,
    pub pending: Vec<Pending>,
    pub watcher: Watcher,
    signals: Watched<Signals>,
    _locks: Locks,
}

/// What woke the event loop.
enum Source {
    Signal,
    Status(usize),
    Client(usize),
    Pending(usize),
}

impl Master {
    pub fn new(config: Config, options: &Options, locks: Locks) -> Self {
        let watcher = or_fatal(Watcher::new().map_err(|error| sys::reason(&error)));
        let signals = Signals::new(&[&DEATH[..], &[Signal::SIGHUP, Signal::SIGCHLD]].concat());
        let signals = watcher.take(or_fatal(signals.map_err(|error| sys::reason(&error))));
        or_fatal(signals.watch(true).map_err(|error| sys::reason(&error)));
        let flow = flow_pipe().unwrap_or_else(|error| fatal!("pipe: {}", sys::reason(&error)));
        let name = config.get(params::MAIL_OWNER).to_str_lossy().into_owned();
        let owner = match sys::privilege::account(&name) {
            Ok(Some(account)) => (account.uid, account.gid),
            _ => fatal!("unknown user: {name}"),
        };
        Self {
            frozen: Frozen::of(&config),
            services: Vec::new(),
            children: HashMap::new(),
            generation: 0,
            manner: Manner { stay: options.stay, verbose: logging::verbosity() > 0 },
            init: options.init,
            flow,
            owner,
            pending: Vec::new(),
            watcher,
            signals,
            config,
            _locks: locks,
        }
    }

    /// Serves until a signal, or the exit time, ends it.
    pub fn run(&mut self, exit_time: Option<Duration>) -> ! {
        let exit_at = exit_time.map(|time| Instant::now() + time);
        let watchdog =
            or_fatal(Watchdog::start(WATCHDOG, || fatal!("watchdog timeout")).map_err(|error| sys::reason(&error)));
        loop {
            watchdog.pat();
            self.do_what_is_due(exit_at);
            let ready = self.wait(exit_at);
            self.handle(ready);
        }
    }

    fn do_what_is_due(&mut self, exit_at: Option<Instant>) {
        let now = Instant::now();
        if exit_at.is_some_and(|time| time <= now) {
            log::info!("master exit time has arrived");
            std::process::exit(0);
        }
        for service in &mut self.services {
            if service.throttled_until.is_some_and(|time| time <= now) {
                service.throttled_until = None;
            }
        }
        self.pending.retain(|pending| {
            let late = pending.deadline() <= now;
            if late {
                pending.complain();
            }
            !late
        });
        self.send_due_wakeups();
    }

    /// What can be read now; waits for the next thing that is due at the most.
    fn wait(&self, exit_at: Option<Instant>) -> Vec<Source> {
        let watched = self.services.iter().try_for_each(Service::watch_for_clients);
        or_fatal(watched.map_err(|error| format!("event loop: {}", sys::reason(&error))));
        let limit = self.next_due(exit_at).saturating_duration_since(Instant::now());
        let ready = self.watcher.wait(limit);
        let ready = ready.unwrap_or_else(|error| fatal!("event loop: {}", sys::reason(&error)));
        ready.into_iter().filter_map(|token| self.source(token)).collect()
    }

    /// What a token of the watcher belongs to.
    fn source(&self, token: u64) -> Option<Source> {
        if token == self.signals.token() {
            return Some(Source::Signal);
        }
        let pending = || self.pending.iter().position(|pending| pending.token() == token).map(Source::Pending);
        let service = self.services.iter().enumerate().find_map(|(index, service)| match () {
            () if service.channel.token() == token => Some(Source::Status(index)),
            () if service.listeners.iter().any(|listener| listener.token() == token) => Some(Source::Client(index)),
            () => None,
        });
        service.or_else(pending)
    }

    fn next_due(&self, exit_at: Option<Instant>) -> Instant {
        let wakeups = self.services.iter().filter_map(|service| match service.wakeup {
            Wakeup::At(time) => Some(time),
            Wakeup::Never | Wakeup::AfterFirstUse => None,
        });
        let throttles = self.services.iter().filter_map(|service| service.throttled_until);
        let closes = self.pending.iter().map(Pending::deadline);
        let all = wakeups.chain(throttles).chain(closes).chain(exit_at);
        all.min().unwrap_or_else(|| Instant::now() + TURN).min(Instant::now() + TURN)
    }

    /// Status messages first, so that no process is made for a client whom an idle one will take; then clients; reload and reaping change the
    /// list of services, and come last.
    fn handle(&mut self, ready: Vec<Source>) {
        let mut closed = Vec::new();
        for source in &ready {
            match source {
                Source::Status(index) => {
                    self.read_status(*index);
                }
                Source::Pending(index) => closed.push(*index),
                Source::Signal | Source::Client(_) => {}
            }
        }
        for source in &ready {
            if let Source::Client(index) = source {
                self.attend(*index);
            }
        }
        for index in 0..self.services.len() {
            self.warn_if_full(index);
        }
        closed.sort_unstable();
        for index in closed.into_iter().rev() {
            self.pending.remove(index);
        }
        if ready.iter().any(|source| matches!(source, Source::Signal)) {
            self.handle_signals();
        }
    }

    /// A service has a client: a new process, or an idle one that will take it.
    fn attend(&mut self, index: usize) {
        if self.services[index].wants_clients() {
            return self.spawn(index);
        }
        for listener in &self.services[index].listeners {
            or_fatal(listener.watch(false).map_err(|error| format!("event loop: {}", sys::reason(&error))));
        }
    }

    fn handle_signals(&mut self) {
        let (mut reload, mut reap) = (false, false);
        while let Some(signal) = self.signals.get().next_pending() {
            match signal {
                Signal::SIGHUP => reload = true,
                Signal::SIGCHLD => reap = true,
                signal => self.die(signal),
            }
        }
        if reload {
            self.reload();
        }
        if reap {
            self.reap();
        }
    }

    /// Takes the whole process group along.
    fn die(&mut self, signal: Signal) -> ! {
        // A watchdog that kills, should anything below hang.
        let _death = Watchdog::start(DEATH_LIMIT, || {
            let _ = sys::signal::send(std::process::id().cast_signed(), Signal::SIGKILL);
        });
        log::info!("terminating on signal {}", signal as i32);
        self.deliver_last_records();
        sys::signal::ignore(Signal::SIGTERM);
        // A group without other members is no failure.
        let _ = sys::signal::send_group(0, Signal::SIGTERM);
        if self.init {
            std::process::exit(0);
        }
        sys::signal::die_by(signal)
    }
}

impl Master {
    /// Records that wait in a datagram socket would be lost with the process group: somebody takes them first.
    fn deliver_last_records(&mut self) {
        for index in 0..self.services.len() {
            let service = &self.services[index];
            if service.entry.transport != Transport::UnixDatagram {
                continue;
            }
            if service.total == 0 && service.pending() > 0 {
                self.spawn(index);
            }
            let patience = Instant::now() + LAST_RECORDS_LIMIT;
            while self.services[index].pending() > 0 && Instant::now() < patience {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

fn flow_pipe() -> std::io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = sys::descriptor::pipe()?;
    let ends = (
        sys::descriptor::duplicate_above(reader, RESERVED + 1)?,
        sys::descriptor::duplicate_above(writer, RESERVED + 1)?,
    );
    sys::descriptor::set_nonblocking(&ends.0, true)?;
    sys::descriptor::set_nonblocking(&ends.1, true)?;
    Ok(ends)
}
