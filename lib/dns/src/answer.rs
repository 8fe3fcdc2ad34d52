//! What the records of a reply mean (smtp-client §21).

use bstr::BString;

use crate::RECORD_LIMIT;
use crate::error::{Error, ErrorKind};
use crate::name::is_usable;
use crate::record::{Data, Record, Type};
use crate::wire::{RawData, RawRecord, Reply};

const CLASS_IN: u16 = 1;
const NO_SUCH_NAME: u16 = 3;

/// What a reply leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Records.
    Records(Vec<Record>),
    /// The name is an alias of another.
    Alias(BString),
}

/// One question, and which records a reply to it may add.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// The name that the caller asked for.
    pub query: &'a [u8],
    /// The name that this question is about: an alias target, perhaps.
    pub name: &'a [u8],
    /// The type.
    pub rtype: Type,
    /// Whether the chain so far, and this reply, are validated.
    pub validated: bool,
}

impl Asked<'_> {
    /// What a reply means, whatever it is.
    ///
    /// # Errors
    /// The name server reports one, and those of [`understand`](Asked::understand).
    pub fn judge(&self, reply: &Reply) -> Result<Meaning, Error> {
        match reply.rcode {
            0 if reply.answers.is_empty() && !reply.broken => Err(self.no_data()),
            0 => self.understand(reply),
            NO_SUCH_NAME => Err(Error::of_query(ErrorKind::NotFound, self.name, self.rtype, "Host not found")),
            _ => Err(Error::of_query(ErrorKind::Fail, self.name, self.rtype, "Non-recoverable error")),
        }
    }

    /// Understands the answer section of a reply without error.
    ///
    /// # Errors
    /// The reply is broken, has a bad name, says that there is no service, or has nothing that was asked for.
    fn understand(&self, reply: &Reply) -> Result<Meaning, Error> {
        if reply.broken {
            return Err(self.broken());
        }
        let mut found = Found::default();
        for raw in &reply.answers {
            self.take(raw, &mut found)?;
        }
        if found.null {
            return Err(self.no_service());
        }
        match found.alias {
            _ if !found.records.is_empty() => Ok(Meaning::Records(found.records)),
            _ if found.invalid => Err(Error::malformed(self.query, self.rtype)),
            Some(alias) => Ok(Meaning::Alias(alias)),
            None => Err(self.no_data()),
        }
    }

    /// There is a name, but nothing of this type.
    fn no_data(&self) -> Error {
        let why = "Host found but no data record of requested type";
        Error::of_query(ErrorKind::NotFound, self.name, self.rtype, why)
    }

    fn broken(&self) -> Error {
        Error { kind: ErrorKind::TryAgain, ..Error::malformed(self.query, self.rtype) }
    }

    fn no_service(&self) -> Error {
        let name = text::show(self.query);
        match self.rtype {
            Type::SRV => Error::new(ErrorKind::NullSrv, format!("Domain {name} does not support SRV requests")),
            _ => Error::new(ErrorKind::NullMx, format!("Domain {name} does not accept mail (nullMX)")),
        }
    }

    fn take(&self, raw: &RawRecord, found: &mut Found) -> Result<(), Error> {
        if raw.class != CLASS_IN {
            log::warn!("dns_get_fixed: bad class: {}", raw.class);
            return Err(self.broken());
        }
        let rtype = Type::from_number(raw.rtype);
        let what = || match rtype {
            Some(rtype) => format!("{rtype} record for {}", text::show(self.query)),
            None => format!("{} record for {}", raw.rtype, text::show(self.query)),
        };
        if !is_usable(&raw.owner, "resource name", &what()) {
            return Err(Error::malformed(self.query, self.rtype));
        }
        match rtype {
            Some(rtype) if rtype == self.rtype => self.take_record(raw, rtype, &what(), found),
            Some(Type::CNAME) => {
                let RawData::Named(_, target) = &raw.data else { return Err(self.broken()) };
                if !is_usable(target, "resource data", &what()) {
                    return Err(Error::malformed(self.query, self.rtype));
                }
                found.alias = Some(target.clone());
            }
            // DNAME and signatures come along with what was asked for.
            _ => {}
        }
        Ok(())
    }

    fn take_record(&self, raw: &RawRecord, rtype: Type, what: &str, found: &mut Found) {
        let Some(data) = read_data(rtype, &raw.data) else { return };
        if let Data::Mx { host: name, .. } | Data::Srv { target: name, .. } | Data::Name(name) = &data {
            if name.is_empty() && matches!(rtype, Type::MX | Type::SRV) {
                found.null = true;
                return;
            }
            if !is_usable(name, "resource data", what) {
                found.invalid = true;
                return;
            }
        }
        let (query, owner) = (BString::from(self.query), raw.owner.clone());
        let record = Record { query, owner, rtype, ttl: raw.ttl, validated: self.validated, data };
        push_limited(&mut found.records, record);
    }
}

#[derive(Debug, Default)]
struct Found {
    records: Vec<Record>,
    alias: Option<BString>,
    null: bool,
    invalid: bool,
}

/// Adds a record to a list, unless that is full.
pub(crate) fn push_limited(records: &mut Vec<Record>, record: Record) {
    if records.len() < RECORD_LIMIT {
        records.push(record);
    } else if records.len() == RECORD_LIMIT {
        log::warn!(
            "DNS record count limit ({RECORD_LIMIT}) exceeded -- dropping excess record(s) after qname={} qtype={}",
            text::show(&record.query),
            record.rtype
        );
    }
}

