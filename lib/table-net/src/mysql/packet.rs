//! Packets of the MySQL protocol: bytes in, values out.

use std::io::{self, Read};

/// The largest packet that is read, in bytes.
const LIMIT: usize = 0xff_ffff - 1;

/// What the server can do, and what we want.
pub mod capability {
    pub const LONG_PASSWORD: u32 = 1;
    pub const CONNECT_WITH_DB: u32 = 1 << 3;
    pub const PROTOCOL_41: u32 = 1 << 9;
    pub const SSL: u32 = 1 << 11;
    pub const TRANSACTIONS: u32 = 1 << 13;
    pub const SECURE_CONNECTION: u32 = 1 << 15;
    pub const MULTI_RESULTS: u32 = 1 << 17;
    pub const PLUGIN_AUTH: u32 = 1 << 19;
    pub const PLUGIN_AUTH_LENENC: u32 = 1 << 21;
}

/// Status bits.
const MORE_RESULTS: u16 = 1 << 3;
const NO_BACKSLASH_ESCAPES: u16 = 1 << 9;

/// The server's status after a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status(pub u16);

impl Status {
    /// Whether another result follows.
    pub fn has_more(self) -> bool {
        self.0 & MORE_RESULTS != 0
    }

    /// Whether `\` in a string is a `\`.
    pub fn has_plain_backslashes(self) -> bool {
        self.0 & NO_BACKSLASH_ESCAPES != 0
    }
}

/// A packet that is not what it should be.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

/// Takes values off the front of a packet.
pub struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub fn of(packet: &'a [u8]) -> Self {
        Fields(packet)
    }

    fn bytes(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self, length: usize) -> Result<u64, Malformed> {
        Ok(self.bytes(length)?.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn until_nul(&mut self) -> Result<&'a [u8], Malformed> {
        let length = memchr::memchr(0, self.0).ok_or(Malformed)?;
        let text = self.bytes(length)?;
        self.bytes(1)?;
        Ok(text)
    }

    /// A number that says its own length. `None`: NULL.
    pub fn packed_number(&mut self) -> Result<Option<u64>, Malformed> {
        match self.number(1)? {
            0xfb => Ok(None),
            0xfc => self.number(2).map(Some),
            0xfd => self.number(3).map(Some),
            0xfe => self.number(8).map(Some),
            0xff => Err(Malformed),
            small => Ok(Some(small)),
        }
    }

    /// Text after its length. `None`: NULL.
    pub fn packed_text(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        match self.packed_number()? {
            None => Ok(None),
            Some(length) => self.bytes(usize::try_from(length).map_err(|_| Malformed)?).map(Some),
        }
    }

    pub fn rest(&self) -> &'a [u8] {
        self.0
    }
}

/// What the server says first.
#[derive(Debug, PartialEq, Eq)]
pub struct Greeting {
    pub capabilities: u32,
    pub status: Status,
    /// How it wants us to log in.
    pub plugin: Vec<u8>,
    /// What our proof must contain.
    pub nonce: Vec<u8>,
}

impl Greeting {
    pub fn parse(packet: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Fields::of(packet);
        if fields.number(1)? != 10 {
            return Err(Malformed);
        }
        fields.until_nul()?;
        fields.number(4)?;
        let mut nonce = fields.bytes(8)?.to_vec();
        fields.bytes(1)?;
        let low = fields.number(2)?;
        fields.number(1)?;
        let status = fields.number(2)?;
        let high = fields.number(2)?;
        let nonce_length = usize::try_from(fields.number(1)?).map_err(|_| Malformed)?;
        fields.bytes(10)?;
        let more = fields.bytes(nonce_length.saturating_sub(8).max(13))?;
        nonce.extend_from_slice(more.strip_suffix(b"\0").unwrap_or(more));
        let plugin = fields.until_nul().unwrap_or(b"mysql_native_password").to_vec();
        let capabilities = u32::try_from(low | high << 16).map_err(|_| Malformed)?;
        Ok(Greeting { capabilities, status: Status(u16::try_from(status).unwrap_or(0)), plugin, nonce })
    }
}

