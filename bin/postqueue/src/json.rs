//! One JSON object for each message (queue-files §12.5).

use std::io::{self, Write};

use ipc::showq::{Header, Recipient};

use crate::listing::View;

/// The state of an array that is being written.
pub struct Json {
    utf8: bool,
    is_first: bool,
}

impl Json {
    /// `utf8`: UTF-8 text is shown as it is.
    pub fn new(utf8: bool) -> Json {
        Json { utf8, is_first: true }
    }

    /// A string in quotes.
    fn string(&self, text: &[u8]) -> Vec<u8> {
        let mut quoted = vec![b'"'];
        for &byte in text::printable_except(text, self.utf8, b'?', |byte| byte.is_ascii_control()).iter() {
            match byte {
                b'\x08' => quoted.extend(b"\\b"),
                b'\x0c' => quoted.extend(b"\\f"),
                b'\n' => quoted.extend(b"\\n"),
                b'\r' => quoted.extend(b"\\r"),
                b'\t' => quoted.extend(b"\\t"),
                b'\\' | b'"' => quoted.extend([b'\\', byte]),
                _ if byte.is_ascii_control() => quoted.extend(format!("\\u{byte:04X}").bytes()),
                _ => quoted.push(byte),
            }
        }
        quoted.push(b'"');
        quoted
    }
}

impl View for Json {
    fn message(&mut self, output: &mut dyn Write, header: &Header) -> io::Result<()> {
        self.is_first = true;
        output.write_all(b"{\"queue_name\": ")?;
        output.write_all(&self.string(&header.queue_name))?;
        output.write_all(b", \"queue_id\": ")?;
        output.write_all(&self.string(&header.queue_id))?;
        write!(
            output,
            ", \"arrival_time\": {}, \"message_size\": {}, \"forced_expire\": {}, \"sender\": ",
            header.time, header.size, header.forced_expire
        )?;
        output.write_all(&self.string(&header.sender))?;
        output.write_all(b", \"recipients\": [")
    }

    fn recipient(&mut self, output: &mut dyn Write, recipient: &Recipient) -> io::Result<()> {
        let separator: &[u8] = if std::mem::take(&mut self.is_first) { b"" } else { b", " };
        output.write_all(separator)?;
        output.write_all(b"{\"address\": ")?;
        output.write_all(&self.string(&recipient.address))?;
        if !recipient.reason.is_empty() {
            output.write_all(b", \"delay_reason\": ")?;
            output.write_all(&self.string(&recipient.reason))?;
        }
        output.write_all(b"}")
    }

    fn end_of_message(&mut self, output: &mut dyn Write) -> io::Result<()> {
        output.write_all(b"]}\n")
    }

    fn end(&mut self, _output: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_object() {
        let mut output = Vec::new();
        let mut view = Json::new(true);
        let header = Header {
            queue_name: "deferred".into(),
            queue_id: "676205D2C1".into(),
            time: 1_795_499_046,
            size: 285,
            forced_expire: false,
            sender: "alice@mail.example.org".into(),
        };
        view.message(&mut output, &header).unwrap();
        for (address, reason) in [("bob@example.net", "try \"later\""), ("carol@example.com", "")] {
            view.recipient(&mut output, &Recipient { address: address.into(), reason: reason.into() }).unwrap();
        }
        view.end_of_message(&mut output).unwrap();
        assert_eq!(
            String::from_utf8(output).unwrap(),
            "{\"queue_name\": \"deferred\", \"queue_id\": \"676205D2C1\", \"arrival_time\": 1795499046, \
             \"message_size\": 285, \"forced_expire\": false, \"sender\": \"alice@mail.example.org\", \"recipients\": \
             [{\"address\": \"bob@example.net\", \"delay_reason\": \"try \\\"later\\\"\"}, \
             {\"address\": \"carol@example.com\"}]}\n"
        );
    }

    #[test]
    fn escapes() {
        let json = Json::new(true);
        assert_eq!(json.string(b"\x01\x7f\t/\\\xff\xc3\xbc"), b"\"\\u0001\\u007F\\t/\\\\?\xc3\xbc\"");
    }

    proptest! {
        #[test]
        fn any_text_is_one_line_of_ascii_without_utf8(text: Vec<u8>) {
            let quoted = Json::new(false).string(&text);
            prop_assert!(quoted.iter().all(|byte| matches!(byte, b' '..=b'~')));
        }
    }
}
