//! The queue file of the message that notifications are about (qmgr-bounce §11.3, §11.5).

use std::fs::File;
use std::io::{ErrorKind, Seek};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use bstr::{BString, ByteSlice};
use logging::fatal;
use queue::file::Access;
use queue::message::parse_arrival_time;
use queue::record::ReadError;
use queue::{QueueDir, QueueId, Reader, RecordType, Spool};
use text::header;

use crate::notification::Output;

/// A queue file that is open, and locked against removal.
#[derive(Debug)]
pub struct Original {
    file: File,
    path: PathBuf,
    /// What the envelope says.
    pub envelope: Envelope,
}

/// What notifications need of the envelope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// Size of the message in bytes; 0 if it is not known.
    pub size: i64,
    /// Where the content starts, in bytes; unknown if the file ends before that.
    pub content: Option<u64>,
    /// When it arrived.
    pub arrival: Option<SystemTime>,
    /// The envelope sender; may be empty.
    pub sender: Option<BString>,
}

impl Original {
    /// Opens a message; `None` when it is gone. Anything else that is wrong ends the program. `service` is for messages.
    pub fn open(spool: &Spool, queue: QueueDir, id: &QueueId, service: QueueDir) -> Option<Original> {
        let path = spool.path(queue, id);
        let file = match spool.open(queue, id, Access::ReadWrite) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return None,
            Err(error) => fatal!("open {service} {id}: {}", sys::reason(&error)),
        };
        if let Err(error) = sys::lock::try_shared(&file) {
            fatal!("cannot get shared lock on {}: {}", path.display(), sys::reason(&error));
        }
        let envelope = read_envelope(&mut reader(&file, &path)).unwrap_or_else(|(error, envelope)| {
            log::warn!("{error}");
            envelope
        });
        if envelope.sender.is_none() {
            log::warn!("{id}: no sender before message content record");
        }
        Some(Original { file, path, envelope })
    }

    /// Whether the content can be had.
    pub fn has_content(&self) -> bool {
        self.envelope.content.is_some()
    }

    /// Copies the content, or its headers only.
    ///
    /// # Errors
    /// The file cannot be read. A damaged file is no error: there is nothing more to be had from it.
    pub fn copy(&self, headers_only: bool, out: &mut impl Output) -> Result<(), ReadError> {
        let Some(content) = self.envelope.content else { return Ok(()) };
        let mut reader = reader(&self.file, &self.path);
        if let Err(error) = reader.seek(content) {
            fatal!("seek {}: {}", self.path.display(), sys::reason(&error));
        }
        match copy_content(&mut reader, headers_only, out) {
            Err(error) if error.io_error().is_none() => {
                log::warn!("{error}");
                Ok(())
            }
            result => result,
        }
    }

    /// The first `Message-ID:` that looks like one. Those that do not are logged.
    pub fn message_id(&self, id: &QueueId) -> Option<BString> {
        let mut headers = Headers::default();
        self.copy(true, &mut headers).unwrap_or_else(|error| log::warn!("{error}"));
        for value in headers.message_ids {
            if value.starts_with(b"<") && value.ends_with(b">") {
                return Some(value);
            }
            log::warn!("{id}: ignoring malformed Message-ID");
        }
        None
    }

    /// Marks a recipient as done, so that it is not tried again.
    pub fn mark_done(&self, offset: u64) {
        match queue::file::mark_recipient(&self.file, offset, RecordType::DONE) {
            Ok(()) => {}
            // The log is wrong about the file; ending here would send the notification again and again.
            Err(error) if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) => {
                log::warn!("update queue file {}: {error}", self.path.display());
            }
            Err(error) => fatal!("update queue file {}: {}", self.path.display(), sys::reason(&error)),
        }
    }
}

fn reader<'a>(mut file: &'a File, path: &Path) -> Reader<&'a File> {
    if let Err(error) = file.rewind() {
        fatal!("seek {}: {}", path.display(), sys::reason(&error));
    }
    Reader::new(file, path.as_os_str().as_encoded_bytes(), 0)
}

