//! Making attribute lists.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Encoding;

/// Collects attributes as bytes.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
    encoding: Encoding,
}

impl Writer {
    /// An empty writer for one of the encodings; `Writer::default()` is for the null-terminated one.
    pub fn new(encoding: Encoding) -> Self {
        Self { bytes: Vec::new(), encoding }
    }

    /// Adds a 32-bit number; a negative one travels as its unsigned value (`-1` as `4294967295`).
    pub fn int(&mut self, name: &str, value: i32) {
        self.string(name, value.cast_unsigned().to_string());
    }

    /// Adds a 64-bit number.
    pub fn long(&mut self, name: &str, value: i64) {
        self.string(name, value.cast_unsigned().to_string());
    }

    /// Adds a string. The null-terminated encoding cannot carry NUL, nor the plain one a line end: the value is cut there, so that
    /// no value can forge another attribute.
    pub fn string(&mut self, name: &str, value: impl AsRef<[u8]>) {
        let value = value.as_ref();
        match self.encoding {
            Encoding::Null => self.pair(name.as_bytes(), 0, cut(value, b"\0"), 0),
            Encoding::Plain => self.pair(name.as_bytes(), b'=', cut(value, b"\0\n"), b'\n'),
            Encoding::Base64 => {
                self.pair(STANDARD.encode(name).as_bytes(), b':', STANDARD.encode(value).as_bytes(), b'\n')
            }
        }
    }

    /// Adds arbitrary bytes: base64 text on the wire.
    pub fn data(&mut self, name: &str, value: &[u8]) {
        match self.encoding {
            Encoding::Base64 => self.string(name, value),
            Encoding::Null | Encoding::Plain => self.string(name, STANDARD.encode(value)),
        }
    }

    /// Adds names and strings in brackets.
    pub fn hash<'a>(&mut self, members: impl IntoIterator<Item = (&'a str, &'a [u8])>) {
        self.bracket("{");
        for (name, value) in members {
            self.string(name, value);
        }
        self.bracket("}");
    }

    /// Ends the list.
    pub fn end(&mut self) {
        self.bytes.push(if self.encoding == Encoding::Null { 0 } else { b'\n' });
    }

    /// All that was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn pair(&mut self, name: &[u8], separator: u8, value: &[u8], end: u8) {
        self.bytes.extend_from_slice(name);
        self.bytes.push(separator);
        self.bytes.extend_from_slice(value);
        self.bytes.push(end);
    }

    fn bracket(&mut self, bracket: &str) {
        match self.encoding {
            Encoding::Null => self.bytes.extend_from_slice(format!("{bracket}\0").as_bytes()),
            Encoding::Plain => self.bytes.extend_from_slice(format!("{bracket}\0\n").as_bytes()),
            Encoding::Base64 => self.bytes.extend_from_slice(format!("{}\n", STANDARD.encode(bracket)).as_bytes()),
        }
    }
}

fn cut<'a>(value: &'a [u8], stops: &[u8]) -> &'a [u8] {
    let end = value.iter().position(|byte| stops.contains(byte)).unwrap_or(value.len());
    &value[..end]
}
