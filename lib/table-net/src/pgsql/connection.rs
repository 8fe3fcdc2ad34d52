//! A connection to a PostgreSQL server.

use std::io::{self, Read};
use std::time::Duration;

use bstr::{BString, ByteSlice};
use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::backend::{DataRowBody, ErrorFields, Message};
use postgres_protocol::message::frontend;
use table::client::{ConnectError, Endpoint};

use super::target::{Encryption, Target};
use crate::wire::Wire;

/// How long a server may take for each step.
const TIME_LIMIT: Duration = Duration::from_secs(60);
/// The most that a message, and all results of a query, may have, in bytes.
const RESULT_LIMIT: usize = 16 << 20;

/// Why there is no connection, or no answer.
#[derive(Debug)]
pub enum Failure {
    /// The server cannot be reached.
    Unreachable(ConnectError),
    /// The connection broke.
    Io(io::Error),
    /// There is no encrypted connection, and why.
    Encryption(String),
    /// The server says no: `SEVERITY:  message`, and more lines.
    Refused(String),
    /// The server says what it should not.
    Protocol,
    /// There was nothing in the query.
    Empty,
    /// The server asks for a way to log in that we do not have.
    Login(&'static str),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // What the parser of messages says.
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => Failure::Protocol,
            _ => Failure::Io(error),
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Unreachable(ConnectError::NotFound(why)) => why.fmt(f),
            Failure::Unreachable(ConnectError::Io(error)) | Failure::Io(error) => match error.kind() {
                io::ErrorKind::UnexpectedEof => f.write_str("server closed the connection unexpectedly"),
                io::ErrorKind::TimedOut => f.write_str("timeout expired"),
                _ => sys::reason(error).fmt(f),
            },
            Failure::Encryption(why) => why.fmt(f),
            Failure::Refused(text) => text.fmt(f),
            Failure::Protocol => f.write_str("lost synchronization with server"),
            Failure::Empty => f.write_str("unknown code 0x0"),
            Failure::Login(what) => write!(f, "{what} authentication is not supported"),
        }
    }
}

/// Who we are.
#[derive(Clone, Debug)]
pub struct Login {
    pub user: BString,
    pub password: BString,
    pub database: BString,
    /// `client_encoding`.
    pub encoding: String,
}

/// A connection, logged in.
pub struct Connection {
    wire: Wire,
    /// What has been received and not been understood yet.
    received: BytesMut,
    /// Whether `\` in a string is a `\`.
    has_plain_backslashes: bool,
}

impl Connection {
    /// Connects to an address of the target, and logs in.
    pub fn open(endpoint: &Endpoint, target: &Target, login: &Login) -> Result<Self, Failure> {
        let is_local = matches!(endpoint, Endpoint::Unix(_));
        let in_turn: &[bool] = match target.encryption {
            _ if is_local => &[false],
            Encryption::Never => &[false],
            Encryption::Second => &[false, true],
            Encryption::First => &[true, false],
            Encryption::Always => &[true],
        };
        let mut last = Failure::Protocol;
        for &encrypt in in_turn {
            last = match Connection::try_open(endpoint, target, login, encrypt) {
                Err(failure @ (Failure::Refused(_) | Failure::Encryption(_))) => failure,
                result => return result,
            };
        }
        Err(last)
    }

    fn try_open(endpoint: &Endpoint, target: &Target, login: &Login, encrypt: bool) -> Result<Self, Failure> {
        let limit = target.timeout.filter(|seconds| *seconds > 0).map_or(TIME_LIMIT, Duration::from_secs);
        let mut wire = Wire::connect(endpoint, limit).map_err(Failure::Unreachable)?;
        if let (true, Endpoint::Inet { host, .. }) = (encrypt, endpoint) {
            wire = encrypted(wire, target, &host.to_str_lossy())?;
        }
        let mut new = Connection { wire, received: BytesMut::new(), has_plain_backslashes: true };
        let mut parameters: Vec<(&str, &str)> = vec![("client_encoding", &login.encoding)];
        let texts = [("user", &login.user), ("database", &login.database)];
        let options = target.options.iter().map(|(name, value)| (name.as_str(), value));
        for (name, value) in texts.into_iter().chain(options) {
            let value = value.to_str().map_err(|_| Failure::Refused(format!("{name} is not UTF-8")))?;
            parameters.push((name, value));
        }
        new.send(|buffer| frontend::startup_message(parameters.iter().copied(), buffer))?;
        new.log_in(login)?;
        Ok(new)
    }

    fn send(&mut self, write: impl FnOnce(&mut BytesMut) -> io::Result<()>) -> Result<(), Failure> {
        let mut buffer = BytesMut::new();
        write(&mut buffer)?;
        Ok(self.wire.send(&buffer)?)
    }

    /// The next message, but for those that come at any time.
    fn receive(&mut self) -> Result<Message, Failure> {
        loop {
            match Message::parse(&mut self.received)? {
                Some(Message::NoticeResponse(_) | Message::NotificationResponse(_)) => {}
                Some(Message::ParameterStatus(status)) => {
                    if status.name()? == "standard_conforming_strings" {
                        self.has_plain_backslashes = status.value()? == "on";
                    }
                }
                Some(Message::ErrorResponse(error)) => return Err(Failure::Refused(error_text(error.fields())?)),
                Some(message) => return Ok(message),
                None => self.fill()?,
            }
        }
    }

