//! One session: its state, and its replies.

use std::borrow::Cow;

use bstr::{BStr, BString, ByteSlice};
use config::{Config, params};
use logging::event::{Broken, Connected, Disconnected};
use server::{Client, Context};
use smtp_protocol::peer::Peer;
use smtp_protocol::server::counters::Counters;
use smtp_protocol::server::ehlo::Discarded;
use smtp_protocol::server::newline::Newlines;
use smtp_protocol::server::reply::{self, Class, Refusal};
use smtp_protocol::stream::{Fault, Stream};

use crate::bdat::Bdat;
use crate::limits::Limits;
use crate::peer::{Identified, identify};
use crate::site::Site;
use crate::tls::TlsMode;
use crate::transaction::Transaction;
use crate::transcript::Transcript;
use crate::xforward::Forwarded;

/// The stage of a session that has said nothing yet.
pub const CONNECT: &str = "CONNECT";
/// The stage after 354.
pub const DATA_CONTENT: &str = "DATA content";
/// The stage after a good BDAT.
pub const BDAT_CONTENT: &str = "BDAT content";
/// The stage when a message is complete.
pub const END_OF_MESSAGE: &str = "END-OF-MESSAGE";
/// The stage of a command that means nothing.
pub const UNKNOWN: &str = "UNKNOWN";

/// Why a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All has been said.
    Over,
    /// The client is too slow.
    Timeout,
    /// The client is gone.
    Lost,
    /// The client makes too many errors.
    TooManyErrors,
    /// A table cannot be searched.
    DataError,
}

impl End {
    fn reason(self) -> Option<&'static str> {
        match self {
            End::Over | End::DataError => None,
            End::Timeout => Some("timeout"),
            End::Lost => Some("lost connection"),
            End::TooManyErrors => Some("too many errors"),
        }
    }
}

impl From<Fault> for End {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Timeout => End::Timeout,
            Fault::Lost => End::Lost,
        }
    }
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was carried out.
    Good,
    /// It was not: this counts as an error.
    Bad,
}

/// Who the client has shown to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// How.
    pub method: BString,
    /// As whom.
    pub user: BString,
}

/// One session.
#[derive(Debug)]
pub struct Session<'a> {
    pub site: &'a mut Site,
    pub config: &'a Config,
    /// The service's name in master.cf.
    pub service: &'a str,
    pub stream: Stream,
    pub peer: Peer,
    pub stand_alone: bool,
    from_postscreen: bool,
    pub limits: Limits,
    pub tls: TlsMode,
    /// The last HELO or EHLO argument.
    pub helo: Option<BString>,
    /// EHLO was said, or XCLIENT says so.
    pub extended: bool,
    pub stage: &'static str,
    pub counters: Counters,
    transcript: Transcript,
    /// The client is to go.
    pub hang_up: bool,
    /// The reply that every command but QUIT is refused for.
    pub denied: Option<BString>,
    /// The client has sent commands too early.
    pub improper_pipelining: bool,
    pub xclient_allowed: Option<bool>,
    pub xforward_allowed: Option<bool>,
    pub newlines: Newlines,
    pub saw_bare_newline: bool,
    pub discarded: Discarded,
    pub login: Option<Login>,
    pub forwarded: Forwarded,
    pub transaction: Option<Transaction>,
    pub bdat: Bdat,
    /// Bytes of content that were received, for the log.
    pub received: u64,
    verbosity: u32,
}

impl<'a> Session<'a> {
    /// A client has connected. Nothing: it cannot be served.
    pub fn begin(site: &'a mut Site, client: Client, context: &'a Context) -> Option<Self> {
        let config = &context.config;
        let stand_alone = site.stand_alone;
        let Identified { peer, hang_up } = identify(&client, config, site.habits, stand_alone);
        let from_postscreen = !client.attributes.is_empty();
        let limit = config.get(params::SMTPD_TIMEOUT);
        let stream = match client.into_descriptors() {
            (socket, None) => Stream::over_socket(socket, limit),
            (input, Some(output)) => Stream::over_files(input, output, limit),
        };
        let tls = if stand_alone { TlsMode::default() } else { site.tls };
        Some(Session {
            limits: Limits::new(&context.service, &peer, config),
            tls,
            transcript: Transcript::new(config),
            hang_up,
            config,
            service: &context.service,
            stream,
            peer,
            stand_alone,
            from_postscreen,
            helo: None,
            extended: false,
            stage: CONNECT,
            counters: Counters::default(),
            denied: None,
            improper_pipelining: false,
            xclient_allowed: None,
            xforward_allowed: None,
            newlines: Newlines::default(),
            saw_bare_newline: false,
            discarded: Discarded::default(),
            login: None,
            forwarded: Forwarded::default(),
            transaction: None,
            bdat: Bdat::None,
            received: 0,
            verbosity: logging::verbosity(),
            site,
        })
    }

