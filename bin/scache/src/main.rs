//! Keeps open connections for the next message: scache(8) (smtp-client §19).
#![forbid(unsafe_code)]

mod statistics;
mod store;

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant, SystemTime};

use bstr::BString;
use config::params;
use ipc::attr::Slice;
use ipc::scache::{DestinationReply, EndpointReply, Ready, Request, status};
use ipc::{Encoding, Message, Status, protocol};
use server::{Context, Daemon, Demand, MultiService, Served};

use statistics::Statistics;
use store::Store;

/// How often connections that are too old are looked for.
const TICK: Duration = Duration::from_secs(1);

fn main() {
    server::multi::<ConnectionCache>(&Daemon {
        program: "scache",
        demand: Demand::OneProcess,
        use_limit: false,
        idle_limit: true,
        watchdog: params::DAEMON_TIMEOUT,
        takes_arguments: false,
    })
}

/// The cache.
struct ConnectionCache {
    store: Store<OwnedFd>,
    statistics: Statistics,
    next_report: Instant,
    /// What each client does next, if it is not a new request.
    handovers: HashMap<u64, Handover>,
    ttl_limit: Duration,
    report_interval: Duration,
}

/// A descriptor on its way.
enum Handover {
    /// The client will send it.
    Save { label: BString, property: BString, ttl: Duration },
    /// The client says that it is ready for it.
    Give(OwnedFd),
    /// The client says that it has it.
    Given,
}

impl ConnectionCache {
    fn answer(&mut self, client: u64, request: Request, taken: usize) -> Served {
        let now = Instant::now();
        let reply = |reply: Vec<u8>| Served::Reply { taken, reply };
        match request {
            Request::SaveEndpoint { ttl, label, property } => match self.ttl(ttl) {
                Some(ttl) => {
                    self.handovers.insert(client, Handover::Save { label, property, ttl });
                    Served::ReplyAndTake { taken, reply: Ready.to_bytes() }
                }
                None => reply(bad("scache_save_endp_service")),
            },
            Request::FindEndpoint { label } => {
                let found = self.store.find_endpoint(&label, now);
                self.statistics.address(found.is_some());
                let (status, property) = match found {
                    Some((property, connection)) => {
                        self.handovers.insert(client, Handover::Give(connection));
                        (status::OK, property)
                    }
                    None => (status::FAIL, BString::default()),
                };
                reply(EndpointReply { status, property }.to_bytes())
            }
            Request::SaveDestination { ttl, label, property, endpoint } => match self.ttl(ttl) {
                Some(ttl) => {
                    self.store.save_destination(label, property, endpoint, now + ttl);
                    self.statistics.size(self.store.sizes());
                    reply(Status(status::OK).to_bytes())
                }
                None => reply(bad("scache_save_dest_service")),
            },
            Request::FindDestination { label } => {
                let found = self.store.find_destination(&label, now);
                self.statistics.domain(found.is_some());
                let (status, destination, endpoint) = match found {
                    Some((destination, endpoint, connection)) => {
                        self.handovers.insert(client, Handover::Give(connection));
                        (status::OK, destination, endpoint)
                    }
                    None => (status::FAIL, BString::default(), BString::default()),
                };
                reply(DestinationReply { status, destination, endpoint }.to_bytes())
            }
            Request::Unknown(name) => {
                log::warn!("unrecognized request: \"{}\", ignored", text::show(&name));
                reply(Status(status::BAD).to_bytes())
            }
        }
    }

    /// How long something is kept; `None` for a time that makes no sense.
    fn ttl(&self, seconds: i32) -> Option<Duration> {
        let seconds = u64::try_from(seconds).ok().filter(|seconds| *seconds > 0)?;
        Some(Duration::from_secs(seconds).min(self.ttl_limit))
    }

    fn report(&mut self) {
        for line in self.statistics.report(SystemTime::now()) {
            log::info!("{line}");
        }
    }
}

fn bad(function: &str) -> Vec<u8> {
    log::warn!("{function}: bad or missing request parameter");
    Status(status::BAD).to_bytes()
}

impl MultiService for ConnectionCache {
    const PROTOCOL: &'static str = protocol::SCACHE;

    fn open(context: &Context) -> Self {
        let config = &context.config;
        let report_interval = config.get(params::CONNECTION_CACHE_STATUS_UPDATE_TIME);
        ConnectionCache {
            store: Store::default(),
            statistics: Statistics::new(SystemTime::now()),
            next_report: Instant::now() + report_interval,
            handovers: HashMap::new(),
            ttl_limit: config.get(params::CONNECTION_CACHE_TTL_LIMIT),
            report_interval,
        }
    }

    fn serve(&mut self, client: u64, received: &[u8], _context: &Context) -> Served {
        let mut input = Slice::new(received, "connection cache socket");
        let handover = self.handovers.remove(&client);
        if handover.is_none() {
            return match Request::take(&mut input, Encoding::Null) {
                Ok(request) => self.answer(client, request, input.taken()),
                Err(ipc::Error::Incomplete(_)) => Served::Incomplete,
                Err(error) => {
                    log::warn!("{error}");
                    Served::Disconnect
                }
            };
        }
        match (Ready::take(&mut input, Encoding::Null), handover) {
            (Ok(Ready), Some(Handover::Give(descriptor))) => {
                self.handovers.insert(client, Handover::Given);
                Served::Give { taken: input.taken(), descriptor }
            }
            (Ok(Ready), Some(Handover::Given)) => Served::Reply { taken: input.taken(), reply: Vec::new() },
            (Err(ipc::Error::Incomplete(_)), Some(handover)) => {
                self.handovers.insert(client, handover);
                Served::Incomplete
            }
            _ => Served::Disconnect,
        }
    }

    fn take_descriptor(&mut self, client: u64, descriptor: Option<OwnedFd>, _context: &Context) -> Vec<u8> {
        let status = match (self.handovers.remove(&client), descriptor) {
            (Some(Handover::Save { label, property, ttl }), Some(connection)) => {
                self.store.save_endpoint(label, property, connection, Instant::now() + ttl);
                self.statistics.size(self.store.sizes());
                status::OK
            }
            _ => status::FAIL,
        };
        Status(status).to_bytes()
    }

    fn disconnected(&mut self, client: u64, _context: &Context) {
        self.handovers.remove(&client);
    }

    fn housekeeping_interval(&self) -> Option<Duration> {
        Some(TICK)
    }

    fn housekeeping(&mut self, _context: &Context) -> Option<String> {
        let now = Instant::now();
        self.store.expire(now);
        if now >= self.next_report {
            self.next_report = now + self.report_interval;
            self.report();
        }
        None
    }

    fn exit(&mut self, _context: &Context) {
        self.report();
    }
}
