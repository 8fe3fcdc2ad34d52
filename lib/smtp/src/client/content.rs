//! Lines of a message as they go over the wire (smtp-client §13).

/// Ends lines with CR LF, doubles leading dots, and breaks lines that are too long.
#[derive(Clone, Debug)]
pub struct LineWriter {
    /// The longest line in bytes, without its end; 0 for no limit.
    limit: usize,
    /// Bytes in the output line so far.
    column: usize,
    at_start: bool,
    has_broken: bool,
}

impl LineWriter {
    /// Breaks lines after `limit` bytes (`smtp_line_length_limit`); 0 does not.
    pub fn new(limit: usize) -> Self {
        Self { limit, column: 0, at_start: true, has_broken: false }
    }

    /// Whether a line had to be broken.
    pub fn has_broken(&self) -> bool {
        self.has_broken
    }

    /// Takes a line, or a piece of one that is not `complete`.
    pub fn put(&mut self, text: &[u8], complete: bool, out: &mut Vec<u8>) {
        if self.at_start && text.starts_with(b".") {
            out.push(b'.');
        }
        self.at_start &= text.is_empty();
        let mut rest = text;
        loop {
            let room = self.limit.saturating_sub(self.column);
            let goes_on = rest.len() > room || !complete;
            if self.limit == 0 || rest.len() < room || !goes_on {
                break;
            }
            out.extend_from_slice(&rest[..room]);
            out.extend_from_slice(b"\r\n ");
            rest = &rest[room..];
            // The blank that marks the continuation counts. A limit of one would leave no room for anything else.
            self.column = usize::from(self.limit > 1);
            self.has_broken = true;
        }
        out.extend_from_slice(rest);
        self.column += rest.len();
        if complete {
            self.end_line(out);
        }
    }

    /// The content ends: so does a line that was not complete.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if !self.at_start || self.column > 0 {
            self.end_line(out);
        }
    }

    fn end_line(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\r\n");
        (self.column, self.at_start) = (0, true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(limit: usize, pieces: &[(&str, bool)]) -> String {
        let (mut writer, mut out) = (LineWriter::new(limit), Vec::new());
        for (text, complete) in pieces {
            writer.put(text.as_bytes(), *complete, &mut out);
        }
        writer.finish(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn dots_are_doubled_at_line_starts() {
        assert_eq!(written(0, &[(".", false), ("a", true), ("..", true), ("a.", true)]), "..a\r\n...\r\na.\r\n");
        assert_eq!(written(0, &[("", false), (".", true)]), "..\r\n");
        assert_eq!(written(0, &[("a", false)]), "a\r\n");
    }

    #[test]
    fn long_lines_are_broken() {
        assert_eq!(written(5, &[("abcde", true)]), "abcde\r\n");
        assert_eq!(written(5, &[("abcdef", true)]), "abcde\r\n f\r\n");
        assert_eq!(written(5, &[("abcde.ghij", true)]), "abcde\r\n .ghi\r\n j\r\n");
        assert_eq!(written(5, &[("abc", false), ("def", true)]), "abcde\r\n f\r\n");
        assert_eq!(written(5, &[("abcde", false), ("", true)]), "abcde\r\n \r\n");
    }

    proptest! {
        #[test]
        fn what_arrives_is_what_was_sent(
            lines in proptest::collection::vec("[.a-c]{0,12}", 0..6), cut in 0usize..12, limit in 2usize..8,
        ) {
            let (mut plain, mut narrow) = (Vec::new(), Vec::new());
            for (limit, out) in [(0, &mut plain), (limit, &mut narrow)] {
                let mut writer = LineWriter::new(limit);
                for line in &lines {
                    let at = cut.min(line.len());
                    writer.put(&line.as_bytes()[..at], false, out);
                    writer.put(&line.as_bytes()[at..], true, out);
                }
                writer.finish(out);
            }
            let unstuffed: Vec<String> = String::from_utf8(plain).unwrap().split("\r\n")
                .map(|line| line.strip_prefix('.').unwrap_or(line).to_owned()).collect();
            prop_assert_eq!(&unstuffed[..unstuffed.len() - 1], &lines[..]);
            let narrow = String::from_utf8(narrow).unwrap();
            // The dot that was doubled does not count.
            prop_assert!(narrow.split("\r\n").all(|line| line.len() <= limit + 1));
        }
    }
}
