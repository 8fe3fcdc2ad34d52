//! A connection that is kept for many requests, and made anew when it fails (master-ipc §11.2).

use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::attr::{Error, Message};
use crate::stream::{Stream, connect_below};

/// How often a connect is tried before the service counts as gone.
const CONNECT_ATTEMPTS: u32 = 11;
const CONNECT_PAUSE: Duration = Duration::from_secs(10);
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// A client of a multi-request service such as `private/rewrite`.
///
/// It connects when it is first used, closes a connection that is idle or old, and notices one that the server has closed. A
/// request that fails is tried again until it is answered: the service comes back after a reload or a crash.
#[derive(Debug)]
pub struct PersistentClient {
    /// Where the class directories are.
    directory: PathBuf,
    class: &'static str,
    service: String,
    protocol: &'static str,
    limits: Limits,
    connection: Option<Connection>,
}

/// How long a connection may be used.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For each read and write (`ipc_timeout`).
    pub io: Duration,
    /// Without use (`ipc_idle`).
    pub idle: Duration,
    /// In all (`ipc_ttl`).
    pub total: Duration,
}

#[derive(Debug)]
struct Connection {
    stream: Stream,
    made: Instant,
    used: Instant,
    answered: bool,
}

/// The service could not be reached for good: the text of the fatal error.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unreachable(pub String);

impl PersistentClient {
    /// A client of `<class>/<service>`, not connected yet. Limits are `ipc_timeout`, `ipc_idle` and `ipc_ttl`.
    pub fn new(
        class: &'static str,
        service: impl Into<String>,
        protocol: &'static str,
        io: Duration,
        idle: Duration,
        total: Duration,
    ) -> Self {
        let limits = Limits { io, idle, total };
        Self { directory: PathBuf::new(), class, service: service.into(), protocol, limits, connection: None }
    }

    /// The same, for a program that does not work in the queue directory, which is `directory`.
    #[must_use]
    pub fn below(self, directory: PathBuf) -> Self {
        Self { directory, ..self }
    }

    /// Sends a request and receives its reply, for as many tries as it takes, one second apart.
    ///
    /// # Errors
    /// The service could not be connected to, eleven times in a row.
    pub fn ask<R: Message>(&mut self, request: &impl Message) -> Result<R, Unreachable> {
        loop {
            match self.try_ask(request)? {
                Ok(reply) => return Ok(reply),
                Err(error) => {
                    let first_use = self.connection.as_ref().is_none_or(|connection| !connection.answered);
                    self.connection = None;
                    if first_use || !is_ordinary_end(&error) {
                        log::warn!("problem talking to service {}: {error}", self.service);
                    }
                    if first_use {
                        sleep(RETRY_PAUSE);
                    }
                }
            }
        }
    }

    /// Closes the connection, as when a reply asks for that.
    pub fn disconnect(&mut self) {
        self.connection = None;
    }

    fn try_ask<R: Message>(&mut self, request: &impl Message) -> Result<Result<R, Error>, Unreachable> {
        let connection = self.connected()?;
        connection.used = Instant::now();
        let name = connection.stream.name().to_owned();
        if let Err(error) = connection.stream.send(request) {
            return Ok(Err(match error.kind() {
                std::io::ErrorKind::BrokenPipe | std::io::ErrorKind::ConnectionReset => Error::Closed(name),
                _ => Error::Io { stream: name, reason: sys::reason(&error) },
            }));
        }
        let reply = connection.stream.receive();
        connection.answered |= reply.is_ok();
        Ok(reply)
    }

    fn connected(&mut self) -> Result<&mut Connection, Unreachable> {
        let reusable = self.connection.take().filter(|connection| {
            connection.used.elapsed() < self.limits.idle
                && connection.made.elapsed() < self.limits.total
                && !connection.stream.wait(Some(Duration::ZERO)).unwrap_or(true)
        });
        let connection = match reusable {
            Some(connection) => connection,
            None => self.connect()?,
        };
        Ok(self.connection.insert(connection))
    }

    fn connect(&self) -> Result<Connection, Unreachable> {
        for attempt in 1.. {
            match connect_below(&self.directory, self.class, &self.service, self.limits.io) {
                Ok(stream) => match self.greeted(stream) {
                    Ok(connection) => return Ok(connection),
                    Err(error) => {
                        log::warn!("problem talking to service {}: {error}", self.service);
                        sleep(RETRY_PAUSE);
                    }
                },
                Err(error) => {
                    let reason = sys::reason(&error);
                    let text = format!("connect #{attempt} to subsystem {}/{}: {reason}", self.class, self.service);
                    if attempt >= CONNECT_ATTEMPTS {
                        return Err(Unreachable(text));
                    }
                    log::warn!("{text}");
                    sleep(CONNECT_PAUSE);
                }
            }
        }
        unreachable!("the loop ends by return")
    }

    fn greeted(&self, mut stream: Stream) -> Result<Connection, Error> {
        stream.expect_protocol(self.protocol)?;
        let now = Instant::now();
        Ok(Connection { stream, made: now, used: now, answered: false })
    }
}

/// A server that ends, or reloads, closes its idle connections without notice.
fn is_ordinary_end(error: &Error) -> bool {
    matches!(error, Error::Closed(_))
}
