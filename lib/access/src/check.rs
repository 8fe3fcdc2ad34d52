//! The decisions, stage by stage (access-milter-postscreen §2.5, §2.7).

use std::collections::BTreeMap;

use address::ProbeSender;
use bstr::{BString, ByteSlice};
use config::Config;
use ipc::rewrite::Resolved;
use table::Tables;

use crate::doors::Doors;
use crate::effects::Effects;
use crate::evaluate::Subject;
use crate::facts::{Facts, Stage};
use crate::policy::PolicyServer;
use crate::reply::{Cause, Class, Reply};
use crate::rewrite_context::Context;
use crate::rule::{Rule, Target};
use crate::rules::Rules;
use crate::run::{Deferral, Fatal, Memories, Outcome, Run, State, Step, Stop};

/// What a client gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The request is accepted, as far as restrictions go.
    Accept,
    /// The request is rejected with this reply. That has been logged.
    Reject(Reply),
    /// The connection is closed without a word. That has been logged.
    HangUp,
}

/// Decides which requests are accepted.
#[derive(Debug)]
pub struct Access {
    rules: Rules,
    doors: Doors,
    servers: BTreeMap<BString, PolicyServer>,
    state: State,
    memories: Memories,
    probe_sender: ProbeSender,
    /// Whether the rewrite service has added what is missing to it.
    probe_is_complete: bool,
}

impl Access {
    /// Reads the parameters and opens the tables: before a jail. The doors lead outside.
    ///
    /// # Errors
    /// The text of the fatal error.
    pub fn open(config: &Config, tables: &Tables) -> Result<Access, String> {
        Access::with_doors(config, tables, Doors::system(config, tables))
    }

    /// As [`Access::open`], with other doors: for tests and simulations.
    ///
    /// # Errors
    /// The text of the fatal error.
    pub fn with_doors(config: &Config, tables: &Tables, doors: Doors) -> Result<Access, String> {
        let (rules, servers) = Rules::read(config, tables)?;
        let probe_sender = ProbeSender::read(config)?;
        let (state, memories) = (State::default(), Memories::default());
        Ok(Access { rules, doors, servers, state, memories, probe_sender, probe_is_complete: false })
    }

    /// Evaluates the restrictions of a stage; at [`Stage::Rcpt`], [`Stage::Vrfy`] and [`Stage::Etrn`] also those that waited. Call it at
    /// every stage, for all requests but those of a stand-alone session.
    ///
    /// # Errors
    /// A mistake in the configuration that ends the program, or a service that is gone.
    pub fn check(&mut self, stage: Stage, facts: &Facts) -> Result<Verdict, Fatal> {
        let delayed = self.rules.settings.delay_reject;
        if self.state.effects.discard || (delayed && (stage.is_before_mail() || stage == Stage::Mail)) {
            return Ok(Verdict::Accept);
        }
        if stage == Stage::Rcpt
            && let Some(recipient) = &facts.recipient
            && (recipient.eq_ignore_ascii_case(b"postmaster") || self.is_probe_sender(recipient)?)
        {
            return Ok(Verdict::Accept);
        }
        let mut run = self.run(stage, facts);
        let outcome = match stage {
            Stage::Connect | Stage::Xclient => run.check_client(),
            Stage::Helo | Stage::Ehlo => run.check_helo(),
            Stage::Mail => run.check_sender(),
            Stage::Rcpt | Stage::Vrfy => run.check_recipient(),
            Stage::Etrn => run.check_etrn(),
            Stage::Data | Stage::Bdat => run.check_data(),
            Stage::EndOfMessage => run.check_end_of_data(),
        };
        verdict(outcome)
    }

    /// Whether a message of the size that MAIL announced is too large.
    ///
    /// # Errors
    /// None; as for [`Access::check`].
    pub fn check_size(&mut self, facts: &Facts) -> Result<Verdict, Fatal> {
        let limit = self.rules.settings.message_size_limit;
        if limit <= 0 || facts.declared_size <= limit.unsigned_abs() {
            return Ok(Verdict::Accept);
        }
        let mut run = self.run(Stage::Mail, facts);
        run.begin(None);
        verdict(Ok(run.reject(552, b"5.3.4", "Message size exceeds fixed limit")))
    }

