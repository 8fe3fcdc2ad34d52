//! One request: which servers are tried, in which order (smtp-client §3, §5).

use std::net::IpAddr;
use std::time::Instant;

use bstr::{BString, ByteSlice};
use deliver::{DeliveredTo, Job, Outcome};
use ipc::bounce::Dsn;
use logging::fatal;
use server::Context;

use crate::addresses::{Found, Lookup, Target};
use crate::cache::Keeping;
use crate::connect;
use crate::delivery::Delivery;
use crate::destination::{Destination, Hop};
use crate::handshake::handshake;
use crate::mapping;
use crate::notice;
use crate::security::Level;
use crate::session::{Peer, Session};
use crate::settings::DnsSupport;
use crate::site::{Services, Site, show_address};
use crate::transfer::transfer;

/// Delivers a message to all recipients of a request.
pub fn deliver(site: &Site, services: &mut Services, job: &mut Job<'_>, context: &Context) -> Outcome {
    let nexthop = job.request.nexthop.clone();
    let _verbosity = site.listen_closely(&nexthop, b"noaddr");
    let mut delivery = Delivery::new(&context.config, site, services, job);
    if let Some(refusal) = unfit(&mut delivery) {
        delivery.refuse(&refusal);
        return delivery.outcome();
    }
    match Destination::parse(site.mode, &nexthop, &site.settings.fallback_relay) {
        Destination::Unix(path) => unix(&mut delivery, &path),
        Destination::Network(elements, own) => Walk { delivery: &mut delivery, elements, own }.run(),
    }
    delivery.outcome()
}

/// Why a request cannot be delivered as `flags=` demands.
fn unfit(delivery: &mut Delivery<'_, '_>) -> Option<Dsn> {
    let flags = delivery.site.flags;
    for (set, letter) in [(flags.delivered_to, 'D'), (flags.original_to, 'O')] {
        if set && delivery.recipients().count() > 1 {
            let service = &delivery.site.service;
            log::warn!("flag `{letter}' requires {service}_destination_recipient_limit = 1");
            return Some(Dsn::new("4.3.5", "mail system configuration error"));
        }
    }
    if flags.delivered_to {
        let (_, recipient) = delivery.recipients().next()?;
        let address = recipient.address.clone();
        let mapped = mapping::map_generic(delivery.site, delivery.services, &address);
        if DeliveredTo::of(delivery.job).contains(&mapped) {
            return Some(Dsn::new("5.4.6", format!("mail forwarding loop for {}", text::show(&address))));
        }
    }
    None
}

/// Delivers to a server on this machine. There is no other one.
fn unix(delivery: &mut Delivery<'_, '_>, path: &BString) {
    let site = delivery.site;
    let host = site.settings.myhostname.clone();
    let level = match site.security.level(path, &host) {
        Ok(Level::May) => {
            log::warn!(
                "smtp_connect_local: opportunistic TLS encryption is not appropriate for unix-domain destinations."
            );
            Level::None
        }
        Ok(level) => level,
        Err(why) => {
            log::warn!("TLS policy lookup error for {}/{}: {}", text::show(&host), text::show(path), why.reason);
            return delivery.give_up(&why);
        }
    };
    let peer = Peer { dest: path.clone(), host, address: path.clone(), port: None, level };
    delivery.is_best_mx = true;
    delivery.is_final_server = true;
    let mut keeping = Keeping::new(delivery, path);
    if keeping.load {
        let found = keeping.find_destination(delivery, path).or_else(|| keeping.find_endpoint(delivery, &peer));
        if let Some(session) = found {
            use_session(delivery, &mut keeping, session);
        }
    }
    if !delivery.has_recipients() {
        return;
    }
    let start = Instant::now();
    match connect::unix(site, &peer) {
        Ok(socket) => {
            let mut session = Session::new(site, peer, socket, keeping.expiry(site, start));
            delivery.set_relay(Some(&session));
            match handshake(delivery, &mut session) {
                Ok(()) => use_session(delivery, &mut keeping, session),
                Err(trouble) => {
                    delivery.fail_site(&mut session, trouble);
                    end_badly(delivery, &mut keeping, session);
                }
            }
        }
        Err(why) => delivery.why = Some(*why),
    }
    if delivery.has_recipients() {
        let why = reason(delivery);
        delivery.give_up(&why);
    }
}

fn reason(delivery: &Delivery<'_, '_>) -> Dsn {
    let default = || Dsn::new("4.3.0", "server unavailable or unable to receive mail");
    delivery.why.clone().unwrap_or_else(default)
}

/// Gives the message to a server that is ready for it, and keeps or closes the connection.
fn use_session(delivery: &mut Delivery<'_, '_>, keeping: &mut Keeping, mut session: Session) {
    delivery.set_relay(Some(&session));
    let ended_well = transfer(delivery, &mut session);
    notice::send(delivery, &session);
    delivery.end_session();
    delivery.set_relay(None);
    if ended_well {
        delivery.has_completed = true;
    }
    keeping.keep_or_close(delivery, session, ended_well);
}

