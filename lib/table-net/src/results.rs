//! What a query has found, formatted and joined (tables §5.2).

use bstr::BString;
use table::OpenError;

use crate::parameters::Parameters;
use crate::template::Template;

/// `result_format` and `expansion_limit`.
#[derive(Debug)]
pub struct Format {
    /// `type:name`, for messages.
    label: String,
    template: Template,
    /// The number of results; 0: any.
    limit: usize,
}

impl Format {
    /// Reads the two parameters. `default` is the limit where there is none.
    ///
    /// # Errors
    /// A bad value.
    pub fn read(parameters: &Parameters, default: i32) -> Result<Self, OpenError> {
        let template = parameters.text("result_format", "%s")?;
        Format::with_template(parameters, &template, default)
    }

    /// As [`Format::read`], with the value of `result_format` from elsewhere.
    ///
    /// # Errors
    /// A bad value.
    pub fn with_template(parameters: &Parameters, template: &[u8], default: i32) -> Result<Self, OpenError> {
        Ok(Format {
            label: parameters.label.clone(),
            template: Template::parse(&parameters.name, "result", template)?,
            limit: usize::try_from(parameters.number("expansion_limit", default, i32::MIN)?).unwrap_or(0),
        })
    }

    /// No results yet for this key.
    pub fn results<'a>(&'a self, key: &'a [u8]) -> Results<'a> {
        Results { format: self, key, count: 0, text: Vec::new() }
    }
}

/// There are more results than `expansion_limit`.
#[derive(Debug, PartialEq, Eq)]
pub struct TooMany;

/// The results of one lookup.
#[derive(Debug)]
pub struct Results<'a> {
    format: &'a Format,
    key: &'a [u8],
    count: usize,
    text: Vec<u8>,
}

impl Results<'_> {
    /// Adds a value. An empty one is ignored with a warning; one that has not all that the format asks for, silently.
    ///
    /// # Errors
    /// It is one too many.
    pub fn add(&mut self, value: &[u8]) -> Result<(), TooMany> {
        if value.is_empty() {
            let (label, key) = (&self.format.label, text::show(self.key));
            log::warn!("table \"{label}\": empty lookup result for: \"{key}\" -- ignored");
            return Ok(());
        }
        let Some(formatted) = self.format.template.result(self.key, value) else { return Ok(()) };
        self.count += 1;
        if self.format.limit > 0 && self.count > self.format.limit {
            return Err(TooMany);
        }
        if !self.text.is_empty() {
            self.text.push(b',');
        }
        self.text.extend_from_slice(&formatted);
        Ok(())
    }

    /// All results, separated by commas. `None`: there are none.
    pub fn finish(self) -> Option<BString> {
        Some(self.text).filter(|text| !text.is_empty()).map(BString::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(template: &str, limit: usize) -> Format {
        Format { label: "x:y".into(), template: Template::parse("y", "result", template.as_bytes()).unwrap(), limit }
    }

    fn join(format: &Format, values: &[&str]) -> Result<Option<BString>, TooMany> {
        let mut results = format.results(b"u@d");
        values.iter().try_for_each(|value| results.add(value.as_bytes()))?;
        Ok(results.finish())
    }

    #[test]
    fn values_are_formatted_joined_and_counted() {
        assert_eq!(join(&format("<%s>", 0), &["a", "", "b"]), Ok(Some("<a>,<b>".into())));
        assert_eq!(join(&format("%u@%D", 1), &["a@x"]), Ok(Some("a@d".into())));
        assert_eq!(join(&format("%d", 1), &["a", "b@x", "c"]), Ok(Some("x".into())));
        assert_eq!(join(&format("%s", 1), &["", "a"]), Ok(Some("a".into())));
        assert_eq!(join(&format("%s", 1), &["a", "b"]), Err(TooMany));
        assert_eq!(join(&format("%s", 0), &[]), Ok(None));
    }
}
