//! One request: what became of each recipient so far (smtp-client §2, §14, §15).

use bstr::BStr;
use config::Config;
use deliver::{Failure, Job, Outcome};
use ipc::Stamp;
use ipc::bounce::{Dsn, Recipient, notify};
use smtp_protocol::client::{Features, Reply, feature};

use crate::session::{Broken, Session};
use crate::site::{Services, Site};
use crate::trouble::{self, Failed, Trouble};

/// What is done with a recipient at the end of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    /// A final result was reported.
    Drop,
    /// The next server gets it.
    Keep,
}

/// A request on its way.
pub struct Delivery<'a, 'j> {
    /// The configuration.
    pub config: &'a Config,
    /// Parameters and tables.
    pub site: &'a Site,
    /// What changes.
    pub services: &'a mut Services,
    /// The request, and where results go.
    pub job: &'a mut Job<'j>,
    /// Mail must not come back to this machine.
    pub detects_loops: bool,
    /// The server has the best preference.
    pub is_best_mx: bool,
    /// No other server will be tried: what fails now has failed.
    pub is_final_server: bool,
    /// Why the last server, or lookup, was of no use.
    pub why: Option<Dsn>,
    /// Some session ended well: the destination works.
    pub has_completed: bool,
    /// The log says that lines had to be broken.
    pub has_told_of_long_lines: bool,
    /// Recipients without a final result, and what this session did to them.
    recipients: Vec<(Recipient, Option<Mark>)>,
    outcome: Outcome,
}

impl<'a, 'j> Delivery<'a, 'j> {
    /// A request that nothing was done for yet.
    pub fn new(config: &'a Config, site: &'a Site, services: &'a mut Services, job: &'a mut Job<'j>) -> Self {
        let recipients = job.request.recipients.iter().map(|recipient| (recipient.clone(), None)).collect();
        Delivery {
            config,
            site,
            services,
            job,
            detects_loops: false,
            is_best_mx: false,
            is_final_server: false,
            why: None,
            has_completed: false,
            has_told_of_long_lines: false,
            recipients,
            outcome: Outcome::Done,
        }
    }

    /// The message.
    pub fn queue_id(&self) -> &BStr {
        self.job.request.queue_id.as_ref()
    }

    /// Whether some recipients have no final result yet.
    pub fn has_recipients(&self) -> bool {
        !self.recipients.is_empty()
    }

    /// The recipients of this session, by number.
    pub fn recipients(&self) -> impl Iterator<Item = (usize, &Recipient)> {
        self.recipients.iter().map(|(recipient, _)| recipient).enumerate()
    }

    /// Whether all have been delivered or returned.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// A session begins, or ends: results are reported with it, or without.
    pub fn set_relay(&mut self, session: Option<&Session>) {
        self.job.relay = session.map_or_else(|| "none".into(), |session| session.peer.to_string());
        let reuses = session.map_or(0, |session| session.reuse_count);
        self.job.request.stats.reuse_count = i32::try_from(reuses).unwrap_or(i32::MAX);
    }

    /// Forgets recipients that have a final result; the others are for the next server.
    pub fn end_session(&mut self) {
        self.recipients.retain(|(_, mark)| *mark != Some(Mark::Drop));
        self.recipients.iter_mut().for_each(|(_, mark)| *mark = None);
    }

    /// A recipient got the message, or is good.
    pub fn deliver_recipient(&mut self, number: usize, session: &Session, reply: &Reply) {
        let Some((recipient, None)) = self.recipients.get(number) else { return };
        let mut recipient = recipient.clone();
        let has_dsn = session.features.has(feature::DSN);
        let dsn = Dsn {
            mta_type: "dns".into(),
            mta_name: session.peer.host.clone(),
            diag_type: "smtp".into(),
            diag_text: reply.one_line(),
            action: self.success_action(&session.features).into(),
            ..Dsn::new(reply.status.clone(), reply.one_line())
        };
        if has_dsn {
            // The server will tell the sender.
            recipient.notify &= !notify::SUCCESS;
        }
        let outcome = self.job.sent(&recipient, dsn);
        self.finish_recipient(number, outcome);
    }

