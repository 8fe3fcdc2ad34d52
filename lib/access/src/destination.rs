//! Which destinations are ours to serve (access-milter-postscreen §3.5).

use bstr::BString;
use ipc::Unreachable;
use ipc::rewrite::{Resolved, resolved};
use text::address::split_domain;

use crate::doors::Addresses;
use crate::reply::{Class, rejected};
use crate::rule::{Rule, Target};
use crate::run::{Memories, Outcome, Run, Step, Stop};

/// The classes of domains that this mail system serves.
const SERVED: i32 = resolved::LOCAL | resolved::ALIAS | resolved::VIRTUAL | resolved::RELAY;

impl Memories {
    /// Where an address in internal form goes, which is completed first. Its recipient is folded. Answers are remembered, but for failures.
    ///
    /// # Errors
    /// The rewrite service is gone.
    pub fn resolve(
        &mut self,
        service: &mut dyn Addresses,
        utf8: bool,
        sender: &[u8],
        address: &[u8],
    ) -> Result<Resolved, Unreachable> {
        let question = (BString::from(sender), BString::from(address));
        if let Some(known) = self.resolved.get(&question) {
            return Ok(known);
        }
        let complete = service.rewrite_internal("local", address)?;
        let mut resolved = service.resolve(address::Class::Resolve, sender, &complete)?;
        resolved.recipient = text::fold(&resolved.recipient, utf8);
        if resolved.flags & resolved::FAIL == 0 {
            self.resolved.put(question, resolved.clone());
        }
        Ok(resolved)
    }
}

impl Run<'_> {
    /// Where an address goes. Its recipient is complete and folded.
    pub fn resolve(&mut self, target: Target, address: &[u8]) -> Result<Resolved, Stop> {
        let sender = match target {
            Target::Recipient => self.facts.sender.clone().unwrap_or_default(),
            _ => BString::default(),
        };
        let utf8 = self.rules.settings.utf8;
        let resolved = self.memories.resolve(self.doors.addresses.as_mut(), utf8, &sender, address);
        let resolved = resolved.map_err(|error| Stop::Fatal(error.to_string()))?;
        if resolved.flags & resolved::FAIL != 0 {
            return Err(self.lookup_error(address));
        }
        Ok(resolved)
    }

    /// A restriction on the recipient's destination.
    pub fn check_destination(&mut self, rule: Rule, word: &[u8], recipient: &BString) -> Outcome {
        match rule {
            Rule::PermitMxBackup => self.permit_mx_backup(word, recipient),
            Rule::CheckRelayDomains => self.check_relay_domains(word, recipient),
            _ => {
                let is_served = self.is_served(recipient)?;
                let code = self.rules.settings.codes.relay_domains_reject;
                match rule {
                    Rule::PermitAuthDestination if is_served => self.permit(word, recipient, Class::Recipient, None),
                    Rule::RejectUnauthDestination if !is_served => Ok(self.deny_relaying(code, recipient)),
                    Rule::DeferUnauthDestination if !is_served => Ok(self.deny_relaying(code - 100, recipient)),
                    _ => Ok(Step::Dunno),
                }
            }
        }
    }

    fn deny_relaying(&mut self, code: i64, recipient: &[u8]) -> Step {
        self.reject(code, b"5.7.1", [b"<", recipient, b">: Relay access denied"].concat())
    }

    /// Whether mail for a recipient is ours to deliver or to relay, for anybody.
    pub fn is_served(&mut self, recipient: &BString) -> Result<bool, Stop> {
        let resolved = self.resolve(Target::Recipient, recipient)?;
        let (_, domain) = split_domain(&resolved.recipient);
        let Some(domain) = domain else { return Ok(true) };
        if self.is_untrusted(&resolved) {
            return Ok(false);
        }
        if resolved.flags & SERVED == 0 {
            return Ok(false);
        }
        if resolved.flags & resolved::RELAY != 0 && self.rules.settings.legacy.relay_domains {
            log::info!(
                "using backwards-compatible default setting relay_domains=$mydestination to accept mail for domain \"{}\"",
                text::show(domain)
            );
        }
        Ok(true)
    }

    fn check_relay_domains(&mut self, word: &[u8], recipient: &BString) -> Outcome {
        if !self.memories.has_warned_of_relay_domains {
            self.memories.has_warned_of_relay_domains = true;
            log::warn!(
                "support for restriction \"{}\" will be removed from Postfix; use \"reject_unauth_destination\" instead",
                text::show(word)
            );
        }
        let client = &self.facts.client;
        match self.rules.relay_domains.matches(&client.name) {
            Ok(true) => return self.permit(word, &client.namaddr, Class::Client, None),
            Ok(false) => {}
            Err(error) => return Err(self.list_error(&error)),
        }
        if self.is_served(recipient)? {
            return self.permit(word, recipient, Class::Recipient, None);
        }
        let code = self.rules.settings.codes.relay_domains_reject;
        Ok(self.reject(code, b"5.7.1", rejected(recipient, Class::Recipient, "Relay access denied")))
    }
}
