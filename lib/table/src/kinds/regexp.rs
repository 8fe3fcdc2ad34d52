//! `regexp:`: POSIX regular expressions (tables §4.8).

use sys::regex::{Flags, Regex, Subject};

use super::Request;
use super::expression::{self, Engine, Groups};
use super::literal::{Syntax, required};
use crate::OpenError;
use crate::map::Map;

struct Posix;

impl Engine for Posix {
    type Regex = Regex;
    type Options = Flags;
    type Subject<'k> = Subject;

    const TWO_PATTERNS: bool = true;
    const NO_DELIMITER: &'static str = "skipping";
    const OUT_OF_RANGE: &'static str = "out-of-range";

    fn options(letters: &[u8], _warn: &dyn Fn(&str)) -> Result<Flags, String> {
        let mut flags = Flags { ignore_case: true, newline: false, extended: true };
        for option in letters {
            match option {
                b'i' => flags.ignore_case ^= true,
                b'm' => flags.newline ^= true,
                b'x' => flags.extended ^= true,
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
        // Basic syntax has other special characters.
        if !flags.extended { None } else { required(pattern, Syntax::Posix) }
    }

    fn subject(key: &[u8]) -> Subject {
        Subject::new(key)
    }

    fn exec(regex: &Regex, subject: &Subject, wants_groups: bool) -> Result<Option<Groups>, String> {
        let found = match wants_groups {
            true => regex.exec(subject),
            false => regex.is_match(subject).map(|found| found.then(Groups::new)),
        };
        found.map_err(|error| error.to_string())
    }
}

pub(super) fn open(request: &Request<'_>) -> Result<Box<dyn Map>, OpenError> {
    expression::open::<Posix>(request)
}
