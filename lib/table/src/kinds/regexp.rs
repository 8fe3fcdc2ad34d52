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
    type Subject<'k> = Subject;

    const TWO_PATTERNS: bool = true;
    const NO_DELIMITER: &'static str = "skipping";
    const OUT_OF_RANGE: &'static str = "out-of-range";

    fn compile(pattern: &[u8], options: &[u8], _warn: &dyn Fn(&str)) -> Result<Regex, String> {
        let mut flags = Flags { ignore_case: true, newline: false, extended: true };
        for option in options {
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
        Regex::new(pattern, flags).map_err(|error| error.to_string())
    }

    fn groups(regex: &Regex) -> usize {
        regex.groups()
    }

    fn required(pattern: &[u8], options: &[u8]) -> Option<Vec<u8>> {
        // Another letter would not have compiled; this one makes the syntax basic.
        if options.contains(&b'x') { None } else { required(pattern, Syntax::Posix) }
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
