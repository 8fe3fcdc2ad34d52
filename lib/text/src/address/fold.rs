//! A header that is written anew (cleanup-rewrite §4.2, §4.3).

use bstr::{BString, ByteSlice};

use super::output::{blank_between, for_each_with_next, write_external_token};
use super::{Token, quote};

/// How much text other than the address may stand between two commas, in bytes.
const MAX_COMMENT: usize = 250;

/// Lines are joined while they stay shorter than this, in bytes.
const LINE_LENGTH: usize = 70;

/// A folded header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderText {
    /// `name: value` in lines, with LF between them and no white space in front of a continuation line.
    pub text: BString,
    /// Stretches of text that were replaced by the bare address. For each, the log has to say
    /// `stripping too many comments from address: <first 100 bytes>...`.
    pub stripped: Vec<BString>,
}

/// Writes `name: ` and the list, folded at commas (and at line breaks in comments).
pub fn fold_header(name: &[u8], list: &[Token]) -> HeaderText {
    let mut writer = Writer { text: BString::from(name), stretch: 0, address: None, stripped: Vec::new() };
    writer.text.extend_from_slice(b": ");
    writer.stretch = writer.text.len();
    writer.write(list);
    HeaderText { text: join_lines(&writer.text), stripped: writer.stripped }
}

struct Writer {
    text: BString,
    /// Where the text since the last comma starts.
    stretch: usize,
    /// The last address of the stretch, quoted; empty for `<>`.
    address: Option<BString>,
    stripped: Vec<BString>,
}

impl Writer {
    fn write(&mut self, list: &[Token]) {
        for_each_with_next(list, |token, next| {
            if let Token::Operator(b',') = token {
                self.end_stretch();
                self.text.extend_from_slice(b",\n");
                self.stretch = self.text.len();
                return;
            }
            match (token, next) {
                (Token::Address(address), _) => self.address = Some(quote(&address.internal())),
                (Token::Operator(b'<'), Some(Token::Operator(b'>'))) => self.address = Some(BString::default()),
                _ => {}
            }
            write_external_token(&mut self.text, token);
            if blank_between(token, next) {
                self.text.push(b' ');
            }
        });
        self.end_stretch();
    }

    fn end_stretch(&mut self) {
        let Some(address) = self.address.take() else { return };
        let length = self.text.len() - self.stretch;
        if length - address.len() > MAX_COMMENT {
            self.stripped.push(self.text[self.stretch..].into());
            self.text.truncate(self.stretch);
            self.text.push(b'<');
            self.text.extend_from_slice(&address);
            self.text.push(b'>');
        }
    }
}

/// Joins lines while they stay short (cleanup-rewrite §4.3).
pub fn join_lines(text: &[u8]) -> BString {
    let mut joined = BString::default();
    let mut line = 0;
    for (at, piece) in text.split_str("\n").enumerate() {
        if at > 0 {
            let fits = joined.len() - line + 1 + piece.len() < LINE_LENGTH;
            joined.push(if fits { b' ' } else { b'\n' });
            if !fits {
                line = joined.len();
            }
        }
        joined.extend_from_slice(piece);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::super::{parse_list, scan};
    use super::*;

    fn fold(name: &str, value: &str) -> HeaderText {
        fold_header(name.as_bytes(), &parse_list(scan(value.as_bytes(), None)))
    }

    #[test]
    fn folding() {
        let folded = fold(
            "TO",
            "Ann Long-Name <ann@example.com>, \"Bob, the builder\" <bob@b.example>, carol@example.com (C. Arol), \
             dave.the.fourth@department.example.net, Eve <eve@example.com>,\n\tfriends: frank@example.com, \
             gina@example.com;, undisclosed:;",
        );
        let expected = "TO: Ann Long-Name <ann@example.com>,\n\
                        \"Bob, the builder\" <bob@b.example>, carol@example.com (C. Arol),\n\
                        dave.the.fourth@department.example.net, Eve <eve@example.com>,\n\
                        friends: frank@example.com, gina@example.com;, undisclosed: ;";
        assert_eq!(folded.text, expected);
        assert!(folded.stripped.is_empty());
    }

    #[test]
    fn an_address_with_too_much_around_it_stands_alone() {
        let long = "x".repeat(251);
        let folded = fold("To", &format!("a@b, {long} <c@d>, e@f"));
        assert_eq!(folded.text, "To: a@b, <c@d>, e@f");
        assert_eq!(folded.stripped.len(), 1);
        let fits = fold("To", &format!("{} <c@d>", "x".repeat(247)));
        assert!(fits.stripped.is_empty());
    }
}
