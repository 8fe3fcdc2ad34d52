//! What holds for all messages: parameters and tables (cleanup-rewrite §21.2).

use std::time::Duration;

use address::{Finder, MatchList, Propagate};
use bstr::{BString, ByteSlice};
use config::{Config, Int, Key, Str, params};
use table::{Flags, Maps, Tables};
use text::list::{SEPARATORS, split};
use text::mime::{Limits, Reports};

use crate::classes::{Classes, Role};
use crate::known::Dropped;
use crate::milters::DefaultAction;

/// While Milters can edit headers, a header is at most this long, in bytes.
const MILTER_HEADER_LIMIT: usize = 60_000;

/// Settings and tables.
pub struct Site {
    pub finder: Finder,
    pub propagate: Propagate,
    pub canonical: Canonical,
    pub masquerade: Masquerade,
    pub virtual_alias: VirtualAlias,
    pub sender_bcc: Maps,
    pub recipient_bcc: Maps,
    pub always_bcc: BString,
    pub empty_address_recipient: BString,
    pub enable_original_recipient: bool,
    pub duplicate_filter_limit: usize,
    pub attribute_count_limit: usize,
    pub verp_delimiter_filter: BString,
    pub delay_warning_time: Duration,
    pub headers: Headers,
    pub checks: Checks,
    pub characters: Characters,
    pub mime: Mime,
    pub line_length_limit: usize,
    pub smtputf8_enable: bool,
    /// Bytes; 0: no limit.
    pub message_size_limit: u64,
    pub in_flow_delay: Duration,
    pub myhostname: String,
    /// Milters for mail that did not come by SMTP are configured.
    pub has_milters: bool,
    pub milter_default_action: DefaultAction,
}

/// How headers are treated.
pub struct Headers {
    /// Bytes.
    pub size_limit: usize,
    pub token_limit: usize,
    pub hopcount_limit: usize,
    pub dropped: Dropped,
    pub detect_8bit_encoding: bool,
    /// Are addresses in headers of remote mail rewritten?
    pub rewrite_remote: bool,
    pub always_add_missing: bool,
    pub from_format: FromFormat,
    /// Of full names that are not ASCII.
    pub full_name_charset: BString,
    pub undisclosed_recipients: BString,
    /// Is `TLS-Required: no` heard?
    pub tls_required: bool,
    /// Is a wish for TLS all the way heard, and is it understood as a header?
    pub requiretls: bool,
    pub requiretls_header: bool,
}

impl Headers {
    /// How long a header may be, in bytes.
    pub fn size_limit(&self, with_milters: bool) -> usize {
        if with_milters { self.size_limit.min(MILTER_HEADER_LIMIT) } else { self.size_limit }
    }
}

/// Tables that content is looked up in (§15).
pub struct Checks {
    pub header: Maps,
    pub mime_header: Maps,
    pub nested_header: Maps,
    pub body: Maps,
    /// Bytes of each body segment; 0: no limit.
    pub body_size_limit: u64,
}

/// Bytes that content shall not have (§15.4).
pub struct Characters {
    pub replace_stray_cr_lf: bool,
    pub reject: Vec<u8>,
    pub strip: Vec<u8>,
}

/// How the structure of messages is looked at (§16).
pub struct Mime {
    /// `None`: not at all.
    pub limits: Option<Limits>,
    /// What a message is refused for.
    pub reports: Reports,
    /// Is 8-bit text made 7-bit?
    pub downgrade: bool,
    pub headers_end: HeadersEndAction,
}

/// `non_empty_end_of_header_action`: what happens when a line that is no header ends the headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadersEndAction {
    /// An empty line comes before it.
    FixQuietly,
    /// The same, with a header that says so.
    AddHeader,
    /// The message is refused.
    Reject,
}

impl HeadersEndAction {
    fn parse(name: &[u8]) -> Result<HeadersEndAction, String> {
        match name {
            b"fix_quietly" => Ok(HeadersEndAction::FixQuietly),
            b"add_header" => Ok(HeadersEndAction::AddHeader),
            b"reject" => Ok(HeadersEndAction::Reject),
            _ => Err(format!("bad non_empty_end_of_header_action value: '{}'", text::show(name))),
        }
    }
}

/// `header_from_format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromFormat {
    /// `Joe User <joe@example.com>`.
    Standard,
    /// `joe@example.com (Joe User)`.
    Obsolete,
}

/// Tables that replace an address by another.
pub struct Canonical {
    sender: (Maps, Classes),
    recipient: (Maps, Classes),
    all: (Maps, Classes),
}

