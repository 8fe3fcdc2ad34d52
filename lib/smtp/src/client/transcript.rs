//! What was said, for a notice to the postmaster (smtp-client §16).

use bstr::BString;

/// The widest line of a transcript, and how far it is continued to the right.
const WIDTH: usize = 78;
const INDENT: usize = 4;

/// Commands and replies in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript(Vec<BString>);

impl Transcript {
    /// A command that was sent, without its line end.
    pub fn sent(&mut self, command: &[u8]) {
        self.0.push([b"Out: ", command].concat().into());
    }

    /// A line that was received.
    pub fn received(&mut self, line: &[u8]) {
        self.0.push([b"In:  ", line].concat().into());
    }

    /// What a filter made of the line before.
    pub fn replaced(&mut self, line: &[u8]) {
        self.0.push("Replaced-by: ".into());
        self.0.push([b"     ", line].concat().into());
    }

    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The lines, each with a blank in front, folded at their width.
    pub fn lines(&self) -> Vec<BString> {
        self.0.iter().flat_map(|entry| folded(entry)).collect()
    }
}

fn folded(entry: &[u8]) -> Vec<BString> {
    let mut lines = Vec::new();
    for (number, line) in entry.split(|byte| *byte == b'\n').enumerate() {
        let indent = if number == 0 { 0 } else { INDENT };
        lines.extend(wrapped(line, indent));
    }
    lines
}

/// Breaks a line, at blanks where it can; what follows a break stands further to the right.
fn wrapped(line: &[u8], mut indent: usize) -> Vec<BString> {
    let mut lines = Vec::new();
    let mut rest = line;
    loop {
        let room = WIDTH - indent;
        let end = if rest.len() <= room {
            rest.len()
        } else {
            rest[..room].iter().rposition(|byte| *byte == b' ').filter(|at| *at > 0).unwrap_or(room)
        };
        let mut text = BString::from(vec![b' '; 1 + indent]);
        text.extend_from_slice(&rest[..end]);
        lines.push(text);
        rest = text::space::trim_start(&rest[end..]);
        if rest.is_empty() {
            return lines;
        }
        indent = INDENT;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_and_their_form() {
        let mut transcript = Transcript::default();
        transcript.received(b"220 hello");
        transcript.replaced(b"220 goodbye");
        transcript.sent(b"QUIT");
        assert_eq!(transcript.lines(), [" In:  220 hello", " Replaced-by: ", "      220 goodbye", " Out: QUIT"]);
    }

    #[test]
    fn long_lines_are_folded() {
        let mut transcript = Transcript::default();
        transcript.sent("word ".repeat(30).as_bytes());
        let lines = transcript.lines();
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| line.len() <= WIDTH + 1) && lines[1].starts_with(b"     word"));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_folded(command: Vec<u8>) {
            let mut transcript = Transcript::default();
            transcript.sent(&command);
            assert!(transcript.lines().iter().all(|line| line.len() <= WIDTH + 1));
        }
    }
}
