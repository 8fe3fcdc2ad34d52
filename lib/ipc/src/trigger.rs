//! Waking a service (master-ipc §5): a few bytes, and no answer.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use sys::descriptor::wait_readable;
use sys::socket::connect_unix;

/// The periodic wakeup that master sends; also "scan incoming" to the queue manager.
pub const WAKEUP: u8 = b'W';
/// To the queue manager: scan incoming.
pub const SCAN_INCOMING: u8 = b'I';
/// To the queue manager: scan deferred.
pub const SCAN_DEFERRED: u8 = b'D';
/// To the queue manager: forget dead destinations.
pub const FLUSH_DEAD: u8 = b'F';
/// To the queue manager: ignore time stamps.
pub const SCAN_ALL: u8 = b'A';

/// Why a service could not be woken.
#[derive(Debug, thiserror::Error)]
pub enum TriggerError {
    /// There is no such service, or something else in its place: the text of a warning.
    #[error("{0}")]
    NoService(String),
    /// The service is down. Nothing to warn about: the mail system may well be stopped.
    #[error("{0}")]
    Down(String),
}

impl TriggerError {
    /// Logs it, unless the service is only down.
    pub fn warn(&self) {
        match self {
            TriggerError::NoService(text) => log::warn!("{text}"),
            TriggerError::Down(text) => log::debug!("{text}"),
        }
    }
}

/// Sends `request` to `<class>/<service>`, a socket or a FIFO, and does not wait for the server to read it. `limit` is for each of connect and
/// write.
///
/// # Errors
/// The text of the warning.
pub fn trigger(class: &str, service: &str, request: &[u8], limit: Duration) -> Result<(), TriggerError> {
    deliver(class, service, request, limit).map(drop)
}

/// As [`trigger`], and then waits up to `drain` until the server has closed the connection.
///
/// # Errors
/// As [`trigger`].
pub fn trigger_and_wait(
    class: &str,
    service: &str,
    request: &[u8],
    limit: Duration,
    drain: Duration,
) -> Result<(), TriggerError> {
    if let Some(mut socket) = deliver(class, service, request, limit)? {
        // The server's close is only a sign of receipt: no news after `drain` is no failure.
        if wait_readable(&socket, Some(drain)).unwrap_or(false) {
            let _ = socket.read(&mut [0; 64]);
        }
    }
    Ok(())
}

fn deliver(
    class: &str,
    service: &str,
    request: &[u8],
    limit: Duration,
) -> Result<Option<std::os::unix::net::UnixStream>, TriggerError> {
    let name = format!("{class}/{service}");
    let path = Path::new(&name);
    let kind = std::fs::metadata(path)
        .map_err(|error| TriggerError::NoService(format!("unable to look up {name}: {}", sys::reason(&error))))?
        .file_type();
    let failed = |error: io::Error| TriggerError::Down(format!("trigger {name}: {}", sys::reason(&error)));
    if kind.is_fifo() {
        let mut fifo = OpenOptions::new().write(true).custom_flags(nix::libc::O_NONBLOCK).open(path).map_err(failed)?;
        fifo.write_all(request).map_err(failed)?;
        return Ok(None);
    }
    if !kind.is_socket() {
        return Err(TriggerError::NoService(format!("{name} is not a socket or a fifo")));
    }
    let mut socket = connect_unix(path, limit)
        .map_err(|error| TriggerError::Down(format!("connect to {name}: {}", sys::reason(&error))))?;
    socket.set_write_timeout(Some(limit)).map_err(failed)?;
    // In one piece: a server that has read the request may be gone before a second write.
    socket.write_all(&[request, b"\0"].concat()).map_err(failed)?;
    Ok(Some(socket))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_a_warning() {
        let error = trigger("public", "no-such-service", b"W", Duration::from_secs(1)).unwrap_err();
        assert_eq!(error.to_string(), "unable to look up public/no-such-service: No such file or directory");
    }
}
