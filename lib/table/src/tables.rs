//! All tables of a process (tables §1.1, §1.7, §1.8).

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, PoisonError};

use bstr::{BStr, BString, ByteSlice};
use config::Definitions;

use crate::error::open_error;
use crate::kinds::proxy::{self, Client};
use crate::kinds::{self, Kind, Request, socketmap};
use crate::map::{Change, Facts, Map, Owner};
use crate::{Error, Flags, Lookup, Maps, Mode, OpenError, Settings, Table};

/// What tells one open table from another.
type Place = (BString, Flags, Mode);

/// What [`Tables::with_kinds`] adds.
#[derive(Debug)]
struct More {
    kinds: &'static [Kind],
    definitions: Definitions,
}

/// A configuration file that has been read.
#[derive(Clone, Debug)]
pub struct KeptFile {
    /// All of it.
    pub text: Vec<u8>,
    /// Whose it is.
    pub owner: Owner,
}

impl KeptFile {
    fn read(name: &[u8]) -> io::Result<Self> {
        let mut file = File::open(OsStr::from_bytes(name))?;
        let owner = Owner::of(file.metadata()?.uid());
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        Ok(KeptFile { text, owner })
    }
}

/// The tables that a process has open. A table with the same name, flags and mode is opened once. Clones share it.
#[derive(Clone, Debug)]
pub struct Tables {
    settings: Arc<Settings>,
    open: Arc<Mutex<BTreeMap<Place, Table>>>,
    /// The first table that could not be opened.
    failed: Arc<Mutex<Option<OpenError>>>,
    /// The first table that a proxymap service refuses: the end of a daemon.
    refused: Arc<Mutex<Option<OpenError>>>,
    /// Connections, by the name of the service.
    proxies: Arc<Mutex<BTreeMap<String, Client>>>,
    /// Types that this program has besides the usual ones, and the names that main.cf defines, for their parameters.
    more: Option<Arc<More>>,
    /// Files that were read while there were rights to do so, by their names.
    kept_files: Arc<Mutex<BTreeMap<BString, KeptFile>>>,
    /// Connections to socketmap servers, by their endpoints.
    socketmaps: Arc<Mutex<BTreeMap<BString, socketmap::Client>>>,
}

impl Tables {
    /// No tables yet.
    pub fn new(settings: Settings) -> Self {
        Tables {
            settings: Arc::new(settings),
            open: Arc::default(),
            failed: Arc::default(),
            refused: Arc::default(),
            proxies: Arc::default(),
            socketmaps: Arc::default(),
            kept_files: Arc::default(),
            more: None,
        }
    }

    /// Adds types, whose tables can have their parameters in main.cf.
    #[must_use]
    pub fn with_kinds(self, kinds: &'static [Kind], definitions: Definitions) -> Self {
        Tables { more: Some(Arc::new(More { kinds, definitions })), ..self }
    }

