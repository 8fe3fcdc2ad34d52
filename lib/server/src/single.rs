//! One client at a time, blocking (master-ipc §8.5).

use std::os::fd::{AsFd, BorrowedFd};

use config::Config;
use ipc::master::State;
use sys::watchdog::Watchdog;

use crate::client::Client;
use crate::context::Context;
use crate::daemon::{Daemon, Transport};
use crate::start::{Post, begin, or_fatal};

/// A service that talks to one client until it is done.
pub trait SingleService: Sized {
    /// Opens what needs the rights that the process is about to give up. Ends the program when it cannot.
    fn open(context: &Context) -> Self;

    /// Goes on without those rights, perhaps in a jail.
    fn start(&mut self, _context: &Context) {}

    /// Asked before a client is accepted: a reason to start anew instead, such as a table that has changed.
    fn restart_reason(&mut self) -> Option<String> {
        None
    }

    /// Serves one client.
    fn serve(&mut self, client: Client, context: &Context);

    /// The process is about to end.
    fn exit(&mut self, _context: &Context) {}
}

/// Runs a daemon of this kind until it retires.
pub fn single<S: SingleService>(daemon: &Daemon) -> ! {
    let beginning = begin(daemon, &[Transport::Inet, Transport::Unix, Transport::Pass], true);
    let mut service = S::open(&beginning.context);
    beginning.drop_privileges();
    service.start(&beginning.context);
    let (context, post) = beginning.take_post(daemon);
    match post {
        Some(mut post) => {
            let watchdog = watchdog(daemon, &context.config);
            while serve_one(&mut service, &context, &mut post, &watchdog) {}
        }
        None => service.serve(or_fatal(Client::standard()), &context),
    }
    service.exit(&context);
    std::process::exit(0)
}

/// The watchdog of a daemon, resting.
pub(crate) fn watchdog(daemon: &Daemon, config: &Config) -> Watchdog {
    let dog = Watchdog::start(config.get(daemon.watchdog), || logging::fatal!("watchdog timeout"));
    let dog = dog.unwrap_or_else(|error| logging::fatal!("cannot start the watchdog: {}", sys::reason(&error)));
    dog.pause();
    dog
}

/// What a wait for a client ended with.
pub(crate) enum Waited {
    /// The listener of this index is readable.
    Listener(usize),
    /// The time is up, or master is gone: this process ends.
    Over,
}

impl Post {
    /// Waits for a client, holding the accept lock. The lock stays held when a listener is readable.
    pub(crate) fn wait(&self) -> Waited {
        self.wait_or(self.channel.as_fd())
    }

    /// As [`Post::wait`]; `other` ends the process too when it is readable.
    pub(crate) fn wait_or(&self, other: BorrowedFd<'_>) -> Waited {
        self.accept_lock.take();
        let enders = [self.channel.as_fd(), other];
        let fds: Vec<_> = enders.into_iter().chain(self.listeners.iter().map(AsFd::as_fd)).collect();
        match sys::descriptor::wait_first_readable(&fds, self.life.idle_left()) {
            Ok(Some(index)) if index >= enders.len() => Waited::Listener(index - enders.len()),
            Ok(_) => Waited::Over,
            Err(error) => logging::fatal!("event loop: {}", sys::reason(&error)),
        }
    }

    /// Works between TAKEN and AVAIL, under the watchdog. False: master is gone, or this process has served enough.
    pub(crate) fn work(&mut self, watchdog: &Watchdog, work: impl FnOnce()) -> bool {
        watchdog.pat();
        // A master that is gone by now does not keep a client waiting: the AVAIL below finds out.
        let _ = self.channel.tell(State::Taken);
        work();
        watchdog.pause();
        if self.channel.tell(State::Available).is_err() {
            return false;
        }
        self.life.count_use();
        !self.life.is_used_up()
    }

    /// Accepts on a listener and lets go of the accept lock. `None` when another process was faster, or the client left.
    pub(crate) fn accept(&self, listener: usize) -> Option<std::os::fd::OwnedFd> {
        let accepted = sys::socket::accept(&self.listeners[listener]);
        self.accept_lock.release();
        match accepted {
            Ok(socket) => Some(socket),
            Err(error) => {
                if !sys::socket::is_accept_race(&error) {
                    log::error!("accept connection: {}", sys::reason(&error));
                }
                None
            }
        }
    }
}

/// Waits for a client and serves it; false when this process shall end.
fn serve_one<S: SingleService>(service: &mut S, context: &Context, post: &mut Post, watchdog: &Watchdog) -> bool {
    let Waited::Listener(listener) = post.wait() else { return false };
    if let Some(reason) = service.restart_reason() {
        log::info!("{reason} -- restarting");
        return false;
    }
    let Some(socket) = post.accept(listener) else { return true };
    if post.transport == Transport::Inet {
        sys::socket::keep_alive(&socket);
    }
    let client = match post.transport {
        Transport::Pass => Client::passed(socket),
        _ => Ok(Client::connected(socket)),
    };
    post.work(watchdog, || match client {
        Ok(client) => service.serve(client, context),
        Err(warning) => log::warn!("{warning}"),
    })
}
