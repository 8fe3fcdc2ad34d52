//! Editing a queue file that is complete but not yet committed, as Milters want it (queue-files §5).
//!
//! Nothing moves: new records go to the end of the file, behind the `E` record, and a pointer over an old record leads to
//! them; another one leads back. The pointer over the old record is written last, so that whoever reads the file at any
//! time finds it as it was before an edit, or as it is after. Only a new body is written over the old one; until it is
//! complete, there is none.
//!
//! The program that wrote the file knows its [`Places`]: those are pointers that lead nowhere yet, with which it made room.
//!
//! | room | what it edits |
//! |---|---|
//! | `walk` | nothing: it finds headers, and what a pointer would be written over |
//! | `envelope` | sender, recipients, and what is said behind the content |
//! | `headers` | headers |
//! | `body` | the body |

mod body;
mod envelope;
mod headers;
#[cfg(test)]
mod tests;
mod walk;

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;

use crate::RecordType;
use crate::record::{POINTER_RECORD_LENGTH, ReadError, filler, pointer_payload, write, write_text};

pub use body::BodyEdit;

/// A place where records can be added: a pointer record, and what comes behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    /// Offset of the pointer record, in bytes.
    pub pointer: u64,
    /// Offset of the record that follows it, in bytes.
    pub target: u64,
}

impl Spot {
    /// A pointer that leads nowhere, and what follows it in the file.
    pub fn new(pointer: u64) -> Spot {
        Spot { pointer, target: pointer + POINTER_RECORD_LENGTH }
    }
}

/// Where a queue file can be edited. All numbers are offsets in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The `S` record, up to the end of what belongs to it: its filler, and a recipient that gets a copy for the sender's
    /// sake.
    pub sender: Range<u64>,
    /// Here recipients are added.
    pub recipients: Spot,
    /// The first content record.
    pub content: u64,
    /// Here headers are added; behind it, the body begins.
    pub headers: Spot,
    /// The `X` record.
    pub extracted: u64,
    /// Here it is said what becomes of the message: filters, and another recipient.
    pub fate: Spot,
}

/// Why a file cannot be edited.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It cannot be read or written. The text is that of the operating system.
    #[error("{}", sys::reason(.0))]
    Io(#[from] io::Error),
    /// A record stands where it makes no sense.
    #[error("unexpected record type {} at offset {offset}", .record_type.0)]
    Unexpected {
        /// Its type.
        record_type: RecordType,
        /// Where it is, in bytes.
        offset: u64,
    },
    /// There is no room for a pointer at this offset, in bytes.
    #[error("no room for a pointer record at offset {0}")]
    NoRoom(u64),
}

/// What is done to a file.
type Result<T> = std::result::Result<T, EditError>;

/// A record that is to be written.
pub type NewRecord<'a> = (RecordType, &'a [u8]);

/// An editor of one file. After an error the file may have records that nothing leads to, and is otherwise as it was
/// before the edit that failed.
#[derive(Debug)]
pub struct Editor<F> {
    file: F,
    places: Places,
    /// Where the next records go.
    end: u64,
    /// Longest content record, in bytes; 0: no limit.
    line_limit: usize,
    /// Parts of the file that hold, or held, a body.
    regions: Vec<Range<u64>>,
    /// Where the body began at first.
    body_offset: u64,
    /// Bytes of the body that took the place of the first.
    body_length: Option<u64>,
}

impl<F: Read + Write + Seek> Editor<F> {
    /// Edits a file whose records are all written. Content records become at most `line_limit` bytes long.
    ///
    /// # Errors
    /// The length of the file cannot be found out.
    pub fn new(mut file: F, places: Places, line_limit: usize) -> Result<Editor<F>> {
        let end = file.seek(SeekFrom::End(0))?;
        let body_offset = places.headers.target;
        let region = body_offset..places.extracted;
        Ok(Editor { file, places, end, line_limit, regions: vec![region], body_offset, body_length: None })
    }

    /// The file, to go on with.
    pub fn into_inner(self) -> F {
        self.file
    }

    /// The length of the content in bytes, as the first record shall tell it (queue-files §4.2). Headers that were added do
    /// not count.
    pub fn content_length(&self) -> u64 {
        let Places { content, extracted, .. } = self.places;
        match self.body_length {
            Some(length) => self.body_offset - content + length,
            None => extracted - content,
        }
    }

    /// Puts records where a spot is. The pointer behind them is the spot from then on.
    fn append(&mut self, spot: Spot, records: Vec<u8>) -> Result<Spot> {
        let (start, pointer) = self.add(records, Some(spot.target))?;
        self.lead(spot.pointer, start)?;
        Ok(Spot { pointer, ..spot })
    }

    /// Writes records at the end, and a pointer behind them. Returns where they are, and where the pointer is.
    fn add(&mut self, mut records: Vec<u8>, back: Option<u64>) -> Result<(u64, u64)> {
        let start = self.end;
        let pointer = start + records.len() as u64;
        if let Some(back) = back {
            write(&mut records, RecordType::POINTER, &pointer_payload(back))?;
        }
        self.write_at(start, &records)?;
        self.end = start + records.len() as u64;
        Ok((start, pointer))
    }

    /// Makes the record at an offset lead to another.
    fn lead(&mut self, from: u64, to: u64) -> Result<()> {
        let mut pointer = Vec::new();
        write(&mut pointer, RecordType::POINTER, &pointer_payload(to))?;
        self.write_at(from, &pointer)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.file.seek(SeekFrom::Start(offset))?;
        Ok(self.file.write_all(bytes)?)
    }

    /// A header as records, its first line with room for a pointer. Lines are separated by LF.
    fn header_records(&self, header: &[u8]) -> Result<Vec<u8>> {
        let mut records = Vec::new();
        for (number, line) in header.split(|&byte| byte == b'\n').enumerate() {
            if number == 0 {
                write_text(&mut records, RecordType::TEXT, line, self.line_limit)?;
                put_filler(&mut records, RecordType::PADDING, line.len())?;
            } else if text::header::is_continuation(line) {
                write_text(&mut records, RecordType::TEXT, line, self.line_limit)?;
            } else {
                write_text(&mut records, RecordType::TEXT, &[b"\t", line].concat(), self.line_limit)?;
            }
        }
        Ok(records)
    }
}

/// Makes room for a pointer behind a payload of this length (queue-files §4.4).
fn put_filler(records: &mut Vec<u8>, record_type: RecordType, length: usize) -> Result<()> {
    if let Some(padding) = filler(length) {
        write(records, record_type, &padding)?;
    }
    Ok(())
}

fn put_all(records: &mut Vec<u8>, new: &[NewRecord<'_>]) -> Result<()> {
    for (record_type, payload) in new {
        write(records, *record_type, payload)?;
    }
    Ok(())
}
