//! From an address to where it goes (cleanup-rewrite §9).

use std::time::Instant;

use address::{Finder, Form, Keys};
use bstr::{BString, ByteSlice};
use config::{Config, Key, Str, params};
use ipc::rewrite::{Resolved, resolved};
use table::{Flags, Maps, Tables};
use text::address::split_domain;
use text::dsn::split_status;

use crate::classes::{Class, Classes};
use crate::domain::{Domain, check};
use crate::rewrite::Rules;
use crate::route::{Route, Routes};
use crate::strip::{Failed, Stripped, Stripper};
use crate::transport::Transports;

/// How much of a bad result goes into the log, in bytes.
const SHOWN: usize = 100;

/// The parameters that differ between delivery and address probes.
#[allow(missing_docs, reason = "each field is the parameter of that name, or with address_verify_ before it")]
pub struct Parameters {
    pub local_transport: Key<Str>,
    pub virtual_transport: Key<Str>,
    pub relay_transport: Key<Str>,
    pub default_transport: Key<Str>,
    pub sender_dependent_default_transport_maps: Key<Str>,
    pub relayhost: Key<Str>,
    pub sender_dependent_relayhost_maps: Key<Str>,
    pub transport_maps: Key<Str>,
}

/// For delivery.
pub const DELIVERY: Parameters = Parameters {
    local_transport: params::LOCAL_TRANSPORT,
    virtual_transport: params::VIRTUAL_TRANSPORT,
    relay_transport: params::RELAY_TRANSPORT,
    default_transport: params::DEFAULT_TRANSPORT,
    sender_dependent_default_transport_maps: params::SENDER_DEPENDENT_DEFAULT_TRANSPORT_MAPS,
    relayhost: params::RELAYHOST,
    sender_dependent_relayhost_maps: params::SENDER_DEPENDENT_RELAYHOST_MAPS,
    transport_maps: params::TRANSPORT_MAPS,
};

/// For address probes.
pub const VERIFY: Parameters = Parameters {
    local_transport: params::ADDRESS_VERIFY_LOCAL_TRANSPORT,
    virtual_transport: params::ADDRESS_VERIFY_VIRTUAL_TRANSPORT,
    relay_transport: params::ADDRESS_VERIFY_RELAY_TRANSPORT,
    default_transport: params::ADDRESS_VERIFY_DEFAULT_TRANSPORT,
    sender_dependent_default_transport_maps: params::ADDRESS_VERIFY_SENDER_DEPENDENT_DEFAULT_TRANSPORT_MAPS,
    relayhost: params::ADDRESS_VERIFY_RELAYHOST,
    sender_dependent_relayhost_maps: params::ADDRESS_VERIFY_SENDER_DEPENDENT_RELAYHOST_MAPS,
    transport_maps: params::ADDRESS_VERIFY_TRANSPORT_MAPS,
};

/// Resolves addresses with one set of parameters.
#[derive(Debug)]
pub struct Resolver {
    stripper: Stripper,
    classes: Classes,
    routes: Routes,
    transports: Transports,
    relocated: Maps,
    /// Their results are addresses.
    relocated_prefix: bool,
    utf8: bool,
    resolve_numeric_domain: bool,
    allow_min_user: bool,
}

impl Resolver {
    /// Reads the parameters, and opens the tables.
    ///
    /// # Errors
    /// The text that ends the program.
    pub fn new(config: &Config, tables: &Tables, names: &Parameters) -> Result<Self, String> {
        let transports = names.transport_maps;
        let relocated = params::RELOCATED_MAPS;
        let transports = tables.maps(transports.name(), config.get(transports), Flags::LIST | Flags::NO_REGSUB);
        Ok(Resolver {
            stripper: Stripper::new(config),
            classes: Classes::new(config, tables)?,
            routes: Routes::new(config, tables, names),
            transports: Transports::new(transports, Instant::now()),
            relocated: tables.maps(relocated.name(), config.get(relocated), Flags::LIST),
            relocated_prefix: config.get(params::RELOCATED_PREFIX_ENABLE),
            utf8: config.get(params::SMTPUTF8_ENABLE),
            resolve_numeric_domain: config.get(params::RESOLVE_NUMERIC_DOMAIN),
            allow_min_user: config.get(params::ALLOW_MIN_USER),
        })
    }

