//! What SQL tables have in common: a statement made from the key, and results (tables §5.4).

use bstr::BString;
use table::{Error, OpenError, Request};

use crate::parameters::{Domains, Parameters};
use crate::results::{Format, Results};
use crate::template::Template;

/// `query` or its parts, `domain`, `result_format`, `expansion_limit`.
pub struct Statement {
    template: Template,
    domains: Domains,
    format: Format,
}

impl Statement {
    /// Reads the parameters. `has_functions`: the older form can be a `select_function`.
    ///
    /// # Errors
    /// A bad or missing value.
    pub fn read(parameters: &Parameters, request: &Request<'_>, has_functions: bool) -> Result<Self, OpenError> {
        let text = query_text(parameters, has_functions)?;
        if std::str::from_utf8(&text).is_err() {
            return Err(OpenError(format!("{}: query is not UTF-8: {}", parameters.name, text::show(&text))));
        }
        if let Some(code) = code_without_quotes(&text) {
            let (label, text, code) = (&parameters.label, text::show(&text), char::from(code));
            log::warn!("{label}: query >{text}< contains >%{code}< without the recommended '' quotes");
        }
        Ok(Statement {
            template: Template::parse(&parameters.name, "query", &text)?,
            domains: parameters.domains(request)?,
            format: Format::read(parameters, 0)?,
        })
    }

    /// Whether the database is asked about this key. Those that are no text are in no database.
    ///
    /// # Errors
    /// `domain` has a table that failed.
    pub fn wants(&self, key: &[u8]) -> Result<bool, Error> {
        let is_text = std::str::from_utf8(key).is_ok() && !key.contains(&0);
        Ok(is_text && self.domains.allow(key)? && self.template.query(key).is_some())
    }

    /// The text for the database, about a key that is wanted. `quote` makes a part of the key fit between `'` and `'`.
    pub fn text(&self, key: &[u8], quote: impl Fn(&[u8], &mut Vec<u8>)) -> String {
        let text = self.template.quoted_query(key, quote).unwrap_or_default();
        // Statement and key have been looked at.
        String::from_utf8(text).unwrap_or_default()
    }

    /// No results yet for this key.
    pub fn results<'a>(&'a self, key: &'a [u8]) -> Results<'a> {
        self.format.results(key)
    }
}

fn query_text(parameters: &Parameters, has_functions: bool) -> Result<BString, OpenError> {
    let query = parameters.text("query", "")?;
    if !query.is_empty() {
        return Ok(query);
    }
    if has_functions {
        let function = parameters.text("select_function", "")?;
        if !function.is_empty() {
            return Ok([&b"SELECT "[..], &function, b"('%s')"].concat().into());
        }
    }
    let table = parameters.required("table")?;
    let select = parameters.required("select_field")?;
    let place = parameters.required("where_field")?;
    let more = parameters.text("additional_conditions", "")?;
    let words: [&[u8]; 8] = [b"SELECT ", &select, b" FROM ", &table, b" WHERE ", &place, b"='%s' ", &more];
    Ok(words.concat().into())
}

/// The first code that is not in quotes: a key there could be any SQL.
fn code_without_quotes(query: &[u8]) -> Option<u8> {
    let mut quote = None;
    let mut bytes = query.iter();
    while let Some(&byte) = bytes.next() {
        match (byte, quote) {
            (b'%', None) => match bytes.next() {
                Some(b'%') | None => {}
                Some(&code) => return Some(code),
            },
            (b'\'' | b'"', None) => quote = Some(byte),
            (byte, Some(open)) if byte == open => quote = None,
            _ => {}
        }
    }
    None
}

/// Doubles each `'`.
pub fn double_quotes(text: &[u8], out: &mut Vec<u8>) {
    for &byte in text {
        if byte == b'\'' {
            out.push(byte);
        }
        out.push(byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_belong_in_quotes() {
        assert_eq!(code_without_quotes(b"SELECT a FROM b WHERE c='%s' AND d = '%%x%d'"), None);
        assert_eq!(code_without_quotes(b"SELECT '100%%' FROM b WHERE c=%u"), Some(b'u'));
        assert_eq!(code_without_quotes(b"x = \"it's %s\" and y = %s"), Some(b's'));
        assert_eq!(code_without_quotes(b"%"), None);
    }

    #[test]
    fn quotes_are_doubled() {
        let mut out = Vec::new();
        double_quotes(b"o'neil'", &mut out);
        assert_eq!(out, b"o''neil''");
    }
}
