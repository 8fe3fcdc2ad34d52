//! Carrying out what the command line asks for.

use std::io::{self, BufWriter, Write};

use bstr::ByteSlice;

use super::{Action, Build, Command, Format, Options, lines, message};

impl Command {
    /// Does what the options ask for. False: what was asked for was not found.
    ///
    /// # Errors
    /// The text that ends the program.
    pub fn run(&self, options: &Options, format: Format) -> Result<bool, String> {
        let mut out = BufWriter::new(io::stdout().lock());
        let tables = options.tables.as_slice();
        let found = match &options.action {
            Action::Query(key) => self.query(tables, key, &mut out)?,
            Action::QueryAll => self.query_all(tables, lines(io::stdin().lock()), &mut out)?,
            Action::QueryMessage(parts) => message::query(self, tables, *parts, io::stdin().lock(), &mut out)?,
            Action::Delete(key) => self.delete(tables, key)?,
            Action::DeleteAll => self.delete_all(tables, lines(io::stdin().lock()))?,
            Action::List => match tables.first() {
                Some(table) => self.list(table.as_bstr(), &mut out).map(|()| true)?,
                None => false,
            },
            Action::Build => self.build_all(options, format).map(|()| true)?,
        };
        out.flush().map_err(|error| format!("write error: {}", sys::reason(&error)))?;
        Ok(found)
    }

    fn build_all(&self, options: &Options, format: Format) -> Result<(), String> {
        let build = Build {
            format,
            incremental: options.incremental,
            as_owner: options.as_owner,
            save_permissions: options.save_permissions,
        };
        options.tables.iter().try_for_each(|table| self.build(table.as_bstr(), &build))
    }
}
