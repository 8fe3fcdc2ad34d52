//! DNS messages: queries out, replies in (RFC 1035). Names are packed and unpacked by hickory-proto.

use bstr::BString;
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};

use crate::record::Type;

const HEADER_SIZE: usize = 12;
const TRUNCATED: u16 = 0x0200;
const RESPONSE: u16 = 0x8000;
const AUTHENTIC: u16 = 0x0020;
/// The UDP payload size that EDNS0 announces.
const EDNS_PAYLOAD: u16 = 1200;

/// A question, as it goes out.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// The message.
    pub bytes: Vec<u8>,
    id: u16,
}

/// How a question is put.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Style {
    /// With EDNS0.
    pub edns: bool,
    /// Ask for DNSSEC validation.
    pub dnssec: bool,
}

impl Question {
    /// Asks for records of class IN. `None`: the name does not fit into a message.
    pub fn new(id: u16, name: &[u8], rtype: Type, style: Style) -> Option<Self> {
        let name = packed(name)?;
        let mut message = Message::new(id, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        message.metadata.authentic_data = style.dnssec;
        message.add_query(Query::query(name, RecordType::from(rtype.number())));
        if style.edns || style.dnssec {
            let mut edns = Edns::new();
            edns.set_max_payload(EDNS_PAYLOAD);
            edns.set_dnssec_ok(style.dnssec);
            message.set_edns(edns);
        }
        let bytes = message.to_vec().ok()?;
        Some(Question { bytes, id })
    }

    /// Whether bytes are a reply to this question and no other: same ID, same question.
    pub fn is_answered_by(&self, bytes: &[u8]) -> bool {
        let Some(header) = Header::read(bytes) else { return false };
        if header.id != self.id || header.flags & RESPONSE == 0 {
            return false;
        }
        // A server that cannot read a question may leave it out.
        if header.questions == 0 {
            return header.rcode() != 0;
        }
        let question = |bytes: &[u8]| {
            let mut decoder = BinDecoder::new(bytes).clone(HEADER_SIZE as u16);
            Query::read(&mut decoder).ok().map(|query| (query.name().to_lowercase(), query.query_type()))
        };
        header.questions == 1 && question(bytes).is_some_and(|theirs| question(&self.bytes) == Some(theirs))
    }
}

fn packed(name: &[u8]) -> Option<Name> {
    let mut packed = Name::root();
    for label in name.split(|byte| *byte == b'.').filter(|label| !label.is_empty()) {
        packed = packed.append_label(label).ok()?;
    }
    Some(packed)
}

#[derive(Clone, Copy, Debug)]
struct Header {
    id: u16,
    flags: u16,
    questions: u16,
    answers: u16,
    authorities: u16,
}

impl Header {
    fn read(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..HEADER_SIZE)?;
        let word = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        Some(Header { id: word(0), flags: word(2), questions: word(4), answers: word(6), authorities: word(8) })
    }

    fn rcode(self) -> u16 {
        self.flags & 15
    }
}

/// A reply, taken apart as far as its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    /// The response code.
    pub rcode: u16,
    /// More records would be there over TCP.
    pub truncated: bool,
    /// The server vouches for the records.
    pub authentic: bool,
    /// The answer section; it ends early when the message does, and `broken` is set.
    pub answers: Vec<RawRecord>,
    /// The answer section is not what the header promises.
    pub broken: bool,
    /// The negative caching time of an SOA record in the authority section, in seconds.
    pub negative_ttl: Option<u32>,
}

/// One record, not yet understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RawRecord {
    pub owner: BString,
    pub rtype: u16,
    pub class: u16,
    pub ttl: u32,
    pub data: RawData,
}

/// The data of a record: as it is, and for the types that have a name in it, with that name unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RawData {
    /// Leading bytes, and the name behind them.
    Named(Vec<u8>, BString),
    /// All bytes.
    Bytes(Vec<u8>),
    /// There is no name where one should be.
    Broken,
}

impl Reply {
    /// Takes a reply apart; `None` for bytes that are too short for a header, or whose question section is broken.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let header = Header::read(bytes)?;
        let mut decoder = BinDecoder::new(bytes).clone(HEADER_SIZE as u16);
        for _ in 0..header.questions {
            Query::read(&mut decoder).ok()?;
        }
        let mut reply = Reply {
            rcode: header.rcode(),
            truncated: header.flags & TRUNCATED != 0,
            authentic: header.flags & AUTHENTIC != 0,
            answers: Vec::new(),
            broken: false,
            negative_ttl: None,
        };
        for _ in 0..header.answers {
            match record(&mut decoder) {
                Some(record) => reply.answers.push(record),
                None => {
                    reply.broken = true;
                    return Some(reply);
                }
            }
        }
        let mut authorities = (0..header.authorities).map_while(|_| record(&mut decoder));
        reply.negative_ttl = authorities.find_map(|record| soa_minimum(&record));
        Some(reply)
    }
}

