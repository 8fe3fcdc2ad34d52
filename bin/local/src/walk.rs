//! One recipient's delivery: the tree of its expansions (delivery-agents §2.2 to §2.4).

use std::collections::HashSet;

use bstr::BString;
use config::Config;
use deliver::{DeliveredTo, Failure, Job, Outcome};
use ipc::bounce::{Dsn, Recipient};

use crate::agent::Local;
use crate::forward::Forward;
use crate::state::State;

/// What one recipient's delivery remembers.
pub struct Walk<'a, 'j> {
    pub agent: &'a mut Local,
    pub job: &'a mut Job<'j>,
    pub config: &'a Config,
    pub delivered_to: &'a DeliveredTo,
    /// Messages that are being forwarded.
    pub forwards: Vec<Forward>,
    seen: HashSet<BString>,
}

impl<'a, 'j> Walk<'a, 'j> {
    pub fn new(agent: &'a mut Local, job: &'a mut Job<'j>, config: &'a Config, delivered_to: &'a DeliveredTo) -> Self {
        Self { agent, job, config, delivered_to, forwards: Vec::new(), seen: HashSet::new() }
    }

    /// Delivers to a recipient of the request, and to all that it expands to.
    pub fn deliver(mut self, recipient: &Recipient) -> Outcome {
        let state = State::new(self.job.request.sender.as_ref(), recipient);
        let outcome = self.deliver_recipient(&state);
        outcome.and(self.finish_forwards(outcome, recipient))
    }

    /// Whether something is seen for the first time; keys are compared without regard to case (§2.3).
    pub fn is_new(&mut self, key: impl AsRef<[u8]>) -> bool {
        let folded = text::fold(key.as_ref(), self.agent.settings.utf8);
        let limit = self.agent.settings.duplicate_limit;
        if limit > 0 && self.seen.len() >= limit {
            return !self.seen.contains(&folded);
        }
        self.seen.insert(folded)
    }

    /// Whether something was seen before, without remembering it.
    pub fn was_seen(&self, key: impl AsRef<[u8]>) -> bool {
        self.seen.contains(&text::fold(key.as_ref(), self.agent.settings.utf8))
    }

    pub fn sent(&mut self, state: &State, reason: impl Into<BString>) -> Outcome {
        self.job.sent(&state.recipient, Dsn::new("2.0.0", reason))
    }

    /// Bounces or defers by the status, to the sender of the message as it is at this point of the tree.
    pub fn fail(&mut self, state: &State, failure: Failure) -> Outcome {
        self.job.fail(&state.recipient, failure)
    }

    pub fn fail_with(&mut self, state: &State, status: &str, reason: impl Into<BString>) -> Outcome {
        self.fail(state, Failure::new(status, reason))
    }
}
