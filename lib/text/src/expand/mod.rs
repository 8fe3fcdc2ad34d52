//! `$name` expansion (config §2, delivery-agents §1.8): main.cf values, and the texts that delivery agents fill in.

mod scan;

use std::cmp::Ordering;

use bstr::BString;
use thiserror::Error;

pub use scan::{Function, Operator, Part, Parts, Select, Test, parts};

use crate::level::Level;
use crate::show;

/// How deep values may refer to values.
const MAX_DEPTH: usize = 100;

/// Why a text cannot be expanded. Each is logged as a warning, but [`Error::Conversion`], which is the end of a program.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields hold the parts of the text that the message shows")]
pub enum Error {
    /// A reference is not closed.
    #[error("truncated macro reference: \"{}\"", show(.0))]
    Truncated(BString),
    /// A `$` without a name.
    #[error("empty macro name: \"{}\"", show(.0))]
    NoName(BString),
    /// A byte that no name may have.
    #[error("attribute name syntax error at: \"...{}>>>{}\"", show(before), excerpt(rest))]
    Name { before: BString, rest: BString },
    /// An operand whose brace is not closed.
    #[error("unbalanced {{}} in attribute expression: \"{}\"", show(.0))]
    Unbalanced(BString),
    /// No operator after the left operand.
    #[error(
        "\"==\" or \"!=\"\" or \"<\"\" or \"<=\"\" or \">=\"\" or \">\" expected at: \"...{}}}>>>{}\"",
        show(left),
        excerpt(rest)
    )]
    NoOperator { left: BString, rest: BString },
    /// Letters after the operator that are not `level`.
    #[error("bad operator suffix at: \"...{}>>>{}\"", show(operator), show(suffix))]
    Suffix { operator: BString, suffix: BString },
    /// No brace after the operator.
    #[error("\"{{expression}}\" expected at: \"...{{{}}} {}>>>{}\"", show(left), show(operator), excerpt(rest))]
    NoOperand { left: BString, operator: BString, rest: BString },
    /// More text after the right operand.
    #[error("\"?\" or \":\" expected at: \"...}}>>>{}\"", excerpt(.0))]
    AfterComparison(BString),
    /// More text after `?{text}`.
    #[error("\":\" expected at: \"...{}}}>>>{}\"", show(text), excerpt(rest))]
    NoColon { text: BString, rest: BString },
    /// More text after `:{text}`.
    #[error("unexpected input at: \"...{}}}>>>{}\"", show(text), excerpt(rest))]
    Unexpected { text: BString, rest: BString },
    /// Values refer to values without end.
    #[error("unreasonable macro call nesting: \"{}\"", show(.0))]
    Nesting(BString),
    /// An operand of a `level` comparison that is not a level.
    #[error("malformed compatibility level syntax: \"{}\"", show(.0))]
    Level(BString),
    /// A function cannot convert its argument.
    #[error("bad domain argument in: '{}{{{}}}'", function.name(), show(argument))]
    Domain { function: Function, argument: BString },
    /// A number that is too large to compare.
    #[error("mac_exp_eval: bad conversion: {}", show(.0))]
    Conversion(BString),
}

/// The part of the remaining text that messages show.
fn excerpt(rest: &[u8]) -> crate::Show<'_> {
    show(&rest[..rest.len().min(20)])
}

/// How to expand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// Whether values are expanded in their turn. Main.cf is; what an agent fills in is not.
    pub recursive: bool,
    /// The bytes that a value may have; others become `_`. Literal text is not filtered.
    pub filter: Option<&'a [u8]>,
}

/// The result of an expansion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expanded {
    /// The text; an undefined name adds nothing to it.
    pub text: BString,
    /// Whether a name was asked for (other than in a test) that is not defined.
    pub undefined: bool,
}

/// Expands `text`; `lookup` gives the value of a name, or nothing if it is not defined.
///
/// ```
/// # use text::expand::{Options, expand};
/// let found = expand(b"${a?{<$a>}:{none}}", &Options::default(), &mut |_| Some("1".into())).unwrap();
/// assert_eq!(found.text, "<1>");
/// ```
pub fn expand(
    text: &[u8],
    options: &Options<'_>,
    lookup: &mut dyn FnMut(&[u8]) -> Option<BString>,
) -> Result<Expanded, Error> {
    let mut expander = Expander { options, lookup, undefined: false };
    let mut out = BString::default();
    expander.expand(text, 1, &mut out)?;
    Ok(Expanded { text: out, undefined: expander.undefined })
}

