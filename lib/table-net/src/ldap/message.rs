//! Messages of LDAP: requests out, replies in.

use super::ber::{
    BOOLEAN, ENUMERATED, Elements, INTEGER, Malformed, OCTET_STRING, SEQUENCE, boolean, element, group, number,
};
use super::url::Scope;

/// Result codes that we do something about. Negative ones are the client's own.
pub mod code {
    pub const SUCCESS: i32 = 0;
    pub const REFERRAL: i32 = 10;
    pub const NO_SUCH_OBJECT: i32 = 32;
    pub const SERVER_DOWN: i32 = -1;
    pub const DECODING_ERROR: i32 = -4;
    pub const TIMEOUT: i32 = -5;
    pub const AUTH_UNKNOWN: i32 = -6;
    pub const FILTER_ERROR: i32 = -7;
    pub const CONNECT_ERROR: i32 = -11;
}

/// The text of a result code.
pub fn code_text(code: i32) -> &'static str {
    match code {
        0 => "Success",
        1 => "Operations error",
        2 => "Protocol error",
        3 => "Time limit exceeded",
        4 => "Size limit exceeded",
        7 => "Authentication method not supported",
        8 => "Strong(er) authentication required",
        9 => "Partial results and referral received",
        10 => "Referral",
        11 => "Administrative limit exceeded",
        12 => "Critical extension is unavailable",
        13 => "Confidentiality required",
        14 => "SASL bind in progress",
        16 => "No such attribute",
        17 => "Undefined attribute type",
        18 => "Inappropriate matching",
        19 => "Constraint violation",
        20 => "Type or value exists",
        21 => "Invalid syntax",
        32 => "No such object",
        33 => "Alias problem",
        34 => "Invalid DN syntax",
        35 => "Entry is a leaf",
        36 => "Alias dereferencing problem",
        48 => "Inappropriate authentication",
        49 => "Invalid credentials",
        50 => "Insufficient access",
        51 => "Server is busy",
        52 => "Server is unavailable",
        53 => "Server is unwilling to perform",
        54 => "Loop detected",
        80 => "Internal (implementation specific) error",
        code::SERVER_DOWN => "Can't contact LDAP server",
        code::DECODING_ERROR => "Decoding error",
        code::TIMEOUT => "Timed out",
        code::AUTH_UNKNOWN => "Unknown authentication method",
        code::FILTER_ERROR => "Bad search filter",
        code::CONNECT_ERROR => "Connect error",
        _ => "Unknown error",
    }
}

/// A request, still without its number.
pub struct Request(Vec<u8>);

/// What a search asks for.
#[derive(Clone, Debug)]
pub struct Query<'a> {
    pub base: &'a [u8],
    pub scope: Scope,
    /// Whether aliases are followed, and when.
    pub dereference: i32,
    /// 0: any number of entries.
    pub size_limit: i32,
    /// Encoded.
    pub filter: &'a [u8],
    pub attributes: &'a [&'a [u8]],
}

impl Request {
    pub fn simple_bind(version: i32, name: &[u8], password: &[u8]) -> Self {
        let parts = [number(INTEGER, version), element(OCTET_STRING, name), element(0x80, password)];
        Request(group(0x60, &parts))
    }

    pub fn sasl_bind(mechanism: &[u8], credentials: &[u8]) -> Self {
        let sasl = [element(OCTET_STRING, mechanism), element(OCTET_STRING, credentials)];
        Request(group(0x60, &[number(INTEGER, 3), element(OCTET_STRING, b""), group(0xa3, &sasl)]))
    }

    pub fn start_tls() -> Self {
        Request(group(0x77, &[element(0x80, b"1.3.6.1.4.1.1466.20037")]))
    }

    pub fn search(query: &Query<'_>) -> Self {
        let attributes: Vec<Vec<u8>> = query.attributes.iter().map(|name| element(OCTET_STRING, name)).collect();
        Request(group(
            0x63,
            &[
                element(OCTET_STRING, query.base),
                number(ENUMERATED, query.scope as i32),
                number(ENUMERATED, query.dereference),
                number(INTEGER, query.size_limit),
                number(INTEGER, 0),
                boolean(BOOLEAN, false),
                query.filter.to_vec(),
                group(SEQUENCE, &attributes),
            ],
        ))
    }

    /// The bytes to send.
    pub fn numbered(&self, id: i32) -> Vec<u8> {
        group(SEQUENCE, &[number(INTEGER, id), self.0.clone()])
    }
}

