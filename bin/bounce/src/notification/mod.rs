//! The text of a notification (qmgr-bounce §11.3, §11.4), without I/O: facts in, lines out.
//!
//! A notification is `multipart/report` with three parts: a text for people, a delivery status report for programs, and the
//! message that it is about. [`write_report`] makes everything up to the content of the third part, [`write_end`] what comes
//! after it; the content itself is copied in between ([`crate::original`]).

mod status;
#[cfg(test)]
pub mod tests;
mod wrap;

use std::time::{Duration, SystemTime};

use bstr::{BStr, BString};
use ipc::delivery::utf8;
use post::Posting;
use queue::status_log::LogEntry;
use queue::{QueueId, RecordType};

use crate::template::{Class, Template};

/// Where the lines of a message go.
pub trait Output {
    /// Takes one record of content.
    fn put(&mut self, record_type: RecordType, payload: &[u8]);

    /// Takes one line.
    fn line(&mut self, parts: &[&[u8]]) {
        self.put(RecordType::TEXT, &parts.concat());
    }
}

impl Output for Posting {
    fn put(&mut self, record_type: RecordType, payload: &[u8]) {
        Posting::put(self, record_type, payload);
    }
}

/// `Content-Transfer-Encoding` of text that is not encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// ASCII only.
    SevenBit,
    /// Any bytes.
    EightBit,
}

impl Encoding {
    fn name(self) -> &'static str {
        match self {
            Encoding::SevenBit => "7bit",
            Encoding::EightBit => "8bit",
        }
    }

    /// The encoding that the client declared. Empty: none; `Err` is the text of the warning.
    ///
    /// # Errors
    /// The name of something else.
    pub fn parse(queue_id: &QueueId, name: &[u8]) -> Result<Option<Encoding>, String> {
        match name {
            b"" => Ok(None),
            b"7bit" => Ok(Some(Encoding::SevenBit)),
            b"8bit" => Ok(Some(Encoding::EightBit)),
            _ => Err(format!("{queue_id}: unknown encoding: {}", text::show(name))),
        }
    }
}

/// What is known about this mail system.
#[derive(Clone, Debug)]
pub struct System {
    /// `myhostname`
    pub myhostname: BString,
    /// `mail_name`
    pub mail_name: BString,
    /// `maximal_queue_lifetime`
    pub lifetime: Duration,
}

impl System {
    /// The mail system's name as part of a header's name.
    fn header_name(&self) -> BString {
        let special = |byte: u8| byte.is_ascii_whitespace() || b"()<>@,;:\\\".[]".contains(&byte);
        self.mail_name.iter().map(|&byte| if special(byte) { b'-' } else { byte }).collect::<Vec<u8>>().into()
    }
}

/// What is known about the message that a notification is about.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// Its ID.
    pub queue_id: &'a QueueId,
    /// The encoding of its content, if known.
    pub encoding: Option<Encoding>,
    /// SMTPUTF8 bits of the request ([`ipc::delivery::utf8`]).
    pub smtputf8: i32,
    /// DSN envelope ID; may be empty.
    pub envelope_id: &'a BStr,
    /// Its envelope sender as in a header, if known.
    pub sender: Option<&'a BStr>,
    /// When it arrived, if known.
    pub arrival: Option<SystemTime>,
    /// Its `Message-ID:`, if notifications shall be in one thread with it.
    pub message_id: Option<&'a BStr>,
    /// Whether the message itself is there.
    pub is_available: bool,
    /// Whether it said that it may travel without TLS, as the notification then says too.
    pub tls_not_required: bool,
}

impl Subject<'_> {
    fn wants_utf8(&self) -> bool {
        self.smtputf8 & utf8::REQUESTED != 0
    }

    /// `rfc822`, or `utf-8` where that is needed and allowed.
    fn address_type(&self, address: &[u8]) -> &'static [u8] {
        let is_utf8 = self.smtputf8 & utf8::ANY != 0 && !address.is_ascii() && std::str::from_utf8(address).is_ok();
        if is_utf8 { b"utf-8" } else { b"rfc822" }
    }

    /// The encoding to name where 7bit goes without saying.
    fn encoding_worth_naming(&self) -> Option<&'static str> {
        self.encoding.filter(|encoding| *encoding != Encoding::SevenBit).map(Encoding::name)
    }
}

/// What the recipients' statuses are known from.
#[derive(Clone, Copy, Debug)]
pub enum Report<'a> {
    /// The recipients that this notification is about.
    Recipients(&'a [&'a LogEntry]),
    /// There is no log any more.
    Unavailable,
}

impl<'a> Report<'a> {
    fn recipients(self) -> &'a [&'a LogEntry] {
        match self {
            Report::Recipients(entries) => entries,
            Report::Unavailable => &[],
        }
    }
}

/// One notification.
#[derive(Debug)]
pub struct Notification<'a> {
    /// The mail system.
    pub system: &'a System,
    /// The message that it is about.
    pub subject: &'a Subject<'a>,
    /// The template.
    pub template: &'a Template,
    /// The template's message text with its values; `None` in what the postmaster gets.
    pub text: Option<&'a [BString]>,
    /// Who gets it: an envelope address.
    pub recipient: &'a BStr,
    /// What happened.
    pub report: Report<'a>,
    /// Whether only the headers of the message come with it.
    pub headers_only: bool,
    /// When it is made.
    pub now: SystemTime,
}

