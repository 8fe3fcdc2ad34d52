//! What a header line is (cleanup-rewrite §13.1).

/// Length in bytes of the header's name, when the line begins a header: at least one printable ASCII character other
/// than blank and `:`, perhaps blanks and tabs, and a `:`.
///
/// ```
/// assert_eq!(text::header::name_length(b"Subject : hi"), Some(7));
/// assert_eq!(text::header::name_length(b" Subject: hi"), None);
/// ```
pub fn name_length(line: &[u8]) -> Option<usize> {
    let length = line.iter().position(|byte| !matches!(byte, 0x21..=0x7e) || *byte == b':')?;
    let colon = line[length..].iter().find(|byte| !matches!(byte, b' ' | b'\t'))?;
    (length > 0 && *colon == b':').then_some(length)
}

/// Does the line begin a header?
pub fn is_header(line: &[u8]) -> bool {
    name_length(line).is_some()
}

/// Does the line continue a header?
pub fn is_continuation(line: &[u8]) -> bool {
    matches!(line.first(), Some(b' ' | b'\t'))
}

/// Name and value of a header line. The value is all that follows the colon.
pub fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = name_length(line)?;
    let colon = memchr::memchr(b':', &line[length..])?;
    Some((&line[..length], &line[length + colon + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers() {
        assert_eq!(split(b"To \t: a"), Some((&b"To"[..], &b" a"[..])));
        for line in [&b""[..], b":", b": x", b"From x", b"a b: c", b"\xe4: x", b"To", b"To \t", b"a\x01: b"] {
            assert!(!is_header(line), "{line:?}");
        }
        assert!(is_continuation(b"\tx") && !is_continuation(b"x"));
    }
}
