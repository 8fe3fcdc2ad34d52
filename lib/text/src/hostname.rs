//! The syntax of host and domain names (config §4.5).

use thiserror::Error;

/// The longest label, in bytes.
const MAX_LABEL: usize = 63;
/// The longest name, in bytes.
const MAX_NAME: usize = 255;

/// What is wrong with a host name. Log it as a warning that begins with `valid_hostname: `.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum HostnameError {
    /// There is no name.
    #[error("empty hostname")]
    Empty,
    /// A label has more than 63 bytes.
    #[error("hostname label too long: {}", start(.0))]
    LongLabel(Vec<u8>),
    /// A dot at an end, or two in a row.
    #[error("misplaced delimiter: {}", start(.0))]
    Delimiter(Vec<u8>),
    /// A hyphen at an end of a label.
    #[error("misplaced hyphen: {}", start(.0))]
    Hyphen(Vec<u8>),
    /// A byte that is no letter, digit, underscore, hyphen or dot.
    #[error("invalid character {byte}(decimal): {}", start(name))]
    #[allow(missing_docs, reason = "the byte, and the name it is in")]
    Character { byte: u8, name: Vec<u8> },
    /// Nothing but digits and dots.
    #[error("numeric hostname: {}", start(.0))]
    Numeric(Vec<u8>),
    /// More than 255 bytes.
    #[error("bad length {} for {}...", .0.len(), start(.0))]
    Length(Vec<u8>),
}

/// The part of a name that warnings show.
fn start(name: &[u8]) -> crate::Show<'_> {
    crate::show(&name[..name.len().min(100)])
}

/// Checks that `name` looks like a host name: labels of letters, digits, `_` and `-`, with a non-digit somewhere.
pub fn check_hostname(name: &[u8]) -> Result<(), HostnameError> {
    if name.is_empty() {
        return Err(HostnameError::Empty);
    }
    let mut label = 0;
    let mut numeric = true;
    for (at, &byte) in name.iter().enumerate() {
        let ends_label = matches!(name.get(at + 1), None | Some(b'.'));
        match byte {
            b'.' if label == 0 || at + 1 == name.len() => return Err(HostnameError::Delimiter(name.to_vec())),
            b'.' => label = 0,
            b'-' if label == 0 || ends_label => return Err(HostnameError::Hyphen(name.to_vec())),
            b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                numeric &= byte.is_ascii_digit();
                label += 1;
                if label > MAX_LABEL {
                    return Err(HostnameError::LongLabel(name.to_vec()));
                }
            }
            _ => return Err(HostnameError::Character { byte, name: name.to_vec() }),
        }
    }
    if numeric {
        return Err(HostnameError::Numeric(name.to_vec()));
    }
    if name.len() > MAX_NAME {
        return Err(HostnameError::Length(name.to_vec()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_has_its_warning() {
        let error = |name: &str| check_hostname(name.as_bytes()).unwrap_err().to_string();
        assert_eq!(error(""), "empty hostname");
        assert_eq!(error(".a"), "misplaced delimiter: .a");
        assert_eq!(error("a..b"), "misplaced delimiter: a..b");
        assert_eq!(error("a."), "misplaced delimiter: a.");
        assert_eq!(error("a-.b"), "misplaced hyphen: a-.b");
        assert_eq!(error("a b"), "invalid character 32(decimal): a b");
        assert_eq!(error("1.2.3.4"), "numeric hostname: 1.2.3.4");
        assert!(error(&"a".repeat(64)).starts_with("hostname label too long: "));
        assert!(error(&"a.".repeat(128)[..255].repeat(2)).starts_with("bad length 510 for "));
        assert_eq!(check_hostname(b"my_host-1.example.com"), Ok(()));
    }
}