    fn fill(&mut self) -> Result<(), Failure> {
        if self.received.len() > RESULT_LIMIT {
            return Err(Failure::Protocol);
        }
        let mut piece = [0; 4096];
        match self.wire.read(&mut piece)? {
            0 => Err(Failure::Io(io::ErrorKind::UnexpectedEof.into())),
            count => {
                self.received.extend_from_slice(&piece[..count]);
                Ok(())
            }
        }
    }

    fn log_in(&mut self, login: &Login) -> Result<(), Failure> {
        loop {
            match self.receive()? {
                Message::AuthenticationOk | Message::BackendKeyData(_) => {}
                Message::AuthenticationCleartextPassword => {
                    self.send(|buffer| frontend::password_message(&login.password, buffer))?;
                }
                Message::AuthenticationMd5Password(body) => {
                    let proof = md5_hash(&login.user, &login.password, body.salt());
                    self.send(|buffer| frontend::password_message(proof.as_bytes(), buffer))?;
                }
                Message::AuthenticationSasl(body) => {
                    if !body.mechanisms().any(|name| Ok(name == SCRAM_SHA_256))? {
                        return Err(Failure::Login("SASL"));
                    }
                    self.prove(&login.password)?;
                }
                Message::AuthenticationGss | Message::AuthenticationSspi => return Err(Failure::Login("GSSAPI")),
                Message::ReadyForQuery(_) => return Ok(()),
                _ => return Err(Failure::Protocol),
            }
        }
    }

    fn prove(&mut self, password: &[u8]) -> Result<(), Failure> {
        let mut proof = ScramSha256::new(password, ChannelBinding::unsupported());
        self.send(|buffer| frontend::sasl_initial_response(SCRAM_SHA_256, proof.message(), buffer))?;
        let Message::AuthenticationSaslContinue(body) = self.receive()? else { return Err(Failure::Protocol) };
        proof.update(body.data())?;
        self.send(|buffer| frontend::sasl_response(proof.message(), buffer))?;
        let Message::AuthenticationSaslFinal(body) = self.receive()? else { return Err(Failure::Protocol) };
        Ok(proof.finish(body.data())?)
    }

    /// Adds a text so that it is nothing but data between `'` and `'`.
    pub fn quote(&self, text: &[u8], out: &mut Vec<u8>) {
        for &byte in text {
            if byte == b'\'' || (byte == b'\\' && !self.has_plain_backslashes) {
                out.push(byte);
            }
            out.push(byte);
        }
    }

    /// Sends a query. The values of all rows of its last statement; NULL is an empty text.
    pub fn query(&mut self, text: &str) -> Result<Vec<Vec<u8>>, Failure> {
        self.send(|buffer| frontend::query(text, buffer))?;
        let (mut values, mut size, mut is_empty) = (Vec::new(), 0, false);
        loop {
            match self.receive()? {
                Message::RowDescription(_) => values.clear(),
                Message::DataRow(row) => {
                    size += row.buffer().len();
                    if size > RESULT_LIMIT {
                        return Err(Failure::Refused("ERROR:  the result is too large".into()));
                    }
                    add_values(&row, &mut values)?;
                }
                Message::CommandComplete(_) => {}
                Message::EmptyQueryResponse => is_empty = true,
                Message::ReadyForQuery(_) if is_empty => return Err(Failure::Empty),
                Message::ReadyForQuery(_) => return Ok(values),
                _ => return Err(Failure::Protocol),
            }
        }
    }
}

fn add_values(row: &DataRowBody, values: &mut Vec<Vec<u8>>) -> Result<(), Failure> {
    let mut ranges = row.ranges();
    while let Some(range) = ranges.next()? {
        let value = range.map_or(Some(&b""[..]), |range| row.buffer().get(range));
        values.push(value.ok_or(Failure::Protocol)?.to_vec());
    }
    Ok(())
}

/// Asks the server for encryption.
fn encrypted(mut wire: Wire, target: &Target, host: &str) -> Result<Wire, Failure> {
    let mut request = BytesMut::new();
    frontend::ssl_request(&mut request);
    wire.send(&request)?;
    match wire.receive(1)?.as_slice() {
        b"S" => {
            let config = target.tls.load().map_err(Failure::Encryption)?;
            wire.encrypt(config, host).map_err(|error| Failure::Encryption(format!("SSL error: {error}")))
        }
        b"N" if target.encryption == Encryption::Always => {
            Err(Failure::Encryption("server does not support SSL, but SSL was required".into()))
        }
        b"N" => Ok(wire),
        _ => Err(Failure::Protocol),
    }
}

/// The text of an error, as the client library has it.
fn error_text(mut fields: ErrorFields<'_>) -> io::Result<String> {
    let (mut severity, mut message, mut more) = (String::new(), String::new(), String::new());
    while let Some(field) = fields.next()? {
        let text = text::show(field.value_bytes());
        match field.type_() {
            b'S' => severity = text.to_string(),
            b'M' => message = text.to_string(),
            b'D' => more.push_str(&format!("\nDETAIL:  {text}")),
            b'H' => more.push_str(&format!("\nHINT:  {text}")),
            _ => {}
        }
    }
    Ok(format!("{severity}:  {message}{more}"))
}
