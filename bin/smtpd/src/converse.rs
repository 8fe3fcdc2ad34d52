//! The command loop (smtpd §4).

use bstr::{BString, ByteSlice};
use config::params;
use logging::event::Decision;
use smtp_protocol::server::newline::Newlines;
use smtp_protocol::server::reply::{Class, Refusal};
use smtp_protocol::server::verb::Verb;
use smtp_protocol::server::words::{Word, split};
use smtp_protocol::stream::{Ending, Line};

use crate::session::{CONNECT, End, Outcome, Session, UNKNOWN, positive};

/// How much of a client's text log lines show.
pub const SHOWN: usize = 100;

/// What the loop does after a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// The next command.
    Command,
    /// The greeting, for another client.
    Greeting,
}

/// The first bytes of a text.
pub fn start(text: &[u8]) -> &[u8] {
    &text[..text.len().min(SHOWN)]
}

impl Session<'_> {
    /// Takes commands until XCLIENT changes who the client is.
    pub fn take_commands(&mut self) -> Result<(), End> {
        while self.take_command()? == Next::Command {}
        Ok(())
    }

    fn take_command(&mut self) -> Result<Next, End> {
        if self.hang_up {
            return Err(End::Over);
        }
        self.flush_transcript(self.threshold(), None);
        self.arm(0);
        if self.counters.errors >= positive(self.config.get(params::SMTPD_HARD_ERROR_LIMIT)) {
            return Err(End::TooManyErrors);
        }
        let Some(line) = self.read_command()? else { return Ok(Next::Command) };
        self.heard(&line);
        if !self.is_sound(&line)? {
            return Ok(Next::Command);
        }
        let line = self.filtered(line)?;
        let words = split(&line);
        let Some(first) = words.first() else {
            self.refuse_line("500 5.5.2 Error: bad syntax")?;
            return Ok(Next::Command);
        };
        if self.site.noop_commands.matches(&first.text).map_err(|_| End::DataError)? {
            self.reply("250 2.0.0 Ok")?;
            self.counters.junk(self.junk_limit());
            return Ok(Next::Command);
        }
        let verb = Verb::parse(&first.text);
        self.counters.saw(verb);
        if verb == Verb::Unknown {
            self.stage = UNKNOWN;
            self.refuse_other_protocols(&first.text, &line)?;
        }
        self.carry_out(verb, &words, &line)
    }

    /// The client has a new time limit. Content earns time at `rate` bytes per second.
    pub fn arm(&mut self, rate: u32) {
        if self.config.get(params::SMTPD_PER_REQUEST_DEADLINE) {
            self.stream.start_budget(rate);
        }
    }

    fn junk_limit(&self) -> u64 {
        positive(self.config.get(params::SMTPD_JUNK_COMMAND_LIMIT))
    }

    /// The longest line, in bytes.
    pub fn line_limit(&self) -> usize {
        usize::try_from(self.config.get(params::LINE_LENGTH_LIMIT)).unwrap_or(2048)
    }

    /// Reads a command. Nothing: it was too long, and has been answered.
    fn read_command(&mut self) -> Result<Option<BString>, End> {
        let limit = self.line_limit();
        let line = self.stream.line(limit)?;
        if line.ending == Ending::Open {
            return self.refuse_long_command(&line, limit);
        }
        if self.newlines.is_bare(&line) {
            match self.newlines {
                Newlines::Reject => return Err(self.refuse_bare_newline()?),
                Newlines::Note => self.saw_bare_newline = true,
                Newlines::Lenient | Newlines::Normalize => {}
            }
        }
        Ok(Some(self.newlines.text(&line).into()))
    }

    fn refuse_long_command(&mut self, line: &Line, limit: usize) -> Result<Option<BString>, End> {
        let (client, shown) =
            (text::show(&self.peer.namaddr).to_string(), text::show(&line.text[..line.text.len().min(30)]));
        log::warn!("{client}: request longer than {limit}: {shown}...");
        let shown = line.text.clone();
        if !self.stream.skip_line(limit)? {
            log::warn!("disabling input from {client}");
            self.stream.stop_input();
        }
        self.heard(&shown);
        self.refuse(Refusal::protocol(format!("500 5.5.2 {} Error: command too long", self.host())))?;
        Ok(None)
    }

    /// The reply to a line that ends in LF alone; the session is over.
    fn refuse_bare_newline(&mut self) -> Result<End, End> {
        let reply = self.bare_newline_reply();
        self.log_decision("reject", self.stage, b"bare <LF> received");
        self.reply(reply)?;
        Ok(End::Over)
    }

    /// The reply to lines that end in LF alone.
    pub fn bare_newline_reply(&self) -> String {
        let code = self.config.get(params::SMTPD_FORBID_BARE_NEWLINE_REJECT_CODE);
        format!("{code} 5.5.2 {} Error: bare <LF> received", self.host())
    }

    /// Whether a command is text.
    fn is_sound(&mut self, line: &[u8]) -> Result<bool, End> {
        if !self.config.get(params::SMTPUTF8_ENABLE) || line.to_str().is_ok() {
            return Ok(true);
        }
        self.refuse_line("500 5.5.2 Error: bad UTF-8 syntax")?;
        Ok(false)
    }

    /// A line that is no command.
    fn refuse_line(&mut self, reply: &str) -> Result<(), End> {
        self.refuse(Refusal::protocol(reply))?;
        self.counters.errors += 1;
        Ok(())
    }

    /// The command that `smtpd_command_filter` makes of a command.
    fn filtered(&self, line: BString) -> Result<BString, End> {
        let Some(filter) = &self.site.command_filter else { return Ok(line) };
        let key = text::space::trim_start(&line);
        if key.is_empty() {
            return Ok(line);
        }
        match filter.lookup(key) {
            Ok(None) => Ok(line),
            Ok(Some(new)) => {
                let (old, shown) = (text::show(start(&line)), text::show(start(&new)));
                log::info!("{}: replacing command \"{old}\" with \"{shown}\"", text::show(&self.peer.namaddr));
                Ok(new)
            }
            Err(_) => {
                log::warn!("{} lookup error for \"{}\"", text::show(filter.name()), text::show(start(&line)));
                Err(End::DataError)
            }
        }
    }

    /// A client of another protocol is sent away.
    fn refuse_other_protocols(&mut self, word: &[u8], line: &[u8]) -> Result<(), End> {
        let forbidden = || self.site.forbidden_commands.matches(word);
        if !text::header::is_header(word) && !forbidden().map_err(|_| End::DataError)? {
            return Ok(());
        }
        let shown = text::escape(line);
        let shown = &shown[..shown.len().min(SHOWN)];
        log::warn!("non-SMTP command from {}: {shown}", text::show(&self.peer.namaddr));
        self.reply("221 2.7.0 Error: I can break rules, too. Goodbye.")?;
        Err(End::Over)
    }

    /// A command that was recognised (§4.2 from step 13).
    fn carry_out(&mut self, verb: Verb, words: &[Word], line: &[u8]) -> Result<Next, End> {
        let refusal = self.refusal_of(verb);
        if let Some(refusal) = refusal {
            self.refuse(refusal)?;
            self.counters.errors += 1;
            return Ok(Next::Command);
        }
        self.stage = verb.name();
        if !self.stand_alone && (!self.extended || verb.ends_group()) {
            self.check_pipelining(false)?;
        }
        let mut next = Next::Command;
        match self.run(verb, words, line)? {
            Done::Outcome(Outcome::Good) => self.counters.succeeded(verb),
            Done::Outcome(Outcome::Bad) => self.counters.errors += 1,
            Done::NewClient => next = Next::Greeting,
        }
        if verb.is_junk() {
            self.counters.junk(self.junk_limit());
        }
        if verb == Verb::Quit {
            return Err(End::Over);
        }
        Ok(next)
    }

    /// Why a command is not even looked at.
    fn refusal_of(&self, verb: Verb) -> Option<Refusal> {
        if let Some(denied) = self.denied.as_ref().filter(|_| verb != Verb::Quit) {
            return Some(Refusal::plain(match denied.get(1..3) {
                Some(b"21") => denied.clone(),
                _ => [b"503 5.7.0 Error: access denied for ", self.peer.namaddr.as_slice()].concat().into(),
            }));
        }
        if verb == Verb::Unknown {
            return Some(Refusal::protocol("500 5.5.2 Error: command not recognized"));
        }
        let plain = self.tls.enforced && !verb.is_allowed_before_tls();
        plain.then(|| Refusal::plain("530 5.7.0 Must issue a STARTTLS command first"))
    }

    /// A client that must wait for a reply, and does not (§4.4).
    pub fn check_pipelining(&mut self, at_connect: bool) -> Result<(), End> {
        if self.improper_pipelining || !self.stream.has_input() {
            return Ok(());
        }
        if self.stream.buffered().is_empty() {
            self.stream.fill()?;
        }
        self.improper_pipelining = true;
        let stage = if at_connect && self.stage == CONNECT { CONNECT } else { self.stage };
        let pending = text::escape(start(self.stream.buffered()));
        log::info!("improper command pipelining after {stage} from {}: {pending}", text::show(&self.peer.namaddr));
        if !self.config.get(params::SMTPD_FORBID_UNAUTH_PIPELINING) {
            return Ok(());
        }
        self.reply("554 5.5.0 Error: SMTP protocol synchronization")?;
        Err(End::Over)
    }

    fn run(&mut self, verb: Verb, words: &[Word], line: &[u8]) -> Result<Done, End> {
        let arguments = &words[1..];
        let outcome = match verb {
            Verb::Helo => self.hello(arguments, false)?,
            Verb::Ehlo => self.hello(arguments, true)?,
            Verb::Xclient => match self.xclient(arguments)? {
                None => return Ok(Done::NewClient),
                Some(outcome) => outcome,
            },
            Verb::Xforward => self.xforward(arguments)?,
            Verb::Starttls => self.starttls(arguments.len())?,
            Verb::Auth => self.auth()?,
            Verb::Mail => self.mail(arguments, line)?,
            Verb::Rcpt => self.rcpt(arguments, line)?,
            Verb::Data => self.data(arguments.len())?,
            Verb::Bdat => self.bdat(arguments, line)?,
            Verb::Rset => self.rset(arguments.len())?,
            Verb::Noop => self.accept("250 2.0.0 Ok")?,
            Verb::Vrfy => self.vrfy(arguments)?,
            Verb::Etrn => self.etrn(arguments)?,
            Verb::Quit => self.quit()?,
            Verb::Help => self.help()?,
            Verb::Unknown => self.refuse(Refusal::protocol("500 5.5.2 Error: command not recognized"))?,
        };
        Ok(Done::Outcome(outcome))
    }

    /// Logs what was decided about the client's request.
    pub fn log_decision(&self, action: &str, stage: &str, text: &[u8]) {
        let transaction = self.transaction.as_ref();
        logging::emit(&Decision {
            queue_id: self.queue_id().map(AsRef::as_ref),
            action,
            stage,
            client: &self.peer.namaddr,
            text,
            sender: transaction.map(|transaction| transaction.sender.as_slice()),
            recipient: transaction.and_then(|transaction| transaction.recipient.as_ref()).map(|text| text.as_slice()),
            protocol: self.protocol(),
            helo: self.helo.as_ref().map(|text| text.as_slice()),
        });
    }

    /// A lookup that decides about the session has failed.
    pub fn data_error(&mut self) -> End {
        self.note(Class::Data);
        End::DataError
    }
}

/// What became of a command.
enum Done {
    Outcome(Outcome),
    /// The client is another now.
    NewClient,
}
