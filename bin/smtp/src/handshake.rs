//! From the greeting to the server's features (smtp-client §8).

use std::time::SystemTime;

use ipc::Stamp;
use ipc::bounce::Dsn;
use smtp_protocol::client::{Discard, Features, Greeting, Pix, Remark, Reply, feature};

use crate::delivery::Delivery;
use crate::session::{Broken, Session};
use crate::settings::discard;
use crate::transfer::lacks_utf8;
use crate::trouble::{self, Trouble};

/// Brings a new connection to the point where mail can be sent.
///
/// # Errors
/// Why the server is of no use for this mail.
pub fn handshake(delivery: &Delivery<'_, '_>, session: &mut Session) -> Result<(), Trouble> {
    let site = delivery.site;
    session.begin("receiving the initial server greeting", site.settings.timeouts.helo);
    let reply = session.reply(site, delivery.queue_id())?;
    if !reply.is_positive() {
        return Err(refused_greeting(delivery, session, reply));
    }
    let greeting = Greeting::read(&reply, &site.settings.myhostname);
    let pix = if greeting.masked { workarounds(delivery, session)? } else { Pix::default() };
    let mut bits = if pix.disable_esmtp { feature::PIX_NO_ESMTP } else { 0 };
    bits |= if pix.delay_dotcrlf { feature::PIX_DELAY_DOTCRLF } else { 0 };
    if greeting.my_name && delivery.detects_loops {
        let name = text::show(&site.settings.myhostname);
        log::warn!("host {} greeted me with my own hostname {name}", session.peer);
    }
    let wants_esmtp = greeting.esmtp || site.settings.always_send_ehlo;
    let no_esmtp = site.settings.never_send_ehlo || pix.disable_esmtp;
    introduce(delivery, session, wants_esmtp && (!no_esmtp || site.mode.is_lmtp()))?;
    session.features.bits |= bits;
    if let Some(dsn) = lacks_utf8(delivery, session) {
        return Err(Trouble::Message(dsn.into()));
    }
    check_security(delivery, session)?;
    let pipelining = session.features.has(feature::PIPELINING);
    session.set_pipelining(pipelining);
    Ok(())
}

fn refused_greeting(delivery: &Delivery<'_, '_>, session: &Session, mut reply: Reply) -> Trouble {
    if reply.class() == 5 && delivery.site.settings.skip_5xx_greeting {
        reply.code -= 100;
        reply.status[0] = b'4';
    }
    refused(session, &reply)
}

fn refused(session: &Session, reply: &Reply) -> Trouble {
    let text = format!("host {} refused to talk to me: {}", session.peer.name_address(), text::show(&reply.one_line()));
    Trouble::site(trouble::from_reply(session, reply, text))
}

/// Says EHLO, or HELO, or LHLO.
fn introduce(delivery: &Delivery<'_, '_>, session: &mut Session, esmtp: bool) -> Result<(), Trouble> {
    let site = delivery.site;
    let command = |verb: &[u8]| [verb, b" ", &site.settings.helo_name].concat();
    if site.mode.is_lmtp() || esmtp {
        let (verb, doing): (&[u8], _) = match site.mode.is_lmtp() {
            true => (b"LHLO", "performing the LHLO handshake"),
            false => (b"EHLO", "performing the EHLO handshake"),
        };
        session.begin(doing, site.settings.timeouts.helo);
        let reply = session.ask(site, delivery.queue_id(), &command(verb))?;
        if reply.is_positive() {
            return take_features(delivery, session, &reply);
        }
        if site.mode.is_lmtp() || reply.code == 421 {
            return Err(refused(session, &reply));
        }
    }
    session.begin("performing the HELO handshake", site.settings.timeouts.helo);
    let reply = session.ask(site, delivery.queue_id(), &command(b"HELO"))?;
    if reply.is_positive() { Ok(()) } else { Err(refused(session, &reply)) }
}

