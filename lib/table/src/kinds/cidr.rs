//! `cidr:`: network address patterns (tables §4.10).

use std::net::IpAddr;

use bstr::{BString, ByteSlice};
use text::space::{is_space, trim, trim_start};

use super::Request;
use super::rules::{Program, Source, Step, is_blank, run, statement};
use crate::map::{Facts, Map, Owner};
use crate::{Lookup, OpenError};

/// Addresses in, or not in, a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    /// Leading bits that count.
    length: u32,
    negated: bool,
}

struct Cidr {
    steps: Vec<Step<(Network, BString), Network>>,
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

fn parse(text: &[u8], line: usize, program: &mut Program<(Network, BString), Network>) -> Result<(), String> {
    let word = statement(text).filter(|(_, rest)| rest.first().is_none_or(|&byte| is_space(byte) || byte == b'!'));
    match word {
        Some((word, rest)) if word.eq_ignore_ascii_case(b"IF") => {
            let (negated, pattern) = sense(rest);
            let pattern = trim(pattern);
            if pattern.is_empty() {
                return Err("no address pattern".into());
            }
            program.add_if(Network::parse(pattern, negated)?, line);
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
            program.add((Network::parse(pattern, negated)?, value.into()));
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

impl Network {
    /// Reads `address`, `address/length`, and these with brackets around the address or the whole.
    pub(crate) fn parse(pattern: &[u8], negated: bool) -> Result<Self, String> {
        let written = unbracket(pattern)?;
        let Some(slash) = memchr::memchr(b'/', &written) else {
            let address =
                address(&written).ok_or_else(|| format!("bad address pattern: \"{}\"", text::show(pattern)))?;
            return Ok(Network { address, length: bits(address), negated });
        };
        let shown = text::show(&written);
        let (net, mask) = (&written[..slash], &written[slash + 1..]);
        let length: u32 = match mask.to_str().ok().filter(|mask| mask.bytes().all(|byte| byte.is_ascii_digit())) {
            Some(mask) => mask.parse().map_err(|_| format!("bad mask value in \"{shown}\""))?,
            None => return Err(format!("bad mask value in \"{shown}\"")),
        };
        let address = address(net).ok_or_else(|| format!("bad network value in \"{shown}\""))?;
        if length > bits(address) {
            return Err(format!("bad mask length in \"{shown}\""));
        }
        let network = masked(address, length);
        if network != address {
            return Err(format!(
                "non-null host address bits in \"{shown}\", perhaps you should use \"{network}/{length}\" instead"
            ));
        }
        Ok(Network { address, length, negated })
    }

    /// Whether the rule is for this address. One of the other family never is, whatever the sense.
    pub(crate) fn matches(&self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4() && (masked(address, self.length) == self.address) != self.negated
    }
}

/// Takes brackets off.
fn unbracket(pattern: &[u8]) -> Result<Vec<u8>, String> {
    let Some(inner) = pattern.strip_prefix(b"[") else { return Ok(pattern.to_vec()) };
    let end =
        memchr::memchr(b']', inner).ok_or_else(|| format!("missing ']' character after \"[{}\"", text::show(inner)))?;
    let (inside, rest) = (&inner[..end], &inner[end + 1..]);
    match rest.first() {
        None => Ok(inside.to_vec()),
        Some(b'/') if !inside.contains(&b'/') => Ok([inside, rest].concat()),
        Some(_) => Err(format!("garbage after \"[{}]\"", text::show(inside))),
    }
}

fn address(text: &[u8]) -> Option<IpAddr> {
    text.to_str().ok()?.parse().ok()
}

fn bits(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The address with all but the first `length` bits 0.
fn masked(address: IpAddr, length: u32) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::V4((u32::from(address) & u32::MAX.checked_shl(32 - length).unwrap_or(0)).into()),
        IpAddr::V6(address) => {
            IpAddr::V6((u128::from(address) & u128::MAX.checked_shl(128 - length).unwrap_or(0)).into())
        }
    }
}

impl Map for Cidr {
    fn facts(&self) -> Facts {
        Facts::pattern(self.owner)
    }

    fn lookup(&mut self, key: &[u8]) -> Lookup {
        let Some(address) = address(key) else { return Ok(None) };
        let apply = |(network, value): &(Network, BString)| network.matches(address).then(|| value.clone());
        Ok(run(&self.steps, |network| network.matches(address), apply))
    }
}
