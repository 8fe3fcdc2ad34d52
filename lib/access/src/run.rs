//! One decision while it is made: rejecting, deferring, and the log (access-milter-postscreen §2.4 to §2.10).

use std::collections::BTreeMap;

use bstr::BString;
use ipc::rewrite::Resolved;
use logging::event::Decision;
use table::Error;

use crate::cache::Cache;
use crate::doors::Doors;
use crate::effects::Effects;
use crate::facts::{Facts, Stage};
use crate::policy::PolicyServer;
use crate::rbl::Listing;
use crate::reply::{Cause, Class, Reply, align, compose, rejected, soften};
use crate::rule::Target;
use crate::rules::Rules;
use crate::settings::TempfailAction;

/// What a restriction says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing: go on.
    Dunno,
    /// Accept, and skip the rest of the list.
    Permit,
    /// Reject.
    Reject(Reply),
}

/// What ends a decision at once, however deep the list.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The configuration is wrong, or a lookup failed.
    Reject(Reply),
    /// The client is dropped.
    HangUp,
    /// The program ends.
    Fatal(String),
}

/// A restriction's result.
pub(crate) type Outcome = Result<Step, Stop>;

/// The text of a fatal error.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct Fatal(pub String);

/// A rejection that waits for what else is decided (§2.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deferral {
    pub cause: Cause,
    pub code: i64,
    pub status: BString,
    pub text: BString,
}

impl Deferral {
    pub fn new(code: i64, status: impl Into<BString>, text: impl Into<BString>) -> Self {
        Deferral { cause: Cause::Policy, code, status: status.into(), text: text.into() }
    }
}

/// What is remembered between restrictions, stages and messages.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// How deep lists are nested.
    pub depth: usize,
    /// The depth at which `warn_if_reject` stands; 0: it does not.
    pub warn_depth: usize,
    pub defer_if_permit: Option<Deferral>,
    pub defer_if_reject: Option<Deferral>,
    /// `defer_if_permit` after the client, HELO and sender restrictions.
    pub after_client: Option<Deferral>,
    pub after_helo: Option<Deferral>,
    pub after_sender: Option<Deferral>,
    /// Whether the sender, the recipient were looked for in our tables.
    pub sender_checked: bool,
    pub recipient_checked: bool,
    pub effects: Effects,
    /// The name that the list which is evaluated is about.
    pub name: BString,
    /// What a table without a restriction in front of it is looked up for.
    pub bare: Option<Target>,
    /// Whether the default action of a policy server is being carried out.
    pub in_default_action: bool,
}

impl State {
    pub fn is_warning(&self) -> bool {
        self.warn_depth > 0
    }
}

/// Answers that are good for all sessions of this process.
#[derive(Debug)]
pub(crate) struct Memories {
    /// By sender and address.
    pub resolved: Cache<(BString, BString), Resolved>,
    /// By query name.
    pub listings: Cache<BString, Option<Listing>>,
    /// Whether these obsolete restrictions have been complained about.
    pub has_warned_of_relay_domains: bool,
    pub has_warned_of_maps_rbl: bool,
}

/// How many pairs of sender and address, and how many names, are kept.
const MEMORY: usize = 100;

impl Default for Memories {
    fn default() -> Self {
        Memories {
            resolved: Cache::new(MEMORY),
            listings: Cache::new(MEMORY),
            has_warned_of_relay_domains: false,
            has_warned_of_maps_rbl: false,
        }
    }
}

/// A decision in the making.
pub(crate) struct Run<'a> {
    pub rules: &'a Rules,
    pub doors: &'a mut Doors,
    pub servers: &'a mut BTreeMap<BString, PolicyServer>,
    pub state: &'a mut State,
    pub memories: &'a mut Memories,
    pub facts: &'a Facts,
    pub stage: Stage,
    /// The recipient, unless there are several.
    pub recipient: Option<&'a BString>,
}

