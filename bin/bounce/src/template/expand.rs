//! The values of `$name` in message texts (qmgr-bounce §11.6).

use std::time::Duration;

use bstr::{BStr, BString, ByteSlice};
use config::{Config, Key, Time, params};
use text::expand::{Options, expand};

use super::Template;

/// Names of the units of time that a text can ask for, and their lengths in seconds.
const UNITS: [(&str, u64); 5] =
    [("seconds", 1), ("minutes", 60), ("hours", 3600), ("days", 86_400), ("weeks", 7 * 86_400)];
/// A larger number asks for a larger unit.
const LARGEST: u64 = 999;
/// The first unit for which any number will do.
const DAY: u64 = 86_400;

/// The parameters that a text can ask for in a unit of its choice.
const TIMES: [(&str, Key<Time>); 2] =
    [("delay_warning_time_", params::DELAY_WARNING_TIME), ("maximal_queue_lifetime_", params::MAXIMAL_QUEUE_LIFETIME)];

impl Template {
    /// The message text with its values. What looks wrong with them is logged.
    ///
    /// # Errors
    /// The text of the fatal error.
    pub fn expand(&self, config: &Config) -> Result<Vec<BString>, String> {
        self.text.iter().map(|line| self.expand_line(line, config)).collect()
    }

    fn expand_line(&self, line: &BString, config: &Config) -> Result<BString, String> {
        if !line.contains(&b'$') {
            return Ok(line.clone());
        }
        let problem = |what: &str| {
            let (file, class) = (text::show(&self.origin), self.class.name());
            format!("{file}: {what} in {class} template: {}", text::show(line))
        };
        let mut failed = None;
        let expanded = expand(line, &Options::default(), &mut |name| {
            self.value(name.as_bstr(), config).unwrap_or_else(|error| {
                failed.get_or_insert(error);
                None
            })
        });
        if let Some(error) = failed {
            return Err(error);
        }
        match expanded {
            Ok(found) if found.undefined => Err(problem("undefined $name")),
            Ok(found) => Ok(found.text),
            Err(error) => {
                log::warn!("{error}");
                Err(problem("bad $name syntax"))
            }
        }
    }

    fn value(&self, name: &BStr, config: &Config) -> Result<Option<BString>, String> {
        for (prefix, parameter) in TIMES {
            if let Some(unit) = name.strip_prefix(prefix.as_bytes()) {
                return self.time(name, unit, config.get(parameter)).map(Some);
            }
        }
        let utf8 = config.get(params::SMTPUTF8_ENABLE);
        let Some(raw) = config.lookup(name) else { return Ok(None) };
        let mut value = config.expand(raw).map_err(|error| error.to_string())?;
        if utf8 && (name == "myhostname" || name == "mydomain") {
            value = self.for_people(name, value);
        }
        Ok(Some(text::printable_except(&value, utf8, b'_', |_| false).into_owned().into()))
    }

    /// A domain name as people read it.
    fn for_people(&self, name: &BStr, value: BString) -> BString {
        match text::idn::to_unicode(&value) {
            Ok(unicode) => unicode.into(),
            Err(_) => {
                let (file, shown) = (text::show(&self.origin), text::show(&value));
                log::warn!("{file}: conversion \"{name}\" failed: input value: \"{shown}\"");
                value
            }
        }
    }

    fn time(&self, name: &BStr, unit: &[u8], value: Duration) -> Result<BString, String> {
        let file = text::show(&self.origin);
        let Some((unit, seconds)) = UNITS.into_iter().find(|(known, _)| known.as_bytes() == unit) else {
            let (unit, name) = (text::show(unit), text::show(name));
            return Err(format!("{file}: unrecognized suffix \"{unit}\" in parameter \"{name}\""));
        };
        let number = value.as_secs() / seconds;
        if number > LARGEST && seconds < DAY {
            self.complain_about_unit(&format!("excessive result \"{number}\""), "increase", unit, name);
        } else if number == 0 && !value.is_zero() {
            self.complain_about_unit("zero result", "reduce", unit, name);
        }
        Ok(number.to_string().into())
    }

    fn complain_about_unit(&self, what: &str, remedy: &str, unit: &str, name: &BStr) {
        let (file, class) = (text::show(&self.origin), self.class.name());
        log::warn!("{file}: {what} in {class} template conversion of parameter \"{name}\"");
        log::warn!("please {remedy} time unit \"{unit}\" of \"{name}\" in {class} template");
        log::warn!("for instructions see the bounce(5) manual");
    }
}

#[cfg(test)]
mod tests {
    use super::super::Class;
    use super::super::built_in::{FromFormat, template};
    use super::*;

    fn expand(line: &str) -> Result<String, String> {
        let config = Config::for_tests(&[
            ("delay_warning_time", "90m"),
            ("maximal_queue_lifetime", "5d"),
            ("x", "$myhostname\u{1}"),
            ("myhostname", "xn--bcher-kva.example"),
            ("smtputf8_enable", "yes"),
        ]);
        let mut template = template(Class::Delay, FromFormat::Standard);
        template.text = vec![line.into()];
        template.expand(&config).map(|lines| lines[0].to_string())
    }

    #[test]
    fn values() {
        assert_eq!(expand("a $delay_warning_time_hours b").unwrap(), "a 1 b");
        assert_eq!(expand("${delay_warning_time_minutes}").unwrap(), "90");
        assert_eq!(expand("$(maximal_queue_lifetime_days)$$").unwrap(), "5$");
        assert_eq!(expand("$delay_warning_time").unwrap(), "90m");
        assert_eq!(expand("$myhostname").unwrap(), "b\u{fc}cher.example");
        assert_eq!(expand("$x ${x?{yes}:{no}}").unwrap(), "xn--bcher-kva.example_ yes");
    }

    #[test]
    fn errors_have_their_texts() {
        assert_eq!(expand("a $y").unwrap_err(), "[built-in]: undefined $name in delay template: a $y");
        assert_eq!(expand("a ${y").unwrap_err(), "[built-in]: bad $name syntax in delay template: a ${y");
        assert_eq!(
            expand("$delay_warning_time_years").unwrap_err(),
            "[built-in]: unrecognized suffix \"years\" in parameter \"delay_warning_time_years\""
        );
    }
}