fn take_features(delivery: &Delivery<'_, '_>, session: &mut Session, reply: &Reply) -> Result<(), Trouble> {
    let site = delivery.site;
    let discard = discarded(delivery, session)?;
    if let Some(words) = discard.to_log() {
        log::info!("discarding EHLO keywords: {words}");
    }
    let (features, remarks) = Features::read(reply, discard);
    for Remark::BadSize(word) in remarks {
        log::warn!("bad EHLO SIZE limit \"{}\" from {}", text::show(&word), session.peer);
    }
    session.features = features;
    if delivery.detects_loops && session.features.name.eq_ignore_ascii_case(&site.settings.myhostname) {
        let name = text::show(&site.settings.myhostname);
        log::warn!("host {} replied to HELO/EHLO with my own hostname {name}", session.peer);
        let status = if delivery.is_best_mx { "5.4.6" } else { "4.4.6" };
        let nexthop = text::show(&delivery.job.request.nexthop);
        return Err(Trouble::site(Dsn::new(status, format!("mail for {nexthop} loops back to myself"))));
    }
    if session.features.has(feature::SMTPUTF8) && !session.features.has(feature::EIGHT_BIT_MIME) {
        log::info!("host {} offers SMTPUTF8 support, but not 8BITMIME", session.peer.name_address());
        session.features.bits |= feature::EIGHT_BIT_MIME;
    }
    Ok(())
}

/// The keywords to overlook for this server.
fn discarded(delivery: &Delivery<'_, '_>, session: &Session) -> Result<Discard, Broken> {
    let site = delivery.site;
    if site.discard_maps.is_empty() {
        return Ok(site.settings.discard);
    }
    match site.discard_maps.find(&session.peer.address) {
        Ok(Some(words)) => Ok(discard(&words)),
        Ok(None) => Ok(site.settings.discard),
        Err(_) => {
            let (id, address) = (text::show(delivery.queue_id()), text::show(&session.peer.address));
            log::warn!("{id}: {} map lookup error for {address}", site.discard_maps.title());
            Err(Broken::LocalData)
        }
    }
}

/// The work-arounds for a server behind a firewall that has painted over its greeting.
fn workarounds(delivery: &Delivery<'_, '_>, session: &Session) -> Result<Pix, Broken> {
    let site = delivery.site;
    let id = text::show(delivery.queue_id());
    let mut pix = match site.pix_maps.find(&session.peer.address) {
        Ok(Some(words)) => Pix::parse(&words),
        Ok(None) => site.settings.pix,
        Err(_) => {
            let address = text::show(&session.peer.address);
            log::warn!("{id}: {} map lookup error for {address}", site.pix_maps.title());
            return Err(Broken::LocalData);
        }
    };
    // Fresh mail takes the risk: most such firewalls do no harm.
    let age = Stamp::from(SystemTime::now()).since(delivery.job.request.stats.incoming_arrival);
    if age <= site.settings.pix_threshold {
        pix.delay_dotcrlf = false;
    }
    if pix.any() {
        log::info!("{id}: enabling PIX workarounds: {pix} for {}", session.peer);
    }
    Ok(pix)
}

/// TLS or a password that this mail needs and this program cannot give: then it must not go there.
fn check_security(delivery: &Delivery<'_, '_>, session: &mut Session) -> Result<(), Trouble> {
    let (site, name) = (delivery.site, session.peer.name_address());
    if let Some(dsn) = site.security.objection(session.peer.level, &session.features, &name) {
        return Err(Trouble::site(dsn));
    }
    if !session.features.has(feature::AUTH) || !site.security.uses_sasl() {
        session.features.bits &= !feature::AUTH;
        return Ok(());
    }
    let (sender, host, dest) = (&delivery.job.request.sender, &session.peer.host, &session.peer.dest);
    match site.security.has_password(site, sender, host, dest) {
        Ok(false) => {
            session.features.bits &= !feature::AUTH;
            Ok(())
        }
        Ok(true) => {
            let reason =
                format!("SASL authentication failed; cannot authenticate to server {name}: no mechanism available");
            Err(Trouble::site(Dsn::new("4.7.0", reason)))
        }
        Err(_) => {
            log::warn!("{}: smtp_sasl_password_maps lookup error", text::show(delivery.queue_id()));
            Err(Broken::LocalData.into())
        }
    }
}
