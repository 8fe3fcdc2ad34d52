//! One policy server, and the connection to it (access-milter-postscreen §6.2).

use std::io;
use std::time::Instant;

use bstr::BString;
use table::Error;
use table::client::ConnectError;

use super::PolicySettings;
use super::protocol::{Answer, answer};
use crate::Endpoint;
use crate::doors::{Clock, PolicyConnector, PolicyStream};

/// `EADDRNOTAVAIL`: what a server without an address counts as.
const ADDRESS_NOT_AVAILABLE: i32 = nix::errno::Errno::EADDRNOTAVAIL as i32;

/// A policy server.
#[derive(Debug)]
pub(crate) struct PolicyServer {
    pub settings: PolicySettings,
    connection: Option<Connection>,
}

#[derive(Debug)]
struct Connection {
    stream: Box<dyn PolicyStream>,
    made: Instant,
    used: Instant,
    requests: u64,
}

/// Why a try failed.
enum Trouble {
    /// The server closed the connection, or its answer was none. What stands for a system error is the text of [`Error::RETRY`].
    Quiet,
    /// What the system says.
    Io(io::Error),
}

impl Trouble {
    /// Whether it is worth a warning before the last try.
    fn is_remarkable(&self) -> bool {
        match self {
            Trouble::Quiet => false,
            Trouble::Io(error) => !matches!(
                error.kind(),
                io::ErrorKind::BrokenPipe | io::ErrorKind::NotFound | io::ErrorKind::ConnectionReset
            ),
        }
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Trouble::Quiet => Error::RETRY.fmt(f),
            Trouble::Io(error) => f.write_str(&sys::reason(error)),
        }
    }
}

impl PolicyServer {
    /// Connects when it is first asked.
    pub fn new(settings: PolicySettings) -> Self {
        PolicyServer { settings, connection: None }
    }

    /// The action for a request; `None`: none could be had, which has been logged.
    pub fn ask(
        &mut self,
        request: &[u8],
        connector: &mut dyn PolicyConnector,
        clock: &mut dyn Clock,
    ) -> Option<BString> {
        for attempt in 1.. {
            let trouble = match self.attempt(request, connector) {
                Ok(action) => return Some(action),
                Err(trouble) => trouble,
            };
            self.connection = None;
            let is_last = self.settings.try_limit > 0 && attempt >= self.settings.try_limit;
            if is_last || trouble.is_remarkable() {
                log::warn!("problem talking to server {}: {trouble}", self.settings.endpoint);
            }
            if is_last {
                break;
            }
            clock.sleep(self.settings.retry_delay);
        }
        None
    }

    /// Between sessions: closes a connection that is too old, too long unused, or closed by the server.
    pub fn tidy(&mut self) {
        let settings = &self.settings;
        self.connection = self.connection.take().filter(|connection| {
            connection.used.elapsed() < settings.max_idle
                && connection.made.elapsed() < settings.max_ttl
                && !connection.stream.is_readable()
        });
    }

    fn attempt(&mut self, request: &[u8], connector: &mut dyn PolicyConnector) -> Result<BString, Trouble> {
        let settings = &self.settings;
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(connect(settings, connector)?),
        };
        if connection.stream.is_readable() {
            return Err(Trouble::Quiet);
        }
        connection.stream.write_all(request).and_then(|()| connection.stream.flush()).map_err(Trouble::Io)?;
        let action = receive(connection.stream.as_mut(), &settings.endpoint)?;
        connection.used = Instant::now();
        connection.requests += 1;
        if settings.request_limit > 0 && connection.requests >= settings.request_limit {
            self.connection = None;
        }
        Ok(action)
    }
}

fn connect(settings: &PolicySettings, connector: &mut dyn PolicyConnector) -> Result<Connection, Trouble> {
    let endpoint = &settings.endpoint;
    let error = match connector.connect(endpoint, settings.timeout) {
        Ok(stream) => return Ok(Connection { stream, made: Instant::now(), used: Instant::now(), requests: 0 }),
        Err(ConnectError::NotFound(why)) => {
            log::warn!("host or service {endpoint} not found: {why}");
            io::Error::from_raw_os_error(ADDRESS_NOT_AVAILABLE)
        }
        Err(ConnectError::Io(error)) => error,
    };
    log::warn!("connect to {endpoint}: {}", sys::reason(&error));
    Err(Trouble::Io(error))
}

/// Reads one answer. What comes after it belongs to no request: the connection counts as bad.
fn receive(stream: &mut dyn PolicyStream, endpoint: &Endpoint) -> Result<BString, Trouble> {
    let mut received = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        match answer(&received) {
            Answer::Incomplete => {}
            Answer::Action { action, taken } => {
                if taken < received.len() {
                    log::warn!("spurious data from {endpoint} after the answer");
                }
                return Ok(action);
            }
            Answer::NoAction => {
                log::warn!("missing attribute action in input from {endpoint}");
                return Err(Trouble::Quiet);
            }
            Answer::Malformed | Answer::TooLong => return Err(Trouble::Quiet),
        }
        match stream.read(&mut chunk) {
            Ok(0) => return Err(Trouble::Quiet),
            Ok(length) => received.extend_from_slice(&chunk[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock) => {
                return Err(Trouble::Io(io::ErrorKind::TimedOut.into()));
            }
            Err(error) => return Err(Trouble::Io(error)),
        }
    }
}
