//! Writes the log file that `maillog_file` names (master-ipc §14.3).
//!
//! Each datagram is a finished record. This daemon appends it and a line end, with one write. It opens the file before it gives up
//! its rights, and does nothing else, so nothing that other programs log can make it do harm.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bstr::ByteSlice;
use config::params;
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
enum Postlogd {
    File(File),
    /// `maillog_file` is empty by now: clients that do not know it yet still send records here.
    Syslog,
}

impl DatagramService for Postlogd {
    fn open(context: &Context) -> Self {
        let name = context.config.get(params::MAILLOG_FILE);
        if name.is_empty() {
            return Self::Syslog;
        }
        let path = Path::new(OsStr::from_bytes(name));
        match log_file::open(path, log_file::permissions(&context.config)) {
            Ok(file) => Self::File(file),
            Err(why) => fatal!("open logfile '{}': {why}", path.display()),
        }
    }

    fn take(&mut self, datagram: &[u8], context: &Context) {
        match self {
            Self::File(file) => {
                if let Err(why) = log_file::write_line(file, datagram) {
                    let name = text::show(context.config.get(params::MAILLOG_FILE));
                    fatal!("logfile '{name}' write error: {why}");
                }
            }
            Self::Syslog => match split_record(datagram) {
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
