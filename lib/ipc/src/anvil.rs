//! The service that counts what clients do (master-ipc §13.4): its protocol, and the client that smtpd has.

use std::time::Duration;

use bstr::BString;

use crate::attr::{Error, Message, Reader, Writer};
use crate::{Encoding, Status, Stream, connect, protocol};

/// The name of the service.
pub const SERVICE: &str = "anvil";
/// How often a request is tried, and the pause between.
const TRIES: u32 = 2;
const PAUSE: Duration = Duration::from_secs(1);

/// What a client did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It has connected.
    Connect,
    /// It has gone.
    Disconnect,
    /// It has begun a message.
    Message,
    /// It has named a recipient.
    Recipient,
    /// It has begun a TLS session.
    NewTls,
    /// Nothing: how many TLS sessions has it begun?
    NewTlsStatus,
    /// It has sent AUTH.
    Auth,
    /// Nothing: what has it done?
    Lookup,
    /// Something that means nothing.
    Unknown(BString),
}

const NAMES: [(&str, Event); 8] = [
    ("connect", Event::Connect),
    ("disconnect", Event::Disconnect),
    ("message", Event::Message),
    ("recipient", Event::Recipient),
    ("newtls", Event::NewTls),
    ("newtls_status", Event::NewTlsStatus),
    ("auth", Event::Auth),
    ("lookup", Event::Lookup),
];

/// One event of one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What happened.
    pub event: Event,
    /// `<service>:<address>`.
    pub ident: BString,
}

impl Message for Request {
    fn write(&self, to: &mut Writer) {
        let name = match &self.event {
            Event::Unknown(name) => name.as_slice(),
            event => NAMES.iter().find(|(_, known)| known == event).map_or(b"".as_slice(), |(name, _)| name.as_bytes()),
        };
        to.string("request", name);
        to.string("ident", text::printable(&self.ident, false));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        let name = from.string("request")?;
        let known = NAMES.iter().find(|(text, _)| name == text.as_bytes()).map(|(_, event)| event.clone());
        Ok(Self { event: known.unwrap_or(Event::Unknown(name)), ident: from.string("ident")? })
    }
}

/// The reply to [`Event::Connect`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    /// Connections that are open.
    pub count: i32,
    /// Connections in this time unit.
    pub rate: i32,
}

impl Message for Connections {
    fn write(&self, to: &mut Writer) {
        to.int("status", 0);
        to.int("count", self.count);
        to.int("rate", self.rate);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        from.expect("status", "0")?;
        Ok(Self { count: from.int("count")?, rate: from.int("rate")? })
    }
}

/// The reply to an event that has one rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate(pub i32);

impl Message for Rate {
    fn write(&self, to: &mut Writer) {
        to.int("status", 0);
        to.int("rate", self.0);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        from.expect("status", "0")?;
        Ok(Self(from.int("rate")?))
    }
}

/// The reply to [`Event::Lookup`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the counter of that name, in this time unit; count is what is open")]
pub struct Counters {
    pub count: i32,
    pub rate: i32,
    pub mail: i32,
    pub rcpt: i32,
    pub newtls: i32,
    pub auth: i32,
}

impl Message for Counters {
    fn write(&self, to: &mut Writer) {
        to.int("status", 0);
        for (name, value) in [
            ("count", self.count),
            ("rate", self.rate),
            ("mail", self.mail),
            ("rcpt", self.rcpt),
            ("newtls", self.newtls),
            ("auth", self.auth),
        ] {
            to.int(name, value);
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        from.expect("status", "0")?;
        Ok(Self {
            count: from.int("count")?,
            rate: from.int("rate")?,
            mail: from.int("mail")?,
            rcpt: from.int("rcpt")?,
            newtls: from.int("newtls")?,
            auth: from.int("auth")?,
        })
    }
}

/// A client that connects when it first asks, and keeps the connection: the service knows by it which clients are open.
#[derive(Debug)]
pub struct Client {
    limit: Duration,
    stream: Option<Stream>,
}

impl Client {
    /// Not connected yet. `limit` is for each read and write (`ipc_timeout`).
    pub fn new(limit: Duration) -> Self {
        Self { limit, stream: None }
    }

