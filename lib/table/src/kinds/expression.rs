//! What regexp and pcre tables have in common: patterns between delimiters, and `$number` in results (tables §4.8, §4.9).

use std::cell::RefCell;
use std::ops::Range;

use bstr::BString;
use text::space::{is_space, trim_start};

use super::Request;
use super::literal::{Collector, Found, Literals};
use super::rules::{Program, Source, Step, is_blank, run, statement};
use crate::map::{Facts, Map};
use crate::{Flags, Lookup, OpenError};

/// Offsets of what matched: the whole, and each group.
pub type Groups = Vec<Option<Range<usize>>>;

/// One kind of regular expression.
pub trait Engine: Send + Sized {
    /// A compiled pattern.
    type Regex: Send;
    /// What option letters can say.
    type Options: Copy;
    /// A key in the form that patterns are looked for in.
    type Subject<'k>;

    /// Whether `/this/!/not that/` is possible, and flags end where the second pattern begins.
    const TWO_PATTERNS: bool;
    /// How the message about a missing delimiter ends.
    const NO_DELIMITER: &'static str;
    /// How messages call an index that is too big for any pattern, or 0.
    const OUT_OF_RANGE: &'static str;

    /// What option letters say. Errors are complete messages.
    fn options(letters: &[u8], warn: &dyn Fn(&str)) -> Result<Self::Options, String>;

    /// Compiles a pattern. Errors are complete messages.
    fn compile(pattern: &[u8], options: Self::Options) -> Result<Self::Regex, String>;

    /// The number of groups.
    fn groups(regex: &Self::Regex) -> usize;

    /// A text that every key has which the pattern matches, if upper and lower case are equal.
    fn required(pattern: &[u8], options: Self::Options) -> Option<Vec<u8>>;

    /// Prepares a key for all patterns of the table.
    fn subject(key: &[u8]) -> Self::Subject<'_>;

    /// Matches. Without `wants_groups`, the groups of a match may be left out.
    fn exec(regex: &Self::Regex, subject: &Self::Subject<'_>, wants_groups: bool) -> Result<Option<Groups>, String>;
}

/// A pattern with its sense.
struct Pattern<R> {
    regex: R,
    negated: bool,
    line: usize,
    /// The text that a key must have for the regular expression to match, in the table's [`Literals`].
    literal: Option<usize>,
}

/// A rule with a result.
struct Rule<R> {
    first: Pattern<R>,
    second: Option<Pattern<R>>,
    result: Vec<Piece>,
}

/// A piece of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Vec<u8>),
    Group(usize),
}

type Steps<R> = Vec<Step<Rule<R>, Pattern<R>>>;

/// A table of patterns.
struct Table<E: Engine> {
    steps: Steps<E::Regex>,
    literals: Literals,
    source: Source,
}

/// A key while it is looked up.
struct Key<'k, E: Engine> {
    bytes: &'k [u8],
    subject: E::Subject<'k>,
    literals: Found,
}

/// Opens a table.
pub fn open<E: Engine + 'static>(request: &Request<'_>) -> Result<Box<dyn Map>, OpenError> {
    let mut source = Source::read(request)?;
    let mut program = Program::new();
    let literals = RefCell::new(Collector::default());
    for (line, text) in std::mem::take(&mut source.lines) {
        let parser =
            Parser { source: &source, line, no_substitution: request.flags.has(Flags::NO_REGSUB), literals: &literals };
        if let Err(problem) = parser.parse::<E>(&text, &mut program) {
            source.warn(line, &problem);
        }
    }
    let (steps, unclosed) = program.finish();
    for line in unclosed {
        source.warn(line, "IF has no matching ENDIF");
    }
    Ok(Box::new(Table::<E> { steps, literals: literals.into_inner().finish(), source }))
}

impl<E: Engine> Table<E> {
    fn matches(&self, pattern: &Pattern<E::Regex>, key: &Key<'_, E>, wants_groups: bool) -> Option<Groups> {
        let is_possible = pattern.literal.is_none_or(|literal| key.literals.contains(literal));
        let found = match is_possible {
            true => E::exec(&pattern.regex, &key.subject, wants_groups),
            false => Ok(None),
        };
        let found = found.unwrap_or_else(|problem| {
            log::warn!("{}: {problem}", self.source.place(pattern.line));
            // Neither a match nor the negation of one.
            if pattern.negated { Some(Groups::new()) } else { None }
        });
        match (found, pattern.negated) {
            (Some(groups), false) => Some(groups),
            (None, true) => Some(Groups::new()),
            _ => None,
        }
    }