impl Run<'_> {
    /// Rejects; with `warn_if_reject`, only says so.
    pub fn reject(&mut self, code: i64, status: &[u8], text: impl AsRef<[u8]>) -> Step {
        let is_warning = self.state.is_warning();
        let reply = self.prepare(Cause::Policy, code, status, text.as_ref(), is_warning);
        if is_warning { Step::Dunno } else { Step::Reject(reply) }
    }

    /// Rejects, and ends the decision; `warn_if_reject` does not matter.
    pub fn stop(&mut self, cause: Cause, code: i64, status: &str, text: impl AsRef<[u8]>) -> Stop {
        Stop::Reject(self.prepare(cause, code, status.as_bytes(), text.as_ref(), false))
    }

    /// The configuration is wrong, which has been logged.
    pub fn server_error(&mut self) -> Stop {
        self.stop(Cause::Software, 451, "4.3.5", "Server configuration error")
    }

    /// A lookup failed for now.
    pub fn lookup_error(&mut self, name: &[u8]) -> Stop {
        let text = [b"<", name, b">: Temporary lookup failure"].concat();
        self.stop(Cause::Resource, 451, "4.3.0", text)
    }

    /// A table failed, which has been logged.
    pub fn table_error(&mut self, error: &Error, name: &[u8]) -> Stop {
        match error {
            Error::Retry { .. } => self.lookup_error(name),
            Error::Config => self.server_error(),
            Error::Fatal(text) => Stop::Fatal(text.clone()),
        }
    }

    /// A list of hosts or domains failed, which has been logged.
    pub fn list_error(&mut self, error: &Error) -> Stop {
        match error {
            Error::Fatal(text) => Stop::Fatal(text.clone()),
            _ => self.lookup_error(&self.state.name.clone()),
        }
    }

    fn prepare(&mut self, cause: Cause, code: i64, status: &[u8], text: &[u8], is_warning: bool) -> Reply {
        let utf8 = self.rules.settings.utf8;
        let mut reply = Reply { text: compose(code, status, text, utf8), cause };
        if !is_warning
            && reply.text.starts_with(b"5")
            && let Some(deferral) = self.state.defer_if_reject.take()
        {
            let Deferral { cause, code, status, text } = deferral;
            reply = Reply { text: compose(code, &status, &text, utf8), cause };
        }
        if self.rules.settings.soft_bounce {
            soften(&mut reply.text);
        }
        align(&mut reply.text);
        self.log(if is_warning { "reject_warning" } else { "reject" }, &reply.text);
        reply
    }

    /// `<name>: class rejected: why`, with the code and the status code.
    pub fn reject_as(&mut self, code: i64, status: &str, (name, class): (&[u8], Class), why: &str) -> Step {
        self.reject(code, status.as_bytes(), rejected(name, class, why))
    }

    /// A failure that might not last: the request is deferred unless something rejects it.
    pub fn defer_if_permit(&mut self, action: TempfailAction, deferral: Deferral) -> Step {
        if self.state.is_warning() || action == TempfailAction::Defer {
            return self.reject(deferral.code, &deferral.status, &deferral.text);
        }
        self.state.defer_if_permit.get_or_insert(deferral);
        Step::Dunno
    }

    /// A failure that might not last: what would be rejected for good is deferred.
    pub fn defer_if_reject(&mut self, deferral: Deferral) -> Step {
        self.state.defer_if_reject.get_or_insert(deferral);
        Step::Dunno
    }

    /// Accepts, and logs that if `smtpd_log_access_permit_actions` says so. `source`: the table that said so.
    pub fn permit(&mut self, action: &[u8], name: &[u8], class: Class, source: Option<&[u8]>) -> Outcome {
        let actions = &self.rules.permit_actions;
        if self.state.defer_if_permit.is_some() || actions.is_empty() {
            return Ok(Step::Permit);
        }
        match actions.matches(action) {
            Ok(false) => {}
            Err(error) => log::debug!("{}: {error}", actions.title()),
            Ok(true) => {
                let mut text = [b"action=", action, b" for ", class.text().as_bytes(), b"=", name].concat();
                match source {
                    Some(table) => text.extend_from_slice(&[b" from ", table].concat()),
                    None => text.push(b' '),
                }
                self.log("permit", &text);
            }
        }
        Ok(Step::Permit)
    }

    /// Writes the line about a decision.
    pub fn log(&self, action: &str, text: &[u8]) {
        let facts = self.facts;
        logging::event::emit(&Decision {
            queue_id: facts.queue_id.as_ref().map(|id| id.as_slice()),
            action,
            stage: self.stage.name(),
            client: &facts.client.namaddr,
            text,
            sender: facts.sender.as_ref().map(|sender| sender.as_slice()),
            recipient: self.recipient.map(|recipient| recipient.as_slice()),
            protocol: facts.protocol.name(),
            helo: facts.helo.as_ref().map(|helo| helo.as_slice()),
        });
    }
}
