//! One conversation with cleanup.

use std::io::{self, Write};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use bstr::{BStr, BString, ByteSlice};
use config::{Config, params};
use ipc::cleanup::{Greeting, Open, Reply, status};
use ipc::{Stream, protocol};
use queue::RecordType;
use queue::record;

/// How often a patient client tries to connect.
const ATTEMPTS: u32 = 11;
const PAUSE: Duration = Duration::from_secs(10);

/// Why no conversation came about: the text for the log.
#[derive(Debug)]
pub struct OpenError(pub String);

impl std::fmt::Display for OpenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for OpenError {}

/// A message on its way to cleanup.
///
/// A write error is remembered and shows in [`Posting::finish`]: the message is then not accepted. Dropping a posting before its end record
/// makes cleanup throw the message away.
#[derive(Debug)]
pub struct Posting {
    stream: Stream,
    queue_id: BString,
    error: Option<io::Error>,
}

impl Posting {
    /// Connects to cleanup, once, and begins a message.
    ///
    /// # Errors
    /// cleanup is not there, or does not speak its protocol.
    pub fn open(config: &Config, flags: i32) -> Result<Self, OpenError> {
        Self::open_service(config.get(params::CLEANUP_SERVICE_NAME), config.get(params::IPC_TIMEOUT), flags)
    }

    /// As [`Posting::open`], for a caller who has the parameters at hand: the name of the service, and the time limit.
    ///
    /// # Errors
    /// As for [`Posting::open`].
    pub fn open_service(service: &[u8], limit: Duration, flags: i32) -> Result<Self, OpenError> {
        let stream = connect(service, limit).map_err(|error| {
            OpenError(format!("connect to public/{}: {}", text::show(service), sys::reason(&error)))
        })?;
        Self::begin(stream, flags)
    }

    /// As [`Posting::open`], and tries to connect every ten seconds, with a warning each time.
    ///
    /// # Errors
    /// [`PatienceError::Unreachable`] after the eleventh try: the text of the fatal error. [`PatienceError::Protocol`] when cleanup is there and does not
    /// speak its protocol.
    pub fn open_patiently(config: &Config, flags: i32) -> Result<Self, PatienceError> {
        let service = config.get(params::CLEANUP_SERVICE_NAME);
        for attempt in 1.. {
            match connect(service, config.get(params::IPC_TIMEOUT)) {
                Ok(stream) => return Self::begin(stream, flags).map_err(PatienceError::Protocol),
                Err(error) => {
                    let (service, reason) = (text::show(service), sys::reason(&error));
                    let text = format!("connect #{attempt} to subsystem public/{service}: {reason}");
                    if attempt >= ATTEMPTS {
                        return Err(PatienceError::Unreachable(OpenError(text)));
                    }
                    log::warn!("{text}");
                    sleep(PAUSE);
                }
            }
        }
        unreachable!("the loop ends by return")
    }

    fn begin(mut stream: Stream, flags: i32) -> Result<Self, OpenError> {
        let greeting =
            Greeting::receive(&mut stream, protocol::CLEANUP).map_err(|error| OpenError(error.to_string()))?;
        stream
            .send(&Open { flags })
            .map_err(|error| OpenError(format!("write {}: {}", stream.name(), sys::reason(&error))))?;
        Ok(Self { stream, queue_id: greeting.queue_id, error: None })
    }

    /// The new message's queue ID.
    pub fn queue_id(&self) -> &BStr {
        self.queue_id.as_ref()
    }

    /// Sends a record.
    pub fn put(&mut self, record_type: RecordType, payload: &[u8]) {
        if self.error.is_none()
            && let Err(error) = record::write(&mut self.stream, record_type, payload)
        {
            self.error = Some(error);
        }
    }

    /// Sends an `A` record `name=value`.
    pub fn attribute(&mut self, name: &str, value: &[u8]) {
        self.put(RecordType::ATTRIBUTE, &[name.as_bytes(), b"=", value].concat());
    }

    /// Sends the `T` record of a message that arrives at `time`.
    pub fn envelope_time(&mut self, time: SystemTime) {
        self.put(RecordType::TIME, queue::message::format_arrival_time(time).as_bytes());
    }

    /// Sends the envelope and the first headers of a message that the mail system writes itself, with a sender and one recipient.
    pub fn begin_letter(&mut self, config: &Config, sender: &[u8], recipient: &[u8], time: SystemTime) {
        self.envelope_time(time);
        self.attribute("log_message_origin", b"local");
        self.attribute("trace_flags", b"0");
        self.put(RecordType::SENDER, sender);
        self.put(RecordType::RECIPIENT, recipient);
        self.put(RecordType::MESSAGE, b"");
        let (host, product) = (config.get(params::MYHOSTNAME), config.get(params::MAIL_NAME));
        let date = text::date::header_date(time);
        self.text(&[b"Received: by ", host.as_bytes(), b" (", product, b")"].concat());
        let id = self.queue_id.clone();
        self.text(&[b"\tid ", id.as_slice(), b"; ", date.as_bytes()].concat());
        self.text(&[b"Date: ", date.as_bytes()].concat());
    }

    /// Sends one line of content.
    pub fn text(&mut self, line: &[u8]) {
        self.put(RecordType::TEXT, line);
    }

    /// Whether everything so far could be written.
    pub fn is_good(&self) -> bool {
        self.error.is_none()
    }

    /// Receives cleanup's judgement, after the end record. What cannot be received counts as a write error: the message was not accepted.
    pub fn finish(mut self) -> Reply {
        if self.error.is_none()
            && let Err(error) = self.stream.flush()
        {
            self.error = Some(error);
        }
        if let Some(error) = self.error {
            log::warn!("write {}: {}", self.stream.name(), sys::reason(&error));
            return Reply { status: status::WRITE, reason: BString::default() };
        }
        self.stream.receive().unwrap_or_else(|error| {
            log::warn!("{error}");
            Reply { status: status::WRITE, reason: BString::default() }
        })
    }
}

/// Why a patient client gave up.
#[derive(Debug)]
pub enum PatienceError {
    /// cleanup could not be connected to: fatal.
    Unreachable(OpenError),
    /// cleanup is there, and does not speak its protocol.
    Protocol(OpenError),
}

fn connect(service: &[u8], limit: Duration) -> io::Result<Stream> {
    ipc::connect("public", &String::from_utf8_lossy(service), limit)
}
