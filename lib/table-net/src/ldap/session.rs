//! A session with a directory: connected, encrypted, known to the server, as far as that is asked for.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bstr::{BString, ByteSlice};
use rustls::ClientConfig;

use super::ber::length;
use super::message::{Entry, Query, Reply, Request, code, code_text, parse};
use super::url::{Server, Url};
use crate::wire::Wire;

/// The largest message that is read, and the most that a search may find, in bytes.
const MESSAGE_LIMIT: usize = 16 << 20;
/// How often a server may send us to another.
const HOPS: usize = 5;

/// How we log in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Bind {
    /// Not at all.
    No,
    /// By name and password; both empty: as nobody.
    Simple { name: BString, password: BString },
    /// With the first of these ways that we have.
    Sasl { mechanisms: Vec<BString>, name: BString, password: BString, authorization: BString, minimum: i32 },
}

/// What sessions depend on. Tables with the same share one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Access {
    /// The servers as URLs, separated by blanks; for messages too.
    pub servers: BString,
    pub version: i32,
    pub bind: Bind,
    pub timeout: Duration,
    pub start_tls: bool,
    pub chase_referrals: bool,
    pub tls: crate::tls::Settings,
}

/// Why there is nothing to search in.
#[derive(Debug)]
pub enum Failure {
    /// A result code, of the server or of our own.
    Code(i32),
    /// There is no session; that has been logged.
    Logged(i32),
}

impl Failure {
    /// The result code.
    pub fn code(&self) -> i32 {
        match self {
            Failure::Code(code) | Failure::Logged(code) => *code,
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Code(match error.kind() {
            io::ErrorKind::TimedOut => code::TIMEOUT,
            _ => code::SERVER_DOWN,
        })
    }
}

/// A session.
pub struct Session {
    access: Access,
    tls: Arc<ClientConfig>,
    wire: Option<Wire>,
    /// Whether the connection cannot be read by others, as far as we know: for `sasl_minssf`.
    strength: i32,
    last_id: i32,
}

/// What a search has found.
#[derive(Debug, Default)]
struct Found {
    entries: Vec<Entry>,
    references: Vec<Vec<u8>>,
}

impl Session {
    /// A session that is opened when it is first used.
    pub fn new(access: Access, tls: Arc<ClientConfig>) -> Self {
        Session { access, tls, wire: None, strength: 0, last_id: 0 }
    }

    /// Ends the session; the next search begins another.
    pub fn close(&mut self) {
        self.wire = None;
    }

    /// Searches. A session that turns out to be lost is opened again, once.
    ///
    /// # Errors
    /// What the server says, or why it says nothing.
    pub fn search(&mut self, query: &Query<'_>) -> Result<Vec<Entry>, Failure> {
        let was_open = self.wire.is_some();
        match self.search_and_chase(query, 0) {
            Err(Failure::Code(code::SERVER_DOWN)) if was_open => {
                self.close();
                self.search_and_chase(query, 0)
            }
            result => result,
        }
    }

    fn search_and_chase(&mut self, query: &Query<'_>, hops: usize) -> Result<Vec<Entry>, Failure> {
        let (found, result, referral) = self.search_here(query)?;
        let Found { mut entries, references } = found;
        let chases = self.access.chase_referrals && hops < HOPS;
        match result {
            code::SUCCESS => {}
            code::REFERRAL if chases => return self.chase(&referral, query, hops),
            code => return Err(Failure::Code(code)),
        }
        for reference in references.iter().filter(|_| chases) {
            // What cannot be asked for there may exist: the key must not seem to be unknown.
            entries.extend(self.chase(std::slice::from_ref(reference), query, hops)?);
        }
        Ok(entries)
    }

