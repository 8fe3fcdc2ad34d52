//! Standard output: lines, whole or folded (config §8.5).

use std::io::{self, BufWriter, StdoutLock, Write};

use bstr::BString;
use text::list;

use crate::or_fatal::OrFatal;

/// Where a folded line ends.
pub const WIDTH: usize = 80;
/// What a folded line goes on with.
pub const INDENT: &[u8] = b"    ";

/// How to print `name = value`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Format {
    pub fold: bool,
    pub hide_names: bool,
    pub hide_values: bool,
}

impl Format {
    /// A line of name and value, with single blanks where there was white space.
    pub fn line(self, name: &[u8], value: &[u8]) -> BString {
        let text = match self {
            Format { hide_names: true, .. } => value.to_vec(),
            Format { hide_values: true, .. } => name.to_vec(),
            _ => [name, b" = ", value].concat(),
        };
        let mut line = BString::default();
        let mut column = 0;
        for word in list::split(&text, list::BLANKS) {
            if column > 0 {
                let folded = self.fold && column + word.len() >= WIDTH;
                let separator: &[u8] = if folded { b"\n    " } else { b" " };
                line.extend_from_slice(separator);
                column = if folded { INDENT.len() } else { column + 1 };
            }
            line.extend_from_slice(word);
            column += word.len();
        }
        line
    }
}

/// Standard output, buffered.
pub struct Output(BufWriter<StdoutLock<'static>>);

impl Output {
    /// Takes standard output.
    pub fn new() -> Self {
        Output(BufWriter::new(io::stdout().lock()))
    }

    /// Writes a line, or ends the program.
    pub fn line(&mut self, line: &[u8]) {
        let result = self.0.write_all(line).and_then(|()| self.0.write_all(b"\n"));
        write_result(result);
    }

    /// Writes out what is buffered, or ends the program.
    pub fn flush(&mut self) {
        write_result(self.0.flush());
    }
}

fn write_result(result: io::Result<()>) {
    result.map_err(|error| format!("write error: {}", sys::reason(&error))).or_fatal();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_becomes_single_blanks() {
        let format = Format::default();
        assert_eq!(format.line(b"a", b"x \t\r\n y "), "a = x y");
        assert_eq!(format.line(b"a", b""), "a =");
        assert_eq!(Format { hide_names: true, ..format }.line(b"a", b""), "");
        assert_eq!(Format { hide_values: true, ..format }.line(b"a", b"b"), "a");
    }

    #[test]
    fn long_lines_are_folded() {
        let value = ["1234567890"; 9].join(" ");
        let line = Format { fold: true, ..Format::default() }.line(b"name", value.as_bytes());
        let first = format!("name = {}", ["1234567890"; 6].join(" "));
        assert_eq!(line, format!("{first}\n    {}", ["1234567890"; 3].join(" ")));
    }
}
