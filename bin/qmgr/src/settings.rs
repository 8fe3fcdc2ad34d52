//! What the queue manager reads from main.cf (qmgr-bounce §14).

use std::time::Duration;

use bstr::{BStr, BString};
use config::service::Family;
use config::service::{
    DELIVERY_SLOT_COST, DELIVERY_SLOT_DISCOUNT, DELIVERY_SLOT_LOAN, DESTINATION_CONCURRENCY_FAILED_COHORT_LIMIT,
    DESTINATION_CONCURRENCY_LIMIT, DESTINATION_CONCURRENCY_NEGATIVE_FEEDBACK,
    DESTINATION_CONCURRENCY_POSITIVE_FEEDBACK, DESTINATION_RATE_DELAY, DESTINATION_RECIPIENT_LIMIT,
    EXTRA_RECIPIENT_LIMIT, INITIAL_DESTINATION_CONCURRENCY, MINIMUM_DELIVERY_SLOTS, RECIPIENT_LIMIT,
    RECIPIENT_REFILL_DELAY, RECIPIENT_REFILL_LIMIT, TRANSPORT_RATE_DELAY,
};
use config::{Config, Str, params};
use deliver::RETRY_SERVICE;
use logging::fatal;

use crate::scheduler::{Feedback, short};

/// Parameters that hold for all transports.
#[derive(Clone, Debug)]
pub struct Settings {
    pub active_limit: usize,
    pub recipient_limit: usize,
    pub recipient_minimum: usize,
    pub queue_run_delay: Duration,
    pub minimal_backoff: Duration,
    pub maximal_backoff: Duration,
    pub queue_lifetime: Duration,
    pub bounce_lifetime: Duration,
    pub transport_retry: Duration,
    pub agent_timeout: Duration,
    pub in_flow_delay: Duration,
    pub process_limit: usize,
    pub confirm_delay_cleared: bool,
    pub disable_verp_bounces: bool,
    pub smtputf8: bool,
    pub verp_filter: BString,
    pub probe_limit: usize,
    pub bounce_service: String,
    pub defer_service: String,
    pub trace_service: String,
    /// How often, at most, to warn about one destination; `None`: never.
    pub clog_warn_time: Option<Duration>,
}

impl Settings {
    pub fn new(config: &Config) -> Self {
        let count = |number: i64| usize::try_from(number).unwrap_or(0);
        let name = |text: &BStr| text.to_string();
        let active_limit = count(config.get(params::QMGR_MESSAGE_ACTIVE_LIMIT));
        let mut recipient_limit = count(config.get(params::QMGR_MESSAGE_RECIPIENT_LIMIT));
        if recipient_limit < active_limit {
            log::warn!(
                "qmgr_message_recipient_limit is smaller than qmgr_message_active_limit - adjusting qmgr_message_recipient_limit"
            );
            recipient_limit = active_limit;
        }
        let queue_lifetime = config.get(params::MAXIMAL_QUEUE_LIFETIME);
        let mut bounce_lifetime = config.get(params::BOUNCE_QUEUE_LIFETIME);
        if bounce_lifetime > queue_lifetime {
            log::warn!("bounce_queue_lifetime is larger than maximal_queue_lifetime - adjusting bounce_queue_lifetime");
            bounce_lifetime = queue_lifetime;
        }
        let clog_warn_time = config.get(params::QMGR_CLOG_WARN_TIME);
        Self {
            active_limit,
            recipient_limit,
            recipient_minimum: count(config.get(params::QMGR_MESSAGE_RECIPIENT_MINIMUM)),
            queue_run_delay: config.get(params::QUEUE_RUN_DELAY),
            minimal_backoff: config.get(params::MINIMAL_BACKOFF_TIME),
            maximal_backoff: config.get(params::MAXIMAL_BACKOFF_TIME),
            queue_lifetime,
            bounce_lifetime,
            transport_retry: config.get(params::TRANSPORT_RETRY_TIME),
            agent_timeout: config.get(params::DAEMON_TIMEOUT),
            in_flow_delay: config.get(params::IN_FLOW_DELAY),
            process_limit: count(config.get(params::DEFAULT_PROCESS_LIMIT)),
            confirm_delay_cleared: config.get(params::CONFIRM_DELAY_CLEARED),
            disable_verp_bounces: config.get(params::DISABLE_VERP_BOUNCES),
            smtputf8: config.get(params::SMTPUTF8_ENABLE),
            verp_filter: config.get(params::VERP_DELIMITER_FILTER).into(),
            probe_limit: count(config.get(params::ADDRESS_VERIFY_PENDING_REQUEST_LIMIT)),
            bounce_service: name(config.get(params::BOUNCE_SERVICE_NAME)),
            defer_service: name(config.get(params::DEFER_SERVICE_NAME)),
            trace_service: name(config.get(params::TRACE_SERVICE_NAME)),
            clog_warn_time: (config.get(params::HELPFUL_WARNINGS) && !clog_warn_time.is_zero())
                .then_some(clog_warn_time),
        }
    }
}

