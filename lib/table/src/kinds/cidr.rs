//! `cidr:`: network address patterns (tables §4.10).

use std::net::IpAddr;

use bstr::BString;
use text::cidr::{Network, address};
use text::space::{is_space, trim, trim_start};

use super::Request;
use super::rules::{Program, Source, Step, is_blank, run, statement};
use crate::map::{Facts, Map, Owner};
use crate::{Lookup, OpenError};

/// Addresses in, or not in, a network.
struct Pattern {
    network: Network,
    negated: bool,
}

impl Pattern {
    fn parse(text: &[u8], negated: bool) -> Result<Self, String> {
        Ok(Pattern { network: Network::parse(text)?, negated })
    }

    /// An address of the other family never matches, whatever the sense.
    fn matches(&self, address: IpAddr) -> bool {
        self.network.same_family(address) && self.network.contains(address) != self.negated
    }
}

struct Cidr {
    steps: Vec<Step<(Pattern, BString), Pattern>>,
    owner: Owner,
}

pub(super) fn open(request: &Request<'_>) -> Result<Box<dyn Map>, OpenError> {
    let mut source = Source::read(request)?;
    let mut program = Program::new();
    for (line, text) in std::mem::take(&mut source.lines) {
        if let Err(problem) = parse(&text, line, &mut program) {
            source.warn(line, &format!("{problem}: skipping this rule"));
        }
    }
    let (steps, unclosed) = program.finish();
    for line in unclosed {
        source.warn(line, "IF has no matching ENDIF");
    }
    Ok(Box::new(Cidr { steps, owner: source.owner }))
}

fn parse(text: &[u8], line: usize, program: &mut Program<(Pattern, BString), Pattern>) -> Result<(), String> {
    let word = statement(text).filter(|(_, rest)| rest.first().is_none_or(|&byte| is_space(byte) || byte == b'!'));
    match word {
        Some((word, rest)) if word.eq_ignore_ascii_case(b"IF") => {
            let (negated, pattern) = sense(rest);
            let pattern = trim(pattern);
            if pattern.is_empty() {
                return Err("no address pattern".into());
            }
            program.add_if(Pattern::parse(pattern, negated)?, line);
        }
        Some((word, rest)) if word.eq_ignore_ascii_case(b"ENDIF") => {
            if !program.in_block() {
                return Err("ENDIF without IF".into());
            }
            if !is_blank(rest) {
                return Err("garbage after ENDIF".into());
            }
            program.add_endif();
        }
        _ => {
            let (negated, text) = sense(text);
            let end = pattern_length(text);
            let (pattern, value) = (&text[..end], trim(&text[end..]));
            if pattern.is_empty() {
                return Err("no address pattern".into());
            }
            if value.is_empty() {
                return Err("no lookup result".into());
            }
            program.add((Pattern::parse(pattern, negated)?, value.into()));
        }
    }
    Ok(())
}

/// Takes `!`s and white space off the start.
fn sense(text: &[u8]) -> (bool, &[u8]) {
    let (mut rest, mut negated) = (trim_start(text), false);
    while let [b'!', tail @ ..] = rest {
        negated = !negated;
        rest = trim_start(tail);
    }
    (negated, rest)
}

fn pattern_length(text: &[u8]) -> usize {
    text.iter().position(|&byte| is_space(byte)).unwrap_or(text.len())
}

impl Map for Cidr {
    fn facts(&self) -> Facts {
        Facts::pattern(self.owner)
    }

    fn lookup(&mut self, key: &[u8]) -> Lookup {
        let Some(address) = address(key) else { return Ok(None) };
        let apply = |(pattern, value): &(Pattern, BString)| pattern.matches(address).then(|| value.clone());
        Ok(run(&self.steps, |pattern| pattern.matches(address), apply))
    }
}
