//! Lines with 8-bit characters as quoted-printable text (RFC 2045 §6.7; cleanup-rewrite §16.5).

use super::End;

/// An output line that is longer than this gets no further character, in bytes.
const SOFT_LIMIT: usize = 72;
const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Converts lines; holds one output line, of at most 76 bytes.
#[derive(Clone, Debug, Default)]
pub struct QuotedPrintable {
    line: Vec<u8>,
    is_inside_line: bool,
}

impl QuotedPrintable {
    /// Takes a line, or a piece of one, and gives the output lines that are complete.
    pub fn take(&mut self, text: &[u8], end: End, mut put: impl FnMut(&[u8])) {
        for &byte in text {
            if self.line.len() > SOFT_LIMIT {
                self.line.push(b'=');
                put(&self.line);
                self.line.clear();
            }
            match byte {
                b'\t' | b' '..=b'<' | b'>'..=b'~' => self.line.push(byte),
                _ => self.push_encoded(byte),
            }
        }
        self.is_inside_line = true;
        if end == End::Line {
            self.end_line(&mut put);
        }
    }

    /// The body ends: gives the line that was begun.
    pub fn finish(&mut self, mut put: impl FnMut(&[u8])) {
        if self.is_inside_line {
            self.end_line(&mut put);
        }
    }

    /// White space at the end of a line would not survive.
    fn end_line(&mut self, put: &mut impl FnMut(&[u8])) {
        if let Some(&byte @ (b' ' | b'\t')) = self.line.last() {
            self.line.pop();
            self.push_encoded(byte);
        }
        put(&self.line);
        self.line.clear();
        self.is_inside_line = false;
    }

    fn push_encoded(&mut self, byte: u8) {
        self.line.extend([b'=', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    }
}
