//! `-b`, `-h`, `-m`: the keys are the lines of a message (tables §3.3).

use std::io::{Read, Write};

use bstr::BString;
use text::header::{is_continuation, is_header};

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
    let mut any = false;
    for key in keys(&message, parts) {
        any |= command.query_with_key(tables, &key, out)?;
    }
    Ok(any)
}

/// The keys that a message has.
fn keys(message: &[u8], parts: Parts) -> Vec<BString> {
    let mut found = Vec::new();
    let mut lines = message.strip_suffix(b"\n").unwrap_or(message).split(|&byte| byte == b'\n').peekable();
    if message.is_empty() {
        return found;
    }
    while let Some(line) = lines.next_if(|line| is_header(line)) {
        let mut header = BString::from(line);
        while let Some(more) = lines.next_if(|line| is_continuation(line)) {
            header.push(b'\n');
            header.extend_from_slice(more);
        }
        if parts.headers {
            found.push(header);
        }
    }
    if parts.body {
        found.extend(lines.map(BString::from));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] = b"Subject: a\n b\nTo: x\n\nbody line\n";

    #[test]
    fn headers_and_body_lines() {
        let headers = Parts { headers: true, ..Parts::default() };
        assert_eq!(keys(MESSAGE, headers), ["Subject: a\n b", "To: x"]);
        let body = Parts { body: true, ..Parts::default() };
        assert_eq!(keys(MESSAGE, body), ["", "body line"]);
        assert!(keys(b"", body).is_empty());
    }
}
