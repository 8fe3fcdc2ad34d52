//! A connection to a MongoDB server: commands and their replies in OP_MSG messages.

use std::io;

use bson::{Binary, Document, RawDocumentBuf, doc, spec::BinarySubtype};
use bstr::ByteSlice;
use table::client::{ConnectError, Endpoint};

use super::scram::{Scram, Untrusted};
use super::uri::{Preference, Uri};
use crate::wire::Wire;

const OP_MSG: i32 = 2013;
const HEADER: usize = 16;
/// The largest message that is read, and the most that a search may find, in bytes.
const MESSAGE_LIMIT: usize = 48 << 20;
/// The most documents that a search may find.
const DOCUMENT_LIMIT: usize = 10_000;

/// Why there is no answer.
#[derive(Debug)]
pub enum Failure {
    /// The server cannot be reached.
    Unreachable(ConnectError),
    /// The connection broke.
    Io(io::Error),
    /// The server says no.
    Refused(String),
    /// The server says what it should not.
    Malformed,
    /// The server does not know our password.
    Untrusted,
    /// It is not one of those that may answer.
    Unsuitable,
    /// A result that cannot be used.
    TooLarge,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Io(error)
    }
}

impl From<Untrusted> for Failure {
    fn from(_: Untrusted) -> Self {
        Failure::Untrusted
    }
}

impl From<bson::error::Error> for Failure {
    fn from(_: bson::error::Error) -> Self {
        Failure::Malformed
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Unreachable(ConnectError::NotFound(why)) => why.fmt(f),
            Failure::Unreachable(ConnectError::Io(error)) | Failure::Io(error) => match error.kind() {
                io::ErrorKind::UnexpectedEof => f.write_str("the server closed the connection"),
                io::ErrorKind::TimedOut => f.write_str("Connection timed out"),
                _ => sys::reason(error).fmt(f),
            },
            Failure::Refused(text) => text.fmt(f),
            Failure::Malformed => f.write_str("the server sent a malformed message"),
            Failure::Untrusted => {
                f.write_str("Authentication failed: the server does not prove that it knows the password")
            }
            Failure::Unsuitable => f.write_str("the server is not of the set, or not of the kind, that may answer"),
            Failure::TooLarge => f.write_str("the result is too large"),
        }
    }
}

/// A connection, logged in.
pub struct Connection {
    wire: Wire,
    last_id: i32,
    preference: Preference,
}

impl Connection {
    /// Connects to the first server that may answer, and logs in.
    pub fn open(uri: &Uri) -> Result<Self, Failure> {
        let mut last = Failure::Unsuitable;
        let first_choice = [wanted_first(uri.preference)];
        let second_choice = wanted_second(uri.preference);
        for wanted in first_choice.into_iter().chain(second_choice) {
            for server in &uri.servers {
                match Connection::open_one(uri, server, wanted) {
                    Ok(connection) => return Ok(connection),
                    Err(failure) => last = failure,
                }
            }
        }
        Err(last)
    }

    fn open_one(uri: &Uri, server: &Endpoint, wanted: Wanted) -> Result<Self, Failure> {
        let mut wire = Wire::connect(server, uri.timeout).map_err(Failure::Unreachable)?;
        if let (Some(tls), Endpoint::Inet { host, .. }) = (&uri.tls, server) {
            let config = tls.load().map_err(Failure::Refused)?;
            wire = wire.encrypt(config, &host.to_str_lossy())?;
        }
        let mut new = Connection { wire, last_id: 0, preference: uri.preference };
        let hello = new.command(doc! { "hello": 1, "$db": "admin" })?;
        if !uri.is_direct && !suits(&hello, uri, wanted) {
            return Err(Failure::Unsuitable);
        }
        if !uri.user.is_empty() {
            new.log_in(uri)?;
        }
        Ok(new)
    }

    fn log_in(&mut self, uri: &Uri) -> Result<(), Failure> {
        let payload = |text: String| Binary { subtype: BinarySubtype::Generic, bytes: text.into_bytes() };
        let nonce = (0..3).map(|_| sys::random::number().map(|number| format!("{number:016x}")));
        let scram = Scram::new(&uri.user, &uri.password, nonce.collect::<io::Result<String>>()?);
        let start = doc! {
            "saslStart": 1,
            "mechanism": "SCRAM-SHA-256",
            "payload": payload(scram.first()),
            "options": { "skipEmptyExchange": true },
            "$db": &uri.source,
        };
        let reply = self.command(start)?;
        let id = reply.get_i32("conversationId").map_err(|_| Failure::Malformed)?;
        let next = |text: String| {
            doc! { "saslContinue": 1, "conversationId": id, "payload": payload(text), "$db": &uri.source }
        };
        let (message, last) = scram.proof(payload_of(&reply)?)?;
        let reply = self.command(next(message))?;
        last.check(payload_of(&reply)?)?;
        if !reply.get_bool("done").unwrap_or(false) {
            self.command(next(String::new()))?;
        }
        Ok(())
    }

