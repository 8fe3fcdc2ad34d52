//! Resource records, and the text that reply filters look at (smtp-client §21).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bstr::BString;

/// Types of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are those of the DNS")]
pub enum Type {
    A,
    NS,
    CNAME,
    SOA,
    PTR,
    MX,
    TXT,
    AAAA,
    SRV,
    TLSA,
}

const TYPES: [(Type, u16, &str); 10] = [
    (Type::A, 1, "A"),
    (Type::NS, 2, "NS"),
    (Type::CNAME, 5, "CNAME"),
    (Type::SOA, 6, "SOA"),
    (Type::PTR, 12, "PTR"),
    (Type::MX, 15, "MX"),
    (Type::TXT, 16, "TXT"),
    (Type::AAAA, 28, "AAAA"),
    (Type::SRV, 33, "SRV"),
    (Type::TLSA, 52, "TLSA"),
];

impl Type {
    /// The number of the type.
    pub fn number(self) -> u16 {
        TYPES.iter().find(|(known, ..)| *known == self).map_or(0, |(_, number, _)| *number)
    }

    /// The type with a number.
    pub fn from_number(number: u16) -> Option<Type> {
        TYPES.iter().find(|(_, known, _)| *known == number).map(|(found, ..)| *found)
    }

    /// The type with a name, in any case.
    pub fn from_name(name: &[u8]) -> Option<Type> {
        TYPES.iter().find(|(.., known)| known.as_bytes().eq_ignore_ascii_case(name)).map(|(found, ..)| *found)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = TYPES.iter().find(|(known, ..)| known == self).map_or("?", |(.., name)| name);
        f.write_str(name)
    }
}

/// What a record says. Names have no trailing dot; the root is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of the DNS")]
pub enum Data {
    A(Ipv4Addr),
    Aaaa(Ipv6Addr),
    Mx {
        preference: u16,
        host: BString,
    },
    /// The target of CNAME, NS and PTR records.
    Name(BString),
    /// The first character-string alone; bytes that cannot be printed are blanks.
    Txt(BString),
    Srv {
        priority: u16,
        weight: u16,
        port: u16,
        target: BString,
    },
    /// Usage, selector, matching type, and the data.
    Tlsa(Vec<u8>),
    /// The negative caching time, in seconds.
    Soa {
        minimum: u32,
    },
}

/// One record of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The name that was asked for.
    pub query: BString,
    /// The name that the record belongs to: another one behind CNAME records.
    pub owner: BString,
    /// The type.
    pub rtype: Type,
    /// How long the record may be remembered, in seconds.
    pub ttl: u32,
    /// Whether the name server vouches for it with DNSSEC.
    pub validated: bool,
    /// What it says.
    pub data: Data,
}

impl Record {
    /// The address of an A or AAAA record.
    pub fn address(&self) -> Option<IpAddr> {
        match self.data {
            Data::A(address) => Some(address.into()),
            Data::Aaaa(address) => Some(address.into()),
            _ => None,
        }
    }
}

/// The form that reply filters look at: trailing dots as shown in a zone file.
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}. {} IN {} ", text::show(&self.owner), self.ttl, self.rtype)?;
        match &self.data {
            Data::A(address) => write!(f, "{address}"),
            Data::Aaaa(address) => write!(f, "{address}"),
            Data::Mx { preference, host } => write!(f, "{preference} {}.", text::show(host)),
            Data::Name(name) => write!(f, "{}.", text::show(name)),
            Data::Txt(text) => write!(f, "{}", text::show(text)),
            Data::Srv { priority, weight, port, target } => {
                write!(f, "{priority} {weight} {port} {}.", text::show(target))
            }
            Data::Tlsa(bytes) => match bytes.as_slice() {
                [usage, selector, matching, data @ ..] => {
                    write!(f, "{usage} {selector} {matching} ")?;
                    data.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
                }
                _ => f.write_str("[truncated record]"),
            },
            Data::Soa { minimum } => write!(f, "- - - - {minimum}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_see_zone_file_texts() {
        let text = |rtype, data| {
            let name = BString::from("a.example");
            Record { query: name.clone(), owner: name, rtype, ttl: 5, validated: false, data }.to_string()
        };
        assert_eq!(text(Type::A, Data::A(Ipv4Addr::LOCALHOST)), "a.example. 5 IN A 127.0.0.1");
        assert_eq!(text(Type::MX, Data::Mx { preference: 7, host: "b".into() }), "a.example. 5 IN MX 7 b.");
        assert_eq!(text(Type::PTR, Data::Name("b".into())), "a.example. 5 IN PTR b.");
        assert_eq!(text(Type::TLSA, Data::Tlsa(vec![3, 1, 1, 0xab, 0xc])), "a.example. 5 IN TLSA 3 1 1 ab0c");
        assert_eq!(text(Type::TLSA, Data::Tlsa(vec![3])), "a.example. 5 IN TLSA [truncated record]");
        assert_eq!(Type::from_number(Type::TLSA.number()), Some(Type::TLSA));
        assert_eq!(Type::from_name(b"aaaa"), Some(Type::AAAA));
    }
}
