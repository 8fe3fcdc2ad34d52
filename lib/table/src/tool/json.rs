//! `-j`: entries as JSON (tables §3.3).

/// `{"key": "value"}`. Bytes that are no UTF-8, for which JSON has no form, become U+FFFD.
pub fn object(key: &[u8], value: &[u8]) -> Vec<u8> {
    [&b"{"[..], &string(key), b": ", &string(value), b"}"].concat()
}

fn string(bytes: &[u8]) -> Vec<u8> {
    let mut out = String::from("\"");
    for character in bstr::ByteSlice::chars(bytes) {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            control if control.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects() {
        assert_eq!(object(b"a", b"b \"c\"\\\n\x01"), br#"{"a": "b \"c\"\\\n\u0001"}"#);
        assert_eq!(object("\u{e9}".as_bytes(), b"\xff"), "{\"\u{e9}\": \"\u{fffd}\"}".as_bytes());
    }
}
