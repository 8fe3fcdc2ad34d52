//! What a message needs from outside while its records come in.

use std::time::SystemTime;

use address::{RewriteService, Rewriter};
use config::Config;
use deliver::{Attempt, Outcome, Reporter};
use ipc::Stats;
use ipc::bounce::{Dsn, Recipient};
use ipc::delivery::flag;

/// The clock, and the services of the mail system.
pub trait World {
    /// The time.
    fn now(&self) -> SystemTime;

    /// The service that completes addresses.
    fn rewriter(&mut self) -> &mut dyn Rewriter;

    /// Records for the sender that the recipient was replaced by others. False: that failed, which has been logged.
    fn trace_expansion(&mut self, queue_id: &[u8], stats: &Stats, recipient: &Recipient) -> bool;

    /// Tells the verify service that the probed address stands for several. False: that failed, which has been logged.
    fn verify_expansion(&mut self, queue_id: &[u8], stats: &Stats, recipient: &Recipient) -> bool;
}

/// The mail system that this program is part of.
pub struct MailSystem {
    rewriter: RewriteService,
    /// Knows the bounce, trace and verify services.
    pub reporter: Reporter,
}

impl MailSystem {
    /// Connects to services when they are needed.
    pub fn new(config: &Config) -> MailSystem {
        MailSystem { rewriter: RewriteService::new(config), reporter: Reporter::new(config) }
    }
}

const NO_RELAY: &[u8] = b"none";

impl World for MailSystem {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn rewriter(&mut self) -> &mut dyn Rewriter {
        &mut self.rewriter
    }

    fn trace_expansion(&mut self, queue_id: &[u8], stats: &Stats, recipient: &Recipient) -> bool {
        let attempt = Attempt { queue_id, flags: 0, stats, recipient, relay: NO_RELAY };
        let dsn = Dsn { action: "expanded".into(), ..Dsn::new("2.0.0", "alias expanded") };
        self.reporter.trace(&attempt, &dsn)
    }

    fn verify_expansion(&mut self, queue_id: &[u8], stats: &Stats, recipient: &Recipient) -> bool {
        let attempt = Attempt { queue_id, flags: flag::MTA_VERIFY, stats, recipient, relay: NO_RELAY };
        self.reporter.sent(&attempt, Dsn::new("2.0.0", "aliased to multiple recipients")) == Outcome::Done
    }
}
