//! Keeps, for some destinations, lists of the deferred mail that waits for them, and has that mail tried on request
//! (queue-files §15).
//!
//! A list names messages that waited at some time: it may be longer than what still waits, never shorter.
#![forbid(unsafe_code)]

mod log_file;
mod message;
mod site;

use std::io::Read;
use std::time::Duration;

use address::FastFlush;
use bstr::{BString, ByteSlice};
use config::params;
use ipc::flush::{BAD, DENY, FAIL, OK, Request};
use ipc::{Status, Stream, protocol, trigger};
use logging::fatal;
use queue::{QueueId, Spool};
use server::{Client, Context, Daemon, Demand, SingleService};

use log_file::{LogFile, Reset};

fn main() {
    server::single::<Flush>(&Daemon {
        program: "flush",
        demand: Demand::NoLimit,
        use_limit: true,
        idle_limit: true,
        watchdog: params::DAEMON_TIMEOUT,
        takes_arguments: false,
    })
}

/// The longest request that is a wakeup: the letter, and perhaps a NUL.
const WAKEUP_LENGTH: usize = 2;

/// What this process knows for all requests.
struct Flush {
    domains: FastFlush,
    spool: Spool,
    queue_manager: QueueManager,
    refresh_time: Duration,
    purge_time: Duration,
}

/// Whom to tell about mail that is due.
struct QueueManager {
    service: String,
    limit: Duration,
}

impl QueueManager {
    fn tell(&self, request: u8) {
        if let Err(error) = trigger::trigger("public", &self.service, &[request], self.limit) {
            error.warn();
        }
    }
}

impl SingleService for Flush {
    fn open(context: &Context) -> Flush {
        let config = &context.config;
        Flush {
            domains: FastFlush::open(config).unwrap_or_else(|error| fatal!("{error}")),
            spool: Spool::from(config),
            queue_manager: QueueManager {
                service: config.get(params::QUEUE_SERVICE_NAME).to_str_lossy().into_owned(),
                limit: config.get(params::TRIGGER_TIMEOUT),
            },
            refresh_time: config.get(params::FAST_FLUSH_REFRESH_TIME),
            purge_time: config.get(params::FAST_FLUSH_PURGE_TIME),
        }
    }

    fn serve(&mut self, client: Client, context: &Context) {
        let limit = context.ipc_timeout();
        let mut stream = client.into_stream(format!("{} socket", context.service), limit);
        // Master's wakeup does not wait for this; whether a client has gone shows when it is read from.
        let _ = stream.announce(protocol::FLUSH);
        match stream.wait(Some(limit)) {
            Ok(true) => {}
            Ok(false) => return log::warn!("timeout while waiting for data from {}", stream.name()),
            Err(error) => return log::warn!("read {}: {}", stream.name(), sys::reason(&error)),
        }
        match sys::descriptor::pending(&stream) {
            Ok(length) if length <= WAKEUP_LENGTH => self.serve_wakeup(&mut stream),
            Ok(_) => self.serve_request(&mut stream),
            Err(error) => log::warn!("read {}: {}", stream.name(), sys::reason(&error)),
        }
    }
}

impl Flush {
    fn serve_wakeup(&self, stream: &mut Stream) {
        let mut letter = [0];
        match stream.read_exact(&mut letter) {
            Ok(()) if letter == [trigger::WAKEUP] => {
                reply(stream, OK);
                self.refresh(self.refresh_time);
            }
            // Something else, or nothing: a peer that only looked whether anybody is here.
            _ => reply(stream, BAD),
        }
    }

    fn serve_request(&self, stream: &mut Stream) {
        match stream.receive() {
            Ok(Request::Add { site, queue_id }) => reply(stream, self.add(&site, &queue_id)),
            Ok(Request::SendSite { site }) => reply(stream, self.send_site(&site)),
            Ok(Request::SendFile { queue_id }) => reply(stream, self.send_file(&queue_id)),
            Ok(Request::Refresh) => {
                reply(stream, OK);
                self.refresh(self.refresh_time);
            }
            Ok(Request::Purge) => {
                reply(stream, OK);
                self.refresh(Duration::ZERO);
            }
            Ok(Request::Unknown(_)) => {}
            Err(error) => {
                log::warn!("{error}");
                reply(stream, BAD);
            }
        }
    }

    fn add(&self, site: &BString, queue_id: &BString) -> i32 {
        let Some(id) = QueueId::parse(queue_id) else { return BAD };
        match self.log_file(site) {
            Ok(log) => {
                log.add(&id);
                OK
            }
            Err(status) => status,
        }
    }

    fn send_site(&self, site: &BString) -> i32 {
        match self.log_file(site) {
            Ok(log) => {
                log.send(&self.queue_manager, Reset::DeadDestinations);
                OK
            }
            Err(status) => status,
        }
    }

    /// Has one message tried, whatever site it waits for.
    fn send_file(&self, queue_id: &BString) -> i32 {
        let Some(id) = QueueId::parse(queue_id) else { return BAD };
        if message::make_due(&self.spool, &id, message::Destinations::Revive) {
            self.queue_manager.tell(trigger::SCAN_INCOMING);
        }
        OK
    }

    /// The log of a site that may have one.
    fn log_file(&self, site: &BString) -> Result<LogFile<'_>, i32> {
        match self.domains.covers(site) {
            Ok(true) => {}
            Ok(false) => return Err(DENY),
            Err(_) => return Err(FAIL),
        }
        let name = site::log_name(site).map_err(|error| {
            let site = text::show(site);
            log::warn!("midna_domain_to_ascii_create: Problem translating domain \"{site}\" to ASCII form: {error}");
            DENY
        })?;
        Ok(LogFile::new(&self.spool, QueueId::parse(&name).ok_or(BAD)?))
    }

    /// Has the mail of logs tried that nobody asked for since `age`: that drops what does not wait any more. Removes logs
    /// that have been empty for long.
    fn refresh(&self, age: Duration) {
        log_file::refresh_all(&self.spool, &self.queue_manager, age, self.purge_time);
    }
}

fn reply(stream: &mut Stream, status: i32) {
    if let Err(error) = stream.send(&Status(status)) {
        // Master has gone on by now; others are told so.
        log::debug!("write {}: {}", stream.name(), sys::reason(&error));
    }
}
