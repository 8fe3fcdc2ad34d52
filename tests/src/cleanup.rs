//! Talking to the cleanup service as its clients do, and reading queue files: records as lines of text.
//!
//! A line is the type, a blank, and the payload, in which `\t`, `\r`, `\n`, `\\` and `\xNN` stand for bytes.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::Instance;

/// How long the service may take.
const LIMIT: Duration = Duration::from_secs(30);

/// What smtpd asks for.
pub const SMTPD: i32 = 2 + 16 + 32 + 128 + 512;
/// What pickup asks for.
pub const PICKUP: i32 = 1 + 2 + 16 + 32 + 64 + 512;

/// What the service made of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Queue ID.
    pub id: String,
    /// Status bits.
    pub status: i32,
    /// Why not.
    pub reason: String,
}

/// Submits records to the cleanup service.
///
/// # Panics
/// When the service does not keep to its protocol.
pub fn submit(instance: &Instance, flags: i32, records: &str) -> Verdict {
    let mut stream = connect(instance);
    let greeting = attributes(&mut stream, 2);
    assert_eq!(greeting[0], ("protocol".into(), "cleanup_protocol".into()));
    let mut request = format!("flags\0{flags}\0\0").into_bytes();
    request.extend(encode(records));
    stream.write_all(&request).expect("the service reads records");
    let reply = attributes(&mut stream, 2);
    assert_eq!((reply[0].0.as_str(), reply[1].0.as_str()), ("status", "reason"));
    Verdict {
        id: greeting[1].1.clone(),
        status: reply[0].1.parse().expect("a status is a number"),
        reason: reply[1].1.clone(),
    }
}

/// Begins a message; its queue ID, and the stream to go on with.
///
/// # Panics
/// When the service does not keep to its protocol.
pub fn begin(instance: &Instance, flags: i32) -> (String, UnixStream) {
    let mut stream = connect(instance);
    let greeting = attributes(&mut stream, 2);
    stream.write_all(format!("flags\0{flags}\0\0").as_bytes()).expect("the service reads flags");
    (greeting[1].1.clone(), stream)
}

fn connect(instance: &Instance) -> UnixStream {
    let path = instance.path("q/public/cleanup");
    let stream = UnixStream::connect(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    stream.set_read_timeout(Some(LIMIT)).expect("a time limit");
    stream.set_write_timeout(Some(LIMIT)).expect("a time limit");
    stream
}

/// Reads so many attributes and the end of the list.
fn attributes(stream: &mut UnixStream, count: usize) -> Vec<(String, String)> {
    let mut word = || {
        let mut bytes = Vec::new();
        let mut byte = [0];
        loop {
            stream.read_exact(&mut byte).expect("the service answers");
            if byte[0] == 0 {
                return String::from_utf8_lossy(&bytes).into_owned();
            }
            bytes.push(byte[0]);
        }
    };
    let list = (0..count).map(|_| (word(), word())).collect();
    assert_eq!(word(), "", "a list ends");
    list
}

/// Records as bytes. Blanks before a line's type do not count.
///
/// # Panics
/// When a line has a bad escape.
pub fn encode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in text.lines().map(str::trim_start).filter(|line| !line.is_empty()) {
        let payload = unescape(line.get(2..).unwrap_or_default());
        bytes.push(line.as_bytes()[0]);
        let mut length = payload.len();
        while length > 0x7f {
            bytes.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        bytes.push(length as u8);
        bytes.extend(payload);
    }
    bytes
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let (&kind, tail) = rest.split_first().expect("an escape has a letter");
        rest = tail;
        bytes.push(match kind {
            b't' => b'\t',
            b'r' => b'\r',
            b'n' => b'\n',
            b'\\' => b'\\',
            b'x' => {
                let digits = std::str::from_utf8(&rest[..2]).expect("two digits");
                rest = &rest[2..];
                u8::from_str_radix(digits, 16).expect("two digits")
            }
            other => panic!("bad escape {other}"),
        });
    }
    bytes
}

/// A file's records as lines; the rest of the file when it is damaged.
pub fn decode(bytes: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = bytes;
    while let Some((&kind, mut tail)) = rest.split_first() {
        let (mut length, mut shift) = (0usize, 0);
        while let Some((&byte, after)) = tail.split_first() {
            tail = after;
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                break;
            }
        }
        if length > tail.len() {
            lines.push(format!("damaged: {}", rest.escape_ascii()));
            break;
        }
        let escaped = tail[..length].escape_ascii().to_string().replace("\\'", "'").replace("\\\"", "\"");
        lines.push(format!("{} {escaped}", char::from(kind)));
        rest = &tail[length..];
    }
    lines
}

/// The records of a message in this queue directory; nothing when it is not there.
pub fn message(instance: &Instance, directory: &str, id: &str) -> Option<Vec<String>> {
    fs::read(instance.path("q").join(directory).join(id)).ok().map(|bytes| decode(&bytes))
}

/// A message from this machine: records of recipients, and of content.
pub fn local(recipients: &str, content: &str) -> String {
    format!("T 1700000000 123456\nS ann\n{recipients}\nM\nN Received: by x\n{content}\nX\nE\n")
}
