//! Delays with the precision that people can read (qmgr-bounce §8.2).

use std::fmt::{self, Display};
use std::time::Duration;

/// A delay as log lines show it: at most two significant digits, and at most `decimals` behind the point.
#[derive(Clone, Copy, Debug)]
pub struct Delay {
    duration: Duration,
    decimals: usize,
}

impl Delay {
    /// Shows `duration` with at most `decimals` (0 to 6) decimals.
    pub fn new(duration: Duration, decimals: usize) -> Self {
        Self { duration, decimals: decimals.min(6) }
    }

    /// The smallest step that is shown, in microseconds.
    fn unit(self) -> u64 {
        const SECOND: u64 = 1_000_000;
        if self.decimals == 0 || self.duration.as_secs() >= 10 {
            return SECOND;
        }
        if self.duration.as_secs() > 0 {
            return SECOND / 10;
        }
        let mut unit = (self.decimals..6).fold(1, |unit, _| unit * 10);
        while u64::from(self.duration.subsec_micros()) >= 100 * unit {
            unit *= 10;
        }
        unit
    }
}

impl Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = self.unit();
        let micros = u64::try_from(self.duration.as_micros()).unwrap_or(u64::MAX / 2);
        let rounded = if unit > 1 { micros + unit / 2 } else { micros };
        let (seconds, mut rest) = (rounded / 1_000_000, rounded % 1_000_000);
        write!(f, "{seconds}")?;
        if rest < unit {
            return Ok(());
        }
        f.write_str(".")?;
        let mut digit = 100_000;
        while rest >= unit {
            write!(f, "{}", rest / digit)?;
            rest %= digit;
            digit /= 10;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_specification() {
        let rows: [(u64, &str, &str, &str); 10] = [
            (4_999, "0", "0", "0.005"),
            (5_000, "0.01", "0", "0.005"),
            (70_000, "0.07", "0", "0.07"),
            (123_456, "0.12", "0", "0.12"),
            (995_000, "1", "1", "1"),
            (1_230_000, "1.2", "1", "1.2"),
            (9_949_999, "9.9", "10", "9.9"),
            (9_950_000, "10", "10", "10"),
            (12_500_000, "13", "13", "13"),
            (123, "0", "0", "0.00012"),
        ];
        for (micros, two, zero, six) in rows {
            let shown = |decimals| Delay::new(Duration::from_micros(micros), decimals).to_string();
            assert_eq!((shown(2).as_str(), shown(0).as_str(), shown(6).as_str()), (two, zero, six), "{micros}");
        }
    }
}
