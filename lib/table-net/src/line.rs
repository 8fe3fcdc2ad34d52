//! A server that is talked to in lines: connecting, trying again, reading.

use std::io::{self, Read, Write};
use std::thread::sleep;
use std::time::Duration;

use ipc::Stream;
use table::client::Endpoint;
use table::{Error, OpenError};

use crate::parameters::Parameters;

/// Why there is no usable reply.
#[derive(Debug)]
pub enum Trouble {
    /// No connection.
    Connect(io::Error),
    /// The connection failed.
    Io(io::Error),
    /// The server closed.
    Closed,
    /// The server took too long.
    Late,
    /// The server says something else than it should.
    Unexpected(Vec<u8>),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Trouble::Closed,
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Trouble::Late,
            _ => Trouble::Io(error),
        }
    }
}

/// A server, connected to when it is first asked.
pub struct Server {
    /// The type, and the table's name in messages.
    kind: &'static str,
    name: String,
    endpoint: Endpoint,
    limit: Duration,
    attempts: i32,
    pause: Duration,
    stream: Option<Stream>,
}

impl Server {
    /// Takes the endpoint, `timeout`, `max_try` and `retry_pause` from the parameters.
    ///
    /// # Errors
    /// A bad value.
    pub fn new(kind: &'static str, parameters: &Parameters, default: &str) -> Result<Self, OpenError> {
        let seconds = |number: i32| Duration::from_secs(u64::try_from(number).unwrap_or(0));
        Ok(Server {
            kind,
            name: parameters.name.clone(),
            endpoint: Endpoint::parse(&parameters.text(kind, default)?).map_err(OpenError)?,
            limit: seconds(parameters.number("timeout", 2, 1)?),
            attempts: parameters.number("max_try", 2, 1)?,
            pause: seconds(parameters.number("retry_pause", 1, 1)?),
            stream: None,
        })
    }

    /// Has a conversation, if need be on a new connection, which `greet` makes ready. The first failure is silent.
    ///
    /// # Errors
    /// A temporary failure, which has been logged.
    pub fn talk<T>(
        &mut self,
        greet: impl Fn(&mut Stream) -> Result<(), Trouble>,
        converse: impl Fn(&mut Stream) -> Result<T, Trouble>,
    ) -> Result<T, Error> {
        let mut attempt = 1;
        loop {
            let trouble = match self.try_once(&greet, &converse) {
                Ok(result) => return Ok(result),
                Err(Trouble::Connect(error)) => {
                    log::warn!("connect to {}: {}", self.endpoint, sys::reason(&error));
                    return Err(Error::system(&error));
                }
                Err(trouble) => trouble,
            };
            if attempt > 1 || attempt >= self.attempts {
                self.complain(&trouble);
            }
            if attempt >= self.attempts {
                return Err(Error::NO_ANSWER);
            }
            attempt += 1;
            sleep(self.pause);
        }
    }

    /// A stream on which something failed is dropped.
    fn try_once<T>(
        &mut self,
        greet: impl Fn(&mut Stream) -> Result<(), Trouble>,
        converse: impl Fn(&mut Stream) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let socket = self.endpoint.connect_or_warn(self.limit).map_err(Trouble::Connect)?;
                let mut stream = Stream::new(socket, self.endpoint.to_string(), Some(self.limit));
                greet(&mut stream)?;
                stream
            }
        };
        let result = converse(&mut stream)?;
        self.stream = Some(stream);
        Ok(result)
    }

    fn complain(&self, trouble: &Trouble) {
        let Server { kind, name, .. } = self;
        match trouble {
            Trouble::Connect(error) | Trouble::Io(error) => {
                log::warn!("database {kind}:{name}: I/O error: {}", sys::reason(error));
            }
            // The number that connect(2) left behind is all there is to tell.
            Trouble::Closed => log::warn!("database {kind}:{name}: I/O error: {}", Error::NO_ANSWER),
            Trouble::Late => log::warn!("{name}: EOF receiving {kind} server reply"),
            Trouble::Unexpected(reply) => {
                log::warn!("{name}: unexpected {kind} server reply: {}", text::show(reply));
            }
        }
    }
}

/// Sends all of a request.
///
/// # Errors
/// The connection failed.
pub fn send(stream: &mut Stream, request: &[u8]) -> Result<(), Trouble> {
    stream.write_all(request)?;
    Ok(stream.flush()?)
}

/// Reads a line of at most `limit` bytes, without LF or CR LF.
///
/// # Errors
/// The connection failed, or the line is too long.
pub fn read_line(input: &mut impl Read, limit: usize) -> Result<Vec<u8>, Trouble> {
    let (mut line, mut byte) = (Vec::new(), [0]);
    loop {
        input.read_exact(&mut byte)?;
        if byte == *b"\n" {
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            return Ok(line);
        }
        if line.len() >= limit {
            return Err(Trouble::Unexpected(line));
        }
        line.push(byte[0]);
    }
}

/// Reads so many bytes, and the end of the line.
///
/// # Errors
/// The connection failed, or there is more on the line.
pub fn read_data(input: &mut impl Read, length: usize) -> Result<Vec<u8>, Trouble> {
    let mut data = vec![0; length];
    input.read_exact(&mut data)?;
    match read_line(input, 2)?.as_slice() {
        b"" => Ok(data),
        rest => Err(Trouble::Unexpected(rest.to_vec())),
    }
}
