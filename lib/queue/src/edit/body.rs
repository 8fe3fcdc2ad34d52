//! The body.

use std::io::{Read, Seek, Write};

use super::{Editor, Result};
use crate::record::{POINTER_RECORD_LENGTH, pointer_payload, write};
use crate::{EditError, RecordType};

/// How much is written at once, in bytes.
const BUFFER: usize = 1 << 16;

/// A new body while it is written. Until [`finish`](BodyEdit::finish), the message has none.
#[derive(Debug)]
pub struct BodyEdit<'e, F> {
    editor: &'e mut Editor<F>,
    /// The part of the file that is written to; the last one may have no end yet.
    region: usize,
    /// Where what is buffered goes.
    offset: u64,
    buffer: Vec<u8>,
    /// Bytes of the body so far.
    length: u64,
}

impl<F: Read + Write + Seek> Editor<F> {
    /// Begins a new body, the empty line before it included. It takes the place of the old one, and goes on at the end of
    /// the file.
    ///
    /// # Errors
    /// The file cannot be written, or was not made to be edited.
    pub fn replace_body(&mut self) -> Result<BodyEdit<'_, F>> {
        let old = &self.regions[0];
        if old.end.saturating_sub(old.start) < POINTER_RECORD_LENGTH {
            return Err(EditError::NoRoom(old.start));
        }
        self.lead(self.places.headers.pointer, self.places.extracted)?;
        let offset = self.regions[0].start;
        let mut body = BodyEdit { editor: self, region: 0, offset, buffer: Vec::new(), length: 0 };
        body.put_line(b"")?;
        Ok(body)
    }
}

impl<F: Read + Write + Seek> BodyEdit<'_, F> {
    /// Adds a line.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn put_line(&mut self, line: &[u8]) -> Result<()> {
        let limit = match self.editor.line_limit {
            0 => usize::MAX,
            limit => limit,
        };
        let mut rest = line;
        while rest.len() > limit {
            let (piece, behind) = rest.split_at(limit);
            self.put(RecordType::UNTERMINATED, piece)?;
            rest = behind;
        }
        self.put(RecordType::TEXT, rest)
    }

    /// The body is complete.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn finish(mut self) -> Result<()> {
        self.put_pointer(self.editor.places.extracted)?;
        self.flush()?;
        let editor = self.editor;
        if self.region == editor.regions.len() {
            editor.regions.push(editor.end..self.offset);
            editor.end = self.offset;
        }
        editor.body_length = Some(self.length);
        editor.places.headers.target = editor.regions[0].start;
        editor.lead(editor.places.headers.pointer, editor.places.headers.target)
    }

    fn put(&mut self, record_type: RecordType, payload: &[u8]) -> Result<()> {
        let mut record = Vec::new();
        write(&mut record, record_type, payload)?;
        let length = record.len() as u64;
        while !self.has_room(length) {
            let next = self.editor.regions.get(self.region + 1).map_or(self.editor.end, |region| region.start);
            self.put_pointer(next)?;
            self.flush()?;
            self.region += 1;
            self.offset = next;
        }
        self.buffer.extend(record);
        self.length += length;
        if self.buffer.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    /// Is there room for a record of this length, and a pointer?
    fn has_room(&self, length: u64) -> bool {
        let used = self.offset + self.buffer.len() as u64;
        let region = self.editor.regions.get(self.region);
        region.is_none_or(|region| used + length + POINTER_RECORD_LENGTH <= region.end)
    }

    fn put_pointer(&mut self, to: u64) -> Result<()> {
        Ok(write(&mut self.buffer, RecordType::POINTER, &pointer_payload(to))?)
    }

    fn flush(&mut self) -> Result<()> {
        self.editor.write_at(self.offset, &self.buffer)?;
        self.offset += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}
