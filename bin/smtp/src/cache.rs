//! Connections that are kept for the next message (smtp-client §18).

use std::collections::HashSet;
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bstr::{BString, ByteSlice};
use config::{Config, params};
use ipc::delivery::flag;
use ipc::scache::{DestinationReply, EndpointReply, Ready, Request, status};
use ipc::{Status, Stream, protocol};
use smtp_protocol::client::feature;

use crate::delivery::Delivery;
use crate::security::Level;
use crate::session::{Peer, Session};
use crate::site::Site;

/// How often an operation is tried, and the pause in between.
const ATTEMPTS: u32 = 2;
const PAUSE: Duration = Duration::from_secs(1);

/// The connection cache service.
pub struct Cache {
    service: String,
    limit: Duration,
    stream: Option<Stream>,
    /// It did not answer: not asked again by this process.
    is_disabled: bool,
}

impl Cache {
    /// A client of the service, if the parameters ask for connections to be kept at all.
    pub fn open(site: &Site, config: &Config) -> Option<Self> {
        let is_used = site.settings.cache_on_demand || !site.cache_destinations.is_empty();
        is_used.then(|| Cache {
            service: config.get(params::CONNECTION_CACHE_SERVICE_NAME).to_str_lossy().into_owned(),
            limit: config.get(params::CONNECTION_CACHE_PROTOCOL_TIMEOUT),
            stream: None,
            is_disabled: false,
        })
    }

    /// Does something with the service; `None` when it cannot be reached.
    fn ask<T>(&mut self, mut work: impl FnMut(&mut Stream) -> Result<T, io::Error>) -> Option<T> {
        for attempt in 0..ATTEMPTS {
            if self.is_disabled {
                return None;
            }
            match self.connected().and_then(&mut work) {
                Ok(result) => return Some(result),
                Err(error) => {
                    self.stream = None;
                    let is_usual = matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::NotFound);
                    if attempt > 0 || !is_usual {
                        log::warn!("problem talking to service private/{}: {}", self.service, sys::reason(&error));
                    }
                    if attempt + 1 < ATTEMPTS {
                        std::thread::sleep(PAUSE);
                    }
                }
            }
        }
        log::warn!("disabling connection caching");
        self.is_disabled = true;
        None
    }

    fn connected(&mut self) -> io::Result<&mut Stream> {
        if self.stream.is_none() {
            let mut stream = ipc::connect("private", &self.service, self.limit)?;
            stream.expect_protocol(protocol::SCACHE).map_err(broken)?;
            self.stream = Some(stream);
        }
        self.stream.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    fn save_endpoint(&mut self, ttl: i32, label: &BString, property: &BString, socket: &OwnedFd) {
        let request = Request::SaveEndpoint { ttl, label: label.clone(), property: property.clone() };
        self.ask(|stream| {
            stream.send(&request)?;
            stream.receive::<Ready>().map_err(broken)?;
            sys::socket::send_descriptor(&*stream, socket)?;
            stream.receive::<Status>().map_err(broken)
        });
    }

    fn save_destination(&mut self, ttl: i32, label: &BString, property: &BString, endpoint: &BString) {
        let request = Request::SaveDestination {
            ttl,
            label: label.clone(),
            property: property.clone(),
            endpoint: endpoint.clone(),
        };
        self.ask(|stream| {
            stream.send(&request)?;
            stream.receive::<Status>().map_err(broken)
        });
    }

    fn find_endpoint(&mut self, label: &BString) -> Option<(BString, OwnedFd)> {
        let request = Request::FindEndpoint { label: label.clone() };
        self.ask(|stream| {
            stream.send(&request)?;
            let reply: EndpointReply = stream.receive().map_err(broken)?;
            if reply.status != status::OK {
                return Ok(None);
            }
            Ok(Some((reply.property, receive(stream)?)))
        })?
    }

    fn find_destination(&mut self, label: &BString) -> Option<(BString, BString, OwnedFd)> {
        let request = Request::FindDestination { label: label.clone() };
        self.ask(|stream| {
            stream.send(&request)?;
            let reply: DestinationReply = stream.receive().map_err(broken)?;
            if reply.status != status::OK {
                return Ok(None);
            }
            Ok(Some((reply.destination, reply.endpoint, receive(stream)?)))
        })?
    }
}

fn broken(error: ipc::Error) -> io::Error {
    log::debug!("{error}");
    io::ErrorKind::BrokenPipe.into()
}

fn receive(stream: &mut Stream) -> io::Result<OwnedFd> {
    stream.send(&Ready)?;
    if !stream.wait(Some(Duration::from_secs(100)))? {
        return Err(io::ErrorKind::TimedOut.into());
    }
    let descriptor = sys::socket::receive_descriptor(&*stream)?;
    stream.send(&Ready)?;
    Ok(descriptor)
}