/// Reads the envelope; of a damaged one, what comes before the damage.
fn read_envelope<R: std::io::Read + Seek>(reader: &mut Reader<R>) -> Result<Envelope, (ReadError, Envelope)> {
    let mut envelope = Envelope::default();
    loop {
        let record = match reader.next_cooked() {
            Ok(Some(record)) => record,
            Ok(None) => return Ok(envelope),
            Err(error) => return Err((error, envelope)),
        };
        match record.record_type {
            RecordType::SIZE => envelope.size = first_number(record.payload),
            RecordType::TIME if envelope.arrival.is_none() => {
                envelope.arrival = Some(parse_arrival_time(record.payload)).filter(|time| *time > UNIX_EPOCH);
            }
            RecordType::SENDER if envelope.sender.is_none() => envelope.sender = Some(record.payload.to_owned()),
            RecordType::MESSAGE => {
                envelope.content = Some(reader.position());
                return Ok(envelope);
            }
            RecordType::END => return Ok(envelope),
            _ => {}
        }
    }
}

/// The message size. The rest of the record does not matter here: also a damaged message is returned.
fn first_number(payload: &[u8]) -> i64 {
    let mut fields = payload.fields_with(|c| c.is_ascii_whitespace());
    fields.next().and_then(|field| field.to_str().ok()?.parse().ok()).unwrap_or(0)
}

/// Copies text records, with their types: a long line stays in one piece.
fn copy_content<R: std::io::Read + Seek>(
    reader: &mut Reader<R>,
    headers_only: bool,
    out: &mut impl Output,
) -> Result<(), ReadError> {
    while let Some(record) = reader.next_cooked()? {
        let is_text = matches!(record.record_type, RecordType::TEXT | RecordType::UNTERMINATED);
        let is_header = || header::is_continuation(record.payload) || header::is_header(record.payload);
        if !is_text || (headers_only && !is_header()) {
            break;
        }
        out.put(record.record_type, record.payload);
    }
    Ok(())
}

/// Picks what it needs from headers.
#[derive(Default)]
struct Headers {
    message_ids: Vec<BString>,
}

impl Output for Headers {
    fn put(&mut self, _record_type: RecordType, payload: &[u8]) {
        if let Some((name, value)) = header::split(payload)
            && name.eq_ignore_ascii_case(b"message-id")
        {
            self.message_ids.push(text::space::trim(value).into());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;
    use queue::message::SizeRecord;
    use queue::record::write;

    use super::*;
    use crate::notification::tests::Lines;

    fn content(lines: &[(RecordType, &str)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (record_type, line) in lines {
            write(&mut bytes, *record_type, line.as_bytes()).unwrap();
        }
        bytes
    }

    fn copied(bytes: &[u8], headers_only: bool) -> Vec<String> {
        let mut out = Lines::default();
        copy_content(&mut Reader::new(Cursor::new(bytes), "x", 0), headers_only, &mut out).unwrap();
        out.0.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_envelope_is_read_up_to_the_content() {
        let size = SizeRecord { size: 285, data_offset: 276, recipients: 1, ..SizeRecord::default() }.to_string();
        let bytes = content(&[
            (RecordType::SIZE, &size),
            (RecordType::TIME, "1795499046 271828"),
            (RecordType::SENDER, ""),
            (RecordType::MESSAGE, ""),
            (RecordType::SENDER, "not this"),
        ]);
        let envelope = read_envelope(&mut Reader::new(Cursor::new(&bytes), "x", 0)).unwrap();
        assert_eq!((envelope.size, envelope.content), (285, Some(bytes.len() as u64 - 10)));
        assert_eq!(envelope.arrival, Some(parse_arrival_time(b"1795499046 271828")));
        assert_eq!(envelope.sender, Some("".into()));
        let cut = read_envelope(&mut Reader::new(Cursor::new(&bytes[..98]), "x", 0)).unwrap_err();
        assert_eq!((cut.1.size, cut.1.content), (285, None));
        assert_eq!([first_number(b"  -7 x"), first_number(b"x"), first_number(b"")], [-7, 0, 0]);
    }

    #[test]
    fn content_ends_where_the_extracted_segment_begins() {
        let bytes = content(&[
            (RecordType::TEXT, "Subject: a"),
            (RecordType::UNTERMINATED, "X: long "),
            (RecordType::TEXT, "\tfolded"),
            (RecordType::TEXT, ""),
            (RecordType::TEXT, "Body: b"),
            (RecordType::EXTRACTED, ""),
            (RecordType::TEXT, "no"),
        ]);
        assert_eq!(copied(&bytes, false), ["Subject: a", "X: long ", "\tfolded", "", "Body: b"]);
        assert_eq!(copied(&bytes, true), ["Subject: a", "X: long ", "\tfolded"]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let _ = read_envelope(&mut Reader::new(Cursor::new(&bytes), "x", 0));
            let _ = copy_content(&mut Reader::new(Cursor::new(&bytes), "x", 0), true, &mut Lines::default());
        }
    }
}
