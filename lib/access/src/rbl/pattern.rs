//! Patterns of IPv4 addresses: `127.0.0.[2;4..11]`.

use std::net::Ipv4Addr;

/// What each of the four octets may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern([Vec<(u8, u8)>; 4]);

impl Pattern {
    /// Reads a pattern: four fields, each a number or `[n;n..m;...]`.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(text: &[u8]) -> Result<Pattern, String> {
        if text.is_empty() {
            return Err("empty address pattern".into());
        }
        let mut scanner = Scanner { text, at: 0 };
        let mut fields: [Vec<(u8, u8)>; 4] = Default::default();
        for (index, field) in fields.iter_mut().enumerate() {
            if index > 0 && !scanner.take(b'.') {
                return Err(scanner.error("need \".\""));
            }
            *field = scanner.field()?;
        }
        if scanner.token().is_empty() { Ok(Pattern(fields)) } else { Err(scanner.error("garbage after pattern")) }
    }

    /// Whether an address fits.
    pub fn matches(&self, address: Ipv4Addr) -> bool {
        let fits =
            |(field, octet): (&Vec<(u8, u8)>, u8)| field.iter().any(|(low, high)| (*low..=*high).contains(&octet));
        self.0.iter().zip(address.octets()).all(fits)
    }
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    /// What comes next: digits, or one other byte, or nothing.
    fn token(&self) -> &'a [u8] {
        let rest = &self.text[self.at..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        &rest[..digits.max(1).min(rest.len())]
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.token() == [byte];
        self.at += usize::from(is_next);
        is_next
    }

    fn error(&self, what: &str) -> String {
        let (before, rest) = self.text.split_at(self.at);
        let (token, after) = rest.split_at(self.token().len());
        format!("{what} at \"{}>{}<{}\"", text::show(before), text::show(token), text::show(after))
    }

    fn field(&mut self) -> Result<Vec<(u8, u8)>, String> {
        if !self.take(b'[') {
            let number = self.number("need decimal number 0..255 or \"[\"")?;
            return Ok(vec![(number, number)]);
        }
        let mut ranges = Vec::new();
        loop {
            ranges.push(self.range()?);
            if self.take(b']') {
                return Ok(ranges);
            }
            if !self.take(b';') {
                return Err(self.error("need \";\" or \"]\""));
            }
        }
    }

    /// A number, or `low..high`.
    fn range(&mut self) -> Result<(u8, u8), String> {
        const BAD: &str = "numeric range error";
        let low = self.number("need decimal number 0..255")?;
        if !self.take(b'.') {
            return Ok((low, low));
        }
        if !self.take(b'.') {
            return Err(self.error(BAD));
        }
        let start = self.at;
        let high = self.number(BAD)?;
        if high < low {
            self.at = start;
            return Err(self.error(BAD));
        }
        Ok((low, high))
    }

    fn number(&mut self, problem: &str) -> Result<u8, String> {
        let token = self.token();
        let number = std::str::from_utf8(token).ok().filter(|_| token.first().is_some_and(u8::is_ascii_digit));
        let number = number.and_then(|digits| digits.parse().ok()).ok_or_else(|| self.error(problem))?;
        self.at += token.len();
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(pattern: &str, address: [u8; 4]) -> bool {
        Pattern::parse(pattern.as_bytes()).unwrap().matches(address.into())
    }

    #[test]
    fn fields() {
        assert!(matches("127.0.0.2", [127, 0, 0, 2]) && !matches("127.0.0.2", [127, 0, 0, 3]));
        assert!(matches("127.0.[0;2].[2..4;9]", [127, 0, 2, 3]) && matches("127.0.0.[2..4;9]", [127, 0, 0, 9]));
        assert!(!matches("127.0.0.[2..4]", [127, 0, 0, 5]));
        for bad in ["", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.[4", "1.2.3.[4..2]", "1.2.3.[]", "a.b.c.d"] {
            assert!(Pattern::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn mistakes_are_pointed_at() {
        let error = |text: &str| Pattern::parse(text.as_bytes()).unwrap_err();
        assert_eq!(error("127.0.0.300"), "need decimal number 0..255 or \"[\" at \"127.0.0.>300<\"");
        assert_eq!(error("127.0.0.[1;x]"), "need decimal number 0..255 at \"127.0.0.[1;>x<]\"");
        assert_eq!(error("127.0.0.[4..2]"), "numeric range error at \"127.0.0.[4..>2<]\"");
        assert_eq!(error("127.0.0.[1.5]"), "numeric range error at \"127.0.0.[1.>5<]\"");
        assert_eq!(error("127.0.0.[4"), "need \";\" or \"]\" at \"127.0.0.[4><\"");
        assert_eq!(error("127.0.0.4.5"), "garbage after pattern at \"127.0.0.4>.<5\"");
        assert_eq!(error("127.0.0"), "need \".\" at \"127.0.0><\"");
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in r"[0-9.;\[\]x]{0,30}") {
            let _ = Pattern::parse(text.as_bytes());
        }
    }
}
