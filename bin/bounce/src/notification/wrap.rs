//! Breaking long lines at white space (qmgr-bounce §11.3).

use super::Output;

/// Length in bytes beyond which a line is broken, if it can be.
const WIDTH: usize = 79;
const INDENT: &[u8] = b"    ";

/// Writes a text as one line or more. Continuation lines are indented; a word that is longer than a line stays whole.
pub fn write(text: &[u8], out: &mut impl Output) {
    let (mut line, mut rest) = split(text, WIDTH);
    out.line(&[line]);
    while !rest.is_empty() {
        (line, rest) = split(rest, WIDTH - INDENT.len());
        out.line(&[INDENT, line]);
    }
}

/// One line's worth of text, and what is left of it. The white space between them is gone.
fn split(text: &[u8], width: usize) -> (&[u8], &[u8]) {
    let text = trim_end(text);
    if text.len() <= width {
        return (text, b"");
    }
    let is_break = |at: &usize| *at > 0 && is_blank(&text[*at]);
    let at = (0..=width).rev().find(is_break).or_else(|| (width..text.len()).find(is_break)).unwrap_or(text.len());
    let (line, rest) = text.split_at(at);
    let start = rest.iter().position(|byte| !is_blank(byte)).unwrap_or(rest.len());
    (trim_end(line), &rest[start..])
}

fn trim_end(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|byte| !is_blank(byte)).map_or(0, |last| last + 1);
    &text[..end]
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::Lines;
    use super::*;

    fn wrapped(text: &str) -> Vec<String> {
        let mut out = Lines::default();
        write(text.as_bytes(), &mut out);
        out.0.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn lines_are_broken_at_white_space() {
        let said = "<bob@example.com>: host mx.example.com[192.0.2.7] said: 550 5.1.1 \
            <bob@example.com>: Recipient address rejected: User unknown (in reply to RCPT TO command)";
        let lines = [
            "<bob@example.com>: host mx.example.com[192.0.2.7] said: 550 5.1.1",
            "    <bob@example.com>: Recipient address rejected: User unknown (in reply to",
            "    RCPT TO command)",
        ];
        assert_eq!(wrapped(said), lines);
        let (exact, over) = ("x".repeat(79), "x".repeat(80));
        assert_eq!(wrapped(&format!("{exact} y")), [exact.clone(), "    y".into()]);
        assert_eq!(wrapped(&format!("{over} \t y  ")), [over.clone(), "    y".into()]);
        assert_eq!(wrapped(&format!("a {over}")), ["a".to_owned(), format!("    {over}")]);
        assert_eq!(wrapped(""), [""]);
    }

    proptest! {
        #[test]
        fn no_word_is_lost(words in prop::collection::vec("[a-z]{1,90}", 1..20)) {
            let lines = wrapped(&words.join(" "));
            let found: Vec<&str> = lines.iter().flat_map(|line| line.split_whitespace()).collect();
            prop_assert_eq!(found, words);
            prop_assert!(lines.iter().all(|line| line.len() <= WIDTH || !line.trim().contains(' ')));
        }
    }
}
