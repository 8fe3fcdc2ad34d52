//! What the postmaster hears about a session that went wrong (smtpd §12).

use std::time::SystemTime;

use bstr::{BString, ByteSlice};
use config::{Config, params};
use post::{Class as MailClass, NoticeClass, Posting, internal_flags};
use queue::RecordType;
use smtp_protocol::server::reply::Class;
use text::address::quote;

use crate::site::Site;

/// The widest line of a notice, and how far the rest of a longer one is indented.
const WIDTH: usize = 78;
const INDENT: usize = 4;

/// The lines of a session, and what its errors were about. Nothing is kept when `notify_classes` is empty.
#[derive(Debug)]
pub struct Transcript {
    kept: bool,
    lines: Vec<BString>,
    noted: Vec<Class>,
}

impl Transcript {
    /// Nothing was said yet.
    pub fn new(config: &Config) -> Self {
        let kept = !config.get(params::NOTIFY_CLASSES).is_empty();
        Self { kept, lines: Vec::new(), noted: Vec::new() }
    }

    /// The client said something.
    pub fn heard(&mut self, line: &[u8]) {
        self.add(b"In:  ", line);
    }

    /// The server said something.
    pub fn sent(&mut self, line: &[u8]) {
        self.add(b"Out: ", line);
    }

    fn add(&mut self, label: &[u8], line: &[u8]) {
        if self.kept {
            self.lines.push([label, line].concat().into());
        }
    }

    /// An error was about this.
    pub fn note(&mut self, class: Class) {
        if !self.noted.contains(&class) {
            self.noted.push(class);
        }
    }

    /// A message was accepted: errors before it do not count.
    pub fn forgive(&mut self) {
        self.noted.clear();
    }

    /// Forgets all, and tells the postmaster if he wants to know; unless there are no more than `threshold` lines.
    pub fn flush(&mut self, threshold: usize, site: &Site, config: &Config, client: &[u8], reason: Option<&str>) {
        if self.lines.len() <= threshold {
            return;
        }
        let lines = std::mem::take(&mut self.lines);
        let noted = std::mem::take(&mut self.noted);
        let wanted = noted.iter().any(|class| site.notify.contains(notice_class(*class)));
        if wanted && !site.stand_alone {
            send(config, noted.contains(&Class::Bounce), &body(config, client, &lines, reason));
        }
    }
}

fn notice_class(class: Class) -> NoticeClass {
    match class {
        Class::Bounce => NoticeClass::Bounce,
        Class::Data => NoticeClass::Data,
        Class::Policy => NoticeClass::Policy,
        Class::Protocol => NoticeClass::Protocol,
        Class::Resource => NoticeClass::Resource,
        Class::Software => NoticeClass::Software,
    }
}

/// The lines of a notice behind From: and To:.
fn body(config: &Config, client: &[u8], transcript: &[BString], reason: Option<&str>) -> Vec<BString> {
    let name = config.get(params::MAIL_NAME);
    let mut lines: Vec<BString> = vec![
        [b"Subject: ", name.as_bytes(), b" SMTP server: errors from ", client].concat().into(),
        "".into(),
        "Transcript of session follows.".into(),
        "".into(),
    ];
    for line in transcript {
        fold(&text::printable(line, config.get(params::SMTPUTF8_ENABLE)), &mut lines);
    }
    lines.push("".into());
    if let Some(reason) = reason {
        lines.push(format!("Session aborted, reason: {reason}").into());
    }
    lines.extend(["".into(), "For other details, see the local mail logfile".into()]);
    lines
}

/// Indents a line, and breaks it where it is too wide.
fn fold(line: &[u8], lines: &mut Vec<BString>) {
    let mut text = [b" ", line].concat();
    while text.len() > WIDTH {
        let at = text[..WIDTH].rfind_byte(b' ').filter(|at| *at > INDENT).unwrap_or(WIDTH);
        let rest = text.split_off(at);
        lines.push(std::mem::take(&mut text).into());
        text = [" ".repeat(INDENT).as_bytes(), text::space::trim_start(&rest)].concat();
    }
    lines.push(text.into());
}

/// Posts a notice. The session goes on whatever becomes of it.
fn send(config: &Config, about_bounce: bool, body: &[BString]) {
    let key = if about_bounce { params::BOUNCE_NOTICE_RECIPIENT } else { params::ERROR_NOTICE_RECIPIENT };
    let (sender, recipient) = (config.get(params::DOUBLE_BOUNCE_SENDER), config.get(key));
    let mut posting = match Posting::open(config, internal_flags(config, MailClass::Notify)) {
        Ok(posting) => posting,
        Err(error) => return log::warn!("postmaster notify: {error}"),
    };
    posting.envelope_time(SystemTime::now());
    posting.attribute(queue::attribute::REWRITE_CONTEXT, b"local");
    posting.put(RecordType::SENDER, sender);
    posting.put(RecordType::RECIPIENT, recipient);
    posting.put(RecordType::MESSAGE, b"");
    let received = format!(
        "Received: by {} ({})\n\tid {}; {}",
        config.get(params::MYHOSTNAME),
        config.get(params::MAIL_NAME),
        posting.queue_id(),
        text::date::header_date(SystemTime::now())
    );
    for line in received.lines() {
        posting.text(line.as_bytes());
    }
    for line in heads(config, recipient) {
        posting.text(&line);
    }
    for line in body {
        posting.text(line);
    }
    posting.put(RecordType::EXTRACTED, b"");
    posting.put(RecordType::END, b"");
    let reply = posting.finish();
    if reply.status != 0 {
        log::warn!("postmaster notify: {}", ipc::cleanup::status::describe(reply.status).text);
    }
}

/// From: and To:.
fn heads(config: &Config, recipient: &[u8]) -> [Vec<u8>; 2] {
    let from = b"MAILER-DAEMON".as_slice();
    let to = quote(recipient);
    match config.get(params::HEADER_FROM_FORMAT).eq_ignore_ascii_case(b"obsolete") {
        true => [
            [b"From: ", from, b" (Mail Delivery System)"].concat(),
            [b"To: ", to.as_slice(), b" (Postmaster)"].concat(),
        ],
        false => [
            [b"From: Mail Delivery System <", from, b">"].concat(),
            [b"To: Postmaster <", to.as_slice(), b">"].concat(),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken() {
        let mut lines = Vec::new();
        fold(b"Out: 250 Ok", &mut lines);
        assert_eq!(lines, [" Out: 250 Ok"]);
        lines.clear();
        fold(&[b"In:  ", "word ".repeat(20).as_bytes()].concat(), &mut lines);
        assert!(lines.len() > 1 && lines.iter().all(|line| line.len() <= WIDTH));
        assert!(lines[1].starts_with(b"    word"));
        lines.clear();
        fold(&b"x".repeat(200), &mut lines);
        assert!(lines.iter().all(|line| line.len() <= WIDTH));
    }

    #[test]
    fn a_notice_has_its_reason() {
        let lines = body(&Config::for_tests(&[]), b"h[1.2.3.4]", &["In:  X".into()], Some("timeout"));
        let text = bstr::join("\n", &lines);
        assert!(text.ends_with(
            b"follows.\n\n In:  X\n\nSession aborted, reason: timeout\n\nFor other details, see the local mail logfile"
        ));
    }
}
