//! How fast a window grows and shrinks (qmgr-bounce §5.5).

use bstr::ByteSlice;

use super::Destination;
use crate::settings::TransportSettings;

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

    /// Whether it depends on the window.
    pub fn is_per_concurrency(self) -> bool {
        self.per_concurrency
    }

    /// The value for a window of this size.
    pub fn value(self, window: usize) -> f64 {
        if self.per_concurrency { self.base / window.max(1) as f64 } else { self.base }
    }
}

impl TransportSettings {
    /// Says in the log what a result did, if that is asked for.
    pub(super) fn trace(&self, what: &str, feedback: Option<f64>, destination: &Destination) {
        if !self.feedback_debug {
            return;
        }
        if let Some(feedback) = feedback {
            log::info!("{what}: feedback {}", short(feedback));
        }
        log::info!("{what}: {}", destination.trace(self.concurrency_limit));
    }
}

/// A number with six significant digits at the most, and no zeros at the end: `%g` of printf(3), which scripts know.
pub fn short(number: f64) -> String {
    let trim = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    let exponent = if number == 0.0 { 0 } else { number.abs().log10().floor() as i32 };
    if (-4..6).contains(&exponent) {
        return trim(&format!("{number:.*}", usize::try_from(5 - exponent).unwrap_or(0)));
    }
    let text = format!("{number:.5e}");
    let (digits, _) = text.split_once('e').unwrap_or((&text, ""));
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trim(digits), exponent.abs())
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
    fn short_numbers() {
        let texts = [0.0, 0.2, -1.0, 0.533_333_3, 1.033_333_3, 20.0, 123.456_789, 5.551_116e-17, 1e-5].map(short);
        assert_eq!(texts, ["0", "0.2", "-1", "0.533333", "1.03333", "20", "123.457", "5.55112e-17", "1e-05"]);
    }

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
