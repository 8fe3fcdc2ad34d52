//! `-b`, `-h`, `-m`: the keys are the lines of a message (tables §3.3).

use std::io::{Read, Write};

use bstr::BString;
use text::mime::{Event, Structure};

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
    let mut structure = Structure::new(command.mime_limits.filter(|_| parts.mime));
    for key in keys(&message, parts, &mut structure) {
        any |= command.query_with_key(tables, &key, out)?;
    }
    Ok(any)
}

/// The keys that a message has.
fn keys(message: &[u8], parts: Parts, structure: &mut Structure) -> Vec<BString> {
    if message.is_empty() {
        return Vec::new();
    }
    let lines = message.strip_suffix(b"\n").unwrap_or(message).split(|&byte| byte == b'\n');
    let mut events: Vec<Event> = lines.flat_map(|line| structure.take(line)).collect();
    events.extend(structure.finish());
    let key = |event| match event {
        Event::Header(_, text) => parts.headers.then_some(text),
        Event::Body(text) => parts.body.then_some(text),
    };
    events.into_iter().filter_map(key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] = b"Subject: a\n b\nTo: x\n\nbody line\n";

    #[test]
    fn headers_and_body_lines() {
        let headers = Parts { headers: true, ..Parts::default() };
        assert_eq!(keys(MESSAGE, headers, &mut Structure::new(None)), ["Subject: a\n b", "To: x"]);
        let body = Parts { body: true, ..Parts::default() };
        assert_eq!(keys(MESSAGE, body, &mut Structure::new(None)), ["", "body line"]);
        assert!(keys(b"", body, &mut Structure::new(None)).is_empty());
    }
}
