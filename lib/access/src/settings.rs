//! The parameters of the engine, but for the lists.

use std::time::Duration;

use bstr::BString;
use config::{Bool, Config, Int, Key, Str, params};

/// What a lookup that failed leads to (§2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TempfailAction {
    /// The request is rejected for now, unless something rejects it for good.
    DeferIfPermit,
    /// The request is rejected for now.
    Defer,
}

impl TempfailAction {
    fn read(config: &Config, key: Key<Str>) -> Result<Self, String> {
        let value = config.get(key);
        if value.eq_ignore_ascii_case(b"defer_if_permit") {
            Ok(TempfailAction::DeferIfPermit)
        } else if value.eq_ignore_ascii_case(b"defer") {
            Ok(TempfailAction::Defer)
        } else {
            Err(format!("bad configuration: {} = {}", key.name(), text::show(value)))
        }
    }
}

/// What reject_unverified_sender and reject_unverified_recipient say.
#[derive(Debug)]
pub(crate) struct Unverified {
    pub defer_code: i64,
    pub reject_code: i64,
    pub reason: BString,
    pub tempfail: TempfailAction,
}

/// The codes of replies: each is the parameter of that name, without `_code`.
#[derive(Debug)]
#[allow(missing_docs, reason = "each field is a parameter")]
pub(crate) struct Codes {
    pub access_map_defer: i64,
    pub access_map_reject: i64,
    pub defer: i64,
    pub invalid_hostname_reject: i64,
    pub maps_rbl_reject: i64,
    pub multi_recipient_bounce_reject: i64,
    pub non_fqdn_reject: i64,
    pub plaintext_reject: i64,
    pub reject: i64,
    pub relay_domains_reject: i64,
    pub unknown_address_reject: i64,
    pub unknown_client_reject: i64,
    pub unknown_hostname_reject: i64,
    pub unknown_local_recipient_reject: i64,
    pub unknown_relay_recipient_reject: i64,
    pub unknown_virtual_alias_reject: i64,
    pub unknown_virtual_mailbox_reject: i64,
}

impl Codes {
    fn read(config: &Config) -> Codes {
        let code = |key: Key<Int>| config.get(key);
        Codes {
            access_map_defer: code(params::ACCESS_MAP_DEFER_CODE),
            access_map_reject: code(params::ACCESS_MAP_REJECT_CODE),
            defer: code(params::DEFER_CODE),
            invalid_hostname_reject: code(params::INVALID_HOSTNAME_REJECT_CODE),
            maps_rbl_reject: code(params::MAPS_RBL_REJECT_CODE),
            multi_recipient_bounce_reject: code(params::MULTI_RECIPIENT_BOUNCE_REJECT_CODE),
            non_fqdn_reject: code(params::NON_FQDN_REJECT_CODE),
            plaintext_reject: code(params::PLAINTEXT_REJECT_CODE),
            reject: code(params::REJECT_CODE),
            relay_domains_reject: code(params::RELAY_DOMAINS_REJECT_CODE),
            unknown_address_reject: code(params::UNKNOWN_ADDRESS_REJECT_CODE),
            unknown_client_reject: code(params::UNKNOWN_CLIENT_REJECT_CODE),
            unknown_hostname_reject: code(params::UNKNOWN_HOSTNAME_REJECT_CODE),
            unknown_local_recipient_reject: code(params::UNKNOWN_LOCAL_RECIPIENT_REJECT_CODE),
            unknown_relay_recipient_reject: code(params::UNKNOWN_RELAY_RECIPIENT_REJECT_CODE),
            unknown_virtual_alias_reject: code(params::UNKNOWN_VIRTUAL_ALIAS_REJECT_CODE),
            unknown_virtual_mailbox_reject: code(params::UNKNOWN_VIRTUAL_MAILBOX_REJECT_CODE),
        }
    }
}

/// All parameters.
#[derive(Debug)]
pub(crate) struct Settings {
    pub codes: Codes,
    pub unverified_sender: Unverified,
    pub unverified_recipient: Unverified,
    pub unknown_address_tempfail: TempfailAction,
    pub unknown_helo_tempfail: TempfailAction,
    pub delay_reject: bool,
    pub relay_before_recipient: bool,
    pub reject_unlisted_recipient: bool,
    pub reject_unlisted_sender: bool,
    pub checks_recipients: bool,
    pub show_table_names: bool,
    pub soft_bounce: bool,
    pub utf8: bool,
    pub allow_untrusted_routing: bool,
    pub has_proxy_filter: bool,
    pub sasl: bool,
    pub asks_certificates: bool,
    pub null_access_lookup_key: BString,
    pub expansion_filter: BString,
    pub default_rbl_reply: BString,
    pub maps_rbl_domains: BString,
    pub myhostname: BString,
    pub stress: BString,
    pub double_bounce_sender: BString,
    pub poll_count: i64,
    pub poll_delay: Duration,
    pub queue_minfree: i64,
    pub message_size_limit: i64,
    pub legacy: config::LegacyDefaults,
    pub protocols: config::Protocols,
}

