//! Enhanced status codes (RFC 3463; delivery-agents §1.7, smtp-client).

use crate::space::{is_space, trim_start};

/// Takes an enhanced status code off the start of a text: class 2, 4 or 5, and two numbers of one to three digits,
/// followed by white space or the end. White space between code and text is dropped.
///
/// ```
/// assert_eq!(text::dsn::split_status(b"4.2.1 come back"), Some((&b"4.2.1"[..], &b"come back"[..])));
/// assert_eq!(text::dsn::split_status(b"4.2.1234 x"), None);
/// ```
pub fn split_status(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = status_length(text)?;
    match text.get(end) {
        Some(&byte) if !is_space(byte) => None,
        _ => Some((&text[..end], trim_start(&text[end..]))),
    }
}

/// Is this an enhanced status code and nothing else?
pub fn is_status(text: &[u8]) -> bool {
    status_length(text) == Some(text.len())
}

/// Length in bytes of the code at the start.
fn status_length(text: &[u8]) -> Option<usize> {
    let rest = text.strip_prefix(b"2.").or_else(|| text.strip_prefix(b"4.")).or_else(|| text.strip_prefix(b"5."))?;
    let subject = digits(rest)?;
    let rest = rest[subject..].strip_prefix(b".")?;
    Some(2 + subject + 1 + digits(rest)?)
}

fn digits(text: &[u8]) -> Option<usize> {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    matches!(count, 1..=3).then_some(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn statuses() {
        assert_eq!(split_status(b"5.7.1"), Some((&b"5.7.1"[..], &b""[..])));
        assert_eq!(split_status(b"2.123.999  ok"), Some((&b"2.123.999"[..], &b"ok"[..])));
        for bad in ["", "3.1.1 x", "4.1 x", "4..1 x", "4.1.1x", "4.1234.1 x", "44.1.1 x"] {
            assert_eq!(split_status(bad.as_bytes()), None, "{bad}");
        }
        assert!(is_status(b"4.0.0") && !is_status(b"4.0.0 x"));
    }

    proptest! {
        #[test]
        fn any_text_is_split_without_panic(text in r"[245.0-9 x]{0,20}") {
            let _ = split_status(text.as_bytes());
        }
    }
}
