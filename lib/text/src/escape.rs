//! Bytes as the C language writes them.

/// Writes each byte that is not printable ASCII as `\r`, `\n`, `\ooo` and so on, and a backslash twice.
///
/// ```
/// assert_eq!(text::escape(b"QUIT\r\n\xff\\"), "QUIT\\r\\n\\377\\\\");
/// ```
pub fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'\\' => text.push_str("\\\\"),
            7 => text.push_str("\\a"),
            8 => text.push_str("\\b"),
            9 => text.push_str("\\t"),
            10 => text.push_str("\\n"),
            11 => text.push_str("\\v"),
            12 => text.push_str("\\f"),
            13 => text.push_str("\\r"),
            32..=126 => text.push(char::from(byte)),
            _ => text.push_str(&format!("\\{byte:03o}")),
        }
    }
    text
}
