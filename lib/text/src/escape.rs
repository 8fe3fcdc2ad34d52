//! Backslash escapes as in the C language (cleanup-rewrite §15.4, smtpd).

/// Replaces escapes: `\a \b \f \n \r \t \v`, `\` with one to three octal digits, and `\` with any other character, which
/// stands for itself. A `\` at the end is dropped.
///
/// ```
/// assert_eq!(text::unescape(br"a\0b\\\n"), b"a\0b\\\n");
/// ```
pub fn unescape(text: &[u8]) -> Vec<u8> {
    let (mut at, mut plain) = (0, Vec::with_capacity(text.len()));
    while let Some(&byte) = text.get(at) {
        at += 1;
        if byte != b'\\' {
            plain.push(byte);
            continue;
        }
        let Some(&escaped) = text.get(at) else { break };
        let digits = text[at..].iter().take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
        if digits > 0 {
            let value = text[at..at + digits].iter().fold(0u16, |value, digit| value * 8 + u16::from(digit - b'0'));
            plain.push(value.to_be_bytes()[1]);
            at += digits;
            continue;
        }
        at += 1;
        plain.push(match escaped {
            b'a' => 7,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            other => other,
        });
    }
    plain
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        assert_eq!(unescape(br"\0\101\1012\q\"), b"\0AA2q");
        assert_eq!(unescape(br"\a\b\f\n\r\t\v"), [7, 8, 12, 10, 13, 9, 11]);
        assert_eq!(unescape(br"\777"), [0xff]);
        assert_eq!(unescape(escape(b"\0a\\\xff\n").as_bytes()), b"\0a\\\xff\n");
    }

    proptest::proptest! {
        #[test]
        fn never_longer(text: Vec<u8>) {
            assert!(unescape(&text).len() <= text.len());
        }
    }
}
