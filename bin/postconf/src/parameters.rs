//! The parameters that are known: built in, of services, or defined by the user (config §8.4).

use std::collections::BTreeMap;

use bstr::{BStr, BString, ByteSlice};
use config::registry::{self, Kind, Type};
use config::service::{FAMILIES, TIME_LIMIT};

use crate::entry::Entry;

/// What kind of name a parameter has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// In the registry.
    Builtin,
    /// Made of the name of a service of master.cf.
    Service,
    /// Defined in main.cf, and used there or in master.cf.
    User,
}

/// A set of classes; all of them unless the command line says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Classes([bool; 3]);

impl Default for Classes {
    fn default() -> Self {
        Classes([true; 3])
    }
}

impl Classes {
    pub fn none() -> Self {
        Classes([false; 3])
    }

    pub fn add(&mut self, class: Class) {
        self.0[class as usize] = true;
    }

    pub fn has(self, class: Class) -> bool {
        self.0[class as usize]
    }
}

/// A parameter.
#[derive(Clone, Debug)]
pub struct Parameter {
    pub class: Class,
    /// The default, unexpanded.
    pub default: BString,
    /// Whether the value is never expanded.
    pub raw: bool,
    /// Whether programs set it, and main.cf may not.
    pub read_only: bool,
    /// Whether it is listed without being asked for.
    pub listed: bool,
}

/// All known parameters.
#[derive(Debug)]
pub struct Parameters(BTreeMap<BString, Parameter>);

/// A command whose services have parameters of their own.
struct Command {
    name: &'static str,
    /// The queue manager's parameters for a transport.
    transport: bool,
    /// How long a command of the service may run.
    time_limit: bool,
}

const COMMANDS: [Command; 7] = [
    Command { name: "local", transport: true, time_limit: false },
    Command { name: "error", transport: true, time_limit: false },
    Command { name: "virtual", transport: true, time_limit: false },
    Command { name: "smtp", transport: true, time_limit: false },
    Command { name: "lmtp", transport: true, time_limit: false },
    Command { name: "pipe", transport: true, time_limit: true },
    Command { name: "spawn", transport: false, time_limit: true },
];

impl Command {
    fn has(&self, suffix: &str) -> bool {
        if suffix == TIME_LIMIT.suffix { self.time_limit } else { self.transport }
    }
}

/// Built-in parameters that belong to a service once there is one of that name.
const OF_SERVICES: [&str; 2] = ["local_destination_concurrency_limit", "local_destination_recipient_limit"];

impl Parameters {
    /// The built-in parameters; `computed` gives the defaults that depend on the machine.
    pub fn builtin(computed: impl Fn(&str) -> Option<BString>) -> Self {
        let parameter = |row: &registry::Row| Parameter {
            class: Class::Builtin,
            default: computed(row.name).unwrap_or_else(|| row.default.into()),
            raw: row.ty == Type::Raw,
            read_only: row.kind == Kind::ReadOnly,
            listed: row.kind != Kind::Legacy,
        };
        Parameters(registry::rows().iter().map(|row| (row.name.into(), parameter(row))).collect())
    }

    /// Adds the parameters of the services of master.cf.
    pub fn add_services(&mut self, entries: &[Entry]) {
        for entry in entries {
            let Some(command) = COMMANDS.iter().find(|command| entry.command() == command.name) else {
                continue;
            };
            for family in FAMILIES.iter().filter(|family| command.has(family.suffix)) {
                let name = BString::from([entry.service().as_bytes(), family.suffix.as_bytes()].concat());
                self.add_service(name, family.default);
            }
        }
    }

    fn add_service(&mut self, name: BString, default: &str) {
        if let Some(known) = self.0.get_mut(&name) {
            if OF_SERVICES.iter().any(|&special| name == special) {
                known.class = Class::Service;
            }
            return;
        }
        let default = BString::from(format!("${default}"));
        let parameter = Parameter { class: Class::Service, default, raw: false, read_only: false, listed: true };
        self.0.insert(name, parameter);
    }

    /// Makes a name that main.cf defines, and that is used, a parameter of the user's.
    pub fn add_user(&mut self, name: &BStr) {
        let known = self.0.entry(name.to_owned()).or_insert_with(|| Parameter {
            class: Class::User,
            default: BString::default(),
            raw: false,
            read_only: false,
            listed: true,
        });
        if !known.listed {
            known.listed = true;
            known.class = Class::User;
        }
    }

    /// A parameter by name.
    pub fn get(&self, name: &[u8]) -> Option<&Parameter> {
        self.0.get(name.as_bstr())
    }

    /// All parameters by name.
    pub fn iter(&self) -> impl Iterator<Item = (&BStr, &Parameter)> {
        self.0.iter().map(|(name, parameter)| (name.as_bstr(), parameter))
    }
}
