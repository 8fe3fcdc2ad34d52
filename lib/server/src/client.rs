//! One client's connection.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use bstr::BString;
use ipc::attr::Reader;
use ipc::{Encoding, Stream};

/// How long the sender of a passed connection may take for each step.
const PASS_LIMIT: Duration = Duration::from_secs(100);

/// A client to be served.
#[derive(Debug)]
pub struct Client {
    input: OwnedFd,
    output: Option<OwnedFd>,
    /// What the passer of a `pass` connection says about it: `client_address` and so on.
    pub attributes: Vec<(BString, BString)>,
}

impl Client {
    /// A client that connected by itself.
    pub(crate) fn connected(socket: OwnedFd) -> Self {
        Self { input: socket, output: None, attributes: Vec::new() }
    }

    /// The client of a stand-alone daemon: standard input and output.
    pub(crate) fn standard() -> std::io::Result<Self> {
        let (input, output) = (sys::descriptor::standard(0)?, sys::descriptor::standard(1)?);
        Ok(Self { input: input.into(), output: Some(output.into()), attributes: Vec::new() })
    }

    /// A client whose connection is passed over `socket` (master-ipc §12.1).
    ///
    /// # Errors
    /// The text of the warning.
    pub(crate) fn passed(socket: OwnedFd) -> Result<Self, String> {
        if !sys::descriptor::wait_readable(&socket, Some(PASS_LIMIT)).unwrap_or(false) {
            return Err("pass_accept_attr: timeout receiving file descriptor: Connection timed out".into());
        }
        let input = sys::socket::receive_descriptor(&socket)
            .map_err(|error| format!("pass_accept_attr: cannot receive file descriptor: {}", sys::reason(&error)))?;
        let mut stream = Stream::new(socket, "pass socket", Some(PASS_LIMIT));
        let attributes = Reader::new(&mut stream, Encoding::Null, false)
            .hash()
            .map_err(|error| format!("pass_accept_attr: cannot receive connection attributes: {error}"))?;
        Ok(Self { input, output: None, attributes })
    }

    /// The connection as an attribute stream with the time limit `limit` on each read and write.
    pub fn into_stream(self, name: impl Into<String>, limit: Duration) -> Stream {
        match self.output {
            Some(output) => Stream::over(self.input, output, name, Some(limit)),
            None => Stream::new(self.input, name, Some(limit)),
        }
    }

    /// The connection as descriptors: where to read, and where to write if that is another.
    pub fn into_descriptors(self) -> (OwnedFd, Option<OwnedFd>) {
        (self.input, self.output)
    }

    /// The connection as files: where to read, and where to write.
    ///
    /// # Errors
    /// When a socket cannot be duplicated.
    pub fn into_files(self) -> std::io::Result<(File, File)> {
        let output = match self.output {
            Some(output) => output,
            None => self.input.try_clone()?,
        };
        Ok((self.input.into(), output.into()))
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.input.as_fd()
    }
}
