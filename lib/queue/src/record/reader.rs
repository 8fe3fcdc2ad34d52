//! Reading records from files and sockets (queue-files §1).

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use bstr::{BStr, BString, ByteSlice};
use sys::reason;

use super::codec::{Decoded, Malformed, decode, decode_head};
use super::{RecordType, codec::Head};

/// How many pointers of one file may lead back to or before the target of the pointer before them.
pub const MAX_REVERSE_JUMPS: u32 = 10_000;

const READ_SIZE: usize = 8192;

/// A record as [`Reader`] returns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Type, known or not.
    pub record_type: RecordType,
    /// Offset of its type byte, in bytes from the start of the stream.
    pub offset: u64,
    /// Payload.
    pub payload: &'a BStr,
}

/// What goes wrong in reading a record. The text starts with the name of the stream.
#[derive(Debug, thiserror::Error)]
#[error("{}: {kind}", text::show(.file))]
pub struct ReadError {
    file: BString,
    kind: ReadErrorKind,
}

#[derive(Debug, thiserror::Error)]
enum ReadErrorKind {
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("malformed pointer record value: {}", text::show(.0))]
    MalformedPointer(BString),
    #[error("too many reverse jump records")]
    TooManyReverseJumps,
    #[error("seek error after pointer record: {}", reason(.0))]
    SeekAfterPointer(io::Error),
    #[error("seek error after reading END record: {}", reason(.0))]
    SeekAfterEnd(io::Error),
    #[error("read error: {}", reason(.0))]
    Io(#[from] io::Error),
}

impl ReadError {
    /// The operating system's error, where the cause is not the content of the stream.
    pub fn io_error(&self) -> Option<&io::Error> {
        match &self.kind {
            ReadErrorKind::Io(error) | ReadErrorKind::SeekAfterPointer(error) | ReadErrorKind::SeekAfterEnd(error) => {
                Some(error)
            }
            _ => None,
        }
    }
}

/// Where a pointer record leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pointer {
    /// Nowhere: the next record follows it.
    Dummy,
    /// To this offset, in bytes.
    To(u64),
}

impl Pointer {
    /// Parses the payload of a pointer record; `None` when it is not a number.
    pub fn parse(payload: &[u8]) -> Option<Pointer> {
        let digits = text::space::trim_start(payload);
        let end = digits.find_not_byteset(b"0123456789").unwrap_or(digits.len());
        match digits[..end].to_str().ok()?.parse().ok()? {
            0 => Some(Pointer::Dummy),
            offset => Some(Pointer::To(offset)),
        }
    }
}

/// A buffered reader of records.
///
/// [`next_raw`](Reader::next_raw) returns every record as it is. [`next_cooked`](Reader::next_cooked) follows pointers,
/// skips padding, and ends after an `E` record.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    name: BString,
    limit: u64,
    buffer: Vec<u8>,
    /// Offset of the buffer's first byte in the stream.
    base: u64,
    /// Bytes of the buffer that are used up.
    used: usize,
    last_target: u64,
    reverse_jumps: u32,
}

/// A record's place in the buffer.
struct Span {
    record_type: RecordType,
    offset: u64,
    payload: Range<usize>,
}

impl<R: Read> Reader<R> {
    /// Reads records from `input`, whose present position counts as offset 0.
    ///
    /// `name` is the path with which it was opened (`stdin` for a pipe, `<path> socket` for a socket), for messages.
    /// `limit` is the longest payload in bytes; 0 accepts what the format can express.
    pub fn new(input: R, name: impl Into<BString>, limit: u64) -> Reader<R> {
        Reader {
            input,
            name: name.into(),
            limit,
            buffer: Vec::new(),
            base: 0,
            used: 0,
            last_target: 0,
            reverse_jumps: 0,
        }
    }

    /// Offset of the next record, in bytes.
    pub fn position(&self) -> u64 {
        self.base + self.used as u64
    }

    /// The stream below, from which more may have been read than was returned.
    pub fn get_ref(&self) -> &R {
        &self.input
    }