    /// Whether the queue's file system, which the process works in, has room for another message.
    ///
    /// # Errors
    /// The file system cannot be asked.
    pub fn check_queue_space(&mut self, facts: &Facts) -> Result<Verdict, Fatal> {
        let settings = &self.rules.settings;
        // The queue directory is where a daemon works, also in a jail.
        let space = fs2::statvfs(".").map_err(|error| Fatal(format!("statvfs .: {}", sys::reason(&error))))?;
        let block = space.allocation_granularity().max(1);
        let wanted = |bytes: i64| u64::try_from(bytes).unwrap_or(0);
        let free = space.available_space();
        let too_little = free / block <= wanted(settings.queue_minfree).div_ceil(block) && settings.queue_minfree > 0;
        let too_small = wanted(settings.message_size_limit) as f64 / block as f64 >= (free / block) as f64 / 1.5;
        if !too_little && !too_small {
            return Ok(Verdict::Accept);
        }
        let mut run = self.run(Stage::Mail, facts);
        run.begin(None);
        let stop = run.stop(Cause::Resource, 452, "4.3.1", "Insufficient system storage");
        log::warn!("not enough free space in mail queue: {free} bytes < 1.5*message size limit");
        verdict(Err(stop))
    }

    /// How the headers of a client's mail are completed (`local_header_rewrite_clients`): at MAIL.
    ///
    /// # Errors
    /// As for [`Access::check`]. The inner error is the verdict when a table fails.
    pub fn rewrite_context(&mut self, facts: &Facts) -> Result<Result<Context, Verdict>, Fatal> {
        // The sender is not accepted yet: the log does not show it.
        let facts = Facts { sender: None, ..facts.clone() };
        let mut run = self.run(Stage::Mail, &facts);
        match run.find_rewrite_context() {
            Ok(context) => Ok(Ok(context)),
            Err(stop) => verdict(Err(stop)).map(Err),
        }
    }

    /// The time-independent form of the address that probes come from, if `address` is one of its forms: smtpd puts it in
    /// place of such a sender or recipient.
    ///
    /// # Errors
    /// The rewrite service is gone.
    pub fn probe_sender(&mut self, address: &[u8]) -> Result<Option<BString>, Fatal> {
        Ok(self.is_probe_sender(address)?.then(|| self.probe_sender.plain()))
    }

    /// Where an address in internal form goes, as restrictions see it; `sender` is empty for a sender.
    ///
    /// # Errors
    /// The rewrite service is gone.
    pub fn resolve(&mut self, sender: &[u8], address: &[u8]) -> Result<Resolved, Fatal> {
        let found = self.memories.resolve(self.doors.addresses.as_mut(), self.rules.settings.utf8, sender, address);
        found.map_err(|error| Fatal(error.to_string()))
    }

    fn is_probe_sender(&mut self, address: &[u8]) -> Result<bool, Fatal> {
        if !self.probe_is_complete {
            let completed = self.probe_sender.complete(self.doors.addresses.as_mut());
            completed.map_err(|error| Fatal(error.to_string()))?;
            self.probe_is_complete = true;
        }
        Ok(self.probe_sender.matches(address, self.doors.clock.now()))
    }

    /// What is to be done with the message beside accepting it.
    pub fn effects(&self) -> &Effects {
        &self.state.effects
    }

    /// A transaction is over, or MAIL was rejected: its effects are forgotten.
    pub fn end_transaction(&mut self) {
        self.state.effects = Effects::default();
        self.state.after_sender = None;
    }

    /// A session is over: everything about it is forgotten, and unused connections to policy servers are closed.
    pub fn end_session(&mut self) {
        self.state = State::default();
        for server in self.servers.values_mut() {
            server.tidy();
        }
    }

    fn run<'a>(&'a mut self, stage: Stage, facts: &'a Facts) -> Run<'a> {
        let hidden = stage.is_after_recipients() && facts.recipient_count != 1;
        Run {
            rules: &self.rules,
            doors: &mut self.doors,
            servers: &mut self.servers,
            state: &mut self.state,
            memories: &mut self.memories,
            facts,
            stage,
            recipient: facts.recipient.as_ref().filter(|_| !hidden),
        }
    }
}

