//! Which cleanup flags a kind of mail gets (cleanup-rewrite §10.3).

use config::{Config, Key, Str, params};
use ipc::cleanup::flag;
use text::list;

/// Kinds of mail that the system makes or takes in by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Received with SMTP.
    Smtpd,
    /// Received with QMQP.
    Qmqpd,
    /// Submitted with sendmail(1).
    Sendmail,
    /// Forwarded by local(8).
    Forward,
    /// Non-delivery and other delivery notifications.
    Bounce,
    /// Notices to the postmaster.
    Notify,
    /// Address probes.
    Verify,
}

impl Class {
    fn name(self) -> &'static [u8] {
        match self {
            Self::Smtpd => b"smtpd",
            Self::Qmqpd => b"qmqpd",
            Self::Sendmail => b"sendmail",
            Self::Forward => b"forward",
            Self::Bounce => b"bounce",
            Self::Notify => b"notify",
            Self::Verify => b"verify",
        }
    }
}

/// Flags for mail that the system makes itself: no filters, unless `internal_mail_filter_classes` names its class.
pub fn internal_flags(config: &Config, class: Class) -> i32 {
    let filters =
        if lists(config, params::INTERNAL_MAIL_FILTER_CLASSES, class.name()) { flag::FILTER | flag::MILTER } else { 0 };
    flag::INTERNAL | filters | autodetect(config, class)
}

/// Flags for mail from outside, less what `receive_override_options` takes away.
pub fn external_flags(config: &Config, class: Class) -> i32 {
    let without = |option: &[u8], bits: i32| {
        if lists(config, params::RECEIVE_OVERRIDE_OPTIONS, option) { bits } else { 0 }
    };
    let removed = without(b"no_address_mappings", flag::BCC_OK | flag::MAP_OK)
        | without(b"no_header_body_checks", flag::FILTER)
        | without(b"no_milters", flag::MILTER);
    (flag::EXTERNAL & !removed) | autodetect(config, class)
}

fn autodetect(config: &Config, class: Class) -> i32 {
    let wanted = |name: &[u8]| lists(config, params::SMTPUTF8_AUTODETECT_CLASSES, name);
    if wanted(class.name()) || wanted(b"all") { flag::AUTOUTF8 } else { 0 }
}

fn lists(config: &Config, parameter: Key<Str>, name: &[u8]) -> bool {
    list::split(config.get(parameter), b", \t\r\n").any(|member| member.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_of_the_specification() {
        let config = Config::for_tests(&[]);
        assert_eq!(external_flags(&config, Class::Sendmail), 626);
        assert_eq!(internal_flags(&config, Class::Bounce), 32);
        assert_eq!(internal_flags(&config, Class::Forward), 32);
    }

    #[test]
    fn options_add_and_take_away() {
        let config = Config::for_tests(&[
            ("receive_override_options", "no_address_mappings, no_milters"),
            ("internal_mail_filter_classes", "bounce"),
            ("smtputf8_autodetect_classes", "all"),
        ]);
        assert_eq!(external_flags(&config, Class::Sendmail), flag::FILTER | flag::AUTOUTF8);
        assert_eq!(internal_flags(&config, Class::Bounce), 32 + 2 + 64 + 512);
    }
}