    /// Serves the client until it goes.
    pub fn serve(mut self) {
        logging::emit(&Connected { client: &self.peer.namaddr });
        self.raise_verbosity();
        self.xclient_allowed = self.is_permitted(|site| &site.xclient_hosts);
        self.xforward_allowed = self.is_permitted(|site| &site.xforward_hosts);
        self.choose_newlines();
        let end = self.converse();
        self.finish(end);
    }

    fn raise_verbosity(&self) {
        if self.site.debug_peers.matches_host(&self.peer.name, &self.peer.address).unwrap_or(false) {
            let more = u32::try_from(self.config.get(params::DEBUG_PEER_LEVEL)).unwrap_or(0);
            logging::set_verbosity(self.verbosity.saturating_add(more));
        }
    }

    /// Whether a list has this client; nothing when that cannot be told.
    pub fn is_permitted(&self, list: impl Fn(&Site) -> &address::MatchList) -> Option<bool> {
        if self.stand_alone {
            return Some(false);
        }
        list(self.site).matches_host(&self.peer.name, &self.peer.address).ok()
    }

    /// Decides what line ends this client may use.
    pub fn choose_newlines(&mut self) {
        let excepted = || self.site.bare_newline_clients.matches_host(&self.peer.name, &self.peer.address);
        let exempt = self.stand_alone || !self.site.newlines.is_detecting() || excepted().unwrap_or(false);
        self.newlines = if exempt { Newlines::Lenient } else { self.site.newlines };
    }

    /// Greets, and takes commands; after XCLIENT both again.
    fn converse(&mut self) -> End {
        loop {
            match self.greet().and_then(|()| self.take_commands()) {
                Ok(()) => {}
                Err(end) => return end,
            }
        }
    }

    /// Says the first word (§2.7 from step 7).
    fn greet(&mut self) -> Result<(), End> {
        let host = self.host();
        if self.hang_up {
            self.reply(format!("421 4.3.0 {host} Server local error"))?;
            return Err(End::Over);
        }
        if self.tls.wrapped {
            self.drop_wrapped();
            return Err(End::Over);
        }
        if !self.stand_alone && !self.from_postscreen {
            self.check_pipelining(true)?;
        }
        self.limit_connections()?;
        self.discarded = self.find_discarded();
        let stage = if self.stage == CONNECT { access::Stage::Connect } else { access::Stage::Xclient };
        match self.decide(stage, None)? {
            Some(refusal) => {
                self.denied = Some(refusal.text.clone());
                self.refuse(refusal)?;
                self.counters.errors += 1;
            }
            None => self.reply([b"220 ", self.config.get(params::SMTPD_BANNER).as_bytes()].concat())?,
        }
        Ok(())
    }

    fn find_discarded(&self) -> Discarded {
        match self.site.discard_maps.find(&self.peer.address) {
            Ok(Some(value)) => Discarded::parse(&value),
            // A table that fails shows at EHLO.
            Ok(None) | Err(_) => self.site.discarded,
        }
    }

    /// `myhostname` for replies.
    pub fn host(&self) -> String {
        self.config.get(params::MYHOSTNAME).to_string()
    }

