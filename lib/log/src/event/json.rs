//! Events as JSON, one object on a line, for programs that read the log (`maillog_json_file`).

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use text::json::string;

use super::Event;

/// What the reader of the socket takes, in bytes.
const LONGEST: usize = 4096;
/// How much of each text there is in an object that would be longer, in bytes.
const CUT: usize = 250;

/// The parts of an event, by name. What an event does not have is left out.
#[derive(Debug)]
pub struct Parts {
    object: String,
    limit: usize,
}

impl Parts {
    fn add(&mut self, name: &str, value: &str) {
        // A string takes whatever is written to it.
        let _ = write!(self.object, ", \"{name}\": {value}");
    }

    /// A text.
    pub fn text(&mut self, name: &str, value: &[u8]) {
        let value = &value[..value.len().min(self.limit)];
        self.add(name, &string(value));
    }

    /// A text that an event may be without.
    pub fn optional(&mut self, name: &str, value: Option<&[u8]>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    /// A number.
    pub fn number(&mut self, name: &str, value: i64) {
        self.add(name, &value.to_string());
    }

    /// Yes or no.
    pub fn flag(&mut self, name: &str, value: bool) {
        self.add(name, if value { "true" } else { "false" });
    }

    /// A time span, in seconds.
    pub fn seconds(&mut self, name: &str, value: Duration) {
        self.add(name, &seconds(value));
    }

    /// Several time spans, in seconds.
    pub fn all_seconds(&mut self, name: &str, values: &[Duration]) {
        let values: Vec<String> = values.iter().map(|value| seconds(*value)).collect();
        self.add(name, &format!("[{}]", values.join(", ")));
    }
}

fn seconds(value: Duration) -> String {
    format!("{}.{:06}", value.as_secs(), value.subsec_micros())
}

/// The line of an event: when, where, who, what, and its parts.
pub(crate) fn object(event: &impl Event, host: &[u8], tag: &[u8]) -> String {
    let whole = build(event, host, tag, usize::MAX);
    if whole.len() <= LONGEST { whole } else { build(event, host, tag, CUT) }
}

fn build(event: &impl Event, host: &[u8], tag: &[u8], limit: usize) -> String {
    let (time, host, tag) = (text::date::utc(SystemTime::now()), string(host), string(tag));
    let object = format!(
        "{{\"time\": \"{time}\", \"host\": {host}, \"tag\": {tag}, \"pid\": {}, \"event\": \"{}\"",
        std::process::id(),
        event.name()
    );
    let mut parts = Parts { object, limit };
    event.parts(&mut parts);
    parts.object + "}"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Decision, Removed};

    #[test]
    fn an_object_says_when_where_who_and_what() {
        let line = object(&Removed { queue_id: b"4TQ" }, b"mail", b"postfix/qmgr");
        let pid = std::process::id();
        let end = format!(
            "Z\", \"host\": \"mail\", \"tag\": \"postfix/qmgr\", \"pid\": {pid}, \"event\": \"removed\", \"queue_id\": \"4TQ\"}}"
        );
        assert!(line.starts_with("{\"time\": \"20") && line.ends_with(&end), "{line}");
    }

    #[test]
    fn long_texts_are_cut_so_that_the_reader_takes_them() {
        let decision = Decision {
            queue_id: None,
            action: "reject",
            stage: "RCPT",
            client: b"unknown[192.0.2.9]",
            text: &[b'"'; 3000],
            sender: Some(&[b'a'; 900]),
            recipient: None,
            protocol: "ESMTP",
            helo: None,
        };
        let line = object(&decision, b"mail", b"postfix/smtpd");
        assert!(line.len() < LONGEST && line.ends_with("\"protocol\": \"ESMTP\"}"), "{line}");
        assert!(!line.contains("queue_id") && !line.contains("recipient"), "{line}");
    }
}