/// Closes a connection on which no mail was sent.
fn end_badly(delivery: &mut Delivery<'_, '_>, keeping: &mut Keeping, mut session: Session) {
    let id = delivery.queue_id().to_owned();
    if !session.quit(delivery.site, &id) {
        keeping.forget_nexthop();
    }
    notice::send(delivery, &session);
    delivery.end_session();
    delivery.set_relay(None);
}

/// The walk over a list of next hops.
struct Walk<'w, 'a, 'j> {
    delivery: &'w mut Delivery<'a, 'j>,
    elements: Vec<BString>,
    /// How many of the elements are the request's; fallback relays follow.
    own: usize,
}

/// The walk over the addresses of one next hop.
struct Stage {
    hop: Hop,
    port: u16,
    best: u16,
    is_final_hop: bool,
    addresses: usize,
    sessions: usize,
}

impl Walk<'_, '_, '_> {
    fn run(mut self) {
        let mut keeping = Keeping::none();
        let mut last = 0;
        for at in 0..self.elements.len() {
            if !self.delivery.has_recipients() {
                return;
            }
            last = at;
            if self.try_hop(at, &mut keeping) {
                break;
            }
        }
        if self.delivery.has_recipients() {
            self.give_up(last);
        }
    }

    /// Tries the servers of one next hop. True: no other next hop makes sense.
    fn try_hop(&mut self, at: usize, keeping: &mut Keeping) -> bool {
        let site = self.delivery.site;
        let element = self.elements[at].clone();
        let hop = Hop::parse(&element, &site.settings.default_port)
            .unwrap_or_else(|error| fatal!("{error} in server description: {}", text::show(&element)));
        let port = hop.port(self.delivery.config);
        self.delivery.detects_loops = !site.mode.is_lmtp() && port == 25;
        let mut found = self.lookup(&hop);
        // Where all addresses turn out to have been used before, an earlier reason still stands.
        self.delivery.why = found.why.take();
        let is_final_hop = found.is_last_hop || at + 1 == self.elements.len();
        let best = found.targets.first().map_or(0, |target| target.preference);
        let mut stage = Stage { hop, port, best, is_final_hop, addresses: 0, sessions: 0 };
        if at == 0 && !found.targets.is_empty() {
            *keeping = Keeping::new(self.delivery, &stage.hop.host);
        }
        if keeping.load {
            self.try_kept(&mut stage, keeping, &mut found.targets);
        }
        self.try_targets(&mut stage, keeping, found.targets);
        is_final_hop
    }

    fn lookup(&self, hop: &Hop) -> Found {
        let site = self.delivery.site;
        let protocols = self.delivery.config.protocols();
        if !protocols.any() {
            let why = Dsn::new("4.4.4", "all network protocols are disabled");
            return Found { why: Some(why), ..Found::default() };
        }
        let detects_loops = self.delivery.detects_loops;
        let is_own = |address: IpAddr| detects_loops && site.is_own(address);
        let lookup = Lookup { settings: &site.settings, protocols, resolver: &site.resolver, is_own: &is_own };
        let dns = !hop.is_literal && site.settings.dns_support != DnsSupport::Disabled;
        let is_meant = |service: &BString| service.eq_ignore_ascii_case(&hop.service);
        if dns
            && site.settings.srv_services.iter().any(is_meant)
            && let Some(found) = lookup.service(&hop.service, &hop.host)
        {
            return found;
        }
        let no_mx = hop.is_literal || site.mode.is_lmtp() || site.settings.dns_support == DnsSupport::Disabled;
        if no_mx { lookup.host(&hop.host) } else { lookup.domain(&hop.host) }
    }

    fn peer(&self, stage: &Stage, target: &Target, level: Level) -> Peer {
        Peer {
            dest: stage.hop.written.clone(),
            host: target.host.clone(),
            address: show_address(target.address),
            port: Some(target.port.unwrap_or(stage.port)),
            level,
        }
    }

    /// Uses connections that were kept: one for the next hop, then those of its best servers.
    fn try_kept(&mut self, stage: &mut Stage, keeping: &mut Keeping, targets: &mut Vec<Target>) {
        targets.retain(|target| !keeping.was_used(target.address));
        if self.delivery.has_recipients()
            && !targets.is_empty()
            && let Some(session) = keeping.find_destination(self.delivery, &stage.hop.written)
        {
            let used: Option<IpAddr> = session.peer.address.to_str().ok().and_then(|text| text.parse().ok());
            targets.retain(|target| Some(target.address) != used);
            self.use_kept(stage, keeping, session, targets.is_empty());
        }
        let mut at = 0;
        while self.delivery.has_recipients() && at < targets.len() && targets[at].preference == stage.best {
            let Some(session) = self.kept(stage, keeping, &targets[at]) else {
                at += 1;
                continue;
            };
            targets.remove(at);
            self.use_kept(stage, keeping, session, targets.is_empty());
        }
        let settings = &self.delivery.site.settings;
        let is_reached = |count: usize, limit: usize| limit > 0 && count >= limit;
        if is_reached(stage.sessions, settings.mx_session_limit)
            || is_reached(stage.addresses, settings.mx_address_limit)
        {
            targets.clear();
        }
    }

    /// A kept connection to one address.
    fn kept(&mut self, stage: &Stage, keeping: &mut Keeping, target: &Target) -> Option<Session> {
        match self.delivery.site.security.level(&stage.hop.written, &target.host) {
            Ok(level) => keeping.find_endpoint(self.delivery, &self.peer(stage, target, level)),
            Err(why) => {
                let (dest, host) = (text::show(&stage.hop.written), text::show(&target.host));
                log::warn!("TLS policy lookup error for {dest}/{host}: {}", text::show(&why.reason));
                None
            }
        }
    }

    fn use_kept(&mut self, stage: &mut Stage, keeping: &mut Keeping, session: Session, is_last: bool) {
        stage.sessions += 1;
        stage.addresses += 1;
        let settings = &self.delivery.site.settings;
        let is_limit = settings.mx_session_limit == stage.sessions || settings.mx_address_limit == stage.addresses;
        self.delivery.is_best_mx = true;
        self.delivery.is_final_server = stage.is_final_hop && (is_last || is_limit);
        use_session(self.delivery, keeping, session);
    }

    fn try_targets(&mut self, stage: &mut Stage, keeping: &mut Keeping, targets: Vec<Target>) {
        let mut left = targets.into_iter().peekable();
        while self.delivery.has_recipients()
            && let Some(target) = left.next()
        {
            stage.addresses += 1;
            let mut is_last = left.peek().is_none() || self.delivery.site.settings.mx_address_limit == stage.addresses;
            self.try_target(stage, keeping, &target, &mut is_last);
            if is_last {
                return;
            }
        }
    }

    /// Tries one address. `is_last` becomes true when the limit of sessions is reached.
    fn try_target(&mut self, stage: &mut Stage, keeping: &mut Keeping, target: &Target, is_last: &mut bool) {
        let site = self.delivery.site;
        let level = match site.security.level(&stage.hop.written, &target.host) {
            Ok(level) => level,
            Err(why) => {
                let (dest, host) = (text::show(&stage.hop.written), text::show(&target.host));
                log::warn!("TLS policy lookup for {dest}/{host}: {}", text::show(&why.reason));
                self.delivery.why = Some(*why);
                return;
            }
        };
        if site.security.needs_wrapper() {
            self.delivery.why = Some(self.no_wrapper(level));
            return;
        }
        let peer = self.peer(stage, target, level);
        let kept = match keeping.load && target.preference != stage.best {
            true => keeping.find_endpoint(self.delivery, &peer),
            false => None,
        };
        self.delivery.is_best_mx = target.preference == stage.best;
        self.delivery.is_final_server = stage.is_final_hop && *is_last;
        let session = match kept {
            Some(session) => Some(session),
            None => self.new_session(stage, keeping, peer, target.address),
        };
        let Some(session) = session else { return };
        stage.sessions += 1;
        *is_last |= site.settings.mx_session_limit == stage.sessions;
        self.delivery.is_final_server = stage.is_final_hop && *is_last;
        use_session(self.delivery, keeping, session);
    }

    fn no_wrapper(&self, level: Level) -> Dsn {
        if level < Level::Encrypt {
            let name = self.delivery.site.mode.pick("smtp_tls", "lmtp_tls");
            log::warn!("{name}_wrappermode requires \"{name}_security_level = encrypt\" (or stronger)");
        }
        Dsn::new("4.7.5", "TLS is required, but our TLS engine is unavailable")
    }

    /// Connects, and shakes hands.
    fn new_session(&mut self, stage: &Stage, keeping: &mut Keeping, peer: Peer, address: IpAddr) -> Option<Session> {
        let site = self.delivery.site;
        let start = Instant::now();
        let socket = match connect::tcp(site, &peer, address, peer.port.unwrap_or(stage.port)) {
            Ok(socket) => socket,
            Err(why) => {
                self.delivery.why = Some(*why);
                return None;
            }
        };
        let mut session = Session::new(site, peer, socket, keeping.expiry(site, start));
        self.delivery.set_relay(Some(&session));
        match handshake(self.delivery, &mut session) {
            Ok(()) => Some(session),
            Err(trouble) => {
                self.delivery.fail_site(&mut session, trouble);
                end_badly(self.delivery, keeping, session);
                None
            }
        }
    }

    /// No server took the message: what the reason means depends on where it was found.
    fn give_up(&mut self, last: usize) {
        let settings = &self.delivery.site.settings;
        let is_smtp = !self.delivery.site.mode.is_lmtp();
        let mut why = reason(self.delivery);
        if why.status.first() == Some(&b'5') {
            if last >= self.own {
                log::warn!("smtp_fallback_relay configuration problem");
                why.status = "4.3.5".into();
            } else if is_smtp && self.elements[0] == settings.relayhost {
                log::warn!("relayhost configuration problem");
                why.status = "4.3.5".into();
            } else if is_smtp && why.status.ends_with(b".4.6") && !settings.best_mx_transport.is_empty() {
                let transport = settings.best_mx_transport.clone();
                return self.delivery.pass_on(&transport);
            }
        }
        self.delivery.give_up(&why);
    }
}
