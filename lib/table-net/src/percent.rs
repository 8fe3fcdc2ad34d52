//! `%XX` in URLs.

use bstr::BString;

/// Decodes a text. `None`: a `%` without two hexadecimal digits.
pub fn decode(text: &[u8]) -> Option<BString> {
    let mut out = BString::default();
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digits = after.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
        let digits = std::str::from_utf8(digits).ok()?;
        out.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &after[2..];
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        assert_eq!(decode(b"a%20b%2F").unwrap(), "a b/");
        for bad in ["%", "%2", "%zz", "%+1"] {
            assert_eq!(decode(bad.as_bytes()), None, "{bad}");
        }
    }
}
