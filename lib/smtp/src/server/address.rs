//! An address out of a word of MAIL, RCPT or VRFY (smtpd §4.8, steps 1 to 6).

use bstr::BString;
use text::address::{Token, parse_list, scan};

/// Which words are addresses.
#[derive(Clone, Copy, Debug)]
pub struct Strictness {
    /// RFC 821 to the letter: `strict_rfc821_envelopes`.
    pub strict: bool,
    /// Whether there may be no address: `MAIL FROM:<>`.
    pub empty: bool,
}

/// The address in internal form, as far as syntax alone tells; nothing for a word that is no address.
pub fn extract(word: &[u8], how: Strictness) -> Option<BString> {
    let tokens = parse_list(scan(without_route(bare(word)), None));
    let mut found = None;
    let mut others = false;
    for token in &tokens {
        match token {
            Token::Address(_) if found.is_some() => return None,
            Token::Address(address) => found = Some(address.internal()),
            _ => others = true,
        }
    }
    let address = found.unwrap_or_default();
    let bad = how.strict && (others || !word.starts_with(b"<") || address.starts_with(b"@"));
    (!bad && (how.empty || !address.is_empty())).then_some(address)
}

/// A word without the brackets around it.
pub fn bare(word: &[u8]) -> &[u8] {
    word.strip_prefix(b"<").and_then(|rest| rest.strip_suffix(b">")).unwrap_or(word)
}

/// An address without a source route `@a,@b:`.
fn without_route(address: &[u8]) -> &[u8] {
    match address.iter().position(|byte| *byte == b':') {
        Some(colon) if address.starts_with(b"@") => &address[colon + 1..],
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lenient(word: &str) -> Option<String> {
        extract(word.as_bytes(), Strictness { strict: false, empty: true }).map(|address| address.to_string())
    }

    fn strict(word: &str) -> Option<String> {
        extract(word.as_bytes(), Strictness { strict: true, empty: false }).map(|address| address.to_string())
    }

    #[test]
    fn addresses_in_and_out_of_brackets() {
        assert_eq!(lenient("<a@b.example>").as_deref(), Some("a@b.example"));
        assert_eq!(lenient("a@b.example").as_deref(), Some("a@b.example"));
        assert_eq!(lenient("<@x.example,@y:a@b.example>").as_deref(), Some("a@b.example"));
        assert_eq!(lenient("<\"a b\"@c>").as_deref(), Some("a b@c"));
        assert_eq!(lenient("<>").as_deref(), Some(""));
        assert_eq!(lenient("<a@b,c@d>"), None);
        assert_eq!(strict("<>"), None);
        assert_eq!(strict("a@b.example"), None);
        assert_eq!(strict("<a@b(comment)>"), None);
        assert_eq!(strict("<a@b>").as_deref(), Some("a@b"));
    }

    proptest::proptest! {
        #[test]
        fn any_word_is_looked_at(word: Vec<u8>, strict: bool, empty: bool) {
            let _ = extract(&word, Strictness { strict, empty });
        }
    }
}