    fn apply(&self, rule: &Rule<E::Regex>, key: &Key<'_, E>) -> Option<BString> {
        let wants_groups = rule.result.iter().any(|piece| matches!(piece, Piece::Group(_)));
        let groups = self.matches(&rule.first, key, wants_groups)?;
        if let Some(second) = &rule.second {
            self.matches(second, key, false)?;
        }
        let mut result = BString::default();
        for piece in &rule.result {
            match piece {
                Piece::Text(text) => result.extend_from_slice(text),
                Piece::Group(n) => {
                    let range = groups.get(*n).cloned().flatten().unwrap_or(0..0);
                    result.extend_from_slice(key.bytes.get(range).unwrap_or_default());
                }
            }
        }
        Some(result)
    }
}

impl<E: Engine> Map for Table<E> {
    fn facts(&self) -> Facts {
        Facts::pattern(self.source.owner)
    }

    fn lookup(&mut self, key: &[u8]) -> Lookup {
        let key = Key::<E> { bytes: key, subject: E::subject(key), literals: self.literals.find(key) };
        Ok(run(&self.steps, |condition| self.matches(condition, &key, false).is_some(), |rule| self.apply(rule, &key)))
    }
}

/// Reads one line of a table.
struct Parser<'a> {
    source: &'a Source,
    line: usize,
    no_substitution: bool,
    literals: &'a RefCell<Collector>,
}

/// What is written between delimiters, before it is compiled.
struct Written<'t, O> {
    pattern: &'t [u8],
    options: O,
    negated: bool,
}

