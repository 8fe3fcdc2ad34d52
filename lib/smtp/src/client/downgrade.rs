//! 8-bit content for a server that takes 7-bit content only (smtp-client §13).

use bstr::BString;
use text::mime::{Event, Limits, Structure, content_type};

/// A line of quoted-printable text is broken when it is longer than this, in bytes.
const BREAK_AFTER: usize = 72;
const ENCODING: &[u8] = b"Content-Transfer-Encoding";

/// Parts are nested too deep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("MIME nesting exceeds safety limit")]
pub struct NestingError;

/// Converts parts that are declared as 8-bit to quoted-printable. What is not declared stays as it is.
#[derive(Clone, Debug)]
pub struct Downgrade {
    structure: Structure,
    /// A header line that is not complete.
    partial: Vec<u8>,
    /// The rest of a body line is still to come.
    in_body_line: bool,
    /// The headers of this block say 8bit or binary.
    is_8bit: bool,
    /// The headers of this block say that the body has parts of its own.
    has_parts: bool,
    /// The body is encoded.
    encoder: Option<Encoder>,
}

impl Downgrade {
    /// With the limits `mime_boundary_length_limit` and `mime_nesting_limit`.
    pub fn new(limits: Limits) -> Self {
        Self {
            structure: Structure::new(Some(limits)),
            partial: Vec::new(),
            in_body_line: false,
            is_8bit: false,
            has_parts: false,
            encoder: None,
        }
    }

    /// Takes a line, or a piece of one that is not `complete`; `put` gets lines and pieces in the same way.
    ///
    /// # Errors
    /// Parts are nested too deep.
    pub fn take(&mut self, text: &[u8], complete: bool, put: &mut dyn FnMut(&[u8], bool)) -> Result<(), NestingError> {
        if self.in_body_line {
            self.body(text, complete, put);
        } else if self.structure.is_in_body() {
            self.structure.take(text);
            if self.structure.is_at_boundary() {
                self.encoder = None;
            }
            self.body(text, complete, put);
        } else {
            self.partial.extend_from_slice(text);
            if complete {
                let line = std::mem::take(&mut self.partial);
                self.header_line(&line, put);
            }
        }
        if self.structure.is_too_deep() { Err(NestingError) } else { Ok(()) }
    }

    /// The content ends.
    pub fn finish(&mut self, put: &mut dyn FnMut(&[u8], bool)) {
        if !self.partial.is_empty() {
            let line = std::mem::take(&mut self.partial);
            self.header_line(&line, put);
        }
        if self.in_body_line {
            self.body(b"", true, put);
        }
        if let Some(event) = self.structure.finish() {
            self.event(&event, put);
            self.end_headers(put);
        }
    }

    fn header_line(&mut self, line: &[u8], put: &mut dyn FnMut(&[u8], bool)) {
        for event in self.structure.take(line) {
            self.event(&event, put);
        }
    }

    fn event(&mut self, event: &Event, put: &mut dyn FnMut(&[u8], bool)) {
        match event {
            Event::Header(_, header) => self.header(header, put),
            Event::Body(line) => {
                self.end_headers(put);
                match &mut self.encoder {
                    // The empty line belongs to the headers, not to the body.
                    Some(encoder) if !line.is_empty() => encoder.take(line, true, put),
                    _ => put(line, true),
                }
            }
        }
    }

    fn header(&mut self, header: &[u8], put: &mut dyn FnMut(&[u8], bool)) {
        if let Some((name, value)) = text::header::split(header) {
            if name.eq_ignore_ascii_case(b"Content-Type") {
                let (main, _) = content_type(value);
                self.has_parts = matches!(main.as_slice(), b"multipart" | b"message");
            }
            let value = text::space::trim(value);
            let is_8bit = value.eq_ignore_ascii_case(b"8bit") || value.eq_ignore_ascii_case(b"binary");
            if name.eq_ignore_ascii_case(ENCODING) && is_8bit {
                self.is_8bit = true;
                return;
            }
        }
        header.split(|byte| *byte == b'\n').for_each(|line| put(line, true));
    }

    /// The headers of a block end: says what the encoding is now.
    fn end_headers(&mut self, put: &mut dyn FnMut(&[u8], bool)) {
        self.encoder = None;
        if std::mem::take(&mut self.is_8bit) {
            let new: &[u8] = if self.has_parts { b"7bit" } else { b"quoted-printable" };
            put(&[ENCODING, b": ", new].concat(), true);
            self.encoder = (!self.has_parts).then(Encoder::default);
        }
        self.has_parts = false;
    }

    fn body(&mut self, text: &[u8], complete: bool, put: &mut dyn FnMut(&[u8], bool)) {
        match &mut self.encoder {
            Some(encoder) => encoder.take(text, complete, put),
            None => put(text, complete),
        }
        self.in_body_line = !complete;
    }
}

/// Writes quoted-printable text.
#[derive(Clone, Debug, Default)]
struct Encoder {
    line: BString,
    /// White space that may turn out to be the end of a line.
    held: Option<u8>,
}

