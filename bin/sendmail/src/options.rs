//! The command line (queue-files §9.1, §9.2).

use std::process::exit;

use bstr::{BStr, BString, ByteSlice};
use command::Invocation;
use config::{Config, params};
use queue::attribute::{TRACE_RECORD, TRACE_VERIFY_ONLY};
use text::getopt::Getopt;

use crate::verp;

const LETTERS: &str = "A:B:C:F:GIL:N:O:R:UV:X:b:ce:f:h:imno:p:r:q:tvx";
/// Longest DSN envelope ID that is taken, in bytes.
const MAX_ENVELOPE_ID: usize = 100;

/// What the program is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Submit a message.
    Deliver,
    /// Show the queue.
    List,
    /// Try all of the queue now.
    Flush,
    /// Try mail for a site now.
    FlushSite(BString),
    /// Try one message now.
    FlushMessage(BString),
    /// Start the mail system.
    Daemon,
    /// Rebuild the alias database.
    NewAliases,
    /// Talk SMTP on standard input and output.
    StandAlone,
}

/// The command line.
#[derive(Clone, Debug)]
pub struct Options {
    /// What to do.
    pub mode: Mode,
    /// `-B`: value of the `encoding` attribute.
    pub encoding: Option<&'static str>,
    /// `-F`: full name of the sender.
    pub full_name: Option<BString>,
    /// `-f`, `-r`: envelope sender.
    pub sender: Option<BString>,
    /// `-G`: mail from elsewhere.
    pub is_remote: bool,
    /// `-i`: a dot alone is text.
    pub ignore_dots: bool,
    /// `-N`: DSN NOTIFY bits.
    pub notify: i32,
    /// `-oA`: alias database.
    pub alias_database: Option<BString>,
    /// `-R`: DSN RET value, 1 = FULL, 2 = HDRS.
    pub ret: Option<i32>,
    /// `-t`: recipients from the message's header.
    pub extract_recipients: bool,
    /// `-V`: DSN envelope ID.
    pub envelope_id: Option<BString>,
    /// `-XV`: VERP delimiters.
    pub verp: Option<BString>,
    /// `trace_flags` bits; 0 for none.
    pub trace: u32,
    /// How many `-v` are left for logging.
    pub verbosity: u32,
    /// Words behind the options.
    pub operands: Vec<BString>,
}

/// `-C` counts before anything else, since it says where main.cf is.
pub fn use_config_directory(invocation: &Invocation) {
    let mut words = Getopt::new(&invocation.args, LETTERS);
    loop {
        if words.next_word().is_some_and(|word| word == "-q") {
            words.take_word();
            continue;
        }
        match words.next() {
            Some(Ok(option)) if option.letter == b'C' => {
                command::use_config_directory(config_directory(option.value));
            }
            Some(Ok(_)) => {}
            // The C library complains in each of the two passes.
            Some(Err(error)) => invocation.report(error),
            None => break,
        }
    }
}

/// The directory itself, or that of a main.cf.
fn config_directory(path: &BStr) -> &[u8] {
    match path.rsplit_once_str("/") {
        Some((directory, b"main.cf")) => directory,
        None if path == "main.cf" => b".",
        _ => path,
    }
}

impl Options {
    /// Reads the command line; ends the program when it makes no sense.
    pub fn parse(invocation: &Invocation, config: &Config) -> Options {
        let mut parser = Parser {
            config,
            options: Options::default_for(invocation.base_name()),
            site: None,
            message: None,
            verbose: if std::env::var_os("MAIL_VERBOSE").is_some() && !sys::privilege::is_set_id() { 1 } else { 0 },
        };
        let mut words = Getopt::new(&invocation.args, LETTERS);
        loop {
            if let Some(word) = words.next_word()
                && parser.take_special(word, words.operands().get(1))
            {
                words.take_word();
                continue;
            }
            match words.next() {
                Some(Ok(option)) => parser.take(option.letter, option.value),
                Some(Err(error)) => {
                    invocation.report(error);
                    logging::fatal!("usage: {} [options]", text::show(&invocation.name));
                }
                None => break,
            }
        }
        parser.options.operands = words.operands().to_vec();
        parser.finish()
    }

