//! Where records go: syslog or the postlog service, and standard error (config §12, master-ipc §14).

use std::io::{self, Write};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::Duration;

use crate::datagram::{PATIENCE, Sent, connected, send};
use crate::log_file::LogFile;
use crate::record::{Severity, file_line, line, safe_text, stderr_line};
use crate::syslog::Syslog;

/// The one mail log of a process: never two, or postlogd would log to itself.
#[derive(Debug)]
pub(crate) enum MailLog {
    /// None: a program that only speaks to its user.
    Off,
    Syslog(Syslog),
    Postlog(Postlog),
    /// postlogd's own records, and those of programs that start before it.
    File(LogFile),
}

/// The postlog service's datagram socket.
#[derive(Debug)]
pub(crate) struct Postlog {
    socket_path: PathBuf,
    socket: Option<UnixDatagram>,
    /// The reader's queue stayed full, so that waiting again would be vain.
    stuck: bool,
    host: Vec<u8>,
    fallback: Option<LogFile>,
}

/// How long a program waits for room that can write the file itself; master among them, which must get on to start the reader.
const SHORT_PATIENCE: Duration = Duration::from_secs(1);

impl Postlog {
    pub(crate) fn new(socket_path: PathBuf, host: Vec<u8>, fallback: Option<LogFile>) -> Self {
        let socket = connected(&socket_path);
        Self { socket_path, socket, stuck: false, host, fallback }
    }

    fn send(&mut self, tag: &[u8], severity: Severity, text: &[u8]) {
        let record = file_line(&self.host, tag, severity, text);
        self.send_record(&record);
    }

    /// Sends what is a record already.
    pub(crate) fn send_record(&mut self, record: &[u8]) {
        if self.socket.is_none() {
            self.socket = connected(&self.socket_path);
        }
        let sent = match &self.socket {
            Some(socket) => send(socket, record, self.patience()),
            None => Sent::Gone,
        };
        self.stuck = sent == Sent::Full;
        match sent {
            Sent::Yes => {}
            // A mail system does not stop for its log: without a file that it may write, the record is lost.
            Sent::Full => {
                if let Some(file) = self.fallback.as_mut()
                    && file.opened().is_ok()
                {
                    file.append(record);
                }
            }
            Sent::Gone => {
                // The next record looks for a new reader.
                self.socket = None;
                if let Some(file) = &mut self.fallback {
                    file.append(record);
                }
            }
        }
    }

    /// The name of this machine in records.
    pub(crate) fn host(&self) -> &[u8] {
        &self.host
    }

    fn patience(&self) -> Duration {
        match (self.stuck, &self.fallback) {
            (true, _) => Duration::ZERO,
            (false, Some(_)) => SHORT_PATIENCE,
            (false, None) => PATIENCE,
        }
    }
}

/// Everything that decides where a record goes and how it looks.
#[derive(Debug)]
pub(crate) struct Destinations {
    /// `<syslog_name>/<process>`.
    pub(crate) tag: Vec<u8>,
    /// The name on standard error; `None` writes nothing there.
    pub(crate) stderr_name: Option<Vec<u8>>,
    /// The mail log.
    pub(crate) mail_log: MailLog,
    /// Whether UTF-8 stays as it is.
    pub(crate) utf8: bool,
    /// Where events go as JSON, besides.
    pub(crate) json: Option<Postlog>,
}

impl Destinations {
    pub(crate) fn write(&mut self, severity: Severity, text: &[u8]) {
        let clean = safe_text(text, self.utf8);
        if let Some(name) = &self.stderr_name {
            // Nobody is left to tell when standard error is closed.
            let _ = io::stderr().write_all(&stderr_line(name, severity, &clean));
        }
        match &mut self.mail_log {
            MailLog::Off => {}
            MailLog::Syslog(syslog) => syslog.send(severity, &line(&self.tag, severity, &clean)),
            MailLog::Postlog(postlog) => postlog.send(&self.tag, severity, &clean),
            MailLog::File(file) => file.send(&self.tag, severity, &clean),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn destinations(mail_log: MailLog) -> Destinations {
        Destinations { tag: b"postfix/test".to_vec(), stderr_name: None, mail_log, utf8: true, json: None }
    }

    #[test]
    fn records_reach_the_postlog_socket_or_its_fallback() {
        let directory = tempfile::tempdir().unwrap();
        let (socket_path, file_path) = (directory.path().join("postlog"), directory.path().join("log"));
        let fallback = || Some(LogFile::new(file_path.clone(), b"host".to_vec(), 0o640));
        let mut log = destinations(MailLog::Postlog(Postlog::new(socket_path.clone(), b"host".to_vec(), fallback())));
        log.write(Severity::Warning, b"first");
        let server = UnixDatagram::bind(&socket_path).unwrap();
        log.write(Severity::Info, b"second");
        let mut buffer = [0; 4096];
        let length = server.recv(&mut buffer).unwrap();
        let record = String::from_utf8_lossy(&buffer[..length]).into_owned();
        assert!(record.contains(" host postfix/test["), "{record}");
        assert!(record.ends_with("]: second"), "{record}");
        let file = std::fs::read_to_string(&file_path).unwrap();
        assert!(file.ends_with("]: warning: first\n"), "{file}");
        assert_eq!(std::fs::metadata(&file_path).unwrap().permissions().mode() & 0o777, 0o640);
    }
}
