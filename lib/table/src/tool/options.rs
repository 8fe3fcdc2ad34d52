//! The command lines of the two tools (tables §3.1).

use bstr::BString;
use text::getopt::{self, Getopt};
use thiserror::Error;

use super::Tool;
use crate::Flags;

impl Tool {
    /// Option letters, as getopt(3) has them.
    fn letters(self) -> &'static str {
        match self {
            Tool::Postmap => "bc:d:fFhijmnNopq:rsuUvw",
            Tool::Postalias => "Nc:d:fijnopq:rsuvw",
        }
    }

    fn usage(self) -> String {
        let (name, letters) = match self {
            Tool::Postmap => ("postmap", "bfFhimnNoprsuUvw"),
            Tool::Postalias => ("postalias", "Nfinoprsuvw"),
        };
        format!("usage: {name} [-{letters}] [-c config_dir] [-d key] [-q key] [map_type:]file...")
    }
}

/// Which parts of a message are keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// `-h`: header lines.
    pub headers: bool,
    /// `-b`: body lines.
    pub body: bool,
    /// `-m`: headers of attachments and of enclosed messages are headers.
    pub mime: bool,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// `-q key`.
    Query(BString),
    /// `-q -`.
    QueryAll,
    /// `-q -` with `-b` or `-h`.
    QueryMessage(Parts),
    /// `-d key`.
    Delete(BString),
    /// `-d -`.
    DeleteAll,
    /// `-s`.
    List,
    /// None of these.
    Build,
}

/// A command line that makes no sense. The text ends the program.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    /// A bad option letter: what getopt(3) says about it, and the usage.
    #[error("{1}")]
    Option(getopt::Error, String),
    /// Anything else.
    #[error("{0}")]
    Words(String),
}

/// The command line, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What to do.
    pub action: Action,
    /// How tables are opened.
    pub flags: Flags,
    /// `-i`.
    pub incremental: bool,
    /// `-j`: print JSON objects, one a line.
    pub json: bool,
    /// No `-o`.
    pub as_owner: bool,
    /// No `-p`.
    pub save_permissions: bool,
    /// `-c`.
    pub config_directory: Option<BString>,
    /// How many `-v`.
    pub verbosity: u32,
    /// The other words.
    pub tables: Vec<BString>,
}

/// What the option letters have said so far.
struct Seen {
    query: Option<BString>,
    delete: Option<BString>,
    list: bool,
    parts: Parts,
    /// No `-u`.
    utf8: bool,
    /// `-U`.
    force_utf8: bool,
}

impl Options {
    /// Reads the words after the program's name.
    ///
    /// # Errors
    /// What ends the program.
    pub fn parse(tool: Tool, args: &[BString]) -> Result<Self, Refusal> {
        let mut options = Options {
            action: Action::Build,
            flags: Flags::WARN_DUP | Flags::FOLD_FIX,
            incremental: false,
            json: false,
            as_owner: true,
            save_permissions: true,
            config_directory: None,
            verbosity: 0,
            tables: Vec::new(),
        };
        let mut seen =
            Seen { query: None, delete: None, list: false, parts: Parts::default(), utf8: true, force_utf8: false };
        let mut letters = Getopt::new(args, tool.letters());
        for option in letters.by_ref() {
            let option = option.map_err(|problem| Refusal::Option(problem, tool.usage()))?;
            options.take(option.letter, option.value, &mut seen)?;
        }
        options.tables = letters.operands().to_vec();
        options.decide(tool, seen)?;
        Ok(options)
    }

