//! Compatibility levels (config §6).

use std::fmt;

use crate::space::is_space;

/// A level `major[.minor[.patch]]`; missing parts are zero. Ordered by component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level {
    major: u32,
    minor: u16,
    patch: u16,
}

/// The largest minor and patch number.
const MAX_PART: u16 = 1023;

impl Level {
    /// A level from its parts; `minor` and `patch` are at most 1023.
    pub const fn new(major: u32, minor: u16, patch: u16) -> Self {
        Level { major, minor, patch }
    }

    /// Reads a level; nothing if the syntax is bad.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut parts = text.split(|&byte| byte == b'.').map(number);
        let major = parts.next()??;
        let minor = parts.next().unwrap_or(Some(0))?;
        let patch = parts.next().unwrap_or(Some(0))?;
        if parts.next().is_some() || major > i32::MAX as u32 {
            return None;
        }
        let small = |part| u16::try_from(part).ok().filter(|&part| part <= MAX_PART);
        Some(Level { major, minor: small(minor)?, patch: small(patch)? })
    }
}

fn number(text: &[u8]) -> Option<u32> {
    if text.is_empty() || text.iter().any(|&byte| is_space(byte) || !byte.is_ascii_digit()) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.major)?;
        if self.major > 2 {
            write!(f, ".{}", self.minor)?;
            if self.patch > 0 {
                write!(f, ".{}", self.patch)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_compare_by_component() {
        let level = |text: &str| Level::parse(text.as_bytes()).unwrap();
        assert!(level("3.10") > level("3.9"));
        assert_eq!(level("3"), level("3.0.0"));
        assert_eq!(level("01"), level("1"));
        assert_eq!(level("3.6").to_string(), "3.6");
        assert_eq!(level("2.0").to_string(), "2");
    }

    #[test]
    fn bad_levels_are_refused() {
        for text in ["", " 3 ", "3.", "a", "1.2.3.4", "1.1024", "-1", "+1", "99999999999"] {
            assert_eq!(Level::parse(text.as_bytes()), None, "{text}");
        }
    }
}
