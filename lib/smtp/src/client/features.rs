//! What a server offers in its EHLO or LHLO reply (smtp-client §8, §9).

use bstr::{BString, ByteSlice};
use text::list;

use super::Reply;

/// Bits of [`Features::bits`], as the connection cache has them.
#[allow(missing_docs, reason = "the names are those of the protocol")]
pub mod feature {
    pub const ESMTP: u32 = 1 << 0;
    pub const EIGHT_BIT_MIME: u32 = 1 << 1;
    pub const PIPELINING: u32 = 1 << 2;
    pub const SIZE: u32 = 1 << 3;
    pub const STARTTLS: u32 = 1 << 4;
    pub const AUTH: u32 = 1 << 5;
    pub const XFORWARD_NAME: u32 = 1 << 7;
    pub const XFORWARD_ADDR: u32 = 1 << 8;
    pub const XFORWARD_PROTO: u32 = 1 << 9;
    pub const XFORWARD_HELO: u32 = 1 << 10;
    pub const XFORWARD_SOURCE: u32 = 1 << 11;
    pub const BEST_MX: u32 = 1 << 12;
    pub const RSET_REJECTED: u32 = 1 << 13;
    pub const FROM_CACHE: u32 = 1 << 14;
    pub const DSN: u32 = 1 << 15;
    pub const PIX_NO_ESMTP: u32 = 1 << 16;
    pub const PIX_DELAY_DOTCRLF: u32 = 1 << 17;
    pub const XFORWARD_PORT: u32 = 1 << 18;
    pub const XFORWARD_IDENT: u32 = 1 << 20;
    pub const SMTPUTF8: u32 = 1 << 21;
    /// Those that an endpoint in the cache does not keep.
    pub const NOT_OF_ENDPOINT: u32 = BEST_MX | RSET_REJECTED | FROM_CACHE;
}

const XFORWARD: [(&[u8], u32); 7] = [
    (b"NAME", feature::XFORWARD_NAME),
    (b"ADDR", feature::XFORWARD_ADDR),
    (b"PORT", feature::XFORWARD_PORT),
    (b"PROTO", feature::XFORWARD_PROTO),
    (b"HELO", feature::XFORWARD_HELO),
    (b"IDENT", feature::XFORWARD_IDENT),
    (b"SOURCE", feature::XFORWARD_SOURCE),
];

/// Keywords of EHLO replies, in the order in which they are listed when they are discarded. The last name is not a keyword.
const KEYWORDS: [&[u8]; 15] = [
    b"8BITMIME",
    b"AUTH",
    b"ETRN",
    b"PIPELINING",
    b"SIZE",
    b"VERP",
    b"VRFY",
    b"XCLIENT",
    b"XFORWARD",
    b"STARTTLS",
    b"ENHANCEDSTATUSCODES",
    b"DSN",
    b"EHLO_MASK_SMTPUTF8",
    b"CHUNKING",
    b"SILENT-DISCARD",
];
const SILENT: usize = 14;

/// Keywords to overlook.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Discard(u16);

impl Discard {
    /// Reads a list of keywords, in any case. Also returns the words that are none.
    pub fn parse(words: &[u8]) -> (Self, Vec<BString>) {
        let (mut discard, mut unknown) = (Discard::default(), Vec::new());
        for word in list::split(words, list::SEPARATORS) {
            match KEYWORDS.iter().position(|known| known.eq_ignore_ascii_case(word)) {
                Some(at) => discard.0 |= 1 << at,
                None if word.eq_ignore_ascii_case(b"SMTPUTF8") => discard.0 |= 1 << 12,
                None => unknown.push(word.into()),
            }
        }
        (discard, unknown)
    }

    /// The keywords for the log; nothing when there are none, or when that is to be silent.
    pub fn to_log(self) -> Option<String> {
        if self.0 == 0 || self.0 & 1 << SILENT != 0 {
            return None;
        }
        let names = KEYWORDS.iter().enumerate().filter(|(at, _)| self.0 & 1 << at != 0);
        Some(names.map(|(_, name)| name.to_str_lossy()).collect::<Vec<_>>().join(" "))
    }

    fn has(self, keyword: &[u8]) -> bool {
        let position = KEYWORDS
            .iter()
            .position(|known| *known == keyword || (*known == b"EHLO_MASK_SMTPUTF8" && keyword == b"SMTPUTF8"));
        position.is_some_and(|at| self.0 & 1 << at != 0)
    }
}

/// What is worth a warning in a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// A SIZE parameter that is no number.
    BadSize(BString),
}

/// What a server can do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// Bits of [`feature`].
    pub bits: u32,
    /// The largest message in bytes; 0 when that is not known.
    pub size_limit: i64,
    /// The server's name, in its own words.
    pub name: BString,
    /// The mechanisms of the AUTH lines.
    pub auth: BString,
}