    /// The stream below, mutably.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.input
    }

    /// The next byte, without taking it; `None` at the end of the stream.
    pub fn peek(&mut self) -> Result<Option<u8>, ReadError> {
        if self.used == self.buffer.len() {
            self.fill(1).map_err(|error| self.error(error.into()))?;
        }
        Ok(self.buffer.get(self.used).copied())
    }

    /// The next record, whatever it is; `None` at the end of the stream.
    pub fn next_raw(&mut self) -> Result<Option<Record<'_>>, ReadError> {
        match self.next_span() {
            Ok(Some(span)) => Ok(Some(self.record(span))),
            Ok(None) => Ok(None),
            Err(kind) => Err(self.error(kind)),
        }
    }

    /// Have bytes been read ahead that no record was made of yet?
    pub fn has_buffered(&self) -> bool {
        self.used < self.buffer.len()
    }

    fn record(&self, span: Span) -> Record<'_> {
        Record { record_type: span.record_type, offset: span.offset, payload: self.buffer[span.payload].as_bstr() }
    }

    fn error(&self, kind: ReadErrorKind) -> ReadError {
        ReadError { file: self.name.clone(), kind }
    }

    fn next_span(&mut self) -> Result<Option<Span>, ReadErrorKind> {
        loop {
            let missing = match decode(&self.buffer[self.used..], self.limit) {
                Ok(Decoded::Record { record_type, payload, size }) => {
                    let end = self.used + size;
                    let span = Span { record_type, offset: self.position(), payload: end - payload.len()..end };
                    self.used = end;
                    return Ok(Some(span));
                }
                Ok(Decoded::Incomplete { missing }) => missing,
                Err(malformed) => {
                    self.skip_payload()?;
                    return Err(malformed.into());
                }
            };
            if !self.fill(missing)? {
                return self.at_end_of_input();
            }
        }
    }

    /// End of file is the end only between records.
    fn at_end_of_input(&self) -> Result<Option<Span>, ReadErrorKind> {
        let rest = &self.buffer[self.used..];
        let Some(&type_byte) = rest.first() else { return Ok(None) };
        Err(match decode_head(rest)? {
            Some(Head { record_type, length, .. }) => Malformed::EofInData { length, record_type },
            None => Malformed::EofInLength(RecordType(type_byte)),
        }
        .into())
    }

    /// Reads past a payload that is too long, so that its writer does not find the pipe broken.
    fn skip_payload(&mut self) -> io::Result<()> {
        let Ok(Some(head)) = decode_head(&self.buffer[self.used..]) else { return Ok(()) };
        let mut rest = head.size as u64 + head.length;
        loop {
            let available = ((self.buffer.len() - self.used) as u64).min(rest);
            self.used += available as usize;
            rest -= available;
            if rest == 0 || !self.fill(1)? {
                return Ok(());
            }
        }
    }

    /// Reads more bytes, as a hint `missing` of them. False at the end of the input.
    fn fill(&mut self, missing: u64) -> io::Result<bool> {
        self.base += self.used as u64;
        self.buffer.drain(..self.used);
        self.used = 0;
        let old = self.buffer.len();
        // The record's own claim about its length commits no more memory than this at a time.
        let room = usize::try_from(missing).unwrap_or(usize::MAX).clamp(READ_SIZE, 1 << 20);
        self.buffer.resize(old + room, 0);
        let result = read_retrying(&mut self.input, &mut self.buffer[old..]);
        self.buffer.truncate(old + result.as_ref().map_or(0, |&count| count));
        result.map(|count| count > 0)
    }
}

impl<R: Read + Seek> Reader<R> {
    /// The next record that means something: follows pointers and skips padding. After an `E` record the position is
    /// the end of the file; `None` there.
    pub fn next_cooked(&mut self) -> Result<Option<Record<'_>>, ReadError> {
        match self.next_cooked_span() {
            Ok(Some(span)) => Ok(Some(self.record(span))),
            Ok(None) => Ok(None),
            Err(kind) => Err(self.error(kind)),
        }
    }

    /// Continues where a pointer leads, for callers of [`next_raw`](Reader::next_raw) that follow pointers themselves.
    /// `payload` is that of the pointer record.
    pub fn follow(&mut self, pointer: Option<Pointer>, payload: &[u8]) -> Result<(), ReadError> {
        self.jump(pointer, || payload.into()).map_err(|kind| self.error(kind))
    }

    /// Continues at an offset in bytes. What was read ahead is used where it reaches.
    pub fn seek(&mut self, offset: u64) -> io::Result<()> {
        match offset.checked_sub(self.base) {
            Some(ahead) if ahead <= self.buffer.len() as u64 => self.used = ahead as usize,
            _ => self.seek_input(SeekFrom::Start(offset))?,
        }
        Ok(())
    }

    fn next_cooked_span(&mut self) -> Result<Option<Span>, ReadErrorKind> {
        loop {
            let Some(span) = self.next_span()? else { return Ok(None) };
            match span.record_type {
                RecordType::POINTER => {
                    let pointer = Pointer::parse(&self.buffer[span.payload.clone()]);
                    let text: BString = match pointer {
                        Some(_) => BString::default(),
                        None => self.buffer[span.payload].into(),
                    };
                    self.jump(pointer, || text)?;
                }
                RecordType::PADDING => {}
                RecordType::END => {
                    // Its payload is lost with the buffer; there is none.
                    self.seek_input(SeekFrom::End(0)).map_err(ReadErrorKind::SeekAfterEnd)?;
                    return Ok(Some(Span { payload: 0..0, ..span }));
                }
                _ => return Ok(Some(span)),
            }
        }
    }

    fn jump(&mut self, pointer: Option<Pointer>, payload: impl FnOnce() -> BString) -> Result<(), ReadErrorKind> {
        let target = match pointer {
            None => return Err(ReadErrorKind::MalformedPointer(payload())),
            Some(Pointer::Dummy) => return Ok(()),
            Some(Pointer::To(target)) => target,
        };
        if target <= self.last_target {
            self.reverse_jumps += 1;
            if self.reverse_jumps > MAX_REVERSE_JUMPS {
                return Err(ReadErrorKind::TooManyReverseJumps);
            }
        }
        self.last_target = target;
        self.seek(target).map_err(ReadErrorKind::SeekAfterPointer)
    }

    fn seek_input(&mut self, to: SeekFrom) -> io::Result<()> {
        self.base = self.input.seek(to)?;
        self.buffer.clear();
        self.used = 0;
        Ok(())
    }
}

