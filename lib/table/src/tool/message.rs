//! `-b`, `-h`, `-m`: the keys are the lines of a message (tables §3.3).

use std::io::{Read, Write};

use bstr::BString;
use text::mime::{Block, End, HeadersEnd, Limits, Options, Sink, Structure, Trouble};

use super::{Command, Parts};

/// Looks up the headers or body lines of the message, and prints what is found. False if nothing is.
pub fn query(
    command: &Command,
    tables: &[BString],
    parts: Parts,
    mut input: impl Read,
    out: &mut impl Write,
) -> Result<bool, String> {
    let mut message = Vec::new();
    input.read_to_end(&mut message).map_err(|error| format!("read stdin: {}", sys::reason(&error)))?;
    let keys = keys(&message, parts, command.mime_limits.filter(|_| parts.mime));
    command.query_all(tables, keys.into_iter().map(Ok), out)
}

/// Collects the keys that a message has.
struct Keys {
    parts: Parts,
    found: Vec<BString>,
    /// The next body line is not the message's own.
    is_line_added: bool,
}

impl Sink for Keys {
    fn header(&mut self, _: Block, text: &[u8]) {
        if self.parts.headers {
            self.found.push(text.into());
        }
    }

    fn headers_end(&mut self, block: Block, end: HeadersEnd) {
        self.is_line_added = end == HeadersEnd::Text && block == Block::Primary;
    }

    fn body(&mut self, text: &[u8], _: End, _: u64) {
        if !std::mem::take(&mut self.is_line_added) && self.parts.body {
            self.found.push(text.into());
        }
    }

    fn trouble(&mut self, _: Trouble, _: &[u8]) {}
}

fn keys(message: &[u8], parts: Parts, mime: Option<Limits>) -> Vec<BString> {
    if message.is_empty() {
        return Vec::new();
    }
    let mut keys = Keys { parts, found: Vec::new(), is_line_added: false };
    let mut structure = Structure::new(Options::plain(mime));
    for line in message.strip_suffix(b"\n").unwrap_or(message).split(|&byte| byte == b'\n') {
        structure.take(line, End::Line, &mut keys);
    }
    structure.finish(&mut keys);
    keys.found
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] = b"Subject: a\n b\nTo: x\n\nbody line\n";

    #[test]
    fn headers_and_body_lines() {
        let headers = Parts { headers: true, ..Parts::default() };
        assert_eq!(keys(MESSAGE, headers, None), ["Subject: a\n b", "To: x"]);
        let body = Parts { body: true, ..Parts::default() };
        assert_eq!(keys(MESSAGE, body, None), ["", "body line"]);
        assert!(keys(b"", body, None).is_empty());
    }
}