/// The time that a missing name may be remembered: the smaller of the SOA record's own time and its last field (RFC 2308).
fn soa_minimum(record: &RawRecord) -> Option<u32> {
    let RawData::Bytes(bytes) = &record.data else { return None };
    let minimum = bytes.last_chunk().filter(|_| record.rtype == Type::SOA.number())?;
    Some(u32::from_be_bytes(*minimum).min(record.ttl))
}

/// How many bytes stand before the name in a record's data.
fn bytes_before_name(rtype: u16) -> Option<usize> {
    match Type::from_number(rtype)? {
        Type::NS | Type::CNAME | Type::PTR => Some(0),
        Type::MX => Some(2),
        Type::SRV => Some(6),
        _ => None,
    }
}

fn record(decoder: &mut BinDecoder<'_>) -> Option<RawRecord> {
    let owner = unpacked(&Name::read(decoder).ok()?);
    let rtype = decoder.read_u16().ok()?.unverified(/* any number is a type */);
    let class = decoder.read_u16().ok()?.unverified(/* looked at by the caller */);
    let ttl = decoder.read_u32().ok()?.unverified(/* any number is a time */);
    let length = usize::from(decoder.read_u16().ok()?.unverified(/* read_slice checks it */));
    let start = decoder.index();
    let bytes = decoder.read_slice(length).ok()?.unverified(/* any bytes are data */);
    let data = match bytes_before_name(rtype) {
        None => RawData::Bytes(bytes.to_vec()),
        Some(lead) => named(decoder, start, lead, bytes).unwrap_or(RawData::Broken),
    };
    // A time with its highest bit set means none (RFC 2181 §8).
    let ttl = if ttl > i32::MAX as u32 { 0 } else { ttl };
    Some(RawRecord { owner, rtype, class, ttl, data })
}

fn named(decoder: &BinDecoder<'_>, start: usize, lead: usize, bytes: &[u8]) -> Option<RawData> {
    let leading = bytes.get(..lead)?.to_vec();
    let mut at_name = decoder.clone(u16::try_from(start + lead).ok()?);
    let name = Name::read(&mut at_name).ok()?;
    (at_name.index() == start + bytes.len()).then(|| RawData::Named(leading, unpacked(&name)))
}

/// The text of a name, without a trailing dot. A dot inside a label gets a backslash, so that no name is taken for another; every name with a
/// backslash is invalid anyway.
fn unpacked(name: &Name) -> BString {
    let mut text = BString::default();
    for label in name.iter() {
        if !text.is_empty() {
            text.push(b'.');
        }
        for &byte in label {
            if matches!(byte, b'.' | b'\\') {
                text.push(b'\\');
            }
            text.push(byte);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reply(question: &Question, answers: &[&[u8]]) -> Vec<u8> {
        let mut bytes = question.bytes.clone();
        bytes[2] |= 0x80;
        bytes[7] = answers.len() as u8;
        bytes.extend(answers.concat());
        bytes
    }

    #[test]
    fn a_reply_belongs_to_its_question() {
        let question = Question::new(7, b"A.example", Type::MX, Style::default()).unwrap();
        let other = Question::new(7, b"b.example", Type::MX, Style::default()).unwrap();
        let later = Question::new(8, b"a.example", Type::MX, Style::default()).unwrap();
        assert!(question.is_answered_by(&reply(&question, &[])));
        assert!(!question.is_answered_by(&reply(&other, &[])));
        assert!(!question.is_answered_by(&reply(&later, &[])));
        assert!(!question.is_answered_by(&question.bytes));
        assert!(Question::new(1, &[b'x'; 64], Type::A, Style::default()).is_none());
    }

    #[test]
    fn packed_names_in_data_are_unpacked() {
        let question = Question::new(7, b"a.example", Type::MX, Style::default()).unwrap();
        // The owner is the name of the question; the host is "mx" and then that name.
        let mx = [0xc0, 12, 0, 15, 0, 1, 0, 0, 0, 9, 0, 7, 0, 10, 2, b'm', b'x', 0xc0, 12];
        let found = Reply::read(&reply(&question, &[&mx])).unwrap();
        assert_eq!(found.answers[0].owner, "a.example");
        assert_eq!(found.answers[0].data, RawData::Named(vec![0, 10], "mx.a.example".into()));
        let cut = Reply::read(&reply(&question, &[&mx[..15]])).unwrap();
        assert!(cut.broken && cut.answers.is_empty());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes: Vec<u8>, tail: Vec<u8>) {
            let _ = Reply::read(&bytes);
            let question = Question::new(7, b"a.example", Type::MX, Style { edns: true, dnssec: true }).unwrap();
            let mut plausible = reply(&question, &[&tail]);
            plausible[7] = 5;
            let _ = Reply::read(&plausible);
            let _ = question.is_answered_by(&bytes);
        }
    }
}
