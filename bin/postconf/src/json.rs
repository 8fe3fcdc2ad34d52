//! `-j`: one object for each line (config §8.7).

use bstr::BString;

/// `{"name": "value"}`.
pub fn object(name: &[u8], value: &[u8]) -> BString {
    [b"{", string(name).as_slice(), b": ", &string(value), b"}"].concat().into()
}

/// A text in quotes. Bytes that are no ASCII stay as they are.
fn string(text: &[u8]) -> BString {
    let mut quoted = BString::from("\"");
    for &byte in text {
        match byte {
            b'"' | b'\\' => quoted.extend([b'\\', byte]),
            0x08 => quoted.extend(b"\\b"),
            0x0c => quoted.extend(b"\\f"),
            b'\n' => quoted.extend(b"\\n"),
            b'\r' => quoted.extend(b"\\r"),
            b'\t' => quoted.extend(b"\\t"),
            _ if byte.is_ascii_control() => quoted.extend(format!("\\u{byte:04X}").bytes()),
            _ => quoted.push(byte),
        }
    }
    quoted.push(b'"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted() {
        assert_eq!(
            object(b"a", b"x\"\\\t\n\x01\x7f\xff"),
            b"{\"a\": \"x\\\"\\\\\\t\\n\\u0001\\u007F\xff\"}".as_slice()
        );
    }
}
