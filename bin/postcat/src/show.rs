//! Showing one file.

use std::fs::File;
use std::io::{self, BufWriter, StdoutLock, Write};

use bstr::{BString, ByteSlice};
use queue::message::SizeRecord;
use queue::record::{Pointer, ReadError};
use queue::{Reader, Record, RecordType, TypeSet};

use crate::files::Source;
use crate::options::Options;

/// Shows a file, as far as it goes. What cannot be read or written ends the program.
pub fn show(source: Source, options: &Options) {
    let mut reader = Reader::new(source.file, source.name.clone(), 0);
    match reader.peek() {
        Ok(Some(first)) if TypeSet::ENVELOPE.contains(RecordType(first)) => {}
        Ok(_) => return log::warn!("{}: input is not a valid queue file", text::show(&source.name)),
        Err(error) => read_error(&error),
    }
    let output = BufWriter::new(io::stdout().lock());
    let mut viewer = Viewer {
        options,
        name: source.name,
        output,
        in_content: false,
        part: Part::Header,
        after_chunk: false,
        size: None,
    };
    if let Err(error) = viewer.show(&mut reader) {
        logging::fatal!("write error: {}", sys::reason(&error));
    }
}

fn read_error(error: &ReadError) -> ! {
    log::warn!("{error}");
    logging::fatal!("record read error");
}

/// Which part of the content a text record belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Header,
    Body,
}

struct Viewer<'a> {
    options: &'a Options,
    name: BString,
    output: BufWriter<StdoutLock<'static>>,
    /// Between the `M` and the `X` record.
    in_content: bool,
    part: Part,
    /// The last text record has no line end.
    after_chunk: bool,
    size: Option<SizeRecord>,
}

/// What to do after a record.
enum Next {
    GoOn,
    Jump(u64),
    Follow(Option<Pointer>, BString),
    Stop,
}