    /// Resolves an address. Flags say what went wrong; then the texts mean nothing.
    pub fn resolve(&mut self, rules: &Rules, finder: &Finder, sender: &[u8], address: &[u8], now: Instant) -> Resolved {
        let mut reply = Resolved {
            server_flags: 0,
            transport: "CHANNEL NOT UPDATED".into(),
            nexthop: "NEXTHOP NOT UPDATED".into(),
            recipient: "NEXTRCPT NOT UPDATED".into(),
            flags: 0,
        };
        match self.fill(rules, finder, sender, address, now, &mut reply) {
            Ok(()) => {}
            Err(Failed) => reply.flags |= resolved::FAIL,
        }
        reply
    }

    fn fill(
        &mut self,
        rules: &Rules,
        finder: &Finder,
        sender: &[u8],
        address: &[u8],
        now: Instant,
        reply: &mut Resolved,
    ) -> Result<(), Failed> {
        let Stripped { mut recipient, mut is_local } = self.stripper.strip(rules, finder.local_domains(), address)?;
        let is_good = self.check_domain(finder, &mut recipient, &mut is_local)?;
        let domain = domain_of(&recipient);
        reply.recipient = recipient.clone();
        if !is_good {
            reply.flags |= resolved::ERROR | Class::Default.flag();
            return Ok(());
        }
        if is_routed(&recipient, &domain) {
            reply.flags |= resolved::ROUTED;
        }
        let class = self.classes.of(&domain, is_local)?;
        reply.flags |= class.flag();
        let mut route = self.routes.of(finder, class, sender, &domain)?;
        let detour = self.take_detour(finder, class, &recipient, &domain, &mut route, now);
        (reply.transport, reply.nexthop) = (route.transport, route.nexthop);
        detour?;
        if !self.allow_min_user && recipient.starts_with(b"-") {
            reply.flags |= resolved::ERROR;
        }
        Ok(())
    }

    /// What transport and relocated tables change.
    fn take_detour(
        &mut self,
        finder: &Finder,
        class: Class,
        recipient: &[u8],
        domain: &[u8],
        route: &mut Route,
        now: Instant,
    ) -> Result<(), Failed> {
        if class != Class::Alias {
            self.transports.apply(finder, recipient, domain, route, now)?;
        }
        self.relocate(finder, recipient, route)
    }

    /// Whether the domain of the recipient makes sense. Brackets are put around a bare network address.
    fn check_domain(&self, finder: &Finder, recipient: &mut BString, is_local: &mut bool) -> Result<bool, Failed> {
        let domain = domain_of(recipient);
        if !domain.starts_with(b"[") && self.utf8 && std::str::from_utf8(recipient).is_err() {
            return Ok(false);
        }
        match check(&domain, self.utf8, self.resolve_numeric_domain) {
            Domain::Good => Ok(true),
            Domain::Bad => Ok(false),
            Domain::Numeric(literal) => {
                let local_part = recipient.len() - domain.len();
                recipient.truncate(local_part);
                recipient.extend_from_slice(&literal);
                *is_local |= finder.local_domains().contains(&literal)?;
                Ok(true)
            }
        }
    }

    fn relocate(&self, finder: &Finder, recipient: &[u8], route: &mut Route) -> Result<(), Failed> {
        match finder.find(&self.relocated, recipient, Keys::ADDRESS, Form::ExternalThenInternal) {
            Ok(None) => Ok(()),
            Ok(Some(found)) => {
                route.transport = "error".into();
                route.nexthop = relocation(self.relocated_prefix, &found.value);
                Ok(())
            }
            Err(_) => {
                log::warn!("{} lookup failure", self.relocated.title());
                Err(Failed)
            }
        }
    }
}

/// What somebody hears who writes to an address that has moved (cleanup-rewrite §9.7).
fn relocation(is_address: bool, result: &[u8]) -> BString {
    if is_address {
        return [b"5.1.6 User has moved to ", result].concat().into();
    }
    if split_status(result).is_some_and(|(_, text)| !text.is_empty()) {
        return result.into();
    }
    let shown = text::show(&result[..result.len().min(SHOWN)]);
    log::warn!("relocated_maps result must contain RFC 3463 status and text: '{shown}'");
    "5.2.0 Mailbox is unavailable".into()
}

fn domain_of(recipient: &[u8]) -> BString {
    split_domain(recipient).1.unwrap_or_default().into()
}

/// Whether the local part has routing characters: the part behind the first one is not the domain.
fn is_routed(recipient: &[u8], domain: &[u8]) -> bool {
    recipient.find_byteset(b"@!%").is_some_and(|at| &recipient[at + 1..] != domain)
}
