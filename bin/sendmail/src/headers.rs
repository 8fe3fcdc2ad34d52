//! `sendmail -t`: recipients from the message's header (queue-files §9.6).

use std::io::{self, Write};

use bstr::BString;
use config::{Config, params};
use queue::RecordType;
use queue::record::{write, write_text};
use text::address::addresses;
use text::header;

/// Passes a message on, and looks at its header.
pub struct HeaderWriter {
    line_limit: usize,
    header_limit: usize,
    in_header: bool,
    /// The header that is being collected, with line feeds at its folds.
    collected: Vec<u8>,
    /// The line that is being put together, when it came in pieces.
    line: Vec<u8>,
    is_too_long: bool,
    recipients: Vec<BString>,
    resent_recipients: Option<Vec<BString>>,
}

const RECIPIENT_HEADERS: [&[u8]; 3] = [b"to", b"cc", b"bcc"];
const RESENT: &[u8] = b"resent-";

impl HeaderWriter {
    /// `line_limit` is the longest text record that is written, in bytes.
    pub fn new(config: &Config, line_limit: usize) -> HeaderWriter {
        HeaderWriter {
            line_limit,
            header_limit: usize::try_from(config.get(params::HEADER_SIZE_LIMIT)).unwrap_or(usize::MAX),
            in_header: true,
            collected: Vec::new(),
            line: Vec::new(),
            is_too_long: false,
            recipients: Vec::new(),
            resent_recipients: None,
        }
    }

    /// Was a header longer than can be looked through?
    pub fn is_too_long(&self) -> bool {
        self.is_too_long
    }

    /// Takes a record of content, and writes what is complete.
    pub fn take(&mut self, output: &mut impl Write, record_type: RecordType, text: &[u8]) -> io::Result<()> {
        if !self.in_header {
            return write(output, record_type, text);
        }
        self.line.extend_from_slice(text);
        if self.line.len() + self.collected.len() > self.header_limit && self.is_header_text() {
            self.is_too_long = true;
            return Ok(());
        }
        if record_type == RecordType::UNTERMINATED && self.is_header_text() {
            return Ok(());
        }
        self.take_line(output, record_type)
    }

    /// Does the line, as far as it is known, belong to the header? A long line can be told by its start.
    fn is_header_text(&self) -> bool {
        header::is_header(&self.line) || (header::is_continuation(&self.line) && !self.collected.is_empty())
    }

    fn take_line(&mut self, output: &mut impl Write, record_type: RecordType) -> io::Result<()> {
        let line = std::mem::take(&mut self.line);
        if header::is_continuation(&line) && !self.collected.is_empty() {
            self.collected.push(b'\n');
            self.collected.extend_from_slice(&line);
            return Ok(());
        }
        self.write_header(output)?;
        if let Some((name, value)) = header::split(&line) {
            self.collected = [name, b":", value].concat();
            return Ok(());
        }
        self.in_header = false;
        if !line.is_empty() {
            write(output, RecordType::TEXT, b"")?;
        }
        write(output, record_type, &line)
    }

    /// Writes what was collected, line by line, and takes its recipients.
    fn write_header(&mut self, output: &mut impl Write) -> io::Result<()> {
        let collected = std::mem::take(&mut self.collected);
        let Some((name, value)) = header::split(&collected) else { return Ok(()) };
        self.take_recipients(name, value);
        for line in collected.split(|byte| *byte == b'\n') {
            write_text(output, RecordType::TEXT, line, self.line_limit)?;
        }
        Ok(())
    }

    fn take_recipients(&mut self, name: &[u8], value: &[u8]) {
        let name = name.to_ascii_lowercase();
        match name.strip_prefix(RESENT) {
            Some(rest) if RECIPIENT_HEADERS.contains(&rest) => {
                self.resent_recipients.get_or_insert_default().extend(addresses(value));
            }
            None if RECIPIENT_HEADERS.contains(&name.as_slice()) => self.recipients.extend(addresses(value)),
            _ => {}
        }
    }

    /// Writes what is left, and returns the recipients: those of Resent- headers alone, if there are such headers.
    pub fn finish(mut self, output: &mut impl Write) -> io::Result<Vec<BString>> {
        if !self.line.is_empty() {
            self.take_line(output, RecordType::TEXT)?;
        }
        self.write_header(output)?;
        Ok(self.resent_recipients.unwrap_or(self.recipients))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn extract(records: &[(RecordType, &[u8])]) -> (Vec<u8>, Vec<BString>) {
        let config = Config::for_tests(&[]);
        let mut headers = HeaderWriter::new(&config, 2048);
        let mut output = Vec::new();
        for (record_type, text) in records {
            headers.take(&mut output, *record_type, text).unwrap();
        }
        let recipients = headers.finish(&mut output).unwrap();
        (output, recipients)
    }

    fn lines(text: &str) -> (Vec<u8>, Vec<BString>) {
        let records: Vec<_> = text.lines().map(|line| (RecordType::TEXT, line.as_bytes())).collect();
        extract(&records)
    }

    #[test]
    fn recipients() {
        let found = |text| lines(text).1;
        assert_eq!(found("To: a, B <b@x>\nCC: c,\n d\nSubject: s\n\nTo: no\n"), ["a", "b@x", "c", "d"]);
        assert_eq!(found("To: a\nResent-To: b\nBcc: c\n"), ["b"]);
        assert_eq!(found("To: a\nResent-To: \n"), Vec::<BString>::new());
        assert_eq!(found("\nTo: a\n"), Vec::<BString>::new());
    }

    #[test]
    fn the_header_is_set_off_from_the_body() {
        assert_eq!(lines("To : a\nno header\n").0, b"N\x05To: aN\x00N\x09no header");
        assert_eq!(lines(" x\n").0, b"N\x00N\x02 x");
        assert_eq!(extract(&[(RecordType::UNTERMINATED, b"To: "), (RecordType::TEXT, b"a")]).0, b"N\x05To: a");
    }

    proptest! {
        #[test]
        fn any_text_passes_without_panic(text in r"[To: ,\n<>x]{0,60}") {
            lines(&text);
        }
    }
}
