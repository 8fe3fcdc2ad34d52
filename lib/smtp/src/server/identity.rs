//! Attributes of XCLIENT and XFORWARD (smtpd §9).

use std::net::IpAddr;

use bstr::{BString, ByteSlice};
use text::hostaddr::{ipv4, ipv6};
use text::hostname::check_hostname;
use text::xtext;

/// The longest value, in bytes.
const VALUE_LIMIT: usize = 255;
/// The longest protocol name of XFORWARD.
const PROTOCOL_LIMIT: usize = 64;

/// An attribute as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The name in upper case.
    pub name: BString,
    /// The value, decoded and printable.
    pub value: BString,
}

impl Attribute {
    /// Takes a word `NAME=value` apart; `utf8` is `smtputf8_enable`.
    ///
    /// # Errors
    /// The reply.
    pub fn parse(word: &[u8], utf8: bool) -> Result<Self, &'static str> {
        let Some((name, raw)) = word.split_once_str("=").filter(|(_, value)| !value.is_empty()) else {
            return Err("501 5.5.4 Error: attribute=value expected");
        };
        if raw.len() > VALUE_LIMIT {
            return Err("501 5.5.4 Error: attribute value too long");
        }
        let value = xtext::decode(raw).unwrap_or_else(|| raw.into());
        let value = text::printable(&value, utf8).into_owned().into();
        Ok(Self { name: name.to_ascii_uppercase().into(), value })
    }

    /// Whether the value says that there is none.
    pub fn is_unavailable(&self) -> bool {
        self.value.eq_ignore_ascii_case(b"[UNAVAILABLE]")
    }

    /// Whether the value says that it is not known for the moment.
    pub fn is_temporarily_unavailable(&self) -> bool {
        self.value.eq_ignore_ascii_case(b"[TEMPUNAVAIL]")
    }

    /// The value without bytes that mean something in headers.
    pub fn neutered(&self) -> BString {
        neuter(&self.value)
    }

    /// The reply to a value that is none.
    pub fn bad(&self) -> BString {
        [b"501 5.5.4 Bad ", self.name.as_slice(), b" syntax: ", &self.value].concat().into()
    }

    /// The same attribute, whose value has no bytes that mean something in headers.
    pub fn harmless(&self) -> Self {
        Self { name: self.name.clone(), value: self.neutered() }
    }

    /// The value as the name of a host.
    ///
    /// # Errors
    /// The reply.
    pub fn host_name(&self) -> Result<BString, BString> {
        if check_hostname(&self.value).is_ok() { Ok(self.value.clone()) } else { Err(self.bad()) }
    }

    /// The value as an address, of which `allow` tells whether its family is in use. An IPv4 address in IPv6 clothes becomes what it is.
    ///
    /// # Errors
    /// The reply.
    pub fn address(&self, allow: impl Fn(IpAddr) -> bool) -> Result<IpAddr, BString> {
        let text = &self.value;
        let prefix = text.get(..5).filter(|prefix| prefix.eq_ignore_ascii_case(b"IPv6:"));
        let found = match prefix {
            Some(_) => ipv6(&text[5..]).ok().map(IpAddr::V6),
            None => ipv4(text).ok().map(IpAddr::V4),
        };
        found.filter(|address| allow(*address)).map(|address| unmapped(address, allow)).ok_or_else(|| self.bad())
    }

    /// The value as a port.
    ///
    /// # Errors
    /// The reply.
    pub fn port(&self) -> Result<BString, BString> {
        let digits = self.value.len() <= 5 && self.value.iter().all(u8::is_ascii_digit);
        if digits { Ok(self.value.clone()) } else { Err(self.bad()) }
    }

    /// The value as a protocol name of XFORWARD.
    ///
    /// # Errors
    /// The reply.
    pub fn forwarded_protocol(&self) -> Result<BString, BString> {
        if self.value.len() > PROTOCOL_LIMIT { Err(self.bad()) } else { Ok(self.neutered()) }
    }
}

/// An IPv4 address in IPv6 clothes becomes what it is, if IPv4 is in use.
pub fn unmapped(address: IpAddr, allow: impl Fn(IpAddr) -> bool) -> IpAddr {
    let plain = address.to_canonical();
    if allow(plain) { plain } else { address }
}

/// Replaces bytes that mean something in headers by `?`.
pub fn neuter(text: &[u8]) -> BString {
    text.iter().map(|byte| if b" <>()\\\";@".contains(byte) { b'?' } else { *byte }).collect::<Vec<u8>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(word: &str) -> Attribute {
        Attribute::parse(word.as_bytes(), false).unwrap()
    }

    #[test]
    fn values_are_decoded_and_made_harmless() {
        assert_eq!(attribute("helo=a+20b").value, "a b");
        assert_eq!(attribute("helo=a+2").value, "a+2");
        assert_eq!(attribute("helo=a+00b").value, "a?b");
        assert_eq!(attribute("HELO=<a@b>").neutered(), "?a?b?");
        assert!(attribute("NAME=[unavailable]").is_unavailable());
        assert_eq!(Attribute::parse(b"NAME=", false), Err("501 5.5.4 Error: attribute=value expected"));
        let long = format!("NAME={}", "x".repeat(256));
        assert_eq!(Attribute::parse(long.as_bytes(), false), Err("501 5.5.4 Error: attribute value too long"));
    }

    #[test]
    fn addresses_of_both_families() {
        let both = |_: IpAddr| true;
        assert_eq!(attribute("ADDR=192.0.2.1").address(both).unwrap().to_string(), "192.0.2.1");
        assert_eq!(attribute("ADDR=ipv6:2001:DB8::1").address(both).unwrap().to_string(), "2001:db8::1");
        assert_eq!(attribute("ADDR=IPv6:::ffff:192.0.2.1").address(both).unwrap().to_string(), "192.0.2.1");
        assert_eq!(attribute("ADDR=2001:db8::1").address(both), Err("501 5.5.4 Bad ADDR syntax: 2001:db8::1".into()));
        let only_ipv4 = |address: IpAddr| address.is_ipv4();
        assert!(attribute("ADDR=IPv6:2001:db8::1").address(only_ipv4).is_err());
        assert_eq!(attribute("PORT=123456").port(), Err("501 5.5.4 Bad PORT syntax: 123456".into()));
    }

    proptest::proptest! {
        #[test]
        fn any_word_is_looked_at(word: Vec<u8>) {
            if let Ok(found) = Attribute::parse(&word, true) {
                let _ = (found.host_name(), found.address(|_| true), found.port(), found.forwarded_protocol());
            }
        }
    }
}
