//! Parameters whose name begins with the name of a service (config §7.3).

use bstr::{BStr, BString, ByteSlice};

use crate::Config;
use crate::error::Error;
use crate::evaluate::expand_with;
use crate::key::{Int, Key, KeyKind, Str, Time};
use crate::params;
use crate::registry::Type;
use crate::value::{Rule, Value};

/// A family of parameters `<service><suffix>`.
pub struct Family<K: KeyKind> {
    /// What follows the name of the service.
    pub suffix: &'static str,
    /// The parameter whose value counts for services that have none of their own.
    pub default: Key<K>,
    /// The minimum; 0 means unchecked.
    pub min: i64,
    /// The maximum; 0 means unchecked.
    pub max: i64,
}

/// What is known of a family without its type: for listings.
#[derive(Clone, Copy, Debug)]
pub struct FamilyRow {
    /// What follows the name of the service.
    pub suffix: &'static str,
    /// The name of the parameter that gives the default.
    pub default: &'static str,
    /// How the text is understood.
    pub ty: Type,
}

macro_rules! families {
    ($($(#[$doc:meta])* $name:ident: $kind:ident, $suffix:literal, $default:ident, $min:literal, $max:literal;)*) => {
        $(
            $(#[$doc])*
            pub const $name: Family<$kind> =
                Family { suffix: $suffix, default: params::$default, min: $min, max: $max };
        )*

        /// All families, by suffix.
        pub const FAMILIES: &[FamilyRow] = &[$(
            FamilyRow { suffix: $suffix, default: params::$default.name(), ty: <$kind as KeyKind>::TYPES[0] },
        )*];
    };
}

families! {
    /// One recipient more may be delivered ahead of turn for so many delivery slots (qmgr-bounce, scheduling).
    DELIVERY_SLOT_COST: Int, "_delivery_slot_cost", DEFAULT_DELIVERY_SLOT_COST, 0, 0;
    /// The percentage of slots that a message need not have to go ahead.
    DELIVERY_SLOT_DISCOUNT: Int, "_delivery_slot_discount", DEFAULT_DELIVERY_SLOT_DISCOUNT, 0, 100;
    /// The number of slots that a message may be short of.
    DELIVERY_SLOT_LOAN: Int, "_delivery_slot_loan", DEFAULT_DELIVERY_SLOT_LOAN, 0, 0;
    /// How many cohorts may fail before a destination counts as dead.
    DESTINATION_CONCURRENCY_FAILED_COHORT_LIMIT: Int, "_destination_concurrency_failed_cohort_limit",
        DEFAULT_DESTINATION_CONCURRENCY_FAILED_COHORT_LIMIT, 0, 0;
    /// How many deliveries to one destination may go on at once.
    DESTINATION_CONCURRENCY_LIMIT: Int, "_destination_concurrency_limit", DEFAULT_DESTINATION_CONCURRENCY_LIMIT, 0, 0;
    /// How much concurrency a failed delivery takes.
    DESTINATION_CONCURRENCY_NEGATIVE_FEEDBACK: Str, "_destination_concurrency_negative_feedback",
        DEFAULT_DESTINATION_CONCURRENCY_NEGATIVE_FEEDBACK, 1, 0;
    /// How much concurrency a delivery gives.
    DESTINATION_CONCURRENCY_POSITIVE_FEEDBACK: Str, "_destination_concurrency_positive_feedback",
        DEFAULT_DESTINATION_CONCURRENCY_POSITIVE_FEEDBACK, 1, 0;
    /// The pause between deliveries to one destination.
    DESTINATION_RATE_DELAY: Time, "_destination_rate_delay", DEFAULT_DESTINATION_RATE_DELAY, 0, 0;
    /// How many recipients one delivery may have.
    DESTINATION_RECIPIENT_LIMIT: Int, "_destination_recipient_limit", DEFAULT_DESTINATION_RECIPIENT_LIMIT, 0, 0;
    /// How many recipients a message that goes ahead may have in memory beyond the limit.
    EXTRA_RECIPIENT_LIMIT: Int, "_extra_recipient_limit", DEFAULT_EXTRA_RECIPIENT_LIMIT, 0, 0;
    /// The concurrency that a new destination begins with.
    INITIAL_DESTINATION_CONCURRENCY: Int, "_initial_destination_concurrency", INITIAL_DESTINATION_CONCURRENCY, 1, 0;
    /// How many slots a message must have before another may go ahead of it.
    MINIMUM_DELIVERY_SLOTS: Int, "_minimum_delivery_slots", DEFAULT_MINIMUM_DELIVERY_SLOTS, 0, 0;
    /// How many recipients the queue manager has in memory.
    RECIPIENT_LIMIT: Int, "_recipient_limit", DEFAULT_RECIPIENT_LIMIT, 0, 0;
    /// The longest time between reads of more recipients.
    RECIPIENT_REFILL_DELAY: Time, "_recipient_refill_delay", DEFAULT_RECIPIENT_REFILL_DELAY, 1, 0;
    /// How many recipients are read at a time.
    RECIPIENT_REFILL_LIMIT: Int, "_recipient_refill_limit", DEFAULT_RECIPIENT_REFILL_LIMIT, 1, 0;
    /// How long a command may run.
    TIME_LIMIT: Time, "_time_limit", COMMAND_TIME_LIMIT, 1, 0;
    /// The pause between deliveries over one transport.
    TRANSPORT_RATE_DELAY: Time, "_transport_rate_delay", DEFAULT_TRANSPORT_RATE_DELAY, 0, 0;
}

impl Config {
    /// The parameter of `family` for a service, as text before it is understood; nothing if it has none of its own.
    fn service_value<K: KeyKind>(&self, family: &Family<K>, service: &BStr) -> Result<Option<Value>, Error> {
        let name = [service.as_bytes(), family.suffix.as_bytes()].concat();
        let Some(written) = self.lookup(&name) else {
            return Ok(None);
        };
        let text: BString = expand_with(&self.dictionary, written)?;
        let name = String::from_utf8_lossy(&name);
        let rule = Rule { name: &name, ty: K::TYPES[0], min: family.min, max: family.max, unit: b's' };
        rule.value(text).map(Some)
    }

    /// A number of a service.
    ///
    /// # Errors
    /// When main.cf has a bad value for it; log it as fatal.
    pub fn service_int(&self, family: &Family<Int>, service: &BStr) -> Result<i64, Error> {
        let own = self.service_value(family, service)?;
        Ok(own.as_ref().and_then(Int::read).unwrap_or_else(|| self.get(family.default)))
    }

    /// A time of a service.
    ///
    /// # Errors
    /// When main.cf has a bad value for it; log it as fatal.
    pub fn service_time(&self, family: &Family<Time>, service: &BStr) -> Result<std::time::Duration, Error> {
        let own = self.service_value(family, service)?;
        Ok(own.as_ref().and_then(Time::read).unwrap_or_else(|| self.get(family.default)))
    }

    /// A text of a service.
    ///
    /// # Errors
    /// When main.cf has a bad value for it; log it as fatal.
    pub fn service_str(&self, family: &Family<Str>, service: &BStr) -> Result<BString, Error> {
        let own = self.service_value(family, service)?;
        Ok(own.as_ref().and_then(Str::read).unwrap_or_else(|| self.get(family.default)).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_service_has_its_own_value_or_the_default() {
        let config = Config::for_tests(&[
            ("default_destination_rate_delay", "5"),
            ("smtp_destination_rate_delay", "2m"),
            ("slow_recipient_refill_limit", "0"),
        ]);
        assert_eq!(config.service_time(&DESTINATION_RATE_DELAY, "smtp".into()).unwrap(), Duration::from_secs(120));
        assert_eq!(config.service_time(&DESTINATION_RATE_DELAY, "lmtp".into()).unwrap(), Duration::from_secs(5));
        assert_eq!(config.service_int(&DESTINATION_CONCURRENCY_LIMIT, "local".into()).unwrap(), 2);
        assert_eq!(config.service_int(&DESTINATION_RECIPIENT_LIMIT, "local".into()).unwrap(), 1);
        assert_eq!(config.service_int(&DESTINATION_CONCURRENCY_LIMIT, "smtp".into()).unwrap(), 20);
        assert_eq!(config.service_str(&DESTINATION_CONCURRENCY_NEGATIVE_FEEDBACK, "x".into()).unwrap(), "1");
        assert_eq!(
            config.service_int(&RECIPIENT_REFILL_LIMIT, "slow".into()).unwrap_err().to_string(),
            "invalid slow_recipient_refill_limit parameter value 0 < 1"
        );
    }
}
