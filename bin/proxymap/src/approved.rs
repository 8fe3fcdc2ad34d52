//! Which tables clients may use (tables §7.3).

use std::collections::BTreeSet;

use bstr::{BString, ByteSlice};
use text::list::{SEPARATORS, split_braced, unbrace};

/// Types whose tables are named inside of braces.
const CONTAINERS: [&[u8]; 2] = [b"unionmap:", b"pipemap:"];
/// The deepest nesting of tables in tables.
const DEEPEST: usize = 20;

/// The tables of an allow-list.
#[derive(Debug)]
pub struct Approved {
    parameter: String,
    names: BTreeSet<BString>,
}

impl Approved {
    /// Reads a list, which is expanded: all that begins with `proxy:`, or has a type that needs none.
    pub fn read(parameter: &str, list: &[u8]) -> Self {
        let mut names = BTreeSet::new();
        add(&mut names, list, 0);
        Approved { parameter: parameter.into(), names }
    }

    /// Whether a table, `type:name`, is approved.
    pub fn has(&self, name: &[u8]) -> bool {
        self.names.contains(name.as_bstr())
    }

    /// The files of tables that have their parameters in one.
    pub fn configuration_files(&self) -> impl Iterator<Item = &[u8]> {
        let remote = self.names.iter().filter(|name| table::is_remote(name));
        remote.filter_map(|name| name.split_once_str(":")).map(|(_, file)| file).filter(|file| file.starts_with(b"/"))
    }

    /// Says why a table is refused, and what to do about it.
    pub fn explain(&self, name: &[u8], writes: bool) {
        let (name, access) = (text::show(name), if writes { "read-write" } else { "read-only" });
        log::warn!("request for unapproved table: \"{name}\"");
        log::warn!("to approve this table for {access} access, list proxy:{name} in main.cf:{}", self.parameter);
    }
}

fn add(names: &mut BTreeSet<BString>, list: &[u8], depth: usize) {
    for word in split_braced(list, SEPARATORS) {
        let word = match word.starts_with(b"{") {
            true => unbrace(word).ok().and_then(|inside| split_braced(inside, SEPARATORS).next()).unwrap_or(b""),
            false => word,
        };
        let members = CONTAINERS.iter().find_map(|kind| without_proxy(word).strip_prefix(*kind));
        if let Some(members) = members.and_then(|members| unbrace(members).ok())
            && depth < DEEPEST
        {
            add(names, members, depth + 1);
        }
        // Programs reach such tables through us whether or not their names say so.
        if word.starts_with(b"proxy:") || table::is_remote(word) {
            names.insert(without_proxy(word).into());
        }
    }
}

/// The name of a table without any `proxy:` in front.
pub fn without_proxy(mut name: &[u8]) -> &[u8] {
    while let Some(rest) = name.strip_prefix(b"proxy:") {
        name = rest;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_begins_with_proxy_is_approved() {
        let list = b"hash:/a, memcache:/m proxy:hash:/b proxy:proxy:hash:/c {proxy:hash:/d search_order=x} \
                     unionmap:{proxy:hash:/e, hash:/f} proxy:pipemap:{hash:/g,proxy:hash:/h}";
        let approved = Approved::read("proxy_read_maps", list);
        let has = |name: &str| approved.has(name.as_bytes());
        assert!(has("memcache:/m"));
        assert!(has("hash:/b") && has("hash:/c") && has("hash:/d") && has("hash:/e") && has("hash:/h"));
        assert!(has("pipemap:{hash:/g,proxy:hash:/h}"));
        assert!(!has("hash:/a") && !has("hash:/f") && !has("hash:/g") && !has("proxy:hash:/b"));
    }
}
