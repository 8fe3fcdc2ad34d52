//! Writing a message to where it goes (delivery-agents §1.3).

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::time::SystemTime;

use bstr::BString;
use queue::{Reader, RecordType};

use crate::job::{Job, mark_corrupt};
use crate::outcome::{Failure, mailbox_status};

/// What is put in front of a message, and how its lines are changed.
#[derive(Clone, Copy, Debug)]
pub struct Style<'a> {
    /// A `From <sender>  <time>` line.
    pub from_line: bool,
    /// A Return-Path: header.
    pub return_path: bool,
    /// What stands in Return-Path: for the null sender.
    pub null_sender: &'a [u8],
    /// An X-Original-To: header, with this address; none for an empty one.
    pub original_to: Option<&'a [u8]>,
    /// A Delivered-To: header, with this address.
    pub delivered_to: Option<&'a [u8]>,
    /// `>` before lines that begin with `From `.
    pub quote_from: bool,
    /// `.` before lines that begin with `.`.
    pub stuff_dots: bool,
    /// An empty line at the end.
    pub blank_line: bool,
    /// The end of each line.
    pub eol: &'a [u8],
}

impl Style<'_> {
    /// Nothing in front, nothing changed, lines end in LF.
    pub const PLAIN: Self = Self {
        from_line: false,
        return_path: false,
        null_sender: b"",
        original_to: None,
        delivered_to: None,
        quote_from: false,
        stuff_dots: false,
        blank_line: false,
        eol: b"\n",
    };
}

impl<'a> Style<'a> {
    /// As a message in an mbox file.
    pub fn mbox(original_to: Option<&'a [u8]>, delivered_to: &'a [u8]) -> Self {
        Self { from_line: true, quote_from: true, blank_line: true, ..Self::maildir(original_to, delivered_to) }
    }

    /// As a Maildir file.
    pub fn maildir(original_to: Option<&'a [u8]>, delivered_to: &'a [u8]) -> Self {
        Self { return_path: true, original_to, delivered_to: Some(delivered_to), ..Style::PLAIN }
    }
}

/// Why a copy is not complete.
#[derive(Debug)]
pub enum CopyError {
    /// The queue file could not be read.
    Read(io::Error),
    /// The destination could not be written.
    Write(io::Error),
    /// The queue file does not end as it must; it has been marked.
    Corrupt,
}

impl From<CopyError> for Failure {
    fn from(error: CopyError) -> Self {
        let (status, text, error) = match &error {
            CopyError::Read(error) if is_temporary(error) => ("4.3.0", "reading", error),
            CopyError::Read(error) => ("5.3.0", "reading", error),
            CopyError::Write(error) => (mailbox_status(error, "5.3.0"), "writing", error),
            CopyError::Corrupt => return Self::Corrupt,
        };
        Self::unix(status, format!("error {text} message: {}", sys::reason(error)), "input/output error")
    }
}

fn is_temporary(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::StaleNetworkFileHandle)
}

/// Copies a message to a regular file or a device: appends, makes it durable, and restores the old length when anything fails. The file is
/// closed in the end.
///
/// # Errors
/// What went wrong; the file is as before.
pub fn to_file(job: &Job<'_>, file: File, style: &Style<'_>) -> Result<(), CopyError> {
    let metadata = file.metadata().map_err(CopyError::Write)?;
    let regular = metadata.is_file();
    let result = copy(job, &mut BufWriter::new(&file), style)
        .and_then(|()| if regular { file.sync_all().map_err(CopyError::Write) } else { Ok(()) });
    if result.is_err() && regular {
        // A mailbox that cannot even be cut again has at worst half a message more; locks are still held.
        let _ = file.set_len(metadata.len());
    }
    result
}