impl Canonical {
    /// The tables that apply to an address of this role, in order.
    pub fn maps(&self, role: Role) -> impl Iterator<Item = &Maps> {
        [&self.sender, &self.recipient, &self.all]
            .into_iter()
            .filter(move |(maps, classes)| !maps.is_empty() && classes.cover(role))
            .map(|(maps, _)| maps)
    }
}

/// Domains that hide their subdomains.
pub struct Masquerade {
    /// In lower case; with `!` as configured.
    pub domains: Vec<BString>,
    pub exceptions: MatchList,
    pub classes: Classes,
}

/// Tables that replace a recipient by others.
pub struct VirtualAlias {
    pub maps: Maps,
    pub expansion_limit: usize,
    pub recursion_limit: usize,
    /// Bytes.
    pub address_length_limit: usize,
}

impl Site {
    /// Reads parameters and opens tables.
    ///
    /// # Errors
    /// The text that ends the program.
    pub fn new(tables: &Tables, config: &Config) -> Result<Site, String> {
        let maps = |key: Key<Str>| tables.maps(key.name(), config.get(key), Flags::LIST);
        // Content is looked up as it is, whatever its characters.
        let checks = |key: Key<Str>| tables.maps(key.name(), config.get(key), Flags::LOCK);
        let number = |key: Key<Int>| usize::try_from(config.get(key)).unwrap_or(0);
        Ok(Site {
            finder: Finder::new(tables, config)?,
            propagate: Propagate::parse(config.get(params::PROPAGATE_UNMATCHED_EXTENSIONS))?,
            canonical: canonical(tables, config)?,
            masquerade: masquerade(tables, config)?,
            virtual_alias: VirtualAlias {
                maps: maps(params::VIRTUAL_ALIAS_MAPS),
                expansion_limit: number(params::VIRTUAL_ALIAS_EXPANSION_LIMIT),
                recursion_limit: number(params::VIRTUAL_ALIAS_RECURSION_LIMIT),
                address_length_limit: number(params::VIRTUAL_ALIAS_ADDRESS_LENGTH_LIMIT),
            },
            sender_bcc: maps(params::SENDER_BCC_MAPS),
            recipient_bcc: maps(params::RECIPIENT_BCC_MAPS),
            always_bcc: config.get(params::ALWAYS_BCC).into(),
            empty_address_recipient: config.get(params::EMPTY_ADDRESS_RECIPIENT).into(),
            enable_original_recipient: config.get(params::ENABLE_ORIGINAL_RECIPIENT),
            duplicate_filter_limit: number(params::DUPLICATE_FILTER_LIMIT),
            attribute_count_limit: number(params::QUEUE_FILE_ATTRIBUTE_COUNT_LIMIT),
            verp_delimiter_filter: config.get(params::VERP_DELIMITER_FILTER).into(),
            delay_warning_time: config.get(params::DELAY_WARNING_TIME),
            headers: headers(config)?,
            checks: Checks {
                header: checks(params::HEADER_CHECKS),
                mime_header: checks(params::MIME_HEADER_CHECKS),
                nested_header: checks(params::NESTED_HEADER_CHECKS),
                body: checks(params::BODY_CHECKS),
                body_size_limit: u64::try_from(config.get(params::BODY_CHECKS_SIZE_LIMIT)).unwrap_or(0),
            },
            characters: Characters {
                replace_stray_cr_lf: config.get(params::CLEANUP_REPLACE_STRAY_CR_LF),
                reject: text::unescape(config.get(params::MESSAGE_REJECT_CHARACTERS)),
                strip: text::unescape(config.get(params::MESSAGE_STRIP_CHARACTERS)),
            },
            mime: mime(config)?,
            line_length_limit: number(params::LINE_LENGTH_LIMIT),
            smtputf8_enable: config.get(params::SMTPUTF8_ENABLE),
            message_size_limit: u64::try_from(config.get(params::MESSAGE_SIZE_LIMIT)).unwrap_or(0),
            in_flow_delay: config.get(params::IN_FLOW_DELAY),
            myhostname: text::show(config.get(params::MYHOSTNAME)).to_string(),
            has_milters: split(config.get(params::NON_SMTPD_MILTERS), SEPARATORS).next().is_some(),
            milter_default_action: DefaultAction::parse(config.get(params::MILTER_DEFAULT_ACTION)),
        })
    }
}

