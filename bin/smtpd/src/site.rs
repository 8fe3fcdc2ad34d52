//! What a process knows for all sessions.

use access::{Access, Effects};
use address::{FastFlush, MatchList, ParentDomains};
use bstr::BStr;
use config::{Config, Key, Str, params};
use ipc::anvil;
use logging::fatal;
use post::NoticeClasses;
use server::Context;
use smtp_protocol::peer::Habits;
use smtp_protocol::server::ehlo::Discarded;
use smtp_protocol::server::newline::Newlines;
use table::{Flags, Maps, Mode, Settings, Table, Tables};

use crate::tls::TlsMode;

/// Lists of clients, tables, and the ends of connections to other services.
#[derive(Debug)]
pub struct Site {
    tables: Tables,
    /// `smtpd_noop_commands`.
    pub noop_commands: MatchList,
    /// `smtpd_forbidden_commands`.
    pub forbidden_commands: MatchList,
    /// `smtpd_authorized_verp_clients`.
    pub verp_clients: MatchList,
    /// `smtpd_authorized_xclient_hosts`.
    pub xclient_hosts: MatchList,
    /// `smtpd_authorized_xforward_hosts`.
    pub xforward_hosts: MatchList,
    /// `smtpd_client_event_limit_exceptions`.
    pub uncounted_clients: MatchList,
    /// `smtpd_forbid_bare_newline_exclusions`.
    pub bare_newline_clients: MatchList,
    /// `debug_peer_list`.
    pub debug_peers: MatchList,
    /// `smtpd_command_filter`.
    pub command_filter: Option<Table>,
    /// `smtpd_discard_ehlo_keyword_address_maps`.
    pub discard_maps: Maps,
    /// `smtpd_discard_ehlo_keywords`.
    pub discarded: Discarded,
    /// `smtpd_milter_maps`.
    pub milter_maps: Maps,
    /// `smtpd_reject_filter_maps`.
    pub reject_filter_maps: Maps,
    /// `smtpd_reject_footer_maps`.
    pub footer_maps: Maps,
    /// `smtpd_forbid_bare_newline`.
    pub newlines: Newlines,
    /// `notify_classes`.
    pub notify: NoticeClasses,
    /// The flush service, for ETRN.
    pub flush: FastFlush,
    /// Restrictions; none for whoever runs this.
    pub access: Option<Access>,
    /// Counters of clients; none when nothing is limited.
    pub anvil: Option<anvil::Client>,
    /// How clients are looked at.
    pub habits: Habits,
    /// Whether TLS may or must be used.
    pub tls: TlsMode,
    /// `sendmail -bs`: the client is whoever runs this.
    pub stand_alone: bool,
}

