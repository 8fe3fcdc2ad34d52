//! BER, as LDAP uses it: tags of one byte, lengths that are known. Values are read where they lie, so that depth costs nothing.

/// Bytes that are not what they should be.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

/// Universal tags.
pub const BOOLEAN: u8 = 0x01;
pub const INTEGER: u8 = 0x02;
pub const OCTET_STRING: u8 = 0x04;
pub const ENUMERATED: u8 = 0x0a;
pub const SEQUENCE: u8 = 0x30;

/// Takes elements off the front.
#[derive(Clone, Copy, Debug)]
pub struct Elements<'a>(&'a [u8]);

impl<'a> Elements<'a> {
    pub fn of(bytes: &'a [u8]) -> Self {
        Elements(bytes)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next element: its tag and content.
    pub fn take(&mut self) -> Result<(u8, &'a [u8]), Malformed> {
        let (&tag, rest) = self.0.split_first().ok_or(Malformed)?;
        let (length, size) = length(rest)?.ok_or(Malformed)?;
        let content = rest.get(size..size + length).ok_or(Malformed)?;
        self.0 = &rest[size + length..];
        Ok((tag, content))
    }

    /// The content of the next element, which must have this tag.
    pub fn expect(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        match self.take()? {
            (found, content) if found == tag => Ok(content),
            _ => Err(Malformed),
        }
    }

    /// The next element, a number.
    pub fn number(&mut self, tag: u8) -> Result<i32, Malformed> {
        let content = self.expect(tag)?;
        let (&first, rest) = content.split_first().filter(|(_, rest)| rest.len() < 4).ok_or(Malformed)?;
        let start = i32::from(first.cast_signed());
        Ok(rest.iter().fold(start, |number, &byte| number << 8 | i32::from(byte)))
    }
}

/// A length, and how many bytes say it. `None`: there are not enough.
pub fn length(bytes: &[u8]) -> Result<Option<(usize, usize)>, Malformed> {
    match bytes.first() {
        None => Ok(None),
        Some(&short @ 0..=0x7f) => Ok(Some((usize::from(short), 1))),
        Some(&long @ 0x81..=0x84) => {
            let size = usize::from(long & 0x7f);
            let Some(digits) = bytes.get(1..=size) else { return Ok(None) };
            Ok(Some((digits.iter().fold(0, |length, &byte| length << 8 | usize::from(byte)), size + 1)))
        }
        Some(_) => Err(Malformed),
    }
}

/// An element.
pub fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len();
    if length < 0x80 {
        out.push(u8::try_from(length).unwrap_or(0));
    } else {
        let digits = length.to_be_bytes();
        let zeros = digits.iter().take_while(|&&digit| digit == 0).count();
        out.push(0x80 | u8::try_from(digits.len() - zeros).unwrap_or(0));
        out.extend_from_slice(&digits[zeros..]);
    }
    out.extend_from_slice(content);
    out
}

/// An element made of others.
pub fn group(tag: u8, elements: &[Vec<u8>]) -> Vec<u8> {
    element(tag, &elements.concat())
}

/// A number, in four bytes at most.
pub fn number(tag: u8, value: i32) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let is_spare = |pair: &[u8]| matches!(pair, [0, 0..=0x7f] | [0xff, 0x80..=0xff]);
    let spare = bytes.windows(2).take_while(|pair| is_spare(pair)).count();
    element(tag, &bytes[spare..])
}

/// Yes or no.
pub fn boolean(tag: u8, value: bool) -> Vec<u8> {
    element(tag, &[if value { 0xff } else { 0 }])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(number(INTEGER, 0), [2, 1, 0]);
        assert_eq!(number(INTEGER, 128), [2, 2, 0, 128]);
        assert_eq!(number(INTEGER, -1), [2, 1, 255]);
        assert_eq!(Elements::of(&[2, 0]).number(INTEGER), Err(Malformed));
        assert_eq!(Elements::of(&[2, 5, 0, 0, 0, 0, 1]).number(INTEGER), Err(Malformed));
        assert_eq!(element(4, &[7; 300])[..4], [4, 0x82, 1, 44]);
    }

    proptest! {
        #[test]
        fn values_come_through(value in any::<i32>(), content in proptest::collection::vec(any::<u8>(), 0..400)) {
            prop_assert_eq!(Elements::of(&number(ENUMERATED, value)).number(ENUMERATED), Ok(value));
            let bytes = element(OCTET_STRING, &content);
            let mut elements = Elements::of(&bytes);
            prop_assert_eq!(elements.expect(OCTET_STRING), Ok(&content[..]));
            prop_assert!(elements.is_empty());
        }

        #[test]
        fn any_bytes_are_understood(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut elements = Elements::of(&bytes);
            while elements.take().is_ok() {}
            let _ = Elements::of(&bytes).number(INTEGER);
        }
    }
}
