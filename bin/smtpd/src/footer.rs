//! What is added to rejections (`smtpd_reject_footer`; smtpd §5.3).

use std::time::SystemTime;

use bstr::{BString, ByteSlice};
use config::params;
use smtp_protocol::server::reply::with_footer;
use text::address::split_domain;
use text::expand::{Options, expand};

use crate::session::Session;

impl Session<'_> {
    /// A rejection with its footer; nothing when it has none.
    pub fn with_footer(&self, reply: &[u8]) -> Option<BString> {
        let found = self.site.footer_maps.find(reply).unwrap_or_default();
        let template = match &found {
            Some(found) => found.as_bstr(),
            None => self.config.get(params::SMTPD_REJECT_FOOTER),
        };
        if template.is_empty() {
            return None;
        }
        let filter = unescape(self.config.get(params::SMTPD_EXPANSION_FILTER));
        let options = Options { recursive: false, filter: Some(&filter) };
        let footer = expand(template, &options, &mut |name| self.footer_value(name)).ok()?;
        with_footer(reply, &footer.text)
    }

    fn footer_value(&self, name: &[u8]) -> Option<BString> {
        let transaction = self.transaction.as_ref();
        let sender = transaction.map(|transaction| &transaction.sender);
        let recipient = transaction.and_then(|transaction| transaction.recipient.as_ref());
        let value = match name {
            b"client" => self.peer.namaddr.clone(),
            b"client_address" => self.peer.address.clone(),
            b"client_name" => self.peer.name.clone(),
            b"client_port" => self.peer.port.clone(),
            b"reverse_client_name" => self.peer.reverse_name.clone(),
            b"helo_name" => self.helo.clone()?,
            b"localtime" => text::date::local_format(SystemTime::now(), "%b %e %H:%M:%S").into(),
            b"server_name" => self.host().into(),
            b"sender" | b"sender_name" | b"sender_domain" => part(name, sender?),
            b"recipient" | b"recipient_name" | b"recipient_domain" => part(name, recipient?),
            _ => {
                log::warn!("unknown macro name \"{}\" in expansion request", text::show(name));
                return None;
            }
        };
        Some(value)
    }
}

/// An address, or what stands on one side of its `@`.
fn part(name: &[u8], address: &BString) -> BString {
    let (local, domain) = split_domain(address);
    match () {
        () if name.ends_with(b"_domain") => domain.unwrap_or_default().into(),
        () if address.is_empty() => "<>".into(),
        () if name.ends_with(b"_name") => local.into(),
        () => address.clone(),
    }
}

/// Reads the C escapes of `smtpd_expansion_filter`.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let digits = rest.iter().take(3).take_while(|digit| matches!(digit, b'0'..=b'7')).count();
        if digits > 0 {
            let value = rest[..digits].iter().fold(0u32, |value, digit| value * 8 + u32::from(digit - b'0'));
            bytes.push(value as u8);
            rest = &rest[digits..];
        } else if let Some((&letter, tail)) = rest.split_first() {
            rest = tail;
            bytes.push(match letter {
                b'a' => 7,
                b'b' => 8,
                b't' => b'\t',
                b'n' => b'\n',
                b'v' => 11,
                b'f' => 12,
                b'r' => b'\r',
                other => other,
            });
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_is_unescaped() {
        assert_eq!(unescape(br"\t\40!\\]"), b"\t !\\]");
        assert_eq!(unescape(br"\"), b"");
    }

    #[test]
    fn parts_of_addresses() {
        let (address, null) = (BString::from("a b@c.example"), BString::default());
        assert_eq!(part(b"sender", &address), "a b@c.example");
        assert_eq!(part(b"sender_name", &address), "a b");
        assert_eq!(part(b"sender_domain", &address), "c.example");
        assert_eq!((part(b"sender", &null), part(b"sender_domain", &null)), ("<>".into(), "".into()));
    }
}
