//! Taking attribute lists apart (master-ipc §10.3).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bstr::BString;

use super::{Encoding, Error, Input};

/// How many members a hash may have.
const HASH_LIMIT: usize = 1024;

const NAME: &str = "input attribute name";
const VALUE: &str = "input attribute value";

/// Reads one list: the wanted attributes in their order, then [`Reader::end`].
pub struct Reader<'a> {
    input: &'a mut dyn Input,
    encoding: Encoding,
    strict: bool,
    first: bool,
    ended: bool,
}

/// What comes next in a list: an attribute's name, with its value when the encoding has it on the same line.
enum Next {
    Attribute { name: Vec<u8>, value: Option<Vec<u8>> },
    End,
}

impl<'a> Reader<'a> {
    /// Reads from `input`. A strict reader refuses attributes that are not wanted; others skip them.
    pub fn new(input: &'a mut dyn Input, encoding: Encoding, strict: bool) -> Self {
        Self { input, encoding, strict, first: true, ended: false }
    }

    /// The next attribute must be `name`, a 32-bit number. Larger numbers wrap, as `4294967295` is `-1`.
    ///
    /// # Errors
    /// It is missing, another, or no number.
    pub fn int(&mut self, name: &str) -> Result<i32, Error> {
        Ok(self.number(name)? as u32 as i32)
    }

    /// As [`Reader::int`]; no other attribute may come first, not even for a reader that is not strict.
    ///
    /// # Errors
    /// As [`Reader::int`].
    pub fn leading_int(&mut self, name: &str) -> Result<i32, Error> {
        let strict = std::mem::replace(&mut self.strict, true);
        let number = self.int(name);
        self.strict = strict;
        number
    }

    /// The next attribute must be `name`, a 64-bit number.
    ///
    /// # Errors
    /// As [`Reader::int`].
    pub fn long(&mut self, name: &str) -> Result<i64, Error> {
        Ok(self.number(name)? as i64)
    }

    /// The next attribute must be `name`, a string.
    ///
    /// # Errors
    /// It is missing or another.
    pub fn string(&mut self, name: &str) -> Result<BString, Error> {
        Ok(self.wanted(name, "string")?.into())
    }

    /// The next attribute must be `name`, bytes in base64.
    ///
    /// # Errors
    /// It is missing, another, or no base64 text.
    pub fn data(&mut self, name: &str) -> Result<Vec<u8>, Error> {
        let value = self.wanted(name, "data")?;
        if self.encoding == Encoding::Base64 {
            return Ok(value);
        }
        self.decode(&value)
    }

    /// The next attribute must be `name` with exactly the value `expected`.
    ///
    /// # Errors
    /// It is missing, another, or has another value.
    pub fn expect(&mut self, name: &str, expected: &str) -> Result<(), Error> {
        let value = self.wanted(name, "string")?;
        if value == expected.as_bytes() {
            return Ok(());
        }
        Err(Error::Mismatch {
            name: name.to_owned(),
            value: text::show(&value).to_string(),
            expected: expected.to_owned(),
            stream: self.stream(),
        })
    }

    /// A hash: names and strings in brackets, or bare up to the end of the list. Of a name that comes twice the first value counts.
    ///
    /// # Errors
    /// More than 1024 members, or a bad list.
    pub fn hash(&mut self) -> Result<Vec<(BString, BString)>, Error> {
        let mut members: Vec<(BString, BString)> = Vec::new();
        let mut bracketed = false;
        while let Next::Attribute { name, value } = self.next()? {
            match name.as_slice() {
                b"{" if !bracketed && members.is_empty() => bracketed = true,
                b"}" if bracketed => break,
                _ if members.len() >= HASH_LIMIT => return Err(Error::TooMany(self.stream())),
                _ => {
                    let value = self.value(&name, value, "string")?;
                    if !members.iter().any(|(known, _)| *known == name) {
                        members.push((name.into(), value.into()));
                    }
                }
            }
        }
        Ok(members)
    }

    /// The list must end here. What is left of it is skipped; a strict reader warns about it, and the request counts all the same.
    ///
    /// # Errors
    /// The stream fails before the end of the list.
    pub fn end(&mut self) -> Result<(), Error> {
        let mut quiet = !self.strict;
        while !self.ended {
            if let Next::Attribute { name, value } = self.next()? {
                if !quiet {
                    log::warn!("{}", self.unexpected(&name, "(list terminator)"));
                    quiet = true;
                }
                self.value(&name, value, "string")?;
            }
        }
        Ok(())
    }