fn verdict(outcome: Outcome) -> Result<Verdict, Fatal> {
    match outcome {
        Ok(Step::Dunno | Step::Permit) => Ok(Verdict::Accept),
        Ok(Step::Reject(reply)) | Err(Stop::Reject(reply)) => Ok(Verdict::Reject(reply)),
        Err(Stop::HangUp) => Ok(Verdict::HangUp),
        Err(Stop::Fatal(text)) => Err(Fatal(text)),
    }
}

impl Run<'_> {
    /// Begins the decisions of a stage. What deferred an earlier stage goes on to do so.
    fn begin(&mut self, carried: Option<Deferral>) {
        self.state.depth = 0;
        self.state.warn_depth = 0;
        self.state.defer_if_reject = None;
        self.state.defer_if_permit = carried;
        self.state.in_default_action = false;
    }

    /// A server error or a failed lookup rejects: the stage ends as it does after any rejection.
    fn list(&mut self, list: &[BString], subject: Subject<'_>, bare: Option<Target>) -> Outcome {
        if list.is_empty() {
            return Ok(Step::Dunno);
        }
        self.state.bare = bare;
        match self.evaluate(list, subject) {
            Err(Stop::Reject(reply)) => Ok(Step::Reject(reply)),
            outcome => outcome,
        }
    }

    fn check_client(&mut self) -> Outcome {
        self.begin(None);
        let subject = Subject::of(&self.facts.client.namaddr, Class::Client);
        let outcome = self.list(&self.rules.lists.client, subject, Some(Target::Client));
        self.state.after_client = self.state.defer_if_permit.clone();
        self.state.after_helo = None;
        outcome
    }

    fn check_helo(&mut self) -> Outcome {
        let Some(helo) = &self.facts.helo else { return Ok(Step::Dunno) };
        self.begin(self.state.after_client.clone());
        let outcome = self.list(&self.rules.lists.helo, Subject::of(helo, Class::Helo), Some(Target::Helo));
        self.state.after_helo = self.state.defer_if_permit.clone();
        outcome
    }

    fn check_sender(&mut self) -> Outcome {
        let Some(sender) = &self.facts.sender else { return Ok(Step::Dunno) };
        self.begin(self.carried());
        self.state.sender_checked = false;
        let mut outcome = self.list(&self.rules.lists.sender, Subject::of(sender, Class::Sender), Some(Target::Sender));
        self.state.after_sender = self.state.defer_if_permit.clone();
        let wanted = self.rules.settings.reject_unlisted_sender && !self.state.effects.discard;
        if !is_final(&outcome) && wanted && !self.state.sender_checked {
            outcome = self.check_unlisted(Target::Sender);
        }
        outcome
    }

    /// What deferred the client or its HELO.
    fn carried(&self) -> Option<Deferral> {
        self.state.after_client.clone().or_else(|| self.state.after_helo.clone())
    }

    /// The restrictions that waited: of the client, and of HELO if it was given.
    fn check_delayed(&mut self) -> Outcome {
        if !self.rules.settings.delay_reject {
            return Ok(Step::Dunno);
        }
        let outcome = self.check_client();
        if is_final(&outcome) { outcome } else { self.check_helo() }
    }

    fn check_recipient(&mut self) -> Outcome {
        let mut outcome = self.check_delayed();
        if !is_final(&outcome) && self.rules.settings.delay_reject {
            outcome = self.check_sender();
        }
        if is_final(&outcome) || self.state.effects.discard {
            return outcome;
        }
        self.begin(self.state.after_sender.clone().or_else(|| self.carried()));
        self.state.recipient_checked = false;
        let name = self.recipient.map_or(b"".as_slice(), |recipient| recipient.as_slice());
        let subject = Subject::of(name, Class::Recipient);
        let mut outcome = self.check_relay_and_recipient(subject);
        if self.state.effects.discard {
            return outcome;
        }
        if !is_final(&outcome) {
            outcome = self.enforce_deferral();
        }
        if !is_final(&outcome) && self.rules.settings.reject_unlisted_recipient && !self.state.recipient_checked {
            outcome = self.check_unlisted(Target::Recipient);
        }
        outcome
    }

    fn check_relay_and_recipient(&mut self, subject: Subject<'_>) -> Outcome {
        let (lists, settings) = (&self.rules.lists, &self.rules.settings);
        if settings.legacy.smtpd_relay_restrictions {
            let outcome = self.list(&lists.recipient, subject, Some(Target::Recipient));
            return if is_final(&outcome) { outcome } else { self.legacy_relay(subject) };
        }
        if settings.relay_before_recipient {
            let outcome = self.list(&lists.relay, subject, Some(Target::Recipient));
            return if is_final(&outcome) {
                outcome
            } else {
                self.list(&lists.recipient, subject, Some(Target::Recipient))
            };
        }
        let outcome = self.list(&lists.recipient, subject, Some(Target::Recipient));
        if !is_final(&outcome) {
            return self.list(&lists.relay, subject, Some(Target::Recipient));
        }
        if settings.legacy.smtpd_relay_before_recipient_restrictions && matches!(outcome, Ok(Step::Reject(_))) {
            log::info!(
                "using backwards-compatible default setting smtpd_relay_before_recipient_restrictions=no to reject \
                 recipient \"{}\" from client \"{}\"",
                text::show(subject.name),
                text::show(&self.facts.client.namaddr)
            );
        }
        outcome
    }

    /// Relay restrictions are empty only because an old default makes them so: tells what a newer one would reject.
    fn legacy_relay(&mut self, subject: Subject<'_>) -> Outcome {
        let outcome = self.list(&self.rules.lists.legacy_relay, subject, Some(Target::Recipient));
        if !matches!(outcome, Ok(Step::Dunno)) {
            return outcome;
        }
        log::info!(
            "using backwards-compatible default setting \"smtpd_relay_restrictions = (empty)\" to avoid \"Relay access denied\" \
             error for recipient \"{}\" from client \"{}\"",
            text::show(subject.name),
            text::show(&self.facts.client.namaddr)
        );
        Ok(Step::Dunno)
    }

    fn check_etrn(&mut self) -> Outcome {
        let outcome = self.check_delayed();
        let Some(domain) = self.facts.etrn_domain.as_ref().filter(|_| !is_final(&outcome)) else { return outcome };
        self.begin(self.carried());
        let outcome = self.list(&self.rules.lists.etrn, Subject::of(domain, Class::Etrn), Some(Target::Etrn));
        if is_final(&outcome) { outcome } else { self.enforce_deferral() }
    }

    fn check_data(&mut self) -> Outcome {
        self.begin(None);
        let outcome = self.list(&self.rules.lists.data, Subject::of(b"DATA", Class::Data), None);
        if is_final(&outcome) { outcome } else { self.enforce_deferral() }
    }

    fn check_end_of_data(&mut self) -> Outcome {
        self.begin(None);
        let subject = Subject::of(b"END-OF-MESSAGE", Class::EndOfData);
        let outcome = self.list(&self.rules.lists.end_of_data, subject, None);
        if is_final(&outcome) { outcome } else { self.enforce_deferral() }
    }

    /// Nothing has rejected the request: now it is time to defer it.
    fn enforce_deferral(&mut self) -> Outcome {
        match self.state.defer_if_permit.take().filter(|_| !self.state.effects.discard) {
            None => Ok(Step::Dunno),
            Some(Deferral { cause, code, status, text }) => {
                Err(self.stop(cause, code, status.to_str_lossy().as_ref(), text))
            }
        }
    }

    /// Looks for the sender or recipient in our tables, without a restriction that says so.
    fn check_unlisted(&mut self, target: Target) -> Outcome {
        match self.apply_rule(Rule::RejectUnlisted(target)) {
            Err(Stop::Reject(reply)) => Ok(Step::Reject(reply)),
            outcome => outcome,
        }
    }
}

/// Whether a list rejects, or ends everything.
fn is_final(outcome: &Outcome) -> bool {
    !matches!(outcome, Ok(Step::Dunno | Step::Permit))
}
