//! The order in which a recipient is handled (delivery-agents §2.4).

use deliver::Outcome;
use sys::privilege::ActingAs;

use crate::settings::Source;
use crate::state::{Parts, State};
use crate::walk::Walk;

impl Walk<'_, '_> {
    /// Delivers to an address that this agent is responsible for.
    pub fn deliver_recipient(&mut self, parent: &State) -> Outcome {
        let mut state = parent.deeper();
        let address = state.recipient.address.clone();
        if !self.is_new([format!("recipient {} ", state.level).as_bytes(), &address].concat()) {
            return Outcome::Done;
        }
        if self.delivered_to.contains(&address) {
            let reason = format!("mail forwarding loop for {}", text::show(&address));
            return self.fail_to_owner(&state, deliver::Failure::new("5.4.6", reason));
        }
        state.delivered.get_or_insert(address.clone());
        if !address.contains(&b'@') {
            log::warn!("no @ in recipient address: {}", text::show(&address));
        }
        let (parts, illegal) = Parts::of(&address, &self.agent.settings);
        if illegal {
            let (id, local) = (text::show(&self.job.request.queue_id), text::address::split_domain(&address).0);
            log::warn!("{id}: address with illegal extension: {}", text::show(local));
        }
        state.parts = parts;
        if state.parts.user.is_empty() {
            let reason = format!("null username in \"{}\"", text::show(&address));
            return self.fail_with(&state, "5.1.3", reason);
        }
        self.switch(&state)
    }

    fn switch(&mut self, parent: &State) -> Outcome {
        let mut state = parent.deeper();
        if state.parts.user.first() == Some(&b'\\') {
            state.parts.user.remove(0);
            state.parts.local.remove(0);
            return self.mailbox_or_unknown(&state);
        }
        if let Some(outcome) = self.deliver_aliases(&state) {
            return outcome;
        }
        if let Some(outcome) = self.forward_for_others(&state) {
            return outcome;
        }
        if let Some(outcome) = self.check_home(&state) {
            return outcome;
        }
        if state.parts.extension.is_some() {
            state.unmatched = state.extension_to_propagate();
        }
        match self.deliver_dot_forward(&state) {
            Some(outcome) => outcome,
            None => self.mailbox_or_unknown(&state),
        }
    }

    fn mailbox_or_unknown(&mut self, state: &State) -> Outcome {
        match self.deliver_mailbox(state) {
            Some(outcome) => outcome,
            None => self.deliver_unknown(state),
        }
    }

    /// First the whole local part, then the user without the extension.
    fn deliver_aliases(&mut self, state: &State) -> Option<Outcome> {
        let whole = State { unmatched: None, ..state.clone() };
        if let Some(outcome) = self.deliver_alias(&whole, state.parts.local.as_ref()) {
            return Some(outcome);
        }
        state.parts.extension.as_ref()?;
        let propagated = if self.agent.settings.propagate.allows(Some(Source::Alias)) {
            state.extension_to_propagate()
        } else {
            None
        };
        self.deliver_alias(&State { unmatched: propagated, ..state.clone() }, state.parts.user.as_ref())
    }

    /// Somebody else's list names this user: the mail goes out anew, so that its failures go where that list's failures go.
    fn forward_for_others(&mut self, state: &State) -> Option<Outcome> {
        let foreign = state.owner.as_ref().is_some_and(|owner| !owner.eq_ignore_ascii_case(&state.parts.user));
        (foreign || state.source == Some(Source::Include)).then(|| self.deliver_indirect(state))
    }

    /// `require_home_directory`: a home that is not there, perhaps not mounted, is no reason to deliver elsewhere.
    fn check_home(&mut self, state: &State) -> Option<Outcome> {
        if !self.agent.settings.require_home {
            return None;
        }
        let account = match self.lookup_user(state) {
            Ok(account) => account?,
            Err(outcome) => return Some(outcome),
        };
        let acting = ActingAs::new(account.uid, account.gid);
        let there = acting.and_then(|_acting| std::fs::metadata(&account.home));
        there.err().map(|error| {
            let reason = format!("cannot access home directory {}: {}", account.home.display(), sys::reason(&error));
            self.fail_with(state, "4.3.0", reason)
        })
    }

    /// The account of the user, if there is one.
    pub fn lookup_user(&mut self, state: &State) -> Result<Option<sys::privilege::Account>, Outcome> {
        let user = String::from_utf8_lossy(&state.parts.user).into_owned();
        sys::privilege::account(&user).map_err(|error| {
            log::warn!("error looking up passwd info for {user}: {}", sys::reason(&error));
            self.fail_with(state, "4.0.0", "user lookup error")
        })
    }
}
