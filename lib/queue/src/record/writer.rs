//! Writing records to files and sockets, and the special payloads (queue-files §1, §4.1, §4.4).

use std::io::{self, BufWriter, Seek, SeekFrom, Write};

use super::{RecordType, codec};

/// Size in bytes of a pointer record that can hold any offset.
pub const POINTER_RECORD_LENGTH: u64 = 17;

/// A buffered stream of records that knows at which offset it is.
#[derive(Debug)]
pub struct Writer<W: Write> {
    output: BufWriter<W>,
    position: u64,
}

impl<W: Write> Writer<W> {
    /// Writes to `output`, whose present position counts as offset 0.
    pub fn new(output: W) -> Writer<W> {
        Writer { output: BufWriter::new(output), position: 0 }
    }

    /// Offset at which the next record will start, in bytes.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Writes a record.
    pub fn put(&mut self, record_type: RecordType, payload: &[u8]) -> io::Result<()> {
        codec::write(self, record_type, payload)
    }

    /// Writes an `A name=value` record.
    pub fn put_attribute(&mut self, name: &str, value: &[u8]) -> io::Result<()> {
        self.put(RecordType::ATTRIBUTE, &[name.as_bytes(), b"=", value].concat())
    }

    /// Writes content text, cut into pieces by [`write_text`].
    pub fn put_text(&mut self, record_type: RecordType, text: &[u8], limit: usize) -> io::Result<()> {
        write_text(self, record_type, text, limit)
    }

    /// What was written to.
    pub fn get_ref(&self) -> &W {
        self.output.get_ref()
    }

    /// What was written to, mutably. Flush before writing to it directly.
    pub fn get_mut(&mut self) -> &mut W {
        self.output.get_mut()
    }

    /// Writes out what is buffered, and gives back the stream below.
    pub fn into_inner(self) -> io::Result<W> {
        self.output.into_inner().map_err(io::IntoInnerError::into_error)
    }
}

impl<W: Write + Seek> Writer<W> {
    /// Goes to an offset, to write over what is there.
    pub fn seek(&mut self, offset: u64) -> io::Result<()> {
        self.output.seek(SeekFrom::Start(offset))?;
        self.position = offset;
        Ok(())
    }

    /// Goes to the end, and returns its offset.
    pub fn seek_end(&mut self) -> io::Result<u64> {
        self.position = self.output.seek(SeekFrom::End(0))?;
        Ok(self.position)
    }
}

impl<W: Write> Write for Writer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.output.write(bytes)?;
        self.position += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// Writes content text as `L` records of exactly `limit` bytes and a last record of the given type (`N` or `L`).
/// Text of exactly `limit` bytes stays whole; a `limit` of 0 splits nothing.
pub fn write_text(
    output: &mut (impl Write + ?Sized),
    record_type: RecordType,
    text: &[u8],
    limit: usize,
) -> io::Result<()> {
    let mut rest = text;
    while limit > 0 && rest.len() > limit {
        codec::write(output, RecordType::UNTERMINATED, &rest[..limit])?;
        rest = &rest[limit..];
    }
    codec::write(output, record_type, rest)
}

/// Payload of a pointer record, wide enough to be overwritten with any other offset.
pub fn pointer_payload(offset: u64) -> Vec<u8> {
    format!("{offset:15}").into_bytes()
}

/// Payload of the filler that follows a record with a payload of `length` bytes, so that the two together leave room
/// for a pointer record. `None` when there is room already (queue-files §4.4).
pub fn filler(length: usize) -> Option<Vec<u8>> {
    match length {
        0..15 => Some(format!("{:>width$}", 0, width = 13usize.saturating_sub(length).max(1)).into_bytes()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn long_text_is_cut() {
        let mut output = Vec::new();
        write_text(&mut output, RecordType::TEXT, b"abcdefg", 3).unwrap();
        assert_eq!(output, b"L\x03abcL\x03defN\x01g");
        output.clear();
        write_text(&mut output, RecordType::TEXT, b"abc", 3).unwrap();
        assert_eq!(output, b"N\x03abc");
    }

    #[test]
    fn fillers_leave_room_for_a_pointer() {
        assert_eq!(filler(0).unwrap(), b"            0");
        assert_eq!(filler(8).unwrap(), b"    0");
        assert_eq!(filler(11).unwrap(), b" 0");
        assert_eq!(filler(14).unwrap(), b"0");
        assert_eq!(filler(15), None);
        assert_eq!(pointer_payload(515), b"            515");
    }

    #[test]
    fn position_follows_writes_and_seeks() {
        let mut writer = Writer::new(Cursor::new(Vec::new()));
        writer.put(RecordType::SENDER, b"al@x.org").unwrap();
        assert_eq!(writer.position(), 10);
        writer.seek(0).unwrap();
        writer.put(RecordType::POINTER, b"00000010").unwrap();
        assert_eq!(writer.seek_end().unwrap(), 10);
        writer.put_attribute("a", b"b").unwrap();
        assert_eq!(writer.into_inner().unwrap().into_inner(), b"p\x0800000010A\x03a=b");
    }
}
