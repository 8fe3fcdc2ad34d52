//! White space as C's isspace() has it in the POSIX locale: blank, tab, newline, vertical tab, form feed, return.

/// Is this byte white space?
pub const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Drops white space in front.
pub fn trim_start(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|&byte| !is_space(byte)).unwrap_or(text.len());
    &text[start..]
}

/// Drops white space at the end.
pub fn trim_end(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|&byte| !is_space(byte)).map_or(0, |last| last + 1);
    &text[..end]
}

/// Drops white space in front and at the end.
pub fn trim(text: &[u8]) -> &[u8] {
    trim_end(trim_start(text))
}
