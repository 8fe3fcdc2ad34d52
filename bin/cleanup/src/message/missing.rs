//! Headers that a message should have had (cleanup-rewrite §14).

use bstr::{BString, ByteSlice};
use ipc::delivery::utf8;
use queue::RecordType;
use text::address::{external, join_lines, parse_list, quote, scan};
use text::encoded_word::{Place, encode, is_charset};

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
        if add {
            self.add_completing_headers(prefix, date, from);
        }
        self.add_notes();
    }

    /// Who wrote it when, and to whom.
    fn add_completing_headers(&mut self, prefix: &str, date: Header, from: Header) {
        let seen = self.head.seen;
        if !seen.contains(date) {
            let arrival = self.envelope.arrival.unwrap_or(self.created);
            self.add_header(format!("{prefix}Date: {}", text::date::header_date(arrival)).as_bytes());
        }
        if !seen.contains(from) {
            self.add_from(prefix);
        }
        if ![Header::To, Header::ResentTo, Header::Cc, Header::ResentCc].iter().any(|&header| seen.contains(header)) {
            self.add_undisclosed_recipients();
        }
    }

    /// What the mail system has to say about the message.
    fn add_notes(&mut self) {
        let requires_tls = self.numbers.smtputf8 & i64::from(utf8::REQUIRETLS) != 0;
        if requires_tls && !self.head.requires_tls && self.understands_requiretls() {
            self.add_header(b"Require-TLS-ESMTP: yes");
        }
        if self.head.wants_error_header {
            self.add_header(b"MIME-Error: message header was not terminated by empty line");
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
    fn add_from(&mut self, prefix: &str) {
        let name = format!("{prefix}From: ");
        let headers = &self.site.headers;
        let (sender, full_name) = match &self.envelope.sender {
            Some(sender) if !sender.is_empty() => (sender.as_slice(), self.envelope.full_name.as_deref()),
            _ => (&b"MAILER-DAEMON"[..], None),
        };
        let full_name = full_name.map_or(&b""[..], |name| name.as_slice());
        if full_name.is_ascii() {
            let text = [name.as_bytes(), &from_value(headers.from_format, full_name, sender)].concat();
            return self.add_header(&text);
        }
        let words = encoded(headers.from_format, &headers.full_name_charset, full_name);
        let text = from_encoded(headers.from_format, name.as_bytes(), words, sender);
        self.write_header(&text);
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

/// A name that is not ASCII, as words that are; none when the character set cannot be named.
fn encoded(format: FromFormat, charset: &[u8], name: &[u8]) -> Vec<BString> {
    if !is_charset(charset) {
        let shown = text::show(charset);
        log::warn!("bad full_name_encoding_charset value: \"{shown}\" -- leaving out the full name");
        return Vec::new();
    }
    let name: Vec<u8> = name.iter().map(|&byte| if byte.is_ascii_control() { b' ' } else { byte }).collect();
    let words: Vec<&[u8]> = name.split(|&byte| byte == b' ').filter(|word| !word.is_empty()).collect();
    let place = match format {
        FromFormat::Standard => Place::Phrase,
        FromFormat::Obsolete => Place::Comment,
    };
    encode(charset, place, &words.join(&b' '))
}

/// The header with a name of encoded words, folded between these.
fn from_encoded(format: FromFormat, header: &[u8], words: Vec<BString>, sender: &[u8]) -> BString {
    let address = quote(sender);
    let name = bstr::join("\n", words);
    join_lines(&match format {
        _ if name.is_empty() => [header, &address].concat(),
        FromFormat::Standard => [header, &name, b"\n<", &address, b">"].concat(),
        FromFormat::Obsolete => [header, &address, b"\n(", &name, b")"].concat(),
    })
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
    #[test]
    fn names_that_are_not_ascii() {
        let from = |format, charset: &str, name: &str| {
            let words = encoded(format, charset.as_bytes(), name.as_bytes());
            from_encoded(format, b"From: ", words, b"joe@x").to_string()
        };
        let (standard, obsolete) = (FromFormat::Standard, FromFormat::Obsolete);
        assert_eq!(from(standard, "utf-8", " Jos\u{e9} \t User\n"), "From: =?utf-8?Q?Jos=C3=A9_User?= <joe@x>");
        assert_eq!(from(obsolete, "utf-8", "Jos\u{e9} User"), "From: joe@x (=?utf-8?Q?Jos=C3=A9_User?=)");
        assert_eq!(from(standard, "utf 8", "Jos\u{e9}"), "From: joe@x");
        let long = from(standard, "utf-8", &format!("Jos\u{e9} {}", "User ".repeat(20)));
        let lines: Vec<&str> = long.lines().collect();
        assert_eq!(lines.len(), 2, "{long}");
        assert!(
            lines[0].ends_with("?=") && lines[1].starts_with("=?utf-8?Q?") && lines[1].ends_with(" <joe@x>"),
            "{long}"
        );
    }
}
