//! `cidr:`: network address patterns (tables §4.10).

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use bstr::BString;
use text::cidr::{Network, address};
use text::space::{is_space, trim, trim_start};

use super::Request;
use super::rules::{Program, Source, Step, is_blank, statement};
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

type Rule = (Pattern, BString);

struct Cidr {
    rules: Rules,
    owner: Owner,
}

/// The steps of a table, with an index: of many rules, few can match an address.
struct Rules {
    steps: Vec<Step<Rule, Pattern>>,
    /// The rules for what is in a network, by the network, in their order.
    inside: HashMap<Network, Vec<usize>>,
    /// The lengths of those networks.
    lengths: BTreeSet<u32>,
    /// All other steps that decide something.
    others: Vec<usize>,
}

impl Rules {
    fn new(steps: Vec<Step<Rule, Pattern>>) -> Self {
        let (mut inside, mut lengths, mut others) = (HashMap::<_, Vec<_>>::new(), BTreeSet::new(), Vec::new());
        for (at, step) in steps.iter().enumerate() {
            match step {
                Step::Match((Pattern { network, negated: false }, _)) => {
                    inside.entry(*network).or_default().push(at);
                    lengths.insert(network.length());
                }
                Step::Match(_) | Step::If(..) => others.push(at),
                Step::Endif => {}
            }
        }
        Rules { steps, inside, lengths, others }
    }

    /// The rules for each of the networks that an address is in.
    fn around(&self, address: IpAddr) -> impl Iterator<Item = &[usize]> {
        // An address of this family may be too short for a length.
        let networks = self.lengths.iter().map(move |&length| (length, Network::of(address, length)));
        let networks = networks.filter(|(length, network)| network.length() == *length).map(|(_, network)| network);
        networks.filter_map(|network| self.inside.get(&network).map(Vec::as_slice))
    }

    /// The steps that matter for an address, in their order.
    fn candidates(&self, address: IpAddr) -> Vec<usize> {
        let mut steps: Vec<_> = self.around(address).flatten().copied().collect();
        steps.extend_from_slice(&self.others);
        steps.sort_unstable();
        steps
    }

    /// The value of the first rule that matches.
    fn find(&self, address: IpAddr) -> Option<&BString> {
        if self.others.is_empty() {
            // All rules match that are around the address, and the first counts.
            return match self.steps.get(self.around(address).filter_map(|rules| rules.first().copied()).min()?) {
                Some(Step::Match((_, value))) => Some(value),
                _ => None,
            };
        }
        let mut next = 0;
        for at in self.candidates(address) {
            match self.steps.get(at) {
                Some(Step::Match((pattern, value))) if at >= next && pattern.matches(address) => return Some(value),
                Some(Step::If(pattern, _, otherwise)) if at >= next && !pattern.matches(address) => next = *otherwise,
                _ => {}
            }
        }
        None
    }
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
    Ok(Box::new(Cidr { rules: Rules::new(steps), owner: source.owner }))
}

fn parse(text: &[u8], line: usize, program: &mut Program<Rule, Pattern>) -> Result<(), String> {
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
        Ok(self.rules.find(address).cloned())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::super::rules::run;
    use super::*;

    fn rules(lines: &[String]) -> Rules {
        let mut program = Program::new();
        for (line, text) in lines.iter().enumerate() {
            // Lines that are no rules are left out, as in a table.
            let _ = parse(text.as_bytes(), line, &mut program);
        }
        Rules::new(program.finish().0)
    }

    /// What a look at each step gives.
    fn scan(rules: &Rules, address: IpAddr) -> Option<BString> {
        let apply = |(pattern, value): &Rule| pattern.matches(address).then(|| value.clone());
        run(&rules.steps, |pattern| pattern.matches(address), apply)
    }

    fn network() -> impl Strategy<Value = String> {
        let v4 = (any::<bool>(), 0u8..4, 0u32..=32).prop_map(|(negated, last, length)| {
            let network = Network::of(IpAddr::from([128, 0, 0, last]), length);
            format!("{}{}", if negated { "!" } else { "" }, shown(network, [128, 0, 0, last].into()))
        });
        let v6 = (0u16..4, 0u32..=128).prop_map(|(last, length)| {
            let address = IpAddr::from([0x2001, 0, 0, 0, 0, 0, 0, last]);
            shown(Network::of(address, length), address)
        });
        prop_oneof![3 => v4, 1 => v6]
    }

    fn shown(network: Network, address: IpAddr) -> String {
        // Only the network's own address is free of host bits; where this one is not, all of it counts.
        let text = format!("{address}/{}", network.length());
        match Network::parse(text.as_bytes()) {
            Ok(_) => text,
            Err(_) => address.to_string(),
        }
    }

    fn line() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => (network(), 0..100).prop_map(|(network, value)| format!("{network} {value}")),
            1 => network().prop_map(|network| format!("if {network}")),
            1 => Just("endif".to_owned()),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn the_index_finds_what_a_scan_finds(lines in proptest::collection::vec(line(), 0..20), last in 0u8..5) {
            let rules = rules(&lines);
            let v6 = IpAddr::from([0x2001, 0, 0, 0, 0, 0, 0, u16::from(last)]);
            for address in [IpAddr::from([128, 0, 0, last]), IpAddr::from([0, 0, 0, last]), v6] {
                prop_assert_eq!(rules.find(address).cloned(), scan(&rules, address));
            }
        }
    }

    fn time(find: impl Fn(IpAddr) -> bool) -> Duration {
        let start = Instant::now();
        let found = (0..200u8).filter(|last| find(IpAddr::from([10, 255, 255, *last]))).count();
        assert_eq!(found, 0);
        start.elapsed()
    }

    #[test]
    fn many_rules_are_not_all_looked_at() {
        let lines: Vec<_> = (0..10_000u32).map(|n| format!("10.{}.{}.0/24 x", n / 250, n % 250)).collect();
        let rules = rules(&lines);
        let (indexed, scanned) =
            (time(|address| rules.find(address).is_some()), time(|address| scan(&rules, address).is_some()));
        assert!(indexed * 20 < scanned, "{indexed:?} {scanned:?}");
    }
}
