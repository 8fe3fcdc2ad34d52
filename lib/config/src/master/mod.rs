//! master.cf (master-ipc §7).

mod endpoint;

use std::borrow::Cow;

use bstr::{BStr, BString, ByteSlice};
use text::level::Level;
use text::list::{self, BraceError};
use text::show;
use thiserror::Error;

use crate::error::Error;
use crate::main_cf;

pub use endpoint::{Endpoint, EndpointError};

/// The name of the file in the configuration directory.
pub const FILE_NAME: &str = "master.cf";

/// The largest number of seconds or processes.
const MAX_NUMBER: u32 = i32::MAX as u32;

/// What clients connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// TCP.
    Inet,
    /// A UNIX-domain stream socket.
    Unix,
    /// A UNIX-domain datagram socket.
    UnixDatagram,
    /// A named pipe.
    Fifo,
    /// A UNIX-domain socket that gets connections from another process.
    Pass,
}

impl Transport {
    /// Reads field 2.
    pub fn parse(text: &[u8]) -> Option<Self> {
        Some(match text {
            b"inet" => Transport::Inet,
            b"unix" => Transport::Unix,
            b"unix-dgram" => Transport::UnixDatagram,
            b"fifo" => Transport::Fifo,
            b"pass" => Transport::Pass,
            _ => return None,
        })
    }

    /// The text of field 2.
    pub fn name(self) -> &'static str {
        match self {
            Transport::Inet => "inet",
            Transport::Unix => "unix",
            Transport::UnixDatagram => "unix-dgram",
            Transport::Fifo => "fifo",
            Transport::Pass => "pass",
        }
    }
}

/// A service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The number of its first line.
    pub line: usize,
    /// Field 1 as it is written: `[host:]port`, or a name below `private/` or `public/`.
    pub name: BString,
    /// Field 2.
    pub transport: Transport,
    /// Field 3: only the mail system may connect.
    pub private: bool,
    /// Field 4: the process runs as the mail owner.
    pub unprivileged: bool,
    /// Field 5: the process runs in the queue directory as its root.
    pub chroot: bool,
    /// Field 6: seconds between wake-up calls; 0 for none.
    pub wakeup: u32,
    /// Whether calls are made only once the service has been used.
    pub wakeup_if_used: bool,
    /// Field 7: how many processes there may be; 0 for no limit.
    pub process_limit: u32,
    /// Field 8.
    pub command: BString,
    /// The rest, without outer braces.
    pub arguments: Vec<BString>,
}

/// What `-` means in fields that have a default of their own.
#[derive(Clone, Copy, Debug)]
pub struct Defaults {
    /// The compatibility level, which decides about chroot.
    pub level: Level,
    /// default_process_limit.
    pub process_limit: u32,
}

