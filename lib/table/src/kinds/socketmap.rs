//! `socketmap:inet:host:port:name` and `socketmap:unix:path:name`: a server that is asked in netstrings (tables §4.16).

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bstr::{BString, ByteSlice};
use ipc::Stream;

use super::Request;
use crate::client::Endpoint;
use crate::error::open_error;
use crate::map::{Facts, Map, Owner};
use crate::{Error, Lookup, OpenError};

/// For connecting, and for each read and write.
const TIME_LIMIT: Duration = Duration::from_secs(100);
/// How long a connection is kept without use, and in all.
const IDLE_LIMIT: Duration = Duration::from_secs(10);
const TOTAL_LIMIT: Duration = Duration::from_secs(100);
/// How much of a reason is logged.
const SHOWN: usize = 200;
/// How much is logged of a key that is too long.
const SHOWN_KEY: usize = 100;
/// A reply that is lost is asked for once more, on another connection.
const ATTEMPTS: u32 = 2;

/// A connection that all tables of a server share.
pub(crate) type Client = Arc<Mutex<Server>>;

/// A server, connected to when it is first asked.
#[derive(Debug)]
pub(crate) struct Server {
    endpoint: Endpoint,
    /// The longest reply, in bytes.
    reply_limit: usize,
    connection: Option<Connection>,
}

#[derive(Debug)]
struct Connection {
    stream: Stream,
    made: Instant,
    used: Instant,
}

impl Connection {
    fn is_fresh(&self) -> bool {
        self.used.elapsed() < IDLE_LIMIT && self.made.elapsed() < TOTAL_LIMIT
    }
}

struct SocketMap {
    client: Client,
    /// The longest key, in bytes.
    key_limit: usize,
    /// The name in messages.
    label: String,
    /// The name of the map on the server.
    map: BString,
}

pub(super) fn open(request: &Request<'_>) -> Result<Box<dyn Map>, OpenError> {
    request.authenticated("security-sensitive")?;
    request.read_only()?;
    let Some((endpoint, map)) = request.name.rsplit_once_str(":") else {
        return Err(open_error!("socketmap requires server:socketmap argument"));
    };
    let client = request.tables.socketmap_client(endpoint)?;
    let key_limit = request.tables.settings().socketmap_max_query_size;
    Ok(Box::new(SocketMap { client, key_limit, label: request.full_name(), map: map.into() }))
}

/// A server that is not connected yet.
pub(crate) fn client(endpoint: &[u8], reply_limit: usize) -> Result<Client, OpenError> {
    let endpoint = Endpoint::parse(endpoint).map_err(OpenError)?;
    Ok(Arc::new(Mutex::new(Server { endpoint, reply_limit, connection: None })))
}

/// Why there is no reply.
#[derive(Debug)]
enum Trouble {
    System(io::Error),
    Disconnect,
    Timeout,
    Format,
    Length,
}

impl Trouble {
    fn text(&self) -> String {
        match self {
            Trouble::System(error) => sys::reason(error),
            Trouble::Disconnect => "unexpected disconnect".into(),
            Trouble::Timeout => "time limit exceeded".into(),
            Trouble::Format => "input format error".into(),
            Trouble::Length => "input exceeds size limit".into(),
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Trouble::Timeout,
            _ => Trouble::Disconnect,
        }
    }
}

/// What a reply says. Reasons are those of the server.
#[derive(Debug, PartialEq, Eq)]
enum Reply<'a> {
    Found(&'a [u8]),
    NotFound,
    /// The word for it in the warning, and whether trying again can help.
    Failed(&'static str, bool, &'a [u8]),
}

impl<'a> Reply<'a> {
    fn parse(payload: &'a [u8]) -> Self {
        // What follows a NUL is no part of a reply.
        let payload = super::rules::before_nul(payload);
        let (status, rest) = match payload.split_once_str(" ") {
            Some((status, rest)) => (status, Some(rest)),
            None => (payload, None),
        };
        let reason = rest.unwrap_or_default();
        match status {
            b"OK" => rest.map_or(Reply::NotFound, Reply::Found),
            b"NOTFOUND" => Reply::NotFound,
            b"TEMP" => Reply::Failed("temporary", true, reason),
            b"TIMEOUT" => Reply::Failed("timeout", true, reason),
            b"PERM" => Reply::Failed("permanent", false, reason),
            _ => Reply::Failed("unknown", true, reason),
        }
    }
}

fn netstring(payload: &[u8]) -> Vec<u8> {
    [payload.len().to_string().as_bytes(), b":", payload, b","].concat()
}

