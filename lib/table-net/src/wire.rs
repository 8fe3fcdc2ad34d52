//! A connection to a server, in clear or encrypted, with a time limit on each read and write.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use ipc::Stream;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use table::client::{ConnectError, Endpoint};

/// A connection.
pub enum Wire {
    /// In clear.
    Plain(Stream),
    /// Encrypted.
    Encrypted(Box<StreamOwned<ClientConnection, Stream>>),
}

impl Wire {
    /// Connects. `limit` is for each step.
    ///
    /// # Errors
    /// The host is unknown, or what connect(2) reports.
    pub fn connect(endpoint: &Endpoint, limit: Duration) -> Result<Self, ConnectError> {
        let socket = endpoint.connect(limit)?;
        Ok(Wire::Plain(Stream::new(socket, endpoint.to_string(), Some(limit))))
    }

    /// Whether others cannot read it.
    pub fn is_encrypted(&self) -> bool {
        matches!(self, Wire::Encrypted(_))
    }

    /// Goes on encrypted, with a server of this name.
    ///
    /// # Errors
    /// The handshake failed; the name is none; something has come in clear that must not count as encrypted.
    pub fn encrypt(self, config: Arc<ClientConfig>, host: &str) -> io::Result<Self> {
        let Wire::Plain(mut stream) = self else { return Ok(self) };
        if stream.has_buffered() {
            return Err(io::Error::other("the server sent text before it was encrypted"));
        }
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let mut session = ClientConnection::new(config, name).map_err(io::Error::other)?;
        while session.is_handshaking() {
            session.complete_io(&mut stream)?;
        }
        Ok(Wire::Encrypted(Box::new(StreamOwned::new(session, stream))))
    }

    /// Sends all of a request.
    ///
    /// # Errors
    /// The connection failed.
    pub fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.write_all(request)?;
        self.flush()
    }

    /// Reads so many bytes.
    ///
    /// # Errors
    /// The connection failed, or the server closed it.
    pub fn receive(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(stream) => stream.read(buffer),
            Wire::Encrypted(stream) => stream.read(buffer),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(stream) => stream.write(bytes),
            Wire::Encrypted(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Wire::Plain(stream) => stream.flush(),
            Wire::Encrypted(stream) => stream.flush(),
        }
    }
}

/// A failure as a number, for tools to show.
pub fn error_of(error: &ConnectError) -> table::Error {
    match error {
        ConnectError::Io(error) if error.kind() == io::ErrorKind::NotFound => table::Error::system(error),
        ConnectError::Io(_) => table::Error::NO_ANSWER,
        ConnectError::NotFound(_) => table::Error::RETRY,
    }
}