    fn take(&mut self, letter: u8, value: &[u8], seen: &mut Seen) -> Result<(), Refusal> {
        match letter {
            b'N' => self.flags = (self.flags | Flags::TRY_WITH_NUL).without(Flags::TRY_WITHOUT_NUL),
            b'n' => self.flags = (self.flags | Flags::TRY_WITHOUT_NUL).without(Flags::TRY_WITH_NUL),
            b'b' => seen.parts.body = true,
            b'h' => seen.parts.headers = true,
            b'm' => seen.parts.mime = true,
            b'c' => self.config_directory = Some(value.into()),
            b'd' | b'q' if seen.list || seen.query.is_some() || seen.delete.is_some() => {
                return Err(Refusal::Words("specify only one of -s -q or -d".into()));
            }
            b'd' => seen.delete = Some(value.into()),
            b'q' => seen.query = Some(value.into()),
            b'f' => self.flags = self.flags.without(Flags::FOLD_FIX),
            b'F' => self.flags |= Flags::SRC_RHS_IS_FILE,
            b'i' => self.incremental = true,
            b'j' => self.json = true,
            b'o' => self.as_owner = false,
            b'p' => self.save_permissions = false,
            b'r' => self.flags = self.flags.without(Flags::WARN_DUP | Flags::IGNORE_DUP) | Flags::REPLACE,
            b's' if seen.query.is_some() || seen.delete.is_some() => {
                return Err(Refusal::Words("specify only one of -s or -q or -d".into()));
            }
            b's' => seen.list = true,
            b'u' => seen.utf8 = false,
            b'U' => seen.force_utf8 = true,
            b'v' => self.verbosity += 1,
            b'w' => self.flags = self.flags.without(Flags::WARN_DUP | Flags::REPLACE) | Flags::IGNORE_DUP,
            other => return Err(Refusal::Words(format!("option {} is not handled", text::show(&[other])))),
        }
        Ok(())
    }

    fn decide(&mut self, tool: Tool, seen: Seen) -> Result<(), Refusal> {
        let parts = seen.parts;
        let wants_message = parts.body || parts.headers;
        let from_stdin = seen.query.as_deref().is_some_and(|key| key.as_slice() == b"-");
        if (wants_message || parts.mime) && !from_stdin {
            return Err(Refusal::Words("specify -b -h or -m only with \"-q -\"".into()));
        }
        if parts.mime && !wants_message {
            log::warn!("ignoring -m option without -b or -h");
        }
        if seen.utf8 && (!wants_message || seen.force_utf8) {
            self.flags |= Flags::UTF8_REQUEST;
        }
        self.action = match (seen.query, seen.delete) {
            (Some(_), _) if wants_message => Action::QueryMessage(parts),
            (Some(_), _) if from_stdin => Action::QueryAll,
            (Some(key), _) => Action::Query(key),
            (None, Some(key)) if key == "-" => Action::DeleteAll,
            (None, Some(key)) => Action::Delete(key),
            (None, None) if seen.list => Action::List,
            (None, None) => Action::Build,
        };
        if self.json && matches!(self.action, Action::Build | Action::Delete(_) | Action::DeleteAll) {
            return Err(Refusal::Words("option -j requires -q or -s".into()));
        }
        if self.tables.is_empty() && self.action != Action::List {
            return Err(Refusal::Words(tool.usage()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Options, Refusal> {
        let words: Vec<BString> = words.iter().map(|&word| word.into()).collect();
        Options::parse(Tool::Postmap, &words)
    }

    #[test]
    fn letters_make_flags() {
        let options = parse(&["-fNru", "-q", "key", "hash:x", "y"]).unwrap();
        assert_eq!(options.flags, Flags::TRY_WITH_NUL | Flags::REPLACE);
        assert_eq!(options.action, Action::Query("key".into()));
        assert_eq!(options.tables, ["hash:x", "y"]);
        let options = parse(&["-w", "x"]).unwrap();
        assert_eq!(options.flags, Flags::IGNORE_DUP | Flags::FOLD_FIX | Flags::UTF8_REQUEST);
        let options = parse(&["-hq-", "x"]).unwrap();
        assert!(!options.flags.has(Flags::UTF8_REQUEST));
        assert!(matches!(options.action, Action::QueryMessage(Parts { headers: true, body: false, mime: false })));
    }

    #[test]
    fn what_does_not_go_together() {
        for (words, problem) in [
            (&["-q", "a"][..], Tool::Postmap.usage().as_str()),
            (&[], &Tool::Postmap.usage()),
            (&["-z", "x"], &Tool::Postmap.usage()),
            (&["-j", "x"], "option -j requires -q or -s"),
            (&["-j", "-d", "a", "x"], "option -j requires -q or -s"),
            (&["-s", "-q", "a", "x"], "specify only one of -s -q or -d"),
            (&["-q", "a", "-s", "x"], "specify only one of -s or -q or -d"),
            (&["-d", "a", "-q", "a", "x"], "specify only one of -s -q or -d"),
            (&["-h", "x"], "specify -b -h or -m only with \"-q -\""),
            (&["-m", "-q", "a", "x"], "specify -b -h or -m only with \"-q -\""),
        ] {
            assert_eq!(parse(words).unwrap_err().to_string(), problem);
        }
        assert_eq!(parse(&["-s"]).unwrap().action, Action::List);
    }
}
