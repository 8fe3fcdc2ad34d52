//! Having mail tried now.

use std::time::Duration;

use address::FastFlush;
use bstr::{BString, ByteSlice};
use config::{Config, params};
use ipc::flush::{BAD, DENY, FAIL, OK, Request};
use ipc::{Status, protocol, trigger};
use queue::QueueId;

/// How long to wait for the queue manager and pickup to take their requests.
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// All of it: whatever has made mail wait is forgotten.
pub fn queue(config: &Config) {
    let wake_all = [trigger::FLUSH_DEAD, trigger::SCAN_ALL, trigger::SCAN_DEFERRED, trigger::SCAN_INCOMING];
    wake(config.get(params::QUEUE_SERVICE_NAME), &wake_all, config);
    wake(config.get(params::PICKUP_SERVICE_NAME), &[trigger::WAKEUP], config);
}

fn wake(service: &[u8], request: &[u8], config: &Config) {
    let service = service.to_str_lossy();
    let limit = config.get(params::TRIGGER_TIMEOUT);
    if let Err(error) = trigger::trigger_and_wait("public", &service, request, limit, DRAIN_TIME) {
        error.warn();
        logging::fatal!("Cannot flush mail queue - mail system is down");
    }
}

/// The mail for one site.
pub fn site(config: &Config, site: &BString) {
    let service = FastFlush::open(config).unwrap_or_else(|error| logging::fatal!("{error}"));
    match service.send_site(site) {
        OK => {}
        BAD => logging::fatal!("Invalid request: \"{}\"", text::show(site)),
        FAIL => logging::fatal!("Cannot flush mail queue - mail system is down"),
        DENY => logging::fatal!("Flush service is not configured for destination \"{}\"", text::show(site)),
        status => logging::fatal!("Unknown flush server reply status {status}"),
    }
}

/// One message.
pub fn message(config: &Config, id: &QueueId) {
    let service = config.get(params::FLUSH_SERVICE_NAME).to_str_lossy();
    let request = Request::SendFile { queue_id: id.as_str().into() };
    let reply = ipc::call("public", &service, protocol::FLUSH, &request, config.get(params::IPC_TIMEOUT));
    let status = match reply {
        Ok(Status(status)) => status,
        Err(error) => {
            log::warn!("{error}");
            FAIL
        }
    };
    match status {
        OK => {}
        BAD => logging::fatal!("Invalid request: \"{id}\""),
        FAIL => logging::fatal!("Cannot flush mail queue - mail system is down"),
        status => logging::fatal!("Unexpected flush server reply status {status}"),
    }
}