impl Features {
    /// Whether all of these bits are set.
    pub fn has(&self, bits: u32) -> bool {
        self.bits & bits == bits
    }

    /// Reads the reply to EHLO or LHLO. Also returns what is worth a warning.
    pub fn read(reply: &Reply, discard: Discard) -> (Self, Vec<Remark>) {
        let (mut features, mut remarks) = (Features { bits: feature::ESMTP, ..Features::default() }, Vec::new());
        let mut is_first = true;
        for line in reply.text.split_str("\n") {
            let text = line.get(3..).unwrap_or_default().trim_start_with(|char| matches!(char, '-' | ' '));
            let mut words = list::split(text, b" \t=");
            let Some(keyword) = words.next() else { continue };
            if std::mem::take(&mut is_first) {
                features.name = keyword.into();
            } else {
                let upper = keyword.to_ascii_uppercase();
                if !discard.has(&upper) {
                    features.keyword(&upper, words, text, &mut remarks);
                }
            }
        }
        (features, remarks)
    }

    fn keyword<'a>(
        &mut self,
        keyword: &[u8],
        mut words: impl Iterator<Item = &'a [u8]>,
        text: &[u8],
        remarks: &mut Vec<Remark>,
    ) {
        match keyword {
            b"8BITMIME" => self.bits |= feature::EIGHT_BIT_MIME,
            b"PIPELINING" => self.bits |= feature::PIPELINING,
            b"DSN" => self.bits |= feature::DSN,
            b"SMTPUTF8" => self.bits |= feature::SMTPUTF8,
            b"STARTTLS" => self.bits |= feature::STARTTLS,
            b"SIZE" => {
                self.bits |= feature::SIZE;
                match words.next() {
                    Some(word) if word.iter().all(u8::is_ascii_digit) => {
                        self.size_limit = word.to_str().ok().and_then(|digits| digits.parse().ok()).unwrap_or(0);
                    }
                    Some(word) => remarks.push(Remark::BadSize(word.into())),
                    None => {}
                }
            }
            b"XFORWARD" => {
                for word in words {
                    let known = XFORWARD.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
                    self.bits |= known.map_or(0, |(_, bit)| *bit);
                }
            }
            b"AUTH" => {
                self.bits |= feature::AUTH;
                let mechanisms = text[keyword.len()..].trim_start_with(|char| matches!(char, ' ' | '\t' | '='));
                if !self.auth.is_empty() && !mechanisms.is_empty() {
                    self.auth.push(b' ');
                }
                self.auth.extend_from_slice(mechanisms);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str, discard: &str) -> (Features, Vec<Remark>) {
        let reply = Reply { code: 250, status: "2.0.0".into(), text: text.into() };
        Features::read(&reply, Discard::parse(discard.as_bytes()).0)
    }

    #[test]
    fn keywords_and_parameters() {
        let (features, remarks) = read(
            "250-MX.example hi\n250-pipelining\n250-SIZE 1000\n250-8bitmime\n250-AUTH=LOGIN PLAIN\n250-\n250-X=Y\n\
             250-XFORWARD name ADDR FOO\n250 DSN",
            "",
        );
        assert_eq!(features.name, "MX.example");
        assert_eq!(features.size_limit, 1000);
        assert_eq!(features.auth, "LOGIN PLAIN");
        assert!(features.has(feature::PIPELINING | feature::EIGHT_BIT_MIME | feature::DSN | feature::XFORWARD_ADDR));
        assert!(!features.has(feature::XFORWARD_HELO) && !features.has(feature::SMTPUTF8));
        assert!(remarks.is_empty());
    }

    #[test]
    fn sizes_that_are_no_number() {
        assert_eq!(read("250-x\n250 SIZE=abc", "").1, [Remark::BadSize("abc".into())]);
        let (features, remarks) = read("250-x\n250 SIZE 99999999999999999999", "");
        assert!(features.has(feature::SIZE) && features.size_limit == 0 && remarks.is_empty());
    }

    #[test]
    fn discarded_keywords() {
        let (features, _) = read("250-x\n250-PIPELINING\n250 DSN", "Pipelining, smtputf8 foo");
        assert!(!features.has(feature::PIPELINING) && features.has(feature::DSN));
        let (discard, unknown) = Discard::parse(b"dsn, smtputf8 foo etrn");
        assert_eq!(discard.to_log().unwrap(), "ETRN DSN EHLO_MASK_SMTPUTF8");
        assert_eq!(unknown, ["foo"]);
        assert_eq!(Discard::parse(b"dsn silent-discard").0.to_log(), None);
    }

    proptest! {
        #[test]
        fn any_reply_is_read(text: Vec<u8>) {
            let reply = Reply { code: 250, status: "2.0.0".into(), text: text.into() };
            let _ = Features::read(&reply, Discard::default());
        }
    }
}
