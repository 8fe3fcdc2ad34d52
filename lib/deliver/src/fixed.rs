//! Agents whose result is known before they look at the message: error and discard (qmgr-bounce §12).

use ipc::bounce::{Dsn, Recipient};

use crate::job::Job;
use crate::outcome::Outcome;

/// The result that a request's next hop states: `[status] text`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedResult(Dsn);

impl FixedResult {
    /// Takes the next hop apart; `default` is the status when it has none. An empty next hop is a mistake in the configuration, and fatal.
    pub fn of(job: &Job<'_>, default: &str) -> Self {
        let nexthop = text::space::trim_start(&job.request.nexthop);
        if nexthop.is_empty() {
            logging::fatal!("empty nexthop hostname");
        }
        Self(match text::dsn::split_status(nexthop) {
            Some((status, reason)) => Dsn::new(status, reason),
            None => Dsn::new(default, nexthop),
        })
    }

    /// Reports it for all recipients, and marks those that need no more work.
    pub fn apply(&self, job: &mut Job<'_>, report: impl Fn(&mut Job<'_>, &Recipient, Dsn) -> Outcome) -> Outcome {
        let mut all = Outcome::Done;
        for recipient in job.request.recipients.clone() {
            let outcome = report(job, &recipient, self.0.clone());
            all = all.and(job.complete(&recipient, outcome));
        }
        all
    }
}
