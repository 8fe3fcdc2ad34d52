//! Transport and next hop by address class and sender (cleanup-rewrite §9.5).

use address::{Finder, Form, Keys};
use bstr::{BString, ByteSlice};
use config::{Config, Key, Str, params};
use table::{Flags, Maps, Tables};

use crate::classes::Class;
use crate::resolve::Parameters;
use crate::strip::Failed;

/// Where an address goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The name of a delivery service.
    pub transport: BString,
    /// What it is to connect to, or to say.
    pub nexthop: BString,
}

/// A `transport:nexthop` text, and the parameter that it is from.
#[derive(Debug)]
struct Setting {
    parameter: &'static str,
    value: BString,
}

/// The parameters.
#[derive(Debug)]
pub struct Routes {
    local: Setting,
    mailbox: Setting,
    relay: Setting,
    default: Setting,
    sender_default: SenderMaps,
    sender_relayhost: SenderMaps,
    relayhost: BString,
    alias_nexthop: &'static str,
    /// The path of main.cf, for messages.
    main_cf: String,
}

/// Tables that are asked with the sender.
#[derive(Debug)]
struct SenderMaps {
    maps: Maps,
    /// What stands for the empty sender.
    null_sender: BString,
}

impl Routes {
    /// Reads the parameters.
    pub fn new(config: &Config, tables: &Tables, names: &Parameters) -> Self {
        let setting = |key: Key<Str>| Setting { parameter: key.name(), value: config.get(key).into() };
        let sender_maps = |key: Key<Str>, null: Key<Str>| SenderMaps {
            maps: tables.maps(key.name(), config.get(key), Flags::LIST | Flags::NO_REGSUB),
            null_sender: config.get(null).into(),
        };
        Routes {
            local: setting(names.local_transport),
            mailbox: setting(names.virtual_transport),
            relay: setting(names.relay_transport),
            default: setting(names.default_transport),
            sender_default: sender_maps(
                names.sender_dependent_default_transport_maps,
                params::EMPTY_ADDRESS_DEFAULT_TRANSPORT_MAPS_LOOKUP_KEY,
            ),
            sender_relayhost: sender_maps(
                names.sender_dependent_relayhost_maps,
                params::EMPTY_ADDRESS_RELAYHOST_MAPS_LOOKUP_KEY,
            ),
            relayhost: config.get(names.relayhost).into(),
            alias_nexthop: match config.get(params::SHOW_USER_UNKNOWN_TABLE_NAME) {
                true => "5.1.1 User unknown in virtual alias table",
                false => "5.1.1 User unknown",
            },
            main_cf: format!("{}/main.cf", text::show(config.directory())),
        }
    }

    /// The route of an address of this class, before transport tables.
    pub fn of(&self, finder: &Finder, class: Class, sender: &[u8], domain: &[u8]) -> Result<Route, Failed> {
        let setting = match class {
            Class::Alias => {
                return Ok(Route { transport: "error".into(), nexthop: self.alias_nexthop.into() });
            }
            Class::Local => &self.local,
            Class::Mailbox => &self.mailbox,
            Class::Relay => &self.relay,
            Class::Default => &self.default,
        };
        let sender_setting = match class {
            Class::Default => self.sender_default.find(finder, sender)?,
            _ => None,
        };
        let nexthop = match class {
            Class::Relay | Class::Default => self.relay_host(finder, sender, domain)?,
            _ => domain.into(),
        };
        let text = sender_setting.as_ref().unwrap_or(&setting.value);
        let (transport, explicit) = text.split_once_str(":").unwrap_or((text, b""));
        if transport.is_empty() {
            let parameter = match sender_setting {
                Some(_) => self.sender_default.maps.title(),
                None => setting.parameter,
            };
            log::warn!("file {}: parameter {parameter}: null transport is not allowed", self.main_cf);
            return Err(Failed);
        }
        let nexthop = if explicit.is_empty() { nexthop } else { explicit.into() };
        Ok(Route { transport: transport.into(), nexthop })
    }

    fn relay_host(&self, finder: &Finder, sender: &[u8], domain: &[u8]) -> Result<BString, Failed> {
        Ok(match self.sender_relayhost.find(finder, sender)? {
            Some(host) => host,
            None if self.relayhost.is_empty() => domain.into(),
            None => self.relayhost.clone(),
        })
    }
}

impl SenderMaps {
    /// What the tables say about a sender. `DUNNO` is nothing.
    fn find(&self, finder: &Finder, sender: &[u8]) -> Result<Option<BString>, Failed> {
        let key = if sender.is_empty() { self.null_sender.as_slice() } else { sender };
        let found = finder.find(&self.maps, key, Keys::ADDRESS, Form::ExternalThenInternal);
        match found {
            Ok(found) => Ok(found.map(|found| found.value).filter(|value| !value.eq_ignore_ascii_case(b"DUNNO"))),
            Err(_) => {
                log::warn!("{} lookup failure", self.maps.title());
                Err(Failed)
            }
        }
    }
}