    /// Searches where the server says, as nobody.
    fn chase(&self, urls: &[Vec<u8>], query: &Query<'_>, hops: usize) -> Result<Vec<Entry>, Failure> {
        let Some((text, url)) = urls.iter().find_map(|text| Some((text, Url::parse(text)?))) else {
            return Err(Failure::Code(code::REFERRAL));
        };
        let access = Access { servers: text.clone().into(), bind: Bind::No, ..self.access.clone() };
        let mut other = Session::new(access, self.tls.clone());
        let base = if url.search.base.is_empty() { query.base } else { url.search.base.as_slice() };
        other.search_and_chase(&Query { base, ..query.clone() }, hops + 1)
    }

    fn search_here(&mut self, query: &Query<'_>) -> Result<(Found, i32, Vec<Vec<u8>>), Failure> {
        if self.wire.is_none() {
            self.open()?;
        }
        let id = self.send(&Request::search(query))?;
        let deadline = Instant::now() + self.access.timeout;
        let (mut found, mut size) = (Found::default(), 0);
        loop {
            match self.receive(id, deadline)? {
                (length, Reply::Entry(entry)) => {
                    size += length;
                    if size > MESSAGE_LIMIT {
                        return Err(Failure::Code(code::DECODING_ERROR));
                    }
                    found.entries.push(entry);
                }
                (_, Reply::Reference(urls)) => found.references.extend(urls.into_iter().next()),
                (_, Reply::Result(result, referral)) => return Ok((found, result, referral)),
                (_, Reply::Other) => {}
            }
        }
    }

    fn send(&mut self, request: &Request) -> Result<i32, Failure> {
        self.last_id = self.last_id.wrapping_add(1).max(1);
        let wire = self.wire.as_mut().ok_or(Failure::Code(code::SERVER_DOWN))?;
        wire.send(&request.numbered(self.last_id))?;
        Ok(self.last_id)
    }

    /// The next reply to a request, and its length.
    fn receive(&mut self, id: i32, deadline: Instant) -> Result<(usize, Reply), Failure> {
        let wire = self.wire.as_mut().ok_or(Failure::Code(code::SERVER_DOWN))?;
        while Instant::now() < deadline {
            let message = read_message(wire)?;
            match parse(&message).map_err(|_| Failure::Code(code::DECODING_ERROR))? {
                (number, reply) if number == id => return Ok((message.len(), reply)),
                // The server says that it goes away.
                (0, _) => return Err(Failure::Code(code::SERVER_DOWN)),
                // The reply to a request that took too long.
                _ => {}
            }
        }
        Err(Failure::Code(code::TIMEOUT))
    }

    /// The result of a request that has nothing else.
    fn result(&mut self, request: &Request) -> Result<i32, Failure> {
        let id = self.send(request)?;
        let deadline = Instant::now() + self.access.timeout;
        loop {
            if let (_, Reply::Result(code, _)) = self.receive(id, deadline)? {
                return Ok(code);
            }
        }
    }

    /// Connects to the first server that answers.
    fn open(&mut self) -> Result<(), Failure> {
        let servers: Vec<Vec<u8>> = self.access.servers.split(|&byte| byte == b' ').map(<[u8]>::to_vec).collect();
        let mut connected = Err(Failure::Code(code::SERVER_DOWN));
        for url in servers.iter().filter_map(|text| Url::parse(text)) {
            connected = self.connect(&url.server);
            if connected.is_ok() {
                break;
            }
        }
        let bound = match connected {
            // Whoever wants to log in hears of it in that way.
            Err(Failure::Code(code)) if self.access.bind != Bind::No => Err(self.cannot_bind(code)),
            Err(failure) => Err(failure),
            Ok(()) => self.bind(),
        };
        if bound.is_err() {
            self.close();
        }
        bound
    }

