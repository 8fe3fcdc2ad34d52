//! Texts with `%` codes, from which queries and results are made (tables §5.3).

use bstr::ByteSlice;
use table::OpenError;

/// A query or result template.
#[derive(Debug)]
pub struct Template(Vec<Piece>);

#[derive(Debug)]
enum Piece {
    Text(u8),
    Code(u8),
}

/// The parts of an address.
#[derive(Clone, Copy)]
struct Parts<'a> {
    whole: &'a [u8],
    local: &'a [u8],
    domain: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    fn of(text: &'a [u8]) -> Self {
        match text.rsplit_once_str("@") {
            Some((local, domain)) => Parts { whole: text, local, domain: Some(domain) },
            None => Parts { whole: text, local: text, domain: None },
        }
    }

    /// The domain, if there is anything to it.
    fn domain(&self) -> Option<&'a [u8]> {
        self.domain.filter(|domain| !domain.is_empty())
    }

    /// The domain's label of this number, counted from the right; none of those up to it may be empty.
    fn label(&self, number: u8) -> Option<&'a [u8]> {
        let mut labels = self.domain()?.rsplit(|&byte| byte == b'.').take_while(|label| !label.is_empty());
        labels.nth(usize::from(number.checked_sub(1)?))
    }
}

impl Template {
    /// Reads a template of the configuration `name`; `what` is `query` or `result`.
    ///
    /// # Errors
    /// It has an unknown code.
    pub fn parse(name: &str, what: &str, text: &[u8]) -> Result<Self, OpenError> {
        let mut pieces = Vec::with_capacity(text.len());
        let mut bytes = text.iter();
        while let Some(&byte) = bytes.next() {
            pieces.push(match byte {
                b'%' => match bytes.next() {
                    Some(b'%') => Piece::Text(b'%'),
                    Some(&code @ (b's' | b'S' | b'u' | b'U' | b'd' | b'D' | b'1'..=b'9')) => Piece::Code(code),
                    _ => {
                        let text = text::show(text);
                        return Err(OpenError(format!("db_common_parse: {name}: Invalid {what} template: {text}")));
                    }
                },
                byte => Piece::Text(byte),
            });
        }
        Ok(Template(pieces))
    }

    /// The query for a key. `None`: the key has not all that the template asks for.
    pub fn query(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.quoted_query(key, |text, out| out.extend_from_slice(text))
    }

    /// As [`Template::query`]; `quote` adds a part of the key so that it is nothing but data where the query goes.
    pub fn quoted_query(&self, key: &[u8], quote: impl Fn(&[u8], &mut Vec<u8>)) -> Option<Vec<u8>> {
        self.expand(Parts::of(key), Parts::of(key), quote)
    }

    /// The formatted result. `None`: value or key have not all that the template asks for.
    pub fn result(&self, key: &[u8], value: &[u8]) -> Option<Vec<u8>> {
        self.expand(Parts::of(key), Parts::of(value), |text, out| out.extend_from_slice(text))
    }

    /// Whether there is anything of the key in it.
    pub fn is_fixed(&self) -> bool {
        self.0.iter().all(|piece| matches!(piece, Piece::Text(_)))
    }

    /// Capitals and digits stand for the key, small letters for the value.
    fn expand(&self, key: Parts<'_>, value: Parts<'_>, quote: impl Fn(&[u8], &mut Vec<u8>)) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        for piece in &self.0 {
            let code = match piece {
                Piece::Text(byte) => {
                    out.push(*byte);
                    continue;
                }
                Piece::Code(code) => *code,
            };
            let parts = if code.is_ascii_lowercase() { value } else { key };
            let text = match code.to_ascii_lowercase() {
                b's' => Some(parts.whole),
                b'u' => Some(parts.local).filter(|local| !local.is_empty()),
                b'd' => parts.domain().filter(|_| !parts.local.is_empty()),
                digit => parts.label(digit - b'0'),
            };
            quote(text?, &mut out);
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(template: &str, key: &str) -> Option<String> {
        let template = Template::parse("x", "query", template.as_bytes()).unwrap();
        template.query(key.as_bytes()).map(|text| String::from_utf8(text).unwrap())
    }

    #[test]
    fn queries() {
        assert_eq!(query("a%%%s", "k").as_deref(), Some("a%k"));
        assert_eq!(query("%u at %d", "u@x.org").as_deref(), Some("u at x.org"));
        assert_eq!(query("%u", "k").as_deref(), Some("k"));
        assert_eq!(query("%1", "u@mail.example.com").as_deref(), Some("com"));
        assert_eq!(query("%3-%2", "u@mail.example.com").as_deref(), Some("mail-example"));
        for (template, key) in [
            ("%d", "k"),
            ("%u", "@x.org"),
            ("%d", "u@"),
            ("%4", "u@mail.example.com"),
            ("%2", "u@.org"),
            ("%3", "u@org..com"),
        ] {
            assert_eq!(query(template, key), None, "{template} {key}");
        }
    }

    #[test]
    fn results() {
        let result = |template: &str, key: &str, value: &str| {
            let template = Template::parse("x", "result", template.as_bytes()).unwrap();
            template.result(key.as_bytes(), value.as_bytes()).map(|text| String::from_utf8(text).unwrap())
        };
        assert_eq!(result("%s for %S", "k", "v").as_deref(), Some("v for k"));
        assert_eq!(result("%u@%D", "k@x", "v@y").as_deref(), Some("v@x"));
        assert_eq!(result("%d", "k@x", "v"), None);
    }

    #[test]
    fn unknown_codes_are_errors() {
        let error = Template::parse("/t", "query", b"%q").unwrap_err();
        assert_eq!(error.to_string(), "db_common_parse: /t: Invalid query template: %q");
        assert!(Template::parse("/t", "query", b"x%").is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_template_and_key(template in "[%sudSUD19.@]{0,8}", key in "[a.@]{0,8}") {
            if let Ok(template) = Template::parse("x", "query", template.as_bytes()) {
                template.query(key.as_bytes());
            }
        }
    }
}
