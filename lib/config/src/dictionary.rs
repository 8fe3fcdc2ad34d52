//! The dictionary that `$name` looks things up in (config §2.1).

use std::collections::HashMap;

use bstr::{BStr, BString, ByteSlice};
use text::show;

use crate::error::Error;
use crate::main_cf::{self, Assignment};

/// Names and their unexpanded values: main.cf, overrides, and the defaults of what the program has evaluated.
#[derive(Clone, Debug, Default)]
pub struct Dictionary {
    entries: HashMap<BString, BString>,
}

impl Dictionary {
    /// The value of a name, as it was written.
    pub fn get(&self, name: &[u8]) -> Option<&BStr> {
        self.entries.get(name.as_bstr()).map(|value| value.as_bstr())
    }

    /// Gives a name a value, whatever it had before.
    pub fn set(&mut self, name: impl Into<BString>, value: impl Into<BString>) {
        self.entries.insert(name.into(), value.into());
    }

    /// Enters what the text of a file says. The last definition of a name counts; one that changes an earlier value is
    /// logged (config §1.3).
    ///
    /// # Errors
    /// [`Error::Line`] for the first line that is not `name = value`.
    pub fn read(&mut self, path: &str, text: &[u8]) -> Result<(), Error> {
        for assignment in main_cf::assignments(path, text) {
            let Assignment { line, name, value } = assignment?;
            match self.get(&name) {
                Some(earlier) if earlier != value => log::warn!(
                    "{path}, line {line}: overriding earlier entry: {}={}",
                    show(name.as_slice()),
                    show(earlier)
                ),
                _ => {}
            }
            self.set(name, value);
        }
        Ok(())
    }

    /// All names and values, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&BStr, &BStr)> {
        self.entries.iter().map(|(name, value)| (name.as_bstr(), value.as_bstr()))
    }
}
