//! Counts what the clients of network services do, so that these can set limits: anvil(8) (master-ipc §13.4).
#![forbid(unsafe_code)]

mod book;
mod peaks;

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use bstr::BString;
use config::params;
use ipc::anvil::{Connections, Event, Rate, Request};
use ipc::attr::Writer;
use ipc::{Encoding, Message, Status, protocol};
use server::{Context, Daemon, Demand, MultiService, Served};

use book::{Book, Kind};
use peaks::Peaks;

fn main() {
    server::multi::<Anvil>(&Daemon {
        program: "anvil",
        demand: Demand::OneProcess,
        use_limit: false,
        idle_limit: true,
        watchdog: params::DAEMON_TIMEOUT,
        takes_arguments: false,
    })
}

/// All counters, and which connection has registered whom.
struct Anvil {
    book: Book,
    registered: HashMap<u64, BString>,
    peaks: Peaks,
    status_update_time: Duration,
}

impl Anvil {
    fn answer(&mut self, client: u64, request: &Request) -> Vec<u8> {
        let (ident, now) = (&request.ident, Instant::now());
        let reply = match &request.event {
            Event::Connect => encode(&self.connect(client, ident, now)),
            Event::Disconnect => {
                self.disconnect(client, ident, now);
                encode(&Status(0))
            }
            Event::Message => self.count(client, ident, Kind::Message, now),
            Event::Recipient => self.count(client, ident, Kind::Recipient, now),
            Event::NewTls => self.count(client, ident, Kind::NewTls, now),
            Event::Auth => self.count(client, ident, Kind::Auth, now),
            Event::NewTlsStatus => encode(&Rate(self.book.look_up(ident, now).newtls)),
            Event::Lookup => encode(&self.book.look_up(ident, now)),
            Event::Unknown(name) => {
                log::warn!("unrecognized request: \"{}\", ignored", text::show(name));
                encode(&Status(-1))
            }
        };
        self.peaks.cache(self.book.len(), SystemTime::now());
        reply
    }

    /// A connection that is registered with `client`, which has only one.
    fn connect(&mut self, client: u64, ident: &BString, now: Instant) -> Connections {
        if let Some(old) = self.registered.insert(client, ident.clone()) {
            self.book.disconnect(&old, now);
        }
        let connections = self.book.connect(ident, now);
        self.peaks.connections(ident, connections, SystemTime::now());
        connections
    }

    fn disconnect(&mut self, client: u64, ident: &BString, now: Instant) {
        if self.registered.get(&client) == Some(ident) {
            self.registered.remove(&client);
            self.book.disconnect(ident, now);
        }
    }

    /// Counts an event. After a reload the service has not heard of the connection, which then counts, too.
    fn count(&mut self, client: u64, ident: &BString, kind: Kind, now: Instant) -> Vec<u8> {
        if !self.book.knows(ident, now) {
            self.connect(client, ident, now);
        }
        let rate = self.book.count(ident, kind, now);
        self.peaks.rate(kind, ident, rate, SystemTime::now());
        encode(&Rate(rate))
    }
}

fn encode(message: &impl Message) -> Vec<u8> {
    let mut writer = Writer::new(Encoding::Plain);
    message.write(&mut writer);
    writer.end();
    writer.into_bytes()
}

impl MultiService for Anvil {
    const PROTOCOL: &'static str = protocol::ANVIL;
    const ENCODING: Encoding = Encoding::Plain;

    fn open(context: &Context) -> Self {
        let unit = context.config.get(params::ANVIL_RATE_TIME_UNIT);
        Anvil {
            book: Book::new(unit),
            registered: HashMap::new(),
            peaks: Peaks::new(unit),
            status_update_time: context.config.get(params::ANVIL_STATUS_UPDATE_TIME),
        }
    }

    /// What was counted must live as long as it counts.
    fn least_idle_time(&self) -> Duration {
        self.book.unit()
    }

    fn serve(&mut self, client: u64, received: &[u8], _context: &Context) -> Served {
        Served::one(received, "anvil socket", Encoding::Plain, |request| Some(self.answer(client, &request)))
    }

    fn disconnected(&mut self, client: u64, _context: &Context) {
        if let Some(ident) = self.registered.remove(&client) {
            self.book.disconnect(&ident, Instant::now());
        }
    }

    fn housekeeping_interval(&self) -> Option<Duration> {
        Some(self.status_update_time)
    }

    fn housekeeping(&mut self, _context: &Context) -> Option<String> {
        self.book.forget(Instant::now());
        self.peaks.report();
        None
    }

    fn exit(&mut self, _context: &Context) {
        self.peaks.report();
    }
}
