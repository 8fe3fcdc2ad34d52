//! Which logins may use a sender address (access-milter-postscreen §3.8).

use address::{Form, Keys};
use text::list::{SEPARATORS, split};

use crate::reply::Class;
use crate::rule::{Rule, Target};
use crate::run::{Outcome, Run, Step};

impl Run<'_> {
    /// Compares the login of the client with the owners of the sender address.
    pub fn check_sender_login(&mut self, rule: Rule, word: &[u8]) -> Outcome {
        if !self.rules.settings.sasl {
            log::warn!("restriction `{}' ignored: no SASL support", text::show(word));
            return Ok(Step::Dunno);
        }
        let facts = self.facts;
        let Some(sender) = facts.sender.as_ref().filter(|sender| !sender.is_empty()) else { return Ok(Step::Dunno) };
        let login = facts.sasl.as_ref().map(|sasl| &sasl.username).filter(|name| !name.is_empty());
        let is_relevant = match rule {
            Rule::RejectAuthenticatedSenderLoginMismatch => login.is_some(),
            Rule::RejectUnauthenticatedSenderLoginMismatch => login.is_none(),
            _ => true,
        };
        if !is_relevant {
            return Ok(Step::Dunno);
        }
        let resolved = self.resolve(Target::Sender, sender)?;
        let maps = &self.rules.sender_login;
        let found = self.rules.finder.find(maps, &resolved.recipient, Keys::ADDRESS, Form::ExternalThenInternal);
        let owners = match found {
            Ok(found) => found.map(|found| found.value),
            Err(error) => return Err(self.table_error(&error, sender)),
        };
        let whom = (sender.as_slice(), Class::Sender);
        let Some(login) = login else {
            return Ok(match owners {
                Some(_) => self.reject_as(553, "5.7.1", whom, "not logged in"),
                None => Step::Dunno,
            });
        };
        let is_owner = match owners {
            Some(owners) => split(&owners, SEPARATORS).any(|owner| owner.eq_ignore_ascii_case(login)),
            None => rule == Rule::RejectKnownSenderLoginMismatch,
        };
        if is_owner {
            return Ok(Step::Dunno);
        }
        let why = [b"not owned by user ", login.as_slice()].concat();
        Ok(self.reject(553, b"5.7.1", crate::reply::rejected(sender, Class::Sender, why)))
    }
}
