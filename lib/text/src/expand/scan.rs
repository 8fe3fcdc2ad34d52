//! The syntax of `$name` (config §2.2 to §2.5).

use bstr::BString;

use super::Error;
use crate::idn;
use crate::list::balanced;

/// A piece of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// Text that stands for itself.
    Literal(&'a [u8]),
    /// `$name`: the value of a name.
    Value(&'a [u8]),
    /// One text or the other, each still to be expanded.
    Select(Select<'a>),
    /// `${function{text}}`: what a function makes of a text, which is still to be expanded.
    Call(Function, &'a [u8]),
}

/// What can be done with a text (config §2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// `domain_to_ascii`: a domain with A-labels.
    DomainToAscii,
    /// `domain_to_utf8`: a domain with U-labels.
    DomainToUtf8,
}

impl Function {
    fn named(name: &[u8]) -> Option<Self> {
        [Function::DomainToAscii, Function::DomainToUtf8]
            .into_iter()
            .find(|function| function.name().as_bytes() == name)
    }

    /// What it is called in values.
    pub fn name(self) -> &'static str {
        match self {
            Function::DomainToAscii => "domain_to_ascii",
            Function::DomainToUtf8 => "domain_to_utf8",
        }
    }

    /// The converted domain; nothing if it cannot be converted. One that is in the wanted form already stays as it is.
    pub(super) fn call(self, domain: &[u8]) -> Option<BString> {
        match self {
            Function::DomainToAscii if domain.is_ascii() => Some(domain.into()),
            Function::DomainToAscii => idn::to_ascii(domain).ok().map(Into::into),
            Function::DomainToUtf8 if !domain.is_ascii() => Some(domain.into()),
            Function::DomainToUtf8 => idn::to_unicode(domain).ok().map(Into::into),
        }
    }
}

/// `${name?text}`, `${{left} op {right} ? {text} : {text}}` and the like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Select<'a> {
    /// What decides.
    pub test: Test<'a>,
    /// The text if the test holds.
    pub then: &'a [u8],
    /// The text if it does not.
    pub otherwise: &'a [u8],
}

/// What decides between two texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test<'a> {
    /// The (unexpanded) value of this name is not empty.
    NotEmpty(&'a [u8]),
    /// A comparison of two texts, after their expansion.
    Compare {
        /// The left operand.
        left: &'a [u8],
        /// The operator.
        operator: Operator,
        /// Whether the operands are compatibility levels.
        levels: bool,
        /// The right operand.
        right: &'a [u8],
    },
}

/// How two operands are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Operator {
    fn parse(text: &[u8]) -> Option<Self> {
        Some(match text {
            b"==" => Operator::Equal,
            b"!=" => Operator::NotEqual,
            b"<" => Operator::Less,
            b"<=" => Operator::LessOrEqual,
            b">" => Operator::Greater,
            b">=" => Operator::GreaterOrEqual,
            _ => return None,
        })
    }

    /// Whether operands in this order satisfy the operator.
    pub fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Operator::Equal => order.is_eq(),
            Operator::NotEqual => order.is_ne(),
            Operator::Less => order.is_lt(),
            Operator::LessOrEqual => order.is_le(),
            Operator::Greater => order.is_gt(),
            Operator::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// Takes a value apart, one level deep. Ends after the first error.
pub fn parts(text: &[u8]) -> Parts<'_> {
    Parts { whole: text, rest: text }
}

/// What [`parts`] returns.
#[derive(Clone, Debug)]
pub struct Parts<'a> {
    whole: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Iterator for Parts<'a> {
    type Item = Result<Part<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let part = self.part();
        if part.is_err() {
            self.rest = b"";
        }
        Some(part)
    }
}

impl<'a> Parts<'a> {
    /// What has not been taken apart yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn part(&mut self) -> Result<Part<'a>, Error> {
        let (length, part) = match self.rest {
            [b'$', b'$', ..] => (2, Part::Literal(&self.rest[..1])),
            [b'$', open @ (b'{' | b'('), ..] => {
                let close = if *open == b'{' { b'}' } else { b')' };
                let length =
                    balanced(&self.rest[1..], *open, close).ok_or_else(|| Error::Truncated(self.whole.into()))?;
                let inside = &self.rest[2..length];
                if inside.is_empty() {
                    return Err(Error::NoName(self.whole.into()));
                }
                (1 + length, reference(inside)?)
            }
            [b'$', name @ ..] => match name_length(name) {
                0 => return Err(Error::NoName(self.whole.into())),
                length => (1 + length, Part::Value(&name[..length])),
            },
            text => {
                let length = memchr::memchr(b'$', text).unwrap_or(text.len());
                (length, Part::Literal(&text[..length]))
            }
        };
        self.rest = &self.rest[length..];
        Ok(part)
    }
}

