//! The words of a structured header value (cleanup-rewrite §16.2).

use crate::space::is_space;

/// A word of a structured header value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// An atom, or a special character.
    Token(Vec<u8>),
    /// A quoted string, unquoted.
    Quoted(Vec<u8>),
}

/// How many words of a piece matter.
const WORDS: usize = 3;

/// The words of a value, cut at each `;`; only the first of each piece.
pub(super) fn pieces(value: &[u8]) -> Vec<Vec<Word>> {
    let mut pieces = vec![Vec::new()];
    let mut rest = value;
    while let Some((word, after)) = next_word(rest) {
        rest = after;
        match word {
            Some(Word::Token(text)) if text == b";" => pieces.push(Vec::new()),
            Some(word) => {
                if let Some(last) = pieces.last_mut().filter(|last| last.len() < WORDS) {
                    last.push(word);
                }
            }
            None => {}
        }
    }
    pieces
}

const fn is_special(byte: u8) -> bool {
    matches!(
        byte,
        b'(' | b')' | b'<' | b'>' | b'@' | b',' | b';' | b':' | b'\\' | b'"' | b'/' | b'[' | b']' | b'?' | b'='
    ) || byte.is_ascii_control()
}

/// The next word, or nothing for a comment, and what follows it.
fn next_word(text: &[u8]) -> Option<(Option<Word>, &[u8])> {
    let text = crate::space::trim_start(text);
    match text.first()? {
        b'(' => Some((None, behind_comment(text))),
        b'"' => {
            let (quoted, rest) = quoted(&text[1..]);
            Some((Some(Word::Quoted(quoted)), rest))
        }
        &byte if is_special(byte) => Some((Some(Word::Token(vec![byte])), &text[1..])),
        _ => {
            let end = text.iter().position(|&byte| is_space(byte) || is_special(byte)).unwrap_or(text.len());
            Some((Some(Word::Token(text[..end].to_vec())), &text[end..]))
        }
    }
}

fn behind_comment(text: &[u8]) -> &[u8] {
    let (mut at, mut depth) = (0, 0usize);
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'\\' => at += 1,
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    &text[at.min(text.len())..]
}

/// The text up to the closing quote, without backslashes and newlines, and what follows the quote.
fn quoted(text: &[u8]) -> (Vec<u8>, &[u8]) {
    let (mut at, mut found) = (0, Vec::new());
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'"' => break,
            b'\\' => {
                found.extend(text.get(at));
                at += 1;
            }
            b'\n' => {}
            byte => found.push(byte),
        }
    }
    (found, &text[at.min(text.len())..])
}