    /// The types that were added.
    pub(crate) fn more_kinds(&self) -> &'static [Kind] {
        self.more.as_ref().map_or(&[], |more| more.kinds)
    }

    /// The names that main.cf defines, if types were added.
    pub fn definitions(&self) -> Option<&Definitions> {
        self.more.as_ref().map(|more| &more.definitions)
    }

    /// Keeps the text of a configuration file for when the process cannot read it any more. A file that cannot be read now
    /// is left to whoever opens the table.
    pub fn keep_file(&self, name: &[u8]) {
        if let Ok(file) = KeptFile::read(name) {
            self.kept_files.lock().unwrap_or_else(PoisonError::into_inner).insert(name.into(), file);
        }
    }

    /// Reads a configuration file, or gives what was kept of it.
    ///
    /// # Errors
    /// What open(2) and read(2) report.
    pub fn read_file(&self, name: &[u8]) -> io::Result<KeptFile> {
        KeptFile::read(name).or_else(|error| {
            let kept = self.kept_files.lock().unwrap_or_else(PoisonError::into_inner).get(name.as_bstr()).cloned();
            kept.ok_or(error)
        })
    }

    /// The parameters.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Opens a table for a daemon: one that cannot be opened is logged as an error, and replaced by one whose accesses warn
    /// and fail. A daemon asks [`Tables::fatal_error`] after its start.
    pub fn open(&self, name: &[u8], flags: Flags, mode: Mode) -> Table {
        let place = (BString::from(name), flags, mode);
        if let Some(table) = self.opened(&place) {
            return table;
        }
        let table = self.open_anew(name, flags, mode).unwrap_or_else(|error| {
            if self.refusal().is_some() {
                return surrogate(name, flags, mode, error);
            }
            self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| error.clone());
            log::error!("{error}");
            surrogate(name, flags, mode, error)
        });
        self.keep(place, table)
    }

    /// The text that ends a daemon which has tables that cannot be opened: if a proxymap service refuses one, or when
    /// `daemon_table_open_error_is_fatal` says so.
    pub fn fatal_error(&self) -> Option<OpenError> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.refusal().or_else(|| failed.filter(|_| self.settings.daemon_table_open_error_is_fatal))
    }

    fn refusal(&self) -> Option<OpenError> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A proxymap service refuses a table.
    pub(crate) fn refuse(&self, error: OpenError) -> OpenError {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error).clone()
    }

    /// Opens a table for a tool, which ends if that is not possible.
    ///
    /// # Errors
    /// The message of the specification.
    pub fn try_open(&self, name: &[u8], flags: Flags, mode: Mode) -> Result<Table, OpenError> {
        let place = (BString::from(name), flags, mode);
        match self.opened(&place) {
            Some(table) => Ok(table),
            None => self.open_anew(name, flags, mode).map(|table| self.keep(place, table)),
        }
    }

    /// Opens a table to build it: the exclusive lock is held until the table is dropped. `mode` is [`Mode::Truncate`], or
    /// [`Mode::Create`] to add to what is there.
    ///
    /// # Errors
    /// The message of the specification.
    pub fn create(&self, name: &[u8], flags: Flags, mode: Mode) -> Result<Table, OpenError> {
        let (kind, _) = split_name(name)?;
        if !kinds::is_buildable(kind) {
            let shown = text::show(kind);
            return Err(match kinds::kinds().any(|known| known.as_bytes() == kind) {
                true => open_error!("unsupported dictionary type: {shown} does not support bulk-mode creation."),
                false => open_error!("unsupported dictionary type: {shown}. Is the postfix-{shown} package installed?"),
            });
        }
        self.open_anew(name, flags | Flags::BULK_UPDATE, mode)
    }

    /// The tables of a list parameter, in its order. `title` is the name of the parameter, for messages.
    pub fn maps(&self, title: &str, list: &[u8], flags: Flags) -> Maps {
        Maps::open(self, title, list, flags)
    }

    /// A table that another table is made of.
    pub(crate) fn open_member(&self, name: &[u8], flags: Flags) -> Result<Table, OpenError> {
        self.try_open(name, flags.without(Flags::UTF8_ACTIVE), Mode::ReadOnly)
    }

    /// Whether a table file has changed: then the text for `table <text> has changed -- restarting` (tables §1.7).
    pub fn changed(&self) -> Option<String> {
        let tables: Vec<Table> = self.open.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        tables.iter().find_map(Table::changed)
    }

    /// The connection to a proxymap service.
    pub(crate) fn proxy_client(&self, service: &str) -> Client {
        let mut proxies = self.proxies.lock().unwrap_or_else(PoisonError::into_inner);
        proxies.entry(service.to_owned()).or_insert_with(|| proxy::client(&self.settings, service)).clone()
    }

    /// The connection to a socketmap server.
    pub(crate) fn socketmap_client(&self, endpoint: &[u8]) -> Result<socketmap::Client, OpenError> {
        let mut clients = self.socketmaps.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(endpoint.as_bstr()) {
            return Ok(client.clone());
        }
        let client = socketmap::client(endpoint, self.settings.socketmap_max_reply_size)?;
        clients.insert(endpoint.into(), client.clone());
        Ok(client)
    }

    fn opened(&self, place: &Place) -> Option<Table> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).get(place).cloned()
    }

    fn keep(&self, place: Place, table: Table) -> Table {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).entry(place).or_insert(table).clone()
    }

    fn open_anew(&self, name: &[u8], flags: Flags, mode: Mode) -> Result<Table, OpenError> {
        let (kind, rest) = split_name(name)?;
        let flags = self.with_checks(flags);
        let map = self.open_map(name, flags, mode)?;
        Ok(Table::new(kind, rest, flags, mode, map))
    }

    /// Whether UTF-8 checks are in force.
    fn with_checks(&self, flags: Flags) -> Flags {
        match flags.has(Flags::UTF8_REQUEST) && self.settings.smtputf8_enable {
            true => flags | Flags::UTF8_ACTIVE,
            false => flags,
        }
    }

    /// Opens what is behind a name.
    pub(crate) fn open_map(&self, name: &[u8], flags: Flags, mode: Mode) -> Result<Box<dyn Map>, OpenError> {
        let (kind, rest) = split_name(name)?;
        let request = Request { kind, name: rest, flags, mode, tables: self };
        kinds::open(&request).unwrap_or_else(|| Err(open_error!("unsupported dictionary type: {}", text::show(kind))))
    }
}

/// The type and the name.
fn split_name(name: &[u8]) -> Result<(&BStr, &BStr), OpenError> {
    match name.split_once_str(":") {
        Some((kind, rest)) if !kind.is_empty() && !rest.is_empty() => Ok((kind.as_bstr(), rest.as_bstr())),
        _ => Err(open_error!("open dictionary: expecting \"type:name\" form instead of \"{}\"", text::show(name))),
    }
}

/// Stands for a table that could not be opened.
struct Surrogate {
    message: String,
}

fn surrogate(name: &[u8], flags: Flags, mode: Mode, error: OpenError) -> Table {
    let (kind, rest) = name.split_once_str(":").unwrap_or((name, b""));
    let message = format!("{}:{} is unavailable. {error}", text::show(kind), text::show(rest));
    Table::new(kind, rest, flags, mode, Box::new(Surrogate { message }))
}

impl Surrogate {
    fn fail<T>(&self) -> Result<T, Error> {
        log::warn!("{}", self.message);
        Err(Error::RETRY)
    }
}

impl Map for Surrogate {
    fn facts(&self) -> Facts {
        Facts::pattern(Owner::Trusted)
    }

    fn lookup(&mut self, _key: &[u8]) -> Lookup {
        self.fail()
    }

    fn update(&mut self, _key: &[u8], _value: &[u8], _flags: Flags) -> Option<Result<Change, Error>> {
        Some(self.fail())
    }

    fn delete(&mut self, _key: &[u8]) -> Option<Result<Change, Error>> {
        Some(self.fail())
    }

    fn sequence(&mut self, _restart: bool) -> Option<Result<Option<(BString, BString)>, Error>> {
        Some(self.fail())
    }
}