fn canonical(tables: &Tables, config: &Config) -> Result<Canonical, String> {
    let rule = |key: Key<Str>, classes: Key<Str>, known: &[Role]| {
        let maps = tables.maps(key.name(), config.get(key), Flags::LIST);
        Ok::<_, String>((maps, Classes::parse("canonical_classes", known, config.get(classes))?))
    };
    Ok(Canonical {
        sender: rule(params::SENDER_CANONICAL_MAPS, params::SENDER_CANONICAL_CLASSES, &Role::SENDERS)?,
        recipient: rule(params::RECIPIENT_CANONICAL_MAPS, params::RECIPIENT_CANONICAL_CLASSES, &Role::RECIPIENTS)?,
        all: rule(params::CANONICAL_MAPS, params::CANONICAL_CLASSES, &Role::ALL)?,
    })
}

fn masquerade(tables: &Tables, config: &Config) -> Result<Masquerade, String> {
    let (exceptions, classes) = (params::MASQUERADE_EXCEPTIONS, params::MASQUERADE_CLASSES);
    let utf8 = config.get(params::SMTPUTF8_ENABLE);
    Ok(Masquerade {
        domains: split(config.get(params::MASQUERADE_DOMAINS), SEPARATORS).map(|item| text::fold(item, utf8)).collect(),
        exceptions: MatchList::new(tables, exceptions.name(), config.get(exceptions))?,
        classes: Classes::parse(classes.name(), &Role::ALL, config.get(classes))?,
    })
}

fn headers(config: &Config) -> Result<Headers, String> {
    let number = |key: Key<Int>| usize::try_from(config.get(key)).unwrap_or(0);
    Ok(Headers {
        size_limit: number(params::HEADER_SIZE_LIMIT),
        token_limit: number(params::HEADER_ADDRESS_TOKEN_LIMIT),
        hopcount_limit: number(params::HOPCOUNT_LIMIT),
        dropped: Dropped::new(config.get(params::MESSAGE_DROP_HEADERS)),
        detect_8bit_encoding: config.get(params::DETECT_8BIT_ENCODING_HEADER),
        rewrite_remote: !config.get(params::REMOTE_HEADER_REWRITE_DOMAIN).is_empty(),
        always_add_missing: config.get(params::ALWAYS_ADD_MISSING_HEADERS),
        from_format: from_format(config)?,
        full_name_charset: config.get(params::FULL_NAME_ENCODING_CHARSET).into(),
        tls_required: config.get(params::TLS_REQUIRED_ENABLE),
        requiretls: config.get(params::REQUIRETLS_ENABLE),
        requiretls_header: config.get(params::REQUIRETLS_ESMTP_HEADER),
        undisclosed_recipients: config.get(params::UNDISCLOSED_RECIPIENTS_HEADER).into(),
    })
}

fn mime(config: &Config) -> Result<Mime, String> {
    let headers_end = HeadersEndAction::parse(config.get(params::NON_EMPTY_END_OF_HEADER_ACTION))?;
    let downgrade = config.get(params::FORCE_MIME_INPUT_CONVERSION);
    if config.get(params::DISABLE_MIME_INPUT_PROCESSING) {
        return match downgrade {
            true => Err(format!(
                "do not specify both {}=yes and {}=yes",
                params::DISABLE_MIME_INPUT_PROCESSING.name(),
                params::FORCE_MIME_INPUT_CONVERSION.name()
            )),
            false => Ok(Mime { limits: None, reports: Reports::default(), downgrade, headers_end }),
        };
    }
    let number = |key: Key<Int>| usize::try_from(config.get(key)).unwrap_or(0);
    let strict = config.get(params::STRICT_8BITMIME);
    let mut reports = Reports {
        nesting: false,
        eight_bit_header: strict || config.get(params::STRICT_7BIT_HEADERS),
        eight_bit_body: strict || config.get(params::STRICT_8BITMIME_BODY),
        domain: config.get(params::STRICT_MIME_ENCODING_DOMAIN),
        headers_end: false,
    };
    let checks = [params::HEADER_CHECKS, params::MIME_HEADER_CHECKS, params::NESTED_HEADER_CHECKS];
    // What is nested too deep would not be seen by the checks.
    reports.nesting = reports != Reports::default() || checks.iter().any(|&key| !config.get(key).is_empty());
    reports.headers_end = headers_end != HeadersEndAction::FixQuietly;
    let boundary_length = number(params::MIME_BOUNDARY_LENGTH_LIMIT);
    let limits = Some(Limits { boundary_length, nesting: number(params::MIME_NESTING_LIMIT) });
    Ok(Mime { limits, reports, downgrade, headers_end })
}

fn from_format(config: &Config) -> Result<FromFormat, String> {
    let value = config.get(params::HEADER_FROM_FORMAT);
    match value.as_bytes() {
        b"standard" => Ok(FromFormat::Standard),
        b"obsolete" => Ok(FromFormat::Obsolete),
        _ => Err(format!("invalid setting: \"header_from_format = {}\"", text::show(value))),
    }
}
