//! Sender, recipients, and what is said behind the content.

use std::io::{Read, Seek, SeekFrom, Write};

use bstr::BString;

use super::{Editor, NewRecord, Result, put_all, put_filler};
use crate::record::{POINTER_RECORD_LENGTH, Pointer, write};
use crate::{EditError, Reader, RecordType};

impl<F: Read + Write + Seek> Editor<F> {
    /// Adds what belongs to one recipient, its `R` record last. Of no records, nothing is made.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn add_recipient(&mut self, records: &[NewRecord<'_>]) -> Result<()> {
        if !records.is_empty() {
            let mut bytes = Vec::new();
            put_all(&mut bytes, records)?;
            self.places.recipients = self.append(self.places.recipients, bytes)?;
        }
        Ok(())
    }

    /// Cancels the recipients that were this address before rewriting, and all that it stands for. Returns how many.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn delete_recipient(&mut self, address: &[u8]) -> Result<usize> {
        let offsets = self.find_recipients(address)?;
        for &offset in &offsets {
            self.write_at(offset, &[RecordType::CANCELED.0])?;
        }
        Ok(offsets.len())
    }

    fn find_recipients(&mut self, address: &[u8]) -> Result<Vec<u64>> {
        let extracted = self.places.extracted;
        let mut found = Vec::new();
        let mut original: Option<BString> = None;
        let mut reader = self.reader(0)?;
        while let Some(record) = reader.next_raw()? {
            match record.record_type {
                RecordType::POINTER => {
                    let payload = record.payload.to_owned();
                    reader.follow(Pointer::parse(&payload), &payload)?;
                }
                RecordType::MESSAGE => reader.seek(extracted)?,
                RecordType::ORIGINAL_RECIPIENT => original = Some(record.payload.into()),
                RecordType::RECIPIENT => {
                    let original = original.take().unwrap_or_else(|| record.payload.into());
                    if original == address {
                        found.push(record.offset);
                    }
                }
                RecordType::DONE | RecordType::CANCELED => original = None,
                RecordType::END => break,
                _ => {}
            }
        }
        Ok(found)
    }

    /// Replaces the sender, with what stands before it (such as the envelope ID) and behind it (such as a recipient that gets a
    /// copy).
    ///
    /// # Errors
    /// The file cannot be written, or was not made to be edited.
    pub fn change_sender(&mut self, before: &[NewRecord<'_>], sender: &[u8], behind: &[NewRecord<'_>]) -> Result<()> {
        let old = self.places.sender.clone();
        if old.end.saturating_sub(old.start) < POINTER_RECORD_LENGTH {
            return Err(EditError::NoRoom(old.start));
        }
        let mut records = Vec::new();
        put_all(&mut records, before)?;
        let skipped = records.len() as u64;
        write(&mut records, RecordType::SENDER, sender)?;
        put_filler(&mut records, RecordType::POINTER, sender.len())?;
        put_all(&mut records, behind)?;
        let (start, back) = self.add(records, Some(old.end))?;
        self.lead(old.start, start)?;
        self.places.sender = start + skipped..back;
        Ok(())
    }

    /// Adds what is to become of the message: `L` and `>` records. Of no records, nothing is made.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn add_fate(&mut self, records: &[NewRecord<'_>]) -> Result<()> {
        if !records.is_empty() {
            let mut bytes = Vec::new();
            put_all(&mut bytes, records)?;
            self.places.fate = self.append(self.places.fate, bytes)?;
        }
        Ok(())
    }

    /// Reads the file from an offset on.
    pub(super) fn reader(&mut self, offset: u64) -> Result<Reader<&mut F>> {
        self.file.seek(SeekFrom::Start(0))?;
        let mut reader = Reader::new(&mut self.file, "queue file", 0);
        reader.seek(offset)?;
        Ok(reader)
    }
}
