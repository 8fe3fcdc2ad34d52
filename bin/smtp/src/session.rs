//! A connection to a server, with what is known about it: commands out, replies in (smtp-client §7).

use std::fmt;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use bstr::{BString, ByteSlice};
use smtp_protocol::client::{Features, Problem, Progress, Reply, ReplyReader, Transcript};
use smtp_protocol::stream::{Ending, Fault, Stream};

use crate::security::Level;
use crate::site::{Site, Verbosity};

/// How much of a bad line a warning shows.
const SHOWN: usize = 30;

/// Who a connection is to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The next hop as written.
    pub dest: BString,
    /// The server's name.
    pub host: BString,
    /// Its address, or the path of its socket.
    pub address: BString,
    /// Its port; a socket has none.
    pub port: Option<u16>,
    /// How much TLS it needs.
    pub level: Level,
}

impl Peer {
    /// `host[address]`.
    pub fn name_address(&self) -> String {
        format!("{}[{}]", text::show(&self.host), text::show(&self.address))
    }
}

/// `host[address]:port`.
impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}[{}]:{port}", text::show(&self.host), text::show(&self.address)),
            None => write!(f, "{}[{}]", text::show(&self.host), text::show(&self.address)),
        }
    }
}

/// Why a conversation cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The server has closed, or the connection is gone.
    Lost,
    /// The server is too slow.
    Timeout,
    /// A table that a reply needs failed.
    LocalData,
}

impl From<Fault> for Broken {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Lost => Broken::Lost,
            Fault::Timeout => Broken::Timeout,
        }
    }
}

/// What the postmaster may want to know about a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Errors {
    /// The server broke the protocol.
    pub protocol: bool,
    /// A table failed.
    pub data: bool,
}

/// A connection.
#[derive(Debug)]
pub struct Session {
    /// Who it is to.
    pub peer: Peer,
    /// What the server offers.
    pub features: Features,
    /// What was said.
    pub transcript: Transcript,
    /// What went wrong.
    pub errors: Errors,
    /// Until when the connection may be used again; not at all when it is `None`.
    pub expires: Option<Instant>,
    /// How often it was used before this delivery.
    pub reuse_count: i64,
    /// Nothing more may be sent, not even QUIT.
    pub is_dead: bool,
    /// What goes on, after `while `.
    pub doing: &'static str,
    stream: Stream,
    last_io: Instant,
    pending: usize,
    has_quit: bool,
    deadline_per_request: bool,
    data_rate: u32,
    has_pipelined: bool,
    /// The log says more while this session lasts.
    _verbosity: Option<Verbosity>,
}

impl Session {
    /// A session over a connected socket.
    pub fn new(site: &Site, peer: Peer, socket: OwnedFd, expires: Option<Instant>) -> Self {
        let verbosity = site.listen_closely(&peer.host, &peer.address);
        Session {
            _verbosity: verbosity,
            peer,
            features: Features::default(),
            transcript: Transcript::default(),
            errors: Errors::default(),
            expires,
            reuse_count: 0,
            is_dead: false,
            doing: "",
            stream: Stream::over_socket(socket, site.settings.timeouts.helo),
            last_io: Instant::now(),
            pending: 0,
            has_quit: false,
            deadline_per_request: site.settings.per_request_deadline,
            data_rate: site.settings.min_data_rate,
            has_pipelined: false,
        }
    }

    /// Whether the connection may be used for another message.
    pub fn is_cacheable(&self) -> bool {
        !self.is_dead && !self.has_quit && self.expires.is_some_and(|expires| expires > Instant::now())
    }

    /// The connection is not to be used again.
    pub fn forbid_reuse(&mut self) {
        self.expires = None;
    }

    /// Commands go out in batches.
    pub fn set_pipelining(&mut self, on: bool) {
        self.has_pipelined = on;
    }

    /// Begins a stage with its own time limit.
    pub fn begin(&mut self, doing: &'static str, limit: Duration) {
        self.doing = doing;
        self.limit(limit);
    }

    /// The time limit of what comes next.
    pub fn limit(&mut self, limit: Duration) {
        self.stream.set_limit(limit);
        if self.deadline_per_request {
            self.stream.start_budget(0);
        }
    }

    /// The time limit of content: a fast enough peer gets more time.
    pub fn limit_content(&mut self, limit: Duration) {
        self.stream.set_limit(limit);
        if self.deadline_per_request {
            self.stream.start_budget(self.data_rate);
        }
    }

    /// Bytes that wait to be sent.
    pub fn pending(&self) -> usize {
        self.pending
    }

    /// Time since the last input or output.
    pub fn idle(&self) -> Duration {
        self.last_io.elapsed()
    }

    /// Keeps a command for the next flush.
    ///
    /// # Errors
    /// The connection is of no more use.
    pub fn send(&mut self, command: &[u8]) -> Result<(), Broken> {
        self.transcript.sent(command);
        log::debug!("> {}: {}", self.peer, text::show(command));
        self.has_quit |= command == b"QUIT";
        self.pending += command.len() + 2;
        let result = self.stream.write(&[command, b"\r\n"].concat());
        self.noted(result)
    }

