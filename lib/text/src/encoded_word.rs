//! Text that is not ASCII as ASCII words for headers (RFC 2047; cleanup-rewrite §14).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bstr::{BString, ByteSlice};

/// An encoded word is at most this long, in bytes (RFC 2047 §2).
const WORD_LENGTH: usize = 75;

/// The name of a character set is at most this long, in bytes: then at least half of a word is text.
const CHARSET_LENGTH: usize = 37;

/// A text that is at least this long, in bytes, is shorter in base64 where much of it is not ASCII.
const BASE64_LENGTH: usize = 20;

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Where encoded words stand, which decides on the characters that they may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In front of an address in angle brackets.
    Phrase,
    /// In parentheses.
    Comment,
}

impl Place {
    /// Has this byte a meaning of its own here?
    fn must_encode(self, byte: u8) -> bool {
        let is_special = match self {
            Place::Phrase => b"()<>@,;:\\\".[]#$%&'^`{|}~".contains(&byte),
            Place::Comment => b"()\\".contains(&byte),
        };
        !matches!(byte, b'!'..=b'~') || b"=?_".contains(&byte) || is_special
    }
}

/// Is this the name of a character set that an encoded word can have?
///
/// ```
/// assert!(text::encoded_word::is_charset(b"iso-8859-1"));
/// assert!(!text::encoded_word::is_charset(b"utf 8"));
/// ```
pub fn is_charset(name: &[u8]) -> bool {
    let is_legal = |byte: &u8| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?.=".contains(byte);
    !name.is_empty() && name.len() <= CHARSET_LENGTH && name.iter().all(is_legal)
}

/// The text as encoded words, which belong together: between them, white space does not count. `charset` is a name that
/// [`is_charset`] accepts. A character of UTF-8 stays in one word.
pub fn encode(charset: &[u8], place: Place, text: &[u8]) -> Vec<BString> {
    let encoded = text.iter().filter(|&&byte| place.must_encode(byte)).count();
    let is_base64 = text.len() >= BASE64_LENGTH && encoded >= text.len() / 2;
    let room = WORD_LENGTH.saturating_sub(charset.len() + "=??Q??=".len()).max(4);
    let letter = if is_base64 { b'B' } else { b'Q' };
    let word = |text: &[u8]| [b"=?", charset, b"?", &[letter], b"?", text, b"?="].concat().into();
    match is_base64 {
        true => cut(text, room / 4 * 3, |_| 1).map(|piece| word(STANDARD.encode(piece).as_bytes())).collect(),
        false => cut(text, room, |byte| quoted_length(place, byte)).map(|piece| word(&quote(place, piece))).collect(),
    }
}

/// Pieces of the text that need at most `room`, each at least one byte long; cut between characters where that is possible.
fn cut(text: &[u8], room: usize, need: impl Fn(u8) -> usize) -> impl Iterator<Item = &[u8]> {
    let is_utf8 = text.to_str().is_ok();
    let mut rest = text;
    std::iter::from_fn(move || {
        let mut used = 0;
        let mut fits = |&byte: &u8| {
            used += need(byte);
            used <= room
        };
        let mut length = rest.iter().take_while(|byte| fits(byte)).count();
        while is_utf8 && length < rest.len() && length > 1 && is_inside_character(rest[length]) {
            length -= 1;
        }
        let (piece, behind) = rest.split_at(length.max(1).min(rest.len()));
        rest = behind;
        (!piece.is_empty()).then_some(piece)
    })
}

/// Does UTF-8 have this byte behind the first of a character?
fn is_inside_character(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

fn quoted_length(place: Place, byte: u8) -> usize {
    if byte != b' ' && place.must_encode(byte) { 3 } else { 1 }
}

fn quote(place: Place, text: &[u8]) -> Vec<u8> {
    let mut quoted = Vec::new();
    for &byte in text {
        match byte {
            b' ' => quoted.push(b'_'),
            _ if place.must_encode(byte) => {
                quoted.extend([b'=', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
            _ => quoted.push(byte),
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn joined(place: Place, text: &str) -> String {
        encode(b"utf-8", place, text.as_bytes()).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn words() {
        assert_eq!(joined(Place::Phrase, "José User"), "=?utf-8?Q?Jos=C3=A9_User?=");
        assert_eq!(joined(Place::Phrase, "é (x) $_"), "=?utf-8?Q?=C3=A9_=28x=29_=24=5F?=");
        assert_eq!(joined(Place::Comment, "é (x) $_"), "=?utf-8?Q?=C3=A9_=28x=29_$=5F?=");
        assert_eq!(joined(Place::Phrase, "Михаил Иванов"), "=?utf-8?B?0JzQuNGF0LDQuNC7INCY0LLQsNC90L7Qsg==?=");
        assert!(encode(b"utf-8", Place::Phrase, b"").is_empty());
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let words = encode(b"utf-8", Place::Phrase, format!("é{}", "ab".repeat(40)).as_bytes());
        assert_eq!(words[0].len(), WORD_LENGTH);
        assert_eq!(words.len(), 2);
        let words = encode(b"utf-8", Place::Phrase, "é".repeat(18).as_bytes());
        assert!(words.iter().all(|word| word.len() <= WORD_LENGTH && word.starts_with(b"=?utf-8?B?")), "{words:?}");
    }

    /// Decodes one word.
    fn decode(word: &[u8]) -> Vec<u8> {
        let text = word.strip_prefix(b"=?utf-8?").and_then(|word| word.strip_suffix(b"?=")).expect("a word");
        let Some(quoted) = text.strip_prefix(b"Q?") else { return STANDARD.decode(&text[2..]).expect("base64") };
        let mut decoded = Vec::new();
        let mut bytes = quoted.iter();
        while let Some(&byte) = bytes.next() {
            decoded.push(match byte {
                b'_' => b' ',
                b'=' => {
                    let digits: String = bytes.by_ref().take(2).map(|&digit| char::from(digit)).collect();
                    u8::from_str_radix(&digits, 16).expect("two digits")
                }
                byte => byte,
            });
        }
        decoded
    }

    proptest! {
        #[test]
        fn what_is_encoded_can_be_decoded(text: Vec<u8>, is_comment: bool) {
            let place = if is_comment { Place::Comment } else { Place::Phrase };
            let words = encode(b"utf-8", place, &text);
            prop_assert!(words.iter().all(|word| word.len() <= WORD_LENGTH && word.is_ascii()));
            let decoded: Vec<u8> = words.iter().flat_map(|word| decode(word)).collect();
            prop_assert_eq!(decoded, text);
        }

        #[test]
        fn each_word_has_whole_characters(text: String) {
            for word in encode(b"utf-8", Place::Phrase, text.as_bytes()) {
                prop_assert!(decode(&word).to_str().is_ok());
            }
        }
    }
}
