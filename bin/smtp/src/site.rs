//! What lasts as long as the process: parameters, tables, the resolver.

use std::net::IpAddr;

use address::{DnsReplyFilter, Finder, MatchList, ParentDomains, Propagate, RewriteService};
use bstr::BString;
use config::{Config, Key, Str, params};
use dns::{Probe, ResolvConf, Resolver};
use logging::fatal;
use server::Context;
use table::{Flags, Maps, Mode as TableMode, Table, Tables};

use crate::cache::Cache;
use crate::checks::Checks;
use crate::flags::DeliveryFlags;
use crate::mode::Mode;
use crate::security::Security;
use crate::settings::Settings;

/// Everything that a delivery needs and does not change.
pub struct Site {
    /// SMTP or LMTP.
    pub mode: Mode,
    /// The service name of master.cf.
    pub service: String,
    /// Values of parameters.
    pub settings: Settings,
    /// Letters of `flags=`.
    pub flags: DeliveryFlags,
    /// Looks names up.
    pub resolver: Resolver,
    /// `debug_peer_list`: the servers for which the log says more, and how much more.
    pub debug_peers: (MatchList, u32),
    /// `smtp_connection_cache_destinations`.
    pub cache_destinations: MatchList,
    /// EHLO keywords to discard, by address.
    pub discard_maps: Maps,
    /// Work-arounds for firewalls, by address.
    pub pix_maps: Maps,
    /// `smtp_reply_filter`.
    pub reply_filter: Option<Table>,
    /// `smtp_generic_maps`.
    pub generic_maps: Maps,
    /// Whether generic maps carry extensions over.
    pub propagate_generic: bool,
    /// Header and body checks.
    pub checks: Checks,
    /// What TLS and SASL would be needed for.
    pub security: Security,
    /// Addresses of this machine, and of proxies in front of it.
    pub own_addresses: Vec<IpAddr>,
    /// See [`Site::own_addresses`].
    pub proxy_addresses: Vec<IpAddr>,
    /// Key ladders of address tables.
    pub finder: Finder,
    /// All tables.
    pub tables: Tables,
}

/// A higher verbosity of the log, for as long as this lives.
#[derive(Debug)]
pub struct Verbosity(u32);

impl Verbosity {
    fn raise(level: u32) -> Self {
        let before = logging::verbosity();
        logging::set_verbosity(before.saturating_add(level));
        Verbosity(before)
    }
}

impl Drop for Verbosity {
    fn drop(&mut self) {
        logging::set_verbosity(self.0);
    }
}

/// What changes from one delivery to the next.
pub struct Services {
    /// Completes addresses of generic maps.
    pub rewriter: RewriteService,
    /// The connection cache, if it is used.
    pub cache: Option<Cache>,
}

impl Site {
    /// Opens tables.
    pub fn open(mode: Mode, context: &Context) -> Self {
        let config = &context.config;
        let tables = Tables::new(config.into());
        let maps = |smtp: Key<Str>, lmtp: Key<Str>| {
            let key = mode.pick(smtp, lmtp);
            tables.maps(key.name(), config.get(key), Flags::LIST)
        };
        let propagate = Propagate::parse(config.get(params::PROPAGATE_UNMATCHED_EXTENSIONS));
        Site {
            mode,
            service: context.service.clone(),
            settings: Settings::read(mode, config),
            flags: DeliveryFlags::read(mode, context),
            resolver: resolver(mode, config, &tables),
            debug_peers: debug_peers(config, &tables),
            cache_destinations: cache_destinations(mode, config, &tables),
            discard_maps: maps(
                params::SMTP_DISCARD_EHLO_KEYWORD_ADDRESS_MAPS,
                params::LMTP_DISCARD_LHLO_KEYWORD_ADDRESS_MAPS,
            ),
            pix_maps: maps(params::SMTP_PIX_WORKAROUND_MAPS, params::LMTP_PIX_WORKAROUND_MAPS),
            reply_filter: reply_filter(mode, config, &tables),
            generic_maps: maps(params::SMTP_GENERIC_MAPS, params::LMTP_GENERIC_MAPS),
            propagate_generic: propagate.unwrap_or_else(|error| fatal!("{error}")).generic,
            checks: Checks::open(mode, config, &tables),
            security: Security::open(mode, config, &tables),
            own_addresses: config.own_addresses(),
            proxy_addresses: config.proxy_addresses().unwrap_or_else(|error| fatal!("{error}")).to_vec(),
            finder: Finder::new(&tables, config).unwrap_or_else(|error| fatal!("{error}")),
            tables,
        }
    }

    /// Says more in the log about a server that is listed; until the result is dropped.
    pub fn listen_closely(&self, host: &[u8], address: &[u8]) -> Option<Verbosity> {
        let (peers, level) = &self.debug_peers;
        let is_listed = !peers.is_empty() && peers.matches_host(host, address).unwrap_or(false);
        is_listed.then(|| Verbosity::raise(*level))
    }

    /// Whether an address is this machine's.
    pub fn is_own(&self, address: IpAddr) -> bool {
        self.own_addresses.contains(&address) || self.proxy_addresses.contains(&address)
    }
}

fn debug_peers(config: &Config, tables: &Tables) -> (MatchList, u32) {
    let list = config.get(params::DEBUG_PEER_LIST);
    let peers = ParentDomains::new(tables, config)
        .and_then(|parents| MatchList::domains(tables, &parents, params::DEBUG_PEER_LIST.name(), list))
        .unwrap_or_else(|error| fatal!("{error}"));
    (peers, u32::try_from(config.get(params::DEBUG_PEER_LEVEL)).unwrap_or(0))
}

fn cache_destinations(mode: Mode, config: &Config, tables: &Tables) -> MatchList {
    let key = mode.pick(params::SMTP_CONNECTION_CACHE_DESTINATIONS, params::LMTP_CONNECTION_CACHE_DESTINATIONS);
    ParentDomains::new(tables, config)
        .and_then(|parents| MatchList::domains(tables, &parents, key.name(), config.get(key)))
        .unwrap_or_else(|error| fatal!("{error}"))
}

fn reply_filter(mode: Mode, config: &Config, tables: &Tables) -> Option<Table> {
    let name = mode.get(config, params::SMTP_REPLY_FILTER, params::LMTP_REPLY_FILTER);
    (!name.is_empty()).then(|| tables.open(name, Flags::LOCK | Flags::FOLD_FIX, TableMode::ReadOnly))
}

fn resolver(mode: Mode, config: &Config, tables: &Tables) -> Resolver {
    let key = mode.pick(params::SMTP_DNS_REPLY_FILTER, params::LMTP_DNS_REPLY_FILTER);
    let filter = DnsReplyFilter::open(config, tables, key);
    let probe = Probe::parse(config.get(params::DNSSEC_PROBE)).unwrap_or_else(|error| fatal!("{error}"));
    Resolver::new(ResolvConf::system()).with_filter(filter).with_probe(probe)
}

/// An address in the form of log lines.
pub fn show_address(address: IpAddr) -> BString {
    address.to_string().into()
}
