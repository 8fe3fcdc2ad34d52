//! The command line of a daemon (master-ipc §8.2).

use std::num::NonZeroUsize;

use bstr::BString;
use text::getopt::{Getopt, Opt};
use text::split_name_value;

use crate::daemon::Transport;

const LETTERS: &str = "cdDi:lm:n:o:r:s:St:uvVz";

/// What the command line says. Everything that is not given has its default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) chroot: bool,
    pub(crate) quiet_terminal: bool,
    pub(crate) debugger: bool,
    pub(crate) max_idle: Option<BString>,
    pub(crate) max_use: Option<BString>,
    pub(crate) one_process: bool,
    pub(crate) no_limit: bool,
    pub(crate) service: Option<BString>,
    pub(crate) overrides: Vec<(BString, BString)>,
    pub(crate) retirement: Option<u64>,
    pub(crate) sockets: Option<NonZeroUsize>,
    pub(crate) stand_alone: bool,
    pub(crate) transport: Option<BString>,
    pub(crate) unprivileged: bool,
    pub(crate) verbosity: u32,
    pub(crate) log_to_stderr: bool,
    pub(crate) arguments: Vec<BString>,
}

impl Options {
    /// Reads the words behind the program's name.
    ///
    /// # Errors
    /// The text of the fatal error.
    pub(crate) fn parse(words: &[BString]) -> Result<Self, String> {
        let mut options = Self::default();
        let mut parser = Getopt::new(words, LETTERS);
        for option in parser.by_ref() {
            let option = option.map_err(|error| match error {
                text::getopt::Error::Invalid(letter) | text::getopt::Error::MissingArgument(letter) => {
                    format!("invalid option: {}", text::show(&[letter]))
                }
            })?;
            options.take(option)?;
        }
        options.arguments = parser.operands().to_vec();
        Ok(options)
    }

    fn take(&mut self, option: Opt<'_>) -> Result<(), String> {
        let value = option.value;
        match option.letter {
            b'c' => self.chroot = true,
            b'd' => self.quiet_terminal = true,
            b'D' => self.debugger = true,
            b'i' => self.max_idle = Some(value.into()),
            b'l' => self.one_process = true,
            b'm' => self.max_use = Some(value.into()),
            b'n' => self.service = Some(value.into()),
            b'o' => self.overrides.push(parse_override(value)?),
            b'r' => self.retirement = Some(positive(value, "invalid retirement time")? as u64),
            b's' => self.sockets = NonZeroUsize::new(positive(value, "invalid socket_count")?),
            b'S' => self.stand_alone = true,
            b't' => self.transport = Some(value.into()),
            b'u' => self.unprivileged = true,
            b'v' => self.verbosity += 1,
            b'V' => self.log_to_stderr = true,
            b'z' => self.no_limit = true,
            letter => return Err(format!("invalid option: {}", char::from(letter))),
        }
        Ok(())
    }

    /// The transport, which must be one that the frame serves. A stand-alone daemon has none.
    ///
    /// # Errors
    /// The text of the fatal error.
    pub(crate) fn transport(&self, accepted: &[Transport]) -> Result<Option<Transport>, String> {
        if self.stand_alone {
            return Ok(None);
        }
        let name = self.transport.as_ref().ok_or("no transport type specified")?;
        match Transport::from_name(name) {
            Some(transport) if accepted.contains(&transport) => Ok(Some(transport)),
            _ => Err(format!("unsupported transport type: {}", text::show(name))),
        }
    }
}

fn parse_override(value: &[u8]) -> Result<(BString, BString), String> {
    match split_name_value(value) {
        Ok((name, value)) => Ok((name.into(), value.into())),
        Err(error) => Err(format!("invalid \"-o {}\" option value: {error}", text::show(value))),
    }
}

fn positive(value: &[u8], complaint: &str) -> Result<usize, String> {
    std::str::from_utf8(value)
        .ok()
        .and_then(|text| text.parse().ok())
        .filter(|number| *number > 0)
        .ok_or_else(|| format!("{complaint}: {}", text::show(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Options, String> {
        Options::parse(&words.iter().map(|word| BString::from(*word)).collect::<Vec<_>>())
    }

    #[test]
    fn what_master_passes_is_understood() {
        let options =
            parse(&["-n", "smtp", "-t", "inet", "-u", "-c", "-o", "stress=", "-s", "2", "-o", "a = b c"]).unwrap();
        assert_eq!(options.service.as_deref().unwrap(), b"smtp");
        assert_eq!(options.sockets, NonZeroUsize::new(2));
        assert_eq!(options.overrides, [("stress".into(), "".into()), ("a".into(), "b c".into())]);
        assert!(options.chroot && options.unprivileged);
        assert_eq!(options.transport(&[Transport::Inet]), Ok(Some(Transport::Inet)));
    }

    #[test]
    fn errors_have_their_texts() {
        assert_eq!(parse(&["-x"]).unwrap_err(), "invalid option: x");
        assert_eq!(parse(&["-s", "0"]).unwrap_err(), "invalid socket_count: 0");
        assert_eq!(parse(&["-r", "x"]).unwrap_err(), "invalid retirement time: x");
        assert_eq!(parse(&["-o", "a"]).unwrap_err(), "invalid \"-o a\" option value: missing '=' after attribute name");
        assert_eq!(parse(&[]).unwrap().transport(&[]).unwrap_err(), "no transport type specified");
        assert_eq!(parse(&["-t", "tcp"]).unwrap().transport(&[]).unwrap_err(), "unsupported transport type: tcp");
    }
}
