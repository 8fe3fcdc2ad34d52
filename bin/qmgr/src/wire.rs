//! The attribute protocol without waiting: what `ipc::Stream` is for blocking programs.

use std::io;

use ipc::attr::{Error, Input, Message, Reader, Slice};
use ipc::{Encoding, Status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// The longest list that is taken, in bytes.
const LIST_LIMIT: usize = 1024 * 1024;

/// A connection to a service below the queue directory.
#[derive(Debug)]
pub struct Connection {
    stream: UnixStream,
    received: Vec<u8>,
    name: String,
}

impl Connection {
    /// Connects to `private/<service>`.
    pub async fn open(service: &str) -> io::Result<Self> {
        let name = format!("private/{service}");
        Ok(Self { stream: UnixStream::connect(&name).await?, received: Vec::new(), name: format!("{name} socket") })
    }

    /// Reads and checks the server's announcement.
    pub async fn expect_protocol(&mut self, protocol: &str) -> Result<(), Error> {
        self.take(|input| {
            let mut reader = Reader::new(input, Encoding::Null, true);
            reader.expect("protocol", protocol)?;
            reader.end()
        })
        .await
    }

    /// Sends bytes.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Receives a list.
    pub async fn receive<M: Message>(&mut self) -> Result<M, Error> {
        self.take(|input| M::take(input, Encoding::Null)).await
    }

    async fn take<T>(&mut self, parse: impl Fn(&mut dyn Input) -> Result<T, Error>) -> Result<T, Error> {
        loop {
            let mut input = Slice::new(&self.received, &self.name);
            match parse(&mut input) {
                Err(Error::Incomplete(_)) if self.received.len() < LIST_LIMIT => {}
                result => {
                    let taken = input.taken();
                    self.received.drain(..taken);
                    return result;
                }
            }
            match self.stream.read_buf(&mut self.received).await {
                Ok(0) if self.received.is_empty() => return Err(Error::Closed(self.name.clone())),
                Ok(0) => {
                    let (stream, what) = (self.name.clone(), "input attribute name");
                    return Err(Error::Premature { stream, what });
                }
                Ok(_) => {}
                Err(error) => return Err(Error::Io { stream: self.name.clone(), reason: sys::reason(&error) }),
            }
        }
    }
}

/// Asks a bounce service for something; -1 when it cannot be asked.
pub async fn ask_bounce(service: &str, request: &ipc::bounce::Request) -> i32 {
    let mut connection = match Connection::open(service).await {
        Ok(connection) => connection,
        Err(error) => {
            log::warn!("connect to private/{service}: {}", sys::reason(&error));
            return -1;
        }
    };
    let status = async {
        connection.expect_protocol(ipc::protocol::BOUNCE).await?;
        connection
            .send(&request.to_bytes())
            .await
            .map_err(|error| Error::Io { stream: format!("private/{service}"), reason: sys::reason(&error) })?;
        connection.receive::<Status>().await
    };
    match status.await {
        Ok(status) => status.0,
        Err(error) => {
            log::warn!("{error}");
            -1
        }
    }
}