fn read_retrying(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match input.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{pointer_payload, write};
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;

    fn reader(bytes: &[u8], limit: u64) -> Reader<Cursor<Vec<u8>>> {
        Reader::new(Cursor::new(bytes.to_vec()), "file", limit)
    }

    fn cooked(bytes: &[u8]) -> Vec<(u64, RecordType, Vec<u8>)> {
        let mut reader = reader(bytes, 0);
        let mut records = Vec::new();
        while let Some(record) = reader.next_cooked().unwrap() {
            records.push((record.offset, record.record_type, record.payload.to_vec()));
        }
        records
    }

    #[test]
    fn cooked_reading_follows_pointers_skips_padding_and_stops_at_the_end_record() {
        let mut bytes = Vec::new();
        write(&mut bytes, RecordType::POINTER, &pointer_payload(24)).unwrap();
        write(&mut bytes, RecordType::END, b"").unwrap();
        write(&mut bytes, RecordType::TEXT, b"abc").unwrap();
        write(&mut bytes, RecordType::TEXT, b"x").unwrap();
        write(&mut bytes, RecordType::PADDING, b" 0").unwrap();
        write(&mut bytes, RecordType::POINTER, &pointer_payload(0)).unwrap();
        write(&mut bytes, RecordType::POINTER, &pointer_payload(17)).unwrap();
        assert_eq!(cooked(&bytes), [(24, RecordType::TEXT, b"x".to_vec()), (17, RecordType::END, Vec::new())]);
    }

    #[test]
    fn a_pointer_loop_ends_in_an_error() {
        let mut bytes = Vec::new();
        write(&mut bytes, RecordType::TEXT, b"abc").unwrap();
        write(&mut bytes, RecordType::POINTER, &pointer_payload(5)).unwrap();
        let mut reader = reader(&bytes, 0);
        assert!(reader.next_cooked().unwrap().is_some());
        assert_eq!(reader.next_cooked().unwrap_err().to_string(), "file: too many reverse jump records");
    }

    #[test]
    fn damage_has_its_texts() {
        let error = |bytes: &[u8]| reader(bytes, 10).next_cooked().unwrap_err().to_string();
        assert_eq!(error(b"N"), "file: unexpected EOF reading length, record type 78");
        assert_eq!(error(b"N\x85"), "file: unexpected EOF reading length, record type 78");
        assert_eq!(error(b"N\x05ab"), "file: unexpected EOF in data, record type 78 length 5");
        assert_eq!(error(b"N\xff\xff\xff\xff\x01"), "file: too many length bits, record type 78");
        assert_eq!(error(b"p\x04 abc"), "file: malformed pointer record value:  abc");
    }

    #[test]
    fn the_payload_of_a_record_over_the_limit_is_read_past() {
        let mut bytes = Vec::new();
        write(&mut bytes, RecordType::TEXT, &[b'x'; 20_000]).unwrap();
        write(&mut bytes, RecordType::TEXT, b"next").unwrap();
        let mut reader = reader(&bytes, 2048);
        assert_eq!(reader.next_raw().unwrap_err().to_string(), "file: illegal length 20000, record type 78");
        assert_eq!(reader.next_raw().unwrap().unwrap().payload, "next");
        assert!(reader.next_raw().unwrap().is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let mut reader = reader(&bytes, 100);
            for _ in 0..bytes.len() {
                match reader.next_cooked() {
                    Ok(Some(_)) => {}
                    Ok(None) | Err(_) => break,
                }
            }
        }

        #[test]
        fn raw_reading_returns_what_was_written(
            records in proptest::collection::vec((any::<u8>(), proptest::collection::vec(any::<u8>(), 0..3000)), 0..20)
        ) {
            let mut bytes = Vec::new();
            for (type_byte, payload) in &records {
                write(&mut bytes, RecordType(*type_byte), payload).unwrap();
            }
            let mut reader = reader(&bytes, 0);
            for (type_byte, payload) in &records {
                let record = reader.next_raw().unwrap().unwrap();
                prop_assert_eq!((record.record_type, record.payload.as_bytes()), (RecordType(*type_byte), &payload[..]));
            }
            prop_assert!(reader.next_raw().unwrap().is_none());
            prop_assert_eq!(reader.position(), bytes.len() as u64);
        }
    }
}