/// Parameters of one transport, read when it is first used (qmgr-bounce §5.1).
#[derive(Clone, Debug, PartialEq)]
pub struct TransportSettings {
    /// How many deliveries to one destination may go on at once; 0 = unlimited.
    pub concurrency_limit: usize,
    /// With how many a destination begins.
    pub initial_concurrency: usize,
    /// How many recipients a request may have; 0 = unlimited.
    pub recipient_limit: usize,
    /// The pause between deliveries over this transport.
    pub transport_delay: Duration,
    /// The pause between deliveries to one destination.
    pub destination_delay: Duration,
    /// After how many failed cohorts a destination is dead; 0 = never.
    pub failed_cohort_limit: usize,
    /// How many requests of a big message earn a slot for one of a small message; 0 and 1: none goes ahead.
    pub slot_cost: usize,
    /// How many slots a message may be short of, to go ahead.
    pub slot_loan: usize,
    /// The percentage of slots that it need not have.
    pub slot_discount: usize,
    /// How many slots a message must be good for, to be gone ahead of.
    pub minimum_slots: usize,
    /// How many recipients may be in memory, besides a few for each message.
    pub recipient_pool: usize,
    /// How many more for messages that go ahead.
    pub extra_recipient_limit: usize,
    /// How many recipients are read at a time.
    pub refill_limit: usize,
    /// After how long fewer are read.
    pub refill_delay: Duration,
    /// What a success adds to the window.
    pub positive: Feedback,
    /// What a failure takes from it.
    pub negative: Feedback,
    /// Whether the log says what each result did.
    pub feedback_debug: bool,
}

impl TransportSettings {
    /// Bad values end the program.
    pub fn read(config: &Config, transport: &BStr) -> Self {
        let int = |family| {
            let number = config.service_int(family, transport).unwrap_or_else(|error| fatal!("{error}"));
            usize::try_from(number).unwrap_or(0)
        };
        let time = |family| config.service_time(family, transport).unwrap_or_else(|error| fatal!("{error}"));
        let feedback = |family| read_feedback(config, family, transport);
        let debug = config.get(params::DESTINATION_CONCURRENCY_FEEDBACK_DEBUG);
        let settings = Self {
            concurrency_limit: int(&DESTINATION_CONCURRENCY_LIMIT),
            initial_concurrency: int(&INITIAL_DESTINATION_CONCURRENCY),
            recipient_limit: int(&DESTINATION_RECIPIENT_LIMIT),
            transport_delay: time(&TRANSPORT_RATE_DELAY),
            destination_delay: time(&DESTINATION_RATE_DELAY),
            failed_cohort_limit: int(&DESTINATION_CONCURRENCY_FAILED_COHORT_LIMIT),
            slot_cost: int(&DELIVERY_SLOT_COST),
            slot_loan: int(&DELIVERY_SLOT_LOAN),
            slot_discount: int(&DELIVERY_SLOT_DISCOUNT),
            minimum_slots: int(&MINIMUM_DELIVERY_SLOTS),
            recipient_pool: int(&RECIPIENT_LIMIT),
            extra_recipient_limit: int(&EXTRA_RECIPIENT_LIMIT),
            refill_limit: int(&RECIPIENT_REFILL_LIMIT),
            refill_delay: time(&RECIPIENT_REFILL_DELAY),
            positive: feedback(&DESTINATION_CONCURRENCY_POSITIVE_FEEDBACK),
            negative: feedback(&DESTINATION_CONCURRENCY_NEGATIVE_FEEDBACK),
            feedback_debug: debug && transport != "error" && transport != RETRY_SERVICE,
        };
        let settings = settings.adjusted();
        if debug {
            settings.show_feedback(config, transport);
        }
        settings
    }

