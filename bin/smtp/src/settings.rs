//! Values of parameters (smtp-client §22). Tables are opened by [`crate::site`].

use std::time::Duration;

use bstr::BString;
use config::{Bool, Config, Int, Key, Str, Time, params};
use logging::fatal;
use post::NoticeClasses;
use smtp_protocol::client::{Discard, Pix};
use text::list;

use crate::mode::Mode;

/// Which address family is tried first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preference {
    /// No matter.
    Any,
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

/// How the DNS is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsSupport {
    /// Not at all.
    Disabled,
    /// For MX and addresses.
    Enabled,
    /// With DNSSEC.
    Dnssec,
}

/// How long each stage may take.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "each is the parameter of that name")]
pub struct Timeouts {
    pub connect: Duration,
    pub helo: Duration,
    pub xforward: Duration,
    pub mail: Duration,
    pub rcpt: Duration,
    pub data_init: Duration,
    pub data_xfer: Duration,
    pub data_done: Duration,
    pub rset: Duration,
    pub quit: Duration,
}

/// What the parameters say.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "each is the parameter of that name, or of what the comment names")]
pub struct Settings {
    pub timeouts: Timeouts,
    /// `smtp_per_request_deadline`, with `smtp_min_data_rate`.
    pub per_request_deadline: bool,
    pub min_data_rate: u32,
    pub helo_name: BString,
    pub myhostname: BString,
    pub always_send_ehlo: bool,
    pub never_send_ehlo: bool,
    pub skip_5xx_greeting: bool,
    pub skip_quit_response: bool,
    pub quote_envelope: bool,
    pub send_xforward: bool,
    pub send_dummy_mail_auth: bool,
    pub default_port: BString,
    pub fallback_relay: BString,
    pub best_mx_transport: BString,
    pub relayhost: BString,
    pub address_preference: Preference,
    pub balance_protocols: bool,
    pub randomize_addresses: bool,
    pub mx_address_limit: usize,
    pub mx_session_limit: usize,
    pub cname_overrides_servername: bool,
    pub defer_if_no_mx_address: bool,
    pub ignore_mx_lookup_error: bool,
    /// `use_srv_lookup`: services.
    pub srv_services: Vec<BString>,
    pub allow_srv_lookup_fallback: bool,
    pub ignore_srv_lookup_error: bool,
    pub dns_support: DnsSupport,
    /// `smtp_host_lookup`: DNS, and the system's resolver.
    pub lookup_dns: bool,
    pub lookup_native: bool,
    /// `smtp_dns_resolver_options`.
    pub resolver_options: dns::Options,
    pub bind_address: BString,
    pub bind_address6: BString,
    pub bind_address_enforce: bool,
    pub tcp_windowsize: usize,
    pub discard: Discard,
    pub pix: Pix,
    pub pix_delay: Duration,
    pub pix_threshold: Duration,
    pub line_length_limit: usize,
    pub reply_length_limit: usize,
    pub mime_limits: text::mime::Limits,
    pub disable_mime_conversion: bool,
    pub smtputf8_enable: bool,
    /// `smtp_address_verify_target` is data.
    pub probe_data: bool,
    pub helpful_warnings: bool,
    pub notices: NoticeClasses,
    pub error_notice_recipient: BString,
    pub double_bounce_sender: BString,
    pub mail_name: BString,
    pub standard_from_format: bool,
    pub cache_on_demand: bool,
    pub cache_time_limit: Duration,
    pub reuse_time_limit: Duration,
    pub reuse_count_limit: i64,
    pub soft_bounce: bool,
    pub ipc_timeout: Duration,
}

