//! How fast a window grows and shrinks (qmgr-bounce §5.5).

use bstr::ByteSlice;

/// What one result adds to, or takes from, a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Feedback {
    base: f64,
    per_concurrency: bool,
}

impl Feedback {
    /// Reads `number`, `number/number` or `number/concurrency`; the base must be within 0 to 1.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = text.to_str().ok()?;
        let (number, divisor) = match text.split_once('/') {
            Some((number, divisor)) => (number.trim(), Some(divisor.trim())),
            None => (text.trim(), None),
        };
        let number: f64 = number.parse().ok()?;
        let feedback = match divisor {
            None => Self { base: number, per_concurrency: false },
            Some("concurrency") => Self { base: number, per_concurrency: true },
            Some(divisor) => Self { base: number / divisor.parse::<f64>().ok()?, per_concurrency: false },
        };
        (0.0..=1.0).contains(&feedback.base).then_some(feedback)
    }

    /// The value for a window of this size.
    pub fn value(self, window: usize) -> f64 {
        if self.per_concurrency { self.base / window.max(1) as f64 } else { self.base }
    }
}

impl Default for Feedback {
    /// 1 for each result.
    fn default() -> Self {
        Self { base: 1.0, per_concurrency: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_and_bounds() {
        assert_eq!(Feedback::parse(b"1"), Some(Feedback::default()));
        assert_eq!(Feedback::parse(b"1 / 4").unwrap().value(9), 0.25);
        assert_eq!(Feedback::parse(b"1/concurrency").unwrap().value(4), 0.25);
        for bad in ["2", "-1", "x", "1/0", "1/x", ""] {
            assert_eq!(Feedback::parse(bad.as_bytes()), None, "{bad}");
        }
    }
}
