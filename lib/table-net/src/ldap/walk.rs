//! From entries to results: values of attributes, and entries that these name (tables §5.5).

use bstr::BString;

use super::filter;
use super::message::{Entry, Query, code, code_text};
use super::session::{Failure, Session};
use super::settings::Settings;
use super::url::{Scope, Search, Url, is_url};
use crate::results::Results;

/// A walk through the entries for one key.
pub struct Walk<'a> {
    pub settings: &'a Settings,
    pub session: &'a mut Session,
    pub key: &'a [u8],
    pub results: Results<'a>,
    /// The result code of the last search.
    pub last_code: i32,
}

/// The walk has ended early, which has been logged.
#[derive(Debug, PartialEq, Eq)]
pub struct Stopped;

impl Walk<'_> {
    /// Adds the values of these entries, and of those that they name.
    pub fn visit(&mut self, entries: &[Entry], level: usize) -> Result<(), Stopped> {
        entries.iter().try_for_each(|entry| self.visit_entry(entry, level))
    }

    fn visit_entry(&mut self, entry: &Entry, level: usize) -> Result<(), Stopped> {
        let attributes = &self.settings.attributes;
        let has = |is_wanted: &dyn Fn(&[u8]) -> bool| {
            entry.iter().any(|(name, values)| !values.is_empty() && is_wanted(name))
        };
        let is_terminal = has(&|name| attributes.is_terminal(name));
        let is_special = !is_terminal && has(&|name| attributes.is_special(name));
        for (name, values) in entry {
            let adds = match is_terminal {
                true => attributes.is_terminal(name),
                false => attributes.is_result(name) || (!is_special && attributes.is_leaf(name)),
            };
            if adds {
                self.add(values, level)?;
            } else if !is_terminal && attributes.is_special(name) {
                values.iter().try_for_each(|value| self.follow(name, value, level))?;
            }
        }
        Ok(())
    }

    fn add(&mut self, values: &[Vec<u8>], level: usize) -> Result<(), Stopped> {
        values.iter().try_for_each(|value| self.results.add(value)).map_err(|_| {
            let (name, key) = (&self.settings.name, text::show(self.key));
            log::warn!("dict_ldap_get_values[{level}]: {name}: Expansion limit exceeded for key: '{key}'");
            Stopped
        })
    }

    /// Searches for what a special value names: a DN, or a URL.
    fn follow(&mut self, attribute: &[u8], value: &[u8], level: usize) -> Result<(), Stopped> {
        if level >= self.settings.recursion_limit {
            let (name, attribute, value) = (&self.settings.name, text::show(attribute), text::show(value));
            log::warn!(
                "dict_ldap_get_values[{level}]: {name}: Recursion limit exceeded for special attribute \
                 {attribute}={value}"
            );
            return Err(Stopped);
        }
        let Some(search) = named_search(value) else {
            log::warn!("dict_ldap_get_values[{level}]: malformed URL {}", text::show(value));
            return Err(Stopped);
        };
        match self.search(&search) {
            Ok(entries) => self.visit(&entries, level + 1),
            Err(code::NO_SUCH_OBJECT) => {
                log::warn!("dict_ldap_get_values[{level}]: DN {} not found, skipping ", text::show(value));
                Ok(())
            }
            Err(code) => {
                log::warn!("dict_ldap_get_values[{level}]: search error {code}: {} ", code_text(code));
                Err(Stopped)
            }
        }
    }

    fn search(&mut self, search: &Search) -> Result<Vec<Entry>, i32> {
        self.last_code = code::SUCCESS;
        let names = self.settings.attributes.names();
        let wanted = |name: &&[u8]| {
            search.attributes.is_empty() || search.attributes.iter().any(|known| known.eq_ignore_ascii_case(name))
        };
        let names: Vec<&[u8]> = names.into_iter().filter(wanted).collect();
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let filter = filter::encode(&search.filter).map_err(|_| code::FILTER_ERROR);
        let found = filter.and_then(|filter| {
            let query = Query {
                base: &search.base,
                scope: search.scope,
                dereference: self.settings.dereference,
                size_limit: self.settings.size_limit,
                filter: &filter,
                attributes: &names,
            };
            self.session.search(&query).map_err(|failure: Failure| failure.code())
        });
        self.last_code = *found.as_ref().err().unwrap_or(&code::SUCCESS);
        found
    }
}

/// The search that a value stands for. `None`: it is a bad URL.
fn named_search(value: &[u8]) -> Option<Search> {
    if is_url(value) {
        return Url::parse(value).map(|url| url.search);
    }
    let filter = BString::from("(objectclass=*)");
    Some(Search { base: value.into(), scope: Scope::Base, filter, attributes: Vec::new() })
}