impl Settings {
    /// Reads all of them. What cannot be is fatal, as the mail has to wait for the administrator.
    pub fn read(mode: Mode, config: &Config) -> Self {
        let get = Twins { mode, config };
        let (lookup_dns, lookup_native) = host_lookup(get.text(params::SMTP_HOST_LOOKUP, params::LMTP_HOST_LOOKUP));
        let dns_support = dns_support(&get);
        let dns_off = dns_support == DnsSupport::Disabled;
        Settings {
            timeouts: timeouts(&get),
            per_request_deadline: get.flag(params::SMTP_PER_REQUEST_DEADLINE, params::LMTP_PER_REQUEST_DEADLINE),
            min_data_rate: get.number(params::SMTP_MIN_DATA_RATE, params::LMTP_MIN_DATA_RATE) as u32,
            helo_name: get.text(params::SMTP_HELO_NAME, params::LMTP_LHLO_NAME),
            myhostname: config.get(params::MYHOSTNAME).into(),
            always_send_ehlo: mode.is_lmtp() || config.get(params::SMTP_ALWAYS_SEND_EHLO),
            never_send_ehlo: !mode.is_lmtp() && config.get(params::SMTP_NEVER_SEND_EHLO),
            skip_5xx_greeting: get.flag(params::SMTP_SKIP_5XX_GREETING, params::LMTP_SKIP_5XX_GREETING),
            skip_quit_response: get.flag(params::SMTP_SKIP_QUIT_RESPONSE, params::LMTP_SKIP_QUIT_RESPONSE),
            quote_envelope: get.flag(params::SMTP_QUOTE_RFC821_ENVELOPE, params::LMTP_QUOTE_RFC821_ENVELOPE),
            send_xforward: get.flag(params::SMTP_SEND_XFORWARD_COMMAND, params::LMTP_SEND_XFORWARD_COMMAND),
            send_dummy_mail_auth: get.flag(params::SMTP_SEND_DUMMY_MAIL_AUTH, params::LMTP_SEND_DUMMY_MAIL_AUTH),
            default_port: get.text(params::SMTP_TCP_PORT, params::LMTP_TCP_PORT),
            fallback_relay: get.text(params::SMTP_FALLBACK_RELAY, params::LMTP_FALLBACK_RELAY),
            best_mx_transport: config.get(params::BEST_MX_TRANSPORT).into(),
            relayhost: config.get(params::RELAYHOST).into(),
            address_preference: address_preference(&get),
            balance_protocols: get.flag(params::SMTP_BALANCE_INET_PROTOCOLS, params::LMTP_BALANCE_INET_PROTOCOLS),
            randomize_addresses: get.flag(params::SMTP_RANDOMIZE_ADDRESSES, params::LMTP_RANDOMIZE_ADDRESSES),
            mx_address_limit: get.number(params::SMTP_MX_ADDRESS_LIMIT, params::LMTP_MX_ADDRESS_LIMIT) as usize,
            mx_session_limit: get.number(params::SMTP_MX_SESSION_LIMIT, params::LMTP_MX_SESSION_LIMIT) as usize,
            cname_overrides_servername: get
                .flag(params::SMTP_CNAME_OVERRIDES_SERVERNAME, params::LMTP_CNAME_OVERRIDES_SERVERNAME),
            defer_if_no_mx_address: get
                .flag(params::SMTP_DEFER_IF_NO_MX_ADDRESS_FOUND, params::LMTP_DEFER_IF_NO_MX_ADDRESS_FOUND),
            srv_services: text::list::split(config.get(params::USE_SRV_LOOKUP), text::list::SEPARATORS)
                .map(BString::from)
                .collect(),
            allow_srv_lookup_fallback: config.get(params::ALLOW_SRV_LOOKUP_FALLBACK),
            ignore_srv_lookup_error: config.get(params::IGNORE_SRV_LOOKUP_ERROR),
            ignore_mx_lookup_error: !mode.is_lmtp() && config.get(params::IGNORE_MX_LOOKUP_ERROR),
            dns_support,
            lookup_dns: lookup_dns && !dns_off,
            lookup_native: lookup_native || dns_off,
            resolver_options: resolver_options(&get),
            bind_address: get.text(params::SMTP_BIND_ADDRESS, params::LMTP_BIND_ADDRESS),
            bind_address6: get.text(params::SMTP_BIND_ADDRESS6, params::LMTP_BIND_ADDRESS6),
            bind_address_enforce: get.flag(params::SMTP_BIND_ADDRESS_ENFORCE, params::LMTP_BIND_ADDRESS_ENFORCE),
            tcp_windowsize: usize::try_from(config.get(params::TCP_WINDOWSIZE)).unwrap_or(0),
            discard: discard(&get.text(params::SMTP_DISCARD_EHLO_KEYWORDS, params::LMTP_DISCARD_LHLO_KEYWORDS)),
            pix: Pix::parse(&get.text(params::SMTP_PIX_WORKAROUNDS, params::LMTP_PIX_WORKAROUNDS)),
            pix_delay: get.time(params::SMTP_PIX_WORKAROUND_DELAY_TIME, params::LMTP_PIX_WORKAROUND_DELAY_TIME),
            pix_threshold: get
                .time(params::SMTP_PIX_WORKAROUND_THRESHOLD_TIME, params::LMTP_PIX_WORKAROUND_THRESHOLD_TIME),
            line_length_limit: get.number(params::SMTP_LINE_LENGTH_LIMIT, params::LMTP_LINE_LENGTH_LIMIT) as usize,
            reply_length_limit: size(config.get(params::LINE_LENGTH_LIMIT)),
            mime_limits: text::mime::Limits {
                boundary_length: size(config.get(params::MIME_BOUNDARY_LENGTH_LIMIT)),
                nesting: size(config.get(params::MIME_NESTING_LIMIT)),
            },
            disable_mime_conversion: config.get(params::DISABLE_MIME_OUTPUT_CONVERSION),
            smtputf8_enable: config.get(params::SMTPUTF8_ENABLE),
            probe_data: probe_data(&get),
            helpful_warnings: config.get(params::HELPFUL_WARNINGS),
            notices: NoticeClasses::from_config(config).unwrap_or_else(|error| fatal!("{error}")),
            error_notice_recipient: config.get(params::ERROR_NOTICE_RECIPIENT).into(),
            double_bounce_sender: config.get(params::DOUBLE_BOUNCE_SENDER).into(),
            mail_name: config.get(params::MAIL_NAME).into(),
            standard_from_format: config.get(params::HEADER_FROM_FORMAT) != "obsolete",
            cache_on_demand: get.flag(params::SMTP_CONNECTION_CACHE_ON_DEMAND, params::LMTP_CONNECTION_CACHE_ON_DEMAND),
            cache_time_limit: get
                .time(params::SMTP_CONNECTION_CACHE_TIME_LIMIT, params::LMTP_CONNECTION_CACHE_TIME_LIMIT),
            reuse_time_limit: get
                .time(params::SMTP_CONNECTION_REUSE_TIME_LIMIT, params::LMTP_CONNECTION_REUSE_TIME_LIMIT),
            reuse_count_limit: get
                .number(params::SMTP_CONNECTION_REUSE_COUNT_LIMIT, params::LMTP_CONNECTION_REUSE_COUNT_LIMIT),
            soft_bounce: config.get(params::SOFT_BOUNCE),
            ipc_timeout: config.get(params::IPC_TIMEOUT),
        }
    }
}