impl Site {
    /// Opens lists and tables, with the rights that the process still has.
    ///
    /// # Errors
    /// The text of the fatal error.
    pub fn open(context: &Context) -> Result<Site, String> {
        let config = &context.config;
        let tables = Tables::new(Settings::from(config));
        let parents = ParentDomains::new(&tables, config)?;
        let list = |key: Key<Str>| MatchList::new(&tables, key.name(), config.get(key));
        let domains = |key: Key<Str>| MatchList::domains(&tables, &parents, key.name(), config.get(key));
        let maps = |key: Key<Str>| tables.maps(key.name(), config.get(key), Flags::LIST);
        let stand_alone = is_stand_alone(context)?;
        if !stand_alone && !config.protocols().any() {
            let value = text::show(config.get(params::INET_PROTOCOLS)).to_string();
            return Err(format!("all network protocols are disabled (inet_protocols = {value})"));
        }
        let newlines = config.get(params::SMTPD_FORBID_BARE_NEWLINE);
        let site = Site {
            noop_commands: list(params::SMTPD_NOOP_COMMANDS)?,
            forbidden_commands: list(params::SMTPD_FORBIDDEN_COMMANDS)?,
            verp_clients: list(params::SMTPD_AUTHORIZED_VERP_CLIENTS)?,
            xclient_hosts: list(params::SMTPD_AUTHORIZED_XCLIENT_HOSTS)?,
            xforward_hosts: list(params::SMTPD_AUTHORIZED_XFORWARD_HOSTS)?,
            uncounted_clients: domains(params::SMTPD_CLIENT_EVENT_LIMIT_EXCEPTIONS)?,
            bare_newline_clients: list(params::SMTPD_FORBID_BARE_NEWLINE_EXCLUSIONS)?,
            debug_peers: domains(params::DEBUG_PEER_LIST)?,
            command_filter: command_filter(config, &tables),
            discard_maps: maps(params::SMTPD_DISCARD_EHLO_KEYWORD_ADDRESS_MAPS),
            discarded: Discarded::parse(config.get(params::SMTPD_DISCARD_EHLO_KEYWORDS)),
            milter_maps: maps(params::SMTPD_MILTER_MAPS),
            reject_filter_maps: maps(params::SMTPD_REJECT_FILTER_MAPS),
            footer_maps: maps(params::SMTPD_REJECT_FOOTER_MAPS),
            newlines: Newlines::parse(newlines).ok_or_else(|| {
                format!("bad parameter value: 'smtpd_forbid_bare_newline = {}'", text::show(newlines))
            })?,
            notify: NoticeClasses::from_config(config)?,
            flush: FastFlush::open(config)?,
            access: if stand_alone { None } else { Some(Access::open(config, &tables)?) },
            anvil: has_limits(config).then(|| anvil::Client::new(context.ipc_timeout())),
            habits: crate::peer::habits(config),
            tls: TlsMode::from_config(config)?,
            stand_alone,
            tables,
        };
        match site.tables.fatal_error() {
            Some(error) => Err(error.to_string()),
            None => Ok(site),
        }
    }

    /// Looks at parameters that do not fit each other.
    pub fn check(&self, config: &Config) {
        let (minimum, largest) = (config.get(params::QUEUE_MINFREE), config.get(params::MESSAGE_SIZE_LIMIT));
        if minimum > 0 && largest > 0 && (minimum as f64 / 1.5) < largest as f64 {
            log::warn!("queue_minfree({minimum}) should be at least 1.5*message_size_limit({largest})");
        }
        if config.get(params::SMTPD_SASL_AUTH_ENABLE) {
            log::warn!("smtpd_sasl_auth_enable is true, but SASL support is not compiled in");
        }
        crate::filter::check_options(config).unwrap_or_else(|error| fatal!("{error}"));
    }

    /// What restrictions want done with the message.
    pub fn effects(&self) -> Effects {
        self.access.as_ref().map(|access| access.effects().clone()).unwrap_or_default()
    }

    /// Says that a table file has changed: then this process ends, and another reads it.
    pub fn changed_table(&self) -> Option<String> {
        self.tables.changed().map(|name| format!("table {name} has changed"))
    }
}

/// Whether the client is whoever runs this, rather than someone on the network.
fn is_stand_alone(context: &Context) -> Result<bool, String> {
    if !context.stand_alone {
        return Ok(false);
    }
    let owner = context.config.get(params::MAIL_OWNER);
    let account = sys::privilege::account(&owner.to_string()).map_err(|error| sys::reason(&error))?;
    Ok(account.is_none_or(|account| account.uid != sys::privilege::real_uid()))
}

fn command_filter(config: &Config, tables: &Tables) -> Option<Table> {
    let name: &BStr = config.get(params::SMTPD_COMMAND_FILTER);
    (!name.is_empty()).then(|| tables.open(name, Flags::LIST, Mode::ReadOnly))
}

fn has_limits(config: &Config) -> bool {
    [
        params::SMTPD_CLIENT_CONNECTION_COUNT_LIMIT,
        params::SMTPD_CLIENT_CONNECTION_RATE_LIMIT,
        params::SMTPD_CLIENT_MESSAGE_RATE_LIMIT,
        params::SMTPD_CLIENT_RECIPIENT_RATE_LIMIT,
        params::SMTPD_CLIENT_NEW_TLS_SESSION_RATE_LIMIT,
        params::SMTPD_CLIENT_AUTH_RATE_LIMIT,
    ]
    .into_iter()
    .any(|key| config.get(key) != 0)
}