/// Copies a message to `output`, and flushes it.
///
/// # Errors
/// What went wrong. A write error outweighs a read error.
pub fn copy(job: &Job<'_>, output: &mut impl Write, style: &Style<'_>) -> Result<(), CopyError> {
    let mut lines = Lines { output, style, at_line_start: true };
    lines.put_envelope(job).map_err(CopyError::Write)?;
    let result = copy_content(job, &mut lines);
    let ended = lines.finish().map_err(CopyError::Write);
    match (result, ended) {
        (Err(CopyError::Write(error)), _) | (_, Err(CopyError::Write(error))) => Err(CopyError::Write(error)),
        (result, _) => result,
    }
}

fn copy_content(job: &Job<'_>, lines: &mut Lines<'_, impl Write>) -> Result<(), CopyError> {
    let file = job.file.try_clone().map_err(CopyError::Read)?;
    let mut records = Reader::new(file, job.path.as_os_str().as_encoded_bytes(), 0);
    let offset = u64::try_from(job.request.data_offset).unwrap_or(0);
    records.seek(offset).map_err(CopyError::Read)?;
    loop {
        let (record_type, number) = match records.next_cooked() {
            Ok(Some(record)) if record.record_type == RecordType::TEXT => {
                lines.put(record.payload, true).map_err(CopyError::Write)?;
                continue;
            }
            Ok(Some(record)) if record.record_type == RecordType::UNTERMINATED => {
                lines.put(record.payload, false).map_err(CopyError::Write)?;
                continue;
            }
            Ok(Some(record)) => (Some(record.record_type), i32::from(record.record_type.0)),
            Ok(None) => (None, -1),
            Err(error) => match error.io_error() {
                Some(error) => return Err(CopyError::Read(io::Error::from(error.kind()))),
                None => {
                    log::warn!("{error}");
                    (None, -2)
                }
            },
        };
        if record_type == Some(RecordType::EXTRACTED) {
            return Ok(());
        }
        log::warn!("bad record type: {number} in message content");
        mark_corrupt(&job.file, &job.path);
        return Err(CopyError::Corrupt);
    }
}

struct Lines<'a, W: Write> {
    output: &'a mut W,
    style: &'a Style<'a>,
    at_line_start: bool,
}

