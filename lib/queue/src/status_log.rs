//! The logs in `defer`, `bounce` and `trace` that say what became of each recipient (qmgr-bounce §10.2).

use std::io::{self, BufRead};

use bstr::{BString, ByteSlice};

use crate::QueueDir;

/// What stands for the null address.
const NULL_ADDRESS: &str = "(MAILER-DAEMON)";

/// What a log says about one recipient. Addresses are quoted as in message headers.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct LogEntry {
    /// Recipient.
    pub recipient: BString,
    /// What it was before rewriting; empty when it was the same.
    pub original_recipient: BString,
    /// Offset in bytes of its record in the queue file; 0 when there is none.
    pub offset: u64,
    /// DSN original recipient, `type;address`; empty when unknown.
    pub dsn_original_recipient: BString,
    /// DSN NOTIFY bits; 0 when none were given.
    pub notify: u32,
    /// Enhanced status code.
    pub status: BString,
    /// `failed`, `delayed`, `delivered` and so on.
    pub action: BString,
    /// Type of the diagnostic text; empty when there is none.
    pub diagnostic_type: BString,
    /// Diagnostic text.
    pub diagnostic_text: BString,
    /// Type of the name of the remote server; empty when there is none.
    pub mta_type: BString,
    /// Name of the remote server.
    pub mta_name: BString,
    /// Why, for people: one line.
    pub reason: BString,
}

impl LogEntry {
    /// The entry as text, with the empty lines around it. With `old_style`
    /// (`backwards_bounce_logfile_compatibility`) it begins with a line that very old programs can read.
    pub fn to_text(&self, old_style: bool) -> Vec<u8> {
        let mut text = b"\n".to_vec();
        let mut line = |parts: [&[u8]; 4]| {
            text.extend_from_slice(&parts.concat());
            text.push(b'\n');
        };
        if old_style {
            line([b"<", &self.recipient, b">: ", &self.reason]);
        }
        let null = b"<>".as_bstr();
        line([b"recipient=", if self.recipient.is_empty() { null } else { self.recipient.as_bstr() }, b"", b""]);
        if !self.original_recipient.is_empty() && !self.original_recipient.eq_ignore_ascii_case(&self.recipient) {
            line([b"original_recipient=", &self.original_recipient, b"", b""]);
        }
        let mut field = |name: &str, value: &[u8]| {
            if !value.is_empty() {
                line([name.as_bytes(), b"=", value, b""]);
            }
        };
        let number = |number: u64| if number > 0 { number.to_string() } else { String::new() };
        field("offset", number(self.offset).as_bytes());
        field("dsn_orig_rcpt", &self.dsn_original_recipient);
        field("notify_flags", number(self.notify.into()).as_bytes());
        field("status", &self.status);
        field("action", &self.action);
        for (kind, kind_value, name, value) in [
            ("diag_type", &self.diagnostic_type, "diag_text", &self.diagnostic_text),
            ("mta_type", &self.mta_type, "mta_mname", &self.mta_name),
        ] {
            if !kind_value.is_empty() && !value.is_empty() {
                field(kind, kind_value);
                field(name, value);
            }
        }
        field("reason", &self.reason);
        text.push(b'\n');
        text
    }

    fn with_defaults(dir: QueueDir) -> LogEntry {
        let (status, action) = if dir == QueueDir::Defer { ("4.0.0", "delayed") } else { ("5.0.0", "failed") };
        LogEntry {
            recipient: "(recipient address unavailable)".into(),
            status: status.into(),
            action: action.into(),
            reason: "(description unavailable)".into(),
            ..LogEntry::default()
        }
    }
}

/// Reads the entries of a log. Lines that make no sense are logged and left out.
#[derive(Debug)]
pub struct LogReader<R> {
    input: R,
    name: String,
    dir: QueueDir,
    utf8: bool,
}

impl<R: BufRead> LogReader<R> {
    /// `name` is the path, for messages; `dir` decides the defaults; `utf8` (`smtputf8_enable`) lets UTF-8 text pass.
    pub fn new(input: R, name: impl Into<String>, dir: QueueDir, utf8: bool) -> LogReader<R> {
        LogReader { input, name: name.into(), dir, utf8 }
    }

    /// The next entry; `None` at the end. An entry that the end of the file cuts off is dropped: it is still being
    /// written.
    pub fn next_entry(&mut self) -> io::Result<Option<LogEntry>> {
        let mut entry = LogEntry::with_defaults(self.dir);
        let mut has_content = false;
        while let Some(line) = self.next_line()? {
            if line.is_empty() {
                if has_content {
                    return Ok(Some(entry));
                }
                continue;
            }
            has_content = true;
            self.take_line(&mut entry, &text::printable(&line, self.utf8));
        }
        Ok(None)
    }

