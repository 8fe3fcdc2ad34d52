//! The sender of address probes (access-milter-postscreen §12.5).

use std::time::{SystemTime, UNIX_EPOCH};

use bstr::{BString, ByteSlice};
use config::{Config, params};
use text::address::split_domain;

use crate::Rewriter;

/// The digits of a time slot.
const DIGITS: &[u8; 31] = b"0123456789BCDFGHJKLMNPQRSTVWXYZ";

/// The address that probes come from. With `address_verify_sender_ttl` it changes with time, so that it is of no use to collectors of
/// addresses.
#[derive(Clone, Debug)]
pub struct ProbeSender {
    local_part: BString,
    domain: Option<BString>,
    /// In seconds; 0: the address does not change.
    slot: u64,
}

impl ProbeSender {
    /// Reads the parameters, and completes the address, when there is somebody to do that.
    ///
    /// # Errors
    /// The text of the fatal error.
    pub fn read(config: &Config) -> Result<Self, String> {
        let value = config.get(params::ADDRESS_VERIFY_SENDER);
        let address = if value == "<>" { b"".as_bstr() } else { value };
        let bad = |what: &str| {
            let (name, value) = (params::ADDRESS_VERIFY_SENDER.name(), text::show(value));
            format!("parameter {name}: value \"{value}\" must not {what} with '@'")
        };
        if address.starts_with(b"@") {
            return Err(bad("start"));
        }
        if address.ends_with(b"@") {
            return Err(bad("end"));
        }
        let slot = if address.is_empty() { 0 } else { config.get(params::ADDRESS_VERIFY_SENDER_TTL).as_secs() };
        Ok(Self::of(address, slot))
    }

    fn of(address: &[u8], slot: u64) -> Self {
        let (local_part, domain) = split_domain(address);
        ProbeSender { local_part: local_part.into(), domain: domain.map(BString::from), slot }
    }

    /// Adds what is missing to the address.
    ///
    /// # Errors
    /// The rewrite service is gone.
    pub fn complete(&mut self, rewriter: &mut dyn Rewriter) -> Result<(), ipc::Unreachable> {
        let plain = self.plain();
        if !plain.is_empty() {
            *self = Self::of(&rewriter.rewrite_internal("local", &plain)?, self.slot);
        }
        Ok(())
    }

    /// The address without the time.
    pub fn plain(&self) -> BString {
        self.with_suffix(b"")
    }

    /// The address at a time.
    pub fn at(&self, now: SystemTime) -> BString {
        match self.slot {
            0 => self.plain(),
            slot => self.with_suffix(&digits(seconds(now) / slot)),
        }
    }

    fn with_suffix(&self, suffix: &[u8]) -> BString {
        let at_domain = self.domain.as_ref().map_or(Vec::new(), |domain| [b"@", domain.as_slice()].concat());
        [self.local_part.as_slice(), suffix, &at_domain].concat().into()
    }

    /// Whether an address is this one: as it is now, a slot ago, or in the next slot.
    pub fn matches(&self, address: &[u8], now: SystemTime) -> bool {
        if self.local_part.is_empty() {
            return false;
        }
        let (local_part, domain) = split_domain(address);
        let same_domain = match (&self.domain, domain) {
            (Some(ours), Some(theirs)) => ours.eq_ignore_ascii_case(theirs),
            (ours, theirs) => ours.is_none() && theirs.is_none(),
        };
        let Some((start, suffix)) = local_part.split_at_checked(self.local_part.len()) else { return false };
        same_domain && start.eq_ignore_ascii_case(&self.local_part) && self.is_slot(suffix, now)
    }

    fn is_slot(&self, suffix: &[u8], now: SystemTime) -> bool {
        if self.slot == 0 {
            return suffix.is_empty();
        }
        let current = seconds(now) / self.slot;
        number(suffix).is_some_and(|slot| slot.abs_diff(current) <= 1)
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn digits(mut number: u64) -> Vec<u8> {
    let mut reversed = Vec::new();
    loop {
        let digit = usize::try_from(number % 31).unwrap_or(0);
        reversed.push(DIGITS[digit]);
        number /= 31;
        if number == 0 {
            reversed.reverse();
            return reversed;
        }
    }
}

/// The number that the digits, in any case, stand for.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |number, digit| {
        let value = DIGITS.iter().position(|known| *known == digit.to_ascii_uppercase())?;
        number.checked_mul(31)?.checked_add(u64::try_from(value).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn sender(value: &str, ttl: &str) -> Result<ProbeSender, String> {
        ProbeSender::read(&Config::for_tests(&[("address_verify_sender", value), ("address_verify_sender_ttl", ttl)]))
    }

    #[test]
    fn an_address_that_does_not_change() {
        let sender = sender("probe@example.com", "0").unwrap();
        assert_eq!(sender.at(SystemTime::now()), "probe@example.com");
        assert!(sender.matches(b"Probe@Example.com", SystemTime::now()));
        assert!(
            !sender.matches(b"probe1@example.com", SystemTime::now()) && !sender.matches(b"probe", SystemTime::now())
        );
    }

    #[test]
    fn three_slots_are_good() {
        let sender = sender("probe@example.com", "100s").unwrap();
        let time = |slot: u64| UNIX_EPOCH + Duration::from_secs(slot * 100 + 5);
        let address = sender.at(time(31));
        assert_eq!(address, "probe10@example.com");
        assert!(sender.matches(&address, time(30)) && sender.matches(&address, time(31)));
        assert!(sender.matches(&address, time(32)) && !sender.matches(&address, time(33)));
        assert!(!sender.matches(b"probeA@example.com", time(10)) && !sender.matches(b"probe@example.com", time(0)));
        assert_eq!(sender.plain(), "probe@example.com");
    }

    #[test]
    fn the_null_sender_is_nobody() {
        let sender = sender("<>", "1h").unwrap();
        assert_eq!(sender.at(SystemTime::now()), "");
        assert!(!sender.matches(b"", SystemTime::now()));
    }

    #[test]
    fn mistakes() {
        let error = "parameter address_verify_sender: value \"@x\" must not start with '@'";
        assert_eq!(sender("@x", "0").unwrap_err(), error);
        assert!(sender("x@", "0").unwrap_err().ends_with("must not end with '@'"));
    }
}
