//! Evaluation of parameters, in the order in which a program registers them (config §2.1, §4.4).

use std::borrow::Cow;

use bstr::{BString, ByteSlice};
use text::expand::{Options, expand};

use crate::dictionary::Dictionary;
use crate::error::Error;
use crate::registry::{self, Row, Type};
use crate::value::{Rule, Value, default_unit};

/// A step of a program's start. A `$name` sees the defaults of its own step and of those before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Level,
    EarlyText,
    EarlyBool,
    HostName,
    Domain,
    Common(u8),
    Networks,
    Own(u8),
}

const EARLY_TEXT: [&str; 12] = [
    "dnssec_probe",
    "inet_protocols",
    "known_tcp_ports",
    "mail_version",
    "maillog_file",
    "maillog_file_compressor",
    "maillog_file_prefixes",
    "maillog_file_rotate_suffix",
    "multi_instance_directories",
    "multi_instance_group",
    "multi_instance_name",
    "postlog_service_name",
];

const EARLY_BOOL: [&str; 5] = [
    "daemon_table_open_error_is_fatal",
    "dns_ncache_ttl_fix_enable",
    "enable_idna2003_compatibility",
    "respectful_logging",
    "smtputf8_enable",
];

/// The step at which a parameter is evaluated.
pub(crate) fn step(row: &Row) -> Step {
    match row.name {
        "compatibility_level" => Step::Level,
        "syslog_facility" => Step::EarlyText,
        name if EARLY_TEXT.contains(&name) => Step::EarlyText,
        name if EARLY_BOOL.contains(&name) => Step::EarlyBool,
        "myhostname" => Step::HostName,
        "mydomain" => Step::Domain,
        "mynetworks" | "process_id" => Step::Networks,
        _ if row.is_common() => Step::Common(type_order(row.ty)),
        _ => Step::Own(type_order(row.ty)),
    }
}

fn type_order(ty: Type) -> u8 {
    match ty {
        Type::Str => 0,
        Type::Int => 1,
        Type::Long => 2,
        Type::Bool => 3,
        Type::Time => 4,
        Type::Raw => 5,
        Type::NInt => 6,
        Type::NBool => 7,
    }
}

/// Gives the default of a parameter that is computed; nothing for the others.
pub(crate) trait Computed {
    /// The default of the parameter `name`, which is in need of no expansion.
    fn default(&self, name: &str, evaluator: &mut Evaluator<'_>) -> Result<Option<BString>, Error>;
}

/// A dictionary that is filled with defaults while parameters are evaluated.
pub(crate) struct Evaluator<'a> {
    pub dictionary: &'a mut Dictionary,
    pub computed: &'a dyn Computed,
    /// Whose parameters have defaults; none means everybody's.
    pub program: Option<&'a str>,
    /// How far the start of the program is.
    pub step: Step,
    /// The parameters whose defaults are being expanded: these are not defined yet.
    pub busy: Vec<&'static str>,
}

impl Evaluator<'_> {
    /// Evaluates one parameter.
    pub fn value(&mut self, row: &'static Row) -> Result<Value, Error> {
        let text = self.text(row)?;
        let unit = match row.ty {
            Type::Time => default_unit(&self.expand(row.default.as_bytes())?),
            _ => b's',
        };
        Rule { name: row.name, ty: row.ty, min: row.min, max: row.max, unit }.value(text)
    }

    /// The text of a parameter, expanded unless it is raw. A default is entered into the dictionary.
    fn text(&mut self, row: &'static Row) -> Result<BString, Error> {
        let written = self.dictionary.get(row.name.as_bytes()).map(ToOwned::to_owned);
        match written {
            Some(text) if row.ty == Type::Raw => Ok(text),
            Some(text) => self.expand(&text),
            None => self.default(row),
        }
    }

    fn default(&mut self, row: &'static Row) -> Result<BString, Error> {
        self.busy.push(row.name);
        let text = self.default_text(row);
        self.busy.pop();
        let text = text?;
        self.dictionary.set(row.name, text.clone());
        Ok(text)
    }

    fn default_text(&mut self, row: &'static Row) -> Result<BString, Error> {
        if let Some(text) = self.computed.default(row.name, self)? {
            return Ok(text);
        }
        if row.ty == Type::Raw { Ok(row.default.into()) } else { self.expand(row.default.as_bytes()) }
    }

    /// Expands a text with what is defined so far.
    pub fn expand(&mut self, text: &[u8]) -> Result<BString, Error> {
        if !text.contains(&b'$') {
            return Ok(text.into());
        }
        let options = Options { recursive: true, filter: None };
        let mut failed = None;
        let expanded = expand(text, &options, &mut |name| match self.lookup(name) {
            Ok(value) => value,
            Err(error) => {
                failed.get_or_insert(error);
                None
            }
        });
        match failed {
            Some(error) => Err(error),
            None => expanded.map(|found| found.text).map_err(Error::expansion),
        }
    }

    /// The value of a name: what is written, or the default of a parameter that is registered by now.
    fn lookup(&mut self, name: &[u8]) -> Result<Option<BString>, Error> {
        if let Some(value) = self.dictionary.get(name) {
            return Ok(Some(value.to_owned()));
        }
        match registry::row(name).filter(|row| self.sees(row)) {
            Some(row) => self.default(row).map(Some),
            None => Ok(None),
        }
    }

    fn sees(&self, row: &Row) -> bool {
        step(row) <= self.step
            && self.program.is_none_or(|program| row.is_read_by(program))
            && !self.busy.contains(&row.name)
    }

    /// The text of a parameter that main.cf may have, expanded; empty if it is not defined.
    pub fn defined(&mut self, name: &str) -> Result<Option<BString>, Error> {
        let written = self.dictionary.get(name.as_bytes()).map(|text| Cow::Owned(text.to_vec()));
        written.map(|text: Cow<'_, [u8]>| self.expand(&text)).transpose()
    }

    /// The expanded text of a parameter.
    pub fn expanded(&mut self, name: &str) -> Result<BString, Error> {
        match registry::row(name.as_bytes()) {
            Some(row) => self.text(row),
            None => Ok(self.defined(name)?.unwrap_or_default()),
        }
    }
}

/// Expands a text with a dictionary that is complete.
pub(crate) fn expand_with(dictionary: &Dictionary, text: &[u8]) -> Result<BString, Error> {
    let options = Options { recursive: true, filter: None };
    let mut lookup = |name: &[u8]| dictionary.get(name.as_bstr()).map(ToOwned::to_owned);
    expand(text, &options, &mut lookup).map(|found| found.text).map_err(Error::expansion)
}
