//! A datagram socket to whoever keeps the log.

use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use sys::descriptor::wait_writable;

/// How long to wait for a reader whose queue is full.
const PATIENCE: Duration = Duration::from_secs(1);

/// Connects without ever blocking later: master starts the reader, and must not wait for it.
pub(crate) fn connected(path: &Path) -> Option<UnixDatagram> {
    let socket = UnixDatagram::unbound().ok()?;
    socket.set_nonblocking(true).ok()?;
    socket.connect(path).ok()?;
    Some(socket)
}

/// Sends a record. `patient`: waits a moment for room. False: there is no reader, or no room.
pub(crate) fn send(socket: &UnixDatagram, record: &[u8], patient: bool) -> bool {
    match socket.send(record) {
        Err(error) if error.kind() == ErrorKind::WouldBlock && patient => {
            wait_writable(socket, Some(PATIENCE)).unwrap_or(false) && socket.send(record).is_ok()
        }
        result => result.is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_does_not_block_the_impatient() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        assert!(connected(&path).is_none());
        let server = UnixDatagram::bind(&path).unwrap();
        let client = connected(&path).unwrap();
        while send(&client, b"record", false) {}
        assert!(!send(&client, b"record", false));
        server.recv(&mut [0; 10]).unwrap();
        assert!(send(&client, b"record", true));
    }
}
