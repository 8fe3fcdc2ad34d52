//! Addresses: completing, canonical mapping, masquerading (cleanup-rewrite §12.4).

use address::MapError;
use bstr::{BString, ByteSlice};
use ipc::Unreachable;
use ipc::cleanup::{flag, status};
use table::Maps;
use text::address::{quote, split_domain, unquote};

use super::Message;
use crate::classes::Role;

/// How often an address is looked up in one table.
const MAX_NESTING: usize = 10;

/// The value, or a fatal end: nothing can be done without the rewrite service.
pub(super) fn reachable<T>(result: Result<T, Unreachable>) -> T {
    result.unwrap_or_else(|unreachable| logging::fatal!("{unreachable}"))
}

impl Message<'_> {
    /// Completes an envelope address, which is in internal form.
    pub(super) fn complete_locally(&mut self, address: &[u8]) -> BString {
        reachable(self.world.rewriter().rewrite_internal("local", address))
    }

    /// Applies canonical mapping and masquerading, as far as they concern addresses of this role. The address is in
    /// internal form.
    pub(super) fn map_address(&mut self, mut address: BString, role: Role) -> BString {
        if self.flags & flag::MAP_OK == 0 {
            return address;
        }
        let site = self.site;
        for maps in site.canonical.maps(role) {
            address = self.map_canonically(address, maps);
        }
        if !site.masquerade.domains.is_empty() && site.masquerade.classes.cover(role) {
            address = self.masquerade(address);
        }
        address
    }

    /// One to one, until there is nothing more to replace.
    fn map_canonically(&mut self, mut address: BString, maps: &Maps) -> BString {
        let (site, title) = (self.site, maps.title());
        for _ in 0..MAX_NESTING {
            let propagate = site.propagate.canonical;
            let results = match site.finder.map(maps, &address, propagate, self.world.rewriter()) {
                Ok(Some(results)) => results,
                Ok(None) => return address,
                Err(MapError::Rewrite(unreachable)) => reachable(Err(unreachable)),
                Err(MapError::Lookup(_)) => {
                    self.warn_later(&format!("{title} map lookup problem for {}", text::show(&quote(&address))));
                    self.fail(status::WRITE);
                    return address;
                }
            };
            if results.len() > 1 {
                log::warn!("{}: multi-valued {title} entry for {}", self.id, text::show(&quote(&address)));
            }
            let Some(result) = results.into_iter().next() else { return address };
            if result.eq_ignore_ascii_case(&address) {
                return result;
            }
            address = result;
        }
        self.warn_later(&format!("unreasonable {title} map nesting for {}", text::show(&quote(&address))));
        address
    }

    /// Hides subdomains.
    fn masquerade(&mut self, address: BString) -> BString {
        let masquerade = &self.site.masquerade;
        let external = quote(&address);
        let (local, Some(domain)) = split_domain(&external) else { return address };
        let domain = text::fold(domain, self.site.smtputf8_enable);
        match masquerade.exceptions.matches(local) {
            Ok(false) => {}
            Ok(true) => return address,
            Err(_) => {
                let id = self.id;
                log::info!("{id}: masquerade_exceptions map lookup problem -- message not accepted, try again later");
                self.fail(status::WRITE);
                return address;
            }
        }
        match visible_domain(&masquerade.domains, &domain) {
            Some(domain) => unquote(&[local, b"@", domain].concat()),
            None => address,
        }
    }

    /// Does the address need SMTPUTF8?
    pub(super) fn needs_utf8(&self, address: &[u8]) -> bool {
        self.site.smtputf8_enable && !address.is_ascii() && address.to_str().is_ok()
    }

    /// Warns of something that may have passed when the client tries again.
    pub(super) fn warn_later(&self, what: &str) {
        log::warn!("{}: {what} -- message not accepted, try again later", self.id);
    }
}

/// What a domain (in lower case) is replaced by; `None`: it stays. The first item that is the domain or one of its
/// parents decides; `!` in front makes it an exception.
fn visible_domain<'m>(items: &'m [BString], domain: &[u8]) -> Option<&'m [u8]> {
    for item in items {
        let parent = item.trim_start_with(|character| character == '!');
        let is_exception = (item.len() - parent.len()) % 2 == 1;
        if domain == parent {
            return None;
        }
        if domain.strip_suffix(parent).is_some_and(|rest| rest.ends_with(b".")) {
            return (!is_exception).then_some(parent);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masqueraded_domains() {
        let visible = |items: &[&str], domain: &str| {
            let items: Vec<BString> = items.iter().map(|item| BString::from(*item)).collect();
            visible_domain(&items, domain.as_bytes()).map(BString::from)
        };
        assert_eq!(visible(&["a.b.c", "b.c"], "aa.a.b.c"), Some("a.b.c".into()));
        assert_eq!(visible(&["a.b.c", "b.c"], "aaa.b.c"), Some("b.c".into()));
        assert_eq!(visible(&["!a.b.c", "b.c"], "aa.a.b.c"), None);
        assert_eq!(visible(&["!a.b.c", "b.c"], "a.b.c"), None);
        assert_eq!(visible(&["b.c"], "ab.c"), None);
    }
}
