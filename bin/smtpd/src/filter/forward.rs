//! Telling the filter who the client is: XFORWARD (smtpd §10, step 3).

use bstr::{BString, ByteSlice};
use smtp_protocol::peer::UNKNOWN;
use text::xtext;

use crate::session::Session;

/// The longest text behind the verb, in bytes.
const PAYLOAD_LIMIT: usize = 498;

/// The attributes, in the order in which they are sent.
#[derive(Clone, Debug)]
pub struct Origin {
    attributes: [(&'static str, BString); 7],
}

impl Origin {
    /// The client of a session, or the one that it talks for.
    pub fn of(session: &Session<'_>) -> Self {
        let peer = &session.peer;
        let forwarded = &session.forwarded;
        let context = session.transaction.as_ref().map_or("remote", |transaction| transaction.rewrite_context);
        let source = if forwarded.context.unwrap_or(context) == "local" { "LOCAL" } else { "REMOTE" };
        let (name, address, port, helo, protocol) = match &forwarded.client {
            Some(client) => (&client.name, &client.rfc_address, &client.port, &client.helo, client.protocol.clone()),
            None => (&peer.name, &peer.rfc_address, &peer.port, &session.helo, session.protocol().into()),
        };
        let absent = BString::default;
        Self {
            attributes: [
                ("NAME", name.clone()),
                ("ADDR", address.clone()),
                ("PORT", port.clone()),
                ("HELO", helo.clone().unwrap_or_else(absent)),
                ("IDENT", forwarded.ident.clone().unwrap_or_else(absent)),
                ("PROTO", protocol),
                ("SOURCE", source.into()),
            ],
        }
    }

    /// The commands that tell a server which takes the `offered` attributes.
    pub fn commands(&self, offered: &[BString]) -> Vec<BString> {
        let mut commands: Vec<BString> = Vec::new();
        let mut payload = BString::default();
        for (name, value) in &self.attributes {
            if !offered.iter().any(|known| known.eq_ignore_ascii_case(name.as_bytes())) {
                continue;
            }
            let value = match value.is_empty() || value == UNKNOWN {
                true => "[UNAVAILABLE]".into(),
                false => xtext::encode(value, b""),
            };
            let word = [b" ", name.as_bytes(), b"=", value.as_slice()].concat();
            if word.len() > PAYLOAD_LIMIT {
                let shown = text::show(&value[..value.len().min(10)]);
                log::warn!("XFORWARD command payload {name}={shown}... exceeds SMTP protocol limit");
            }
            if !payload.is_empty() && payload.len() + word.len() > PAYLOAD_LIMIT {
                commands.push([b"XFORWARD", payload.as_slice()].concat().into());
                payload.clear();
            }
            payload.extend_from_slice(&word);
        }
        if !payload.is_empty() {
            commands.push([b"XFORWARD", payload.as_slice()].concat().into());
        }
        commands
    }
}

/// The attributes that an EHLO reply offers.
pub fn offered(reply: &[u8]) -> Vec<BString> {
    let lines = reply.lines().filter_map(|line| line.get(4..));
    let words = |line: &'_ [u8]| text::list::split(line, text::list::BLANKS).map(BString::from).collect::<Vec<_>>();
    let found = lines.map(words).find(|words| words.first().is_some_and(|word| word.eq_ignore_ascii_case(b"XFORWARD")));
    found.map(|mut words| words.split_off(1)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_offered_is_sent() {
        let names = ["NAME", "ADDR", "PORT", "HELO", "IDENT", "PROTO", "SOURCE"];
        let values = ["mx.example.org", "IPv6:2001:db8::1", "unknown", "a b", "", "ESMTP", "REMOTE"];
        let mut at = 0;
        let origin = Origin {
            attributes: names.map(|name| {
                at += 1;
                (name, values[at - 1].into())
            }),
        };
        let offered = offered(b"250-x\r\n250-XFORWARD NAME ADDR HELO SOURCE PORT\r\n250 DSN");
        assert_eq!(
            origin.commands(&offered),
            ["XFORWARD NAME=mx.example.org ADDR=IPv6:2001:db8::1 PORT=[UNAVAILABLE] HELO=a+20b SOURCE=REMOTE"]
        );
        assert!(origin.commands(&[]).is_empty());
    }
}
