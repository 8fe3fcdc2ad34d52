//! User and group IDs in tables.

/// Reads an ID that is a decimal number, at least `minimum`, and fits. `4294967295` means "no change" to the system, and is none.
pub fn parse_id(text: &[u8], minimum: u32) -> Option<u32> {
    let text = std::str::from_utf8(text).ok()?;
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number: u32 = text.parse().ok().filter(|_| digits)?;
    (number >= minimum && number != u32::MAX).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_numbers_in_range() {
        assert_eq!(parse_id(b"100", 100), Some(100));
        for bad in ["99", "", "+100", "100x", "-1", "4294967295", "4294967296"] {
            assert_eq!(parse_id(bad.as_bytes(), 100), None, "{bad}");
        }
    }
}