impl Parser<'_> {
    fn warn(&self, problem: &str) {
        self.source.warn(self.line, problem);
    }

    fn parse<E: Engine>(
        &self,
        text: &[u8],
        program: &mut Program<Rule<E::Regex>, Pattern<E::Regex>>,
    ) -> Result<(), String> {
        let Some((word, rest)) = statement(text) else {
            program.add(self.rule::<E>(text)?);
            return Ok(());
        };
        if word.eq_ignore_ascii_case(b"IF") {
            program.add_if(self.condition::<E>(rest)?, self.line);
        } else if word.eq_ignore_ascii_case(b"ENDIF") {
            if !program.add_endif() {
                return Err("ignoring ENDIF without matching IF".into());
            }
            if !is_blank(rest) {
                return Err("ignoring extra text after ENDIF".into());
            }
        } else {
            return Err("ignoring unrecognized request".into());
        }
        Ok(())
    }

    fn condition<E: Engine>(&self, text: &[u8]) -> Result<Pattern<E::Regex>, String> {
        let (written, rest) = self.written::<E>(text, false)?;
        if !is_blank(rest) {
            self.warn(&format!("ignoring extra text after IF statement: \"{}\"", text::show(trim_start(rest))));
            self.warn("do not prepend whitespace to statements between IF and ENDIF");
        }
        self.compile::<E>(&written)
    }

    fn rule<E: Engine>(&self, text: &[u8]) -> Result<Rule<E::Regex>, String> {
        let (first, rest) = self.written::<E>(text, E::TWO_PATTERNS)?;
        let (second, rest) = match rest.first() {
            Some(b'!') if E::TWO_PATTERNS => {
                let (second, rest) = self.written::<E>(rest, false)?;
                (Some(second), rest)
            }
            _ => (None, rest),
        };
        let result_text = trim_start(rest);
        if result_text.is_empty() {
            self.warn("no replacement text: using empty string");
        }
        let result = self.result::<E>(result_text)?;
        let highest = result.iter().map(|piece| if let Piece::Group(n) = piece { *n } else { 0 }).max().unwrap_or(0);
        if highest > 0 && first.negated {
            return Err("$number found in negative match replacement text: skipping this rule".into());
        }
        if highest > 0 && self.no_substitution {
            return Err("regular expression substitution is not allowed: skipping this rule".into());
        }
        let first = self.compile::<E>(&first)?;
        if highest > E::groups(&first.regex) {
            return Err(format!("out of range replacement index \"{highest}\": skipping this rule"));
        }
        let second = second.map(|second| self.compile::<E>(&second)).transpose()?;
        Ok(Rule { first, second, result })
    }

    fn compile<E: Engine>(&self, written: &Written<'_, E::Options>) -> Result<Pattern<E::Regex>, String> {
        let regex = E::compile(written.pattern, written.options)?;
        let literal = E::required(written.pattern, written.options).map(|text| self.literals.borrow_mut().add(text));
        Ok(Pattern { regex, negated: written.negated, line: self.line, literal })
    }

    /// Takes `!`s, a pattern between delimiters, and option letters off the start of `text`.
    fn written<'t, E: Engine>(
        &self,
        text: &'t [u8],
        another: bool,
    ) -> Result<(Written<'t, E::Options>, &'t [u8]), String> {
        let (mut rest, mut negated) = (trim_start(text), false);
        while let [b'!', tail @ ..] = rest {
            negated = !negated;
            rest = trim_start(tail);
        }
        let Some((&delimiter, body)) = rest.split_first() else {
            return Err("no regexp: skipping this rule".into());
        };
        let end = pattern_end(body, delimiter).ok_or_else(|| {
            format!("no closing regexp delimiter \"{}\": {} this rule", text::show(&[delimiter]), E::NO_DELIMITER)
        })?;
        let (pattern, rest) = (&body[..end], &body[end + 1..]);
        let ends = |byte: &u8| is_space(*byte) || (another && *byte == b'!');
        let options_end = rest.iter().position(ends).unwrap_or(rest.len());
        let options = E::options(&rest[..options_end], &|problem| self.warn(problem))?;
        Ok((Written { pattern, options, negated }, &rest[options_end..]))
    }

    /// Takes a result apart.
    fn result<E: Engine>(&self, text: &[u8]) -> Result<Vec<Piece>, String> {
        let bad = || "bad replacement syntax: skipping this rule".to_owned();
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(dollar) = memchr::memchr(b'$', rest) {
            push_text(&mut pieces, &rest[..dollar]);
            let after = &rest[dollar + 1..];
            if let [b'$', tail @ ..] = after {
                push_text(&mut pieces, b"$");
                rest = tail;
                continue;
            }
            let (name, tail) = macro_name(after, text).map_err(|problem| {
                log::warn!("{problem}");
                bad()
            })?;
            pieces.push(Piece::Group(self.index::<E>(name).ok_or_else(bad)?));
            rest = tail;
        }
        push_text(&mut pieces, rest);
        Ok(pieces)
    }

    fn index<E: Engine>(&self, name: &[u8]) -> Option<usize> {
        let shown = text::show(name);
        if !name.iter().all(u8::is_ascii_digit) {
            self.warn(&format!("non-numeric replacement index \"{shown}\""));
            return None;
        }
        match shown.to_string().parse() {
            Ok(n) if (1..=i32::MAX as usize).contains(&n) => Some(n),
            _ => {
                self.warn(&format!("{} replacement index \"{shown}\"", E::OUT_OF_RANGE));
                None
            }
        }
    }
}

fn push_text(pieces: &mut Vec<Piece>, text: &[u8]) {
    match pieces.last_mut() {
        _ if text.is_empty() => {}
        Some(Piece::Text(last)) => last.extend_from_slice(text),
        _ => pieces.push(Piece::Text(text.to_vec())),
    }
}

/// Where the closing delimiter is; a backslash protects the byte after it.
fn pattern_end(body: &[u8], delimiter: u8) -> Option<usize> {
    let mut at = 0;
    while let Some(&byte) = body.get(at) {
        match byte {
            b'\\' if at + 1 < body.len() => at += 2,
            byte if byte == delimiter => return Some(at),
            _ => at += 1,
        }
    }
    None
}

/// The name after a `$`: in braces or parentheses, or as long as there are letters, digits and `_`. `whole` is for messages.
fn macro_name<'t>(after: &'t [u8], whole: &[u8]) -> Result<(&'t [u8], &'t [u8]), String> {
    let close = match after.first() {
        Some(b'{') => Some(b'}'),
        Some(b'(') => Some(b')'),
        _ => None,
    };
    let (name, rest) = match close {
        None => {
            let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
            let end = after.iter().position(|byte| !is_name(byte)).unwrap_or(after.len());
            after.split_at(end)
        }
        Some(close) => match memchr::memchr(close, after) {
            Some(end) => (&after[1..end], &after[end + 1..]),
            None => return Err(format!("truncated macro reference: \"{}\"", text::show(whole))),
        },
    };
    if name.is_empty() {
        return Err(format!("empty macro name: \"{}\"", text::show(whole)));
    }
    Ok((name, rest))
}
