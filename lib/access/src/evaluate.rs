//! Going through a list of restrictions (access-milter-postscreen §2.4, §3.1).

use std::time::Duration;

use bstr::{BString, ByteSlice};

use crate::policy;
use crate::reply::{Class, rejected};
use crate::rule::{Rule, Target};
use crate::run::{Deferral, Outcome, Run, Step, Stop};
use crate::safety::warn_of_rest;

/// The deepest nesting of lists.
const DEEPEST: usize = 100;

/// What a list is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    /// The name in replies.
    pub name: &'a [u8],
    pub class: Class,
}

impl<'a> Subject<'a> {
    pub fn of(name: &'a [u8], class: Class) -> Self {
        Subject { name, class }
    }
}

/// The words of a list that are still to come.
struct Words<'a> {
    rest: &'a [BString],
}

impl<'a> Words<'a> {
    fn take(&mut self) -> Option<&'a BString> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }
}

impl Run<'_> {
    /// Evaluates a list, from left to right, until a restriction decides.
    pub fn evaluate(&mut self, list: &[BString], subject: Subject<'_>) -> Outcome {
        self.state.depth += 1;
        let outer = std::mem::replace(&mut self.state.name, subject.name.into());
        let outcome = self.evaluate_words(Words { rest: list }, subject);
        self.state.name = outer;
        self.state.depth -= 1;
        outcome
    }

    /// Evaluates the names of restrictions in the result of a table.
    pub fn evaluate_result(&mut self, table: &[u8], value: &[u8], subject: Subject<'_>) -> Outcome {
        if self.state.depth > DEEPEST {
            let (table, value) = (text::show(table), text::show(value));
            log::warn!("access table {table} entry {value} causes unreasonable recursion");
            return Err(self.server_error());
        }
        let words = text::list::split_braced(value, text::list::SEPARATORS);
        let list: Vec<BString> = words.map(BString::from).collect();
        self.evaluate(&list, subject)
    }

    fn evaluate_words(&mut self, mut words: Words<'_>, subject: Subject<'_>) -> Outcome {
        while !self.state.effects.discard {
            let Some(word) = words.take() else { break };
            if Rule::named(word) == Some(Rule::WarnIfReject) {
                if !self.state.is_warning() {
                    self.state.warn_depth = self.state.depth;
                }
                continue;
            }
            let step = self.apply(word, &mut words, subject)?;
            if self.state.warn_depth >= self.state.depth {
                self.state.warn_depth = 0;
            }
            if step != Step::Dunno {
                return Ok(step);
            }
            if self.state.defer_if_permit.is_some() && self.state.defer_if_reject.is_some() {
                break;
            }
        }
        Ok(Step::Dunno)
    }

    /// One restriction, with the words that belong to it.
    fn apply(&mut self, word: &BString, words: &mut Words<'_>, subject: Subject<'_>) -> Outcome {
        if word.contains(&b':') {
            return match self.state.bare {
                Some(target) => {
                    let rule = Rule::CheckAccess(target);
                    self.check_table(rule, rule.name().as_bytes(), word)
                }
                None => Err(self.no_restriction_for(word, subject.class)),
            };
        }
        let Some(rule) = Rule::named(word) else {
            return match self.rules.classes.get(word) {
                Some(list) => self.evaluate(list, subject),
                None => {
                    log::warn!("unknown smtpd restriction: \"{}\"", text::show(word));
                    Err(self.server_error())
                }
            };
        };
        match rule {
            _ if rule.takes_table() => match words.take() {
                Some(table) if table.contains(&b':') => self.check_table(rule, word, table),
                other => {
                    let (name, bad) = (text::show(word), text::show(other.unwrap_or(word)));
                    log::warn!("restriction {name}: bad argument \"{bad}\": need maptype:mapname");
                    Err(self.server_error())
                }
            },
            _ if rule.takes_domain() => match words.take() {
                Some(domain) => self.check_listing(rule, word, domain),
                None => {
                    log::warn!("restriction {} requires domain name argument", text::show(word));
                    Ok(Step::Dunno)
                }
            },
            Rule::CheckPolicyService => match words.take() {
                Some(server) if server.contains(&b':') => self.ask_policy_server(server, subject),
                _ => {
                    log::warn!("restriction {} must be followed by transport:server", text::show(word));
                    Err(self.server_error())
                }
            },
            Rule::Sleep => self.sleep(word, words.take()),
            Rule::Permit | Rule::Reject | Rule::Defer => {
                let is_last_word = rule == Rule::Permit || !self.state.is_warning();
                let outcome = self.apply_to_all(rule, word, subject);
                if is_last_word {
                    warn_of_rest(word, words.rest);
                }
                outcome
            }
            Rule::DeferIfPermit | Rule::DeferIfReject => self.apply_to_all(rule, word, subject),
            _ => self.apply_to_subject(rule, word, subject),
        }
    }

    fn no_restriction_for(&mut self, word: &[u8], class: Class) -> Stop {
        log::warn!(
            "specify one of (check_client_access, check_reverse_client_hostname_access, check_helo_access, check_sender_access, \
             check_recipient_access, check_etrn_access) before {} restriction \"{}\"",
            class.text(),
            text::show(word)
        );
        self.server_error()
    }

    /// Restrictions that know of nothing but their own name.
    fn apply_to_all(&mut self, rule: Rule, word: &[u8], subject: Subject<'_>) -> Outcome {
        let codes = &self.rules.settings.codes;
        let Subject { name, class } = subject;
        let deferral = |code: i64, status: &str, why: &str| Deferral::new(code, status, rejected(name, class, why));
        Ok(match rule {
            Rule::Permit => return self.permit(word, name, class, None),
            Rule::Reject => self.reject_as(codes.reject, "5.7.1", (name, class), "Access denied"),
            Rule::Defer => self.reject_as(codes.defer, "4.3.2", (name, class), "Try again later"),
            Rule::DeferIfPermit => {
                let deferral = deferral(450, "4.7.0", "defer_if_permit requested");
                self.defer_if_permit(crate::settings::TempfailAction::DeferIfPermit, deferral)
            }
            _ => self.defer_if_reject(deferral(450, "4.7.0", "defer_if_reject requested")),
        })
    }

    /// Restrictions about the session.
    fn apply_to_subject(&mut self, rule: Rule, word: &[u8], subject: Subject<'_>) -> Outcome {
        let codes = &self.rules.settings.codes;
        let whom = (subject.name, subject.class);
        match rule {
            Rule::RejectUnauthPipelining if self.facts.improper_pipelining => {
                Ok(self.reject_as(503, "5.5.0", whom, "Improper use of SMTP command pipelining"))
            }
            Rule::RejectUnauthPipelining => Ok(Step::Dunno),
            Rule::RejectPlaintextSession if self.facts.tls.is_none() => {
                Ok(self.reject(codes.plaintext_reject, b"4.7.1", "Session encryption is required"))
            }
            Rule::RejectPlaintextSession => Ok(Step::Dunno),
            Rule::RejectMultiRecipientBounce => {
                let most = if self.stage.is_after_recipients() { 1 } else { 0 };
                let is_bounce = self.facts.sender.as_ref().is_some_and(|sender| sender.is_empty());
                if !is_bounce || self.facts.recipient_count <= most {
                    return Ok(Step::Dunno);
                }
                Ok(self.reject_as(codes.multi_recipient_bounce_reject, "5.5.3", whom, "Multi-recipient bounce"))
            }
            _ => self.apply_named(rule, word),
        }
    }

    /// A restriction by its own name, as when no list says so.
    pub fn apply_rule(&mut self, rule: Rule) -> Outcome {
        self.apply_named(rule, rule.name().as_bytes())
    }

    /// Restrictions about one fact, which is looked at if it is known.
    fn apply_named(&mut self, rule: Rule, word: &[u8]) -> Outcome {
        match rule {
            Rule::PermitInetInterfaces
            | Rule::PermitMynetworks
            | Rule::PermitSaslAuthenticated
            | Rule::PermitTlsClientcerts
            | Rule::PermitTlsAllClientcerts
            | Rule::RejectUnknownClientHostname
            | Rule::RejectUnknownReverseClientHostname => self.check_client_host(rule, word),
            Rule::RejectMapsRbl => self.check_maps_rbl(),
            Rule::RejectInvalidHeloHostname
            | Rule::RejectNonFqdnHeloHostname
            | Rule::RejectUnknownHeloHostname
            | Rule::PermitNakedIpAddress => match &self.facts.helo {
                Some(helo) => self.check_helo_name(rule, word, helo),
                None => Ok(Step::Dunno),
            },
            Rule::RejectAuthenticatedSenderLoginMismatch
            | Rule::RejectKnownSenderLoginMismatch
            | Rule::RejectUnauthenticatedSenderLoginMismatch => self.check_sender_login(rule, word),
            Rule::PermitAuthDestination
            | Rule::RejectUnauthDestination
            | Rule::DeferUnauthDestination
            | Rule::CheckRelayDomains
            | Rule::PermitMxBackup => match self.recipient {
                Some(recipient) => self.check_destination(rule, word, recipient),
                None => Ok(Step::Dunno),
            },
            Rule::RejectUnknownDomain(target)
            | Rule::RejectNonFqdn(target)
            | Rule::RejectUnverified(target)
            | Rule::RejectUnlisted(target) => match self.address_of(target) {
                Some(address) if !address.is_empty() => self.check_address(rule, target, address),
                _ => Ok(Step::Dunno),
            },
            _ => Ok(Step::Dunno),
        }
    }

    fn sleep(&mut self, word: &[u8], argument: Option<&BString>) -> Outcome {
        let seconds = argument.and_then(|text| text.to_str().ok()?.parse::<u32>().ok());
        match seconds {
            Some(seconds) => {
                self.doors.clock.sleep(Duration::from_secs(seconds.into()));
                Ok(Step::Dunno)
            }
            None => {
                log::warn!("restriction {} must be followed by number", text::show(word));
                Err(self.server_error())
            }
        }
    }

    /// Asks a policy server, and does what it says.
    fn ask_policy_server(&mut self, word: &BString, subject: Subject<'_>) -> Outcome {
        let Some(server) = self.servers.get_mut(word) else {
            log::warn!("unexpected policy service: {}", text::show(word));
            return Err(self.server_error());
        };
        let stress = &self.rules.settings.stress;
        let request = policy::request(self.stage, self.facts, self.recipient, stress, &server.settings.policy_context);
        let answer = server.ask(&request, self.doors.policy.as_mut(), self.doors.clock.as_mut());
        let answer = answer.filter(|action| !self.rules.settings.utf8 || self.is_utf8(word, action));
        match answer {
            Some(action) => self.act(word, b"policy query", &action, subject),
            None => self.default_action(word, subject),
        }
    }

    fn is_utf8(&self, server: &[u8], action: &[u8]) -> bool {
        let is_good = std::str::from_utf8(action).is_ok();
        if !is_good {
            let (server, action) = (text::show(server), text::show(action));
            log::warn!("malformed UTF-8 in policy server {server} response: \"{action}\"");
        }
        is_good
    }

    /// What counts as the answer of a server that has none. It may not lead to the same trouble once more.
    fn default_action(&mut self, word: &BString, subject: Subject<'_>) -> Outcome {
        const BUILT_IN: &[u8] = b"451 4.3.5 Server configuration problem";
        if self.state.in_default_action {
            return self.act(word, b"policy query", BUILT_IN, subject);
        }
        let action = self.servers.get(word).map(|server| server.settings.default_action.clone());
        self.state.in_default_action = true;
        let outcome = self.act(word, b"policy query", &action.unwrap_or_else(|| BUILT_IN.into()), subject);
        self.state.in_default_action = false;
        outcome
    }
}

impl<'a> Run<'a> {
    /// The sender or the recipient.
    pub fn address_of(&self, target: Target) -> Option<&'a BString> {
        match target {
            Target::Sender => self.facts.sender.as_ref(),
            Target::Recipient => self.recipient,
            _ => None,
        }
    }
}
