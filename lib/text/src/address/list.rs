//! Finding the addresses in a list (cleanup-rewrite §3).

use bstr::BString;

use super::{Address, Token};

/// Groups tokens into addresses. No token is lost; comments move to the right of the address that they are in or
/// before, and commas appear where they are missing.
pub fn parse_list(tokens: Vec<Token>) -> Vec<Token> {
    let mut parser =
        Parser { rest: tokens, pending: Vec::new(), done: Vec::new(), word_may_join: true, in_group: false };
    while let Some(token) = parser.rest.pop() {
        parser.take(token);
    }
    parser.close();
    parser.done.reverse();
    parser.done
}

const COMMA: Token = Token::Operator(b',');

/// Works from the last token to the first: `rest` is what is to the left of the current token. `pending` and `done`
/// hold what is to its right, the rightmost first.
struct Parser {
    rest: Vec<Token>,
    pending: Vec<Token>,
    done: Vec<Token>,
    word_may_join: bool,
    in_group: bool,
}

impl Parser {
    fn take(&mut self, token: Token) {
        match token {
            Token::Comment(text) => self.move_comment(text),
            Token::Operator(b';') => {
                self.close_with_comma();
                self.done.push(token);
                self.word_may_join = true;
                self.in_group = true;
            }
            Token::Operator(b':') if self.in_group => {
                self.close();
                self.done.push(Token::GroupStart);
                self.skip_until(b",");
            }
            Token::Operator(b'>') => {
                self.close_with_comma();
                self.done.push(token);
                self.take_route_address();
                self.skip_until(b">;,:");
                self.leave_colon();
                self.word_may_join = true;
            }
            Token::Operator(b',') => {
                self.close();
                self.done.push(token);
                self.word_may_join = true;
            }
            Token::Operator(_) | Token::GroupStart => {
                self.pending.push(token);
                self.word_may_join = true;
            }
            Token::Atom(_) | Token::Quoted(_) | Token::Literal(_) | Token::Address(_) => {
                if !self.word_may_join {
                    self.close_with_comma();
                }
                self.word_may_join = false;
                self.pending.push(token);
            }
        }
    }

    /// To the right of the pending tokens.
    fn move_comment(&mut self, text: BString) {
        self.done.push(Token::Comment(text));
    }

    /// Makes an address of the pending tokens.
    fn close(&mut self) {
        if !self.pending.is_empty() {
            self.pending.reverse();
            let tokens = std::mem::take(&mut self.pending);
            self.done.push(Token::Address(Address::from_parser(tokens)));
        }
    }

    fn close_with_comma(&mut self) {
        if !self.pending.is_empty() {
            self.close();
            self.done.push(COMMA);
        }
    }

    /// What is between `<` and `>`.
    fn take_route_address(&mut self) {
        while let Some(token) = self.rest.pop() {
            match token {
                Token::Comment(text) => self.move_comment(text),
                Token::Operator(b'<') => {
                    self.close();
                    self.done.push(token);
                    return;
                }
                _ => self.pending.push(token),
            }
        }
        self.close();
    }

    /// Outside groups, a `:` in front of a phrase belongs to no address.
    fn leave_colon(&mut self) {
        if !self.in_group
            && let Some(colon) = self.rest.pop_if(|token| *token == Token::Operator(b':'))
        {
            self.done.push(colon);
        }
    }

    /// Leaves tokens as they are, up to one of these operators.
    fn skip_until(&mut self, operators: &[u8]) {
        while let Some(token) = self.rest.pop() {
            match token {
                Token::Operator(operator) if operators.contains(&operator) => return self.rest.push(token),
                _ => self.done.push(token),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{external, scan};
    use super::*;
    use proptest::prelude::*;

    /// The tree with `{}` around addresses, and its external text.
    fn parse(text: &str) -> (String, String) {
        let tree = parse_list(scan(text.as_bytes(), None));
        let mut shown = Vec::new();
        for token in &tree {
            shown.push(match token {
                Token::Address(address) => format!("{{{}}}", address.internal()),
                Token::Atom(text) | Token::Quoted(text) | Token::Comment(text) => text.to_string(),
                Token::Operator(operator) => char::from(*operator).to_string(),
                other => format!("{other:?}"),
            });
        }
        (shown.join(" "), external(&tree).to_string())
    }

    #[test]
    fn lists() {
        let cases = [
            ("joe @ x . example (c1 (n) c2)", "{joe@x.example} (c1 (n) c2)", "joe@x.example (c1 (n) c2)"),
            ("\"joe user\" <joe@x.example>", "joe user < {joe@x.example} >", "\"joe user\" <joe@x.example>"),
            ("Joe Q. User <joe@x>", "Joe Q . User < {joe@x} >", "Joe Q.User <joe@x>"),
            ("a b@c", "{a} , {b@c}", "a, b@c"),
            ("a@b, <>, c", "{a@b} , < > , {c}", "a@b, <>, c"),
            ("<joe>(c) tail", "< {joe} > , {tail} (c)", "<joe>, tail (c)"),
            ("bob <b@x> alice <a@x>", "bob < {b@x} > alice < {a@x} >", "bob <b@x>alice <a@x>"),
            ("Group: a, b;, c", "Group GroupStart {a} , {b} ; , {c}", "Group: a, b;, c"),
            ("undisclosed-recipients:;", "undisclosed-recipients GroupStart ;", "undisclosed-recipients: ;"),
            ("a;b", "{a} ; , {b}", "a;, b"),
            ("a:b@c", "{a:b@c}", "\"a:b\"@c"),
            ("<@r1,@r2:joe@x>", "< {@r1,@r2:joe@x} >", "<@r1,@r2:joe@x>"),
            ("@r1:joe@x", "{@r1:joe@x}", "@r1:joe@x"),
            ("@r1,@r2:joe@x", "{@r1} , {@r2:joe@x}", "\"\"@r1, @r2:joe@x"),
            ("x <a b@c>", "x < {ab@c} >", "x <ab@c>"),
            ("To: z <bob>", "{To} : z < {bob} >", "To:z <bob>"),
            ("To: <bob>", "{To} : < {bob} >", "To: <bob>"),
            ("[1.2.3.4]", "{[1.2.3.4]}", "\"[1.2.3.4]\""),
            ("\"unterminated", "{unterminated}", "unterminated"),
        ];
        for (text, tree, output) in cases {
            assert_eq!(parse(text), (tree.to_owned(), output.to_owned()), "{text}");
        }
    }

    fn count(tokens: &[Token]) -> usize {
        let each = |token: &Token| match token {
            Token::Address(address) => count(address.tokens()),
            Token::Operator(b',') => 0,
            _ => 1,
        };
        tokens.iter().map(each).sum()
    }

    proptest! {
        #[test]
        fn no_token_is_lost(text in r#"[a (),;:<>@"\\.]{0,60}"#) {
            let tokens = scan(text.as_bytes(), None);
            let before = count(&tokens);
            prop_assert_eq!(count(&parse_list(tokens)), before);
        }
    }
}