impl Notification<'_> {
    fn is_postmaster_form(&self) -> bool {
        self.text.is_none()
    }

    fn boundary(&self) -> BString {
        let seconds = text::date::to_seconds(self.now);
        let mut boundary = BString::from(format!("{}.{seconds}/", self.subject.queue_id));
        boundary.extend_from_slice(&self.system.myhostname);
        boundary
    }
}

/// Writes all lines in front of the content of the message that the notification is about.
pub fn write_report(notification: &Notification<'_>, out: &mut impl Output) {
    let boundary = notification.boundary();
    write_headers(notification, &boundary, out);
    write_text_part(notification, &boundary, out);
    status::write_part(notification, &boundary, out);
    write_original_head(notification, &boundary, out);
}

/// Writes what follows the content of the message. When there is no content, nothing does.
pub fn write_end(notification: &Notification<'_>, out: &mut impl Output) {
    if notification.subject.is_available {
        out.line(&[]);
        out.line(&[b"--", &notification.boundary(), b"--"]);
    }
}

fn write_headers(notification: &Notification<'_>, boundary: &[u8], out: &mut impl Output) {
    let Notification { subject, template, .. } = notification;
    let postmaster = notification.is_postmaster_form();
    out.line(&[b"From: ", &template.from]);
    out.line(&[b"Subject: ", template.subject(postmaster)]);
    out.line(&[b"To: ", &text::address::quote(notification.recipient)]);
    if let Some(message_id) = subject.message_id {
        out.line(&[b"References: ", message_id]);
        out.line(&[b"In-Reply-To: ", message_id]);
    }
    if subject.tls_not_required {
        out.line(&[b"TLS-Required: no"]);
    }
    out.line(&[b"Auto-Submitted: ", if postmaster { b"auto-generated" } else { b"auto-replied" }]);
    out.line(&[b"MIME-Version: 1.0"]);
    out.line(&[b"Content-Type: multipart/report; report-type=delivery-status;"]);
    out.line(&[b"\tboundary=\"", boundary, b"\""]);
    match subject.encoding {
        None => {}
        Some(Encoding::SevenBit) => write_encoding(Some(template.encoding()), out),
        Some(Encoding::EightBit) => write_encoding(Some("8bit"), out),
    }
    out.line(&[]);
    out.line(&[b"This is a MIME-encapsulated message."]);
}

fn write_encoding(encoding: Option<&str>, out: &mut impl Output) {
    if let Some(encoding) = encoding {
        out.line(&[b"Content-Transfer-Encoding: ", encoding.as_bytes()]);
    }
}

fn begin_part(
    boundary: &[u8],
    description: &str,
    content_type: &[&[u8]],
    encoding: Option<&str>,
    out: &mut impl Output,
) {
    out.line(&[]);
    out.line(&[b"--", boundary]);
    out.line(&[b"Content-Description: ", description.as_bytes()]);
    out.line(&[b"Content-Type: ", &content_type.concat()]);
    write_encoding(encoding, out);
    out.line(&[]);
}

fn write_text_part(notification: &Notification<'_>, boundary: &[u8], out: &mut impl Output) {
    let Notification { subject, template, .. } = notification;
    let encoding = subject.encoding_worth_naming();
    let charset = match encoding {
        _ if !template.charset.eq_ignore_ascii_case(b"us-ascii") => template.charset.as_slice(),
        Some(_) => b"utf-8",
        None => b"us-ascii",
    };
    begin_part(boundary, "Notification", &[b"text/plain; charset=", charset], encoding, out);
    for line in notification.text.unwrap_or_default() {
        out.line(&[line]);
    }
    match notification.report {
        Report::Recipients(entries) => entries.iter().for_each(|entry| write_reason(entry, out)),
        Report::Unavailable => {
            out.line(&[]);
            out.line(&[b"\t--- Delivery report unavailable ---"]);
        }
    }
}

fn write_reason(entry: &LogEntry, out: &mut impl Output) {
    out.line(&[]);
    let mut reason = [b"<", entry.recipient.as_slice(), b">"].concat();
    if !entry.original_recipient.is_empty() {
        reason.extend([b" (expanded from <", entry.original_recipient.as_slice(), b">)"].concat());
    }
    reason.extend_from_slice(b": ");
    reason.extend_from_slice(&entry.reason);
    wrap::write(&reason, out);
}

fn write_original_head(notification: &Notification<'_>, boundary: &[u8], out: &mut impl Output) {
    let Notification { subject, headers_only, .. } = notification;
    let what = match notification.template.class {
        Class::Failure | Class::Delay => "Undelivered Message",
        Class::Success | Class::Verify => "Message",
    };
    let description = if *headers_only { format!("{what} Headers") } else { what.to_owned() };
    let content_type: &[u8] = match (subject.wants_utf8(), headers_only) {
        (false, false) => b"message/rfc822",
        (false, true) => b"text/rfc822-headers",
        (true, false) => b"message/global",
        (true, true) => b"message/global-headers",
    };
    begin_part(boundary, &description, &[content_type], subject.encoding_worth_naming(), out);
    if subject.is_available {
        out.line(&[b"Return-Path: <", subject.sender.unwrap_or_default(), b">"]);
    } else {
        out.line(&[b"\t--- Undelivered message unavailable ---"]);
    }
}
