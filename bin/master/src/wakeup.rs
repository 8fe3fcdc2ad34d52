//! Wakeup timers (master-ipc §5): regular triggers for services that work by themselves.

use std::fs::File;
use std::io::Write;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

use config::master::{Entry, Transport};
use ipc::trigger::WAKEUP;
use sys::privilege::ActingAs;
use sys::watch::Watched;

use crate::master::Master;
use crate::service::Service;
use crate::start::or_fatal;

/// For connect and write.
const LIMIT: Duration = Duration::from_secs(1);
/// How long the server may take to close the connection.
const CLOSE_LIMIT: Duration = Duration::from_secs(101);

/// When a service is woken next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wakeup {
    /// Never.
    Never,
    /// After its first process was made for another reason.
    AfterFirstUse,
    /// Then.
    At(Instant),
}

impl Wakeup {
    /// What a line says, at start and at each reload.
    pub fn of(entry: &Entry) -> Self {
        match (entry.wakeup, entry.wakeup_if_used) {
            (0, _) => Self::Never,
            (_, true) => Self::AfterFirstUse,
            (_, false) => Self::At(Instant::now()),
        }
    }
}

/// A trigger whose connection the server has not closed yet.
#[derive(Debug)]
pub struct Pending {
    socket: Watched<OwnedFd>,
    name: String,
    kind: &'static str,
    deadline: Instant,
}

impl Pending {
    /// When the wait for the server ends.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// What the watcher calls its connection.
    pub fn token(&self) -> u64 {
        self.socket.token()
    }

    /// Says that the server did not close in time.
    pub fn complain(&self) {
        log::warn!("{}_trigger_event: read timeout for service {}", self.kind, self.name);
    }
}

impl Master {
    /// A service with `?` in its wakeup field got its first process: the timer starts.
    pub fn wake_if_first_use(&mut self, index: usize) {
        let service = &mut self.services[index];
        if service.wakeup == Wakeup::AfterFirstUse {
            service.wakeup = Wakeup::At(Instant::now());
        }
    }

    /// Sends the triggers that are due.
    pub fn send_due_wakeups(&mut self) {
        let now = Instant::now();
        for index in 0..self.services.len() {
            let service = &mut self.services[index];
            match service.wakeup {
                Wakeup::At(time) if time <= now && !service.retired => {
                    service.wakeup = Wakeup::At(now + Duration::from_secs(service.entry.wakeup.into()));
                    if service.throttled_until.is_none() {
                        self.wake(index);
                    }
                }
                _ => {}
            }
        }
    }

    fn wake(&mut self, index: usize) {
        let service = &self.services[index];
        match send(service, self.owner) {
            Ok(None) => {}
            Ok(Some((socket, kind))) => {
                let socket = self.watcher.take(socket);
                or_fatal(socket.watch(true).map_err(|error| sys::reason(&error)));
                let pending = Pending {
                    socket,
                    name: service.internal_name.clone(),
                    kind,
                    deadline: Instant::now() + CLOSE_LIMIT,
                };
                self.pending.push(pending);
            }
            Err(error) => {
                log::warn!("master_wakeup_timer_event: service {}: {}", service.label(), sys::reason(&error));
            }
        }
    }
}

type Sent = Option<(OwnedFd, &'static str)>;

/// Delivers one trigger; gives back the connection, which stays open until the server closes it.
fn send(service: &Service, owner: (u32, u32)) -> std::io::Result<Sent> {
    let path = Path::new(&service.internal_name);
    match service.entry.transport {
        Transport::Unix => {
            let mut socket = sys::socket::connect_unix(path, LIMIT)?;
            socket.set_write_timeout(Some(LIMIT))?;
            // In one piece: a server that has its request may close at once.
            socket.write_all(&[WAKEUP, 0])?;
            Ok(Some((socket.into(), "unix")))
        }
        Transport::Pass => {
            let socket = sys::socket::connect_unix(path, LIMIT)?;
            let (reader, writer) = sys::descriptor::pipe()?;
            sys::socket::send_descriptor(&socket, &reader)?;
            File::from(writer).write_all(&[WAKEUP, 0])?;
            Ok(Some((socket.into(), "pass")))
        }
        Transport::Inet => {
            let address = sys::socket::local_address(&service.listeners[0])?;
            let mut socket = TcpStream::connect_timeout(&address, LIMIT)?;
            socket.set_write_timeout(Some(LIMIT))?;
            // In one piece: a server that has its request may close at once.
            socket.write_all(&[WAKEUP, 0])?;
            Ok(Some((socket.into(), "inet")))
        }
        Transport::Fifo => {
            let _acting = ActingAs::new(owner.0, owner.1)?;
            sys::socket::open_fifo_writer(path)?.write_all(&[WAKEUP])?;
            Ok(None)
        }
        Transport::UnixDatagram => Err(std::io::Error::from_raw_os_error(95)),
    }
}
