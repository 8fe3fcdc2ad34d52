//! Aliases (delivery-agents §2.5).

use bstr::{BStr, BString};
use deliver::Outcome;
use ipc::bounce::{Dsn, Recipient, notify};
use ipc::delivery::flag;
use sys::privilege::Account;
use table::{Owner, Table};

use crate::settings::Source;
use crate::state::State;
use crate::walk::Walk;

/// How deep expansions may go.
pub const LEVEL_LIMIT: u32 = 100;

const UNAVAILABLE: &str = "alias database unavailable";

impl Walk<'_, '_> {
    /// Delivers to what a name is an alias for; `None` when it is none.
    pub fn deliver_alias(&mut self, parent: &State, name: &BStr) -> Option<Outcome> {
        let mut state = parent.deeper();
        // A name in its own expansion stands for the user.
        if state.expanding.as_ref().is_some_and(|expanding| expanding.eq_ignore_ascii_case(name)) {
            return None;
        }
        if state.level > LEVEL_LIMIT {
            let reason = format!("alias database loop for {}", text::show(name));
            log::warn!("{reason}");
            return Some(self.fail_with(&state, "5.4.6", reason));
        }
        let (text, table) = match self.lookup_alias(name) {
            Ok(found) => found?,
            Err(()) => return Some(self.fail_with(&state, "4.3.0", UNAVAILABLE)),
        };
        state.expanding = Some(name.into());
        if self.job.request.flags & flag::MTA_VERIFY != 0 {
            let reason = [b"aliased to ", text.as_slice()].concat();
            return Some(self.sent(&state, reason));
        }
        state.source = Some(Source::Alias);
        match self.rights_of(&state, &table) {
            Ok(rights) => state.rights = rights,
            Err(outcome) => return Some(outcome),
        }
        let wanted_success = state.recipient.notify & notify::SUCCESS != 0;
        let before = state.recipient.clone();
        if let Err(outcome) = self.apply_owner(&mut state, name) {
            return Some(outcome);
        }
        if !self.agent.settings.frozen_delivered_to {
            state.delivered = Some(before.address.clone());
        }
        drop_success(&mut state.recipient);
        let (outcome, count) = self.deliver_text(&state, &text);
        if count == 0 {
            log::warn!("no recipient in alias lookup result for {}", text::show(name));
            return Some(self.fail_with(parent, "4.3.0", UNAVAILABLE));
        }
        if wanted_success {
            let action = if state.has_owner_sender { "delivered" } else { "expanded" };
            return Some(outcome.and(self.trace_expansion(&before, action)));
        }
        Some(outcome)
    }

    fn lookup_alias(&self, name: &[u8]) -> Result<Option<(BString, Table)>, ()> {
        match self.agent.aliases.find_in(name, false) {
            Ok(found) => Ok(found.map(|(text, table)| (text, table.clone()))),
            // The table has said what is wrong.
            Err(_) => Err(()),
        }
    }

    /// Commands and files in a table run with the rights of the table's owner.
    fn rights_of(&mut self, state: &State, table: &Table) -> Result<Option<Account>, Outcome> {
        let name = text::show(table.name()).to_string();
        match table.owner() {
            Owner::Trusted => Ok(None),
            Owner::Unknown => {
                log::warn!("deliver_alias: no owner UID for alias database {name}");
                Err(self.fail_with(state, "4.3.0", "mail system configuration error"))
            }
            Owner::User(uid) => match sys::privilege::account_of(uid) {
                Ok(Some(account)) => Ok(Some(account)),
                result => {
                    let reason = result.err().map(|error| format!(": {}", sys::reason(&error))).unwrap_or_default();
                    log::warn!("cannot find alias database owner for {name}{reason}");
                    Err(self.fail_with(state, "4.3.0", "cannot find alias database owner"))
                }
            },
        }
    }

    /// An alias with an owner- alias is a list of its own: failures go to its owner, and the original sender's DSN wishes end.
    fn apply_owner(&mut self, state: &mut State, name: &BStr) -> Result<(), Outcome> {
        if !self.agent.settings.owner_request_special {
            return Ok(());
        }
        let owner = BString::from([b"owner-", name.as_ref() as &[u8]].concat());
        match self.lookup_alias(&owner) {
            Err(()) => Err(self.fail_with(state, "4.3.0", UNAVAILABLE)),
            Ok(Some((text, _))) => {
                let address = self.owner_address(&owner, &text);
                state.sender = address.clone();
                state.owner = Some(address);
                state.has_owner_sender = true;
                state.recipient.original = BString::default();
                state.recipient.dsn_orig_rcpt = BString::default();
                Ok(())
            }
            Ok(None) => {
                if self.agent.settings.reset_owner_alias {
                    state.owner = None;
                }
                Ok(())
            }
        }
    }

    /// The sender that an owner- alias stands for.
    pub fn owner_address(&mut self, owner: &BString, text: &BString) -> BString {
        let name = if self.agent.settings.expand_owner_alias { text } else { owner };
        self.canonical(name)
    }

    /// Looks up an owner- alias.
    pub fn find_owner(&mut self, local: &[u8]) -> Result<Option<BString>, ()> {
        let owner = BString::from([b"owner-", local].concat());
        Ok(self.lookup_alias(&owner)?.map(|(text, _)| self.owner_address(&owner, &text)))
    }

    /// The sender wants to know about success, and the recipient became a list: that is what is reported.
    pub fn trace_expansion(&mut self, recipient: &Recipient, action: &str) -> Outcome {
        let dsn = Dsn { action: action.into(), ..Dsn::new("2.0.0", "alias expanded") };
        if self.job.trace(recipient, &dsn) { Outcome::Done } else { Outcome::Retry }
    }
}

/// What an expansion's members report is not the success of the original recipient.
pub fn drop_success(recipient: &mut Recipient) {
    if recipient.notify == notify::SUCCESS {
        recipient.notify = notify::NEVER;
    } else {
        recipient.notify &= !notify::SUCCESS;
    }
}
