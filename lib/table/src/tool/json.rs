//! `-j`: entries as JSON (tables §3.3).

use text::json::string;

/// `{"key": "value"}`. Bytes that are no UTF-8, for which JSON has no form, become U+FFFD.
pub fn object(key: &[u8], value: &[u8]) -> Vec<u8> {
    format!("{{{}: {}}}", string(key), string(value)).into_bytes()
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
