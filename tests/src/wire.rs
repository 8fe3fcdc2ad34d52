//! A client of internal services: attribute lists in the `name NUL value NUL ... NUL` form (master-ipc §10), and records.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::wait;

/// A conversation with a service.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
}

impl Client {
    /// Connects to a socket.
    ///
    /// # Panics
    /// When nobody listens there.
    pub fn connect(path: &Path) -> Self {
        let connect = || UnixStream::connect(path).ok();
        let stream = wait::until(&path.display().to_string(), connect, String::new);
        stream.set_read_timeout(Some(wait::LIMIT)).expect("a time limit");
        stream.set_write_timeout(Some(Duration::from_secs(10))).expect("a time limit");
        Self { stream }
    }

    /// Sends bytes as they are. A server that went away is noticed by the next read.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Sends an attribute list with its end.
    pub fn send(&mut self, attributes: &[(&str, &str)]) {
        let mut bytes = Vec::new();
        for (name, value) in attributes {
            bytes.extend_from_slice(name.as_bytes());
            bytes.push(0);
            bytes.extend_from_slice(value.as_bytes());
            bytes.push(0);
        }
        bytes.push(0);
        self.send_bytes(&bytes);
    }

    fn string(&mut self) -> Option<String> {
        let mut bytes = Vec::new();
        let mut byte = [0];
        loop {
            match self.stream.read(&mut byte) {
                Ok(0) => return None,
                Ok(_) if byte[0] == 0 => return Some(String::from_utf8_lossy(&bytes).into_owned()),
                Ok(_) => bytes.push(byte[0]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("reading an attribute: {error}"),
            }
        }
    }

    /// Receives an attribute list, up to its end; `None` when the server closes first.
    pub fn list(&mut self) -> Option<Vec<(String, String)>> {
        let mut attributes = Vec::new();
        loop {
            let name = self.string()?;
            if name.is_empty() {
                return Some(attributes);
            }
            attributes.push((name, self.string()?));
        }
    }

    /// Receives an attribute list as a map.
    ///
    /// # Panics
    /// When the server closes first.
    pub fn map(&mut self) -> HashMap<String, String> {
        self.list().expect("an attribute list").into_iter().collect()
    }

    /// Whether the server closes the connection without saying more.
    pub fn is_closed(&mut self) -> bool {
        self.string().is_none()
    }
}
