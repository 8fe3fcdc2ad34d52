use std::io::{Seek, Write};

use proptest::prelude::*;
use queue::message::SizeRecord;
use queue::{RecordType, record};

use super::*;

fn message() -> Message {
    Message::new(QueueId::parse("676205D2C1").unwrap(), ScanFlags::default())
}

fn file_of(bytes: &[u8]) -> std::fs::File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}

/// A queue file with `before` recipients in the envelope and `after` in the extracted segment.
fn queue_file(before: usize, after: usize, flags: i64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let put = |bytes: &mut Vec<u8>, record_type, payload: &[u8]| record::write(bytes, record_type, payload).unwrap();
    let recipients = |bytes: &mut Vec<u8>, count: usize| {
        for number in 0..count {
            put(bytes, RecordType::ATTRIBUTE, b"notify_flags=2");
            put(bytes, RecordType::ORIGINAL_RECIPIENT, b"orig@x");
            put(bytes, RecordType::RECIPIENT, format!("r{number}@x").as_bytes());
        }
    };
    let size = SizeRecord { size: 10, data_offset: 10, ..Default::default() };
    put(&mut bytes, RecordType::SIZE, size.to_string().as_bytes());
    put(&mut bytes, RecordType::TIME, b"1700000000 250000");
    put(&mut bytes, RecordType::ATTRIBUTE, b"log_client_name=c");
    put(&mut bytes, RecordType::ATTRIBUTE, b"client_name=real");
    put(&mut bytes, RecordType::SENDER, b"s@x");
    recipients(&mut bytes, before);
    put(&mut bytes, RecordType::MESSAGE, b"");
    let data_offset = bytes.len();
    put(&mut bytes, RecordType::TEXT, b"hello");
    let size = bytes.len() - data_offset;
    put(&mut bytes, RecordType::EXTRACTED, b"");
    recipients(&mut bytes, after);
    put(&mut bytes, RecordType::ATTRIBUTE, b"encoding=8bit");
    put(&mut bytes, RecordType::END, b"");
    let fixed = SizeRecord {
        size: size as i64,
        data_offset: data_offset as i64,
        recipients: (before + after) as i64,
        flags,
        content_length: size as i64,
        smtputf8: 0,
    };
    let mut start = Vec::new();
    put(&mut start, RecordType::SIZE, fixed.to_string().as_bytes());
    bytes[..start.len()].copy_from_slice(&start);
    bytes
}

fn read(message: &mut Message, bytes: &[u8], limit: usize) -> Result<Vec<Recipient>, Invalid> {
    read_batch(message, file_of(bytes), "active/676205D2C1", limit, b"-=+")
}

#[test]
fn a_whole_message() {
    let bytes = queue_file(2, 1, 0);
    let mut message = message();
    let recipients = read(&mut message, &bytes, 100).unwrap();
    assert_eq!(recipients.len(), 3);
    assert_eq!(recipients[0].original, "orig@x");
    assert_eq!(recipients[0].notify, 2);
    for recipient in &recipients {
        assert_eq!(bytes[usize::try_from(recipient.offset).unwrap()], b'R');
    }
    assert_eq!((message.encoding.as_slice(), message.client.name.as_slice()), (&b"8bit"[..], &b"c"[..]));
    assert_eq!((message.create_time, message.unread, message.next_offset), (Some(1_700_000_000), 0, None));
}

#[test]
fn batches_cover_all_recipients_wherever_they_are() {
    for flags in [0, 1] {
        for (before, after) in [(25, 0), (0, 25), (13, 12)] {
            let bytes = queue_file(before, after, flags);
            let mut message = message();
            let mut all = read(&mut message, &bytes, 4).unwrap();
            // In a file with pure recipients after the content, what follows them is read last.
            if flags == 1 || before >= 4 {
                assert_eq!(message.encoding, "8bit");
            }
            while message.next_offset.is_some() {
                all.extend(read(&mut message, &bytes, 4).unwrap());
            }
            let names: Vec<_> = all.iter().map(|recipient| recipient.address.to_string()).collect();
            assert_eq!(names.len(), 25, "{flags} {before} {after}");
            assert_eq!(message.unread, 0);
        }
    }
}

#[test]
fn done_recipients_are_gone() {
    let mut bytes = queue_file(3, 0, 0);
    let recipients = read(&mut message(), &bytes, 100).unwrap();
    bytes[usize::try_from(recipients[1].offset).unwrap()] = b'D';
    let mut message = message();
    let left = read(&mut message, &bytes, 100).unwrap();
    assert_eq!(left.len(), 2);
    assert_eq!(message.unread, 0);
}

#[test]
fn what_is_no_message_is_invalid() {
    let bytes = queue_file(1, 0, 0);
    for length in 0..bytes.len() {
        assert_eq!(read(&mut message(), &bytes[..length], 100), Err(Invalid), "{length}");
    }
    for missing in [b'T', b'S'] {
        let mut bytes = queue_file(1, 0, 0);
        let at = bytes.iter().skip(97).position(|byte| *byte == missing).unwrap() + 97;
        bytes[at] = b'F';
        assert_eq!(read(&mut message(), &bytes, 100), Err(Invalid));
    }
}

proptest! {
    #[test]
    fn altered_files_never_panic(at in 0usize..300, byte: u8, limit in 1usize..5) {
        let mut bytes = queue_file(3, 3, 1);
        let length = bytes.len();
        bytes[at % length] = byte;
        let mut message = message();
        let mut turns = 0;
        while read(&mut message, &bytes, limit).is_ok() && message.next_offset.is_some() && turns < 20 {
            turns += 1;
        }
    }
}
