//! Typed keys of the parameters that programs read, one constant each. Type, default and bounds are in the registry rows;
//! the documentation here is that of postconf(5).

mod access;
mod delivery;
mod migration;
mod network;
mod paths;
mod postscreen;
mod queue;
mod rewriting;
mod sasl;
mod services;
mod smtp_client;
mod smtpd;
mod tls;
mod tls_client;

use crate::key::{Bool, Int, Key, KeyKind, Long, Raw, Str, Time};
use crate::registry::Type;

pub use access::*;
pub use delivery::*;
pub use migration::*;
pub use network::*;
pub use paths::*;
pub use postscreen::*;
pub use queue::*;
pub use rewriting::*;
pub use sasl::*;
pub use services::*;
pub use smtp_client::*;
pub use smtpd::*;
pub use tls::*;
pub use tls_client::*;

/// What is said of a parameter.
#[derive(Clone, Copy, Debug)]
pub struct Doc {
    /// The parameter's name.
    pub name: &'static str,
    /// The registry types that its key reads.
    pub types: &'static [Type],
    /// A sentence or two.
    pub text: &'static str,
}

/// The documentation of all parameters that have keys, area by area.
pub fn docs() -> impl Iterator<Item = &'static Doc> {
    [
        access::DOCS,
        delivery::DOCS,
        migration::DOCS,
        network::DOCS,
        paths::DOCS,
        postscreen::DOCS,
        queue::DOCS,
        rewriting::DOCS,
        sasl::DOCS,
        services::DOCS,
        smtp_client::DOCS,
        smtpd::DOCS,
        tls::DOCS,
        tls_client::DOCS,
    ]
    .into_iter()
    .flatten()
}

/// Prefixes of parameters that say for one program what others say for another.
const COUNTERPARTS: [(&str, &str); 4] = [
    ("lmtp_", "smtp_"),
    ("postscreen_tls_", "smtpd_tls_"),
    ("tlsproxy_tls_", "smtpd_tls_"),
    ("tlsproxy_client_", "smtp_tls_"),
];

/// What is said of a parameter, or else of its counterpart for another program.
pub fn text(name: &str) -> Option<&'static str> {
    let of = |name: &str| docs().find(|doc| doc.name == name).map(|doc| doc.text.trim());
    of(name).or_else(|| {
        COUNTERPARTS.iter().find_map(|(prefix, other)| of(&format!("{other}{}", name.strip_prefix(prefix)?)))
    })
}

macro_rules! keys {
    ($($(#[doc = $doc:literal])+ $name:ident: $kind:ident = $text:literal;)*) => {
        $(
            $(#[doc = $doc])+
            pub const $name: super::Key<super::$kind> = super::Key::new($text);
        )*

        pub(super) const DOCS: &[super::Doc] = &[$(super::Doc {
            name: $text,
            types: <super::$kind as super::KeyKind>::TYPES,
            text: concat!($($doc),+),
        },)*];
    };
}

use keys;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry;

    #[test]
    fn every_key_has_a_row_of_its_type() {
        for doc in docs() {
            let row = registry::row(doc.name.as_bytes()).unwrap_or_else(|| panic!("no row for {}", doc.name));
            assert!(doc.types.contains(&row.ty), "{} is {:?}", doc.name, row.ty);
        }
    }

    #[test]
    fn every_parameter_is_described() {
        let rows = registry::rows().iter().filter(|row| row.kind == registry::Kind::Builtin);
        let silent: Vec<_> = rows.map(|row| row.name).filter(|name| text(name).is_none()).collect();
        assert!(silent.is_empty(), "no text for {silent:?}");
    }

    #[test]
    fn counterparts_share_their_text() {
        assert_eq!(text("lmtp_sender_dependent_authentication"), text("smtp_sender_dependent_authentication"));
        assert!(text("lmtp_sender_dependent_authentication").is_some());
        assert_eq!(text("lmtp_nosuch"), None);
    }

    #[test]
    fn no_parameter_has_two_keys() {
        let mut names: Vec<_> = docs().map(|doc| doc.name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
