//! Records of queue files, as the tests see them: independent of the programs under test (queue-files §1, §4).

use std::time::{SystemTime, UNIX_EPOCH};

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The letter of its type.
    pub kind: u8,
    /// Where it begins in the file.
    pub offset: usize,
    /// What it holds.
    pub payload: Vec<u8>,
}

impl Record {
    /// Type and payload in one line: `S someone@example.com`.
    pub fn text(&self) -> String {
        format!("{} {}", char::from(self.kind), String::from_utf8_lossy(&self.payload))
    }
}

/// The bytes of one record.
pub fn record(kind: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut bytes = vec![kind];
    let mut length = payload.len();
    while length > 0x7f {
        bytes.push(0x80 | (length & 0x7f) as u8);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend_from_slice(payload);
    bytes
}

/// All records of a file, in the order in which they stand there.
///
/// # Panics
/// When a record is cut off.
pub fn records(bytes: &[u8]) -> Vec<Record> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let (offset, kind) = (at, bytes[at]);
        let (mut length, mut shift) = (0, 0);
        loop {
            at += 1;
            length |= usize::from(bytes[at] & 0x7f) << shift;
            shift += 7;
            if bytes[at] & 0x80 == 0 {
                break;
            }
        }
        at += 1;
        found.push(Record { kind, offset, payload: bytes[at..at + length].to_vec() });
        at += length;
    }
    found
}

/// All records of a file as [`Record::text`] has them.
pub fn texts(bytes: &[u8]) -> Vec<String> {
    records(bytes).iter().map(Record::text).collect()
}

/// A message as cleanup writes it; `age` is how long ago it was made, in seconds.
pub fn message(sender: &str, recipients: &[&str], age: u64) -> Vec<u8> {
    let created = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs() - age;
    let sizes = |size: usize, offset: usize| {
        record(b'C', format!("{size:15} {offset:15} {:15} {:15} {size:15} {:15}", recipients.len(), 0, 0))
    };
    let mut bytes = sizes(0, 0);
    bytes.extend(record(b'T', format!("{created} 0")));
    bytes.extend(record(b'A', format!("create_time={created}")));
    bytes.extend(record(b'A', "rewrite_context=local"));
    bytes.extend(record(b'S', sender));
    for recipient in recipients {
        bytes.extend(record(b'O', recipient));
        bytes.extend(record(b'R', recipient));
    }
    bytes.extend(record(b'M', ""));
    let offset = bytes.len();
    for line in ["Subject: made by hand", "", "body"] {
        bytes.extend(record(b'N', line));
    }
    let head = sizes(bytes.len() - offset, offset);
    bytes[..head.len()].copy_from_slice(&head);
    bytes.extend(record(b'X', ""));
    bytes.extend(record(b'E', ""));
    bytes
}

/// The message of queue-files §4.5.
///
/// # Panics
/// When it has another length.
pub fn worked_example() -> Vec<u8> {
    let sizes = format!("{:15} {:15} {:15} {:15} {:15} {:15}", 285, 276, 1, 0, 285, 0);
    let content = [
        "Received: by mail.example.org (Postfix, from userid 1000)",
        "\tid 676205D2C1; Tue, 24 Nov 2026 05:44:06 +0000 (UTC)",
        "Subject: hi",
        "Message-Id: <20261124054406.676205D2C1@mail.example.org>",
        "Date: Tue, 24 Nov 2026 05:44:06 +0000 (UTC)",
        "From: Alice Example <alice@mail.example.org>",
        "",
        "hello",
    ];
    let mut bytes = [
        record(b'C', sizes),
        record(b'T', "1795499046 271828"),
        record(b'A', "create_time=1795499046"),
        record(b'A', "rewrite_context=local"),
        record(b'F', "Alice Example"),
        record(b'S', "alice@mail.example.org"),
        record(b'A', "dsn_orig_rcpt=rfc822;bob@example.net"),
        record(b'O', "bob@example.net"),
        record(b'R', "bob@example.net"),
        record(b'M', ""),
    ]
    .concat();
    for line in content {
        bytes.extend(record(b'N', line));
    }
    bytes.extend(record(b'X', ""));
    bytes.extend(record(b'E', ""));
    assert_eq!(bytes.len(), 565);
    bytes
}
