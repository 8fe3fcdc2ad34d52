//! Fails (service `error`) or defers (service `retry`) every recipient, for the reason that the request's next hop states
//! (qmgr-bounce §12).
#![forbid(unsafe_code)]

use config::params;
use deliver::{Agent, FixedResult, Job, Outcome, Reporter};
use logging::fatal;
use server::{Context, Daemon, Demand};

fn main() {
    deliver::run::<ErrorAgent>(&Daemon {
        program: "error",
        demand: Demand::None,
        use_limit: true,
        idle_limit: true,
        watchdog: params::DAEMON_TIMEOUT,
        takes_arguments: false,
    })
}

/// What happens to recipients.
#[derive(Clone, Copy)]
enum ErrorAgent {
    Bounce,
    Defer,
}

impl Agent for ErrorAgent {
    fn open(context: &Context) -> Self {
        if context.config.get(params::ERROR_SERVICE_NAME) == context.service.as_str() {
            Self::Bounce
        } else if context.service == deliver::RETRY_SERVICE {
            Self::Defer
        } else {
            fatal!("bad error service name: {}", context.service)
        }
    }

    fn reporter(&mut self, context: &Context) -> Reporter {
        Reporter::new(&context.config).with_fast_flush(&context.config)
    }

    fn relay(&self, _context: &Context) -> String {
        "none".into()
    }

    fn deliver(&mut self, job: &mut Job<'_>, _context: &Context) -> Outcome {
        match self {
            Self::Bounce => FixedResult::of(job, "5.0.0").apply(job, |job, recipient, dsn| job.bounce(recipient, dsn)),
            Self::Defer => FixedResult::of(job, "4.0.0").apply(job, |job, recipient, dsn| job.defer(recipient, dsn)),
        }
    }
}
