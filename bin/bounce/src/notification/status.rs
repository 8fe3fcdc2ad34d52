//! The delivery status report (RFC 3464; qmgr-bounce §11.3, §11.4).

use queue::status_log::LogEntry;
use text::date::header_date;

use super::{Notification, Output, begin_part, wrap};
use crate::template::Class;

/// Writes the second part.
pub fn write_part(notification: &Notification<'_>, boundary: &[u8], out: &mut impl Output) {
    let subject = notification.subject;
    let (content_type, encoding): (&[u8], _) = if subject.wants_utf8() {
        (b"message/global-delivery-status", subject.encoding_worth_naming())
    } else {
        (b"message/delivery-status", None)
    };
    begin_part(boundary, "Delivery report", &[content_type], encoding, out);
    write_message_fields(notification, out);
    for entry in notification.report.recipients() {
        out.line(&[]);
        write_recipient_fields(notification, entry, out);
    }
}

fn write_message_fields(notification: &Notification<'_>, out: &mut impl Output) {
    let (system, subject) = (notification.system, notification.subject);
    let name = system.header_name();
    out.line(&[b"Reporting-MTA: dns; ", &system.myhostname]);
    if !subject.envelope_id.is_empty() {
        out.line(&[b"Original-Envelope-Id: ", subject.envelope_id]);
    }
    out.line(&[b"X-", &name, b"-Queue-ID: ", subject.queue_id.as_ref()]);
    if let Some(sender) = subject.sender {
        out.line(&[b"X-", &name, b"-Sender: ", subject.address_type(sender), b"; ", sender]);
    }
    if let Some(arrival) = subject.arrival {
        out.line(&[b"Arrival-Date: ", header_date(arrival).as_bytes()]);
    }
}

fn write_recipient_fields(notification: &Notification<'_>, entry: &LogEntry, out: &mut impl Output) {
    let subject = notification.subject;
    let class = notification.template.class;
    let address = |name: &str, address: &[u8], out: &mut _| {
        Output::line(out, &[name.as_bytes(), b": ", subject.address_type(address), b"; ", address]);
    };
    address("Final-Recipient", &entry.recipient, out);
    if !entry.dsn_original_recipient.is_empty() {
        out.line(&[b"Original-Recipient: ", &entry.dsn_original_recipient]);
    } else if !entry.original_recipient.is_empty() {
        address("Original-Recipient", &entry.original_recipient, out);
    }
    let action: &[u8] = if class == Class::Failure { b"failed" } else { &entry.action };
    out.line(&[b"Action: ", action]);
    out.line(&[b"Status: ", &entry.status]);
    if !entry.mta_type.is_empty() && !entry.mta_name.is_empty() {
        wrap::write(&[b"Remote-MTA: ", entry.mta_type.as_slice(), b"; ", &entry.mta_name].concat(), out);
    }
    wrap::write(&diagnostic(notification, entry), out);
    if class == Class::Delay
        && let Some(end) = subject.arrival.and_then(|arrival| arrival.checked_add(notification.system.lifetime))
    {
        out.line(&[b"Will-Retry-Until: ", header_date(end).as_bytes()]);
    }
}

fn diagnostic(notification: &Notification<'_>, entry: &LogEntry) -> Vec<u8> {
    if entry.diagnostic_type.is_empty() || entry.diagnostic_text.is_empty() {
        let name = notification.system.header_name();
        return [b"Diagnostic-Code: X-", name.as_slice(), b"; ", &entry.reason].concat();
    }
    [b"Diagnostic-Code: ", entry.diagnostic_type.as_slice(), b"; ", &entry.diagnostic_text].concat()
}
