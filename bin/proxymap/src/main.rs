//! Looks tables up, and changes them, for programs that cannot do that themselves: proxymap(8) (tables §7).
#![forbid(unsafe_code)]

mod approved;

use std::time::Duration;

use bstr::BString;
use config::params;
use ipc::proxymap::{Action, Done, Entry, Found, Opened, Request, status};
use ipc::{Encoding, Message, protocol};
use logging::fatal;
use server::{Context, Daemon, Demand, MultiService, Served};
use table::{Change, Error, Flags, Mode, Settings, Table, Tables};

use approved::Approved;

/// How often the tables are looked at.
const TABLE_CHECK: Duration = Duration::from_secs(10);
/// What clients see of the flags of a table.
const SHOWN: [Flags; 3] = [Flags::FIXED, Flags::PATTERN, Flags::MULTI_WRITER];

fn main() {
    server::multi::<ProxyMap>(&Daemon {
        program: "proxymap",
        demand: Demand::None,
        use_limit: true,
        idle_limit: true,
        watchdog: params::DAEMON_TIMEOUT,
        takes_arguments: false,
    })
}

/// The tables that are open for clients.
struct ProxyMap {
    tables: Tables,
    approved: Approved,
    /// Whether this is the service that may change tables.
    writes: bool,
}

/// Why a request has no result.
type Refusal = i32;

impl ProxyMap {
    fn new(context: &Context) -> Result<Self, String> {
        let config = &context.config;
        let service = context.service.as_bytes();
        let writes = service == b"proxywrite";
        if !writes && service != b"proxymap" {
            return Err("service name must be one of proxymap or proxymap".into());
        }
        let key = if writes { params::PROXY_WRITE_MAPS } else { params::PROXY_READ_MAPS };
        let approved = Approved::read(key.name(), config.get(key));
        let tables = Tables::new(Settings::from(config)).with_kinds(table_net::KINDS, config.definitions());
        for file in approved.configuration_files() {
            // Programs with more rights than ours name tables that only root can read.
            tables.keep_file(file);
        }
        Ok(ProxyMap { tables, approved, writes })
    }

    fn answer(&self, request: Request) -> Vec<u8> {
        let table = || self.open(&request.table, request.flags);
        match request.action {
            Action::Open => match table() {
                Ok(table) => opened(status::OK, shown_flags(&table)),
                Err(status) => opened(status, Flags::NONE),
            },
            Action::Lookup(key) => match table().and_then(|table| table.lookup(&key).map_err(|error| failed(&error))) {
                Ok(Some(value)) => Found { status: status::OK, value }.to_bytes(),
                Ok(None) => Found { status: status::NOKEY, value: BString::default() }.to_bytes(),
                Err(status) => Found { status, value: BString::default() }.to_bytes(),
            },
            Action::Update(key, value) => done(self.change(&request.table, request.flags, "update", |table, flags| {
                table.update_with(&key, &value, flags)
            })),
            Action::Delete(key) => {
                done(self.change(&request.table, request.flags, "delete", |table, _| table.delete(&key)))
            }
            Action::Sequence(restart) => {
                let next = table().and_then(|table| table.sequence(restart).map_err(|error| failed(&error)));
                match next {
                    Ok(Some((key, value))) => Entry { status: status::OK, key, value },
                    Ok(None) => Entry { status: status::NOKEY, key: BString::default(), value: BString::default() },
                    Err(status) => Entry { status, key: BString::default(), value: BString::default() },
                }
                .to_bytes()
            }
            Action::Unknown(name) => {
                log::warn!("unrecognized request: \"{}\", ignored", text::show(&name));
                done(status::BAD)
            }
        }
    }

    /// The table of a request, which must be approved. One that cannot be opened fails when it is used.
    fn open(&self, name: &[u8], flags: i32) -> Result<Table, Refusal> {
        let name = approved::without_proxy(name);
        if !name.contains(&b':') {
            log::warn!("bad table name: {}", text::show(name));
            return Err(status::BAD);
        }
        if !self.approved.has(name) {
            self.approved.explain(name, self.writes);
            return Err(status::DENY);
        }
        let flags = Flags::from_bits(flags.cast_unsigned()) | Flags::NO_PROXY;
        let (flags, mode) = match self.writes {
            true => (flags | Flags::SYNC_UPDATE | Flags::REPLACE, Mode::Create),
            false => (flags, Mode::ReadOnly),
        };
        Ok(self.tables.open(name, flags, mode))
    }

    fn change(
        &self,
        name: &[u8],
        flags: i32,
        what: &str,
        change: impl FnOnce(&Table, Flags) -> Result<Change, Error>,
    ) -> i32 {
        if !self.writes {
            let name = text::show(approved::without_proxy(name));
            log::warn!("refusing {name} {what} request on non-proxywrite service");
            return status::DENY;
        }
        let flags_wanted = Flags::from_bits(flags.cast_unsigned()) | Flags::SYNC_UPDATE | Flags::REPLACE;
        match self.open(name, flags).map(|table| change(&table, flags_wanted)) {
            Ok(Ok(Change::Done)) => status::OK,
            Ok(Ok(Change::Nothing)) => status::NOKEY,
            Ok(Err(error)) => failed(&error),
            Err(status) => status,
        }
    }
}

fn shown_flags(table: &Table) -> Flags {
    SHOWN.into_iter().filter(|flag| table.flags().has(*flag)).fold(Flags::NONE, |all, flag| all | flag)
}

fn opened(status: i32, flags: Flags) -> Vec<u8> {
    Opened { status, flags: flags.bits().cast_signed() }.to_bytes()
}

fn done(status: i32) -> Vec<u8> {
    Done { status }.to_bytes()
}

fn failed(error: &Error) -> i32 {
    match error {
        Error::Retry { .. } => status::RETRY,
        Error::Config => status::CONFIG,
        Error::Fatal(text) => fatal!("{text}"),
    }
}

impl MultiService for ProxyMap {
    const PROTOCOL: &'static str = protocol::PROXYMAP;

    fn open(context: &Context) -> Self {
        ProxyMap::new(context).unwrap_or_else(|problem| fatal!("{problem}"))
    }

    fn serve(&mut self, _client: u64, received: &[u8], _context: &Context) -> Served {
        Served::one(received, "proxymap socket", Encoding::Null, |request| Some(self.answer(request)))
    }

    fn housekeeping_interval(&self) -> Option<Duration> {
        (!self.writes).then_some(TABLE_CHECK)
    }

    fn housekeeping(&mut self, _context: &Context) -> Option<String> {
        self.tables.changed().map(|table| format!("table {table} has changed"))
    }
}