/// An entry that a search has found: its attributes, with their values.
pub type Entry = Vec<(Vec<u8>, Vec<Vec<u8>>)>;

/// What the server sends.
#[derive(Debug, PartialEq, Eq)]
pub enum Reply {
    Entry(Entry),
    /// URLs where there is more; one of them is enough.
    Reference(Vec<Vec<u8>>),
    /// The end of a request: its code, and URLs where to ask instead.
    Result(i32, Vec<Vec<u8>>),
    /// Something that nobody has asked for.
    Other,
}

/// Reads a message: the number of its request, and what it says.
pub fn parse(message: &[u8]) -> Result<(i32, Reply), Malformed> {
    let mut elements = Elements::of(message);
    let id = elements.number(INTEGER)?;
    let (tag, content) = elements.take()?;
    let mut content = Elements::of(content);
    let reply = match tag {
        0x64 => Reply::Entry(entry(&mut content)?),
        0x73 => Reply::Reference(texts(content)?),
        0x61 | 0x65 | 0x78 => {
            let code = content.number(ENUMERATED)?;
            content.expect(OCTET_STRING)?;
            content.expect(OCTET_STRING)?;
            let referral = match content.take() {
                Ok((0xa3, urls)) => texts(Elements::of(urls))?,
                _ => Vec::new(),
            };
            Reply::Result(code, referral)
        }
        _ => Reply::Other,
    };
    Ok((id, reply))
}

fn entry(content: &mut Elements<'_>) -> Result<Entry, Malformed> {
    content.expect(OCTET_STRING)?;
    let mut attributes = Elements::of(content.expect(SEQUENCE)?);
    let mut entry = Vec::new();
    while !attributes.is_empty() {
        let mut attribute = Elements::of(attributes.expect(SEQUENCE)?);
        let name = attribute.expect(OCTET_STRING)?.to_vec();
        entry.push((name, texts(Elements::of(attribute.expect(0x31)?))?));
    }
    Ok(entry)
}

fn texts(mut elements: Elements<'_>) -> Result<Vec<Vec<u8>>, Malformed> {
    let mut texts = Vec::new();
    while !elements.is_empty() {
        texts.push(elements.expect(OCTET_STRING)?.to_vec());
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn requests() {
        let bind = Request::simple_bind(2, b"cn=x", b"pw").numbered(1);
        assert_eq!(bind, b"\x30\x12\x02\x01\x01\x60\x0d\x02\x01\x02\x04\x04cn=x\x80\x02pw");
        let query = Query {
            base: b"dc=x",
            scope: Scope::Sub,
            dereference: 0,
            size_limit: 0,
            filter: b"\x87\x02cn",
            attributes: &[b"a"],
        };
        let expected =
            b"\x30\x23\x02\x01\x02\x63\x1e\x04\x04dc=x\x0a\x01\x02\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\x87\x02cn\x30\x03\x04\x01a";
        assert_eq!(Request::search(&query).numbered(2), expected);
    }

    #[test]
    fn replies() {
        let entry = b"\x02\x01\x02\x64\x11\x04\x01d\x30\x0c\x30\x0a\x04\x01a\x31\x05\x04\x03xyz";
        assert_eq!(parse(entry), Ok((2, Reply::Entry(vec![(b"a".to_vec(), vec![b"xyz".to_vec()])]))));
        let done = b"\x02\x01\x02\x65\x07\x0a\x01\x20\x04\x00\x04\x00";
        assert_eq!(parse(done), Ok((2, Reply::Result(32, vec![]))));
        let referral = b"\x02\x01\x02\x65\x0c\x0a\x01\x0a\x04\x00\x04\x00\xa3\x03\x04\x01u";
        assert_eq!(parse(referral), Ok((2, Reply::Result(10, vec![b"u".to_vec()]))));
        assert_eq!(parse(b"\x02\x01\x02\x73\x03\x04\x01u"), Ok((2, Reply::Reference(vec![b"u".to_vec()]))));
        assert_eq!(parse(b"\x02\x01"), Err(Malformed));
    }

    proptest! {
        #[test]
        fn any_bytes_are_understood(tag in prop::sample::select(vec![0x61u8, 0x64, 0x65, 0x73, 0x78]),
                                    bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = parse(&bytes);
            let _ = parse(&[&b"\x02\x01\x01"[..], &element(tag, &bytes)].concat());
        }
    }
}
