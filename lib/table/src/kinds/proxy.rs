//! `proxy:type:name`: a table that the proxymap or proxywrite service opens for us (tables §7).

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bstr::BString;
use ipc::proxymap::{Action, Done, Entry, Found, Opened, Request as Question, status};
use ipc::{Message, PersistentClient, protocol};

use super::Request;
use crate::error::open_error;
use crate::map::{Change, Facts, Map, Owner};
use crate::{Error, Flags, Lookup, Mode, OpenError, Settings};

/// Flags that the server's table has, not ours.
const FROM_SERVER: [Flags; 3] = [Flags::FIXED, Flags::PATTERN, Flags::MULTI_WRITER];

/// Flags that go with each request, not with the opening of the table.
const OF_REQUEST: [Flags; 11] = [
    Flags::FOLD_FIX,
    Flags::FOLD_MUL,
    Flags::LOCK,
    Flags::REPLACE,
    Flags::WARN_DUP,
    Flags::IGNORE_DUP,
    Flags::SYNC_UPDATE,
    Flags::NO_REGSUB,
    Flags::NO_PROXY,
    Flags::NO_UNAUTH,
    Flags::UTF8_REQUEST,
];

/// A connection that all tables of a service share.
pub type Client = Arc<Mutex<PersistentClient>>;

/// A new connection, made when it is first used.
pub fn client(settings: &Settings, service: &str) -> Client {
    let local = Path::new("private").join(service);
    let directory = if local.exists() { PathBuf::new() } else { settings.queue_directory.clone() };
    let (io, idle, total) = (settings.ipc_timeout, settings.ipc_idle, settings.ipc_ttl);
    let client = PersistentClient::new("private", service, protocol::PROXYMAP, io, idle, total);
    Arc::new(Mutex::new(client.below(directory)))
}

struct Proxy {
    client: Client,
    service: String,
    /// `type:name`, as the server sees it.
    table: BString,
    /// Open flags that are sent with each request.
    flags: Flags,
    request_flags: Flags,
    facts: Facts,
}

/// Opens the table, or, with [`Flags::NO_PROXY`], the one behind it.
pub(super) fn open(request: &Request<'_>) -> Result<Box<dyn Map>, OpenError> {
    if request.flags.has(Flags::NO_PROXY) {
        return request.tables.open_map(request.name, request.flags, request.mode);
    }
    let settings = request.tables.settings();
    let service = match request.mode {
        Mode::ReadOnly => &settings.proxymap_service_name,
        _ => &settings.proxywrite_service_name,
    };
    let without = |flags: Flags, gone: &[Flags]| gone.iter().fold(flags, |left, flag| left.without(*flag));
    let asked = request.flags.without(Flags::UTF8_ACTIVE);
    let flags = without(without(asked, &FROM_SERVER), &OF_REQUEST);
    let mut proxy = Proxy {
        client: request.tables.proxy_client(service),
        service: service.clone(),
        table: request.name.into(),
        flags,
        request_flags: without(asked, &FROM_SERVER).without(flags),
        facts: Facts { flags: Flags::NONE, owner: Owner::Unknown, label: None },
    };
    proxy.facts.flags = proxy.open_remote().map_err(|error| request.tables.refuse(error))?;
    Ok(Box::new(proxy))
}

impl Proxy {
    fn ask<R: Message>(&self, action: Action, flags: Flags) -> Result<R, String> {
        let flags = i32::try_from(flags.bits()).unwrap_or(i32::MAX);
        let question = Question { action, table: self.table.clone(), flags };
        let mut client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        client.ask(&question).map_err(|error| error.0)
    }

    /// The flags of the server's table.
    fn open_remote(&self) -> Result<Flags, OpenError> {
        let reply: Opened = self.ask(Action::Open, self.flags).map_err(OpenError)?;
        let (service, table) = (&self.service, text::show(&self.table));
        match reply.status {
            status::OK => {
                let flags = Flags::from_bits(reply.flags.cast_unsigned());
                let known = FROM_SERVER.iter().filter(|flag| flags.has(**flag));
                Ok(known.fold(Flags::NONE, |all, flag| all | *flag))
            }
            status::DENY => Err(open_error!("{service} service is not configured for table \"{table}\"")),
            _ => Err(open_error!("{service} open failed for table \"{table}\": invalid request")),
        }
    }

    /// Whether something was found or done.
    fn outcome(&self, status: i32, what: &str, key: &[u8]) -> Result<bool, Error> {
        let (service, table) = (&self.service, text::show(&self.table));
        match status {
            status::OK => Ok(true),
            status::NOKEY => Ok(false),
            status::RETRY => Err(Error::RETRY),
            status::CONFIG => Err(Error::Config),
            status::DENY if what == "lookup" => {
                Err(Error::Fatal(format!("{service} service is not configured for table \"{table}\"")))
            }
            status::DENY => {
                Err(Error::Fatal(format!("{service} update access is not configured for table \"{table}\"")))
            }
            _ => {
                let key = text::show(key);
                Err(Error::Fatal(format!(
                    "{service} {what} failed for table \"{table}\" key \"{key}\": invalid request"
                )))
            }
        }
    }

    fn change(&self, action: Action, flags: Flags, what: &str, key: &[u8]) -> Result<Change, Error> {
        let reply: Done = self.ask(action, self.flags | flags).map_err(Error::Fatal)?;
        Ok(if self.outcome(reply.status, what, key)? { Change::Done } else { Change::Nothing })
    }
}

impl Map for Proxy {
    fn facts(&self) -> Facts {
        self.facts.clone()
    }

    fn lookup(&mut self, key: &[u8]) -> Lookup {
        let action = Action::Lookup(key.into());
        let reply: Found = self.ask(action, self.flags | self.request_flags).map_err(Error::Fatal)?;
        Ok(self.outcome(reply.status, "lookup", key)?.then_some(reply.value))
    }

    fn update(&mut self, key: &[u8], value: &[u8], flags: Flags) -> Option<Result<Change, Error>> {
        let duplicates = [Flags::WARN_DUP, Flags::IGNORE_DUP, Flags::REPLACE];
        let extra =
            duplicates.iter().filter(|flag| flags.has(**flag)).fold(self.request_flags, |all, flag| all | *flag);
        Some(self.change(Action::Update(key.into(), value.into()), extra, "update", key))
    }

    fn delete(&mut self, key: &[u8]) -> Option<Result<Change, Error>> {
        Some(self.change(Action::Delete(key.into()), self.request_flags, "delete", key))
    }

    fn sequence(&mut self, restart: bool) -> Option<Result<Option<(BString, BString)>, Error>> {
        let reply: Result<Entry, _> = self.ask(Action::Sequence(restart), self.flags | self.request_flags);
        Some(reply.map_err(Error::Fatal).and_then(|reply| {
            let more = self.outcome(reply.status, "sequence", b"")?;
            Ok(more.then_some((reply.key, reply.value)))
        }))
    }
}
