//! Datagrams (master-ipc §8.1): postlogd.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixDatagram;

use sys::signal::{Signal, Signals};

use crate::context::Context;
use crate::daemon::{Daemon, Transport};
use crate::single::{Waited, watchdog};
use crate::start::{begin, or_fatal};

/// The most that is read of a datagram, in bytes.
const DATAGRAM_SIZE: usize = 4096;

/// A service that takes datagrams, and answers none.
pub trait DatagramService: Sized {
    /// Opens what needs the rights that the process is about to give up.
    fn open(context: &Context) -> Self;

    /// Takes one datagram.
    fn take(&mut self, datagram: &[u8], context: &Context);
}

/// Runs a daemon of this kind until it retires.
pub fn datagram<S: DatagramService>(daemon: &Daemon) -> ! {
    let beginning = begin(daemon, &[Transport::Datagram], true);
    if beginning.context.stand_alone {
        logging::fatal!("invalid option: S");
    }
    let mut service = S::open(&beginning.context);
    beginning.drop_privileges();
    let (context, post) = beginning.take_post(daemon);
    let Some(mut post) = post else { std::process::exit(0) };
    let watchdog = watchdog(daemon, &context.config);
    let sockets: Vec<UnixDatagram> =
        post.listeners.iter().map(|fd| or_fatal(fd.try_clone().map(|fd: OwnedFd| UnixDatagram::from(fd)))).collect();
    // A shutdown ends this process together with its clients, and what they said last is to be heard.
    let signals = or_fatal(Signals::new(&[Signal::SIGTERM]).map_err(|error| sys::reason(&error)));
    while let Waited::Listener(listener) = post.wait_or(signals.as_fd()) {
        let datagram = receive(&sockets[listener]);
        post.accept_lock.release();
        let Some(datagram) = datagram else { continue };
        if !post.work(&watchdog, || service.take(&datagram, &context)) {
            break;
        }
    }
    if signals.next_pending().is_some() {
        for socket in &sockets {
            while let Some(datagram) = receive(socket) {
                service.take(&datagram, &context);
            }
        }
    }
    std::process::exit(0)
}

/// A datagram that is there.
fn receive(socket: &UnixDatagram) -> Option<Vec<u8>> {
    let mut buffer = vec![0; DATAGRAM_SIZE];
    let length = socket.recv(&mut buffer).ok()?;
    buffer.truncate(length);
    Some(buffer)
}
