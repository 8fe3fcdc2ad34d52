//! Search filters: text in, BER out.

use bstr::ByteSlice;

use super::ber::{boolean, element, group};

/// The deepest nesting of filters in filters.
const DEEPEST: usize = 50;

/// A filter that is none.
#[derive(Debug, PartialEq, Eq)]
pub struct BadFilter;

/// Encodes a filter. The outer parentheses may be missing.
///
/// # Errors
/// It is none.
pub fn encode(text: &[u8]) -> Result<Vec<u8>, BadFilter> {
    let mut parser = Parser { rest: text.trim_ascii() };
    let filter = match parser.rest.first() {
        Some(b'(') => parser.filter(0)?,
        _ => parser.item()?,
    };
    match parser.rest.trim_ascii().is_empty() {
        true => Ok(filter),
        false => Err(BadFilter),
    }
}

struct Parser<'a> {
    rest: &'a [u8],
}

impl<'a> Parser<'a> {
    fn take(&mut self, byte: u8) -> Result<(), BadFilter> {
        self.rest = self.rest.trim_ascii_start().strip_prefix(&[byte]).ok_or(BadFilter)?;
        Ok(())
    }

    fn next(&mut self) -> Option<u8> {
        self.rest = self.rest.trim_ascii_start();
        self.rest.first().copied()
    }

    /// `( ... )`.
    fn filter(&mut self, depth: usize) -> Result<Vec<u8>, BadFilter> {
        if depth == DEEPEST {
            return Err(BadFilter);
        }
        self.take(b'(')?;
        let filter = match self.next() {
            Some(b'&') => self.list(b'&', 0xa0, depth)?,
            Some(b'|') => self.list(b'|', 0xa1, depth)?,
            Some(b'!') => {
                self.take(b'!')?;
                element(0xa2, &self.filter(depth + 1)?)
            }
            _ => self.item()?,
        };
        self.take(b')')?;
        Ok(filter)
    }

    fn list(&mut self, sign: u8, tag: u8, depth: usize) -> Result<Vec<u8>, BadFilter> {
        self.take(sign)?;
        let mut members = Vec::new();
        while self.next() == Some(b'(') {
            members.push(self.filter(depth + 1)?);
        }
        Ok(group(tag, &members))
    }

    /// `attribute=value` and its variants, up to a parenthesis.
    fn item(&mut self) -> Result<Vec<u8>, BadFilter> {
        let end = self.rest.iter().position(|byte| matches!(byte, b'(' | b')')).unwrap_or(self.rest.len());
        let (item, rest) = self.rest.split_at(end);
        self.rest = rest;
        let (left, value) = item.split_once_str("=").ok_or(BadFilter)?;
        let (name, kind) = match left {
            [name @ .., sign @ (b'>' | b'<' | b'~' | b':')] => (name, *sign),
            name => (name, b'='),
        };
        if kind == b':' {
            return extensible(name, &unescape(value)?);
        }
        let name = name.trim_ascii();
        if name.is_empty() || name.iter().any(|byte| byte.is_ascii_whitespace() || *byte == b'*') {
            return Err(BadFilter);
        }
        let pair = |tag, value: &[u8]| group(tag, &[element(0x04, name), element(0x04, value)]);
        Ok(match kind {
            b'>' => pair(0xa5, &unescape(value)?),
            b'<' => pair(0xa6, &unescape(value)?),
            b'~' => pair(0xa8, &unescape(value)?),
            _ if value == b"*" => element(0x87, name),
            _ if value.contains(&b'*') => group(0xa4, &[element(0x04, name), substrings(value)?]),
            _ => pair(0xa3, &unescape(value)?),
        })
    }
}

/// `attribute:dn:rule:=value`; all but the value can be missing, though not both names.
fn extensible(left: &[u8], value: &[u8]) -> Result<Vec<u8>, BadFilter> {
    let mut parts = left.split(|&byte| byte == b':');
    let name = parts.next().unwrap_or_default().trim_ascii();
    let mut rest: Vec<&[u8]> = parts.collect();
    let with_dn = rest.first().is_some_and(|part| part.eq_ignore_ascii_case(b"dn"));
    if with_dn {
        rest.remove(0);
    }
    let rule = match rest.as_slice() {
        [] => None,
        [rule] if !rule.is_empty() => Some(*rule),
        _ => return Err(BadFilter),
    };
    if name.is_empty() && rule.is_none() {
        return Err(BadFilter);
    }
    let mut parts = Vec::new();
    parts.extend(rule.map(|rule| element(0x81, rule)));
    if !name.is_empty() {
        parts.push(element(0x82, name));
    }
    parts.push(element(0x83, value));
    if with_dn {
        parts.push(boolean(0x84, true));
    }
    Ok(group(0xa9, &parts))
}

