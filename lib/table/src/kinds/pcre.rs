//! `pcre:`: Perl-compatible regular expressions (tables §4.9).

use sys::pcre::{Flags, Regex};

use super::Request;
use super::expression::{self, Engine, Groups};
use super::literal::{Syntax, required};
use crate::OpenError;
use crate::map::Map;

struct Perl;

impl Engine for Perl {
    type Regex = Regex;
    type Options = Flags;
    type Subject<'k> = &'k [u8];

    const TWO_PATTERNS: bool = false;
    const NO_DELIMITER: &'static str = "ignoring";
    const OUT_OF_RANGE: &'static str = "out of range";

    fn options(letters: &[u8], warn: &dyn Fn(&str)) -> Result<Flags, String> {
        let mut flags = Flags { caseless: true, dot_all: true, ..Flags::default() };
        for option in letters {
            match option {
                b'i' => flags.caseless ^= true,
                b'm' => flags.multi_line ^= true,
                b's' => flags.dot_all ^= true,
                b'x' => flags.extended ^= true,
                b'A' => flags.anchored ^= true,
                b'E' => flags.dollar_end_only ^= true,
                b'U' => flags.ungreedy ^= true,
                b'X' => warn("ignoring obsolete regexp option \"X\""),
                other => {
                    let shown = text::show(std::slice::from_ref(other));
                    return Err(format!("unknown regexp option \"{shown}\": skipping this rule"));
                }
            }
        }
        Ok(flags)
    }

    fn compile(pattern: &[u8], flags: Flags) -> Result<Regex, String> {
        Regex::new(pattern, flags).map_err(|error| error.to_string())
    }

    fn groups(regex: &Regex) -> usize {
        regex.groups()
    }

    fn required(pattern: &[u8], flags: Flags) -> Option<Vec<u8>> {
        // With this letter, white space and comments in the pattern mean nothing.
        if flags.extended { None } else { required(pattern, Syntax::Perl) }
    }

    fn subject(key: &[u8]) -> &[u8] {
        key
    }

    fn exec(regex: &Regex, subject: &&[u8], _wants_groups: bool) -> Result<Option<Groups>, String> {
        regex.exec(subject).map_err(|error| error.to_string())
    }
}

pub(super) fn open(request: &Request<'_>) -> Result<Box<dyn Map>, OpenError> {
    expression::open::<Perl>(request)
}
