//! Messages in files (smtpd §15.1).

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::SystemTime;

use bstr::{BString, ByteSlice};

use crate::dialogue::Envelope;
use crate::options::{Dump, Options};

/// A message that is being written.
#[derive(Debug)]
pub struct Message {
    /// Where it goes, if it is kept.
    output: Option<(File, Vec<u8>)>,
    at_line_start: bool,
}

impl Message {
    /// Begins a message. `client` is an address, as it is shown.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn begin(options: &Options, envelope: &Envelope, client: &str) -> io::Result<Self> {
        let mut output = None;
        if let Some(dump) = &options.dump {
            let id = format!("{:08x}", sys::random::number()? as u32);
            let now = SystemTime::now();
            let file = open(dump, &id, now)?;
            output = Some((file, head(options, envelope, client, &id, now)));
        }
        Ok(Message { output, at_line_start: true })
    }

    /// Takes content as it was sent, without the final dot.
    pub fn take(&mut self, line: &[u8], complete: bool) {
        let line = if self.at_line_start { line.strip_prefix(b".").unwrap_or(line) } else { line };
        if let Some((_, bytes)) = &mut self.output {
            bytes.extend(line.iter().filter(|byte| **byte != b'\r'));
            if complete {
                bytes.push(b'\n');
            }
        }
        self.at_line_start = complete;
    }

    /// The message is complete: it goes into its file at once, so that those in a shared file are not mixed.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish(self) -> io::Result<()> {
        let Some((mut file, mut bytes)) = self.output else { return Ok(()) };
        bytes.push(b'\n');
        file.write_all(&bytes)
    }
}

fn open(dump: &Dump, id: &str, now: SystemTime) -> io::Result<File> {
    let (template, suffix) = match dump {
        Dump::Single(template) => (template, id),
        Dump::Shared(template) => (template, ""),
    };
    let name = format!("{}{suffix}", text::date::local_format(now, &template.to_str_lossy()));
    let path = PathBuf::from(name);
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent)?;
    }
    let mut options = OpenOptions::new();
    options.mode(0o644);
    match dump {
        Dump::Single(_) => options.write(true).create_new(true),
        Dump::Shared(_) => options.append(true).create(true),
    };
    options.open(path)
}

/// What stands before the content.
fn head(options: &Options, envelope: &Envelope, client: &str, id: &str, now: SystemTime) -> Vec<u8> {
    let mut text = options.start.clone();
    let mut add = |parts: &[&[u8]]| {
        text.extend(parts.concat());
        text.push(b'\n');
    };
    let protocol = envelope.protocol.as_bytes();
    let tag = if client.contains(':') { "ipv6:" } else { "" };
    add(&[b"X-Client-Addr: ", tag.as_bytes(), client.as_bytes()]);
    add(&[b"X-Client-Proto: ", protocol]);
    if !envelope.helo.is_empty() {
        add(&[b"X-Helo-Args: ", &envelope.helo]);
    }
    add(&[b"X-Mail-Args: ", &envelope.mail]);
    envelope.recipients.iter().for_each(|recipient| add(&[b"X-Rcpt-Args: ", recipient]));
    let address = BString::from(format!("[{client}]"));
    match envelope.helo.is_empty() {
        true => add(&[b"Received: from ", &address, b" (", &address, b")"]),
        false => add(&[b"Received: from ", &envelope.helo, b" (", &address, b")"]),
    }
    add(&[b"\tby ", &options.host_name, b" (smtp-sink) with ", protocol, b" id ", id.as_bytes(), b";"]);
    add(&[b"\t", text::date::header_date(now).as_bytes()]);
    text
}
