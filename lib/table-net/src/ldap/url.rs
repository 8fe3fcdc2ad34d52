//! LDAP URLs: of servers, and of searches.

use bstr::{BString, ByteSlice};
use table::client::Endpoint;

use crate::percent::decode;

/// Where the server of this machine has its socket.
const SOCKET: &str = "/run/slapd/ldapi";

/// How deep below its base a search goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The base alone.
    Base = 0,
    /// What is right below it.
    One = 1,
    /// All below it.
    Sub = 2,
}

/// A server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    pub endpoint: Endpoint,
    /// The name that its certificate must have.
    pub host: BString,
    /// `ldaps`.
    pub is_encrypted: bool,
}

/// A search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    pub base: BString,
    pub scope: Scope,
    pub filter: BString,
    /// Empty: all.
    pub attributes: Vec<BString>,
}

/// A URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    pub server: Server,
    pub search: Search,
}

/// The parts before and after `://`, for the schemes that there are.
fn split(text: &[u8]) -> Option<(&'static str, &[u8])> {
    let text = text.strip_prefix(b"<").and_then(|text| text.strip_suffix(b">")).unwrap_or(text);
    let text = match text.get(..4) {
        Some(prefix) if prefix.eq_ignore_ascii_case(b"url:") => &text[4..],
        _ => text,
    };
    let (scheme, rest) = text.split_once_str("://")?;
    let known = ["ldap", "ldaps", "ldapi"].into_iter().find(|name| name.as_bytes().eq_ignore_ascii_case(scheme))?;
    Some((known, rest))
}

/// Whether a text is an LDAP URL, good or bad.
pub fn is_url(text: &[u8]) -> bool {
    split(text).is_some()
}

impl Url {
    /// `scheme://host:port/base?attributes?scope?filter?extensions`. `None`: it is none.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (scheme, rest) = split(text)?;
        let (place, path) = rest.split_once_str("/").unwrap_or((rest, b""));
        let mut parts = path.split(|&byte| byte == b'?');
        let base = decode(parts.next().unwrap_or_default())?;
        let attributes = parts.next().unwrap_or_default().split(|&byte| byte == b',');
        let attributes = attributes.filter(|name| !name.is_empty()).map(decode).collect::<Option<_>>()?;
        let scope = match parts.next().unwrap_or_default() {
            b"" | b"base" => Scope::Base,
            b"one" | b"onelevel" => Scope::One,
            b"sub" | b"subtree" => Scope::Sub,
            _ => return None,
        };
        let filter = match decode(parts.next().unwrap_or_default())? {
            filter if filter.is_empty() => "(objectClass=*)".into(),
            filter => filter,
        };
        let search = Search { base, scope, filter, attributes };
        Some(Url { server: server(scheme, place)?, search })
    }
}

fn server(scheme: &str, place: &[u8]) -> Option<Server> {
    if scheme == "ldapi" {
        let path = decode(place)?;
        let path = if path.is_empty() { SOCKET.into() } else { path };
        return Some(Server { endpoint: Endpoint::Unix(path), host: BString::default(), is_encrypted: false });
    }
    let is_encrypted = scheme == "ldaps";
    let port = if is_encrypted { "636" } else { "389" };
    let (host, given) = crate::hosts::split_port(place);
    let port = given.filter(|given| !given.is_empty()).unwrap_or(port.as_bytes());
    let host: BString = if host.is_empty() { "localhost".into() } else { decode(host)? };
    let endpoint = Endpoint::inet(&[b"[", host.as_slice(), b"]:", port].concat()).ok()?;
    Some(Server { endpoint, host, is_encrypted })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn servers() {
        let place = |url: &str| {
            let server = Url::parse(url.as_bytes()).unwrap().server;
            let place = match server.endpoint {
                Endpoint::Unix(path) => path.to_string(),
                Endpoint::Inet { host, port, .. } => format!("{host} {port}"),
            };
            (place, server.is_encrypted)
        };
        assert_eq!(place("ldap://h"), ("h 389".into(), false));
        assert_eq!(place("LDAPS://h:1/"), ("h 1".into(), true));
        assert_eq!(place("ldap://[::1]:2"), ("::1 2".into(), false));
        assert_eq!(place("ldapi://%2Fx%2Fy"), ("/x/y".into(), false));
        assert_eq!(place("ldapi:///"), (SOCKET.into(), false));
        assert_eq!(place("ldap:///"), ("localhost 389".into(), false));
        assert!(!is_url(b"cn=a") && is_url(b"<URL:ldap://h>") && is_url(b"ldap://h:x:y"));
    }

    #[test]
    fn searches() {
        let search = Url::parse(b"ldap:///dc=x%20y?a,b?one?(c=d)").unwrap().search;
        assert_eq!((search.base, search.scope, search.filter), ("dc=x y".into(), Scope::One, "(c=d)".into()));
        assert_eq!(search.attributes, ["a", "b"]);
        let search = Url::parse(b"ldap:///dc=x").unwrap().search;
        assert_eq!((search.scope, search.filter), (Scope::Base, "(objectClass=*)".into()));
        for bad in ["http://h", "ldap://h/x??deep", "ldap://h/%2", "ldap://h/%zz", "cn=a"] {
            assert_eq!(Url::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_understood(text in "(ldap://)?[a:/?,%2\\[\\]()=]{0,20}") {
            let _ = Url::parse(text.as_bytes());
        }
    }
}
