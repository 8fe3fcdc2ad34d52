//! A request as records for cleanup.

use std::time::SystemTime;

use bstr::{BString, ByteSlice};
use config::{Config, params};
use post::Posting;
use queue::{RecordType, attribute};
use smtp_protocol::peer::Peer;
use text::address::quote;

/// What a client sent.
#[derive(Debug, Default)]
pub struct Request {
    /// The content, with LF line ends.
    pub content: Vec<u8>,
    /// The sender, as it came.
    pub sender: Vec<u8>,
    /// The recipients.
    pub recipients: Vec<Vec<u8>>,
}

/// The sender, and the delimiters if it asks for VERP: `list-@example.com-@[]`.
///
/// # Errors
/// The reply to delimiters that may not be used.
pub fn verp(sender: &[u8], filter: &[u8]) -> Result<(BString, Option<[u8; 2]>), String> {
    let parts = sender.strip_suffix(b"-@[]").and_then(|rest| {
        let at = rest.rfind_byte(b'@')?;
        let (local, origin) = (&rest[..at], &rest[at + 1..]);
        let (&delimiter, prefix) = local.split_last()?;
        (!prefix.is_empty() && !origin.is_empty()).then_some((prefix, delimiter, origin))
    });
    let Some((prefix, delimiter, origin)) = parts else { return Ok((sender.into(), None)) };
    if !filter.contains(&delimiter) || !filter.contains(&b'=') {
        let (delimiter, filter) = (text::show(&[delimiter]).to_string(), text::show(filter));
        return Err(format!("Invalid VERP delimiters: \"{delimiter}=\". Need two characters from \"{filter}\""));
    }
    Ok(([prefix, b"@", origin].concat().into(), Some([delimiter, b'='])))
}

/// Sends the envelope.
pub fn send_envelope(
    posting: &mut Posting,
    config: &Config,
    peer: &Peer,
    arrival: SystemTime,
    sender: &[u8],
    delimiters: Option<[u8; 2]>,
    recipients: &[Vec<u8>],
) {
    posting.envelope_time(arrival);
    let filter = config.get(params::CONTENT_FILTER);
    if !filter.is_empty() {
        posting.put(RecordType::FILTER, filter);
    }
    posting.put(RecordType::SENDER, sender);
    if let Some(delimiters) = delimiters {
        posting.put(RecordType::VERP, &delimiters);
    }
    let family = peer.family.to_string();
    let attributes: [(&str, &[u8]); 10] = [
        (attribute::LOG_CLIENT_NAME, &peer.name),
        (attribute::LOG_CLIENT_ADDRESS, &peer.rfc_address),
        (attribute::LOG_CLIENT_PORT, &peer.port),
        (attribute::LOG_MESSAGE_ORIGIN, &peer.namaddr),
        (attribute::LOG_PROTOCOL_NAME, b"QMQP"),
        (attribute::CLIENT_NAME, &peer.name),
        (attribute::CLIENT_ADDRESS, &peer.address),
        (attribute::CLIENT_PORT, &peer.port),
        (attribute::CLIENT_ADDRESS_TYPE, family.as_bytes()),
        (attribute::PROTOCOL_NAME, b"QMQP"),
    ];
    for (name, value) in attributes {
        posting.attribute(name, value);
    }
    for recipient in recipients {
        posting.put(RecordType::RECIPIENT, recipient);
    }
    posting.put(RecordType::MESSAGE, b"");
}

/// Sends our Received: header.
pub fn send_received(posting: &mut Posting, config: &Config, peer: &Peer, arrival: SystemTime, recipients: &[Vec<u8>]) {
    let from = [b"Received: from ", peer.name.as_slice(), b" (", &peer.name, b" [", &peer.rfc_address, b"])"].concat();
    posting.text(&from);
    let (host, name) = (config.get(params::MYHOSTNAME), config.get(params::MAIL_NAME));
    let by = format!("\tby {host} ({name}) with QMQP");
    let id = posting.queue_id().to_owned();
    let date = text::date::header_date(arrival);
    match recipients {
        [recipient] => {
            posting.text(format!("{by} id {id}").as_bytes());
            posting.text(&[b"\tfor <", quote(recipient).as_slice(), b">; ", date.as_bytes()].concat());
        }
        _ => {
            posting.text(by.as_bytes());
            posting.text(format!("\tid {id}; {date}").as_bytes());
        }
    }
}

/// Sends the content, line by line.
pub fn send_content(posting: &mut Posting, content: &[u8], line_limit: usize) {
    let mut first = true;
    for line in content.split_inclusive(|byte| *byte == b'\n') {
        let (text, ended) = match line.strip_suffix(b"\n") {
            Some(text) => (text, true),
            None => (line, false),
        };
        if first {
            if is_mailbox_line(text) {
                posting.text(&[b"X-Mailbox-Line: ", text].concat());
                continue;
            }
            first = false;
            if matches!(text.first(), Some(b' ' | b'\t')) {
                posting.text(b"");
            }
        }
        let mut rest = text;
        while rest.len() > line_limit {
            posting.put(RecordType::UNTERMINATED, &rest[..line_limit]);
            rest = &rest[line_limit..];
        }
        posting.put(if ended { RecordType::TEXT } else { RecordType::UNTERMINATED }, rest);
    }
}

/// A line that mailbox files begin messages with, perhaps quoted.
fn is_mailbox_line(text: &[u8]) -> bool {
    text.trim_start_with(|character| character == '>').starts_with(b"From ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_ask_for_verp() {
        let found = |sender: &str| verp(sender.as_bytes(), b"-=+");
        assert_eq!(found("list-@example.com-@[]"), Ok(("list@example.com".into(), Some(*b"-="))));
        assert_eq!(found("a@b.example"), Ok(("a@b.example".into(), None)));
        assert_eq!(found("-@example.com-@[]"), Ok(("-@example.com-@[]".into(), None)));
        assert_eq!(found("x-@[]"), Ok(("x-@[]".into(), None)));
        assert_eq!(
            found("list#@example.com-@[]"),
            Err("Invalid VERP delimiters: \"#=\". Need two characters from \"-=+\"".into())
        );
    }

    proptest::proptest! {
        #[test]
        fn any_sender_is_looked_at(sender: Vec<u8>) {
            let _ = verp(&sender, b"-=+");
        }
    }
}