/// Why a line cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Problem {
    /// The line ends too early.
    #[error("missing \"{0}\" field")]
    Missing(&'static str),
    /// `-` where something must be said.
    #[error("field \"{0}\" has no default value")]
    NoDefault(&'static str),
    /// A value that the field cannot have.
    #[error("field \"{0}\": bad value: \"{v}\"", v = show(.1))]
    Value(&'static str, BString),
    /// An unknown type.
    #[error("bad transport type: {}", show(.0))]
    Type(BString),
    /// An inet service with `y` or `-` in field 3.
    #[error("inet service cannot be private")]
    PrivateInet,
    /// A name that is no host and port.
    #[error("{0} in \"{v}\"", v = show(.1))]
    Endpoint(EndpointError, BString),
    /// Braces that do not match.
    #[error(transparent)]
    Braces(#[from] BraceError),
}

/// Reads all of master.cf. `path` is the file's name in messages; text that continues nothing is logged and left out, and
/// a chroot field that has an old default is noted.
///
/// # Errors
/// [`Error::Master`] for the first line that cannot be used.
pub fn parse(path: &str, text: &[u8], defaults: &Defaults) -> Result<Vec<Entry>, Error> {
    let entry = |(line, content): (usize, Cow<'_, [u8]>)| {
        parse_line(&content, line, defaults, path).map_err(|problem| Error::Master {
            path: path.to_owned(),
            line,
            problem,
        })
    };
    main_cf::lines(path, text).map(entry).collect()
}

fn parse_line(text: &[u8], line: usize, defaults: &Defaults, path: &str) -> Result<Entry, Problem> {
    // Braces group words in arguments only, not in fields.
    let mut rest = text;
    let mut field = |name: &'static str| match list::next_word(&mut rest, list::BLANKS) {
        Some(text) => Ok(Field { name, text: text.as_bstr() }),
        None => Err(Problem::Missing(name)),
    };
    let name = field("service name")?.text;
    let transport = field("transport type")?.required()?;
    let transport = Transport::parse(transport).ok_or_else(|| Problem::Type(transport.into()))?;
    let private = field("private")?.flag(true)?;
    if transport == Transport::Inet {
        if private {
            return Err(Problem::PrivateInet);
        }
        Endpoint::parse(name).map_err(|problem| Problem::Endpoint(problem, name.into()))?;
    }
    let unprivileged = field("unprivileged")?.flag(true)?;
    let chroot = field("chroot")?;
    let old_chroot = defaults.level < Level::new(1, 0, 0);
    if chroot.text == "-" && old_chroot {
        log::info!("{path}: line {line}: using backwards-compatible default setting chroot=y");
    }
    let chroot = chroot.flag(old_chroot)?;
    let wakeup = field("wakeup_time")?;
    let wakeup_if_used = wakeup.text.ends_with(b"?");
    let wakeup = wakeup.number(0)?;
    let process_limit = field("max_proc")?.number(defaults.process_limit)?;
    let command = field("command")?.required()?.into();
    let arguments = list::split_braced(rest, list::BLANKS).map(argument).collect::<Result<_, _>>()?;
    let wakeup_if_used = wakeup_if_used && wakeup > 0;
    Ok(Entry {
        line,
        name: name.into(),
        transport,
        private,
        unprivileged,
        chroot,
        wakeup,
        wakeup_if_used,
        process_limit,
        command,
        arguments,
    })
}

fn argument(word: &[u8]) -> Result<BString, BraceError> {
    if word.first() == Some(&b'{') { list::unbrace(word).map(BString::from) } else { Ok(word.into()) }
}

struct Field<'a> {
    name: &'static str,
    text: &'a BStr,
}

impl<'a> Field<'a> {
    fn required(self) -> Result<&'a [u8], Problem> {
        if self.text == "-" { Err(Problem::NoDefault(self.name)) } else { Ok(self.text) }
    }

    fn flag(&self, default: bool) -> Result<bool, Problem> {
        match self.text.as_bytes() {
            b"-" => Ok(default),
            b"y" => Ok(true),
            b"n" => Ok(false),
            _ => Err(self.bad()),
        }
    }

    /// The number that the field begins with; one that is too large is as large as can be.
    fn number(&self, default: u32) -> Result<u32, Problem> {
        if self.text == "-" {
            return Ok(default);
        }
        let digits = self.text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return Err(self.bad());
        }
        let number = self.text[..digits].to_str().ok().and_then(|digits| digits.parse::<u32>().ok());
        Ok(number.unwrap_or(MAX_NUMBER).min(MAX_NUMBER))
    }

    fn bad(&self) -> Problem {
        Problem::Value(self.name, self.text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULTS: Defaults = Defaults { level: Level::new(3, 6, 0), process_limit: 100 };

    fn read(text: &str) -> Result<Vec<Entry>, String> {
        parse("/m", text.as_bytes(), &DEFAULTS).map_err(|error| error.to_string())
    }

    #[test]
    fn fields_and_defaults() {
        let entries =
            read("smtp inet n - - - - smtpd\n# x\n  -o { a = b c }\ntlsmgr unix - - n 1000? 1 tlsmgr\n").unwrap();
        assert_eq!(entries[0].arguments, ["-o", "a = b c"]);
        assert_eq!((entries[0].process_limit, entries[0].chroot, entries[0].unprivileged), (100, false, true));
        assert_eq!((entries[1].wakeup, entries[1].wakeup_if_used, entries[1].private), (1000, true, true));
        assert_eq!(entries[1].line, 4);
        let old = Defaults { level: Level::new(0, 0, 0), process_limit: 7 };
        let entry = parse("/m", b"x unix - - - 0? - y -o a={b c}", &old).unwrap().remove(0);
        assert!(entry.chroot && !entry.wakeup_if_used);
        assert_eq!(entry.arguments, ["-o", "a={b c}"]);
        assert_eq!(entry.process_limit, 7);
    }

    #[test]
    fn errors_name_file_line_and_field() {
        for (text, expected) in [
            ("\n\nx", "missing \"transport type\" field"),
            ("x unix n n n - -", "missing \"command\" field"),
            ("x - n n n - - c", "field \"transport type\" has no default value"),
            ("x {unix n n n - - c", "bad transport type: {unix"),
            ("x unix yes n n - - c", "field \"private\": bad value: \"yes\""),
            ("x unix n n n x - c", "field \"wakeup_time\": bad value: \"x\""),
            ("x udp n n n - - c", "bad transport type: udp"),
            ("25 inet - n n - - c", "inet service cannot be private"),
            ("[::1 inet n n n - - c", "missing \"]\" in \"[::1\""),
            ("x unix n n n - - c {a", "missing '}' in \"{a\""),
            ("x unix n n n - - c {a}b", "syntax error after '}' in \"{a}b\""),
        ] {
            let line = if text.starts_with('\n') { 3 } else { 1 };
            assert_eq!(read(text), Err(format!("/m: line {line}: {expected}")));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, line in "[-a-z0-9{}\\[\\]: \n]{0,60}") {
            let _ = parse("/m", &bytes, &DEFAULTS);
            let _ = parse("/m", format!("25 inet n n n - - c {line}").as_bytes(), &DEFAULTS);
            let _ = parse("/m", format!("{line} inet n n n - - c").as_bytes(), &DEFAULTS);
        }
    }
}
