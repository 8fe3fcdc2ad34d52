//! Making text safe to print (queue-files §0).

use std::borrow::Cow;
use std::fmt;

/// Replaces by `?` each byte that is neither printable ASCII nor, with `utf8`, part of a UTF-8 multibyte sequence: a
/// lead byte 194..=254 that is followed by at least one continuation byte.
///
/// Borrows its input when there is nothing to replace.
pub fn printable(bytes: &[u8], utf8: bool) -> Cow<'_, [u8]> {
    printable_except(bytes, utf8, b'?', |_| false)
}

/// As [`printable`], with `replacement` in place of `?`, and leaving alone the bytes for which `keep` holds.
pub fn printable_except(bytes: &[u8], utf8: bool, replacement: u8, keep: impl Fn(u8) -> bool) -> Cow<'_, [u8]> {
    let mut clean = Cow::Borrowed(bytes);
    let mut at = 0;
    while at < bytes.len() {
        let continuation = if utf8 { continuation_length(&bytes[at..]) } else { 0 };
        if continuation > 0 {
            at += 1 + continuation;
            continue;
        }
        let byte = bytes[at];
        if !(matches!(byte, 0x20..=0x7e) || keep(byte)) {
            clean.to_mut()[at] = replacement;
        }
        at += 1;
    }
    clean
}

fn continuation_length(bytes: &[u8]) -> usize {
    match bytes.first() {
        Some(194..=254) => bytes[1..].iter().take_while(|byte| matches!(byte, 128..=191)).count(),
        _ => 0,
    }
}

/// Shows bytes in a log line or an error message: valid UTF-8 as it is, every other byte and every control character as `?`.
///
/// ```
/// assert_eq!(format!("<{}>", text::show(b"a\x00b\xff")), "<a?b?>");
/// ```
pub fn show(bytes: &(impl AsRef<[u8]> + ?Sized)) -> Show<'_> {
    Show(bytes.as_ref())
}

/// What [`show`] returns.
#[derive(Clone, Copy)]
pub struct Show<'a>(&'a [u8]);

impl fmt::Display for Show<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                fmt::Write::write_char(f, if c.is_ascii_control() { '?' } else { c })?;
            }
            for _ in chunk.invalid() {
                f.write_str("?")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Show<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_controls_and_bare_high_bytes_become_question_marks() {
        assert_eq!(&*printable(b"a\tb\x7f\xe4c", true), b"a?b??c");
    }

    #[test]
    fn utf8_stays_only_when_asked_for() {
        assert_eq!(&*printable("é".as_bytes(), true), "é".as_bytes());
        assert_eq!(&*printable("é".as_bytes(), false), b"??");
    }

    #[test]
    fn nothing_to_replace_is_borrowed() {
        assert!(matches!(printable(b"plain", false), Cow::Borrowed(_)));
    }
}