impl Encoder {
    fn take(&mut self, text: &[u8], complete: bool, put: &mut dyn FnMut(&[u8], bool)) {
        for &byte in text {
            if let Some(held) = self.held.take() {
                self.byte(held, false, put);
            }
            match byte {
                b' ' | b'\t' => self.held = Some(byte),
                _ => self.byte(byte, !matches!(byte, 32..=126) || byte == b'=', put),
            }
        }
        if complete {
            if let Some(held) = self.held.take() {
                self.byte(held, true, put);
            }
            put(&std::mem::take(&mut self.line), true);
        }
    }

    fn byte(&mut self, byte: u8, encoded: bool, put: &mut dyn FnMut(&[u8], bool)) {
        if self.line.len() > BREAK_AFTER {
            self.line.push(b'=');
            put(&std::mem::take(&mut self.line), true);
        }
        match encoded {
            true => self.line.extend_from_slice(format!("={byte:02X}").as_bytes()),
            false => self.line.push(byte),
        }
    }
}

/// One line in quoted-printable form: its output lines.
pub fn quoted_printable(line: &[u8]) -> Vec<BString> {
    let mut lines = Vec::new();
    Encoder::default().take(line, true, &mut |text, _| lines.push(text.into()));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: Limits = Limits { boundary_length: 2048, nesting: 3 };

    fn converted(content: &str) -> String {
        let (mut out, mut downgrade) = (String::new(), Downgrade::new(LIMITS));
        let mut put = |text: &[u8], complete: bool| {
            out.push_str(&String::from_utf8_lossy(text));
            if complete {
                out.push('\n');
            }
        };
        for line in content.lines() {
            // Lines come in pieces.
            let (head, tail) = line.as_bytes().split_at(line.len().min(8));
            downgrade.take(head, false, &mut put).unwrap();
            downgrade.take(tail, true, &mut put).unwrap();
        }
        downgrade.finish(&mut put);
        out
    }

    #[test]
    fn a_simple_body_is_encoded() {
        assert_eq!(
            converted("Content-Transfer-Encoding: 8bit\nSubject: x\n\nä = b \n.x\n"),
            "Subject: x\nContent-Transfer-Encoding: quoted-printable\n\n=C3=A4 =3D b=20\n.x\n"
        );
        assert_eq!(converted("Subject: x\n\nä\n"), "Subject: x\n\nä\n");
    }

    #[test]
    fn parts_are_encoded_each_by_its_own_header() {
        let content = "Content-Type: multipart/mixed; boundary=\"=b\"\nContent-Transfer-Encoding: 8bit\n\npreä\n--=b\n\
                       Content-transfer-encoding: BINARY\n\n\u{e9}\n--=b\n\nplain=\n--=b--\nepilogue =\n";
        let expected = "Content-Type: multipart/mixed; boundary=\"=b\"\nContent-Transfer-Encoding: 7bit\n\npreä\n--=b\n\
                        Content-Transfer-Encoding: quoted-printable\n\n=C3=A9\n--=b\n\nplain=\n--=b--\nepilogue =\n";
        assert_eq!(converted(content), expected);
    }

    #[test]
    fn long_lines_get_soft_breaks() {
        let lines = quoted_printable(&[b'x'; 150]);
        assert_eq!(lines.iter().map(|line| line.len()).collect::<Vec<_>>(), [74, 74, 4]);
        assert!(lines[0].ends_with(b"="));
    }

    #[test]
    fn nesting_is_bounded() {
        let mut downgrade = Downgrade::new(LIMITS);
        let mut result = Ok(());
        for number in 0..8 {
            for line in
                [format!("Content-Type: multipart/mixed; boundary=b{number}"), String::new(), format!("--b{number}")]
            {
                result = result.and_then(|()| downgrade.take(line.as_bytes(), true, &mut |_, _| {}));
            }
        }
        assert_eq!(result, Err(NestingError));
    }

    proptest! {
        #[test]
        fn encoded_lines_can_be_decoded(line: Vec<u8>) {
            let mut decoded = Vec::new();
            for text in quoted_printable(&line) {
                prop_assert!(text.len() <= 76 && text.iter().all(|byte| matches!(byte, b'\t' | 32..=126)));
                let mut bytes = text.strip_suffix(b"=").unwrap_or(&text).iter();
                while let Some(&byte) = bytes.next() {
                    match byte {
                        b'=' => {
                            let digits = [*bytes.next().unwrap(), *bytes.next().unwrap()];
                            decoded.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
                        }
                        _ => decoded.push(byte),
                    }
                }
            }
            prop_assert_eq!(decoded, line);
        }

        #[test]
        fn any_content_is_taken(content in "[-a:;=\"CTE \n]{0,120}", raw: Vec<u8>) {
            for content in [content.as_bytes(), &raw] {
                let mut downgrade = Downgrade::new(LIMITS);
                for line in content.split(|byte| *byte == b'\n') {
                    let _ = downgrade.take(line, true, &mut |_, _| {});
                }
                downgrade.finish(&mut |_, _| {});
            }
        }
    }
}
