//! Submitting a message (queue-files §9.4).

use std::io::{self, Write, stdin};

use bstr::{BString, ByteSlice};
use config::{Config, params};
use ipc::cleanup::status;
use post::Postdrop;
use queue::RecordType;
use queue::attribute::{
    ENCODING, ENVELOPE_ID, NOTIFY_FLAGS, RET_FLAGS, REWRITE_CONTEXT, TRACE_FLAGS, TRACE_VERIFY_ONLY,
};
use sys::privilege::Account;
use text::address::addresses;

use crate::content::{Content, ContentError};
use crate::headers::HeaderWriter;
use crate::modes;
use crate::options::Options;

/// Submits the message on standard input, or a probe.
pub fn enqueue(config: &Config, options: &Options) {
    modes::require_submitter(config);
    command::limit_file_size(config);
    let uid = sys::privilege::real_uid();
    let account = match sys::privilege::account_of(uid) {
        Ok(account) => account,
        Err(error) => logging::fatal!("unable to look up user ID {uid}: {}", sys::reason(&error)),
    };
    let sender = sender(options, account.as_ref(), uid);
    let culprit = format!("{}({uid})", text::show(&sender));
    let postdrop =
        Postdrop::start(config, options.verbosity).unwrap_or_else(|error| logging::fatal!("{culprit}: {error}"));
    let mut message = Message { config, options, sender, culprit, postdrop };
    if let Err(error) = message.send(account.as_ref()) {
        logging::fatal!("{}: error writing queue file: {}", message.culprit, sys::reason(&error));
    }
    message.conclude();
}

/// The envelope sender: `-f`, or the user.
fn sender(options: &Options, account: Option<&Account>, uid: u32) -> BString {
    let Some(given) = &options.sender else {
        let Some(account) = account else { logging::fatal!("no login name found for user ID {uid}") };
        return account.name.as_str().into();
    };
    let mut found = addresses(given).into_iter();
    let sender = found.next().unwrap_or_default();
    if found.next().is_some() {
        log::warn!("-f option specified malformed sender: {}", text::show(given));
    }
    sender
}

struct Message<'a> {
    config: &'a Config,
    options: &'a Options,
    sender: BString,
    /// Who is at fault, for messages: sender and user ID.
    culprit: String,
    postdrop: Postdrop,
}

