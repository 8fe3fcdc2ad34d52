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

/// Encodes an address of type `utf-8` (RFC 6533 §3): printable ASCII other than `special` stays, all else becomes `\\x{HEX}`. `None` for
/// text that is not UTF-8.
pub fn encode_unicode(text: &[u8], special: &[u8]) -> Option<BString> {
    let mut encoded = BString::default();
    for character in std::str::from_utf8(text).ok()?.chars() {
        match u8::try_from(character) {
            Ok(byte @ 33..=126) if !special.contains(&byte) => encoded.push(byte),
            _ => encoded.extend_from_slice(format!("\\x{{{:X}}}", u32::from(character)).as_bytes()),
        }
    }
    Some(encoded)
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

/// Decodes the xtext of `utf-8` addresses (RFC 6533 §3): `\x{HEX}` stands for a character. `None` for a backslash that begins nothing else, and
/// for text that is not UTF-8.
pub fn decode_unicode(text: &[u8]) -> Option<BString> {
    let mut decoded = BString::default();
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        decoded.extend_from_slice(&rest[..at]);
        let code = rest[at..].strip_prefix(b"\\x{")?;
        let end = code.iter().position(|byte| *byte == b'}').filter(|end| (1..=6).contains(end))?;
        let digits = std::str::from_utf8(&code[..end]).ok().filter(|digits| !digits.starts_with('+'))?;
        let character = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
        decoded.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        rest = &code[end + 1..];
    }
    decoded.extend_from_slice(rest);
    std::str::from_utf8(&decoded).is_ok().then_some(decoded)
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

    #[test]
    fn unicode_texts() {
        assert_eq!(decode_unicode(br"a\x{2B}\x{E9}@b").unwrap(), "a+é@b");
        assert_eq!(decode_unicode("é".as_bytes()).unwrap(), "é");
        for bad in [r"\", r"\x", r"\x{}", r"\x{D800}", r"\x{110000}", r"\x{+1}", r"\x{1"] {
            assert_eq!(decode_unicode(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn unicode_is_encoded() {
        assert_eq!(encode_unicode("a+é b".as_bytes(), b"+").unwrap(), r"a\x{2B}\x{E9}\x{20}b");
        assert_eq!(encode_unicode(b"\xff", b""), None);
    }

    proptest! {
        #[test]
        fn round_trip(bytes: Vec<u8>) {
            prop_assert_eq!(decode(&encode(&bytes, b"=")).unwrap(), bytes);
        }

        #[test]
        fn any_bytes_are_decoded_without_panic(text: Vec<u8>) {
            let _ = (decode(&text), decode_unicode(&text));
        }
    }
}