/// Reads parameters that have a twin for LMTP.
struct Twins<'a> {
    mode: Mode,
    config: &'a Config,
}

impl Twins<'_> {
    fn text(&self, smtp: Key<Str>, lmtp: Key<Str>) -> BString {
        self.mode.get(self.config, smtp, lmtp).into()
    }

    fn flag(&self, smtp: Key<Bool>, lmtp: Key<Bool>) -> bool {
        self.mode.get(self.config, smtp, lmtp)
    }

    /// A number that is not negative.
    fn number(&self, smtp: Key<Int>, lmtp: Key<Int>) -> i64 {
        self.mode.get(self.config, smtp, lmtp).max(0)
    }

    fn time(&self, smtp: Key<Time>, lmtp: Key<Time>) -> Duration {
        self.mode.get(self.config, smtp, lmtp)
    }

    fn name<K>(&self, smtp: Key<K>, lmtp: Key<K>) -> &'static str {
        self.mode.pick(smtp, lmtp).name()
    }
}

fn size(number: i64) -> usize {
    usize::try_from(number).unwrap_or(0)
}

fn timeouts(get: &Twins<'_>) -> Timeouts {
    Timeouts {
        connect: get.time(params::SMTP_CONNECT_TIMEOUT, params::LMTP_CONNECT_TIMEOUT),
        helo: get.time(params::SMTP_HELO_TIMEOUT, params::LMTP_LHLO_TIMEOUT),
        xforward: get.time(params::SMTP_XFORWARD_TIMEOUT, params::LMTP_XFORWARD_TIMEOUT),
        mail: get.time(params::SMTP_MAIL_TIMEOUT, params::LMTP_MAIL_TIMEOUT),
        rcpt: get.time(params::SMTP_RCPT_TIMEOUT, params::LMTP_RCPT_TIMEOUT),
        data_init: get.time(params::SMTP_DATA_INIT_TIMEOUT, params::LMTP_DATA_INIT_TIMEOUT),
        data_xfer: get.time(params::SMTP_DATA_XFER_TIMEOUT, params::LMTP_DATA_XFER_TIMEOUT),
        data_done: get.time(params::SMTP_DATA_DONE_TIMEOUT, params::LMTP_DATA_DONE_TIMEOUT),
        rset: get.time(params::SMTP_RSET_TIMEOUT, params::LMTP_RSET_TIMEOUT),
        quit: get.time(params::SMTP_QUIT_TIMEOUT, params::LMTP_QUIT_TIMEOUT),
    }
}

