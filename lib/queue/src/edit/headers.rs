//! Headers.

use std::io::{Read, Seek, Write};

use super::walk::{Header, Saved};
use super::{Editor, Result};
use crate::record::POINTER_RECORD_LENGTH;

/// The header that the mail system puts before all others, and which cannot be changed.
const OWN_HEADERS: usize = 1;

impl<F: Read + Write + Seek> Editor<F> {
    /// Adds a header behind all others: `name: value`, its lines separated by LF.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn add_header(&mut self, header: &[u8]) -> Result<()> {
        let records = self.header_records(header)?;
        self.places.headers = self.append(self.places.headers, records)?;
        Ok(())
    }

    /// Inserts a header, with so many of all headers before it.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn insert_header(&mut self, before: usize, header: &[u8]) -> Result<()> {
        let Some(Header { way, .. }) = self.headers()?.into_iter().nth(before) else { return self.add_header(header) };
        let saved = self.saved(way, way)?;
        self.detour(way, self.header_records(header)?, saved)
    }

    /// Replaces a header: of those with this name, the one with this number, from 1 on. The first header of the message is
    /// the mail system's own, and does not count. A header that is not there is added.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn change_header(&mut self, number: usize, name: &[u8], header: &[u8]) -> Result<()> {
        let Some(old) = self.find_header(number, name)? else { return self.add_header(header) };
        let saved = self.saved_behind(&old)?;
        self.detour(old.start, self.header_records(header)?, saved)
    }

    /// Deletes a header, which is named as in [`change_header`](Editor::change_header). False: it is not there.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn delete_header(&mut self, number: usize, name: &[u8]) -> Result<bool> {
        let Some(old) = self.find_header(number, name)? else { return Ok(false) };
        let saved = self.saved_behind(&old)?;
        match saved {
            Saved { records, next: Some(next), .. } if records.is_empty() => self.lead(old.start, next)?,
            saved => self.detour(old.start, Vec::new(), saved)?,
        }
        Ok(true)
    }

    fn find_header(&mut self, number: usize, name: &[u8]) -> Result<Option<Header>> {
        let headers = self.headers()?.into_iter().skip(OWN_HEADERS);
        Ok(headers.filter(|header| header.name.eq_ignore_ascii_case(name)).nth(number.saturating_sub(1)))
    }

    /// What follows a header, where a pointer over the header would reach it.
    fn saved_behind(&mut self, header: &Header) -> Result<Saved> {
        let reach = header.start..header.start + POINTER_RECORD_LENGTH;
        match header.end > reach.start && header.end < reach.end {
            true => self.saved(header.start, header.end),
            false => Ok(Saved { next: Some(header.end), ..Saved::default() }),
        }
    }

    /// From `offset`, leads to new records and those that stood there.
    fn detour(&mut self, offset: u64, mut records: Vec<u8>, saved: Saved) -> Result<()> {
        let new = records.len() as u64;
        records.extend(saved.records);
        let (start, _) = self.add(records, saved.next)?;
        self.lead(offset, start)?;
        if let Some(spot) = saved.spot {
            self.places.headers.pointer = start + new + spot;
        }
        Ok(())
    }
}