/// What a request does with connections: looks for kept ones, keeps its own.
#[derive(Debug, Default)]
pub struct Keeping {
    /// Kept connections are looked for.
    pub load: bool,
    store: bool,
    /// The next hop that the first good connection is saved under.
    nexthop: Option<BString>,
    used: HashSet<IpAddr>,
}

impl Keeping {
    /// Nothing is kept.
    pub fn none() -> Self {
        Self::default()
    }

    /// For a request whose first next hop is this host, without brackets and port.
    pub fn new(delivery: &Delivery<'_, '_>, host: &BString) -> Self {
        let site = delivery.site;
        let flags = delivery.job.request.flags;
        let (load, store) = match site.cache_destinations.matches(host) {
            _ if delivery.services.cache.is_none() => (false, false),
            Ok(true) => (true, true),
            _ if site.settings.cache_on_demand => (flags & flag::CACHE_LOAD != 0, flags & flag::CACHE_STORE != 0),
            _ => (false, false),
        };
        let nexthop = (load || store).then(|| delivery.job.request.nexthop.clone());
        Keeping { load, store, nexthop, used: HashSet::new() }
    }

    /// Until when a connection that is made now may be used.
    pub fn expiry(&self, site: &Site, start: Instant) -> Option<Instant> {
        self.store.then(|| start + site.settings.reuse_time_limit)
    }

    /// Whether a kept connection to this address has been used for this request.
    pub fn was_used(&self, address: IpAddr) -> bool {
        self.used.contains(&address)
    }

    /// A kept connection for the request's next hop; once for each request.
    pub fn find_destination(&mut self, delivery: &mut Delivery<'_, '_>, dest: &[u8]) -> Option<Session> {
        let label = destination_key(delivery, self.nexthop.as_ref()?);
        let cache = delivery.services.cache.as_mut()?;
        let (destination, endpoint, socket) = cache.find_destination(&label)?;
        let attributes = Attributes::read(&destination);
        let peer = attributes.text("host_name").zip(attributes.text("host_addr")).map(|(host, address)| Peer {
            dest: dest.into(),
            host,
            address,
            port: None,
            level: Level::None,
        });
        let features = attributes.number("destination_features");
        let (Some(mut peer), Some(features)) = (peer, features) else {
            log::warn!("smtp_session_passivate: bad cached dest properties");
            log::warn!("smtp_reuse_common: bad cached session attribute for {}", text::show(&label));
            return None;
        };
        if !peer.address.contains(&b'/') {
            peer.port = port_of(&socket);
        }
        self.wake(delivery, &label, peer, &endpoint, socket, features as u32)
    }

    /// A kept connection to this server.
    pub fn find_endpoint(&mut self, delivery: &mut Delivery<'_, '_>, peer: &Peer) -> Option<Session> {
        let label = endpoint_key(delivery, peer);
        let cache = delivery.services.cache.as_mut()?;
        let (endpoint, socket) = cache.find_endpoint(&label)?;
        self.wake(delivery, &label, peer.clone(), &endpoint, socket, 0)
    }

    /// Makes a session of a kept connection, if the server is still there.
    fn wake(
        &mut self,
        delivery: &mut Delivery<'_, '_>,
        label: &BString,
        peer: Peer,
        endpoint: &BString,
        socket: OwnedFd,
        features: u32,
    ) -> Option<Session> {
        let site = delivery.site;
        let attributes = Attributes::read(endpoint);
        let facts = attributes.number("reuse_count").zip(attributes.number("endpoint_features"));
        let expiry = attributes.number("expire_time");
        let (Some((reuse_count, bits)), Some(expiry), Some(0 | 1)) = (facts, expiry, attributes.number("tls_level"))
        else {
            log::warn!("smtp_session_activate: bad cached endp properties");
            log::warn!("smtp_reuse_common: bad cached session attribute for {}", text::show(label));
            return None;
        };
        let left = expiry.saturating_sub(unix_time());
        let expires = u64::try_from(left).ok().map(|left| Instant::now() + Duration::from_secs(left));
        let address = peer.address.to_str().ok().and_then(|text| text.parse().ok());
        let mut session = Session::new(site, peer, socket, expires);
        session.reuse_count = reuse_count + 1;
        session.features.bits = bits as u32 | features | feature::FROM_CACHE;
        session.set_pipelining(bits as u32 & feature::PIPELINING != 0);
        session.begin("sending RSET probe", site.settings.timeouts.rset);
        let id = delivery.queue_id().to_owned();
        match session.ask(site, &id, b"RSET") {
            Ok(reply) if reply.is_positive() => {
                self.used.extend::<Option<IpAddr>>(address);
                Some(session)
            }
            // The server did not want to wait, and is no worse for a new connection.
            _ => None,
        }
    }

    /// The request's next hop is not what the next good connection is found by: a server that was gone before it answered
    /// QUIT counts as the first good one.
    pub fn forget_nexthop(&mut self) {
        self.nexthop = None;
    }