/// The data of a record. `None`: it is not of its type's form, which has been logged.
fn read_data(rtype: Type, data: &RawData) -> Option<Data> {
    match (rtype, data) {
        (Type::MX, RawData::Named(lead, host)) => Some(Data::Mx { preference: word(lead, 0), host: host.clone() }),
        (Type::SRV, RawData::Named(lead, target)) => Some(Data::Srv {
            priority: word(lead, 0),
            weight: word(lead, 2),
            port: word(lead, 4),
            target: target.clone(),
        }),
        (_, RawData::Named(_, name)) => Some(Data::Name(name.clone())),
        (Type::A, RawData::Bytes(bytes)) => octets(bytes).map(|octets: [u8; 4]| Data::A(octets.into())),
        (Type::AAAA, RawData::Bytes(bytes)) => octets(bytes).map(|octets: [u8; 16]| Data::Aaaa(octets.into())),
        (Type::TXT, RawData::Bytes(bytes)) => first_string(bytes).map(Data::Txt),
        (Type::TLSA, RawData::Bytes(bytes)) => Some(Data::Tlsa(bytes.clone())),
        (Type::SOA, RawData::Bytes(bytes)) => {
            bytes.last_chunk().map(|minimum| Data::Soa { minimum: u32::from_be_bytes(*minimum) })
        }
        _ => None,
    }
}

fn word(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |pair| u16::from_be_bytes([pair[0], pair[1]]))
}

fn octets<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    let octets = bytes.try_into().ok();
    if octets.is_none() {
        log::warn!("extract_answer: bad address length: {}", bytes.len());
    }
    octets
}

fn first_string(bytes: &[u8]) -> Option<BString> {
    let (&length, rest) = bytes.split_first()?;
    let Some(text) = rest.get(..usize::from(length)) else {
        log::warn!("extract_answer: bad TXT string length: {length}");
        return None;
    };
    let printable = |byte: &u8| if matches!(byte, 0x20..=0x7e) { *byte } else { b' ' };
    Some(text.iter().map(printable).collect::<Vec<u8>>().into())
}

/// The records in the bytes of a reply to a question about `name`, for who looks at replies without asking a name server; an alias is
/// not followed, and gives none. `None`: that is no DNS message.
///
/// # Errors
/// As for [`Resolve::query`](crate::Resolve::query).
pub fn read_reply(name: &[u8], rtype: Type, bytes: &[u8]) -> Option<Result<Vec<Record>, Error>> {
    let reply = Reply::read(bytes)?;
    let asked = Asked { query: name, name, rtype, validated: reply.authentic };
    Some(asked.judge(&reply).map(|meaning| match meaning {
        Meaning::Records(records) => records,
        Meaning::Alias(_) => Vec::new(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(rtype: Type, data: RawData) -> RawRecord {
        RawRecord { owner: "a.example".into(), rtype: rtype.number(), class: CLASS_IN, ttl: 5, data }
    }

    fn mx(preference: u8, host: &str) -> RawRecord {
        raw(Type::MX, RawData::Named(vec![0, preference], host.into()))
    }

    fn understand(rtype: Type, answers: Vec<RawRecord>) -> Result<Meaning, Error> {
        let reply = Reply { rcode: 0, truncated: false, authentic: false, answers, broken: false, negative_ttl: None };
        Asked { query: b"q.example", name: b"a.example", rtype, validated: false }.understand(&reply)
    }

    #[test]
    fn a_bad_host_is_dropped_unless_it_is_the_only_one() {
        let Ok(Meaning::Records(records)) = understand(Type::MX, vec![mx(1, "b d"), mx(2, "good.example")]) else {
            panic!("no records")
        };
        assert_eq!(records.len(), 1);
        let error = understand(Type::MX, vec![mx(1, "b d")]).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid);
        assert_eq!(
            error.text,
            "Name service error for name=q.example type=MX: Malformed or unexpected name server reply"
        );
    }

    #[test]
    fn a_null_mx_rules_out_all_others() {
        let error = understand(Type::MX, vec![mx(1, "good.example"), mx(0, "")]).unwrap_err();
        assert_eq!(error.kind, ErrorKind::NullMx);
        assert_eq!(error.text, "Domain q.example does not accept mail (nullMX)");
    }

    #[test]
    fn an_alias_counts_only_without_records() {
        let alias = raw(Type::CNAME, RawData::Named(vec![], "b.example".into()));
        let address = raw(Type::A, RawData::Bytes(vec![192, 0, 2, 1]));
        assert_eq!(understand(Type::A, vec![alias.clone()]), Ok(Meaning::Alias("b.example".into())));
        let Ok(Meaning::Records(records)) = understand(Type::A, vec![alias, address]) else { panic!("no records") };
        assert_eq!(records[0].to_string(), "a.example. 5 IN A 192.0.2.1");
    }

    #[test]
    fn forms_that_types_do_not_have() {
        assert_eq!(
            understand(Type::A, vec![raw(Type::A, RawData::Bytes(vec![1]))]).unwrap_err().kind,
            ErrorKind::NotFound
        );
        assert_eq!(read_data(Type::TXT, &RawData::Bytes(b"\x03a\tbc".to_vec())), Some(Data::Txt("a b".into())));
        assert_eq!(read_data(Type::TXT, &RawData::Bytes(b"\x03a".to_vec())), None);
        let other_class = RawRecord { class: 3, ..mx(1, "b.example") };
        assert_eq!(understand(Type::MX, vec![other_class]).unwrap_err().kind, ErrorKind::TryAgain);
    }
}