    /// The name of the protocol.
    pub fn protocol(&self) -> &'static str {
        if self.extended { "ESMTP" } else { "SMTP" }
    }

    /// The queue ID of the message that is being received.
    pub fn queue_id(&self) -> Option<&BStr> {
        self.transaction.as_ref()?.queue_id()
    }

    /// The queue ID for log lines, or `NOQUEUE`.
    pub fn queue_id_or_none(&self) -> String {
        self.queue_id().map_or_else(|| "NOQUEUE".into(), |id| text::show(id).to_string())
    }

    /// Sends a reply in its final form (§5.3).
    ///
    /// # Errors
    /// The client does not take it.
    pub fn reply(&mut self, text: impl AsRef<[u8]>) -> Result<(), End> {
        let text = text.as_ref();
        let slow = self.counters.errors >= positive(self.config.get(params::SMTPD_SOFT_ERROR_LIMIT));
        if slow {
            std::thread::sleep(self.config.get(params::SMTPD_ERROR_SLEEP_TIME));
        }
        let lines = reply::lines(&self.final_text(text), self.config.get(params::SOFT_BOUNCE));
        let hang_up = lines.first().is_some_and(|line| reply::hangs_up(line));
        for line in lines {
            log::debug!("> {}: {}", text::show(&self.peer.namaddr), text::show(&line));
            self.transcript.sent(&line);
            self.stream.write(&line)?;
            self.stream.write(b"\r\n")?;
        }
        if slow {
            self.stream.flush()?;
        }
        self.hang_up |= hang_up;
        Ok(())
    }

    /// A reply as it is when `smtpd_reject_filter_maps` and the footer have had their say.
    fn final_text<'t>(&self, text: &'t [u8]) -> Cow<'t, [u8]> {
        if !matches!(text.first(), Some(b'4' | b'5')) {
            return text.into();
        }
        let text = self.with_filter(text).map_or(Cow::Borrowed(text), |filtered| Cow::Owned(filtered.into()));
        match self.with_footer(&text) {
            Some(footed) => Cow::Owned(footed.into()),
            None => text,
        }
    }

    /// Sends a positive reply.
    ///
    /// # Errors
    /// The client does not take it.
    pub fn accept(&mut self, text: impl AsRef<[u8]>) -> Result<Outcome, End> {
        self.reply(text)?;
        Ok(Outcome::Good)
    }

    /// Sends a negative reply, and remembers for the postmaster what it is about.
    ///
    /// # Errors
    /// The client does not take it.
    pub fn refuse(&mut self, refusal: Refusal) -> Result<Outcome, End> {
        if let Some(class) = refusal.class {
            self.note(class);
        }
        self.reply(&refusal.text)?;
        Ok(Outcome::Bad)
    }

    /// Remembers for the postmaster what an error is about.
    pub fn note(&mut self, class: Class) {
        self.transcript.note(class);
    }

    /// A line came from the client.
    pub fn heard(&mut self, line: &[u8]) {
        log::debug!("< {}: {}", text::show(&self.peer.namaddr), text::show(line));
        self.transcript.heard(line);
    }

    /// Tells the postmaster, if there is something to tell and the transcript has more than `threshold` lines.
    pub fn flush_transcript(&mut self, threshold: usize, end: Option<End>) {
        let reason = end.and_then(End::reason);
        self.transcript.flush(threshold, self.site, self.config, &self.peer.namaddr, reason);
    }

    /// Forgets what the postmaster would have been told.
    pub fn forgive(&mut self) {
        self.counters.forgive();
        self.transcript.forgive();
    }

    /// How many lines of transcript may pile up.
    pub fn threshold(&self) -> usize {
        usize::try_from(self.config.get(params::SMTPD_HISTORY_FLUSH_THRESHOLD)).unwrap_or(usize::MAX)
    }

    /// Ends the session (§4.6).
    fn finish(mut self, end: End) {
        self.say_end(end);
        self.uncount_connection();
        self.log_end(end);
        self.flush_transcript(0, Some(end));
        self.end_transaction();
        self.end_decisions();
        // A client that is gone does not mind.
        let _ = self.stream.flush();
        let notes = if self.saw_bare_newline { " notes=bare_lf" } else { "" };
        let summary = self.counters.summary() + notes;
        logging::emit(&Disconnected { client: &self.peer.namaddr, summary: &summary });
        logging::set_verbosity(self.verbosity);
    }

    fn say_end(&mut self, end: End) {
        let host = self.host();
        let text = match end {
            End::Timeout => format!("421 4.4.2 {host} Error: timeout exceeded"),
            End::TooManyErrors => format!("421 4.7.0 {host} Error: too many errors"),
            End::DataError => format!("421 4.3.0 {host} Server local data error"),
            End::Over | End::Lost => return,
        };
        match end {
            End::TooManyErrors => self.note(Class::Protocol),
            End::DataError => {
                self.note(Class::Data);
                let (id, client) = (self.queue_id_or_none(), text::show(&self.peer.namaddr));
                log::info!("{id}: reject: {} from {client}: {text}", self.stage);
            }
            _ => self.stream.set_limit(self.config.get(params::SMTPD_TIMEOUT)),
        }
        // One attempt: the client may be gone.
        let _ = self.reply(text).and_then(|()| Ok(self.stream.flush()?));
    }

    fn log_end(&self, end: End) {
        let Some(reason) = end.reason() else { return };
        let bytes = self.received + self.bdat.waiting() as u64;
        let content = match self.stage {
            DATA_CONTENT => format!("DATA ({bytes} bytes)"),
            BDAT_CONTENT => format!("BDAT ({bytes} bytes)"),
            END_OF_MESSAGE if end == End::Lost => return,
            stage => stage.to_owned(),
        };
        logging::emit(&Broken { reason, stage: &content, client: &self.peer.namaddr });
    }
}

/// A parameter that is at least 0.
pub fn positive(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
