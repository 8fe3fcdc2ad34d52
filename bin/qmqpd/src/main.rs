//! The QMQP server: qmqpd(8) (smtpd §14). One request per connection, of netstrings; one reply.
#![forbid(unsafe_code)]

mod message;
mod session;

use address::{MatchList, ParentDomains};
use config::{Config, params};
use logging::fatal;
use server::{Client, Context, Daemon, Demand, SingleService};
use smtp_protocol::peer::{self, Habits};
use table::{Settings, Tables};

fn main() {
    server::single::<Qmqpd>(&Daemon {
        program: "qmqpd",
        demand: Demand::None,
        use_limit: true,
        idle_limit: true,
        watchdog: params::DAEMON_TIMEOUT,
        takes_arguments: false,
    })
}

/// What a process knows for all sessions.
struct Qmqpd {
    tables: Tables,
    authorized: MatchList,
    debug_peers: MatchList,
    habits: Habits,
}

impl Qmqpd {
    fn new(config: &Config) -> Result<Self, String> {
        let tables = Tables::new(Settings::from(config));
        let parents = ParentDomains::new(&tables, config)?;
        let domains =
            |key: config::Key<config::Str>| MatchList::domains(&tables, &parents, key.name(), config.get(key));
        let service = Qmqpd {
            authorized: domains(params::QMQPD_AUTHORIZED_CLIENTS)?,
            debug_peers: domains(params::DEBUG_PEER_LIST)?,
            habits: Habits {
                protocol: "QMQP",
                names: true,
                port_logging: config.get(params::QMQPD_CLIENT_PORT_LOGGING),
                owner: peer::owner(config),
            },
            tables,
        };
        match service.tables.fatal_error() {
            Some(error) => Err(error.to_string()),
            None => Ok(service),
        }
    }
}

impl SingleService for Qmqpd {
    fn open(context: &Context) -> Self {
        Qmqpd::new(&context.config).unwrap_or_else(|problem| fatal!("{problem}"))
    }

    fn restart_reason(&mut self) -> Option<String> {
        self.tables.changed().map(|name| format!("table {name} has changed"))
    }

    fn serve(&mut self, client: Client, context: &Context) {
        session::serve(self, client, &context.config);
    }
}
