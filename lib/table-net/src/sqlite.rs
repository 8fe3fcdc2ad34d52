//! `sqlite:` (tables §5.4).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::types::ValueRef;
use rusqlite::{Batch, Connection, ErrorCode, OpenFlags};
use table::{Error, Facts, Lookup, Map, OpenError, Owner, Request};

use crate::parameters::Parameters;
use crate::results::{Results, TooMany};
use crate::statement::{Statement, double_quotes};

struct Sqlite {
    /// The name in messages.
    name: String,
    owner: Owner,
    connection: Connection,
    statement: Statement,
}

/// Why a query has no results.
enum Failure {
    Prepare(rusqlite::Error),
    Step(rusqlite::Error),
    TooMany,
}

impl From<TooMany> for Failure {
    fn from(_: TooMany) -> Self {
        Failure::TooMany
    }
}

pub fn open(request: &Request<'_>) -> Result<Box<dyn Map>, OpenError> {
    request.read_only()?;
    let parameters = Parameters::read(request)?;
    let path = parameters.required("dbpath")?;
    let statement = Statement::read(&parameters, request, false)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let file = Path::new(OsStr::from_bytes(&path));
    let connection = Connection::open_with_flags(file, flags).map_err(|error| {
        let (label, path, system) = (&parameters.label, text::show(&path), system_reason(file));
        OpenError(format!("{label}: open database {path}: {}{system}", reason(&error)))
    })?;
    Ok(Box::new(Sqlite { owner: parameters.owner(), name: parameters.name, connection, statement }))
}

/// What SQLite says, without the statement or the file.
fn reason(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(code, _) if code.code == ErrorCode::CannotOpen => {
            "unable to open database file".into()
        }
        rusqlite::Error::SqliteFailure(_, Some(text)) => text.clone(),
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    }
}

/// What the system says about a file that SQLite cannot open.
fn system_reason(file: &Path) -> String {
    std::fs::File::open(file).err().map_or_else(String::new, |error| format!(": {}", sys::reason(&error)))
}

impl Sqlite {
    /// Adds the first column of each row. What follows the first statement is ignored.
    fn collect(&self, query: &str, results: &mut Results<'_>) -> Result<(), Failure> {
        let mut batch = Batch::new(&self.connection, query);
        let Some(mut statement) = batch.next().map_err(Failure::Prepare)? else { return Ok(()) };
        if statement.column_count() == 0 {
            return Ok(());
        }
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(Failure::Step)? {
            match row.get_ref(0).map_err(Failure::Step)? {
                ValueRef::Null => {}
                ValueRef::Integer(number) => results.add(number.to_string().as_bytes())?,
                ValueRef::Real(number) => results.add(self.real(number).map_err(Failure::Step)?.as_bytes())?,
                ValueRef::Text(bytes) | ValueRef::Blob(bytes) => results.add(before_nul(bytes))?,
            }
        }
        Ok(())
    }

    /// A number as SQLite writes it.
    fn real(&self, number: f64) -> rusqlite::Result<String> {
        self.connection.query_row("SELECT CAST(?1 AS TEXT)", [number], |row| row.get(0))
    }
}

/// What a C string would be.
fn before_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}

impl Map for Sqlite {
    fn facts(&self) -> Facts {
        Facts::fixed(self.owner)
    }

    fn lookup(&mut self, key: &[u8]) -> Lookup {
        if !self.statement.wants(key)? {
            return Ok(None);
        }
        let query = self.statement.text(key, double_quotes);
        let mut results = self.statement.results(key);
        let name = &self.name;
        match self.collect(&query, &mut results) {
            Ok(()) => Ok(results.finish()),
            Err(Failure::TooMany) => {
                log::warn!("dict_sqlite_lookup: {name}: Expansion limit exceeded for key '{}'", text::show(key));
                Err(Error::RETRY)
            }
            // A statement that is wrong stays so; a database that is locked, or gone, may come back.
            Err(Failure::Prepare(error @ rusqlite::Error::SqlInputError { .. })) => {
                Err(Error::Fatal(format!("dict_sqlite_lookup: {name}: SQL prepare failed: {}", reason(&error))))
            }
            Err(Failure::Prepare(error) | Failure::Step(error)) => {
                log::warn!("dict_sqlite_lookup: {name}: SQL step failed for query '{query}': {}", reason(&error));
                Err(Error::RETRY)
            }
        }
    }
}
