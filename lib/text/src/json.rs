//! Texts in JSON.

/// A text in quotes. Bytes that are no UTF-8, for which JSON has no form, become U+FFFD.
///
/// ```
/// assert_eq!(text::json::string(b"b \"c\"\\\n\x01"), r#""b \"c\"\\\n\u0001""#);
/// assert_eq!(text::json::string(b"\xff"), "\"\u{fffd}\"");
/// ```
pub fn string(bytes: &[u8]) -> String {
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
    out
}
