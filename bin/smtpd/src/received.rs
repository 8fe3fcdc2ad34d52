//! Our Received: header (smtpd §8.2).

use bstr::BString;
use config::params;
use text::address::quote;

use crate::session::Session;

impl Session<'_> {
    /// The lines of the header.
    pub fn received_header(&self) -> Vec<BString> {
        let Some(transaction) = &self.transaction else { return Vec::new() };
        let here = format!("by {} ({})", self.config.get(params::MYHOSTNAME), self.config.get(params::MAIL_NAME));
        let mut lines: Vec<BString> = Vec::new();
        let by = if self.config.get(params::SMTPD_HIDE_CLIENT_SESSION) {
            format!("Received: {here}")
        } else {
            lines.extend(self.client_lines());
            format!("\t{here} with {}", self.with_protocol(transaction.options.smtputf8))
        };
        let id = transaction.queue_id().map_or_else(String::new, |id| format!(" id {id}"));
        let date = text::date::header_date(transaction.arrival);
        match transaction.recipient.as_ref().filter(|_| transaction.accepted == 1) {
            Some(recipient) => {
                lines.push(format!("{by}{id}").into());
                lines.push(concat(&[b"\tfor <", &quote(recipient), b">; ", date.as_bytes()]));
            }
            None => {
                lines.push(format!("{by}{id};").into());
                lines.push(format!("\t{date}").into());
            }
        }
        lines
    }

    /// The lines that say who the client is.
    fn client_lines(&self) -> Vec<BString> {
        let peer = &self.peer;
        let from = self.helo.as_ref().unwrap_or(&peer.name);
        let mut lines = vec![concat(&[b"Received: from ", from, b" (", &peer.name, b" [", &peer.rfc_address, b"])"])];
        if let Some(login) = self.login.as_ref().filter(|_| self.config.get(params::SMTPD_SASL_AUTHENTICATED_HEADER)) {
            lines.push(concat(&[b"\t(Authenticated sender: ", &comment(&login.user), b")"]));
        }
        lines
    }

    fn with_protocol(&self, smtputf8: bool) -> String {
        let base = match (smtputf8, self.extended) {
            (true, _) => "UTF8SMTP",
            (false, true) => "ESMTP",
            (false, false) => "SMTP",
        };
        let login = if self.extended && self.login.is_some() { "A" } else { "" };
        format!("{base}{login}")
    }
}

fn concat(parts: &[&[u8]]) -> BString {
    parts.concat().into()
}

/// A text that can stand in a comment: parentheses are balanced.
fn comment(text: &[u8]) -> Vec<u8> {
    let mut depth = 0;
    let mut clean = Vec::with_capacity(text.len());
    for &byte in text {
        clean.push(match byte {
            b'(' => {
                depth += 1;
                byte
            }
            b')' if depth == 0 => b'?',
            b')' => {
                depth -= 1;
                byte
            }
            b'\\' => b'?',
            32..=126 => byte,
            _ => b'?',
        });
    }
    clean.extend(std::iter::repeat_n(b')', depth));
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_balanced() {
        assert_eq!(comment(b"a(b)c"), b"a(b)c");
        assert_eq!(comment(b"a)b((c\\\xff"), b"a?b((c??))");
    }
}