    /// All documents of a collection that a filter matches, as far as the projection shows them.
    pub fn find(
        &mut self,
        database: &str,
        collection: &str,
        filter: Document,
        projection: Document,
    ) -> Result<Vec<RawDocumentBuf>, Failure> {
        let mut command = doc! { "find": collection, "filter": filter, "projection": projection, "$db": database };
        if self.preference != Preference::Primary {
            command.insert("$readPreference", doc! { "mode": self.preference.name() });
        }
        let mut found = Vec::new();
        let mut size = 0;
        let (mut reply, mut batch) = (self.command(command)?, "firstBatch");
        loop {
            let cursor = reply.get_document("cursor").map_err(|_| Failure::Malformed)?;
            for element in cursor.get_array(batch).map_err(|_| Failure::Malformed)? {
                let document = element?.as_document().ok_or(Failure::Malformed)?;
                size += document.as_bytes().len();
                found.push(document.to_owned());
            }
            if size > MESSAGE_LIMIT || found.len() > DOCUMENT_LIMIT {
                return Err(Failure::TooLarge);
            }
            let id = cursor.get_i64("id").map_err(|_| Failure::Malformed)?;
            if id == 0 {
                return Ok(found);
            }
            reply = self.command(doc! { "getMore": id, "collection": collection, "$db": database })?;
            batch = "nextBatch";
        }
    }

    /// Sends a command, and reads the reply.
    fn command(&mut self, command: Document) -> Result<RawDocumentBuf, Failure> {
        self.last_id = self.last_id.wrapping_add(1).max(1);
        self.wire.send(&message(self.last_id, &command.to_vec()?))?;
        loop {
            let header = self.wire.receive(HEADER)?;
            let length = usize::try_from(number(&header, 0)).map_err(|_| Failure::Malformed)?;
            if !(HEADER..=MESSAGE_LIMIT).contains(&length) {
                return Err(Failure::Malformed);
            }
            let body = self.wire.receive(length - HEADER)?;
            if number(&header, 8) != self.last_id {
                continue;
            }
            let reply = parse(number(&header, 12), &body)?;
            return match reply.get("ok")?.and_then(|ok| ok.as_f64().or_else(|| ok.as_i32().map(f64::from))) {
                Some(1.0) => Ok(reply),
                _ => Err(Failure::Refused(reply.get_str("errmsg").unwrap_or("command failed").to_owned())),
            };
        }
    }
}

/// Which member of a set is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Primary,
    Secondary,
    Any,
}

fn wanted_first(preference: Preference) -> Wanted {
    match preference {
        Preference::Primary | Preference::PrimaryPreferred => Wanted::Primary,
        Preference::Secondary | Preference::SecondaryPreferred => Wanted::Secondary,
        Preference::Nearest => Wanted::Any,
    }
}

fn wanted_second(preference: Preference) -> Option<Wanted> {
    match preference {
        Preference::PrimaryPreferred => Some(Wanted::Secondary),
        Preference::SecondaryPreferred => Some(Wanted::Primary),
        _ => None,
    }
}

/// Whether a server that says this about itself may answer.
fn suits(hello: &RawDocumentBuf, uri: &Uri, wanted: Wanted) -> bool {
    let is = |name| hello.get_bool(name).unwrap_or(false);
    let Ok(set) = hello.get_str("setName") else {
        // It stands alone, or leads to all of a cluster.
        return uri.set.is_empty();
    };
    let has_role = match wanted {
        Wanted::Primary => is("isWritablePrimary"),
        Wanted::Secondary => is("secondary"),
        Wanted::Any => is("isWritablePrimary") || is("secondary"),
    };
    has_role && (uri.set.is_empty() || uri.set == set)
}

fn payload_of(reply: &RawDocumentBuf) -> Result<&[u8], Failure> {
    reply.get_binary("payload").map(|binary| binary.bytes).map_err(|_| Failure::Malformed)
}

/// A message with one document.
pub fn message(id: i32, document: &[u8]) -> Vec<u8> {
    let length = i32::try_from(HEADER + 5 + document.len()).unwrap_or(i32::MAX);
    let header = [length, id, 0, OP_MSG].map(i32::to_le_bytes).concat();
    [&header[..], &[0; 4], &[0], document].concat()
}

fn number(bytes: &[u8], at: usize) -> i32 {
    bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, i32::from_le_bytes)
}

/// The document of a reply.
fn parse(operation: i32, body: &[u8]) -> Result<RawDocumentBuf, Failure> {
    let (flags, sections) = body.split_at_checked(4).ok_or(Failure::Malformed)?;
    // The first bit: there is a checksum at the end. No other that must be understood is known.
    let flags = number(flags, 0);
    if operation != OP_MSG || flags & 0xfffe != 0 {
        return Err(Failure::Malformed);
    }
    let end = sections.len().checked_sub(if flags & 1 == 1 { 4 } else { 0 }).ok_or(Failure::Malformed)?;
    match &sections[..end] {
        [0, document @ ..] => Ok(RawDocumentBuf::from_bytes(document.to_vec())?),
        _ => Err(Failure::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn messages() {
        let document = doc! { "ok": 1 }.to_vec().unwrap();
        let bytes = message(7, &document);
        assert_eq!((number(&bytes, 0) as usize, number(&bytes, 4), number(&bytes, 12)), (bytes.len(), 7, OP_MSG));
        assert_eq!(parse(OP_MSG, &bytes[HEADER..]).unwrap().get_i32("ok").unwrap(), 1);
        let with_checksum = [&[1, 0, 0, 0, 0], &document[..], &[9; 4]].concat();
        assert!(parse(OP_MSG, &with_checksum).is_ok());
        assert!(parse(1, &bytes[HEADER..]).is_err() && parse(OP_MSG, &[2, 0, 0, 0, 0]).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_understood(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(document) = parse(OP_MSG, &[&[0; 5], &bytes[..]].concat()) {
                document.iter().for_each(drop);
            }
        }
    }
}
