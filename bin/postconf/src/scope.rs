//! Name spaces: main.cf with its overrides, and the settings of each entry of master.cf (config §8.6, §8.8).

use std::collections::BTreeMap;

use bstr::{BStr, BString, ByteSlice};
use logging::fatal;
use text::expand::{self, Options, expand};

use crate::parameters::Parameters;

/// A defined name.
#[derive(Clone, Debug, Default)]
pub struct Setting {
    /// The value, unexpanded.
    pub value: BString,
    /// Whether something refers to the name.
    pub valid: bool,
}

/// The settings of main.cf, or of an entry.
#[derive(Clone, Debug, Default)]
pub struct Settings(BTreeMap<BString, Setting>);

impl Settings {
    /// Defines a name, or defines it anew.
    pub fn set(&mut self, name: BString, value: BString) {
        self.0.insert(name, Setting { value, valid: false });
    }

    /// The settings of an entry whose options may have been rewritten.
    pub fn of(entry: &crate::entry::Entry) -> Self {
        let mut entry = entry.clone();
        entry.collect_settings();
        entry.settings
    }

    /// The value of a name.
    pub fn value(&self, name: &[u8]) -> Option<&BStr> {
        self.0.get(name.as_bstr()).map(|setting| setting.value.as_bstr())
    }

    /// Notes that something refers to a name; says whether it is defined.
    pub fn validate(&mut self, name: &[u8]) -> bool {
        match self.0.get_mut(name.as_bstr()) {
            Some(setting) => {
                setting.valid = true;
                true
            }
            None => false,
        }
    }

    /// Takes a name out.
    pub fn remove(&mut self, name: &[u8]) {
        self.0.remove(name.as_bstr());
    }

    /// All names and settings, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&BStr, &Setting)> {
        self.0.iter().map(|(name, setting)| (name.as_bstr(), setting))
    }
}

/// Where the names of a value are looked up.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The entry of master.cf, if the value is one of its.
    pub entry: Option<&'a crate::entry::Entry>,
    pub main: &'a Settings,
    pub parameters: &'a Parameters,
}

impl<'a> Scope<'a> {
    /// The unexpanded value of a name.
    pub fn lookup(&self, name: &[u8]) -> Option<BString> {
        if let Some(entry) = self.entry {
            if let Some(value) = entry.implied(name) {
                return Some(value);
            }
            if let Some(value) = entry.settings.value(name) {
                return Some(value.to_owned());
            }
        }
        if let Some(value) = self.main.value(name) {
            return Some(value.to_owned());
        }
        self.parameters.get(name).map(|parameter| parameter.default.clone())
    }

    /// Expands a value, or ends the program after it has said why it cannot.
    pub fn expand(&self, value: &[u8]) -> BString {
        expand_in("", value, &mut |name| self.lookup(name))
    }
}

/// Expands a text, or ends the program after it has said why it cannot; `place` is what failed.
pub fn expand_in(place: &str, text: &[u8], lookup: &mut dyn FnMut(&[u8]) -> Option<BString>) -> BString {
    match expand(text, &Options { recursive: true, filter: None }, lookup) {
        Ok(found) => found.text,
        Err(error @ expand::Error::Conversion(_)) => fatal!("{error}"),
        Err(error) => {
            log::warn!("{error}");
            fatal!("{place}macro processing error")
        }
    }
}