    fn connect(&mut self, server: &Server) -> Result<(), Failure> {
        let down = || Failure::Code(code::SERVER_DOWN);
        let mut wire = Wire::connect(&server.endpoint, self.access.timeout).map_err(|_| down())?;
        let host = server.host.to_str_lossy();
        if server.is_encrypted {
            wire = wire.encrypt(self.tls.clone(), &host).map_err(|error| {
                log::warn!("dict_ldap_connect: TLS with {host}: {error}");
                down()
            })?;
        }
        self.strength = match (&wire, server.host.is_empty()) {
            (Wire::Encrypted(_), _) => 256,
            (_, true) => 71,
            _ => 0,
        };
        self.wire = Some(wire);
        if self.access.start_tls && !server.is_encrypted { self.start_tls(&host) } else { Ok(()) }
    }

    fn start_tls(&mut self, host: &str) -> Result<(), Failure> {
        let failed = |code: i32, text: &str| {
            log::error!("dict_ldap_connect: Unable to set STARTTLS: {code}: {text}");
            Failure::Logged(code)
        };
        match self.result(&Request::start_tls()) {
            Ok(code::SUCCESS) => {}
            Ok(code) => return Err(failed(code, code_text(code))),
            Err(failure) => return Err(failed(failure.code(), code_text(failure.code()))),
        }
        let wire = self.wire.take().ok_or(Failure::Code(code::SERVER_DOWN))?;
        let wire = wire.encrypt(self.tls.clone(), host);
        self.wire = Some(wire.map_err(|error| failed(code::CONNECT_ERROR, &error.to_string()))?);
        self.strength = 256;
        Ok(())
    }

    fn bind(&mut self) -> Result<(), Failure> {
        let request = match &self.access.bind {
            Bind::No => return Ok(()),
            Bind::Simple { name, password } => Some(Request::simple_bind(self.access.version, name, password)),
            Bind::Sasl { minimum, .. } if self.strength < *minimum => None,
            Bind::Sasl { mechanisms, name, password, authorization, .. } => {
                sasl_request(mechanisms, name, password, authorization)
            }
        };
        let result = match request {
            None => code::AUTH_UNKNOWN,
            Some(request) => self.result(&request).unwrap_or_else(|failure| failure.code()),
        };
        if result == code::SUCCESS { Ok(()) } else { Err(self.cannot_bind(result)) }
    }

    fn cannot_bind(&self, code: i32) -> Failure {
        let name = match &self.access.bind {
            Bind::Simple { name, .. } | Bind::Sasl { name, .. } if !name.is_empty() => text::show(name).to_string(),
            _ => "empty or implicit".into(),
        };
        let (servers, text) = (text::show(&self.access.servers), code_text(code));
        log::warn!("dict_ldap_connect: Unable to bind to server {servers} with dn {name}: {code} ({text})");
        Failure::Logged(code)
    }
}

/// The first way that we have; with none given, by what there is to tell.
fn sasl_request(mechanisms: &[BString], name: &[u8], password: &[u8], authorization: &[u8]) -> Option<Request> {
    let usual = [BString::from(if password.is_empty() { "EXTERNAL" } else { "PLAIN" })];
    let mechanisms = if mechanisms.is_empty() { &usual } else { mechanisms };
    mechanisms.iter().find_map(|mechanism| match mechanism.to_ascii_uppercase().as_slice() {
        b"EXTERNAL" => Some(Request::sasl_bind(b"EXTERNAL", authorization)),
        b"PLAIN" => Some(Request::sasl_bind(b"PLAIN", &[authorization, b"\0", name, b"\0", password].concat())),
        _ => None,
    })
}

/// Reads a message; its content, without tag and length.
fn read_message(wire: &mut Wire) -> Result<Vec<u8>, Failure> {
    let bad = || Failure::Code(code::DECODING_ERROR);
    let mut header = wire.receive(2)?;
    if header[0] != super::ber::SEQUENCE {
        return Err(bad());
    }
    let length = loop {
        match length(&header[1..]).map_err(|_| bad())? {
            Some((length, _)) => break length,
            None => header.extend(wire.receive(1)?),
        }
    };
    match length > MESSAGE_LIMIT {
        true => Err(bad()),
        false => Ok(wire.receive(length)?),
    }
}