    fn default_for(name: &BStr) -> Options {
        let mode = match name.as_bytes() {
            b"mailq" => Mode::List,
            b"newaliases" => Mode::NewAliases,
            b"smtpd" => Mode::Daemon,
            _ => Mode::Deliver,
        };
        Options {
            mode,
            encoding: None,
            full_name: None,
            sender: None,
            is_remote: false,
            ignore_dots: false,
            notify: 0,
            alias_database: None,
            ret: None,
            extract_recipients: false,
            envelope_id: None,
            verp: None,
            trace: 0,
            verbosity: 0,
            operands: Vec::new(),
        }
    }
}

struct Parser<'a> {
    config: &'a Config,
    options: Options,
    site: Option<BString>,
    message: Option<BString>,
    verbose: u32,
}

impl Parser<'_> {
    /// Words that getopt(3) would read otherwise. `following` is the word behind.
    fn take_special(&mut self, word: &BString, following: Option<&BString>) -> bool {
        match word.as_slice() {
            b"-q" => {
                if self.options.mode == Mode::Daemon {
                    log::warn!("ignoring -q option in daemon mode");
                } else {
                    self.options.mode = Mode::Flush;
                }
            }
            b"-XV" => self.options.verp = Some(self.default_verp_delimiters()),
            b"-V" if following.is_some_and(|following| following.len() == 2) => {
                log::warn!("option -V is deprecated with Postfix 2.3; specify -XV instead");
                self.options.verp = Some(self.default_verp_delimiters());
            }
            [b'-', b'V', rest @ ..] if rest.len() == 2 => {
                let shown = text::show(rest);
                log::warn!("option -V{shown} is deprecated with Postfix 2.3; specify -XV{shown} instead");
                self.options.verp = Some(verp::check(rest, self.config));
            }
            _ => return false,
        }
        true
    }

    fn default_verp_delimiters(&self) -> BString {
        self.config.get(params::DEFAULT_VERP_DELIMITERS).to_owned()
    }

    fn take(&mut self, letter: u8, value: &BStr) {
        let options = &mut self.options;
        match letter {
            b'B' => options.encoding = Some(encoding(value)),
            b'C' => {}
            b'F' => options.full_name = Some(value.to_owned()),
            b'G' => options.is_remote = true,
            b'I' => options.mode = Mode::NewAliases,
            b'N' => self.take_notify(value),
            b'O' => {}
            b'R' => self.take_ret(value),
            b'V' => self.take_envelope_id(value),
            b'X' => match value.strip_prefix(b"V") {
                Some(delimiters) => options.verp = Some(verp::check(delimiters, self.config)),
                None => logging::fatal!("unsupported: -X{}", first(value)),
            },
            b'b' => self.take_mode(value),
            b'f' | b'r' => options.sender = Some(value.to_owned()),
            b'i' => options.ignore_dots = true,
            b'n' => logging::fatal!("-n option not supported"),
            b'o' => self.take_old_option(value),
            b'q' => self.take_queue_option(value),
            b't' => options.extract_recipients = true,
            b'v' => self.verbose += 1,
            _ => log::debug!("-{} option ignored", char::from(letter)),
        }
    }

    fn take_notify(&mut self, list: &BStr) {
        match notify(list) {
            Some(bits) => self.options.notify = bits,
            None => log::warn!("bad -N option value -- ignored"),
        }
    }

    fn take_ret(&mut self, value: &BStr) {
        match value.to_ascii_lowercase().as_slice() {
            b"full" => self.options.ret = Some(ipc::bounce::ret::FULL),
            b"hdrs" => self.options.ret = Some(ipc::bounce::ret::HDRS),
            _ => log::warn!("bad -R option value -- ignored"),
        }
    }

    fn take_envelope_id(&mut self, value: &BStr) {
        if value.len() > MAX_ENVELOPE_ID {
            log::warn!("too long -V option value -- ignored");
        } else if !value.iter().all(|byte| matches!(byte, b' '..=b'~')) {
            log::warn!("bad syntax in -V option value -- ignored");
        } else {
            self.options.envelope_id = Some(value.to_owned());
        }
    }

    fn take_mode(&mut self, value: &BStr) {
        match value.first() {
            Some(b'd' | b'l') => {
                if self.options.mode == Mode::Flush {
                    log::warn!("ignoring -q option in daemon mode");
                }
                self.options.mode = Mode::Daemon;
            }
            Some(b'h' | b'H') => exit(0),
            Some(b'i') => self.options.mode = Mode::NewAliases,
            Some(b'm') => self.options.mode = Mode::Deliver,
            Some(b'p') => self.options.mode = Mode::List,
            Some(b's') => self.options.mode = Mode::StandAlone,
            Some(b'v') => self.options.trace |= TRACE_VERIFY_ONLY,
            _ => logging::fatal!("unsupported: -b{}", first(value)),
        }
    }

    fn take_old_option(&mut self, value: &BStr) {
        match value.as_bytes() {
            b"A" => logging::fatal!("-oA requires pathname"),
            [b'A', path @ ..] => self.options.alias_database = Some(path.into()),
            [b'i', ..] => self.options.ignore_dots = true,
            [b'7' | b'8' | b'm', ..] => {}
            _ => log::debug!("-o{} option ignored", first(value)),
        }
    }

    fn take_queue_option(&mut self, value: &BStr) {
        match value.as_bytes() {
            // An interval: a daemon tries again by itself, and for anything else there is nothing to do.
            [b'0'..=b'9', ..] if self.options.mode == Mode::Daemon => {}
            [b'0'..=b'9', ..] => exit(0),
            b"R" => logging::fatal!("specify: -qRsitename"),
            [b'R', site @ ..] => self.site = Some(site.into()),
            b"I" => logging::fatal!("specify: -qIqueueid"),
            [b'I', id @ ..] => self.message = Some(id.into()),
            _ => logging::fatal!("-q{} is not implemented", first(value)),
        }
    }

    /// What the options mean together.
    fn finish(mut self) -> Options {
        let is_deliver = self.options.mode == Mode::Deliver;
        for (is_given, text) in [
            (self.options.extract_recipients, "-t can be used only in delivery mode"),
            (self.site.is_some(), "-qR can be used only in delivery mode"),
            (self.message.is_some(), "-qI can be used only in delivery mode"),
        ] {
            if is_given && !is_deliver {
                logging::fatal!("{text}");
            }
        }
        if self.options.trace & TRACE_VERIFY_ONLY != 0 {
            self.check_verify_only();
        }
        // One -v asks for a report; more ask for details in the log.
        if is_deliver && self.verbose == 1 {
            self.options.trace |= TRACE_RECORD;
            self.verbose = 0;
        }
        self.options.verbosity = self.verbose;
        logging::set_verbosity(self.verbose);
        if let Some(site) = self.site {
            self.options.mode = Mode::FlushSite(site);
        } else if let Some(id) = self.message {
            self.options.mode = Mode::FlushMessage(id);
        }
        self.options
    }

    fn check_verify_only(&self) {
        for (is_given, letter) in [
            (self.options.extract_recipients, 't'),
            (self.options.notify != 0, 'N'),
            (self.options.ret.is_some(), 'R'),
            (self.verbose == 1, 'v'),
        ] {
            if is_given {
                logging::fatal!("-{letter} option cannot be used with -bv");
            }
        }
    }
}

fn encoding(value: &BStr) -> &'static str {
    match value.as_bytes() {
        b"8BITMIME" => "8bit",
        b"7BIT" => "7bit",
        _ => logging::fatal!("-B option needs 8BITMIME or 7BIT"),
    }
}

/// The bits of a NOTIFY list; `None` when it makes no sense.
fn notify(list: &BStr) -> Option<i32> {
    let mut bits = 0;
    for word in text::list::split(list, b", \t\r\n") {
        bits |= match word.to_ascii_lowercase().as_slice() {
            b"never" => ipc::bounce::notify::NEVER,
            b"success" => ipc::bounce::notify::SUCCESS,
            b"failure" => ipc::bounce::notify::FAILURE,
            b"delay" => ipc::bounce::notify::DELAY,
            _ => {
                let (word, list) = (text::show(word), text::show(list));
                log::warn!("unknown DSN NOTIFY command value \"{word}\" in \"{list}\"");
                return None;
            }
        };
    }
    let never = ipc::bounce::notify::NEVER;
    (bits != 0 && (bits & never == 0 || bits == never)).then_some(bits)
}

/// The first character of an option's value, as messages show it.
fn first(value: &BStr) -> text::Show<'_> {
    text::show(&value[..value.len().min(1)])
}