    /// Keeps a connection for the next message, or closes it.
    pub fn keep_or_close(&mut self, delivery: &mut Delivery<'_, '_>, mut session: Session, ended_well: bool) {
        let id = delivery.queue_id().to_owned();
        if session.is_cacheable() && ended_well {
            self.store(delivery, session);
        } else if session.expires.is_some() {
            // It was to be kept, and then its time was up.
            session.quit(delivery.site, &id);
        }
        if ended_well {
            self.forget_nexthop();
        }
    }

    fn store(&self, delivery: &mut Delivery<'_, '_>, session: Session) {
        let is_best_mx = delivery.is_best_mx;
        let endpoint_label = endpoint_key(delivery, &session.peer);
        let left = session.expires.map_or(Duration::ZERO, |expires| expires.saturating_duration_since(Instant::now()));
        let bits = session.features.bits & !feature::NOT_OF_ENDPOINT;
        let endpoint = format!(
            "tls_level=0\nreuse_count={}\nendpoint_features={bits}\nexpire_time={}\n\n",
            session.reuse_count,
            unix_time() + left.as_secs() as i64,
        );
        let destination = [
            b"destination=".as_slice(),
            &session.peer.dest,
            b"\nhost_name=",
            &session.peer.host,
            b"\nhost_addr=",
            &session.peer.address,
            format!("\ndestination_features={}\n\n", if is_best_mx { feature::BEST_MX } else { 0 }).as_bytes(),
        ]
        .concat();
        let ttl = i32::try_from(delivery.site.settings.cache_time_limit.as_secs()).unwrap_or(i32::MAX);
        let destination_label = self.nexthop.as_ref().map(|nexthop| destination_key(delivery, nexthop));
        let Some(socket) = session.into_socket() else { return };
        let Some(cache) = &mut delivery.services.cache else { return };
        if let Some(label) = destination_label {
            cache.save_destination(ttl, &label, &destination.into(), &endpoint_label);
        }
        cache.save_endpoint(ttl, &endpoint_label, &endpoint.into(), &socket);
    }
}

fn unix_time() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs() as i64)
}

fn port_of(socket: &OwnedFd) -> Option<u16> {
    sys::socket::peer_address(socket).ok().flatten().map(|address| address.port())
}

/// What tells a destination from others: the service, perhaps the sender, the next hop.
fn destination_key(delivery: &Delivery<'_, '_>, nexthop: &[u8]) -> BString {
    let mut key = Key::new(delivery);
    key.element(nexthop);
    key.0
}

/// What tells a server from others.
fn endpoint_key(delivery: &Delivery<'_, '_>, peer: &Peer) -> BString {
    let mut key = Key::new(delivery);
    let has_passwords = delivery.site.security.has_passwords();
    if has_passwords || peer.level > Level::Encrypt {
        key.element(&peer.dest);
    }
    if has_passwords {
        key.element(&peer.host);
    }
    key.element(&peer.address);
    key.element(peer.port.unwrap_or(0).to_string().as_bytes());
    // What is kept was spoken in the clear.
    key.element(b"0");
    key.0
}

/// A key: elements with a line feed behind each.
struct Key(BString);

impl Key {
    fn new(delivery: &Delivery<'_, '_>) -> Self {
        let mut key = Key(BString::default());
        key.element(delivery.site.service.as_bytes());
        if delivery.site.security.depends_on_sender() {
            key.element(&delivery.job.request.sender);
        }
        key
    }

    fn element(&mut self, text: &[u8]) {
        match text {
            b"" => self.0.push(b'*'),
            text if text.contains(&b'\n') || text.contains(&b'*') => self.0.extend(STANDARD.encode(text).bytes()),
            text => self.0.extend_from_slice(text),
        }
        self.0.push(b'\n');
    }
}

/// `name=value` lines up to an empty one.
struct Attributes(Vec<(BString, BString)>);

impl Attributes {
    fn read(text: &[u8]) -> Self {
        let lines = text.split_str("\n").take_while(|line| !line.is_empty());
        let pairs = lines.filter_map(|line| line.split_once_str("="));
        Attributes(pairs.map(|(name, value)| (name.into(), value.into())).collect())
    }

    fn text(&self, name: &str) -> Option<BString> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.text(name)?.to_str().ok()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_told_apart() {
        let mut key = Key(BString::default());
        for element in [&b"smtp"[..], b"", b"a\nb", b"25"] {
            key.element(element);
        }
        assert_eq!(key.0, "smtp\n*\nYQpi\n25\n");
    }

    #[test]
    fn properties_are_read_back() {
        let attributes = Attributes::read(b"tls_level=0\nreuse_count=3\nname=a=b\n\nrest=1\n");
        assert_eq!(attributes.number("reuse_count"), Some(3));
        assert_eq!(attributes.text("name"), Some("a=b".into()));
        assert_eq!(attributes.number("rest"), None);
        assert_eq!(attributes.number("name"), None);
    }
}