impl<W: Write> Lines<'_, W> {
    fn put_envelope(&mut self, job: &Job<'_>) -> io::Result<()> {
        // The null address has no quotes: <>.
        let sender = match job.request.sender.as_slice() {
            b"" => self.style.null_sender,
            sender => sender,
        };
        let sender = if sender.is_empty() { BString::default() } else { text::address::quote(sender) };
        if self.style.from_line {
            let name: &[u8] = if sender.is_empty() { b"MAILER-DAEMON" } else { &sender };
            let time = text::date::ctime(SystemTime::now());
            self.put_line(&[b"From ", name, b"  ", time.as_bytes()])?;
        }
        if self.style.return_path {
            self.put_line(&[b"Return-Path: <", &sender, b">"])?;
        }
        if let Some(original) = self.style.original_to.filter(|address| !address.is_empty()) {
            self.put_line(&[b"X-Original-To: ", &text::address::quote(original)])?;
        }
        if let Some(delivered) = self.style.delivered_to {
            self.put_line(&[b"Delivered-To: ", &text::address::quote(delivered)])?;
        }
        Ok(())
    }

    fn put_line(&mut self, pieces: &[&[u8]]) -> io::Result<()> {
        for piece in pieces {
            self.output.write_all(piece)?;
        }
        self.output.write_all(self.style.eol)
    }

    fn put(&mut self, text: &[u8], complete: bool) -> io::Result<()> {
        if self.at_line_start {
            if self.style.quote_from && text.starts_with(b"From ") {
                self.output.write_all(b">")?;
            }
            if self.style.stuff_dots && text.starts_with(b".") {
                self.output.write_all(b".")?;
            }
        }
        self.output.write_all(text)?;
        if complete {
            self.output.write_all(self.style.eol)?;
        }
        self.at_line_start = complete;
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        if !self.at_line_start {
            self.output.write_all(self.style.eol)?;
        }
        if self.style.blank_line {
            self.output.write_all(self.style.eol)?;
        }
        self.output.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bstr::ByteSlice;
    use ipc::delivery::Request;

    pub(crate) fn job_file(content: &[(RecordType, &[u8])]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        for (record_type, payload) in content {
            queue::record::write(&mut file, *record_type, payload).unwrap();
        }
        std::io::Seek::rewind(&mut file).unwrap();
        file
    }

    fn copied(content: &[(RecordType, &[u8])], style: &Style<'_>) -> Result<String, CopyError> {
        copied_from("a b@c", content, style)
    }

    fn copied_from(sender: &str, content: &[(RecordType, &[u8])], style: &Style<'_>) -> Result<String, CopyError> {
        let config = config::Config::for_tests(&[]);
        let mut reporter = crate::Reporter::new(&config);
        let request = Request { sender: sender.into(), ..Request::default() };
        let job = Job {
            request,
            file: job_file(content),
            path: "active/1".into(),
            relay: "local".into(),
            avoid: None,
            reporter: &mut reporter,
        };
        let mut output = Vec::new();
        copy(&job, &mut output, style)?;
        Ok(output.to_str_lossy().into_owned())
    }

    #[test]
    fn an_mbox_copy_quotes_real_line_starts_only() {
        let content: [(RecordType, &[u8]); 5] = [
            (RecordType::TEXT, b"From x"),
            (RecordType::UNTERMINATED, b"long "),
            (RecordType::TEXT, b"From y"),
            (RecordType::UNTERMINATED, b"no end"),
            (RecordType::EXTRACTED, b""),
        ];
        let text = copied(&content, &Style::mbox(Some(b"orig@x"), b"u@Host")).unwrap();
        let (first, rest) = text.split_once('\n').unwrap();
        assert!(first.starts_with("From \"a b\"@c  ") && first.len() == "From \"a b\"@c  ".len() + 24, "{first}");
        assert_eq!(
            rest,
            "Return-Path: <\"a b\"@c>\nX-Original-To: orig@x\nDelivered-To: u@Host\n>From x\nlong From y\nno end\n\n"
        );
    }

    #[test]
    fn the_null_sender_has_no_quotes() {
        let text = copied_from("", &[(RecordType::EXTRACTED, b"")], &Style::mbox(None, b"u@Host")).unwrap();
        assert!(text.starts_with("From MAILER-DAEMON  ") && text.contains("\nReturn-Path: <>\n"), "{text}");
    }

    #[test]
    fn the_null_sender_can_have_a_name() {
        let style = Style { return_path: true, null_sender: b"MAILER-DAEMON", ..Style::PLAIN };
        let text = copied_from("", &[(RecordType::EXTRACTED, b"")], &style).unwrap();
        assert_eq!(text, "Return-Path: <MAILER-DAEMON>\n");
    }

    #[test]
    fn another_end_of_line_and_dots() {
        let content: [(RecordType, &[u8]); 2] = [(RecordType::TEXT, b".x"), (RecordType::EXTRACTED, b"")];
        let style = Style { stuff_dots: true, eol: b"\r\n", return_path: true, ..Style::PLAIN };
        assert_eq!(copied(&content, &style).unwrap(), "Return-Path: <\"a b\"@c>\r\n..x\r\n");
    }

    #[test]
    fn content_without_its_end_is_corrupt() {
        let content: [(RecordType, &[u8]); 1] = [(RecordType::TEXT, b"x")];
        assert!(matches!(copied(&content, &Style::PLAIN), Err(CopyError::Corrupt)));
        assert_eq!(Failure::from(CopyError::Corrupt), Failure::Corrupt);
    }

    #[test]
    fn write_errors_have_their_codes() {
        let failure = Failure::from(CopyError::Write(io::Error::from_raw_os_error(27)));
        assert_eq!(failure, Failure::unix("5.2.2", "error writing message: File too large", "input/output error"));
    }
}
