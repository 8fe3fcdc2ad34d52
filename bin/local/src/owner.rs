//! Failures that concern the owner of a list and not its sender (delivery-agents §2.11).

use deliver::{Failure, Outcome};
use text::address::split_domain;

use crate::state::{Parts, State};
use crate::walk::Walk;

impl Walk<'_, '_> {
    /// Reports a failure to the owner- alias of the recipient, if it has one, else as usual.
    pub fn fail_to_owner(&mut self, state: &State, failure: Failure) -> Outcome {
        match self.owner_of(state) {
            Ok(Some(owner)) => self.job.fail_to(&state.recipient, &owner, failure),
            Ok(None) => self.fail(state, failure),
            Err(()) => self.fail_with(state, "4.3.0", "alias database unavailable"),
        }
    }

    fn owner_of(&mut self, state: &State) -> Result<Option<bstr::BString>, ()> {
        if !self.agent.settings.owner_request_special {
            return Ok(None);
        }
        let local = split_domain(&state.recipient.address).0.to_vec();
        if let Some(owner) = self.find_owner(&local)? {
            return Ok(Some(owner));
        }
        let (parts, _) = Parts::of(&state.recipient.address, &self.agent.settings);
        if parts.extension.is_some() { self.find_owner(&parts.user) } else { Ok(None) }
    }
}
