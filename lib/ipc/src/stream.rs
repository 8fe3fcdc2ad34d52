//! The blocking shell around the attribute protocol: buffered, with a time limit on each read and write.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use sys::descriptor::wait_readable;
use sys::socket::{connect_unix, set_write_limit};
use text::inbox::Inbox;

use crate::attr::{Encoding, Error, Input, Message, Reader, Writer};

const BUFFER_SIZE: usize = 4096;

/// One end of a conversation between two programs of the mail system.
///
/// Output is kept until [`Stream::flush`] or the next read. As [`Read`] and [`Write`] it carries the bytes of record streams that stand between
/// attribute lists.
#[derive(Debug)]
pub struct Stream {
    input: File,
    output: Option<File>,
    name: String,
    limit: Option<Duration>,
    encoding: Encoding,
    received: Inbox,
    pending: Vec<u8>,
}

impl Stream {
    /// A stream over a connected socket. `name` stands in diagnostics; `limit` is for each read and write (`None` waits for ever).
    pub fn new(socket: OwnedFd, name: impl Into<String>, limit: Option<Duration>) -> Self {
        // A descriptor that is no socket cannot have the limit on writes; then writes just block.
        let _ = set_write_limit(&socket, limit);
        Self {
            input: File::from(socket),
            output: None,
            name: name.into(),
            limit,
            encoding: Encoding::Null,
            received: Inbox::default(),
            pending: Vec::new(),
        }
    }

    /// A stream that reads one descriptor and writes another, such as a stand-alone daemon's standard input and output.
    pub fn over(input: OwnedFd, output: OwnedFd, name: impl Into<String>, limit: Option<Duration>) -> Self {
        Self { output: Some(File::from(output)), ..Self::new(input, name, limit) }
    }

    /// The same stream in another encoding.
    #[must_use]
    pub fn with_encoding(self, encoding: Encoding) -> Self {
        Self { encoding, ..self }
    }

    /// The stream's name in diagnostics.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Changes the time limit of reads and writes.
    pub fn set_limit(&mut self, limit: Option<Duration>) {
        self.limit = limit;
        let _ = set_write_limit(&self.input, limit);
    }

    /// Sends one complete list, and all that was kept before it.
    ///
    /// # Errors
    /// What write(2) reports.
    pub fn send(&mut self, message: &impl Message) -> io::Result<()> {
        self.put(message);
        self.flush()
    }

    /// Keeps one complete list for the next flush.
    pub fn put(&mut self, message: &impl Message) {
        let mut writer = Writer::new(self.encoding);
        message.write(&mut writer);
        writer.end();
        self.pending.extend(writer.into_bytes());
    }

    /// Receives one complete list.
    ///
    /// # Errors
    /// The list is not as the type says, or the stream ended.
    pub fn receive<M: Message>(&mut self) -> Result<M, Error> {
        let encoding = self.encoding;
        M::take(self, encoding)
    }

    /// Says which protocol this server speaks (master-ipc §11.1).
    ///
    /// # Errors
    /// What write(2) reports.
    pub fn announce(&mut self, protocol: &str) -> io::Result<()> {
        let mut writer = Writer::new(self.encoding);
        writer.string("protocol", protocol);
        writer.end();
        self.pending.extend(writer.into_bytes());
        self.flush()
    }

    /// Reads and checks a server's announcement.
    ///
    /// # Errors
    /// The server says something else, or nothing.
    pub fn expect_protocol(&mut self, protocol: &str) -> Result<(), Error> {
        let encoding = self.encoding;
        let mut reader = Reader::new(self, encoding, true);
        reader.expect("protocol", protocol)?;
        reader.end()
    }

    /// Waits until something can be read, or the peer has closed. False after `limit`.
    ///
    /// # Errors
    /// What poll(2) reports.
    pub fn wait(&self, limit: Option<Duration>) -> io::Result<bool> {
        if self.has_buffered() {
            return Ok(true);
        }
        wait_readable(&self.input, limit)
    }

    /// The next byte without taking it; `None` when the peer has closed.
    ///
    /// # Errors
    /// What read(2) reports, or `TimedOut`.
    pub fn peek(&mut self) -> io::Result<Option<u8>> {
        if !self.has_buffered() {
            self.fill()?;
        }
        Ok(self.received.as_slice().first().copied())
    }

    /// Whether bytes have been received that nobody has taken yet.
    pub fn has_buffered(&self) -> bool {
        !self.received.is_empty()
    }

    fn fill(&mut self) -> io::Result<usize> {
        self.flush()?;
        if self.limit.is_some() && !wait_readable(&self.input, self.limit)? {
            return Err(io::ErrorKind::TimedOut.into());
        }
        loop {
            match self.input.read(self.received.space(BUFFER_SIZE)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => {
                    self.received.add(*result.as_ref().unwrap_or(&0));
                    return result;
                }
            }
        }
    }

