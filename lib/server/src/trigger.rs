//! Short requests without an answer, handled one after the other (master-ipc §8.6).

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::time::Duration;

use crate::context::Context;
use crate::daemon::{Daemon, Transport};
use crate::single::{Waited, watchdog};
use crate::start::{Post, begin, or_fatal};

/// How long a client that has connected may take to say something.
pub(crate) const REQUEST_LIMIT: Duration = Duration::from_secs(10);
/// The most that is read of a request, in bytes.
pub(crate) const REQUEST_SIZE: usize = 1024;
/// The transports that triggers come over.
pub(crate) const TRANSPORTS: [Transport; 3] = [Transport::Unix, Transport::Fifo, Transport::Pass];

/// A service that is woken, and works by itself.
pub trait TriggerService: Sized {
    /// Opens what needs the rights that the process is about to give up.
    fn open(context: &Context) -> Self;

    /// Goes on without those rights, perhaps in a jail.
    fn start(&mut self, _context: &Context) {}

    /// Does what `request` asks for; perhaps no bytes at all.
    fn wake(&mut self, request: &[u8], context: &Context);
}

/// Runs a daemon of this kind until it retires.
pub fn trigger<S: TriggerService>(daemon: &Daemon) -> ! {
    let beginning = begin(daemon, &TRANSPORTS, true);
    let mut service = S::open(&beginning.context);
    beginning.drop_privileges();
    service.start(&beginning.context);
    let (context, post) = beginning.take_post(daemon);
    let Some(mut post) = post else {
        service.wake(&standard_request(), &context);
        std::process::exit(0)
    };
    let watchdog = watchdog(daemon, &context.config);
    while let Waited::Listener(listener) = post.wait() {
        let Some(request) = post.request(listener) else { continue };
        if !post.work(&watchdog, || service.wake(&request, &context)) {
            break;
        }
    }
    std::process::exit(0)
}

/// A stand-alone daemon's one request.
pub(crate) fn standard_request() -> Vec<u8> {
    let mut input = or_fatal(sys::descriptor::standard(0));
    match read_once(&mut input) {
        Ok(request) if !request.is_empty() => request,
        Ok(_) => logging::fatal!("read: end of input"),
        Err(error) => logging::fatal!("read: {}", sys::reason(&error)),
    }
}

fn read_once(input: &mut File) -> std::io::Result<Vec<u8>> {
    let mut request = vec![0; REQUEST_SIZE];
    let length = input.read(&mut request)?;
    request.truncate(length);
    Ok(request)
}

impl Post {
    /// The request of the client at a listener, if there is one.
    fn request(&self, listener: usize) -> Option<Vec<u8>> {
        if self.transport == Transport::Fifo {
            self.accept_lock.release();
            let mut fifo = File::from(self.listeners[listener].try_clone().ok()?);
            return read_once(&mut fifo).ok();
        }
        let mut socket = self.accept(listener)?;
        if self.transport == Transport::Pass {
            socket = sys::socket::receive_descriptor(&socket).ok()?;
        }
        if !sys::descriptor::wait_readable(socket.as_fd(), Some(REQUEST_LIMIT)).ok()? {
            return None;
        }
        // A client that fails here has asked for nothing.
        read_once(&mut File::from(socket)).ok()
    }
}
