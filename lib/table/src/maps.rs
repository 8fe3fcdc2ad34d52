//! The tables of a list parameter (tables §1.1).

use bstr::BString;
use text::list::{SEPARATORS, split_braced};

use crate::{Error, Flags, Lookup, Mode, Table, Tables};

/// A list of tables, searched in order.
#[derive(Clone, Debug)]
pub struct Maps {
    title: String,
    tables: Vec<Table>,
}

impl Maps {
    pub(crate) fn open(tables: &Tables, title: &str, list: &[u8], flags: Flags) -> Self {
        let names = split_braced(list, SEPARATORS);
        Maps { title: title.into(), tables: names.map(|name| tables.open(name, flags, Mode::ReadOnly)).collect() }
    }

    /// The name of the parameter.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// The tables, in order.
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// The first answer that is found.
    ///
    /// # Errors
    /// The first error ends the search, with a warning; so does an empty answer.
    pub fn find(&self, key: &[u8]) -> Lookup {
        Ok(self.find_in(key, false)?.map(|(value, _)| value))
    }

    /// As [`Maps::find`], but only in tables whose keys are fixed strings: for parts of an address.
    ///
    /// # Errors
    /// As for [`Maps::find`].
    pub fn find_partial(&self, key: &[u8]) -> Lookup {
        Ok(self.find_in(key, true)?.map(|(value, _)| value))
    }

    /// The first answer, and the table that gave it. `fixed_only`: tables of patterns are skipped.
    ///
    /// # Errors
    /// As for [`Maps::find`].
    pub fn find_in(&self, key: &[u8], fixed_only: bool) -> Result<Option<(BString, &Table)>, Error> {
        if key.is_empty() {
            return Ok(None);
        }
        for table in self.tables.iter().filter(|table| table.is_fixed() || !fixed_only) {
            match table.lookup(key) {
                Ok(Some(value)) if value.is_empty() => {
                    let shown = text::show(key);
                    log::warn!("{} lookup of {shown} returns an empty string result", self.title);
                    log::warn!("{} should return NO RESULT in case of NOT FOUND", self.title);
                    return Err(Error::Config);
                }
                Ok(Some(value)) => return Ok(Some((value, table))),
                Ok(None) => {}
                Err(error) => {
                    if let Error::Fatal(text) = &error {
                        log::warn!("{text}");
                    }
                    log::warn!("{} lookup error for \"{}\"", text::show(table.name()), text::show(key));
                    return Err(error);
                }
            }
        }
        Ok(None)
    }
}