    fn input_error(&self, error: &io::Error, what: &'static str) -> Error {
        let stream = self.name.clone();
        match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Error::Timeout { stream, what },
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Error::Premature { stream, what },
            _ => Error::Io { stream, reason: sys::reason(error) },
        }
    }
}

impl Input for Stream {
    fn name(&self) -> &str {
        &self.name
    }

    fn take_until(&mut self, delimiter: u8, what: &'static str) -> Result<Option<Vec<u8>>, Error> {
        let mut piece = Vec::new();
        loop {
            if let Some(length) = memchr::memchr(delimiter, self.received.as_slice()) {
                piece.extend_from_slice(&self.received.take(length + 1)[..length]);
                return Ok(Some(piece));
            }
            piece.extend_from_slice(self.received.take(usize::MAX));
            match self.fill() {
                Ok(0) if piece.is_empty() => return Ok(None),
                Ok(0) => return Err(Error::Torn { stream: self.name.clone(), what }),
                Ok(_) => {}
                Err(error) => return Err(self.input_error(&error, what)),
            }
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.received.is_empty() && self.fill()? == 0 {
            return Ok(0);
        }
        let bytes = self.received.take(buffer.len());
        buffer[..bytes.len()].copy_from_slice(bytes);
        Ok(bytes.len())
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= BUFFER_SIZE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let output = self.output.as_mut().unwrap_or(&mut self.input);
        let written = output.write_all(&self.pending);
        self.pending.clear();
        written.map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
            _ => error,
        })
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.input.as_fd()
    }
}

/// Why a one-shot request failed: the text of the warning that its caller logs (master-ipc §11.3).
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct CallError(pub String);

/// Connects to `<class>/<service>` below the working directory, which is the queue directory.
///
/// # Errors
/// What connect(2) reports.
pub fn connect(class: &str, service: &str, limit: Duration) -> io::Result<Stream> {
    connect_below(Path::new(""), class, service, limit)
}

/// As [`connect`], below another directory, for programs that do not work in the queue directory.
///
/// # Errors
/// What connect(2) reports.
pub fn connect_below(directory: &Path, class: &str, service: &str, limit: Duration) -> io::Result<Stream> {
    let path = format!("{class}/{service}");
    let socket = connect_unix(directory.join(&path), limit)?;
    Ok(Stream::new(socket.into(), format!("{path} socket"), Some(limit)))
}

/// One request to a service, and its reply: connect, check the announcement, send, receive, close.
///
/// # Errors
/// The text for the log: `connect to private/bounce: Connection refused` and so on.
pub fn call<M: Message, R: Message>(
    class: &str,
    service: &str,
    protocol: &str,
    request: &M,
    limit: Duration,
) -> Result<R, CallError> {
    let mut stream = connect(class, service, limit)
        .map_err(|error| CallError(format!("connect to {class}/{service}: {}", sys::reason(&error))))?;
    let name = stream.name().to_owned();
    stream.expect_protocol(protocol).map_err(|error| CallError(format!("read {name}: {error}")))?;
    stream.send(request).map_err(|error| CallError(format!("write {name}: {}", sys::reason(&error))))?;
    stream.receive().map_err(|error| CallError(format!("write/read {name}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Status;

    fn streams() -> (Stream, Stream) {
        let (left, right) = sys::socket::pair().unwrap();
        let limit = Some(Duration::from_millis(200));
        (Stream::new(left, "left", limit), Stream::new(right, "right", limit))
    }

    #[test]
    fn lists_and_raw_bytes_mix() {
        let (mut left, mut right) = streams();
        left.announce("p").unwrap();
        left.put(&Status(3));
        left.write_all(b"raw").unwrap();
        left.flush().unwrap();
        right.expect_protocol("p").unwrap();
        assert_eq!(right.receive::<Status>().unwrap(), Status(3));
        assert_eq!(right.peek().unwrap(), Some(b'r'));
        let mut raw = [0; 3];
        right.read_exact(&mut raw).unwrap();
        assert_eq!(&raw, b"raw");
        drop(left);
        assert_eq!(right.peek().unwrap(), None);
        assert!(matches!(right.receive::<Status>(), Err(Error::Closed(_))));
    }

    #[test]
    fn silence_and_early_ends_have_their_texts() {
        let (mut left, mut right) = streams();
        assert_eq!(
            right.receive::<Status>().unwrap_err().to_string(),
            "timeout on right while reading input attribute name"
        );
        left.write_all(b"status\x001").unwrap();
        left.flush().unwrap();
        drop(left);
        assert_eq!(
            right.receive::<Status>().unwrap_err().to_string(),
            "unexpected end-of-input from right while reading input attribute value"
        );
    }

    #[test]
    fn another_protocol_is_refused() {
        let (mut left, mut right) = streams();
        left.announce("showq").unwrap();
        assert_eq!(
            right.expect_protocol("flush").unwrap_err().to_string(),
            "unexpected protocol showq from right (expected: flush)"
        );
    }
}
