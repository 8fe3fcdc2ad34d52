//! The command line (smtpd §15.1).

use std::time::Duration;

use bstr::{BString, ByteSlice};
use command::Invocation;
use logging::fatal;
use smtp_protocol::load::Families;
use smtp_protocol::sink::Place;
use text::getopt::Getopt;

use crate::verb::{Verb, Verbs};

const LETTERS: &str = "468aA:b:B:cCd:D:eEf:Fh:H:Lm:M:n:Npq:PQ:r:R:s:S:t:T:u:vw:W:";
const USAGE: &str = "[-468acCeEFLpPv] [-A abort_delay] [-b soft_bounce_reply] [-B hard_bounce_reply] [-d dump-template] \
                     [-D dump-template] [-f commands] [-h hostname] [-m max_concurrency] [-M message_quit_count] [-n quit_count] \
                     [-q commands] [-r commands] [-R root-dir] [-s commands] [-S start-string] [-u user_privs] [-w delay] \
                     [host]:port backlog";

/// Where messages are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dump {
    /// Each in a file of its own.
    Single(BString),
    /// All in one.
    Shared(BString),
}

/// How long a reply waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    /// The command that it is to.
    pub verb: Verb,
    /// The time.
    pub time: Duration,
    /// How likely, in percent, it is that the time is added once more; again and again.
    pub odds: u64,
}

/// What the command line says.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "each is an option letter")]
pub struct Options {
    pub place: Place,
    pub no_8bitmime: bool,
    pub no_auth: bool,
    pub no_esmtp: bool,
    pub no_statuses: bool,
    pub no_dsn: bool,
    pub no_pipelining: bool,
    pub no_xclient: bool,
    pub no_xforward: bool,
    pub masked: bool,
    pub lmtp: bool,
    pub count: bool,
    pub abort_delay: Option<Duration>,
    pub soft_reply: BString,
    pub hard_reply: BString,
    pub hard: Verbs,
    pub soft: Verbs,
    pub drop: Verbs,
    pub goodbye: Verbs,
    pub logged: Verbs,
    pub dump: Option<Dump>,
    pub start: Vec<u8>,
    pub host_name: BString,
    pub read_delay: Duration,
    pub max_clients: usize,
    pub max_messages: u64,
    pub max_quits: u64,
    pub root: Option<BString>,
    pub user: Option<BString>,
    pub time_limit: Duration,
    pub delays: Vec<Delay>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            place: Place { endpoint: BString::default(), backlog: 0, families: Families::All, window: 0 },
            no_8bitmime: false,
            no_auth: false,
            no_esmtp: false,
            no_statuses: false,
            no_dsn: false,
            no_pipelining: false,
            no_xclient: false,
            no_xforward: false,
            masked: false,
            lmtp: false,
            count: false,
            abort_delay: None,
            soft_reply: "450 4.3.0 Error: command failed".into(),
            hard_reply: "500 5.3.0 Error: command failed".into(),
            hard: Verbs::default(),
            soft: Verbs::default(),
            drop: Verbs::default(),
            goodbye: Verbs::default(),
            logged: Verbs::default(),
            dump: None,
            start: Vec::new(),
            host_name: "smtp-sink".into(),
            read_delay: Duration::ZERO,
            max_clients: 256,
            max_messages: 0,
            max_quits: 0,
            root: None,
            user: None,
            time_limit: Duration::from_secs(100),
            delays: Vec::new(),
        }
    }
}

impl Options {
    /// Reads the command line. What makes no sense is fatal.
    pub fn parse(invocation: &Invocation) -> Self {
        let usage = || -> ! { fatal!("usage: {} {USAGE}", text::show(&invocation.name)) };
        let mut options = Options::default();
        let mut parser = Getopt::new(&invocation.args, LETTERS);
        for option in parser.by_ref() {
            let option = option.unwrap_or_else(|error| {
                invocation.report(error);
                usage()
            });
            if !options.flag(option.letter) && options.value(option.letter, option.value).is_err() {
                usage();
            }
        }
        let [endpoint, backlog] = parser.operands() else { usage() };
        let Some(place) = Place::parse(endpoint, backlog) else { usage() };
        options.place = Place { families: options.place.families, window: options.place.window, ..place };
        options
    }

