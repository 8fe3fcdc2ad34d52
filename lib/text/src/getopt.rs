//! Command lines by the rules of POSIX getopt(3): bundled letters, and the first operand ends the options (config §8.2).

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use bstr::{BStr, BString, ByteSlice};
use thiserror::Error;

/// One option of a command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opt<'a> {
    /// The option letter.
    pub letter: u8,
    /// Its argument; empty for a letter that takes none.
    pub value: &'a BStr,
}

/// What is wrong with a command line, in the C library's words. Print it as `<argv[0]>: <error>`.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Error {
    /// A letter that the program does not have.
    #[error("invalid option -- '{}'", crate::show(&[*.0]))]
    Invalid(u8),
    /// The last word is a letter that wants an argument.
    #[error("option requires an argument -- '{}'", char::from(*.0))]
    MissingArgument(u8),
}

/// Reads options one after the other; an iterator that ends before the first operand.
///
/// ```
/// # use text::getopt::{Getopt, from_os};
/// let args = from_os(["-vc/etc", "name", "-x"].map(Into::into));
/// let mut options = Getopt::new(&args, "c:vx");
/// assert_eq!(options.next().unwrap().unwrap().letter, b'v');
/// assert_eq!(options.next().unwrap().unwrap().value, "/etc");
/// assert!(options.next().is_none());
/// assert_eq!(options.operands(), ["name", "-x"]);
/// ```
#[derive(Debug)]
pub struct Getopt<'a> {
    args: &'a [BString],
    letters: &'a str,
    /// What is left of the word of bundled letters that is being read.
    bundle: &'a [u8],
}

impl<'a> Getopt<'a> {
    /// `args` are the words after the program's name. `letters` is getopt's option string: a letter that takes an argument
    /// is followed by `:`.
    pub fn new(args: &'a [BString], letters: &'a str) -> Self {
        Getopt { args, letters, bundle: b"" }
    }

    /// The words after the options (all that are left, when called in the middle).
    pub fn operands(&self) -> &'a [BString] {
        self.args
    }

    /// Takes the next word, for an option whose argument is a separate word only sometimes (sendmail's `-q`, `-v`).
    pub fn take_word(&mut self) -> Option<&'a BString> {
        let (word, rest) = self.args.split_first()?;
        self.args = rest;
        Some(word)
    }

    /// The word that the next option would begin; `None` in the middle of bundled letters, and at the end.
    pub fn next_word(&self) -> Option<&'a BString> {
        self.args.first().filter(|_| self.bundle.is_empty())
    }

    fn takes_argument(&self, letter: u8) -> Option<bool> {
        let letters = self.letters.as_bytes();
        let at = letters.iter().position(|&known| known == letter && letter != b':')?;
        Some(letters.get(at + 1) == Some(&b':'))
    }
}

impl<'a> Iterator for Getopt<'a> {
    type Item = Result<Opt<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.bundle.is_empty() {
            let bundle = self.args.first()?.strip_prefix(b"-").filter(|letters| !letters.is_empty())?;
            self.args = &self.args[1..];
            if bundle == b"-" {
                return None;
            }
            self.bundle = bundle;
        }
        let (&letter, rest) = self.bundle.split_first()?;
        self.bundle = rest;
        Some(match self.takes_argument(letter) {
            None => Err(Error::Invalid(letter)),
            Some(false) => Ok(Opt { letter, value: b"".as_bstr() }),
            Some(true) if !rest.is_empty() => {
                self.bundle = b"";
                Ok(Opt { letter, value: rest.as_bstr() })
            }
            Some(true) => match self.take_word() {
                Some(word) => Ok(Opt { letter, value: word.as_bstr() }),
                None => Err(Error::MissingArgument(letter)),
            },
        })
    }
}

/// The words of a command line as bytes: `from_os(std::env::args_os().skip(1))`.
pub fn from_os(args: impl IntoIterator<Item = OsString>) -> Vec<BString> {
    args.into_iter().map(|arg| BString::from(arg.into_vec())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Found = Result<(u8, String), Error>;

    fn parse(args: &[&str], letters: &str) -> (Vec<Found>, Vec<String>) {
        let args: Vec<BString> = args.iter().map(|&arg| arg.into()).collect();
        let mut options = Getopt::new(&args, letters);
        let found = options.by_ref().map(|r| r.map(|o| (o.letter, o.value.to_string()))).collect();
        (found, options.operands().iter().map(ToString::to_string).collect())
    }

    fn flag(letter: u8) -> Found {
        Ok((letter, String::new()))
    }

    #[test]
    fn letters_are_bundled_and_the_last_may_take_the_rest_or_the_next_word() {
        assert_eq!(parse(&["-abcd"], "abc:").0, [flag(b'a'), flag(b'b'), Ok((b'c', "d".into()))]);
        assert_eq!(parse(&["-c", "-a", "x"], "abc:"), (vec![Ok((b'c', "-a".into()))], vec!["x".into()]));
    }

    #[test]
    fn the_first_operand_and_a_double_dash_end_the_options() {
        assert_eq!(parse(&["-a", "x", "-b"], "ab"), (vec![flag(b'a')], vec!["x".into(), "-b".into()]));
        assert_eq!(parse(&["-a", "--", "-b"], "ab"), (vec![flag(b'a')], vec!["-b".into()]));
        assert_eq!(parse(&["-", "-b"], "b"), (vec![], vec!["-".into(), "-b".into()]));
    }

    #[test]
    fn errors_are_worded_as_the_c_library_does() {
        let (found, _) = parse(&["-z", "-:", "-c"], "ac:");
        let texts: Vec<String> = found.into_iter().filter_map(|r| r.err().map(|e| e.to_string())).collect();
        assert_eq!(texts, ["invalid option -- 'z'", "invalid option -- ':'", "option requires an argument -- 'c'"]);
    }
}
