//! Lists the queue (queue-files §12.1).
//!
//! showq answers whoever may connect to its socket, or writes to standard output when postqueue runs it while the mail
//! system is down. It reads message files and defer logs, locks nothing and changes nothing.
#![forbid(unsafe_code)]

mod listing;

use std::io::{ErrorKind, Write};

use config::params;
use ipc::protocol;
use listing::Settings;
use queue::{IdStyle, Spool};
use server::{Client, Context, Daemon, Demand, SingleService};

const DAEMON: Daemon = Daemon {
    program: "showq",
    demand: Demand::None,
    use_limit: true,
    idle_limit: true,
    watchdog: params::DAEMON_TIMEOUT,
    takes_arguments: false,
};

struct Showq {
    spool: Spool,
    settings: Settings,
}

impl SingleService for Showq {
    fn open(context: &Context) -> Showq {
        let config = &context.config;
        let spool = Spool::new(
            config.get(params::HASH_QUEUE_NAMES),
            config.get(params::HASH_QUEUE_DEPTH),
            IdStyle::from(config.get(params::ENABLE_LONG_QUEUE_IDS)),
        );
        let settings = Settings {
            empty_address: config.get(params::EMPTY_ADDRESS_RECIPIENT).to_owned(),
            duplicate_limit: usize::try_from(config.get(params::DUPLICATE_FILTER_LIMIT)).unwrap_or(0),
            utf8: config.get(params::SMTPUTF8_ENABLE),
        };
        Showq { spool, settings }
    }

    /// No request is read: whoever connects gets the whole listing.
    fn serve(&mut self, client: Client, context: &Context) {
        let mut stream = client.into_stream("showq client", context.ipc_timeout());
        let sent = stream
            .announce(protocol::SHOWQ)
            .and_then(|()| listing::send(&mut stream, &self.spool, &self.settings))
            .and_then(|()| stream.flush());
        match sent {
            Err(error) if !matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                log::warn!("error sending the listing: {}", sys::reason(&error));
            }
            _ => {}
        }
    }
}

fn main() {
    server::single::<Showq>(&DAEMON)
}