    fn number(&mut self, name: &str) -> Result<u64, Error> {
        let value = self.wanted(name, "number")?;
        parse_number(&value).ok_or_else(|| self.malformed("numerical", &value))
    }

    fn wanted(&mut self, wanted: &str, kind: &'static str) -> Result<Vec<u8>, Error> {
        loop {
            let Next::Attribute { name, value } = self.next()? else {
                return Err(Error::Missing { wanted: wanted.to_owned(), stream: self.stream() });
            };
            if name == wanted.as_bytes() {
                return self.value(&name, value, kind);
            }
            if self.strict {
                return Err(self.unexpected(&name, wanted));
            }
            self.value(&name, value, "string")?;
        }
    }

    fn next(&mut self) -> Result<Next, Error> {
        if self.ended {
            return Ok(Next::End);
        }
        let delimiter = if self.encoding == Encoding::Null { 0 } else { b'\n' };
        let Some(line) = self.input.take_until(delimiter, NAME)? else {
            return Err(if self.first {
                Error::Closed(self.stream())
            } else {
                Error::Premature { stream: self.stream(), what: NAME }
            });
        };
        self.first = false;
        if line.is_empty() {
            self.ended = true;
            return Ok(Next::End);
        }
        match self.encoding {
            Encoding::Null => Ok(Next::Attribute { name: line, value: None }),
            Encoding::Plain => Ok(split_plain(line)),
            Encoding::Base64 => self.split_base64(&line),
        }
    }

    fn split_base64(&mut self, line: &[u8]) -> Result<Next, Error> {
        let mut parts = line.split(|byte| *byte == b':');
        let name = self.decode(parts.next().unwrap_or_default())?;
        let value = parts.next().map(|value| self.decode(value)).transpose()?;
        if parts.next().is_some() {
            return Err(Error::Multiple { name: text::show(&name).to_string(), stream: self.stream() });
        }
        Ok(Next::Attribute { name, value })
    }

    fn value(&mut self, name: &[u8], value: Option<Vec<u8>>, kind: &'static str) -> Result<Vec<u8>, Error> {
        if let Some(value) = value {
            return Ok(value);
        }
        if self.encoding != Encoding::Null {
            return Err(Error::NoValue { kind, name: text::show(name).to_string(), stream: self.stream() });
        }
        self.input.take_until(0, VALUE)?.ok_or_else(|| Error::Premature { stream: self.stream(), what: VALUE })
    }

    fn decode(&self, value: &[u8]) -> Result<Vec<u8>, Error> {
        STANDARD.decode(value).map_err(|_| self.malformed("base64", value))
    }

    fn malformed(&self, kind: &'static str, value: &[u8]) -> Error {
        let start = &value[..value.len().min(100)];
        Error::Malformed { kind, stream: self.stream(), text: text::show(start).to_string() }
    }

    fn unexpected(&self, name: &[u8], wanted: &str) -> Error {
        Error::Unexpected { name: text::show(name).to_string(), wanted: wanted.to_owned(), stream: self.stream() }
    }

    fn stream(&self) -> String {
        self.input.name().to_owned()
    }
}

/// The plain form of a bracket is `{ NUL`; a receiver takes `{` alone as well.
fn split_plain(mut line: Vec<u8>) -> Next {
    if let Some(at) = line.iter().position(|byte| *byte == b'=') {
        let value = line.split_off(at + 1);
        line.truncate(at);
        return Next::Attribute { name: line, value: Some(value) };
    }
    if line.last() == Some(&0) {
        line.pop();
    }
    Next::Attribute { name: line, value: None }
}

/// What scanf's `%lu` takes with nothing behind it: leading blanks and a sign are fine; the value wraps.
fn parse_number(value: &[u8]) -> Option<u64> {
    let value = value.trim_ascii_start();
    let (negative, digits) = match value.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, value),
    };
    if digits.is_empty() || digits.len() > 100 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits.iter().fold(0u64, |sum, digit| sum.wrapping_mul(10).wrapping_add(u64::from(digit - b'0')));
    Some(if negative { number.wrapping_neg() } else { number })
}
