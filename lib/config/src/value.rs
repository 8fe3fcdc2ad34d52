//! From the text of a parameter to its value (config §3).

use std::time::Duration;

use bstr::BString;
use text::space::trim_start;

use crate::error::Error;
use crate::registry::Type;

/// A parameter's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Of `str` and `raw`.
    Text(BString),
    /// Of `bool` and `nbool`.
    Bool(bool),
    /// Of `int`, `nint` and `long`.
    Number(i64),
    /// Of `time`.
    Time(Duration),
}

/// How to understand the text of one parameter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule<'a> {
    pub name: &'a str,
    pub ty: Type,
    pub min: i64,
    pub max: i64,
    /// The unit letter of a time without one.
    pub unit: u8,
}

impl Rule<'_> {
    /// Understands `text`, which is expanded already (unless the type is raw).
    pub fn value(&self, text: BString) -> Result<Value, Error> {
        match self.ty {
            Type::Str | Type::Raw => self.text(text).map(Value::Text),
            Type::Bool | Type::NBool => self.bool(text).map(Value::Bool),
            Type::Int | Type::NInt => self.number(text, i32::MIN.into(), i32::MAX.into()).map(Value::Number),
            Type::Long => self.number(text, i64::MIN, i64::MAX).map(Value::Number),
            Type::Time => self.time(text).map(Value::Time),
        }
    }

    fn text(&self, value: BString) -> Result<BString, Error> {
        let (min, max, name) = (self.min, self.max, self.name.to_owned());
        let length = value.len() as i64;
        let raw = self.ty == Type::Raw;
        match () {
            () if min > 0 && length < min && raw => Err(Error::RawMin { name, value, min }),
            () if min > 0 && length < min => Err(Error::TextMin { name, value, min }),
            () if max > 0 && length > max && raw => Err(Error::RawMax { name, value, max }),
            () if max > 0 && length > max => Err(Error::TextMax { name, value, max }),
            () => Ok(value),
        }
    }

    fn bool(&self, value: BString) -> Result<bool, Error> {
        match value.to_ascii_lowercase().as_slice() {
            b"yes" => Ok(true),
            b"no" => Ok(false),
            _ => Err(Error::Bool { name: self.name.to_owned(), value }),
        }
    }

    fn number(&self, value: BString, smallest: i64, largest: i64) -> Result<i64, Error> {
        let name = self.name.to_owned();
        let (min, max) = (self.min, self.max);
        match integer(&value) {
            Some((number, [])) if (smallest..=largest).contains(&number) => match () {
                () if min != 0 && number < min => Err(Error::NumberMin { name, value: number, min }),
                () if max != 0 && number > max => Err(Error::NumberMax { name, value: number, max }),
                () => Ok(number),
            },
            _ => Err(Error::Number { name, value }),
        }
    }

    fn time(&self, value: BString) -> Result<Duration, Error> {
        let name = self.name.to_owned();
        let (min, max) = (self.min, self.max);
        let Some(seconds) = seconds(&value, self.unit) else {
            return Err(Error::Time { name, value });
        };
        match i64::from(seconds) {
            value if min != 0 && value < min => Err(Error::TimeMin { name, value, min }),
            value if max != 0 && value > max => Err(Error::TimeMax { name, value, max }),
            _ => Ok(Duration::from_secs(seconds.into())),
        }
    }
}

/// Reads a number by the rules of strtol(3), and gives what follows it; nothing if there is none or it does not fit.
fn integer(text: &[u8]) -> Option<(i64, &[u8])> {
    let text = trim_start(text);
    let sign = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let digits = text[sign..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = text.split_at(sign + digits);
    Some((std::str::from_utf8(number).ok()?.parse().ok()?, rest))
}

/// Reads a time in seconds: digits, and perhaps a unit letter. Only the first byte after the digits counts.
pub fn seconds(text: &[u8], default_unit: u8) -> Option<u32> {
    let (number, rest) = integer(text)?;
    let unit: i64 = match rest.first().copied().unwrap_or(default_unit) {
        b's' => 1,
        b'm' => 60,
        b'h' => 3600,
        b'd' => 24 * 3600,
        b'w' => 7 * 24 * 3600,
        _ => return None,
    };
    let limit = i64::from(i32::MAX) / unit;
    let fits = (0..limit).contains(&number) || (unit == 1 && number == limit);
    fits.then(|| u32::try_from(number * unit).ok())?
}

/// The time unit that a default implies: its first letter.
pub(crate) fn default_unit(default: &[u8]) -> u8 {
    default.iter().copied().find(u8::is_ascii_alphabetic).unwrap_or(b's')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(ty: Type, min: i64, max: i64, text: &str) -> Result<Value, String> {
        let rule = Rule { name: "p", ty, min, max, unit: b'd' };
        rule.value(text.into()).map_err(|error| error.to_string())
    }

    #[test]
    fn numbers() {
        assert_eq!(read(Type::Int, 0, 0, "-5"), Ok(Value::Number(-5)));
        assert_eq!(read(Type::Int, 0, 0, "+5"), Ok(Value::Number(5)));
        for bad in ["", "5x", "x", "2147483648", "-", "5 "] {
            assert_eq!(read(Type::Int, 0, 0, bad), Err(format!("bad numerical configuration: p = {bad}")));
        }
        assert_eq!(read(Type::Int, 512, 0, "5"), Err("invalid p parameter value 5 < 512".into()));
        assert_eq!(read(Type::Int, 0, 6, "7"), Err("invalid p parameter value 7 > 6".into()));
        assert_eq!(read(Type::Long, 0, 0, "2147483648"), Ok(Value::Number(2147483648)));
        assert!(read(Type::Long, 0, 0, "9223372036854775808").is_err());
    }

    #[test]
    fn times() {
        let time = |text| read(Type::Time, 0, 0, text);
        assert_eq!(time("1"), Ok(Value::Time(Duration::from_secs(86400))));
        assert_eq!(time("10sec"), Ok(Value::Time(Duration::from_secs(10))));
        assert_eq!(time("1d12h"), Ok(Value::Time(Duration::from_secs(86400))));
        for bad in ["", "5 s", "5x", "5S", "-1", "s", "2147483648s", "35791394m", "99999w"] {
            assert_eq!(time(bad), Err(format!("parameter p: bad time value or unit: {bad}")));
        }
        assert_eq!(read(Type::Time, 1, 0, "0s"), Err("invalid p: 0 (min 1)".into()));
        assert_eq!(read(Type::Time, 0, 10, "1m"), Err("invalid p: 60 (max 10)".into()));
    }

    #[test]
    fn booleans_and_texts() {
        assert_eq!(read(Type::Bool, 0, 0, "YES"), Ok(Value::Bool(true)));
        assert_eq!(read(Type::Bool, 0, 0, "true"), Err("bad boolean configuration: p = true".into()));
        assert_eq!(read(Type::Str, 2, 2, "+"), Err("bad string length 1 < 2: p = +".into()));
        assert_eq!(read(Type::Raw, 0, 2, "+++"), Err("bad string length (3 > 2): p = +++".into()));
    }
}
