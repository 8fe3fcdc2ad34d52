//! Completes addresses, and decides where each goes: trivial-rewrite(8) (cleanup-rewrite §7 to §9).
#![forbid(unsafe_code)]

mod classes;
mod domain;
mod resolve;
mod rewrite;
mod route;
mod strip;
mod transport;

use std::time::{Duration, Instant};

use address::Finder;
use bstr::BString;
use config::{Config, params};
use ipc::rewrite::{Request, Resolved, Rewritten};
use ipc::{Encoding, Message, protocol};
use logging::fatal;
use server::{Context, Daemon, Demand, MultiService, Served};
use table::{Settings, Tables};

use resolve::Resolver;
use rewrite::{Origin, Rules};

/// How often the tables are looked at.
const TABLE_CHECK: Duration = Duration::from_secs(10);

fn main() {
    server::multi::<TrivialRewrite>(&Daemon {
        program: "trivial-rewrite",
        demand: Demand::None,
        use_limit: true,
        idle_limit: true,
        watchdog: params::DAEMON_TIMEOUT,
        takes_arguments: false,
    })
}

/// All that answers requests.
struct TrivialRewrite {
    tables: Tables,
    rules: Rules,
    finder: Finder,
    resolve: Resolver,
    verify: Resolver,
}

impl TrivialRewrite {
    fn new(config: &Config) -> Result<Self, String> {
        let tables = Tables::new(Settings::from(config));
        let finder = Finder::new(&tables, config)?;
        let service = TrivialRewrite {
            rules: Rules::new(config, &tables)?,
            resolve: Resolver::new(config, &tables, &resolve::DELIVERY)?,
            verify: Resolver::new(config, &tables, &resolve::VERIFY)?,
            finder,
            tables,
        };
        match service.tables.fatal_error() {
            Some(error) => Err(error.to_string()),
            None => Ok(service),
        }
    }

    /// The reply to a request; `None`: the client talks nonsense.
    fn answer(&mut self, request: Request) -> Option<Vec<u8>> {
        match request {
            Request::Rewrite { rule, address } => {
                let origin = Origin::from_name(&rule).or_else(|| {
                    log::warn!("unknown context: {}", text::show(&rule));
                    None
                })?;
                let address = self.rewrite(origin, &address);
                Some(Rewritten { server_flags: 0, address }.to_bytes())
            }
            Request::Resolve { verify, sender, address } => Some(self.resolve(verify, &sender, &address).to_bytes()),
            Request::Unknown(name) => {
                log::warn!("bad command {}", text::show(&name[..name.len().min(30)]));
                None
            }
        }
    }

    fn rewrite(&self, origin: Origin, address: &[u8]) -> BString {
        if address.is_empty() {
            log::warn!("rewrite_addr: null address");
            return BString::default();
        }
        self.rules.rewrite(origin, address)
    }

    fn resolve(&mut self, verify: bool, sender: &[u8], address: &[u8]) -> Resolved {
        let resolver = if verify { &mut self.verify } else { &mut self.resolve };
        resolver.resolve(&self.rules, &self.finder, sender, address, Instant::now())
    }
}

impl MultiService for TrivialRewrite {
    const PROTOCOL: &'static str = protocol::REWRITE;

    fn open(context: &Context) -> Self {
        TrivialRewrite::new(&context.config).unwrap_or_else(|problem| fatal!("{problem}"))
    }

    fn serve(&mut self, _client: u64, received: &[u8], _context: &Context) -> Served {
        Served::one(received, "rewrite socket", Encoding::Null, |request| self.answer(request))
    }

    fn housekeeping_interval(&self) -> Option<Duration> {
        Some(TABLE_CHECK)
    }

    fn housekeeping(&mut self, _context: &Context) -> Option<String> {
        self.tables.changed().map(|table| format!("table {table} has changed"))
    }
}

#[cfg(test)]
mod tests;
