//! `name = value` (queue-files §0).

use crate::space::{is_space, trim, trim_start};

/// What is wrong with a `name = value` text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameValueError {
    /// Nothing in front of the `=`.
    #[error("missing attribute name")]
    MissingName,
    /// No `=` behind the name.
    #[error("missing '=' after attribute name")]
    MissingEquals,
}

/// Takes a `name = value` text apart. White space around either is dropped; the value may be empty.
pub fn split_name_value(text: &[u8]) -> Result<(&[u8], &[u8]), NameValueError> {
    let text = trim_start(text);
    let name_end = text.iter().position(|&byte| byte == b'=' || is_space(byte)).unwrap_or(text.len());
    let (name, rest) = text.split_at(name_end);
    if name.is_empty() {
        return Err(NameValueError::MissingName);
    }
    match trim_start(rest) {
        [b'=', value @ ..] => Ok((name, trim(value))),
        _ => Err(NameValueError::MissingEquals),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_around_name_and_value_is_dropped() {
        assert_eq!(split_name_value(b" a = b c\t"), Ok((&b"a"[..], &b"b c"[..])));
        assert_eq!(split_name_value(b"a="), Ok((&b"a"[..], &b""[..])));
        assert_eq!(split_name_value(b"=b"), Err(NameValueError::MissingName));
        assert_eq!(split_name_value(b"a b"), Err(NameValueError::MissingEquals));
    }
}
