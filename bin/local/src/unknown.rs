//! A user that is not there (delivery-agents §2.10).

use deliver::Outcome;
use text::expand::{Options, expand};

use crate::agent::Local;
use crate::state::State;
use crate::walk::Walk;

impl Walk<'_, '_> {
    /// What happens to mail for nobody.
    pub fn deliver_unknown(&mut self, parent: &State) -> Outcome {
        let state = parent.deeper();
        if !self.is_new([b"deliver_unknown ", state.parts.local.as_slice()].concat()) {
            return Outcome::Done;
        }
        let transport = Local::transport_for(
            &self.agent.fallback_transports,
            &self.agent.settings.fallback_transport,
            &state.parts.user,
        );
        match transport {
            Ok(None) => {}
            Ok(Some(transport)) => return self.hand_over(&state, &transport),
            Err(_) => return self.fail_with(&state, "4.3.0", "table lookup failure"),
        }
        if !text::space::trim(&self.agent.settings.luser_relay).is_empty() {
            return self.relay_unknown(&state);
        }
        let user = state.parts.user.clone();
        if user.eq_ignore_ascii_case(b"mailer-daemon") || user.eq_ignore_ascii_case(b"postmaster") {
            log::warn!("required alias not found: {}", text::show(&user));
            return self.sent(&state, "discarded");
        }
        self.unknown(&state)
    }

    fn unknown(&mut self, state: &State) -> Outcome {
        let reason = format!("unknown user: \"{}\"", text::show(&state.parts.user));
        self.fail_with(state, "5.1.1", reason)
    }

    /// `luser_relay`: an address for all unknown users.
    fn relay_unknown(&mut self, state: &State) -> Outcome {
        let state = State { unmatched: None, ..state.clone() };
        let relay = self.agent.settings.luser_relay.clone();
        let options = Options { recursive: false, filter: None };
        let expanded = match expand(&relay, &options, &mut |name| self.macro_value(&state, name)) {
            Ok(expanded) => expanded.text,
            Err(error) => {
                log::warn!("{error}");
                log::warn!("bad parameter value syntax for luser_relay: {}", text::show(&relay));
                return self.fail_with(&state, "4.3.5", "mail system configuration error");
            }
        };
        let address = self.canonical(&expanded);
        if address.eq_ignore_ascii_case(&state.recipient.address) {
            return self.unknown(&state);
        }
        self.deliver_address(&state, address)
    }
}
