//! Replacing one recipient by many: virtual aliases (cleanup-rewrite §12.5).

use std::collections::HashSet;

use address::{Finder, MapError, Rewriter};
use bstr::BString;
use ipc::Unreachable;

use crate::site::VirtualAlias;

/// How much of a result that is too long goes into the log, in bytes.
const SHOWN: usize = 300;

/// Why a recipient could not be expanded. The text is that of the warning, for an address in external form.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// There are too many results.
    #[error("unreasonable virtual_alias_maps map expansion size for {}", text::show(.0))]
    TooMany(BString),
    /// Replacing does not come to an end.
    #[error("unreasonable virtual_alias_maps map nesting for {}", text::show(.0))]
    TooDeep(BString),
    /// A result is too long.
    #[error("unreasonable virtual_alias_maps result {}...", text::show(&.0[..SHOWN.min(.0.len())]))]
    TooLong(BString),
    /// A table failed.
    #[error("virtual_alias_maps map lookup problem for {}", text::show(.0))]
    Lookup(BString),
    /// The rewrite service is gone; log it as fatal.
    #[error(transparent)]
    Unreachable(Unreachable),
}

/// Expands an address; all addresses are in internal form. Each result is looked up in turn, until it is in no table or
/// has itself as a result.
pub fn expand(
    aliases: &VirtualAlias,
    finder: &Finder,
    propagate: bool,
    address: &[u8],
    rewriter: &mut dyn Rewriter,
) -> Result<Vec<BString>, Problem> {
    let shown = || text::address::quote(address);
    let mut results = vec![BString::from(address)];
    let mut is_final = HashSet::new();
    let mut at = 0;
    while at < results.len() {
        if results.len() > aliases.expansion_limit {
            return Err(Problem::TooMany(shown()));
        }
        let mut depth = 0;
        while !is_final.contains(&results[at].to_ascii_lowercase()) {
            if depth >= aliases.recursion_limit {
                return Err(Problem::TooDeep(shown()));
            }
            depth += 1;
            let found = finder.map(&aliases.maps, &results[at], propagate, rewriter).map_err(|error| match error {
                MapError::Lookup(_) => Problem::Lookup(shown()),
                MapError::Rewrite(unreachable) => Problem::Unreachable(unreachable),
            })?;
            let Some(found) = found else { break };
            if let Some(long) = found.iter().find(|result| result.len() > aliases.address_length_limit) {
                return Err(Problem::TooLong(long.clone()));
            }
            if found.iter().any(|result| result.eq_ignore_ascii_case(&results[at])) {
                is_final.insert(results[at].to_ascii_lowercase());
            }
            let mut found = found.into_iter();
            results[at] = found.next().unwrap_or_default();
            results.extend(found);
        }
        at += 1;
    }
    Ok(results)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::tests::Mock;
    use config::Config;
    use table::{Flags, Settings, Tables};

    fn run(table: &str, address: &str) -> Result<Vec<BString>, Problem> {
        let tables = Tables::new(Settings::default());
        let config = Config::for_tests(&[("recipient_delimiter", "+"), ("myorigin", "example.com")]);
        let aliases = VirtualAlias {
            maps: tables.maps("virtual_alias_maps", table.as_bytes(), Flags::LIST),
            expansion_limit: 4,
            recursion_limit: 3,
            address_length_limit: 20,
        };
        expand(&aliases, &Finder::new(&tables, &config).unwrap(), true, address.as_bytes(), &mut Mock::default())
    }

    #[test]
    fn results_are_expanded_in_turn() {
        let table = "inline:{ {list@example.com = ann@a.example, bob@b.example} {bob@b.example = bobby@c.example} }";
        assert_eq!(run(table, "list@example.com").unwrap(), ["ann@a.example", "bobby@c.example"]);
        let table = "inline:{ {joe@example.com = joe, jane} }";
        assert_eq!(run(table, "joe@example.com").unwrap(), ["joe@example.com", "jane@example.com"]);
        assert_eq!(run(table, "ann@example.com").unwrap(), ["ann@example.com"]);
    }

    #[test]
    fn extensions_go_along() {
        let table = "inline:{ {joe@example.com = ann@a.example} }";
        assert_eq!(run(table, "joe+x@example.com").unwrap(), ["ann+x@a.example"]);
    }

    #[test]
    fn limits() {
        let error = |table: &str| run(table, "a@example.com").unwrap_err().to_string();
        let text = "unreasonable virtual_alias_maps map nesting for a@example.com";
        assert_eq!(error("inline:{ a=b, b=a }"), text);
        let text = "unreasonable virtual_alias_maps map expansion size for a@example.com";
        assert_eq!(error("inline:{ {a = p, q, r, s, t} }"), text);
        let text = "unreasonable virtual_alias_maps result abcdefghijklmnop@example.com...";
        assert_eq!(error("inline:{ a=abcdefghijklmnop }"), text);
        assert_eq!(error("fail:x"), "virtual_alias_maps map lookup problem for a@example.com");
    }
}
