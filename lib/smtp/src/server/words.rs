//! A command line as words (smtpd §4.7).

use bstr::BString;
use text::space::is_space;

/// One word of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The word, with its quotes and brackets.
    pub text: BString,
    /// False: a quote or bracket in it is not closed.
    pub closed: bool,
}

/// Splits a command line. White space separates words, except inside `"..."` and `<...>`; a word `FROM:` or `TO:` ends by itself. Nothing after
/// a NUL counts.
///
/// ```
/// # use smtp_protocol::server::words::split;
/// let words = split(b"MAIL FROM:<a b@c> SIZE=1");
/// assert_eq!(words.iter().map(|word| word.text.to_string()).collect::<Vec<_>>(), ["MAIL", "FROM:", "<a b@c>", "SIZE=1"]);
/// ```
pub fn split(line: &[u8]) -> Vec<Word> {
    let mut rest = line.split(|byte| *byte == 0).next().unwrap_or_default();
    let mut words = Vec::new();
    loop {
        rest = text::space::trim_start(rest);
        if rest.is_empty() {
            return words;
        }
        let (length, closed) = word_length(rest);
        words.push(Word { text: rest[..length].into(), closed });
        rest = &rest[length..];
    }
}

fn word_length(text: &[u8]) -> (usize, bool) {
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            byte if is_space(byte) => break,
            b'\\' => at = text.len().min(at + 2),
            b'<' | b'"' => match run_length(&text[at..]) {
                Some(length) => at += length,
                None => return (text.len(), false),
            },
            b':' => {
                at += 1;
                let label = &text[..at];
                if label.eq_ignore_ascii_case(b"to:") || label.eq_ignore_ascii_case(b"from:") {
                    break;
                }
            }
            _ => at += 1,
        }
    }
    (at, true)
}

/// The length of what stands in quotes or brackets, with these. `None`: it does not end.
fn run_length(text: &[u8]) -> Option<usize> {
    let mut wanted = vec![closer(text[0])];
    let mut at = 1;
    while let Some(end) = wanted.last() {
        let byte = *text.get(at)?;
        at += 1;
        match byte {
            b'\\' => at += 1,
            byte if byte == *end => {
                wanted.pop();
            }
            b'"' | b'<' if *end == b'>' => wanted.push(closer(byte)),
            _ => {}
        }
    }
    (at <= text.len()).then_some(at)
}

fn closer(opener: u8) -> u8 {
    if opener == b'<' { b'>' } else { opener }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Vec<String> {
        split(line.as_bytes()).iter().map(|word| word.text.to_string()).collect()
    }

    #[test]
    fn words_are_split_as_the_specification_says() {
        assert_eq!(texts("MAIL FROM:<a@b> SIZE=1"), ["MAIL", "FROM:", "<a@b>", "SIZE=1"]);
        assert_eq!(texts("mail from: <a@b>"), ["mail", "from:", "<a@b>"]);
        assert_eq!(texts("MAIL FROM <a@b>"), ["MAIL", "FROM", "<a@b>"]);
        assert_eq!(texts("RCPT TO:\"a b\"@c x"), ["RCPT", "TO:", "\"a b\"@c", "x"]);
        assert_eq!(texts("a\\ b c:d"), ["a\\ b", "c:d"]);
        assert_eq!(texts("x <a \"b > c\" <d e> f> g"), ["x", "<a \"b > c\" <d e> f>", "g"]);
        assert_eq!(texts("one\0two three"), ["one"]);
        assert!(texts(" \t ").is_empty());
    }

    #[test]
    fn an_open_run_takes_the_rest() {
        let words = split(b"RCPT TO:<a@b c d");
        assert_eq!(words[2], Word { text: "<a@b c d".into(), closed: false });
        assert!(!split(b"<a\\>")[0].closed);
        assert!(!split(b"\"a\\")[0].closed);
    }

    proptest::proptest! {
        #[test]
        fn any_line_is_split_and_no_word_is_empty(line: Vec<u8>) {
            proptest::prop_assert!(split(&line).iter().all(|word| !word.text.is_empty()));
        }
    }
}
