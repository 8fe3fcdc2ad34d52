//! What a line end without CR means (`smtpd_forbid_bare_newline`; smtpd §7.3).

use crate::stream::{Ending, Line};

/// How a server takes lines that end in LF alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Newlines {
    /// As ends of lines, as good as any.
    #[default]
    Lenient,
    /// As ends of lines; but message content ends with CR LF . CR LF only.
    Normalize,
    /// As [`Newlines::Normalize`], and the end of the session says that there was one.
    Note,
    /// Not at all.
    Reject,
}

impl Newlines {
    /// Reads the value of the parameter; nothing for a word that means nothing.
    pub fn parse(value: &[u8]) -> Option<Self> {
        Some(match value.to_ascii_lowercase().as_slice() {
            b"no" => Self::Lenient,
            b"yes" | b"normalize" => Self::Normalize,
            b"note" => Self::Note,
            b"reject" => Self::Reject,
            _ => return None,
        })
    }

    /// Whether line ends are told apart.
    pub fn is_detecting(self) -> bool {
        self != Self::Lenient
    }

    /// The text of a line. Without detection, all CRs before the LF belong to the line end.
    pub fn text(self, line: &Line) -> &[u8] {
        match (self, line.ending) {
            (Self::Lenient, Ending::CrLf) => {
                let end = line.text.iter().rposition(|byte| *byte != b'\r').map_or(0, |at| at + 1);
                &line.text[..end]
            }
            _ => &line.text,
        }
    }

    /// Whether this line ends in an LF alone, and that matters.
    pub fn is_bare(self, line: &Line) -> bool {
        self.is_detecting() && line.ending == Ending::Lf
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carriage_returns_belong_to_the_line_end_without_detection() {
        let line = Line { text: b"a\r\r".to_vec(), ending: Ending::CrLf };
        assert_eq!(Newlines::Lenient.text(&line), b"a");
        assert_eq!(Newlines::Reject.text(&line), b"a\r\r");
        assert!(!Newlines::Reject.is_bare(&line));
        assert!(Newlines::Note.is_bare(&Line { text: Vec::new(), ending: Ending::Lf }));
        assert_eq!(Newlines::parse(b"maybe"), None);
    }
}
