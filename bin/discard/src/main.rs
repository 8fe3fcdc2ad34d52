//! Accepts every message and throws it away (qmgr-bounce §12).
#![forbid(unsafe_code)]

use config::params;
use deliver::{Agent, FixedResult, Job, Outcome, Reporter};
use server::{Context, Daemon, Demand};

fn main() {
    deliver::run::<Discard>(&Daemon {
        program: "discard",
        demand: Demand::None,
        use_limit: true,
        idle_limit: true,
        watchdog: params::DAEMON_TIMEOUT,
        takes_arguments: false,
    })
}

struct Discard;

impl Agent for Discard {
    fn open(_context: &Context) -> Self {
        Self
    }

    fn reporter(&mut self, context: &Context) -> Reporter {
        Reporter::new(&context.config).with_fast_flush(&context.config)
    }

    fn relay(&self, _context: &Context) -> String {
        "none".into()
    }

    fn deliver(&mut self, job: &mut Job<'_>, _context: &Context) -> Outcome {
        FixedResult::of(job, "2.0.0").apply(job, |job, recipient, dsn| job.sent(recipient, dsn))
    }
}
