//! Lists as main.cf and master.cf write them (config §3, master-ipc §7.4).

use thiserror::Error;

use crate::space::trim;

/// What separates the elements of a main.cf list.
pub const SEPARATORS: &[u8] = b", \t\r\n";

/// What separates the fields of a master.cf line.
pub const BLANKS: &[u8] = b" \t\r\n";

/// The non-empty words of `text` between bytes of `separators`.
pub fn split<'a>(text: &'a [u8], separators: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    text.split(|byte| separators.contains(byte)).filter(|word| !word.is_empty())
}

/// Takes the first word off `text`, with the separators before it.
pub fn next_word<'a>(text: &mut &'a [u8], separators: &[u8]) -> Option<&'a [u8]> {
    let start = text.iter().position(|byte| !separators.contains(byte))?;
    let end =
        text[start..].iter().position(|byte| separators.contains(byte)).map_or(text.len(), |length| start + length);
    let word = &text[start..end];
    *text = &text[end..];
    Some(word)
}

/// As [`split`], but separators between balanced `{` and `}` do not separate. An unclosed `{` reaches to the end.
pub fn split_braced<'a>(text: &'a [u8], separators: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let start = rest.iter().position(|byte| !separators.contains(byte))?;
        let tail = &rest[start..];
        let mut depth = 0usize;
        let end = tail.iter().position(|&byte| {
            match byte {
                b'{' => depth += 1,
                b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && separators.contains(&byte)
        });
        let (word, after) = tail.split_at(end.unwrap_or(tail.len()));
        rest = after;
        Some(word)
    })
}

/// The length, with both ends, of the balanced text at the start of `text`, which begins with `open`; nothing if it is not
/// closed.
pub fn balanced(text: &[u8], open: u8, close: u8) -> Option<usize> {
    let mut depth = 0usize;
    for (at, &byte) in text.iter().enumerate() {
        if byte == open {
            depth += 1;
        } else if byte == close {
            depth = depth.saturating_sub(1);
        }
        if depth == 0 {
            return (at > 0).then_some(at + 1);
        }
    }
    None
}

/// What is wrong with a text in braces (master-ipc §7.5).
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BraceError {
    /// The text does not begin with a brace.
    #[error("no '{{' at start of text in \"{}\"", crate::show(.0))]
    Missing(Vec<u8>),
    /// The first brace is not closed.
    #[error("missing '}}' in \"{}\"", crate::show(.0))]
    Unclosed(Vec<u8>),
    /// There is more after the brace that closes the first one.
    #[error("syntax error after '}}' in \"{}\"", crate::show(.0))]
    Garbage(Vec<u8>),
}

/// What is between the braces that `text` begins and ends with, without white space around it.
///
/// # Errors
/// When `text` is not one text in braces.
pub fn unbrace(text: &[u8]) -> Result<&[u8], BraceError> {
    match unbrace_leniently(text) {
        (inside, None) => Ok(inside),
        (_, Some(error)) => Err(error),
    }
}

/// As [`unbrace`], with something to go on with beside the error: a brace that is not closed reaches to the end, and text
/// after the closing brace is left out.
pub fn unbrace_leniently(text: &[u8]) -> (&[u8], Option<BraceError>) {
    if text.first() != Some(&b'{') {
        return (text, Some(BraceError::Missing(text.to_vec())));
    }
    let Some(length) = balanced(text, b'{', b'}') else {
        return (trim(&text[1..]), Some(BraceError::Unclosed(text.to_vec())));
    };
    let garbage = !trim(&text[length..]).is_empty();
    (trim(&text[1..length - 1]), garbage.then(|| BraceError::Garbage(text.to_vec())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_hold_words_together() {
        let words: Vec<&[u8]> = split_braced(b" a={b c}, { d , {e} }  f}g", SEPARATORS).collect();
        assert_eq!(words, [&b"a={b c}"[..], b"{ d , {e} }", b"f}g"]);
        assert_eq!(split_braced(b"{a b", SEPARATORS).collect::<Vec<_>>(), [b"{a b"]);
    }

    #[test]
    fn words_are_separated_by_any_mix() {
        assert_eq!(split(b",a, \tb\r\n", SEPARATORS).collect::<Vec<_>>(), [b"a", b"b"]);
        let mut rest: &[u8] = b" a\t{b c}";
        assert_eq!(next_word(&mut rest, BLANKS), Some(&b"a"[..]));
        assert_eq!((next_word(&mut rest, BLANKS), rest), (Some(&b"{b"[..]), &b" c}"[..]));
    }

    #[test]
    fn braces_come_off_or_the_error_says_why_not() {
        assert_eq!(unbrace(b"{ a = b }").unwrap(), b"a = b");
        assert_eq!(unbrace(b"{a").unwrap_err().to_string(), "missing '}' in \"{a\"");
        assert_eq!(unbrace(b"{a}b").unwrap_err().to_string(), "syntax error after '}' in \"{a}b\"");
        assert_eq!(unbrace_leniently(b"{ a }b").0, b"a");
        assert_eq!(unbrace(b"a").unwrap_err().to_string(), "no '{' at start of text in \"a\"");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_split_without_losing_any_but_separators(text: Vec<u8>) {
            for words in [split(&text, SEPARATORS).count(), split_braced(&text, SEPARATORS).count()] {
                assert!(words <= text.len());
            }
            let joined: usize = split(&text, SEPARATORS).map(<[u8]>::len).sum();
            assert_eq!(joined, text.iter().filter(|byte| !SEPARATORS.contains(byte)).count());
            let _ = unbrace(&text);
        }
    }
}
