//! main.cf, master.cf and the parameter registry (floor 2).
//!
//! A program calls [`Config::load`] once: it reads main.cf, applies overrides, evaluates every parameter that the program
//! reads and checks them against each other, so that [`Config::get`] cannot fail later (config §4).
#![forbid(unsafe_code)]

mod accounts;
mod check;
pub mod computed;
mod dictionary;
pub mod directory;
pub mod environment;
mod error;
mod evaluate;
mod key;
mod load;
pub mod main_cf;
pub mod master;
mod network;
pub mod params;
mod ports;
pub mod registry;
pub mod service;
#[cfg(test)]
mod tests;
mod value;

use std::ffi::OsStr;
use std::net::IpAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bstr::{BStr, BString};
use sys::interface::Interface;
use text::level::Level;

pub use dictionary::Dictionary;
pub use error::Error;
pub use key::{Bool, Int, Key, KeyKind, Long, Raw, Str, Time};
pub use load::Start;
pub use network::{Protocols, own_interfaces};
pub use ports::KnownPorts;
pub use value::{Value, seconds};

/// The configuration of a program that runs.
#[derive(Debug)]
pub struct Config {
    directory: BString,
    dictionary: Dictionary,
    /// One place for each row of the registry.
    values: Vec<OnceLock<Value>>,
    level: Level,
    legacy: LegacyDefaults,
    protocols: Protocols,
    own: Vec<Interface>,
    proxy: OnceLock<Vec<IpAddr>>,
    ports: KnownPorts,
    host: computed::Host,
}

/// The defaults of an older compatibility level that are in force because main.cf says nothing else (config §6). A program
/// that finds that one of them made a difference logs it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "each field is the parameter of that name")]
pub struct LegacyDefaults {
    pub append_dot_mydomain: bool,
    pub smtputf8_enable: bool,
    pub smtpd_relay_restrictions: bool,
    /// The chroot field of master.cf.
    pub chroot: bool,
    pub mynetworks_style: bool,
    pub relay_domains: bool,
    /// fast_flush_domains, by way of relay_domains.
    pub fast_flush_domains: bool,
    pub smtpd_tls_fingerprint_digest: bool,
    pub smtp_tls_fingerprint_digest: bool,
    pub lmtp_tls_fingerprint_digest: bool,
    pub smtpd_relay_before_recipient_restrictions: bool,
    pub respectful_logging: bool,
}

/// The names of a [`Config`], to be kept apart from it.
#[derive(Clone, Debug)]
pub struct Definitions {
    dictionary: std::sync::Arc<Dictionary>,
    file: PathBuf,
}

impl Definitions {
    /// The expanded value of any name, if it is defined.
    ///
    /// # Errors
    /// When the value has a bad `$name`; the reason has been logged.
    pub fn value(&self, name: &[u8]) -> Result<Option<BString>, Error> {
        self.dictionary.get(name).map(|text| evaluate::expand_with(&self.dictionary, text)).transpose()
    }

    /// The file that they are from: main.cf.
    pub fn file(&self) -> &Path {
        &self.file
    }
}

impl Config {
    /// The value of a parameter.
    ///
    /// # Panics
    /// When the registry does not name this program as a reader of the parameter, *and* main.cf has a bad value for it: a
    /// reader that is not in the registry is a bug.
    pub fn get<K: KeyKind>(&self, key: Key<K>) -> K::Value<'_> {
        let value = self.values[key.index()].get_or_init(|| self.late(key.index()));
        K::read(value).unwrap_or_else(|| panic!("{} is not in the registry with this type", key.name()))
    }

    /// From now on, a parameter has the value of another.
    pub fn replace<K: KeyKind>(&mut self, key: Key<K>, other: Key<K>) {
        let value = self.values[other.index()].get_or_init(|| self.late(other.index())).clone();
        self.values[key.index()] = OnceLock::from(value);
    }

    /// Evaluates a parameter that was not evaluated at the start.
    fn late(&self, index: usize) -> Value {
        let row = &registry::rows()[index];
        log::debug!("parameter {} is read, but not registered", row.name);
        match load::late(self, row) {
            Ok(value) => value,
            Err(error) => panic!("{error}"),
        }
    }

    /// The unexpanded text of any name, if it is defined: in main.cf, by an override, or as a default that this program has.
    pub fn lookup(&self, name: &[u8]) -> Option<&BStr> {
        self.dictionary.get(name)
    }

    /// All names that are defined, for tables that take their parameters from main.cf (tables §5.1).
    pub fn definitions(&self) -> Definitions {
        let directory = Path::new(OsStr::from_bytes(&self.directory));
        Definitions { dictionary: std::sync::Arc::new(self.dictionary.clone()), file: directory.join("main.cf") }
    }

    /// Expands the `$name`s of a text.
    ///
    /// # Errors
    /// When it has a bad one; the reason has been logged.
    pub fn expand(&self, text: &[u8]) -> Result<BString, Error> {
        evaluate::expand_with(&self.dictionary, text)
    }

    /// The directory that main.cf and master.cf are in, as it was given.
    pub fn directory(&self) -> &BStr {
        self.directory.as_slice().into()
    }

    /// The compatibility level.
    pub fn compatibility_level(&self) -> Level {
        self.level
    }

    /// Which defaults are those of an older level.
    pub fn legacy_defaults(&self) -> LegacyDefaults {
        self.legacy
    }

    /// The network protocols that are in use.
    pub fn protocols(&self) -> Protocols {
        self.protocols
    }

    /// The addresses and networks of inet_interfaces.
    pub fn own_interfaces(&self) -> &[Interface] {
        &self.own
    }

    /// The addresses of inet_interfaces.
    pub fn own_addresses(&self) -> Vec<IpAddr> {
        network::addresses(&self.own)
    }

    /// The addresses of proxy_interfaces, which are looked up once.
    ///
    /// # Errors
    /// When a host is not found; log it as fatal.
    pub fn proxy_addresses(&self) -> Result<&[IpAddr], Error> {
        if let Some(found) = self.proxy.get() {
            return Ok(found);
        }
        let found = network::proxy_addresses(self.get(params::PROXY_INTERFACES), self.protocols)?;
        Ok(self.proxy.get_or_init(|| found))
    }

    /// The ports of known_tcp_ports.
    pub fn known_ports(&self) -> &KnownPorts {
        &self.ports
    }

    /// The elements of import_environment, for [`environment::apply`].
    ///
    /// # Errors
    /// When the list is bad; log it as fatal.
    pub fn import_environment(&self, purpose: environment::Purpose) -> Result<Vec<environment::Element>, Error> {
        environment::parse("import_environment", self.get(params::IMPORT_ENVIRONMENT), purpose)
    }

    /// The elements of export_environment, for the environment of a command.
    ///
    /// # Errors
    /// When the list is bad; log it as fatal.
    pub fn export_environment(&self) -> Result<Vec<environment::Element>, Error> {
        let purpose = environment::Purpose::Clean;
        environment::parse("export_environment", self.get(params::EXPORT_ENVIRONMENT), purpose)
    }
}
