//! The queue file while it is written.

use std::io::{self, Seek, Write};

use nix::errno::Errno;
use queue::message::SizeRecord;
use queue::{RecordType, Writer};

/// What a queue file must be able to do.
pub trait QueueFile: Write + Seek {}

impl<T: Write + Seek> QueueFile for T {}

/// Records on their way to the queue file. After an error nothing more is written.
pub struct Output<'a> {
    writer: Writer<&'a mut dyn QueueFile>,
    broken: bool,
}

impl<'a> Output<'a> {
    /// Writes to `file`, from its start.
    pub fn new(file: &'a mut dyn QueueFile) -> Output<'a> {
        Output { writer: Writer::new(file), broken: false }
    }

    /// Offset at which the next record will start, in bytes.
    pub fn position(&self) -> u64 {
        self.writer.position()
    }

    /// Writes a record.
    pub fn put(&mut self, record_type: RecordType, payload: &[u8]) -> io::Result<()> {
        self.attempt(|writer| writer.put(record_type, payload))
    }

    /// Writes content text, in records of at most `limit` bytes.
    pub fn put_text(&mut self, record_type: RecordType, text: &[u8], limit: usize) -> io::Result<()> {
        self.attempt(|writer| writer.put_text(record_type, text, limit))
    }

    /// Writes what is buffered, and then the numbers of the whole message over the first record.
    pub fn complete(&mut self, numbers: &SizeRecord) -> io::Result<()> {
        self.attempt(|writer| {
            writer.flush()?;
            writer.seek(0)?;
            writer.put(RecordType::SIZE, numbers.to_string().as_bytes())?;
            writer.flush()
        })
    }

    /// Writes what is buffered.
    pub fn flush(&mut self) -> io::Result<()> {
        self.attempt(Writer::flush)
    }

    fn attempt(&mut self, write: impl FnOnce(&mut Writer<&'a mut dyn QueueFile>) -> io::Result<()>) -> io::Result<()> {
        if self.broken {
            return Ok(());
        }
        let result = write(&mut self.writer);
        self.broken = result.is_err();
        result
    }
}

/// Is the file as large as the limit lets it be?
pub fn is_too_large(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::EFBIG as i32)
}
