//! One message over one connection (smtp-client §12).

use std::time::Duration;

use bstr::BString;
use ipc::Stamp;
use ipc::bounce::Dsn;
use ipc::delivery::{flag, utf8};
use smtp_protocol::client::{Event, Goal, Moment, Reply, Stage, Step, Transaction, feature};

use crate::content::{self, ContentError};
use crate::delivery::Delivery;
use crate::envelope;
use crate::session::{Broken, Session};
use crate::settings::Timeouts;
use crate::site::Site;
use crate::trouble::{self, Trouble};

/// Gives the message to the server. True: the conversation ended as it should, whatever became of the message.
pub fn transfer(delivery: &mut Delivery<'_, '_>, session: &mut Session) -> bool {
    if let Some(refusal) = unfit(delivery, session) {
        delivery.fail_message(session, refusal);
        return true;
    }
    let converts = content::needs_downgrade(delivery, session);
    delivery.job.request.stats.connection_done = Stamp::now();
    let commands = envelope::commands(delivery, &session.features, converts);
    let settings = &delivery.site.settings;
    let (lmtp, pipelining) = (delivery.site.mode.is_lmtp(), session.features.has(feature::PIPELINING));
    let goal = goal(delivery);
    let transaction = Transaction::new(goal, lmtp, pipelining, settings.skip_quit_response, commands);
    let mut exchange = Exchange { transaction, delivery, session, converts, goal };
    let Err(end) = exchange.run() else { return true };
    let is_under_way = exchange.transaction.is_under_way();
    session.forbid_reuse();
    let End::Broken(broken) = end else {
        session.is_dead = true;
        return true;
    };
    session.is_dead |= broken != Broken::LocalData;
    if is_under_way {
        delivery.fail_site(session, Trouble::Broken(broken));
    }
    !is_under_way
}

/// Why a transaction ended early.
enum End {
    /// The conversation broke, which nobody was told yet.
    Broken(Broken),
    /// The recipients know why, and the connection is of no more use.
    Told,
}

impl From<Broken> for End {
    fn from(broken: Broken) -> Self {
        End::Broken(broken)
    }
}

/// Why this server cannot have the message at all.
fn unfit(delivery: &Delivery<'_, '_>, session: &Session) -> Option<Dsn> {
    let (size, limit) = (delivery.job.request.data_size, session.features.size_limit);
    let too_large = || {
        let name = session.peer.name_address();
        Dsn::new("5.3.4", format!("message size {size} exceeds size limit {limit} of server {name}"))
    };
    (limit > 0 && size > limit).then(too_large).or_else(|| lacks_utf8(delivery, session))
}

/// Why this server cannot have a message with UTF-8 in its addresses or headers.
pub fn lacks_utf8(delivery: &Delivery<'_, '_>, session: &Session) -> Option<Dsn> {
    let bits = delivery.job.request.smtputf8;
    let needs_utf8 = bits & utf8::REQUESTED != 0 && bits & utf8::FOUND != 0;
    (needs_utf8 && !session.features.has(feature::SMTPUTF8)).then(|| {
        let name = session.peer.name_address();
        Dsn::new("5.6.7", format!("SMTPUTF8 is required, but was not offered by host {name}"))
    })
}

fn goal(delivery: &Delivery<'_, '_>) -> Goal {
    let is_probe = delivery.job.request.flags & (flag::MTA_VERIFY | flag::USER_VERIFY) != 0;
    match (is_probe, delivery.site.settings.probe_data) {
        (false, _) => Goal::Deliver,
        (true, false) => Goal::ProbeRecipients,
        (true, true) => Goal::ProbeData,
    }
}

/// A transaction with its connection.
struct Exchange<'x, 'a, 'j> {
    transaction: Transaction,
    delivery: &'x mut Delivery<'a, 'j>,
    session: &'x mut Session,
    converts: bool,
    goal: Goal,
}

