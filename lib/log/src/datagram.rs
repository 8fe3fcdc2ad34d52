//! A datagram socket to whoever keeps the log.

use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::{Duration, Instant};

use sys::descriptor::wait_writable;

/// How long to wait for a reader whose queue is full. It is short of every watchdog.
pub(crate) const PATIENCE: Duration = Duration::from_secs(8);

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// The reader has it.
    Yes,
    /// The reader is there, and its queue stayed full.
    Full,
    /// There is no reader.
    Gone,
}

/// Connects without ever blocking later: master starts the reader, and must not wait for it.
pub(crate) fn connected(path: &Path) -> Option<UnixDatagram> {
    let socket = UnixDatagram::unbound().ok()?;
    socket.set_nonblocking(true).ok()?;
    socket.connect(path).ok()?;
    Some(socket)
}

/// Sends a record, and waits up to `patience` for room in the reader's queue.
pub(crate) fn send(socket: &UnixDatagram, record: &[u8], patience: Duration) -> Sent {
    let deadline = Instant::now() + patience;
    loop {
        match socket.send(record) {
            Ok(_) => return Sent::Yes,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                // Another sender may take the room that this one waited for, so it may have to wait again.
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() || !wait_writable(socket, Some(left)).unwrap_or(false) {
                    return Sent::Full;
                }
            }
            Err(_) => return Sent::Gone,
        }
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
        while send(&client, b"record", Duration::ZERO) == Sent::Yes {}
        assert_eq!(send(&client, b"record", Duration::from_millis(10)), Sent::Full);
        server.recv(&mut [0; 10]).unwrap();
        assert_eq!(send(&client, b"record", PATIENCE), Sent::Yes);
        drop(server);
        assert_eq!(send(&client, b"record", PATIENCE), Sent::Gone);
    }

    #[test]
    fn many_senders_lose_nothing_to_a_slow_reader() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let server = UnixDatagram::bind(&path).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let client = connected(&path).unwrap();
                    for _ in 0..500 {
                        assert_eq!(send(&client, b"record", PATIENCE), Sent::Yes);
                    }
                });
            }
            for _ in 0..2000 {
                server.recv(&mut [0; 10]).unwrap();
            }
        });
    }
}
