//! What postmap(1) and postalias(1) have in common (tables §3). An `Err` is the text that ends the program.

mod build;
mod json;
mod message;
mod options;
mod run;

use std::io::{BufRead, Write};

use bstr::{BStr, BString, ByteSlice};
use text::mime::Limits;

pub use build::{Build, Format};
pub use options::{Action, Options, Parts, Refusal};

use crate::{Change, Error, Flags, Mode, OpenError, Table, Tables};

/// Which of the two tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// `key value`.
    Postmap,
    /// `name: value`.
    Postalias,
}

impl Tool {
    /// What is printed between key and value.
    fn separator(self) -> &'static [u8] {
        match self {
            Tool::Postmap => b"\t",
            Tool::Postalias => b":\t",
        }
    }
}

/// A tool with its options, ready to work on tables.
#[derive(Clone, Debug)]
pub struct Command {
    /// Which tool.
    pub tool: Tool,
    /// Open flags from the options.
    pub flags: Flags,
    /// What is found is printed as JSON objects, one a line.
    pub json: bool,
    /// `default_database_type`, for names without type.
    pub default_type: BString,
    /// `mime_boundary_length_limit` and `mime_nesting_limit`, for `-m`; a tool that has no such option leaves them out.
    pub mime_limits: Option<Limits>,
    /// The tables that are open.
    pub tables: Tables,
}

/// Lines without their newlines.
pub fn lines(input: impl BufRead) -> impl Iterator<Item = Result<BString, String>> {
    let failed = |error| format!("read stdin: {}", sys::reason(&error));
    input.split(b'\n').map(move |line| line.map(BString::from).map_err(failed))
}

fn text_of(error: OpenError) -> String {
    error.0
}

impl Command {
    /// `type:name` of an argument.
    fn name(&self, argument: &BStr) -> BString {
        match argument.contains(&b':') {
            true => argument.into(),
            false => [self.default_type.as_slice(), b":", argument].concat().into(),
        }
    }

    fn open(&self, argument: &BStr, mode: Mode) -> Result<Table, String> {
        self.tables.try_open(&self.name(argument), self.flags | Flags::LOCK, mode).map_err(text_of)
    }

    fn failed(&self, table: &Table, what: &str, error: Error) -> String {
        match error {
            Error::Fatal(text) => text,
            Error::Config if self.tool == Tool::Postmap => format!("table {}: {what} error", table.label()),
            error => format!("table {}: {what} error: {}", table.label(), error),
        }
    }

    /// The tables of the command line, to look keys up in.
    fn sources<'a>(&'a self, arguments: &'a [BString]) -> Sources<'a> {
        Sources { command: self, arguments, open: Vec::new() }
    }

    /// `-q key`: prints the value. False if no table has it.
    ///
    /// # Errors
    /// The text that ends the program.
    pub fn query(&self, arguments: &[BString], key: &[u8], out: &mut impl Write) -> Result<bool, String> {
        match self.sources(arguments).find(key)? {
            None => Ok(false),
            Some(value) if self.json => self.print(key, &value, out).map(|()| true),
            Some(value) => write_line(out, &[&value]).map(|()| true),
        }
    }

    /// `-q -`: prints each key that is found, and its value. False if there is none.
    ///
    /// # Errors
    /// The text that ends the program.
    pub fn query_all(
        &self,
        arguments: &[BString],
        keys: impl Iterator<Item = Result<BString, String>>,
        out: &mut impl Write,
    ) -> Result<bool, String> {
        let (mut any, mut sources) = (false, self.sources(arguments));
        for key in keys {
            any |= sources.print(&key?, out)?;
        }
        Ok(any)
    }

    fn print(&self, key: &[u8], value: &[u8], out: &mut impl Write) -> Result<(), String> {
        match self.json {
            true => write_line(out, &[&json::object(key, value)]),
            false => write_line(out, &[key, self.tool.separator(), value]),
        }
    }

    /// `-d key`: deletes a key from every table. False if none had it.
    ///
    /// # Errors
    /// The text that ends the program.
    pub fn delete(&self, arguments: &[BString], key: &[u8]) -> Result<bool, String> {
        let mut any = false;
        for argument in arguments {
            let table = self.open(argument.as_bstr(), Mode::ReadWrite)?;
            let change = table.delete(key).map_err(|error| self.failed(&table, "delete", error))?;
            any |= change == Change::Done;
        }
        Ok(any)
    }

    /// `-d -`: deletes many keys. False if there was none of them.
    ///
    /// # Errors
    /// The text that ends the program.
    pub fn delete_all(
        &self,
        arguments: &[BString],
        keys: impl Iterator<Item = Result<BString, String>>,
    ) -> Result<bool, String> {
        let mut any = false;
        for key in keys {
            any |= self.delete(arguments, &key?)?;
        }
        Ok(any)
    }

    /// `-s`: prints all entries of a table.
    ///
    /// # Errors
    /// The text that ends the program.
    pub fn list(&self, argument: &BStr, out: &mut impl Write) -> Result<(), String> {
        if self.name(argument).starts_with(b"proxy:") {
            return Err("can't sequence maps via the proxy service".into());
        }
        let table = self.open(argument, Mode::ReadOnly)?;
        let mut restart = true;
        loop {
            let next = table.sequence(restart).map_err(|error| self.failed(&table, "sequence", error))?;
            let Some((key, value)) = next else { return Ok(()) };
            if key.is_empty() {
                log::warn!("table {}: empty lookup key value is not allowed", table.label());
            } else if value.is_empty() {
                let (label, key) = (table.label(), text::show(&key));
                log::warn!("table {label}: key {key}: empty string result is not allowed");
                log::warn!("table {label} should return NO RESULT in case of NOT FOUND");
            }
            self.print(&key, &value, out)?;
            restart = false;
        }
    }
}

/// Tables that are asked one after the other, each opened when it is first needed.
struct Sources<'a> {
    command: &'a Command,
    arguments: &'a [BString],
    /// The first of them.
    open: Vec<Table>,
}

impl Sources<'_> {
    /// The answer of the first table that has one.
    fn find(&mut self, key: &[u8]) -> Result<Option<BString>, String> {
        for (number, argument) in self.arguments.iter().enumerate() {
            if number == self.open.len() {
                self.open.push(self.command.open(argument.as_bstr(), Mode::ReadOnly)?);
            }
            let table = &self.open[number];
            let found = table.lookup(key).map_err(|error| self.command.failed(table, "query", error))?;
            if let Some(value) = found {
                if value.is_empty() {
                    let (label, key) = (table.label(), text::show(key));
                    log::warn!("table {label}: key {key}: empty string result is not allowed");
                    log::warn!("table {label} should return NO RESULT in case of NOT FOUND");
                }
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// Prints a key with its value. False if no table has it.
    fn print(&mut self, key: &[u8], out: &mut impl Write) -> Result<bool, String> {
        match self.find(key)? {
            None => Ok(false),
            Some(value) => self.command.print(key, &value, out).map(|()| true),
        }
    }
}

fn write_line(out: &mut impl Write, parts: &[&[u8]]) -> Result<(), String> {
    let written = parts.iter().try_for_each(|part| out.write_all(part)).and_then(|()| out.write_all(b"\n"));
    written.map_err(|error| format!("write error: {}", sys::reason(&error)))
}
