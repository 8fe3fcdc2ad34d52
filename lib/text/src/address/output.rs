//! From tokens back to text (cleanup-rewrite §4.1).

use bstr::BString;

use super::{Token, quote};

/// Text without quoting.
pub fn internal(tokens: &[Token]) -> BString {
    let mut text = BString::default();
    write_internal(&mut text, tokens, false);
    text
}

/// Text with quoting: a comma is followed by one blank.
pub fn external(tokens: &[Token]) -> BString {
    write_external(tokens, false)
}

/// `joined` tokens of one address have no blanks between them, but for those behind commas.
pub(super) fn write_external(tokens: &[Token], joined: bool) -> BString {
    let mut text = BString::default();
    for_each_with_next(tokens, |token, next| {
        write_external_token(&mut text, token);
        match token {
            Token::Operator(b',') => text.push(b' '),
            _ if !joined && blank_between(token, next) => text.push(b' '),
            _ => {}
        }
    });
    text
}

/// `joined` tokens of one address have no blanks between them.
fn write_internal(text: &mut BString, tokens: &[Token], joined: bool) {
    for_each_with_next(tokens, |token, next| {
        match token {
            Token::Operator(operator) => text.push(*operator),
            Token::Atom(word) | Token::Comment(word) | Token::Quoted(word) => text.extend_from_slice(word),
            Token::Literal(word) => {
                text.push(b'[');
                text.extend_from_slice(word);
                text.push(b']');
            }
            Token::GroupStart => text.push(b':'),
            Token::Address(address) => write_internal(text, address.tokens(), address.is_joined()),
        }
        if !joined && blank_between(token, next) {
            text.push(b' ');
        }
    });
}

/// One token, without the blank behind it.
pub(super) fn write_external_token(text: &mut BString, token: &Token) {
    match token {
        Token::Operator(operator) => text.push(*operator),
        Token::Atom(word) | Token::Comment(word) => text.extend_from_slice(word),
        Token::Quoted(word) => {
            text.push(b'"');
            write_escaped(text, word, b"\"\\\r\n");
            text.push(b'"');
        }
        Token::Literal(word) => {
            text.push(b'[');
            write_escaped(text, word, b"\\\r\n");
            text.push(b']');
        }
        Token::GroupStart => text.push(b':'),
        Token::Address(address) => text.extend_from_slice(&quote(&address.internal())),
    }
}

fn write_escaped(text: &mut BString, word: &[u8], special: &[u8]) {
    for &byte in word {
        if special.contains(&byte) {
            text.push(b'\\');
        }
        text.push(byte);
    }
}

/// Is there a blank between a token and its right neighbour?
pub(super) fn blank_between(token: &Token, next: Option<&Token>) -> bool {
    let Some(next) = next else { return false };
    matches!(token, Token::Operator(b',') | Token::GroupStart)
        || matches!(next, Token::Operator(b'<'))
        || (token.is_word() && next.is_word())
}

pub(super) fn for_each_with_next(tokens: &[Token], mut visit: impl FnMut(&Token, Option<&Token>)) {
    for (at, token) in tokens.iter().enumerate() {
        visit(token, tokens.get(at + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Address, parse_list, scan};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_of_a_single_address_keep_their_blanks() {
        assert_eq!(Address::single(b"a b@c").external(), "\"a b\"@c");
        assert_eq!(Address::single(b"joe (comment)").internal(), "joe (comment)");
    }

    #[test]
    fn quotes_and_literals_are_escaped_again() {
        let text = br#""a\"b" <c@[1\]2]>"#;
        assert_eq!(external(&parse_list(scan(text, None))), &br#""a\"b" <c@[1]2]>"#[..]);
    }

    proptest! {
        #[test]
        fn any_bytes_have_both_forms(text: Vec<u8>) {
            let tree = parse_list(scan(&text, None));
            external(&tree);
            internal(&tree);
        }
    }
}