    /// How the windows of a transport will change, for the log.
    fn show_feedback(&self, config: &Config, transport: &BStr) {
        for (family, feedback) in [
            (&DESTINATION_CONCURRENCY_POSITIVE_FEEDBACK, self.positive),
            (&DESTINATION_CONCURRENCY_NEGATIVE_FEEDBACK, self.negative),
        ] {
            let (name, at) = (feedback_name(config, family, transport), self.initial_concurrency);
            let kind = i32::from(feedback.is_per_concurrency());
            log::info!("{transport}: {name} feedback type {kind} value at {at}: {}", short(feedback.value(at)));
        }
    }

    /// A rate delay allows one delivery at a time; a limit holds from the beginning.
    fn adjusted(mut self) -> Self {
        if !self.destination_delay.is_zero() {
            self.concurrency_limit = 1;
        }
        if self.concurrency_limit > 0 {
            self.initial_concurrency = self.initial_concurrency.min(self.concurrency_limit);
        }
        self
    }
}

fn read_feedback(config: &Config, family: &Family<Str>, transport: &BStr) -> Feedback {
    let text = config.service_str(family, transport).unwrap_or_else(|error| fatal!("{error}"));
    Feedback::parse(&text).unwrap_or_else(|| {
        let name = feedback_name(config, family, transport);
        log::warn!("{name}: ignoring malformed or unreasonable feedback: {}", text::show(&text));
        Feedback::default()
    })
}

/// The parameter that a transport's feedback comes from.
fn feedback_name(config: &Config, family: &Family<Str>, transport: &BStr) -> String {
    match config.service_str(family, transport) {
        Ok(text) if text != config.get(family.default) => format!("{transport}{}", family.suffix),
        _ => family.default.name().to_owned(),
    }
}

impl Default for TransportSettings {
    /// The built-in defaults.
    fn default() -> Self {
        Self {
            concurrency_limit: 20,
            initial_concurrency: 5,
            recipient_limit: 50,
            transport_delay: Duration::ZERO,
            destination_delay: Duration::ZERO,
            failed_cohort_limit: 1,
            slot_cost: 5,
            slot_loan: 3,
            slot_discount: 50,
            minimum_slots: 3,
            recipient_pool: 20_000,
            extra_recipient_limit: 1000,
            refill_limit: 100,
            refill_delay: Duration::from_secs(5),
            positive: Feedback::default(),
            negative: Feedback::default(),
            feedback_debug: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transports_have_values_of_their_own() {
        let config =
            Config::for_tests(&[("slow_destination_rate_delay", "5s"), ("x_destination_concurrency_limit", "2")]);
        assert_eq!(TransportSettings::read(&config, "smtp".into()), TransportSettings::default());
        let slow = TransportSettings::read(&config, "slow".into());
        assert_eq!((slow.concurrency_limit, slow.initial_concurrency), (1, 1));
        let x = TransportSettings::read(&config, "x".into());
        assert_eq!((x.concurrency_limit, x.initial_concurrency), (2, 2));
        assert_eq!(TransportSettings::read(&config, "local".into()).recipient_limit, 1);
    }
}