    /// Writes content.
    ///
    /// # Errors
    /// The connection is of no more use.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        let result = self.stream.write(bytes);
        self.noted(result)
    }

    /// Sends what was kept.
    ///
    /// # Errors
    /// The connection is of no more use.
    pub fn flush(&mut self) -> Result<(), Broken> {
        self.pending = 0;
        let result = self.stream.flush();
        self.last_io = Instant::now();
        self.noted(result)
    }

    fn noted<T>(&mut self, result: Result<T, Fault>) -> Result<T, Broken> {
        result.map_err(|fault| {
            self.is_dead = true;
            fault.into()
        })
    }

    /// Sends a command and reads its reply.
    ///
    /// # Errors
    /// The connection is of no more use.
    pub fn ask(&mut self, site: &Site, queue_id: &[u8], command: &[u8]) -> Result<Reply, Broken> {
        self.send(command)?;
        self.reply(site, queue_id)
    }

    /// Sends what was kept, and reads a reply.
    ///
    /// # Errors
    /// The connection is of no more use, or a table failed.
    pub fn reply(&mut self, site: &Site, queue_id: &[u8]) -> Result<Reply, Broken> {
        self.flush()?;
        self.read_reply(site, queue_id)
    }

    /// Reads a reply that the server has sent although it no longer takes anything.
    pub fn last_words(&mut self, site: &Site, queue_id: &[u8]) -> Option<Reply> {
        self.read_reply(site, queue_id).ok()
    }

    fn read_reply(&mut self, site: &Site, queue_id: &[u8]) -> Result<Reply, Broken> {
        let mut reader = ReplyReader::new(site.settings.reply_length_limit);
        loop {
            let line = self.line(site)?;
            let line = self.filtered(site, queue_id, line)?;
            let (progress, problem) = reader.take(&line);
            match problem {
                Some(Problem::NoCode(line)) => self.complain(site, queue_id, &line),
                Some(Problem::TooLong(line)) => {
                    let (limit, start) = (site.settings.reply_length_limit, start(&line, SHOWN));
                    log::warn!("{}: multi-line response longer than {limit} {start}...", self.peer);
                }
                None => {}
            }
            if let Progress::Complete(reply) = progress {
                self.last_io = Instant::now();
                return Ok(reply);
            }
        }
    }

    /// One line, cut to its limit and made printable.
    fn line(&mut self, site: &Site) -> Result<Vec<u8>, Broken> {
        let limit = site.settings.reply_length_limit;
        let result = self.stream.line(limit);
        let line = self.noted(result)?;
        let mut text = line.text;
        while text.last() == Some(&b'\r') {
            text.pop();
        }
        let text = text::printable(&text, site.settings.smtputf8_enable).into_owned();
        self.transcript.received(&text);
        log::debug!("< {}: {}", self.peer, text::show(&text));
        if line.ending == Ending::Open {
            log::warn!("{}: response longer than {limit}: {}...", self.peer, start(&text, SHOWN));
            let result = self.stream.skip_line(limit);
            if !self.noted(result)? {
                log::warn!("disabling input from {}", self.peer);
                self.stream.stop_input();
            }
        }
        Ok(text)
    }

    /// What the reply filter makes of a line.
    fn filtered(&mut self, site: &Site, queue_id: &[u8], line: Vec<u8>) -> Result<Vec<u8>, Broken> {
        let Some(table) = &site.reply_filter else { return Ok(line) };
        match table.lookup(&line) {
            Ok(None) => Ok(line),
            Ok(Some(new)) => {
                let (old, shown) = (text::show(&line), text::show(&new));
                log::info!("{}: replacing server reply \"{old}\" with \"{shown}\"", self.peer);
                self.transcript.replaced(&new);
                Ok(new.into())
            }
            Err(_) => {
                let (id, name, line) = (text::show(queue_id), text::show(table.name()), text::show(&line));
                log::warn!("{id}: table {name} lookup error for {line}");
                Err(Broken::LocalData)
            }
        }
    }

    /// A line that is no reply: the server is confused, or something in between is.
    fn complain(&mut self, site: &Site, queue_id: &[u8], line: &[u8]) {
        self.errors.protocol = true;
        self.forbid_reuse();
        if !self.has_pipelined {
            return;
        }
        let (id, protocol) = (text::show(queue_id), site.mode.pick("ESMTP", "LMTP"));
        log::warn!("{id}: non-{protocol} response from {}: {}", self.peer, start(line, 100));
        if site.settings.helpful_warnings {
            let parameter = site.discard_maps.title();
            let address = text::show(&self.peer.address);
            log::warn!(
                "{id}: to prevent loss of mail, turn off command pipelining for {address} with the {parameter} parameter"
            );
        }
    }

    /// Says goodbye, and closes. Mail does not depend on it. False: the server was gone before it answered.
    pub fn quit(&mut self, site: &Site, queue_id: &[u8]) -> bool {
        if self.is_dead || self.has_quit {
            return true;
        }
        self.limit(site.settings.timeouts.quit);
        let said = self.send(b"QUIT").and_then(|()| self.flush());
        // Whatever the server says to that changes nothing.
        said.is_err() || site.settings.skip_quit_response || self.reply(site, queue_id).is_ok()
    }

    /// The socket, for the connection cache. `None` when unread input or unsent output would be lost.
    pub fn into_socket(self) -> Option<OwnedFd> {
        let is_clean = !self.stream.has_output() && !self.stream.has_input();
        is_clean.then(|| self.stream.input().try_clone_to_owned().ok()).flatten()
    }
}

/// The start of a text, to show.
fn start(text: &[u8], length: usize) -> BString {
    text.as_bstr()[..text.len().min(length)].into()
}
