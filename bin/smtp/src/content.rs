//! The message on the wire (smtp-client §13).

use bstr::{BString, ByteSlice};
use ipc::bounce::Dsn;
use logging::fatal;
use queue::{Reader, RecordType};
use smtp_protocol::client::{Downgrade, LineWriter, NestingError, feature};
use text::address::quote;
use text::mime::{Block, Event, Structure};

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
    Unfit(Dsn),
    /// The queue file is damaged; that has been logged.
    Unreadable,
}

impl From<Broken> for ContentError {
    fn from(broken: Broken) -> Self {
        ContentError::Broken(broken)
    }
}

impl From<NestingError> for ContentError {
    fn from(error: NestingError) -> Self {
        ContentError::Unfit(Dsn::new("5.6.0", error.to_string()))
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
    let limits = site.settings.mime_limits;
    let mut output = Output {
        session,
        site,
        services: delivery.services,
        editor: edits.then(|| Editor { structure: Structure::new(Some(limits)), partial: Vec::new(), in_line: false }),
        downgrade: converts.then(|| Downgrade::new(limits)),
        lines: LineWriter::new(site.settings.line_length_limit),
        buffer: Vec::with_capacity(2 * CHUNK),
        queue_id,
    };
    for line in &prepended {
        output.take(line, true)?;
    }
    copy(&mut records, &mut output)?;
    output.finish()?;
    if output.lines.has_broken() {
        let limit = site.settings.line_length_limit;
        log::info!("{}: breaking line > {limit} bytes with <CR><LF>SPACE", output.queue_id);
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
                    output.take(record.payload, true)?;
                    continue;
                }
                RecordType::UNTERMINATED => {
                    output.take(record.payload, false)?;
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
        log::warn!("{}: bad record type: {number} in message content", output.queue_id);
        return Err(ContentError::Unreadable);
    }
}

/// What content goes through: edits, conversion to 7-bit, the form of the wire.
struct Output<'o> {
    session: &'o mut Session,
    site: &'o Site,
    services: &'o mut Services,
    editor: Option<Editor>,
    downgrade: Option<Downgrade>,
    lines: LineWriter,
    buffer: Vec<u8>,
    queue_id: BString,
}

impl Output<'_> {
    fn take(&mut self, text: &[u8], complete: bool) -> Result<(), ContentError> {
        let Some(mut editor) = self.editor.take() else { return self.edited(text, complete) };
        let result = editor.take(self, text, complete);
        self.editor = Some(editor);
        result
    }

    /// What the editor made of the message.
    fn edited(&mut self, text: &[u8], complete: bool) -> Result<(), ContentError> {
        let Self { downgrade, lines, buffer, .. } = self;
        match downgrade {
            Some(downgrade) => {
                downgrade.take(text, complete, &mut |text, complete| lines.put(text, complete, buffer))?;
            }
            None => lines.put(text, complete, buffer),
        }
        if self.buffer.len() >= CHUNK { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), ContentError> {
        self.session.write(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    fn finish(&mut self) -> Result<(), ContentError> {
        if let Some(mut editor) = self.editor.take() {
            editor.finish(self)?;
        }
        let Self { downgrade, lines, buffer, .. } = self;
        if let Some(downgrade) = downgrade {
            downgrade.finish(&mut |text, complete| lines.put(text, complete, buffer));
        }
        lines.finish(buffer);
        self.write()
    }
}

/// Maps addresses in headers, and looks headers and body lines up in tables.
struct Editor {
    structure: Structure,
    /// A header line that is not complete.
    partial: Vec<u8>,
    /// The rest of a body line is still to come.
    in_line: bool,
}

impl Editor {
    fn take(&mut self, output: &mut Output<'_>, text: &[u8], complete: bool) -> Result<(), ContentError> {
        if self.in_line || self.structure.is_in_body() {
            if !std::mem::replace(&mut self.in_line, !complete) {
                self.structure.take(text);
            }
            return body(output, text, complete);
        }
        self.partial.extend_from_slice(text);
        if complete {
            let line = std::mem::take(&mut self.partial);
            for event in self.structure.take(&line) {
                apply(output, event)?;
            }
        }
        Ok(())
    }

    fn finish(&mut self, output: &mut Output<'_>) -> Result<(), ContentError> {
        if !self.partial.is_empty() {
            self.take(output, b"", true)?;
        }
        match self.structure.finish() {
            Some(event) => apply(output, event),
            None => Ok(()),
        }
    }
}

fn apply(output: &mut Output<'_>, event: Event) -> Result<(), ContentError> {
    match event {
        Event::Header(block, header) => {
            let headers = output.site.checks.header(&output.queue_id, block, &header)?;
            for header in headers {
                let mapped = match block {
                    Block::Primary => mapping::map_header(output.site, output.services, &header),
                    _ => None,
                };
                for line in mapped.as_ref().unwrap_or(&header).split_str("\n") {
                    output.edited(line, true)?;
                }
            }
            Ok(())
        }
        Event::Body(line) => body(output, &line, true),
    }
}

fn body(output: &mut Output<'_>, text: &[u8], complete: bool) -> Result<(), ContentError> {
    let lines = output.site.checks.body(&output.queue_id, text)?;
    let count = lines.len();
    for (at, line) in lines.iter().enumerate() {
        // What is put in front of a piece is a line of its own.
        output.edited(line, complete || at + 1 < count)?;
    }
    Ok(())
}