    fn success_action(&self, features: &Features) -> &'static str {
        let is_final = self.site.mode.is_lmtp() && self.site.flags.is_final && !features.has(feature::DSN);
        if is_final { "delivered" } else { "relayed" }
    }

    /// The message is refused, for all recipients that are left.
    pub fn fail_message(&mut self, session: &mut Session, failed: impl Into<Failed>) {
        let dsn = self.note(session, failed.into());
        self.fail_rest(&dsn);
    }

    /// One recipient is refused.
    pub fn fail_recipient(&mut self, number: usize, session: &mut Session, failed: Failed) {
        let dsn = self.note(session, failed);
        if !matches!(self.recipients.get(number), Some((_, None))) {
            return;
        }
        if self.is_for_next_server(&dsn) {
            self.keep(number);
        } else {
            self.fail_one(number, dsn);
        }
    }

    /// The server is of no use, and perhaps the whole destination.
    pub fn fail_site(&mut self, session: &mut Session, trouble: Trouble) {
        session.forbid_reuse();
        let failed = match trouble {
            Trouble::Site(failed) => failed,
            Trouble::Message(failed) => return self.fail_message(session, failed),
            Trouble::Broken(broken) => {
                session.errors.data |= broken == Broken::LocalData;
                trouble::broken(session, broken, session.doing).into()
            }
        };
        let dsn = self.note(session, failed);
        self.fail_rest(&dsn);
        self.avoid_destination(&dsn);
    }

    /// No server is left: bounces or defers all that remain, for the last reason.
    pub fn give_up(&mut self, why: &Dsn) {
        self.set_relay(None);
        self.is_final_server = true;
        self.fail_rest(why);
        self.avoid_destination(why);
        self.end_session();
    }

    /// Hands all that remain to another delivery agent.
    pub fn pass_on(&mut self, destination: &[u8]) {
        let limit = self.site.settings.ipc_timeout;
        for number in 0..self.recipients.len() {
            let recipient = self.recipients[number].0.clone();
            let outcome = deliver::pass_on(self.job, destination, &recipient, limit);
            self.finish_recipient(number, outcome);
        }
        self.end_session();
    }

    /// Refuses a request that no server was looked for.
    pub fn refuse(&mut self, dsn: &Dsn) {
        self.job.relay = self.site.service.clone();
        for number in 0..self.recipients.len() {
            let recipient = self.recipients[number].0.clone();
            let outcome = self.job.fail(&recipient, Failure::Because(Box::new(dsn.clone())));
            self.finish_recipient(number, outcome);
        }
    }

    /// Remembers a reason, and what it says about the session.
    fn note(&mut self, session: &mut Session, failed: Failed) -> Dsn {
        if failed.is_protocol_error {
            session.errors.protocol = true;
            session.forbid_reuse();
        }
        self.why = Some((*failed.dsn).clone());
        *failed.dsn
    }

    fn is_soft(&self, dsn: &Dsn) -> bool {
        dsn.status.first() == Some(&b'4') || self.site.settings.soft_bounce
    }

    /// Whether another server gets a chance; then the reason is logged.
    fn is_for_next_server(&self, dsn: &Dsn) -> bool {
        let next = self.is_soft(dsn) && !self.is_final_server;
        if next {
            log::info!("{}: {}", text::show(self.queue_id()), text::show(&dsn.reason));
        }
        next
    }

    fn fail_rest(&mut self, dsn: &Dsn) {
        let is_for_next_server = self.is_for_next_server(dsn);
        let unmarked = (0..self.recipients.len()).filter(|at| self.recipients[*at].1.is_none());
        for number in unmarked.collect::<Vec<_>>() {
            match is_for_next_server {
                true => self.keep(number),
                false => self.fail_one(number, dsn.clone()),
            }
        }
    }

    fn keep(&mut self, number: usize) {
        self.recipients[number].1 = Some(Mark::Keep);
    }

    fn fail_one(&mut self, number: usize, dsn: Dsn) {
        let stats = &mut self.job.request.stats;
        if stats.connection_done.is_zero() {
            stats.connection_done = Stamp::now();
        }
        let recipient = self.recipients[number].0.clone();
        let outcome = self.job.fail(&recipient, Failure::Because(Box::new(dsn)));
        self.finish_recipient(number, outcome);
    }

    fn finish_recipient(&mut self, number: usize, outcome: Outcome) {
        let (recipient, mark) = &mut self.recipients[number];
        *mark = Some(Mark::Drop);
        let outcome = self.job.complete(recipient, outcome);
        self.outcome = self.outcome.and(outcome);
    }

    /// The queue manager leaves the destination alone for a while, unless it works in principle.
    fn avoid_destination(&mut self, dsn: &Dsn) {
        if self.outcome == Outcome::Retry && !self.has_completed && self.job.avoid.is_none() {
            self.job.avoid = Some(dsn.clone());
        }
    }
}