/// What the server says after a step.
#[derive(Debug, PartialEq, Eq)]
pub enum Reply<'a> {
    Ok(Status),
    /// The text of an error.
    Error(&'a [u8]),
    /// Log in otherwise: how, and with what nonce.
    Switch(&'a [u8], &'a [u8]),
    /// More about logging in.
    More(&'a [u8]),
    /// Rows of so many columns follow.
    Columns(u64),
}

impl<'a> Reply<'a> {
    pub fn parse(packet: &'a [u8]) -> Result<Self, Malformed> {
        let mut fields = Fields::of(packet);
        Ok(match packet.first().ok_or(Malformed)? {
            0 => {
                fields.bytes(1)?;
                fields.packed_number()?;
                fields.packed_number()?;
                Reply::Ok(Status(u16::try_from(fields.number(2)?).unwrap_or(0)))
            }
            0xff => Reply::Error(error_text(packet)),
            0xfe if packet.len() > 1 => {
                fields.bytes(1)?;
                let plugin = fields.until_nul()?;
                let nonce = fields.rest();
                Reply::Switch(plugin, nonce.strip_suffix(b"\0").unwrap_or(nonce))
            }
            0xfe | 0xfb => return Err(Malformed),
            _ => Reply::Columns(fields.packed_number()?.ok_or(Malformed)?),
        })
    }

    /// As [`Reply::parse`], while logging in: no rows can follow.
    pub fn parse_login(packet: &'a [u8]) -> Result<Self, Malformed> {
        match packet {
            [1, data @ ..] => Ok(Reply::More(data)),
            [0 | 0xfe | 0xff, ..] => Reply::parse(packet),
            _ => Err(Malformed),
        }
    }
}

/// The text of an error, without its number and state.
pub fn error_text(packet: &[u8]) -> &[u8] {
    let text = packet.get(3..).unwrap_or_default();
    match text {
        [b'#', _, _, _, _, _, text @ ..] => text,
        text => text,
    }
}

/// Whether a packet is the end of rows, or of columns; then the status.
pub fn end_of_rows(packet: &[u8]) -> Option<Status> {
    match packet {
        [0xfe, _, _, low, high] => Some(Status(u16::from_le_bytes([*low, *high]))),
        _ => None,
    }
}

/// A packet with its header.
pub fn frame(number: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
    [&length[..3], &[number], payload].concat()
}

/// Reads a packet, and its number.
pub fn read(input: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let mut header = [0; 4];
    input.read_exact(&mut header)?;
    let length = usize::from(header[0]) | usize::from(header[1]) << 8 | usize::from(header[2]) << 16;
    if length > LIMIT {
        return Err(io::Error::other("the packet is too large"));
    }
    let mut payload = vec![0; length];
    input.read_exact(&mut payload)?;
    Ok((header[3], payload))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn greeting() -> Vec<u8> {
        let mut packet = b"\x0a5.5.5-10.11\0\x01\0\0\0abcdefgh\0\xff\xf7\x2d\x02\0\xff\x81\x15".to_vec();
        packet.extend([0; 10]);
        packet.extend(b"ijklmnopqrst\0mysql_native_password\0");
        packet
    }

    #[test]
    fn greetings() {
        let parsed = Greeting::parse(&greeting()).unwrap();
        assert_eq!(parsed.capabilities, 0x81ff_f7ff);
        assert_eq!(parsed.nonce, b"abcdefghijklmnopqrst");
        assert_eq!(parsed.plugin, b"mysql_native_password");
    }

    #[test]
    fn replies() {
        assert_eq!(Reply::parse(&[0, 0, 0, 2, 2, 0, 0]), Ok(Reply::Ok(Status(0x202))));
        assert!(Status(0x202).has_plain_backslashes() && !Status(2).has_more());
        assert_eq!(Reply::parse(b"\xff\x15\x04#28000no"), Ok(Reply::Error(b"no")));
        assert_eq!(Reply::parse(b"\xff\x15\x04early"), Ok(Reply::Error(b"early")));
        assert_eq!(Reply::parse_login(b"\xfex\0nonce\0"), Ok(Reply::Switch(b"x", b"nonce")));
        assert_eq!(Reply::parse_login(b"\x01\x03"), Ok(Reply::More(b"\x03")));
        assert_eq!(Reply::parse_login(b"\x02"), Err(Malformed));
        assert_eq!(Reply::parse(b"\x02"), Ok(Reply::Columns(2)));
        assert_eq!(end_of_rows(b"\xfe\0\0\x0a\0"), Some(Status(10)));
        let mut row = Fields::of(b"\x01a\xfb\xfc\x02\0bc");
        assert_eq!(row.packed_text(), Ok(Some(&b"a"[..])));
        assert_eq!(row.packed_text(), Ok(None));
        assert_eq!(row.packed_text(), Ok(Some(&b"bc"[..])));
        assert_eq!(row.packed_text(), Err(Malformed));
    }

    proptest! {
        #[test]
        fn packets_come_through(payload in proptest::collection::vec(any::<u8>(), 0..40), number in any::<u8>()) {
            prop_assert_eq!(read(&mut frame(number, &payload).as_slice()).unwrap(), (number, payload));
        }

        #[test]
        fn any_bytes_are_understood(bytes in proptest::collection::vec(any::<u8>(), 0..60), cut in 0usize..60) {
            let _ = (Greeting::parse(&bytes), Reply::parse(&bytes), Reply::parse_login(&bytes), end_of_rows(&bytes));
            let _ = (error_text(&bytes), read(&mut bytes.as_slice()));
            let greeting = greeting();
            let _ = Greeting::parse(&greeting[..cut.min(greeting.len())]);
        }
    }
}