/// The length of the name that `text` begins with.
fn name_length(text: &[u8]) -> usize {
    text.iter().take_while(|&&byte| byte.is_ascii_alphanumeric() || byte == b'_').count()
}

/// Drops blanks, of the kinds that may surround names and operands.
fn skip(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|byte| !b" \t\r\n".contains(byte)).unwrap_or(text.len());
    &text[start..]
}

/// Reads what is inside the delimiters of a reference.
fn reference(inside: &[u8]) -> Result<Part<'_>, Error> {
    let text = skip(inside);
    if text.first() == Some(&b'{') {
        return comparison(text);
    }
    let (name, after) = text.split_at(name_length(text));
    if let (Some(function), [b'{', ..]) = (Function::named(name), skip(after)) {
        return call(function, skip(after));
    }
    match skip(after) {
        [] => Ok(Part::Value(name)),
        [b'?' | b':', ..] => branches(Test::NotEmpty(name), skip(after)),
        _ => Err(Error::Name { before: inside[..inside.len() - after.len()].into(), rest: after.into() }),
    }
}

/// Reads `{text}`, after which there is nothing.
fn call(function: Function, text: &[u8]) -> Result<Part<'_>, Error> {
    let (argument, after) = braced(text)?;
    match skip(after) {
        [] => Ok(Part::Call(function, trim(argument))),
        rest => Err(Error::Unexpected { text: argument.into(), rest: rest.into() }),
    }
}

/// Drops the same blanks as [`skip`] at both ends.
fn trim(text: &[u8]) -> &[u8] {
    let text = skip(text);
    let end = text.iter().rposition(|byte| !b" \t\r\n".contains(byte)).map_or(0, |last| last + 1);
    &text[..end]
}

/// Reads `{left} op {right}` and what follows it.
fn comparison(text: &[u8]) -> Result<Part<'_>, Error> {
    let (left, after) = braced(text)?;
    let after = skip(after);
    let length = after.iter().take_while(|&byte| b"!%&*+-/<=>?|~".contains(byte)).count();
    let (symbol, after) = after.split_at(length);
    let Some(operator) = Operator::parse(symbol) else {
        return Err(Error::NoOperator { left: left.into(), rest: [symbol, after].concat().into() });
    };
    let length = after.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let (suffix, after) = after.split_at(length);
    let levels = match suffix {
        b"" => false,
        b"level" => true,
        _ => return Err(Error::Suffix { operator: symbol.into(), suffix: suffix.into() }),
    };
    if skip(after).first() != Some(&b'{') {
        return Err(Error::NoOperand { left: left.into(), operator: symbol.into(), rest: after.into() });
    }
    let (right, after) = braced(skip(after))?;
    let test = Test::Compare { left, operator, levels, right };
    match skip(after) {
        [] => Ok(Part::Select(Select { test, then: b"true", otherwise: b"" })),
        rest @ [b'?' | b':', ..] => branches(test, rest),
        rest => Err(Error::AfterComparison(rest.into())),
    }
}

/// Reads `?text`, `:text` or both.
fn branches<'a>(test: Test<'a>, text: &'a [u8]) -> Result<Part<'a>, Error> {
    let select = |then, otherwise| Ok(Part::Select(Select { test, then, otherwise }));
    if text.first() == Some(&b':') {
        return select(b"", last_branch(&text[1..])?);
    }
    let text = &text[1..];
    if skip(text).first() != Some(&b'{') {
        return select(text, b"");
    }
    let (then, after) = braced(skip(text))?;
    match skip(after) {
        [] => select(then, b""),
        [b':', rest @ ..] => select(then, last_branch(rest)?),
        rest => Err(Error::NoColon { text: then.into(), rest: rest.into() }),
    }
}

/// Reads the text after `:`, which is the last.
fn last_branch(text: &[u8]) -> Result<&[u8], Error> {
    if skip(text).first() != Some(&b'{') {
        return Ok(text);
    }
    let (branch, after) = braced(skip(text))?;
    match skip(after) {
        [] => Ok(branch),
        rest => Err(Error::Unexpected { text: branch.into(), rest: rest.into() }),
    }
}

/// Splits `text`, which begins with a brace, into what is between it and the one that closes it, and the rest.
fn braced(text: &[u8]) -> Result<(&[u8], &[u8]), Error> {
    let length = balanced(text, b'{', b'}').ok_or_else(|| Error::Unbalanced(text.into()))?;
    Ok((&text[1..length - 1], &text[length..]))
}