/// Reads a netstring of limited length.
fn read_netstring(input: &mut impl Read, limit: usize) -> Result<Vec<u8>, Trouble> {
    let mut length = None;
    loop {
        match (read_byte(input)?, length) {
            (b':', Some(_)) => break,
            (digit @ b'0'..=b'9', length_so_far) => {
                let value = length_so_far.unwrap_or(0) * 10 + usize::from(digit - b'0');
                if value > limit {
                    return Err(Trouble::Length);
                }
                length = Some(value);
            }
            _ => return Err(Trouble::Format),
        }
    }
    let mut payload = vec![0; length.unwrap_or(0)];
    input.read_exact(&mut payload)?;
    match read_byte(input)? {
        b',' => Ok(payload),
        _ => Err(Trouble::Format),
    }
}

fn read_byte(input: &mut impl Read) -> Result<u8, Trouble> {
    let mut byte = [0];
    input.read_exact(&mut byte)?;
    Ok(byte[0])
}

impl Server {
    /// The reply to a request. A server that goes away without one is asked again.
    fn ask(&mut self, request: &[u8]) -> Result<Vec<u8>, Trouble> {
        let mut attempt = 1;
        loop {
            match self.try_once(request) {
                Err(Trouble::Disconnect) if attempt < ATTEMPTS => attempt += 1,
                result => return result,
            }
        }
    }

    fn try_once(&mut self, request: &[u8]) -> Result<Vec<u8>, Trouble> {
        let mut connection = match self.connection.take().filter(Connection::is_fresh) {
            Some(connection) => connection,
            None => self.connect().map_err(Trouble::System)?,
        };
        connection.stream.write_all(&netstring(request))?;
        connection.stream.flush()?;
        let reply = read_netstring(&mut connection.stream, self.reply_limit)?;
        connection.used = Instant::now();
        // A connection on which something failed is dropped above.
        self.connection = Some(connection);
        Ok(reply)
    }

    fn connect(&self) -> io::Result<Connection> {
        let socket = self.endpoint.connect_or_warn(TIME_LIMIT).inspect_err(|error| {
            log::warn!("connect to {}: {}", self.endpoint, sys::reason(error));
        })?;
        let stream = Stream::new(socket, self.endpoint.to_string(), Some(TIME_LIMIT));
        Ok(Connection { stream, made: Instant::now(), used: Instant::now() })
    }
}

impl Map for SocketMap {
    fn facts(&self) -> Facts {
        Facts::pattern(Owner::Unknown)
    }

    fn lookup(&mut self, key: &[u8]) -> Lookup {
        if key.len() > self.key_limit {
            let shown = text::show(&key[..SHOWN_KEY.min(key.len())]);
            log::warn!("table {} query too large: '{shown}', returning 'not found'", self.label);
            return Ok(None);
        }
        let request = [self.map.as_slice(), b" ", key].concat();
        let payload = self.client.lock().unwrap_or_else(PoisonError::into_inner).ask(&request);
        let payload = payload.map_err(|trouble| {
            log::warn!("table {} lookup error: {}", self.label, trouble.text());
            match trouble {
                Trouble::System(error) => Error::system(&error),
                _ => Error::NO_ANSWER,
            }
        })?;
        match Reply::parse(&payload) {
            Reply::Found(value) => Ok(Some(value.into())),
            Reply::NotFound => Ok(None),
            Reply::Failed(what, temporary, reason) => {
                let separator = if reason.is_empty() { "" } else { ": " };
                let reason = text::show(&reason[..reason.len().min(SHOWN)]);
                log::warn!("{} socketmap server {what} error{separator}{reason}", self.label);
                Err(if temporary { Error::NO_ANSWER } else { Error::Config })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn replies() {
        assert_eq!(Reply::parse(b"OK a b"), Reply::Found(b"a b"));
        assert_eq!(Reply::parse(b"OK "), Reply::Found(b""));
        assert_eq!(Reply::parse(b"OK"), Reply::NotFound);
        assert_eq!(Reply::parse(b"NOTFOUND "), Reply::NotFound);
        assert_eq!(Reply::parse(b"PERM no"), Reply::Failed("permanent", false, b"no"));
        assert_eq!(Reply::parse(b"ok x"), Reply::Failed("unknown", true, b"x"));
    }

    #[test]
    fn bad_netstrings() {
        let read = |mut text: &[u8]| read_netstring(&mut text, 100_000);
        assert!(matches!(read(b"100001:"), Err(Trouble::Length)));
        assert!(matches!(read(b":,"), Err(Trouble::Format)));
        assert!(matches!(read(b"1:ab"), Err(Trouble::Format)));
        assert!(matches!(read(b"3:ab"), Err(Trouble::Disconnect)));
    }

    proptest! {
        #[test]
        fn netstrings_come_through(payload in proptest::collection::vec(any::<u8>(), 0..40)) {
            prop_assert_eq!(read_netstring(&mut netstring(&payload).as_slice(), 40).unwrap(), payload);
        }

        #[test]
        fn any_bytes_are_understood(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = read_netstring(&mut bytes.as_slice(), 1000);
            Reply::parse(&bytes);
        }
    }
}