    /// A letter without an argument; false for others.
    fn flag(&mut self, letter: u8) -> bool {
        match letter {
            b'4' => self.place.families = Families::Ipv4,
            b'6' => self.place.families = Families::Ipv6,
            b'8' => self.no_8bitmime = true,
            b'a' => self.no_auth = true,
            b'c' => self.count = true,
            b'C' => self.no_xclient = true,
            b'e' => self.no_esmtp = true,
            b'E' => self.no_statuses = true,
            b'F' => self.no_xforward = true,
            b'L' => self.lmtp = true,
            b'N' => self.no_dsn = true,
            b'p' => self.no_pipelining = true,
            b'P' => (self.masked, self.no_esmtp) = (true, true),
            b'v' => logging::set_verbosity(logging::verbosity() + 1),
            _ => return false,
        }
        true
    }

    fn value(&mut self, letter: u8, value: &[u8]) -> Result<(), ()> {
        let seconds = || number(value).map(Duration::from_secs).ok_or(());
        match letter {
            b'A' => self.abort_delay = Some(seconds()?),
            b'b' => self.soft_reply = reply("soft", b'4', value)?,
            b'B' => self.hard_reply = reply("hard", b'5', value)?,
            b'd' => self.set_dump(Dump::Single(value.into()))?,
            b'D' => self.set_dump(Dump::Shared(value.into()))?,
            b'f' => (self.no_pipelining, self.hard) = (true, verbs(self.hard, value)),
            b'r' => (self.no_pipelining, self.soft) = (true, verbs(self.soft, value)),
            b'q' => self.drop = verbs(self.drop, value),
            b'Q' => self.goodbye = verbs(self.goodbye, value),
            b's' => self.logged = verbs(self.logged, value),
            b'h' => self.host_name = value.into(),
            b'H' => self.read_delay = seconds()?,
            b'm' => self.max_clients = number(value).filter(|count| *count > 0).ok_or(())? as usize,
            b'M' => self.max_messages = number(value).filter(|count| *count > 0).ok_or(())?,
            b'n' => self.max_quits = number(value).filter(|count| *count > 0).ok_or(())?,
            b'R' => self.root = Some(value.into()),
            b'S' => self.start = text::unescape(value),
            b't' => self.time_limit = seconds()?,
            b'T' => self.place.window = number(value).ok_or(())? as usize,
            b'u' => self.user = Some(value.into()),
            b'w' => self.delays.push(Delay { verb: Verb::Data, time: seconds()?, odds: 0 }),
            b'W' => self.delays.push(delay(value)?),
            _ => return Err(()),
        }
        Ok(())
    }

    fn set_dump(&mut self, dump: Dump) -> Result<(), ()> {
        let kind = |dump: &Dump| matches!(dump, Dump::Single(_));
        if self.dump.as_ref().is_some_and(|old| kind(old) != kind(&dump)) {
            return Err(());
        }
        self.dump = Some(dump);
        Ok(())
    }
}

fn verbs(mut verbs: Verbs, words: &[u8]) -> Verbs {
    if let Err(word) = verbs.add(words) {
        fatal!("unknown command: {}", text::show(word));
    }
    verbs
}

/// A text that begins with a code of the right class.
fn reply(kind: &str, class: u8, value: &[u8]) -> Result<BString, ()> {
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 3 && value[0] == class {
        return Ok(value.into());
    }
    log::error!("bad {kind} error reply: {}", text::show(value));
    Err(())
}

/// `command:seconds[:odds]`.
fn delay(value: &[u8]) -> Result<Delay, ()> {
    let mut parts = value.split_str(":");
    let verb = parts.next().and_then(Verb::from_name).ok_or(())?;
    let time = parts.next().and_then(number).map(Duration::from_secs).ok_or(())?;
    let odds = match parts.next() {
        Some(odds) => number(odds).filter(|odds| (1..100).contains(odds)).ok_or(())?,
        None => 0,
    };
    if parts.next().is_some() { Err(()) } else { Ok(Delay { verb, time, odds }) }
}

fn number(text: &[u8]) -> Option<u64> {
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    is_number.then(|| text.to_str().ok()?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        assert_eq!(delay(b"rcpt:3:50"), Ok(Delay { verb: Verb::Rcpt, time: Duration::from_secs(3), odds: 50 }));
        assert!(delay(b"rcpt").is_err() && delay(b"rcpt:1:100").is_err() && delay(b"x:1").is_err());
        assert_eq!(reply("soft", b'4', b"451 nope"), Ok("451 nope".into()));
        assert!(reply("soft", b'4', b"550 nope").is_err() && reply("hard", b'5', b"5505 x").is_err());
        assert_eq!(number(b"12"), Some(12));
        assert_eq!(number(b"-1"), None);
    }
}
