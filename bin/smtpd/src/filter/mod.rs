//! The before-queue filter (`smtpd_proxy_filter`; smtpd §10).

mod dialogue;
mod forward;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};

use bstr::{BString, ByteSlice};
use config::{Config, params};
use ipc::cleanup::{Reply, status};
use logging::event::FilterVerdict;
use smtp_protocol::server::reply::{Class, Refusal};
use text::list;

use crate::session::Session;

use dialogue::{Dialogue, Expected};
use forward::Origin;

/// What the client gets when the filter fails.
const FAILED: &str = "451 4.3.0 Error: queue file write error";
/// Commands and content are copied to the filter in pieces of this size.
const PIECE: usize = 16 * 1024;

/// A message on its way to the filter.
#[derive(Debug)]
pub struct Filter {
    way: Way,
    failed: bool,
}

#[derive(Debug)]
enum Way {
    /// The filter hears everything at once.
    Now(Box<Dialogue>),
    /// `speed_adjust`: the filter hears everything when the message is complete.
    Later(Box<Later>),
}

#[derive(Debug)]
struct Later {
    settings: dialogue::Settings,
    origin: Origin,
    /// MAIL, RCPT and DATA.
    commands: Vec<BString>,
    /// The content, in a file that has no name.
    content: File,
}

/// Checks `smtpd_proxy_options`.
///
/// # Errors
/// The text of the fatal error.
pub fn check_options(config: &Config) -> Result<(), String> {
    let value = config.get(params::SMTPD_PROXY_OPTIONS);
    match list::split(value, list::SEPARATORS).find(|word| !word.eq_ignore_ascii_case(b"speed_adjust")) {
        None => Ok(()),
        Some(word) => {
            let (word, value) = (text::show(word), text::show(value));
            Err(format!("unknown smtpd_proxy_options value \"{word}\" in \"{value}\""))
        }
    }
}

fn is_adjusting_speed(config: &Config) -> bool {
    list::split(config.get(params::SMTPD_PROXY_OPTIONS), list::SEPARATORS).next().is_some()
}

fn refusal(text: BString) -> Refusal {
    let class = if text == FAILED { Class::Software } else { Class::Policy };
    Refusal { class: Some(class), text }
}

impl Filter {
    /// Connects to the filter, says who the client is, and repeats MAIL.
    ///
    /// # Errors
    /// The reply for the client.
    pub fn open(session: &Session<'_>) -> Result<Self, Refusal> {
        let config = session.config;
        let settings = dialogue::Settings::from_config(config);
        let origin = Origin::of(session);
        let mail = session.transaction.as_ref().map(|transaction| transaction.line.clone()).unwrap_or_default();
        let way = if is_adjusting_speed(config) {
            let content = tempfile::tempfile_in("incoming").map_err(|error| log_trouble(&error))?;
            Way::Later(Box::new(Later { settings, origin, commands: vec![mail], content }))
        } else {
            let mut dialogue = Dialogue::open(settings, &origin).map_err(refusal)?;
            dialogue.command(&mail, Expected::Good).map_err(refusal)?;
            Way::Now(Box::new(dialogue))
        };
        Ok(Self { way, failed: false })
    }

    /// Repeats RCPT.
    ///
    /// # Errors
    /// The reply for the client.
    pub fn recipient(&mut self, line: &[u8]) -> Result<(), Refusal> {
        self.repeat(line, Expected::Good)
    }

    /// Begins the content.
    ///
    /// # Errors
    /// The reply for the client.
    pub fn data(&mut self) -> Result<(), Refusal> {
        self.repeat(b"DATA", Expected::More)
    }

    fn repeat(&mut self, line: &[u8], expected: Expected) -> Result<(), Refusal> {
        match &mut self.way {
            Way::Now(dialogue) => dialogue.command(line, expected).map(|_| ()).map_err(refusal),
            Way::Later(later) => {
                later.commands.push(line.into());
                Ok(())
            }
        }
    }

    /// Sends a line of content, or a piece of one. Leading dots are there already.
    pub fn content(&mut self, text: &[u8], whole: bool) {
        if self.failed {
            return;
        }
        let end = if whole { b"\r\n".as_slice() } else { b"" };
        let result = match &mut self.way {
            Way::Now(dialogue) => dialogue.write(text).and_then(|()| dialogue.write(end)),
            Way::Later(later) => {
                let write = later.content.write_all(text).and_then(|()| later.content.write_all(end));
                write.map_err(|error| log_trouble(&error).text)
            }
        };
        self.failed = result.is_err();
    }

    /// Whether everything so far could be sent.
    pub fn is_good(&self) -> bool {
        !self.failed
    }

    /// Ends the content. The reason of the reply is what the client gets.
    pub fn finish(self) -> Reply {
        let mut dialogue = match self.way {
            _ if self.failed => return failed(FAILED.into()),
            Way::Now(dialogue) => *dialogue,
            Way::Later(later) => match later.replay() {
                Ok(dialogue) => dialogue,
                Err(text) => return failed(text),
            },
        };
        match dialogue.command(b".", Expected::Anything) {
            Ok(reply) if reply.starts_with(b"2") => Reply { status: 0, reason: reply },
            Ok(reply) => Reply { status: status::CONT, reason: reply },
            Err(text) => failed(text),
        }
    }
}

fn failed(reason: BString) -> Reply {
    let bit = if reason == FAILED { status::PROXY } else { status::CONT };
    Reply { status: bit, reason }
}

fn log_trouble(error: &std::io::Error) -> Refusal {
    log::warn!("proxy speed-adjust log I/O error: {}", sys::reason(error));
    refusal(FAILED.into())
}

impl Later {
    /// Tells the filter what it has missed, up to the lone dot. The error is the reply for the client.
    fn replay(mut self) -> Result<Dialogue, BString> {
        let mut dialogue = Dialogue::open(self.settings, &self.origin)?;
        let last = self.commands.len().saturating_sub(1);
        for (at, command) in self.commands.iter().enumerate() {
            dialogue.command(command, if at == last { Expected::More } else { Expected::Good })?;
        }
        let trouble = |error: std::io::Error| log_trouble(&error).text;
        self.content.seek(SeekFrom::Start(0)).map_err(trouble)?;
        let mut piece = vec![0; PIECE];
        loop {
            match self.content.read(&mut piece).map_err(trouble)? {
                0 => return Ok(dialogue),
                length => dialogue.write(&piece[..length])?,
            }
        }
    }
}

impl Session<'_> {
    /// Whether a filter takes the message while it arrives.
    pub fn is_filtered_at_once(&self) -> bool {
        self.is_filtered() && !is_adjusting_speed(self.config)
    }

    /// Logs what the filter said about a message.
    pub fn log_filter_verdict(&self, reply: &Reply) {
        let Some(transaction) = self.transaction.as_ref().filter(|_| !reply.reason.is_empty()) else { return };
        logging::emit(&FilterVerdict {
            accepted: reply.status == 0,
            reply: &reply.reason.replace("\r\n", " "),
            sender: Some(&transaction.sender),
            recipient: transaction.recipient.as_ref().map(|text| text.as_slice()),
            protocol: self.protocol(),
            helo: self.helo.as_ref().map(|text| text.as_slice()),
            sasl_username: self.login.as_ref().map(|login| login.user.as_slice()),
        });
    }
}
