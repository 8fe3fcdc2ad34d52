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
        let mut scanner = Scanner { text, at: 0 };
        let mut fields: [Vec<(u8, u8)>; 4] = Default::default();
        for (index, field) in fields.iter_mut().enumerate() {
            if index > 0 {
                scanner.expect(b'.')?;
            }
            *field = scanner.field()?;
        }
        match scanner.peek() {
            None => Ok(Pattern(fields)),
            Some(_) => Err(scanner.error("garbage after pattern")),
        }
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

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn error(&self, what: &str) -> String {
        let (before, after) = self.text.split_at(self.at.min(self.text.len()));
        format!("{what} at \"{}>{}<\"", text::show(before), text::show(after))
    }

    fn expect(&mut self, byte: u8) -> Result<(), String> {
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(self.error(&format!("need \"{}\"", char::from(byte))))
    }

    fn field(&mut self) -> Result<Vec<(u8, u8)>, String> {
        if self.peek() != Some(b'[') {
            let number = self.number()?;
            return Ok(vec![(number, number)]);
        }
        self.at += 1;
        let mut ranges = Vec::new();
        loop {
            let low = self.number()?;
            let high = if self.text[self.at..].starts_with(b"..") {
                self.at += 2;
                self.number()?
            } else {
                low
            };
            if high < low {
                return Err(self.error("bad range"));
            }
            ranges.push((low, high));
            match self.peek() {
                Some(b';') => self.at += 1,
                _ => break,
            }
        }
        self.expect(b']')?;
        Ok(ranges)
    }

    fn number(&mut self) -> Result<u8, String> {
        let digits = self.text[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = std::str::from_utf8(&self.text[self.at..self.at + digits]).ok();
        match number.filter(|_| digits > 0).map(str::parse) {
            Some(Ok(number)) => {
                self.at += digits;
                Ok(number)
            }
            Some(Err(_)) => Err(self.error("bad number")),
            None => Err(self.error("need number")),
        }
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

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in r"[0-9.;\[\]x]{0,30}") {
            let _ = Pattern::parse(text.as_bytes());
        }
    }
}