impl Exchange<'_, '_, '_> {
    fn run(&mut self) -> Result<(), End> {
        let site = self.delivery.site;
        let id = self.delivery.queue_id().to_owned();
        loop {
            self.respect_reuse_limit();
            let moment = Moment {
                pending: self.session.pending(),
                idle: self.session.idle(),
                keep_open: self.session.is_cacheable(),
            };
            match self.transaction.step(moment) {
                Step::Send(stage, text) => {
                    self.session.limit(limit(&site.settings.timeouts, stage));
                    self.session.send(&text).inspect_err(|_| self.note_stage(stage))?;
                }
                Step::SendContent => self.content(site, &id)?,
                Step::SendDot => self.session.send(b".")?,
                Step::Receive(stage) => {
                    self.session.begin(stage.doing(), limit(&site.settings.timeouts, stage));
                    let reply = self.session.reply(site, &id)?;
                    self.take(stage, &reply);
                }
                Step::Done => {
                    // A probe of DATA ends in the middle: nothing more can be said on this connection.
                    self.session.is_dead |= self.transaction.is_left_open();
                    return Ok(self.session.flush()?);
                }
            }
        }
    }

    /// What could not be sent is told by what was awaited first.
    fn note_stage(&mut self, stage: Stage) {
        let awaited = self.transaction.awaited().unwrap_or(stage);
        self.session.doing = awaited.doing();
    }

    fn respect_reuse_limit(&mut self) {
        let limit = self.delivery.site.settings.reuse_count_limit;
        if limit > 0 && self.session.reuse_count >= limit {
            self.session.forbid_reuse();
        }
    }

    fn content(&mut self, site: &Site, id: &BString) -> Result<(), End> {
        self.session.begin("sending message body", site.settings.timeouts.data_xfer);
        self.session.limit_content(site.settings.timeouts.data_xfer);
        match content::send(self.delivery, self.session, self.converts) {
            Ok(()) => Ok(()),
            Err(ContentError::Broken(Broken::Lost)) => self.early_reply(site, id),
            Err(ContentError::Broken(broken)) => Err(broken.into()),
            Err(ContentError::Unfit(dsn)) => {
                self.delivery.fail_message(self.session, *dsn);
                Err(End::Told)
            }
            Err(ContentError::Unreadable) => {
                self.delivery.fail_message(self.session, Dsn::new("5.3.0", "unreadable mail queue entry"));
                if self.delivery.outcome() == deliver::Outcome::Done {
                    self.delivery.job.mark_corrupt();
                }
                Err(End::Told)
            }
        }
    }

    /// The server has closed in the middle of the content. It may have said why.
    fn early_reply(&mut self, site: &Site, id: &BString) -> Result<(), End> {
        match self.session.last_words(site, id) {
            Some(reply) if matches!(reply.class(), 4 | 5) => {
                self.transaction.expect_early_reply();
                self.take(Stage::Dot(None), &reply);
                Err(End::Told)
            }
            _ => {
                self.session.doing = "sending message body";
                Err(Broken::Lost.into())
            }
        }
    }

    fn take(&mut self, stage: Stage, reply: &Reply) {
        for event in self.transaction.take(reply) {
            match event {
                Event::Nothing | Event::RecipientAccepted(_) => {}
                Event::Overlooked => {
                    let (peer, text) = (&self.session.peer, reply.one_line());
                    log::warn!("host {peer} said: {} (in reply to {})", text::show(&text), stage.request());
                }
                Event::Refused => {
                    let failed = trouble::said(self.session, reply, stage.request());
                    self.delivery.fail_message(self.session, failed);
                }
                Event::RecipientRefused(number) => {
                    let failed = trouble::said(self.session, reply, stage.request());
                    self.delivery.fail_recipient(number, self.session, failed);
                }
                Event::Delivered(number) => {
                    let mut reply = reply.clone();
                    if self.goal == Goal::ProbeData {
                        reply.status = "2.0.0".into();
                    }
                    self.delivery.deliver_recipient(number, self.session, &reply);
                }
                Event::ResetRefused => {
                    self.session.features.bits |= feature::RSET_REJECTED;
                }
            }
        }
    }
}

fn limit(timeouts: &Timeouts, stage: Stage) -> Duration {
    match stage {
        Stage::ForwardName | Stage::ForwardProtocol => timeouts.xforward,
        Stage::Mail => timeouts.mail,
        Stage::Recipient(_) => timeouts.rcpt,
        Stage::Data => timeouts.data_init,
        Stage::Dot(_) | Stage::EmptyDot => timeouts.data_done,
        Stage::Reset => timeouts.rset,
        Stage::Quit => timeouts.quit,
    }
}
