//! The scanner (cleanup-rewrite §2).

use bstr::BString;

use super::output::write_external;
use super::{internal, quote};

/// A token of an address or a list of addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// One of `|%!()<>@,;:\".[]`.
    Operator(u8),
    /// Plain text.
    Atom(BString),
    /// Text that stood in quotes, without them and without backslashes.
    Quoted(BString),
    /// Text with its parentheses and backslashes.
    Comment(BString),
    /// Text that stood in brackets, without them and without backslashes.
    Literal(BString),
    /// The `:` behind the name of a group; made by the parser.
    GroupStart,
    /// The tokens of one address; made by the parser.
    Address(Address),
}

/// One address in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    tokens: Vec<Token>,
    /// Tokens that the parser put together have no blanks between them.
    joined: bool,
}

impl Address {
    pub(super) fn from_parser(tokens: Vec<Token>) -> Address {
        Address { tokens, joined: true }
    }

    /// An address from text that is known to be one address, as the rewrite service returns it: whatever comments and
    /// commas it has are part of it.
    pub fn single(text: &[u8]) -> Address {
        Address { tokens: scan(text, None), joined: false }
    }

    /// Its tokens.
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    pub(super) fn is_joined(&self) -> bool {
        self.joined
    }

    /// Its unquoted text.
    pub fn internal(&self) -> BString {
        internal(std::slice::from_ref(&Token::Address(self.clone())))
    }

    /// Its quoted text.
    pub fn external(&self) -> BString {
        quote(&self.internal())
    }

    /// Its tokens as text, each quoted by itself: what is an operator stays one, as the rewrite service needs it.
    pub fn unresolved(&self) -> BString {
        write_external(&self.tokens, self.joined)
    }
}

impl Token {
    /// Is it text, as opposed to punctuation?
    pub(super) fn is_word(&self) -> bool {
        match self {
            Token::Atom(_) | Token::Quoted(_) | Token::Comment(_) | Token::Literal(_) | Token::Address(_) => true,
            Token::Operator(_) | Token::GroupStart => false,
        }
    }
}

const fn is_operator(byte: u8) -> bool {
    matches!(
        byte,
        b'|' | b'%' | b'!' | b'(' | b')' | b'<' | b'>' | b'@' | b',' | b';' | b':' | b'\\' | b'"' | b'.' | b'[' | b']'
    )
}

/// White space between tokens.
const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Takes text apart. With a `limit` (`header_address_token_limit`), what comes after that many tokens is ignored.
pub fn scan(text: &[u8], limit: Option<usize>) -> Vec<Token> {
    let mut scanner = Scanner { text, at: 0 };
    let mut tokens = Vec::new();
    while limit.is_none_or(|limit| tokens.len() < limit)
        && let Some(token) = scanner.next_token()
    {
        tokens.push(token);
    }
    tokens
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next_token(&mut self) -> Option<Token> {
        while self.peek().is_some_and(is_blank) {
            self.at += 1;
        }
        let first = self.peek()?;
        match first {
            b'(' => Some(Token::Comment(self.comment())),
            b'[' => Some(Token::Literal(self.enclosed(b']'))),
            b'"' => Some(Token::Quoted(self.enclosed(b'"'))),
            b'\\' => Some(self.atom()),
            operator if is_operator(operator) => {
                self.at += 1;
                Some(Token::Operator(operator))
            }
            _ => Some(self.atom()),
        }
    }

    /// A comment stays as it is; parentheses nest.
    fn comment(&mut self) -> BString {
        let start = self.at;
        let mut depth = 0;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'\\' => self.at = (self.at + 1).min(self.text.len()),
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
        self.text[start..self.at].into()
    }

    /// Text up to the closing character, which is taken too.
    fn enclosed(&mut self, close: u8) -> BString {
        self.at += 1;
        let text = self.collect(|byte| byte == close);
        self.at = (self.at + 1).min(self.text.len());
        text
    }

    /// An atom in which a backslash hid something special is a quoted string.
    fn atom(&mut self) -> Token {
        let text = self.collect(|byte| is_blank(byte) || is_operator(byte));
        let is_special = |&byte: &u8| byte == b' ' || byte.is_ascii_control() || is_operator(byte);
        match text.iter().any(is_special) {
            true => Token::Quoted(text),
            false => Token::Atom(text),
        }
    }

    /// Collects text, without backslashes and with white space as blanks, up to an end that no backslash hides.
    fn collect(&mut self, is_end: impl Fn(u8) -> bool) -> BString {
        let mut text = BString::default();
        while let Some(mut byte) = self.peek() {
            if byte == b'\\' {
                self.at += 1;
                match self.peek() {
                    Some(hidden) => byte = hidden,
                    None => break,
                }
            } else if is_end(byte) {
                break;
            }
            text.push(if is_blank(byte) { b' ' } else { byte });
            self.at += 1;
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn atom(text: &str) -> Token {
        Token::Atom(text.into())
    }

    #[test]
    fn tokens() {
        let found = scan(br#"joe\ user "a\"b" [1\]2] (c (n\)) .x"#, None);
        let expected = [
            Token::Quoted("joe user".into()),
            Token::Quoted("a\"b".into()),
            Token::Literal("1]2".into()),
            Token::Comment(r"(c (n\)) .x".into()),
        ];
        assert_eq!(found, expected);
        assert_eq!(scan(b"a)b", None), [atom("a"), Token::Operator(b')'), atom("b")]);
    }

    #[test]
    fn unterminated_tokens_end_with_the_input() {
        assert_eq!(scan(b"\"abc", None), [Token::Quoted("abc".into())]);
        assert_eq!(scan(b"(abc\\", None), [Token::Comment("(abc\\".into())]);
        assert_eq!(scan(b"abc\\", None), [atom("abc")]);
        assert_eq!(scan(b"[", None), [Token::Literal("".into())]);
    }

    #[test]
    fn white_space_in_quotes_becomes_blanks_one_for_one() {
        assert_eq!(scan(b"\"a\t\nb\"", None), [Token::Quoted("a  b".into())]);
    }

    #[test]
    fn what_is_over_the_limit_is_ignored() {
        assert_eq!(scan(b"a,b", Some(2)), [atom("a"), Token::Operator(b',')]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_scanned_without_panic(text: Vec<u8>) {
            scan(&text, Some(1000));
        }

        #[test]
        fn any_operators_are_scanned_without_panic(text in r#"[a (),;:<>@"\\.\[\]\r\n]{0,40}"#) {
            scan(text.as_bytes(), None);
        }
    }
}