fn host_lookup(value: BString) -> (bool, bool) {
    let (mut by_dns, mut by_system) = (false, false);
    for word in list::split(&value, list::SEPARATORS) {
        match word.to_ascii_lowercase().as_slice() {
            b"dns" => by_dns = true,
            b"native" => by_system = true,
            _ => unknown("smtp_host_lookup", word, &value),
        }
    }
    (by_dns, by_system)
}

fn resolver_options(get: &Twins<'_>) -> dns::Options {
    let value = get.text(params::SMTP_DNS_RESOLVER_OPTIONS, params::LMTP_DNS_RESOLVER_OPTIONS);
    let mut options = dns::Options::default();
    for word in list::split(&value, list::SEPARATORS) {
        match word.to_ascii_lowercase().as_slice() {
            b"res_defnames" => options.default_names = true,
            b"res_dnsrch" => options.search = true,
            _ => unknown("smtp_dns_resolver_options", word, &value),
        }
    }
    options
}

fn unknown(parameter: &str, word: &[u8], value: &BString) -> ! {
    fatal!("unknown {parameter} value \"{}\" in \"{}\"", text::show(word), text::show(value))
}

fn dns_support(get: &Twins<'_>) -> DnsSupport {
    let value = get.text(params::SMTP_DNS_SUPPORT_LEVEL, params::LMTP_DNS_SUPPORT_LEVEL);
    match value.to_ascii_lowercase().as_slice() {
        b"" if get.config.get(params::DISABLE_DNS_LOOKUPS) => DnsSupport::Disabled,
        b"" | b"enabled" => DnsSupport::Enabled,
        b"disabled" => DnsSupport::Disabled,
        b"dnssec" => DnsSupport::Dnssec,
        _ => fatal!(
            "invalid {}: \"{}\"",
            get.name(params::SMTP_DNS_SUPPORT_LEVEL, params::LMTP_DNS_SUPPORT_LEVEL),
            text::show(&value)
        ),
    }
}

fn address_preference(get: &Twins<'_>) -> Preference {
    let value = get.text(params::SMTP_ADDRESS_PREFERENCE, params::LMTP_ADDRESS_PREFERENCE);
    match value.as_slice() {
        b"any" => Preference::Any,
        b"ipv4" => Preference::Ipv4,
        b"ipv6" => Preference::Ipv6,
        _ => fatal!(
            "bad {} value: {}",
            get.name(params::SMTP_ADDRESS_PREFERENCE, params::LMTP_ADDRESS_PREFERENCE),
            text::show(&value)
        ),
    }
}

fn probe_data(get: &Twins<'_>) -> bool {
    let value = get.text(params::SMTP_ADDRESS_VERIFY_TARGET, params::LMTP_ADDRESS_VERIFY_TARGET);
    match value.as_slice() {
        b"rcpt" => false,
        b"data" => true,
        _ => fatal!(
            "bad protocol stage: \"{} = {}\"",
            get.name(params::SMTP_ADDRESS_VERIFY_TARGET, params::LMTP_ADDRESS_VERIFY_TARGET),
            text::show(&value)
        ),
    }
}

/// Reads keywords; unknown ones are left out with a warning.
pub fn discard(words: &[u8]) -> Discard {
    let (discard, unknown) = Discard::parse(words);
    for word in unknown {
        log::warn!("unknown EHLO keyword \"{}\" in \"{}\"", text::show(&word), text::show(words));
    }
    discard
}
