//! Address tables whose results are addresses: canonical and virtual alias maps (cleanup-rewrite §6.3, §6.4).

use bstr::BString;
use ipc::Unreachable;
use table::{Error, Maps};
use text::address::{addresses, quote, split_domain, unquote};

use crate::{Finder, Form, Keys, Rewriter};

/// Why an address could not be mapped.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// A table failed, or its result makes no sense; that has been logged.
    #[error(transparent)]
    Lookup(#[from] Error),
    /// The rewrite service is gone; log it as fatal.
    #[error(transparent)]
    Rewrite(#[from] Unreachable),
}

impl Finder {
    /// The addresses, in internal form, that a table has in place of one. With `propagate`, an extension that was not matched is
    /// inserted into each. `None`: the table does not have it.
    ///
    /// # Errors
    /// A table failed, or its result has no address, which has been logged; or the rewrite service is gone.
    pub fn map(
        &self,
        maps: &Maps,
        address: &[u8],
        propagate: bool,
        rewriter: &mut dyn Rewriter,
    ) -> Result<Option<Vec<BString>>, MapError> {
        let Some(found) = self.find(maps, address, Keys::ADDRESS, Form::External)? else { return Ok(None) };
        let extension = found.extension.as_deref().filter(|_| propagate).map(Vec::as_slice);
        let text = match found.value.starts_with(b"@") {
            true => {
                let (local_part, _) = split_domain(address);
                let unmatched = found.extension.as_deref().map_or(0, |extension| extension.len());
                let kept = &local_part[..local_part.len().saturating_sub(unmatched)];
                quote(&[kept, &found.value].concat())
            }
            false => found.value.clone(),
        };
        let results = crunch(&text, extension, rewriter)?;
        if results.is_empty() {
            let (address, value) = (text::show(address), text::show(&found.value));
            log::warn!("{} lookup of {address} returns non-address result \"{value}\"", maps.title());
            return Err(Error::RETRY.into());
        }
        Ok(Some(results))
    }
}

/// Reads a list of addresses, which may lack their domains, and gives their internal forms, each with the extension.
///
/// # Errors
/// The rewrite service is gone.
pub fn crunch(text: &[u8], extension: Option<&[u8]>, rewriter: &mut dyn Rewriter) -> Result<Vec<BString>, Unreachable> {
    let text = if text.is_empty() || text == b"<>" { b"\"\"" } else { text };
    let complete = |address: BString| {
        let rewritten = rewriter.rewrite("local", &quote(&address))?;
        let address = unquote(&rewritten);
        Ok(match extension {
            Some(extension) => with_extension(&address, extension),
            None => address,
        })
    };
    addresses(text).into_iter().map(complete).collect()
}

/// Inserts an extension before the last `@`.
fn with_extension(address: &[u8], extension: &[u8]) -> BString {
    let (local_part, domain) = split_domain(address);
    let mut text = BString::from([local_part, extension].concat());
    if let Some(domain) = domain {
        text.push(b'@');
        text.extend_from_slice(domain);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::Config;
    use table::{Flags, Settings, Tables};

    /// Appends the domain that is missing.
    #[derive(Debug)]
    struct Complete;

    impl Rewriter for Complete {
        fn rewrite(&mut self, rule: &str, address: &[u8]) -> Result<BString, Unreachable> {
            assert_eq!(rule, "local");
            let complete = address.contains(&b'@') || address == b"\"\"";
            Ok(if complete { address.into() } else { [address, b"@example.com"].concat().into() })
        }
    }

    fn map(table: &str, address: &str, propagate: bool) -> Result<Option<Vec<BString>>, MapError> {
        let tables = Tables::new(Settings::default());
        let config = Config::for_tests(&[("recipient_delimiter", "+"), ("myorigin", "example.com")]);
        let maps = tables.maps("test_maps", table.as_bytes(), Flags::LIST);
        Finder::new(&tables, &config).unwrap().map(&maps, address.as_bytes(), propagate, &mut Complete)
    }

    #[test]
    fn results_are_completed_and_get_the_extension() {
        let table = "inline:{ {joe@example.com = foo, \"foo bar\"@x.example (comment)} }";
        let expected = ["foo+ext@example.com", "foo bar+ext@x.example"];
        assert_eq!(map(table, "joe+ext@example.com", true).unwrap().unwrap(), expected);
        let expected = ["foo@example.com", "foo bar@x.example"];
        assert_eq!(map(table, "joe+ext@example.com", false).unwrap().unwrap(), expected);
        assert!(map(table, "ann@example.com", true).unwrap().is_none());
    }

    #[test]
    fn at_domain_results_keep_the_local_part() {
        let table = "inline:{@old.example=@new.example}";
        assert_eq!(map(table, "a b+c@old.example", true).unwrap().unwrap(), ["a b+c@new.example"]);
        let table = "inline:{joe@old.example=@new.example}";
        assert_eq!(map(table, "joe+x@old.example", true).unwrap().unwrap(), ["joe+x@new.example"]);
        assert_eq!(map(table, "joe+x@old.example", false).unwrap().unwrap(), ["joe@new.example"]);
    }

    #[test]
    fn a_result_without_address_is_an_error() {
        assert!(matches!(map("inline:{ {a@example.com = ,} }", "a@example.com", true), Err(MapError::Lookup(_))));
        assert_eq!(map("inline:{ {a@example.com = <>} }", "a@example.com", true).unwrap().unwrap(), [""]);
    }
}
