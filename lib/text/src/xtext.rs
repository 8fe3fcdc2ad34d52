//! xtext: `+` and two hexadecimal digits stand for a byte (RFC 3461 §4; smtpd, smtp-client).

use bstr::BString;

/// Encodes: printable ASCII other than blank, `+` and the `special` characters stays, all else becomes `+HH`.
pub fn encode(bytes: &[u8], special: &[u8]) -> BString {
    let mut text = BString::default();
    for &byte in bytes {
        if matches!(byte, 33..=126) && byte != b'+' && !special.contains(&byte) {
            text.push(byte);
        } else {
            text.extend_from_slice(format!("+{byte:02X}").as_bytes());
        }
    }
    text
}

/// Decodes; `None` when a `+` is not followed by two hexadecimal digits. Digits of either case are taken.
pub fn decode(text: &[u8]) -> Option<BString> {
    let mut bytes = BString::default();
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(hex(rest.next()?)? << 4 | hex(rest.next()?)?),
            _ => bytes.push(byte),
        }
    }
    Some(bytes)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts() {
        assert_eq!(encode(b"a+b c=", b"="), "a+2Bb+20c+3D");
        assert_eq!(decode(b"a+2bb+20c").unwrap(), "a+b c");
        assert_eq!(decode(b"a+2"), None);
        assert_eq!(decode(b"a+g0"), None);
    }

    proptest! {
        #[test]
        fn round_trip(bytes: Vec<u8>) {
            prop_assert_eq!(decode(&encode(&bytes, b"=")).unwrap(), bytes);
        }

        #[test]
        fn any_bytes_are_decoded_without_panic(text: Vec<u8>) {
            let _ = decode(&text);
        }
    }
}