    /// A connection was made or has begun. Nothing when the service does not answer, which has been logged.
    pub fn connect(&mut self, ident: &[u8]) -> Option<Connections> {
        self.ask(Event::Connect, ident)
    }

    /// A connection has ended.
    pub fn disconnect(&mut self, ident: &[u8]) {
        // The service counts the end of this process as the end of its clients.
        let _: Option<Status> = self.ask(Event::Disconnect, ident);
    }

    /// Another event, and its rate. Nothing when the service does not answer, which has been logged.
    pub fn rate(&mut self, event: Event, ident: &[u8]) -> Option<i32> {
        self.ask(event, ident).map(|Rate(rate)| rate)
    }

    fn ask<R: Message>(&mut self, event: Event, ident: &[u8]) -> Option<R> {
        let request = Request { event, ident: ident.into() };
        for attempt in 1..=TRIES {
            match self.try_ask(&request) {
                Ok(reply) => return Some(reply),
                Err(problem) => {
                    let old = self.stream.take().is_some();
                    if let Some(problem) = problem.filter(|_| !old || attempt == TRIES) {
                        log::warn!("{problem}");
                    }
                }
            }
            if attempt < TRIES {
                std::thread::sleep(PAUSE);
            }
        }
        None
    }

    /// The error is the text of a warning; none for a connection that the service has closed in peace.
    fn try_ask<R: Message>(&mut self, request: &Request) -> Result<R, Option<String>> {
        let idle = self.stream.take().filter(|stream| !stream.wait(Some(Duration::ZERO)).unwrap_or(true));
        let mut stream = match idle {
            Some(stream) => stream,
            None => self.connected()?,
        };
        let problem = |text: String| format!("problem talking to server private/{SERVICE}: {text}");
        let sent = stream.send(request);
        let reply = match sent {
            Ok(()) => stream.receive(),
            Err(error) => return Err(Some(problem(sys::reason(&error)))),
        };
        self.stream = Some(stream);
        reply.map_err(|error| match error {
            Error::Closed(_) | Error::Premature { .. } => None,
            error => Some(problem(error.to_string())),
        })
    }

    fn connected(&self) -> Result<Stream, Option<String>> {
        let stream = connect("private", SERVICE, self.limit)
            .map_err(|error| Some(format!("connect to private/{SERVICE}: {}", sys::reason(&error))))?;
        let mut stream = stream.with_encoding(Encoding::Plain);
        let name = stream.name().to_owned();
        stream.expect_protocol(protocol::ANVIL).map_err(|error| Some(format!("read {name}: {error}")))?;
        Ok(stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attr::Slice;

    fn encode(message: &impl Message) -> String {
        let mut writer = Writer::new(Encoding::Plain);
        message.write(&mut writer);
        writer.end();
        String::from_utf8(writer.into_bytes()).unwrap()
    }

    #[test]
    fn the_sample_of_the_specification() {
        let request = Request { event: Event::Connect, ident: "smtpd:192.0.2.1".into() };
        let text = encode(&request);
        assert_eq!(text, "request=connect\nident=smtpd:192.0.2.1\n\n");
        let read = Request::take(&mut Slice::new(text.as_bytes(), "x"), Encoding::Plain).unwrap();
        assert_eq!(read, request);
        assert_eq!(encode(&Connections { count: 1, rate: 1 }), "status=0\ncount=1\nrate=1\n\n");
        assert_eq!(encode(&Status(-1)), "status=4294967295\n\n");
    }

    #[test]
    fn a_reply_that_is_no_success_is_no_rate() {
        assert!(Rate::take(&mut Slice::new(b"status=4294967295\n\n", "x"), Encoding::Plain).is_err());
    }
}
