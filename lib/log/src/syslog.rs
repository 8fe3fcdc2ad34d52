//! The syslog socket (config §12.2).

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::SystemTime;

use crate::datagram::{PATIENCE, Sent, connected, send};
use crate::record::Severity;

const PATH: &str = "/dev/log";

/// Facilities by the names that `syslog_facility` takes.
const FACILITIES: [(&str, u8); 20] = [
    ("user", 1),
    ("mail", 2),
    ("daemon", 3),
    ("auth", 4),
    ("security", 4),
    ("syslog", 5),
    ("lpr", 6),
    ("news", 7),
    ("uucp", 8),
    ("cron", 9),
    ("authpriv", 10),
    ("ftp", 11),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];

/// The mail facility, which counts until main.cf has been read.
pub(crate) const MAIL: u8 = 2;

/// The number of a facility; `None` for a name that is none.
pub(crate) fn facility(name: &[u8]) -> Option<u8> {
    let wanted = std::str::from_utf8(name).ok()?;
    FACILITIES.iter().find(|(known, _)| *known == wanted).map(|(_, number)| *number)
}

/// A connection that is made at once, so that it exists before a chroot, and again when the syslog daemon was restarted.
#[derive(Debug)]
pub(crate) struct Syslog {
    facility: u8,
    socket: Option<UnixDatagram>,
}

impl Syslog {
    pub(crate) fn connect(facility: u8) -> Self {
        Self { facility, socket: connected(Path::new(PATH)) }
    }

    /// Sends one record. A system without a syslog daemon loses it, as every program does there.
    pub(crate) fn send(&mut self, severity: Severity, line: &[u8]) {
        let time = text::date::syslog_date(SystemTime::now());
        let priority = self.facility * 8 + severity.priority();
        let record = [format!("<{priority}>{time} ").as_bytes(), line].concat();
        if self.socket.as_ref().is_none_or(|socket| send(socket, &record, PATIENCE) == Sent::Gone) {
            self.socket = connected(Path::new(PATH));
            if let Some(socket) = &self.socket {
                send(socket, &record, PATIENCE);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facilities_by_name() {
        assert_eq!(facility(b"mail"), Some(MAIL));
        assert_eq!(facility(b"local7"), Some(23));
        assert_eq!(facility(b"nothing"), None);
    }
}