impl Message<'_> {
    fn send(&mut self, account: Option<&Account>) -> io::Result<()> {
        self.send_envelope(account)?;
        self.postdrop.put(RecordType::MESSAGE, b"")?;
        let extracted = if self.options.trace & TRACE_VERIFY_ONLY != 0 {
            self.send_probe()?;
            Vec::new()
        } else {
            self.send_content()?
        };
        self.postdrop.put(RecordType::EXTRACTED, b"")?;
        for recipient in &extracted {
            self.send_recipient(recipient)?;
        }
        if extracted.is_empty() && self.options.operands.is_empty() {
            logging::fatal!(
                "{}: {}",
                self.culprit,
                match self.options.extract_recipients {
                    true => "No recipient addresses found in message header",
                    false => "Recipient addresses must be specified on the command line or via the -t option",
                }
            );
        }
        self.postdrop.put(RecordType::END, b"")?;
        self.postdrop.flush()
    }

    fn send_envelope(&mut self, account: Option<&Account>) -> io::Result<()> {
        let options = self.options;
        if let Some(id) = &options.envelope_id {
            self.postdrop.put_attribute(ENVELOPE_ID, id)?;
        }
        if let Some(ret) = options.ret {
            self.postdrop.put_attribute(RET_FLAGS, ret.to_string().as_bytes())?;
        }
        self.postdrop.put_attribute(REWRITE_CONTEXT, if options.is_remote { b"remote" } else { b"local" })?;
        if let Some(name) = full_name(options, account) {
            self.postdrop.put(RecordType::FULL_NAME, &name)?;
        }
        self.postdrop.put(RecordType::SENDER, &self.sender)?;
        if let Some(encoding) = options.encoding {
            self.postdrop.put_attribute(ENCODING, encoding.as_bytes())?;
        }
        if options.trace != 0 {
            self.postdrop.put_attribute(TRACE_FLAGS, options.trace.to_string().as_bytes())?;
        }
        if let Some(delimiters) = &options.verp {
            if self.sender.is_empty() {
                logging::fatal!("{}: -V option requires non-null sender address", self.culprit);
            }
            self.postdrop.put(RecordType::VERP, delimiters)?;
        }
        for operand in &options.operands {
            let mut found = addresses(operand);
            if found.is_empty() {
                found.push(BString::default());
            }
            for recipient in &found {
                self.send_recipient(recipient)?;
            }
        }
        Ok(())
    }

    fn send_recipient(&mut self, recipient: &[u8]) -> io::Result<()> {
        if self.options.notify != 0 {
            self.postdrop.put_attribute(NOTIFY_FLAGS, self.options.notify.to_string().as_bytes())?;
        }
        self.postdrop.put(RecordType::RECIPIENT, recipient)
    }

    /// The content of a message that is not meant to arrive.
    fn send_probe(&mut self) -> io::Result<()> {
        if !self.sender.is_empty() {
            self.postdrop.put(RecordType::TEXT, &[b"From: ", self.sender.as_slice()].concat())?;
        }
        self.postdrop.put(RecordType::TEXT, b"Subject: probe")?;
        let Some((last, others)) = self.options.operands.split_last() else { return Ok(()) };
        self.postdrop.put(RecordType::UNTERMINATED, b"To:")?;
        for operand in others {
            self.postdrop.put(RecordType::TEXT, &[b"\t", operand.as_slice(), b","].concat())?;
        }
        self.postdrop.put(RecordType::TEXT, &[b"\t", last.as_slice()].concat())
    }

    /// Sends what is on standard input, and returns the recipients in its header if they are wanted.
    fn send_content(&mut self) -> io::Result<Vec<BString>> {
        let mut content = Content::new(stdin().lock(), self.config, self.options.ignore_dots);
        let limit = size(self.config.get(params::LINE_LENGTH_LIMIT));
        let mut headers = self.options.extract_recipients.then(|| HeaderWriter::new(self.config, limit));
        loop {
            let (record_type, text) = match content.next_record() {
                Ok(Some(record)) => record,
                Ok(None) => break,
                Err(ContentError(error)) => {
                    logging::fatal!("{}: error reading input: {}", self.culprit, sys::reason(&error))
                }
            };
            match &mut headers {
                Some(headers) => headers.take(&mut self.postdrop, record_type, &text)?,
                None => self.postdrop.put(record_type, &text)?,
            }
            if headers.as_ref().is_some_and(HeaderWriter::is_too_long) {
                logging::fatal!(
                    "{}: unable to extract recipients: message header length exceeds safety limit",
                    self.culprit
                );
            }
        }
        match headers {
            Some(headers) => headers.finish(&mut self.postdrop),
            None => Ok(Vec::new()),
        }
    }

    /// Ends the program, unless the message is accepted.
    fn conclude(self) {
        let reply = match self.postdrop.finish() {
            Ok(reply) => reply,
            Err(error) => logging::fatal!("{}: error writing queue file: {}", self.culprit, sys::reason(&error)),
        };
        if reply.status != 0 {
            match reply.reason.is_empty() {
                true => logging::fatal!("{}: {}", self.culprit, status::describe(reply.status).text),
                false => logging::fatal!("{}: {}", self.culprit, text::show(&reply.reason)),
            }
        }
        if self.options.trace != 0 {
            let line = [b"Mail Delivery Status Report will be mailed to <", self.sender.as_slice(), b">.\n"].concat();
            if let Err(error) = io::stdout().write_all(&line) {
                log::warn!("write to standard output: {}", sys::reason(&error));
            }
        }
    }
}

/// `-F`, or `NAME` of the environment, or what the user database says.
fn full_name(options: &Options, account: Option<&Account>) -> Option<BString> {
    if let Some(name) = &options.full_name {
        return Some(name.clone());
    }
    if let Some(name) = config::environment::safe_variable(b"NAME") {
        return Some(name);
    }
    let account = account?;
    let end = account.gecos.find_byteset(b",;%").unwrap_or(account.gecos.len());
    let mut login = account.name.clone().into_bytes();
    if let Some(first) = login.first_mut() {
        first.make_ascii_uppercase();
    }
    Some(account.gecos[..end].replace("&", &login).into())
}

/// A limit in bytes; 0 for none.
fn size(limit: i64) -> usize {
    usize::try_from(limit).unwrap_or(0)
}
