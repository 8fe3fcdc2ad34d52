//! Case folding of lookup keys (tables §1.6).

use bstr::BString;

/// The text in lower case: ASCII letters only, or, with `utf8`, by full Unicode case folding. Text that is not UTF-8 is
/// folded as ASCII.
///
/// ```
/// assert_eq!(text::fold("STRASSE@Ä.example".as_bytes(), false), "strasse@Ä.example");
/// assert_eq!(text::fold("Straße@Ä.example".as_bytes(), true), "strasse@ä.example");
/// ```
pub fn fold(text: &[u8], utf8: bool) -> BString {
    match std::str::from_utf8(text) {
        Ok(text) if utf8 && !text.is_ascii() => caseless::default_case_fold_str(text).into(),
        _ => text.to_ascii_lowercase().into(),
    }
}
