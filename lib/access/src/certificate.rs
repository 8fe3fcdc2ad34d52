//! Tables of client certificates, and which of their properties are looked up (access-milter-postscreen §4.1, §4.3).

use bstr::{BString, ByteSlice};
use table::Maps;
use text::list::{SEPARATORS, split, split_braced, unbrace};
use text::split_name_value;

/// A property of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Property {
    Fingerprint,
    PublicKeyFingerprint,
    /// Known by name, and of no use.
    IssuerName,
    SubjectName,
}

impl Property {
    const NAMES: [(&str, Property); 4] = [
        ("cert_fingerprint", Property::Fingerprint),
        ("pubkey_fingerprint", Property::PublicKeyFingerprint),
        ("issuer_cn", Property::IssuerName),
        ("subject_cn", Property::SubjectName),
    ];

    fn named(name: &[u8]) -> Option<Property> {
        Self::NAMES.iter().find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes())).map(|(_, found)| *found)
    }

    /// The name.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, known)| *known == self).map_or("", |(name, _)| name)
    }
}

/// A table, and what is looked up in it.
#[derive(Clone, Debug)]
pub(crate) struct CertificateTable {
    pub maps: Maps,
    pub search: Vec<Property>,
}

/// Reads `type:name` or `{ type:name, { search_order = property ... } }`.
///
/// # Errors
/// The text of the warning, which can have several lines.
pub(crate) fn parse(word: &[u8]) -> Result<(BString, Vec<Property>), String> {
    const DEFAULT: [Property; 2] = [Property::Fingerprint, Property::PublicKeyFingerprint];
    let shown = text::show(word);
    if !word.starts_with(b"{") {
        return Ok((word.into(), DEFAULT.to_vec()));
    }
    let inside = unbrace(word).map_err(|why| format!("malformed map specification: '{why}'"))?;
    let mut words = split_braced(inside, SEPARATORS);
    let name = words.next().ok_or_else(|| format!("empty map specification: '{shown}'"))?;
    if !name.contains(&b':') {
        let name = text::show(name);
        return Err(format!("malformed map specification: '{shown}'\nexpected maptype:mapname instead of '{name}'"));
    }
    let mut search = DEFAULT.to_vec();
    for attribute in words {
        let attribute = if attribute.starts_with(b"{") { unbrace(attribute).unwrap_or(attribute) } else { attribute };
        let (name, value) =
            split_name_value(attribute).map_err(|why| format!("malformed map attribute in '{shown}': '{why}'"))?;
        if !name.eq_ignore_ascii_case(b"search_order") {
            return Err(format!("unknown map attribute in '{shown}': '{}'", text::show(name)));
        }
        search = search_order(value, word)?;
    }
    Ok((name.into(), search))
}

fn search_order(value: &[u8], word: &[u8]) -> Result<Vec<Property>, String> {
    split(value.as_bytes(), SEPARATORS)
        .map(|name| {
            let unknown = || format!("unknown search type '{}' in '{}'", text::show(name), text::show(word));
            Property::named(name).ok_or_else(unknown)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_with_and_without_an_order() {
        let both = [Property::Fingerprint, Property::PublicKeyFingerprint];
        assert_eq!(parse(b"hash:/x").unwrap(), ("hash:/x".into(), both.to_vec()));
        let word = b"{ hash:/x, { search_order = pubkey_fingerprint, cert_fingerprint } }";
        let reversed = [Property::PublicKeyFingerprint, Property::Fingerprint];
        assert_eq!(parse(word).unwrap(), ("hash:/x".into(), reversed.to_vec()));
        let word = b"{ hash:/x search_order=cert_fingerprint }";
        assert_eq!(parse(word).unwrap().1, [Property::Fingerprint]);
    }

    #[test]
    fn mistakes() {
        let error = |word: &str| parse(word.as_bytes()).unwrap_err();
        assert_eq!(error("{ }"), "empty map specification: '{ }'");
        assert_eq!(error("{ x }").lines().last(), Some("expected maptype:mapname instead of 'x'"));
        assert_eq!(error("{ a:b"), "malformed map specification: 'missing '}' in \"{ a:b\"'");
        assert_eq!(error("{ a:b x=y }"), "unknown map attribute in '{ a:b x=y }': 'x'");
        let expected = "unknown search type 'x' in '{ a:b search_order=x }'";
        assert_eq!(error("{ a:b search_order=x }"), expected);
    }
}