impl Viewer<'_> {
    fn show(&mut self, reader: &mut Reader<File>) -> io::Result<()> {
        if self.options.start > 0 {
            self.jump(reader, self.options.start)?;
        } else if self.options.envelope {
            self.title("ENVELOPE RECORDS")?;
        }
        loop {
            let before = reader.position();
            let verbose = self.options.verbose > 0;
            let record = if verbose { reader.next_raw() } else { reader.next_cooked() };
            let next = match record {
                Ok(Some(record)) => self.record(if verbose { record.offset } else { before }, record)?,
                Ok(None) => Next::Stop,
                Err(error) => {
                    self.output.flush()?;
                    read_error(&error)
                }
            };
            match next {
                Next::GoOn => {}
                Next::Jump(offset) => self.jump(reader, offset)?,
                Next::Follow(pointer, payload) => {
                    if let Err(error) = reader.follow(pointer, &payload) {
                        self.output.flush()?;
                        read_error(&error)
                    }
                }
                Next::Stop => return self.output.flush(),
            }
        }
    }

    fn jump(&mut self, reader: &mut Reader<File>, offset: u64) -> io::Result<()> {
        self.output.flush()?;
        if let Err(error) = reader.seek(offset) {
            logging::fatal!("seek error: {}", sys::reason(&error));
        }
        Ok(())
    }

    /// Shows a record. `offset` is where it counts as being.
    fn record(&mut self, offset: u64, record: Record<'_>) -> io::Result<Next> {
        match record.record_type {
            RecordType::MESSAGE => self.message_marker(offset),
            RecordType::EXTRACTED => self.extracted_marker(offset),
            RecordType::END => self.end_marker(offset),
            RecordType::TEXT | RecordType::UNTERMINATED if self.in_content => {
                self.text(offset, record)?;
                Ok(Next::GoOn)
            }
            RecordType::POINTER | RecordType::PADDING if self.in_content => self.filler(offset, record),
            _ => self.envelope_record(offset, record),
        }
    }

    fn prefix(&mut self, offset: u64, record_type: RecordType) -> io::Result<()> {
        if self.options.offsets {
            write!(self.output, "{offset:9} ")?;
        }
        if self.options.types {
            write!(self.output, "{:3} ", record_type.0)?;
        }
        Ok(())
    }

    fn marker(&mut self, offset: u64, record_type: RecordType, title: &str) -> io::Result<()> {
        if self.options.envelope {
            self.prefix(offset, record_type)?;
            self.title(title)?;
        }
        Ok(())
    }

    fn title(&mut self, title: &str) -> io::Result<()> {
        self.line(&[b"*** ", title.as_bytes(), b" ", &self.name.clone(), b" ***"])
    }

    /// A line of bytes, as they are.
    fn line(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        for part in parts {
            self.output.write_all(part)?;
        }
        writeln!(self.output)
    }

    fn warn_out_of_order(&mut self, what: &str) -> io::Result<()> {
        self.output.flush()?;
        log::warn!("{}: out-of-order {what} marker", text::show(&self.name));
        Ok(())
    }

    fn message_marker(&mut self, offset: u64) -> io::Result<Next> {
        if self.in_content {
            self.warn_out_of_order("message content")?;
        }
        self.in_content = true;
        self.marker(offset, RecordType::MESSAGE, "MESSAGE CONTENTS")?;
        match self.size {
            Some(size) if !(self.options.header || self.options.body) => Ok(Next::Jump(content_end(&size))),
            _ => Ok(Next::GoOn),
        }
    }

    fn extracted_marker(&mut self, offset: u64) -> io::Result<Next> {
        if !self.in_content {
            self.warn_out_of_order("extracted segment")?;
        }
        self.in_content = false;
        if std::mem::take(&mut self.after_chunk) && !self.separates_chunks() {
            writeln!(self.output)?;
        }
        self.marker(offset, RecordType::EXTRACTED, "HEADER EXTRACTED")?;
        Ok(if self.options.envelope { Next::GoOn } else { Next::Stop })
    }

    fn end_marker(&mut self, offset: u64) -> io::Result<Next> {
        if self.in_content {
            self.warn_out_of_order("message end")?;
        }
        self.in_content = false;
        self.marker(offset, RecordType::END, "MESSAGE FILE END")?;
        Ok(if self.options.raw && self.options.verbose > 0 { Next::GoOn } else { Next::Stop })
    }

    /// A pointer or padding record; only seen with `-v`.
    fn filler(&mut self, offset: u64, record: Record<'_>) -> io::Result<Next> {
        let shown = if self.in_content { self.shows(self.part) } else { self.options.envelope };
        if shown {
            self.plain(offset, record)?;
        }
        if record.record_type != RecordType::POINTER || self.options.raw {
            return Ok(Next::GoOn);
        }
        Ok(Next::Follow(Pointer::parse(record.payload), record.payload.into()))
    }

    fn envelope_record(&mut self, offset: u64, record: Record<'_>) -> io::Result<Next> {
        match record.record_type {
            RecordType::POINTER | RecordType::PADDING => return self.filler(offset, record),
            RecordType::SIZE => return self.size_record(offset, record),
            _ if !self.options.envelope => {}
            RecordType::TIME | RecordType::WARN_TIME => self.time(offset, record, record.payload)?,
            RecordType::ATTRIBUTE => self.attribute(offset, record)?,
            _ => self.plain(offset, record)?,
        }
        Ok(Next::GoOn)
    }

    /// Shows the record, and, when the rest of the envelope is of no interest, goes where the content starts.
    fn size_record(&mut self, offset: u64, record: Record<'_>) -> io::Result<Next> {
        if self.options.envelope {
            self.plain(offset, record)?;
        }
        if self.size.is_some() {
            self.output.flush()?;
            log::warn!("file contains multiple size records");
            return Ok(Next::GoOn);
        }
        let Some(size) = SizeRecord::parse(record.payload) else {
            self.output.flush()?;
            log::warn!("invalid size record: {}", text::show(record.payload));
            return Ok(Next::GoOn);
        };
        self.size = Some(size);
        if self.options.envelope {
            return Ok(Next::GoOn);
        }
        self.in_content = true;
        Ok(Next::Jump(size.data_offset.unsigned_abs()))
    }

    fn plain(&mut self, offset: u64, record: Record<'_>) -> io::Result<()> {
        self.prefix(offset, record.record_type)?;
        self.line(&[record.record_type.name().as_bytes(), b": ", record.payload])
    }

    /// A point in time: the seconds are the first number of the payload.
    fn time(&mut self, offset: u64, record: Record<'_>, seconds: &[u8]) -> io::Result<()> {
        let name = match record.record_type {
            RecordType::ATTRIBUTE => queue::attribute::CREATE_TIME,
            other => other.name(),
        };
        self.prefix(offset, record.record_type)?;
        let time = text::date::from_seconds(leading_number(seconds));
        writeln!(self.output, "{name}: {}", text::date::ctime(time))
    }

    fn attribute(&mut self, offset: u64, record: Record<'_>) -> io::Result<()> {
        match text::split_name_value(record.payload) {
            Ok((b"create_time", value)) => self.time(offset, record, value),
            Ok((name, value)) => {
                self.prefix(offset, record.record_type)?;
                self.line(&[record.record_type.name().as_bytes(), b": ", name, b"=", value])
            }
            Err(error) => {
                self.output.flush()?;
                log::warn!("{}: malformed attribute: {error}: {}", text::show(&self.name), text::show(record.payload));
                Ok(())
            }
        }
    }

    fn shows(&self, part: Part) -> bool {
        match part {
            Part::Header => self.options.header,
            Part::Body => self.options.body,
        }
    }

    /// With `-v` or `-o`, each record has a line of its own.
    fn separates_chunks(&self) -> bool {
        self.options.verbose > 0 || self.options.offsets
    }

    /// Text of the content. The first line that is neither header nor continuation starts the body.
    fn text(&mut self, offset: u64, record: Record<'_>) -> io::Result<()> {
        let line = record.payload;
        if self.part == Part::Header
            && !self.after_chunk
            && !text::header::is_header(line)
            && !text::header::is_continuation(line)
        {
            self.part = Part::Body;
        }
        self.after_chunk = record.record_type == RecordType::UNTERMINATED;
        if !self.shows(self.part) {
            return Ok(());
        }
        self.prefix(offset, record.record_type)?;
        if self.options.verbose > 0 {
            let name = if self.after_chunk { "unterminated_text" } else { record.record_type.name() };
            write!(self.output, "{name}: ")?;
        }
        self.output.write_all(line)?;
        if !self.after_chunk || self.separates_chunks() {
            writeln!(self.output)?;
        }
        Ok(())
    }
}

fn content_end(size: &SizeRecord) -> u64 {
    size.data_offset.unsigned_abs().saturating_add(size.size.unsigned_abs())
}

/// The number that a text starts with, behind white space; 0 when there is none.
fn leading_number(text: &[u8]) -> i64 {
    let text = text::space::trim_start(text);
    let end = text.iter().position(|byte| !(byte.is_ascii_digit() || *byte == b'-')).unwrap_or(text.len());
    text[..end].to_str().ok().and_then(|number| number.parse().ok()).unwrap_or(0)
}
