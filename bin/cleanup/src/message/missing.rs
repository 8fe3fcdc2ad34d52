//! Headers that a message should have had (cleanup-rewrite §14).

use bstr::{BString, ByteSlice};
use queue::RecordType;
use text::address::{external, parse_list, quote, scan};

use super::{Context, Message};
use crate::known::Header;
use crate::site::FromFormat;

/// Characters that make a name more than words.
const SPECIALS: &[u8] = b"%!()<>@,;:\\\".[]";

impl Message<'_> {
    /// The primary headers have ended: adds what is missing.
    pub(super) fn add_missing_headers(&mut self) {
        let seen = self.head.seen;
        if !seen.contains(Header::Received) {
            return self.refuse(format_args!("no Received: header"));
        }
        let add = self.envelope.context != Context::None || self.site.headers.always_add_missing;
        let (prefix, id, date, from) = match self.head.is_resent {
            true => ("Resent-", Header::ResentMessageId, Header::ResentDate, Header::ResentFrom),
            false => ("", Header::MessageId, Header::Date, Header::From),
        };
        let mut has_message_id = seen.contains(Header::MessageId);
        if add && !seen.contains(id) {
            self.add_message_id(prefix);
            has_message_id |= !self.head.is_resent;
        }
        if !has_message_id {
            self.log_message_id(b"<>", false);
        }
        if !add {
            return;
        }
        if !seen.contains(date) {
            let arrival = self.envelope.arrival.unwrap_or(self.created);
            self.add_header(format!("{prefix}Date: {}", text::date::header_date(arrival)).as_bytes());
        }
        if !seen.contains(from) {
            let text = [prefix.as_bytes(), b"From: ", &self.from()].concat();
            self.add_header(&text);
        }
        if ![Header::To, Header::ResentTo, Header::Cc, Header::ResentCc].iter().any(|&header| seen.contains(header)) {
            self.add_undisclosed_recipients();
        }
    }

    fn add_header(&mut self, text: &[u8]) {
        self.put_text(RecordType::TEXT, text);
    }

    fn add_message_id(&mut self, prefix: &str) {
        let message_id = format!("<{}>", self.id.message_id(self.created, &self.site.myhostname));
        self.add_header(format!("{prefix}Message-Id: {message_id}").as_bytes());
        self.log_message_id(message_id.as_bytes(), self.head.is_resent);
    }

    fn add_undisclosed_recipients(&mut self) {
        let text = &self.site.headers.undisclosed_recipients;
        if text.is_empty() {
            return;
        }
        if text::header::is_header(text) {
            return self.add_header(text);
        }
        let shown = text::show(text);
        log::warn!("bad undisclosed_recipients_header header text \"{shown}\" -- need \"headername: headervalue\"");
    }

    /// Who the message is from: the envelope sender, with the full name that the client gave.
    fn from(&self) -> BString {
        match self.envelope.sender.as_ref() {
            Some(sender) if !sender.is_empty() => {
                let name = self.envelope.full_name.as_ref().map_or(&b""[..], |name| name.as_slice());
                from_value(self.site.headers.from_format, name, sender)
            }
            _ => "MAILER-DAEMON".into(),
        }
    }
}

fn from_value(format: FromFormat, name: &[u8], sender: &[u8]) -> BString {
    let address = quote(sender);
    if name.is_empty() {
        return address;
    }
    let name: Vec<u8> = name.iter().map(|&byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }).collect();
    if format == FromFormat::Obsolete {
        let comment = external(&parse_list(scan(&[b"(", &name[..], b")"].concat(), None)));
        return [&address[..], b" ", &comment].concat().into();
    }
    let mut phrase = match name.find_byteset(SPECIALS) {
        Some(_) => quoted(&name),
        None => external(&scan(&name, None)),
    };
    if !phrase.is_empty() {
        phrase.push(b' ');
    }
    [&phrase[..], b"<", &address, b">"].concat().into()
}

fn quoted(text: &[u8]) -> BString {
    let mut quoted = BString::from("\"");
    for &byte in text {
        if matches!(byte, b'"' | b'\\') {
            quoted.push(b'\\');
        }
        quoted.push(byte);
    }
    quoted.push(b'"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_values() {
        let standard =
            |name: &str, sender: &str| from_value(FromFormat::Standard, name.as_bytes(), sender.as_bytes()).to_string();
        assert_eq!(standard("", "joe user@x"), "\"joe user\"@x");
        assert_eq!(standard("Joe  User", "joe@x"), "Joe User <joe@x>");
        assert_eq!(standard("Joe Q. \"X\" User", "joe@x"), "\"Joe Q. \\\"X\\\" User\" <joe@x>");
        assert_eq!(standard(" \n", "joe@x"), "<joe@x>");
        let obsolete = |name: &str| from_value(FromFormat::Obsolete, name.as_bytes(), b"joe@x").to_string();
        assert_eq!(obsolete("Joe User"), "joe@x (Joe User)");
    }
}
