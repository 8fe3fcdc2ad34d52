//! Domain names beyond ASCII (UTS #46, without transitional processing).

use thiserror::Error;

/// A name that has no ASCII form.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum IdnError {
    /// Its bytes are not UTF-8.
    #[error("malformed UTF-8")]
    Utf8,
    /// A label breaks the rules for names.
    #[error("invalid domain name")]
    Invalid,
}

/// The form of a domain name with A-labels, in lower case. Label lengths are not checked here.
///
/// ```
/// assert_eq!(text::idn::to_ascii("Bücher.example".as_bytes()).unwrap(), "xn--bcher-kva.example");
/// assert!(text::idn::to_ascii("ä-.example".as_bytes()).is_err());
/// ```
///
/// # Errors
/// When it has none.
pub fn to_ascii(domain: &[u8]) -> Result<String, IdnError> {
    let domain = std::str::from_utf8(domain).map_err(|_| IdnError::Utf8)?;
    let ascii = idna::uts46::Uts46::new().to_ascii(
        domain.as_bytes(),
        idna::AsciiDenyList::EMPTY,
        idna::uts46::Hyphens::CheckFirstLast,
        idna::uts46::DnsLength::Ignore,
    );
    ascii.map(|ascii| ascii.into_owned()).map_err(|_| IdnError::Invalid)
}

/// The form of a domain name with U-labels: what people read.
///
/// ```
/// assert_eq!(text::idn::to_unicode(b"xn--bcher-kva.example").unwrap(), "b\u{fc}cher.example");
/// ```
///
/// # Errors
/// When a label is no valid encoding of one.
pub fn to_unicode(domain: &[u8]) -> Result<String, IdnError> {
    let domain = std::str::from_utf8(domain).map_err(|_| IdnError::Utf8)?;
    let (unicode, result) = idna::uts46::Uts46::new().to_unicode(
        domain.as_bytes(),
        idna::AsciiDenyList::EMPTY,
        idna::uts46::Hyphens::CheckFirstLast,
    );
    result.map(|()| unicode.into_owned()).map_err(|_| IdnError::Invalid)
}
