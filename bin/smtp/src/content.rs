//! The message on the wire (smtp-client §13).

use bstr::{BString, ByteSlice};
use ipc::bounce::Dsn;
use logging::fatal;
use queue::{Reader, RecordType};
use smtp_protocol::client::{LineWriter, feature};
use text::address::quote;
use text::mime::{Block, End, HeadersEnd, Options, Reports, Sink, Structure, Trouble};

use crate::delivery::Delivery;
use crate::mapping;
use crate::session::{Broken, Session};
use crate::site::{Services, Site};

/// How many bytes are collected before they go to the connection.
const CHUNK: usize = 8 * 1024;

/// Why a message could not be sent.
pub enum ContentError {
    /// The conversation broke.
    Broken(Broken),
    /// The message cannot be sent in this form.
    Unfit(Box<Dsn>),
    /// The queue file is damaged; that has been logged.
    Unreadable,
}

impl From<Broken> for ContentError {
    fn from(broken: Broken) -> Self {
        ContentError::Broken(broken)
    }
}

/// Whether the message has to be made 7-bit for this server.
pub fn needs_downgrade(delivery: &Delivery<'_, '_>, session: &Session) -> bool {
    !delivery.site.settings.disable_mime_conversion
        && !session.features.has(feature::EIGHT_BIT_MIME)
        && delivery.job.request.encoding != "7bit"
}

/// Sends the message and the final dot; the dot may still wait for a flush.
///
/// # Errors
/// Nothing that looks like a whole message has been sent.
pub fn send(delivery: &mut Delivery<'_, '_>, session: &mut Session, converts: bool) -> Result<(), ContentError> {
    let site = delivery.site;
    let prepended = prepended(delivery);
    let mut records = open(delivery)?;
    let queue_id = delivery.queue_id().to_owned();
    let edits = !site.generic_maps.is_empty() || !site.checks.is_empty();
    let options = Options {
        downgrade: converts,
        reports: Reports { nesting: converts, ..Reports::default() },
        ..Options::plain(Some(site.settings.mime_limits))
    };
    let mut output = Output {
        session,
        structure: (edits || converts).then(|| Structure::new(options)),
        editor: Editor {
            site,
            services: delivery.services,
            queue_id,
            lines: LineWriter::new(site.settings.line_length_limit),
            buffer: Vec::with_capacity(2 * CHUNK),
            problem: None,
        },
    };
    for line in &prepended {
        output.take(line, End::Line)?;
    }
    copy(&mut records, &mut output)?;
    output.finish()?;
    if output.editor.lines.has_broken() && !std::mem::replace(&mut delivery.has_told_of_long_lines, true) {
        let limit = site.settings.line_length_limit;
        log::info!("{}: breaking line > {limit} bytes with <CR><LF>SPACE", output.editor.queue_id);
    }
    if session.features.has(feature::PIX_DELAY_DOTCRLF) {
        session.flush()?;
        std::thread::sleep(site.settings.pix_delay);
    }
    session.send(b".")?;
    Ok(())
}

/// The headers that `flags=` adds.
fn prepended(delivery: &mut Delivery<'_, '_>) -> Vec<BString> {
    let (site, mut lines) = (delivery.site, Vec::new());
    let recipient = delivery.recipients().next().map(|(_, recipient)| recipient.clone()).unwrap_or_default();
    let sender = delivery.job.request.sender.clone();
    let mut external = |address: &[u8]| match address {
        b"" => BString::default(),
        address => quote(&mapping::map_generic(site, delivery.services, address)),
    };
    let mut add = |parts: [&[u8]; 3]| lines.push(BString::from(parts.concat()));
    if site.flags.return_path {
        add([b"Return-Path: <", &external(&sender), b">"]);
    }
    if site.flags.original_to && !recipient.original.is_empty() {
        add([b"X-Original-To: ", &external(&recipient.original), b""]);
    }
    if site.flags.delivered_to {
        add([b"Delivered-To: ", &external(&recipient.address), b""]);
    }
    lines
}

