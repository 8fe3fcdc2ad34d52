//! Writes the log files that `maillog_file` (master-ipc §14.3) and `maillog_json_file` name.
//!
//! Each datagram is a finished record, or an event as JSON. This daemon appends it and a line end, with one write. It opens the files before it
//! gives up its rights, and does nothing else, so nothing that other programs log can make it do harm.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bstr::ByteSlice;
use config::{Key, Str, params};
use logging::{fatal, log_file};
use server::{Context, Daemon, DatagramService, Demand};

fn main() {
    server::datagram::<Postlogd>(&Daemon {
        program: "postlogd",
        demand: Demand::OneProcess,
        use_limit: false,
        idle_limit: true,
        watchdog: params::POSTLOGD_WATCHDOG_TIMEOUT,
        takes_arguments: false,
    })
}

/// Where records go.
enum Records {
    File(LogFile),
    /// `maillog_file` is empty by now: clients that do not know it yet still send records here.
    Syslog,
}

struct Postlogd {
    records: Records,
    /// `maillog_json_file`, if it is set.
    events: Option<LogFile>,
}

/// An open file, and the parameter that names it.
struct LogFile {
    file: File,
    name: Key<Str>,
}

impl LogFile {
    /// Opens a file; nothing if the parameter is empty.
    fn open(name: Key<Str>, context: &Context) -> Option<Self> {
        let path = context.config.get(name);
        if path.is_empty() {
            return None;
        }
        let path = Path::new(OsStr::from_bytes(path));
        match log_file::open(path, log_file::permissions(&context.config)) {
            Ok(file) => Some(LogFile { file, name }),
            Err(why) => fatal!("open logfile '{}': {why}", path.display()),
        }
    }

    fn append(&mut self, record: &[u8], context: &Context) {
        if let Err(why) = log_file::write_line(&mut self.file, record) {
            fatal!("logfile '{}' write error: {why}", text::show(context.config.get(self.name)));
        }
    }
}

impl DatagramService for Postlogd {
    fn open(context: &Context) -> Self {
        Self {
            records: LogFile::open(params::MAILLOG_FILE, context).map_or(Records::Syslog, Records::File),
            events: LogFile::open(params::MAILLOG_JSON_FILE, context),
        }
    }

    fn take(&mut self, datagram: &[u8], context: &Context) {
        // A record begins with a month.
        if datagram.starts_with(b"{") {
            match &mut self.events {
                Some(events) => events.append(datagram, context),
                // The sender does not know yet that nobody wants events any more.
                None => log::debug!("no maillog_json_file for an event"),
            }
            return;
        }
        match &mut self.records {
            Records::File(file) => file.append(datagram, context),
            Records::Syslog => match split_record(datagram) {
                Some((tag, text)) => {
                    logging::tag(tag);
                    log::info!("{}", text::show(text));
                }
                None => log::info!("{}", text::show(datagram)),
            },
        }
    }
}

/// Takes `<month> <day> <time> <host> <tag>[<pid>]: <text>` apart: tag with process ID, and text.
fn split_record(record: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut rest = record;
    for _ in 0..4 {
        let end = rest.iter().position(|byte| *byte == b' ')?;
        rest = &rest[end + 1..];
    }
    let (tag, text) = rest.split_once_str(": ")?;
    tag.contains(&b'[').then_some((tag, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_apart() {
        let record = b"Nov 05 07:08:09 mail postfix/qmgr[812]: warning: connect: no";
        assert_eq!(split_record(record), Some((&b"postfix/qmgr[812]"[..], &b"warning: connect: no"[..])));
        assert_eq!(split_record(b"short"), None);
    }
}