struct Expander<'a> {
    options: &'a Options<'a>,
    lookup: &'a mut dyn FnMut(&[u8]) -> Option<BString>,
    undefined: bool,
}

impl Expander<'_> {
    fn expand(&mut self, text: &[u8], depth: usize, out: &mut BString) -> Result<(), Error> {
        for part in parts(text) {
            match part? {
                Part::Literal(text) | Part::Value(text) if depth > MAX_DEPTH => {
                    return Err(Error::Nesting(text.into()));
                }
                Part::Select(_) | Part::Call(..) if depth > MAX_DEPTH => return Err(Error::Nesting(text.into())),
                Part::Literal(text) => out.extend_from_slice(text),
                Part::Value(name) => self.value(name, depth, out)?,
                Part::Select(Select { test, then, otherwise }) => {
                    let chosen = if self.test(test, depth)? { then } else { otherwise };
                    self.expand(chosen, depth + 1, out)?;
                }
                Part::Call(function, argument) => {
                    let mut domain = BString::default();
                    self.expand(argument, depth + 1, &mut domain)?;
                    let failed = || Error::Domain { function, argument: argument.into() };
                    out.extend_from_slice(&function.call(&domain).ok_or_else(failed)?);
                }
            }
        }
        Ok(())
    }

    fn value(&mut self, name: &[u8], depth: usize, out: &mut BString) -> Result<(), Error> {
        match (self.lookup)(name) {
            None => self.undefined = true,
            Some(value) if self.options.recursive => self.expand(&value, depth + 1, out)?,
            Some(value) => match self.options.filter {
                None => out.extend_from_slice(&value),
                Some(allowed) => {
                    out.extend(value.iter().map(|&byte| if allowed.contains(&byte) { byte } else { b'_' }));
                }
            },
        }
        Ok(())
    }

    fn test(&mut self, test: Test<'_>, depth: usize) -> Result<bool, Error> {
        match test {
            Test::NotEmpty(name) => Ok((self.lookup)(name).is_some_and(|value| !value.is_empty())),
            Test::Compare { left, operator, levels, right } => {
                let (mut a, mut b) = (BString::default(), BString::default());
                self.expand(left, depth + 1, &mut a)?;
                self.expand(right, depth + 1, &mut b)?;
                let order = if levels { level(a)?.cmp(&level(b)?) } else { compare(&a, &b)? };
                Ok(operator.holds(order))
            }
        }
    }
}

fn level(text: BString) -> Result<Level, Error> {
    Level::parse(&text).ok_or(Error::Level(text))
}

/// Compares as numbers if both are all digits, else byte by byte (config §2.4).
fn compare(left: &[u8], right: &[u8]) -> Result<Ordering, Error> {
    let digits = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    if digits(left) && digits(right) { Ok(number(left)?.cmp(&number(right)?)) } else { Ok(left.cmp(right)) }
}

fn number(digits: &[u8]) -> Result<i64, Error> {
    let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
    number.ok_or_else(|| Error::Conversion(digits.into()))
}

/// Calls `found` for every name that `text` refers to, in either branch of a condition and in operands (config §8.8).
/// Stops at the first syntax error.
pub fn references(text: &[u8], found: &mut dyn FnMut(&[u8])) -> Result<(), Error> {
    scan_references(text, 1, found)
}

fn scan_references(text: &[u8], depth: usize, found: &mut dyn FnMut(&[u8])) -> Result<(), Error> {
    for part in parts(text) {
        match part? {
            Part::Literal(text) | Part::Value(text) if depth > MAX_DEPTH => return Err(Error::Nesting(text.into())),
            Part::Select(_) | Part::Call(..) if depth > MAX_DEPTH => return Err(Error::Nesting(text.into())),
            Part::Literal(_) => {}
            Part::Call(_, argument) => scan_references(argument, depth + 1, found)?,
            Part::Value(name) => found(name),
            Part::Select(Select { test, then, otherwise }) => {
                match test {
                    Test::NotEmpty(name) => found(name),
                    Test::Compare { left, right, .. } => {
                        scan_references(left, depth + 1, found)?;
                        scan_references(right, depth + 1, found)?;
                    }
                }
                scan_references(then, depth + 1, found)?;
                scan_references(otherwise, depth + 1, found)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