impl Settings {
    /// Reads all.
    ///
    /// # Errors
    /// The text of the fatal error.
    pub fn read(config: &Config) -> Result<Settings, String> {
        let flag = |key: Key<Bool>| config.get(key);
        let text = |key: Key<Str>| BString::from(config.get(key));
        let overrides = config.get(params::RECEIVE_OVERRIDE_OPTIONS);
        let option = |name: &str| {
            text::list::split(overrides, text::list::SEPARATORS).any(|word| word.eq_ignore_ascii_case(name.as_bytes()))
        };
        Ok(Settings {
            codes: Codes::read(config),
            unverified_sender: Unverified {
                defer_code: config.get(params::UNVERIFIED_SENDER_DEFER_CODE),
                reject_code: config.get(params::UNVERIFIED_SENDER_REJECT_CODE),
                reason: text(params::UNVERIFIED_SENDER_REJECT_REASON),
                tempfail: TempfailAction::read(config, params::UNVERIFIED_SENDER_TEMPFAIL_ACTION)?,
            },
            unverified_recipient: Unverified {
                defer_code: config.get(params::UNVERIFIED_RECIPIENT_DEFER_CODE),
                reject_code: config.get(params::UNVERIFIED_RECIPIENT_REJECT_CODE),
                reason: text(params::UNVERIFIED_RECIPIENT_REJECT_REASON),
                tempfail: TempfailAction::read(config, params::UNVERIFIED_RECIPIENT_TEMPFAIL_ACTION)?,
            },
            unknown_address_tempfail: TempfailAction::read(config, params::UNKNOWN_ADDRESS_TEMPFAIL_ACTION)?,
            unknown_helo_tempfail: TempfailAction::read(config, params::UNKNOWN_HELO_HOSTNAME_TEMPFAIL_ACTION)?,
            delay_reject: flag(params::SMTPD_DELAY_REJECT),
            relay_before_recipient: flag(params::SMTPD_RELAY_BEFORE_RECIPIENT_RESTRICTIONS),
            reject_unlisted_recipient: flag(params::SMTPD_REJECT_UNLISTED_RECIPIENT),
            reject_unlisted_sender: flag(params::SMTPD_REJECT_UNLISTED_SENDER),
            checks_recipients: !option("no_unknown_recipient_checks"),
            show_table_names: flag(params::SHOW_USER_UNKNOWN_TABLE_NAME),
            soft_bounce: flag(params::SOFT_BOUNCE),
            utf8: flag(params::SMTPUTF8_ENABLE),
            allow_untrusted_routing: flag(params::ALLOW_UNTRUSTED_ROUTING),
            has_proxy_filter: !config.get(params::SMTPD_PROXY_FILTER).is_empty(),
            sasl: flag(params::SMTPD_SASL_AUTH_ENABLE),
            asks_certificates: flag(params::SMTPD_TLS_ASK_CCERT),
            null_access_lookup_key: text(params::SMTPD_NULL_ACCESS_LOOKUP_KEY),
            expansion_filter: unescape(config.get(params::SMTPD_EXPANSION_FILTER)),
            default_rbl_reply: config.get(params::DEFAULT_RBL_REPLY).into(),
            maps_rbl_domains: text(params::MAPS_RBL_DOMAINS),
            myhostname: text(params::MYHOSTNAME),
            stress: text(params::STRESS),
            double_bounce_sender: text(params::DOUBLE_BOUNCE_SENDER),
            poll_count: config.get(params::ADDRESS_VERIFY_POLL_COUNT),
            poll_delay: config.get(params::ADDRESS_VERIFY_POLL_DELAY),
            queue_minfree: config.get(params::QUEUE_MINFREE),
            message_size_limit: config.get(params::MESSAGE_SIZE_LIMIT),
            legacy: config.legacy_defaults(),
            protocols: config.protocols(),
        })
    }
}

/// Replaces C-style escapes: `\t`, `\\`, `\ooo` and so on.
fn unescape(text: &[u8]) -> BString {
    let mut out = BString::default();
    let mut rest = text.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        match rest.next() {
            Some(b'a') => out.push(7),
            Some(b'b') => out.push(8),
            Some(b'f') => out.push(12),
            Some(b'n') => out.push(b'\n'),
            Some(b'r') => out.push(b'\r'),
            Some(b't') => out.push(b'\t'),
            Some(b'v') => out.push(11),
            Some(first @ b'0'..=b'7') => {
                let mut value = u32::from(first - b'0');
                for _ in 0..2 {
                    let Some(digit @ b'0'..=b'7') = rest.peek().copied() else { break };
                    value = value * 8 + u32::from(digit - b'0');
                    rest.next();
                }
                out.push(value.to_le_bytes()[0]);
            }
            Some(other) => out.push(other),
            None => out.push(b'\\'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        assert_eq!(unescape(br#"\t\40!\\x\60"#), "\t !\\x0");
        let filter = Settings::read(&Config::for_tests(&[])).unwrap().expansion_filter;
        assert!(
            filter.contains(&b'\t') && filter.contains(&b' ') && filter.contains(&b'~') && !filter.contains(&b'\n')
        );
    }

    #[test]
    fn bad_actions_are_fatal() {
        let config = Config::for_tests(&[("reject_tempfail_action", "reject")]);
        let error = Settings::read(&config).unwrap_err();
        assert_eq!(error, "bad configuration: unverified_sender_tempfail_action = reject");
    }
}