    fn next_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        if self.input.read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        if line.ends_with(b"\n") {
            line.pop();
        }
        Ok(Some(line))
    }

    fn take_line(&self, entry: &mut LogEntry, line: &[u8]) {
        if let Some((recipient, reason)) = split_old_style(line) {
            entry.recipient = address(recipient);
            entry.reason = reason.into();
        } else if line.first().is_some_and(u8::is_ascii_alphanumeric) {
            match text::split_name_value(line) {
                Ok((name, value)) => self.take_attribute(entry, name, value),
                Err(error) => log::warn!("{}: malformed record: {error}", self.name),
            }
        } else {
            log::warn!("{}: malformed record: {}...", self.name, text::show(&line[..line.len().min(30)]));
        }
    }

    fn take_attribute(&self, entry: &mut LogEntry, name: &[u8], value: &[u8]) {
        let place = match name {
            b"recipient" => return entry.recipient = address(value),
            b"original_recipient" => return entry.original_recipient = address(value),
            b"offset" => return entry.offset = number(value).unwrap_or(0),
            b"notify_flags" => {
                entry.notify = number(value).filter(|&flags| is_notify(flags)).unwrap_or(0) as u32;
                return;
            }
            b"dsn_orig_rcpt" => &mut entry.dsn_original_recipient,
            b"status" => &mut entry.status,
            b"action" => &mut entry.action,
            b"diag_type" => &mut entry.diagnostic_type,
            b"diag_text" => &mut entry.diagnostic_text,
            b"mta_type" => &mut entry.mta_type,
            b"mta_mname" => &mut entry.mta_name,
            b"reason" => &mut entry.reason,
            _ => return log::warn!("{}: unknown attribute name: {}, ignored", self.name, text::show(name)),
        };
        *place = value.into();
    }
}

/// Recipient and reason of `<recipient>: reason`.
fn split_old_style(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (recipient, reason) = line.strip_prefix(b"<")?.split_once_str(">: ")?;
    Some((recipient, text::space::trim_start(reason)))
}

/// NEVER alone, or any of SUCCESS, FAILURE and DELAY.
fn is_notify(flags: u64) -> bool {
    flags == 1 || (flags & !0xe == 0)
}

fn number(text: &[u8]) -> Option<u64> {
    text.to_str().ok()?.parse().ok()
}

fn address(text: &[u8]) -> BString {
    if text.is_empty() { NULL_ADDRESS.into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &[u8]) -> Vec<LogEntry> {
        let mut reader = LogReader::new(text, "defer/1", QueueDir::Defer, true);
        let mut entries = Vec::new();
        while let Some(entry) = reader.next_entry().unwrap() {
            entries.push(entry);
        }
        entries
    }

    fn entry() -> LogEntry {
        LogEntry {
            recipient: "bob@example.com".into(),
            offset: 625,
            dsn_original_recipient: "rfc822;bob@example.com".into(),
            status: "4.4.1".into(),
            action: "delayed".into(),
            reason: "connect to mx.example.com[192.0.2.7]:25: Connection refused".into(),
            ..LogEntry::default()
        }
    }

    #[test]
    fn an_entry_as_text_and_back() {
        let text = entry().to_text(true);
        let expected = "\n<bob@example.com>: connect to mx.example.com[192.0.2.7]:25: Connection refused\n\
                        recipient=bob@example.com\noffset=625\ndsn_orig_rcpt=rfc822;bob@example.com\nstatus=4.4.1\n\
                        action=delayed\nreason=connect to mx.example.com[192.0.2.7]:25: Connection refused\n\n";
        assert_eq!(text.as_bstr(), expected);
        assert_eq!(read(&[text, entry().to_text(false)].concat()), [entry(), entry()]);
    }

    #[test]
    fn old_and_broken_entries() {
        let entries = read(b"\n<>: try  later\n\nreason = x\n  junk\nwhat=1\n\nrecipient=cut off\n");
        assert_eq!(entries.len(), 2);
        assert_eq!((&entries[0].recipient[..], &entries[0].reason[..]), (&b"(MAILER-DAEMON)"[..], &b"try  later"[..]));
        assert_eq!(entries[0].status, "4.0.0");
        assert_eq!(entries[1].recipient, "(recipient address unavailable)");
        assert_eq!(entries[1].reason, "x");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(text: Vec<u8>) {
            read(&text);
        }
    }
}
