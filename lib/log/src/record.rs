//! One log record: its severity, its text made safe, its forms for each destination.

use std::borrow::Cow;
use std::time::SystemTime;

/// How much text of a record is kept, in bytes.
pub const TEXT_LIMIT: usize = 2000;

/// What a record says about the state of things (config §12.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Ordinary events.
    Info,
    /// Something an administrator should look at.
    Warning,
    /// A request failed; the process goes on.
    Error,
    /// The process cannot go on.
    Fatal,
    /// A bug.
    Panic,
}

impl Severity {
    /// The syslog priority within a facility.
    pub fn priority(self) -> u8 {
        match self {
            Self::Info => 6,
            Self::Warning => 4,
            Self::Error => 3,
            Self::Fatal | Self::Panic => 2,
        }
    }

    /// What stands before the text.
    pub fn label(self) -> &'static str {
        match self {
            Self::Info => "",
            Self::Warning => "warning: ",
            Self::Error => "error: ",
            Self::Fatal => "fatal: ",
            Self::Panic => "panic: ",
        }
    }

    /// Finds a severity by a name that postlog(1) takes, in any case.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_slice() {
            b"info" => Self::Info,
            b"warn" | b"warning" => Self::Warning,
            b"error" | b"err" => Self::Error,
            b"fatal" | b"crit" => Self::Fatal,
            b"panic" => Self::Panic,
            _ => return None,
        })
    }

    /// The severity of a record of the `log` facade. Fatal and panic records are errors with a target of that name.
    pub(crate) fn of(record: &log::Record<'_>) -> Self {
        match (record.level(), record.target()) {
            (log::Level::Error, FATAL_TARGET) => Self::Fatal,
            (log::Level::Error, PANIC_TARGET) => Self::Panic,
            (log::Level::Error, _) => Self::Error,
            (log::Level::Warn, _) => Self::Warning,
            _ => Self::Info,
        }
    }
}

/// The target of fatal records.
pub(crate) const FATAL_TARGET: &str = "fatal";
/// The target of panic records.
pub(crate) const PANIC_TARGET: &str = "panic";

/// A record's text: printable, then cut.
pub(crate) fn safe_text(text: &[u8], utf8: bool) -> Cow<'_, [u8]> {
    match text::printable(text, utf8) {
        Cow::Borrowed(clean) => Cow::Borrowed(&clean[..clean.len().min(TEXT_LIMIT)]),
        Cow::Owned(mut clean) => {
            clean.truncate(TEXT_LIMIT);
            Cow::Owned(clean)
        }
    }
}

/// `tag[pid]: label text`. A tag that has a `[` already stands for another process, and gets no process ID.
pub(crate) fn line(tag: &[u8], severity: Severity, text: &[u8]) -> Vec<u8> {
    let mut line = tag.to_vec();
    if !tag.contains(&b'[') {
        line.extend_from_slice(format!("[{}]", std::process::id()).as_bytes());
    }
    line.extend_from_slice(b": ");
    line.extend_from_slice(severity.label().as_bytes());
    line.extend_from_slice(text);
    line
}

/// A record for standard error: `name: label text` and a line end.
pub(crate) fn stderr_line(name: &[u8], severity: Severity, text: &[u8]) -> Vec<u8> {
    [name, b": ", severity.label().as_bytes(), text, b"\n"].concat()
}

/// A record for a log file: time, host, and [`line`].
pub(crate) fn file_line(host: &[u8], tag: &[u8], severity: Severity, text: &[u8]) -> Vec<u8> {
    let time = text::date::log_file_date(SystemTime::now());
    [time.as_bytes(), b" ", host, b" ", &line(tag, severity, text)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cleaned_and_then_cut() {
        assert_eq!(&*safe_text(b"a\nb", true), b"a?b");
        assert_eq!(safe_text(&[b'x'; 3000], true).len(), TEXT_LIMIT);
        assert_eq!(safe_text(&[7; 3000], true).len(), TEXT_LIMIT);
    }

    #[test]
    fn lines_have_a_process_id_unless_the_tag_has_one() {
        let own = format!("postfix/smtpd[{}]: warning: x", std::process::id());
        assert_eq!(line(b"postfix/smtpd", Severity::Warning, b"x"), own.as_bytes());
        assert_eq!(line(b"postfix/smtpd[5]", Severity::Info, b"x"), b"postfix/smtpd[5]: x");
        assert_eq!(stderr_line(b"postmap", Severity::Fatal, b"no"), b"postmap: fatal: no\n");
    }
}
