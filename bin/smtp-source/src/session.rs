//! One session at a time: connect, and send messages.

use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use bstr::{BString, ByteSlice};
use smtp_protocol::stream::{Fault, Stream};

use crate::Work;
use crate::options::Options;

/// How long a server may take over each reply.
const LIMIT: Duration = Duration::from_secs(300);
/// The longest line of a reply, in bytes.
const LINE_LIMIT: usize = 4096;

/// Why a session ends before its work is done.
enum Stop {
    /// The server has said that it closes.
    Closed,
    /// The message was refused, and the session can go on.
    Refused,
}

/// A session.
pub struct Session<'a> {
    work: &'a Work,
    options: &'a Options,
    number: u64,
    stream: Stream,
}

impl<'a> Session<'a> {
    /// Sends messages, in one session after the other, until none is left.
    pub fn run(work: &'a Work, number: u64) {
        let mut open: Option<Session<'a>> = None;
        let mut chance = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ u64::from(std::process::id());
        while let Some(message) = work.progress.take() {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let session = open.take().map_or_else(|| Session::connect(work, number), Some);
            open = session.and_then(|session| session.send_one(message));
            if open.is_some() || work.progress.has_more() {
                work.options.load.pause(chance >> 33);
            }
        }
        if let Some(mut session) = open {
            session.quit();
        }
    }

    fn connect(work: &'a Work, number: u64) -> Option<Self> {
        let options = &work.options;
        let socket = match options.load.connect(&options.endpoint) {
            Ok(socket) => socket,
            Err(error) => logging::fatal!("connect: {}", sys::reason(&error)),
        };
        let mut session = Session { work, options, number, stream: Stream::over_socket(socket, LIMIT) };
        match session.greet() {
            Ok(()) => Some(session),
            Err(_) => None,
        }
    }

    fn greet(&mut self) -> Result<(), Stop> {
        self.expect(b'2', "rejected at server banner")?;
        if self.options.old {
            return Ok(());
        }
        let verb = if self.options.lmtp { "LHLO" } else { "HELO" };
        self.line(&[verb.as_bytes(), b" ", &self.options.host].concat());
        self.expect(b'2', "HELO rejected")
    }

    /// Sends a message. The session, if another message can follow.
    fn send_one(mut self, message: u64) -> Option<Self> {
        match self.send_message(message) {
            Ok(()) => self.work.progress.count(),
            Err(Stop::Closed) => return None,
            Err(Stop::Refused) => {
                self.line(b"RSET");
                if self.expect(b'2', "RSET rejected").is_err() {
                    return None;
                }
            }
        }
        if self.options.keep {
            return Some(self);
        }
        self.quit();
        None
    }

    fn send_message(&mut self, message: u64) -> Result<(), Stop> {
        let options = self.options;
        self.line(&[b"MAIL FROM:<", options.sender.as_slice(), b">"].concat());
        self.expect(b'2', "sender rejected")?;
        for left in (1..=options.load.recipients).rev() {
            let recipient = self.recipient(left);
            self.line(&[b"RCPT TO:<", recipient.as_slice(), b">"].concat());
            self.expect(b'2', "recipient rejected")?;
        }
        self.line(b"DATA");
        self.expect(b'3', "data rejected")?;
        if !options.old && !options.whole {
            self.send_headers(message);
        }
        self.send(&options.content);
        self.line(b".");
        let replies = if options.lmtp { options.load.recipients } else { 1 };
        (0..replies).try_for_each(|_| self.expect(b'2', "end of data rejected"))
    }

    fn recipient(&self, left: u64) -> BString {
        let number = if self.options.numbered {
            Some(self.work.numbered.fetch_add(1, Ordering::Relaxed) + 1)
        } else {
            (left > 1).then_some(left)
        };
        let number = number.map_or_else(String::new, |number| number.to_string());
        [number.as_bytes(), &self.options.recipient].concat().into()
    }

    fn send_headers(&mut self, message: u64) {
        let options = self.options;
        self.line(&[b"From: <", options.sender.as_slice(), b">"].concat());
        self.line(&[b"To: <", options.recipient.as_slice(), b">"].concat());
        self.line(format!("Date: {}", text::date::header_date(SystemTime::now())).as_bytes());
        let (process, session) = (std::process::id(), self.number + 3);
        let id = format!("Message-Id: <{process:04x}.{session:04x}.{message:04x}@");
        self.line(&[id.as_bytes(), &options.host, b">"].concat());
        if let Some(subject) = &options.subject {
            self.line(&[b"Subject: ", subject.as_slice()].concat());
        }
        self.line(b"");
    }

    fn line(&mut self, text: &[u8]) {
        self.send(text);
        self.send(b"\r\n");
    }

    fn send(&mut self, bytes: &[u8]) {
        if let Err(fault) = self.stream.write(bytes) {
            logging::fatal!("{}", describe(&fault, "writing message"));
        }
    }

    fn quit(&mut self) {
        self.line(b"QUIT");
        // Whatever the server says to this, the work is done.
        let _ = self.reply();
    }

    fn expect(&mut self, class: u8, problem: &str) -> Result<(), Stop> {
        let reply = match self.reply() {
            Ok(reply) => reply,
            Err(fault) => logging::fatal!("{}", describe(&fault, "reading response")),
        };
        if reply.first() == Some(&class) {
            return Ok(());
        }
        let shown = text::show(&reply).to_string();
        if !self.options.tolerant {
            logging::fatal!("{problem}: {shown}");
        }
        log::warn!("{problem}: {shown}");
        let closes = reply.starts_with(b"421") || reply.starts_with(b"521");
        Err(if closes { Stop::Closed } else { Stop::Refused })
    }

    /// The last line of a reply.
    fn reply(&mut self) -> Result<BString, Fault> {
        loop {
            let line = self.stream.line(LINE_LIMIT)?;
            if line.text.get(3) != Some(&b'-') {
                return Ok(line.text.as_bstr().to_owned());
            }
        }
    }
}

fn describe(fault: &Fault, while_: &str) -> String {
    match fault {
        Fault::Lost => format!("lost connection while {while_}"),
        Fault::Timeout => format!("timeout while {while_}"),
    }
}