fn open(delivery: &Delivery<'_, '_>) -> Result<Reader<std::fs::File>, ContentError> {
    let job = &delivery.job;
    let opened = job.file.try_clone().and_then(|file| {
        let mut records = Reader::new(file, job.path.as_os_str().as_encoded_bytes(), 0);
        records.seek(u64::try_from(job.request.data_offset).unwrap_or(0))?;
        Ok(records)
    });
    opened.map_err(|error| {
        log::warn!("{}: seek queue file: {}", text::show(delivery.queue_id()), sys::reason(&error));
        ContentError::Unreadable
    })
}

fn copy(records: &mut Reader<std::fs::File>, output: &mut Output<'_>) -> Result<(), ContentError> {
    loop {
        let number = match records.next_cooked() {
            Ok(Some(record)) => match record.record_type {
                RecordType::TEXT => {
                    output.take(record.payload, End::Line)?;
                    continue;
                }
                RecordType::UNTERMINATED => {
                    output.take(record.payload, End::Piece)?;
                    continue;
                }
                RecordType::EXTRACTED => return Ok(()),
                other => i32::from(other.0),
            },
            Ok(None) => -1,
            Err(error) => match error.io_error() {
                // The disk is in trouble, not the message: qmgr defers what no agent could deliver.
                Some(_) => fatal!("{error}"),
                None => {
                    log::warn!("{error}");
                    -1
                }
            },
        };
        log::warn!("{}: bad record type: {number} in message content", output.editor.queue_id);
        return Err(ContentError::Unreadable);
    }
}

/// What content goes through: perhaps the reader of its structure, and then the form of the wire.
struct Output<'o> {
    session: &'o mut Session,
    structure: Option<Structure>,
    editor: Editor<'o>,
}

impl Output<'_> {
    fn take(&mut self, text: &[u8], end: End) -> Result<(), ContentError> {
        match &mut self.structure {
            Some(structure) => {
                structure.take(text, end, &mut self.editor);
                self.editor.problem.take().map_or(Ok(()), Err)?;
            }
            None => self.editor.lines.put(text, end == End::Line, &mut self.editor.buffer),
        }
        if self.editor.buffer.len() >= CHUNK { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), ContentError> {
        self.session.write(&self.editor.buffer)?;
        self.editor.buffer.clear();
        Ok(())
    }

    fn finish(&mut self) -> Result<(), ContentError> {
        if let Some(structure) = &mut self.structure {
            structure.finish(&mut self.editor);
            self.editor.problem.take().map_or(Ok(()), Err)?;
        }
        self.editor.lines.finish(&mut self.editor.buffer);
        self.write()
    }
}

/// Maps addresses in headers, and looks headers and body lines up in tables.
struct Editor<'o> {
    site: &'o Site,
    services: &'o mut Services,
    queue_id: BString,
    lines: LineWriter,
    buffer: Vec<u8>,
    problem: Option<ContentError>,
}

impl Editor<'_> {
    fn put(&mut self, text: &[u8], end: End) {
        self.lines.put(text, end == End::Line, &mut self.buffer);
    }
}

impl Sink for Editor<'_> {
    fn header(&mut self, block: Block, header: &[u8]) {
        let headers = match self.site.checks.header(&self.queue_id, block, header) {
            Ok(headers) => headers,
            Err(broken) => return self.problem = Some(broken.into()),
        };
        for header in headers {
            let mapped = match block {
                Block::Primary => mapping::map_header(self.site, self.services, &header),
                _ => None,
            };
            mapped.as_ref().unwrap_or(&header).split_str("\n").for_each(|line| self.put(line, End::Line));
        }
    }

    fn headers_end(&mut self, _block: Block, _end: HeadersEnd) {}

    fn body(&mut self, text: &[u8], end: End, _offset: u64) {
        match self.site.checks.body(&self.queue_id, text) {
            Ok(lines) => {
                let last = lines.len().saturating_sub(1);
                for (at, line) in lines.iter().enumerate() {
                    // What is put in front of a piece is a line of its own.
                    self.put(line, if at < last { End::Line } else { end });
                }
            }
            Err(broken) => self.problem = Some(broken.into()),
        }
    }

    fn trouble(&mut self, trouble: Trouble, _text: &[u8]) {
        if trouble == Trouble::Nesting {
            self.problem = Some(ContentError::Unfit(Box::new(Dsn::new("5.6.0", "MIME nesting exceeds safety limit"))));
        }
    }
}
