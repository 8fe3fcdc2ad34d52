//! Finding headers, and what a pointer would be written over.

use std::io::{Read, Seek, Write};

use bstr::BString;

use super::{Editor, Result};
use crate::record::{POINTER_RECORD_LENGTH, Pointer, write};
use crate::{EditError, RecordType};

/// Where a header is. All numbers are offsets in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Its name.
    pub name: BString,
    /// What leads to it: the pointer before it, or its own first record.
    pub way: u64,
    /// Its first record.
    pub start: u64,
    /// The record that comes next, wherever that is.
    pub end: u64,
}

/// Records that a pointer is written over, and which must go elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Saved {
    /// The records.
    pub records: Vec<u8>,
    /// Offset in bytes of what follows them; `None`: the last one leads on by itself.
    pub next: Option<u64>,
    /// Where in `records` the pointer is at which headers are added, if it is there.
    pub spot: Option<u64>,
}

impl<F: Read + Write + Seek> Editor<F> {
    /// All headers, in order.
    pub(super) fn headers(&mut self) -> Result<Vec<Header>> {
        let (content, stop) = (self.places.content, self.places.headers.pointer);
        let mut headers: Vec<Header> = Vec::new();
        let mut way = None;
        let mut is_inside_line = false;
        let mut reader = self.reader(content)?;
        while reader.position() != stop {
            let offset = reader.position();
            let Some(record) = reader.next_raw()? else {
                return Err(EditError::Unexpected { record_type: RecordType::END, offset });
            };
            match record.record_type {
                RecordType::PADDING => {}
                RecordType::POINTER => {
                    let payload = record.payload.to_owned();
                    let pointer = Pointer::parse(&payload);
                    reader.follow(pointer, &payload)?;
                    if let Some(Pointer::To(_)) = pointer {
                        way = Some(offset);
                    }
                }
                RecordType::TEXT | RecordType::UNTERMINATED => {
                    let continues = is_inside_line || text::header::is_continuation(record.payload);
                    is_inside_line = record.record_type == RecordType::UNTERMINATED;
                    if !continues || headers.is_empty() {
                        let length = text::header::name_length(record.payload).unwrap_or(record.payload.len());
                        let name = BString::from(&record.payload[..length]);
                        if let Some(last) = headers.last_mut() {
                            last.end = offset;
                        }
                        headers.push(Header { name, way: way.unwrap_or(offset), start: offset, end: offset });
                    }
                    way = None;
                }
                record_type => return Err(EditError::Unexpected { record_type, offset }),
            }
        }
        if let Some(last) = headers.last_mut() {
            last.end = stop;
        }
        Ok(headers)
    }

    /// The records that stand where a pointer is written at `offset`, from the one at `from` on.
    pub(super) fn saved(&mut self, offset: u64, from: u64) -> Result<Saved> {
        let spot = self.places.headers.pointer;
        let mut saved = Saved::default();
        let mut reader = self.reader(from)?;
        loop {
            let at = reader.position();
            if at >= offset + POINTER_RECORD_LENGTH {
                saved.next = Some(at);
                return Ok(saved);
            }
            let Some(record) = reader.next_raw()? else { return Err(EditError::NoRoom(offset)) };
            if at == spot {
                saved.spot = Some(saved.records.len() as u64);
            }
            write(&mut saved.records, record.record_type, record.payload)?;
            let leads_on = record.record_type == RecordType::POINTER
                && matches!(Pointer::parse(record.payload), Some(Pointer::To(_)));
            if leads_on {
                return Ok(saved);
            }
        }
    }
}