/// `initial*any*final`.
fn substrings(value: &[u8]) -> Result<Vec<u8>, BadFilter> {
    let pieces: Vec<&[u8]> = value.split(|&byte| byte == b'*').collect();
    let last = pieces.len() - 1;
    let mut parts = Vec::new();
    for (index, piece) in pieces.iter().enumerate().filter(|(_, piece)| !piece.is_empty()) {
        let tag = match index {
            0 => 0x80,
            index if index == last => 0x82,
            _ => 0x81,
        };
        parts.push(element(tag, &unescape(piece)?));
    }
    match parts.is_empty() {
        true => Err(BadFilter),
        false => Ok(group(0x30, &parts)),
    }
}

/// Decodes `\XX`, and the older `\` before a character.
fn unescape(text: &[u8]) -> Result<Vec<u8>, BadFilter> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(value) => {
                out.push(value);
                rest = &after[2..];
            }
            None => {
                let (&literal, after) = after.split_first().ok_or(BadFilter)?;
                out.push(literal);
                rest = after;
            }
        }
    }
    Ok(out)
}

/// Adds a text so that it is nothing but data in a filter.
pub fn quote(text: &[u8], out: &mut Vec<u8>) {
    hide(text, out, |byte| matches!(byte, b'*' | b'(' | b')' | b'\\' | 0));
}

/// Adds a text so that it is nothing but data in a name.
pub fn quote_name(text: &[u8], out: &mut Vec<u8>) {
    let is_special =
        |byte| matches!(byte, b' ' | b'\t' | b'"' | b'#' | b'+' | b',' | b';' | b'<' | b'>' | b'\\' | b'=' | 0);
    hide(text, out, is_special);
}

fn hide(text: &[u8], out: &mut Vec<u8>, is_special: impl Fn(u8) -> bool) {
    for &byte in text {
        match is_special(byte) {
            true => out.extend_from_slice(format!("\\{byte:02X}").as_bytes()),
            false => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(text: &str) -> Result<Vec<u8>, BadFilter> {
        encode(text.as_bytes())
    }

    #[test]
    fn filters() {
        let equal = b"\xa3\x07\x04\x02cn\x04\x01x";
        assert_eq!(encoded("(cn=x)").unwrap(), equal);
        assert_eq!(encoded("cn=x").unwrap(), equal);
        assert_eq!(encoded("(&(cn=x) (!(cn=x)) )").unwrap(), [b"\xa0\x14", &equal[..], b"\xa2\x09", equal].concat());
        assert_eq!(encoded("(cn=*)").unwrap(), b"\x87\x02cn");
        assert_eq!(encoded("(cn=\\2a\\28)").unwrap(), b"\xa3\x08\x04\x02cn\x04\x02*(");
        assert_eq!(encoded("(cn=a*b*c)").unwrap(), b"\xa4\x0f\x04\x02cn\x30\x09\x80\x01a\x81\x01b\x82\x01c");
        assert_eq!(encoded("(cn>=x)").unwrap(), b"\xa5\x07\x04\x02cn\x04\x01x");
        assert_eq!(encoded("(cn:dn:r:=x)").unwrap(), b"\xa9\x0d\x81\x01r\x82\x02cn\x83\x01x\x84\x01\xff");
        for bad in ["(cn=x", "cn", "(cn=x))", "", "(=x)", "(:=x)", "(&(cn=x)", "(cn=**)", "(!cn=x)", "(cn=x\\)"] {
            assert_eq!(encoded(bad), Err(BadFilter), "{bad}");
        }
        assert_eq!(encoded(&format!("{}cn=x{}", "(!".repeat(60), ")".repeat(60))), Err(BadFilter));
    }

    proptest! {
        #[test]
        fn a_quoted_key_is_one_value(key in proptest::collection::vec(any::<u8>(), 1..30)) {
            let mut text = b"(a=".to_vec();
            quote(&key, &mut text);
            text.push(b')');
            let expected = group(0xa3, &[element(4, b"a"), element(4, &key)]);
            prop_assert_eq!(encode(&text), Ok(expected));
        }

        #[test]
        fn any_text_is_understood(text in "[(a=&|!*)~:<>\\\\ ]{0,20}") {
            let _ = encode(text.as_bytes());
        }
    }
}
