//! A connection to a MySQL or MariaDB server.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bstr::{BString, ByteSlice};
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use rustls::ClientConfig;
use table::client::{ConnectError, Endpoint};

use super::packet::{Fields, Greeting, Malformed, Reply, Status, capability, end_of_rows, error_text, frame, read};
use crate::wire::Wire;

/// How long a server may take for each step.
const TIME_LIMIT: Duration = Duration::from_secs(60);
/// utf8mb4_general_ci.
const CHARACTER_SET: u8 = 45;
/// The largest packet that we take, or send, in bytes.
const LARGEST: u32 = (1 << 24) - 1;
/// How often a server may ask for another proof.
const LOGIN_STEPS: usize = 5;
/// The most columns that a result may have.
const COLUMN_LIMIT: u64 = 4096;
/// The most that all results of a query may have, in bytes.
const RESULT_LIMIT: usize = 16 << 20;

/// Who we are, and what we want.
#[derive(Clone, Debug)]
pub struct Login {
    pub user: BString,
    pub password: BString,
    pub database: BString,
    /// What the connection is set to.
    pub charset: String,
    pub encryption: Encryption,
}

/// Whether a connection by TCP is encrypted.
#[derive(Clone, Debug)]
pub enum Encryption {
    /// Always. The name is checked, if the configuration says so.
    Required(Arc<ClientConfig>),
    /// If the server can: against those that only listen.
    Offered(Arc<ClientConfig>),
}

/// Why there is no connection, or no answer.
#[derive(Debug)]
pub enum Failure {
    /// The server cannot be reached.
    Unreachable(ConnectError),
    /// The connection broke.
    Io(io::Error),
    /// There is no encrypted connection, and why.
    Encryption(String),
    /// The server says no.
    Refused(BString),
    /// The server says what it should not.
    Malformed,
    /// The server asks for a way to log in that we do not have, or do not want here.
    Login(String),
    /// A result that cannot be used.
    Result(&'static str),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Io(error)
    }
}

impl From<Malformed> for Failure {
    fn from(_: Malformed) -> Self {
        Failure::Malformed
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Unreachable(ConnectError::NotFound(why)) => why.fmt(f),
            Failure::Unreachable(ConnectError::Io(error)) | Failure::Io(error) => match error.kind() {
                io::ErrorKind::UnexpectedEof => f.write_str("Lost connection to server during query"),
                io::ErrorKind::TimedOut => f.write_str("Connection timed out"),
                _ => sys::reason(error).fmt(f),
            },
            Failure::Encryption(why) => write!(f, "TLS/SSL error: {why}"),
            Failure::Refused(text) => text::show(text).fmt(f),
            Failure::Malformed => f.write_str("Malformed packet"),
            Failure::Login(plugin) => write!(f, "Authentication plugin '{plugin}' cannot be loaded"),
            Failure::Result(problem) => problem.fmt(f),
        }
    }
}

/// A row: its columns, some of them NULL.
pub type Row = Vec<Option<Vec<u8>>>;

/// What a statement gives.
#[derive(Debug, Default)]
pub struct Answer {
    pub rows: Vec<Row>,
    /// How many results had columns.
    pub result_sets: usize,
}

/// A connection, logged in.
pub struct Connection {
    wire: Wire,
    status: Status,
    /// Nobody else can read what is sent: a UNIX-domain socket.
    is_local: bool,
}

impl Connection {
    /// Connects and logs in. Where encryption is only offered and fails, the connection is in clear.
    pub fn open(endpoint: &Endpoint, login: &Login) -> Result<Self, Failure> {
        match Connection::try_open(endpoint, login, true) {
            Err(Failure::Encryption(_)) if matches!(login.encryption, Encryption::Offered(_)) => {
                Connection::try_open(endpoint, login, false)
            }
            result => result,
        }
    }

    fn try_open(endpoint: &Endpoint, login: &Login, encrypt: bool) -> Result<Self, Failure> {
        let wire = Wire::connect(endpoint, TIME_LIMIT).map_err(Failure::Unreachable)?;
        let is_local = matches!(endpoint, Endpoint::Unix(_));
        let mut new = Connection { wire, status: Status::default(), is_local };
        let (number, packet) = read(&mut new.wire)?;
        if packet.first() == Some(&0xff) {
            return Err(Failure::Refused(error_text(&packet).into()));
        }
        let greeting = Greeting::parse(&packet)?;
        new.status = greeting.status;
        let mut number = number.wrapping_add(1);
        if let Endpoint::Inet { host, .. } = endpoint
            && encrypt
        {
            new = new.encrypt(&greeting, login, &host.to_str_lossy(), &mut number)?;
        }
        new.log_in(&greeting, login, number)?;
        if login.charset != "utf8mb4" {
            new.query(format!("SET NAMES {}", login.charset).as_bytes())?;
        }
        Ok(new)
    }

    fn encrypt(self, greeting: &Greeting, login: &Login, host: &str, number: &mut u8) -> Result<Self, Failure> {
        let (config, is_required) = match &login.encryption {
            Encryption::Required(config) => (config, true),
            Encryption::Offered(config) => (config, false),
        };
        if greeting.capabilities & capability::SSL == 0 {
            return match is_required {
                true => Err(Failure::Encryption("the server does not support it".into())),
                false => Ok(self),
            };
        }
        let Connection { mut wire, status, is_local } = self;
        let failed = |error: io::Error| Failure::Encryption(error.to_string());
        wire.send(&frame(*number, &login_start(capability::SSL))).map_err(failed)?;
        *number = number.wrapping_add(1);
        Ok(Connection { wire: wire.encrypt(config.clone(), host).map_err(failed)?, status, is_local })
    }

    fn log_in(&mut self, greeting: &Greeting, login: &Login, mut number: u8) -> Result<(), Failure> {
        let (mut plugin, mut nonce) = (greeting.plugin.clone(), greeting.nonce.clone());
        // A way that we do not have: the server will propose another.
        let proof = self.proof(&plugin, &login.password, &nonce).unwrap_or_default();
        let mut payload = login_start(if self.wire.is_encrypted() { capability::SSL } else { 0 });
        payload.extend_from_slice(&login.user);
        payload.push(0);
        payload.push(u8::try_from(proof.len()).unwrap_or(0));
        payload.extend_from_slice(&proof);
        for text in [login.database.as_slice(), &plugin] {
            payload.extend_from_slice(text);
            payload.push(0);
        }
        for _ in 0..LOGIN_STEPS {
            self.wire.send(&frame(number, &payload))?;
            let mut packet = read(&mut self.wire)?;
            if packet.1 == [1, 3] {
                // The server remembers us: nothing more is asked of us.
                packet = read(&mut self.wire)?;
            }
            number = packet.0.wrapping_add(1);
            payload = match Reply::parse_login(&packet.1)? {
                Reply::Ok(status) => {
                    self.status = status;
                    return Ok(());
                }
                Reply::Error(text) => return Err(Failure::Refused(text.into())),
                Reply::Switch(other, salt) => {
                    (plugin, nonce) = (other.to_vec(), salt.to_vec());
                    self.proof(&plugin, &login.password, &nonce)?
                }
                Reply::More([4]) if self.is_private() => [&login.password[..], b"\0"].concat(),
                Reply::More([4]) => {
                    return Err(Failure::Refused("Authentication requires secure connection.".into()));
                }
                _ => return Err(Failure::Malformed),
            };
        }
        Err(Failure::Malformed)
    }

    fn is_private(&self) -> bool {
        self.is_local || self.wire.is_encrypted()
    }

    /// What shows that we know the password.
    fn proof(&self, plugin: &[u8], password: &[u8], nonce: &[u8]) -> Result<Vec<u8>, Failure> {
        if password.is_empty() {
            return Ok(Vec::new());
        }
        match plugin {
            b"mysql_native_password" => Ok(native_proof(password, nonce)),
            b"caching_sha2_password" => Ok(sha2_proof(password, nonce)),
            // A server that nobody vouches for is not told the password.
            b"mysql_clear_password" if self.is_local => Ok([password, b"\0"].concat()),
            other => Err(Failure::Login(text::show(other).to_string())),
        }
    }

    /// Adds a text so that it is nothing but data between `'` and `'`.
    pub fn quote(&self, text: &[u8], out: &mut Vec<u8>) {
        if self.status.has_plain_backslashes() {
            return crate::statement::double_quotes(text, out);
        }
        for &byte in text {
            let letter = match byte {
                0 => b'0',
                b'\n' => b'n',
                b'\r' => b'r',
                0x1a => b'Z',
                b'\\' | b'\'' | b'"' => byte,
                _ => {
                    out.push(byte);
                    continue;
                }
            };
            out.extend([b'\\', letter]);
        }
    }

    /// Sends a statement, and reads all its results.
    pub fn query(&mut self, text: &[u8]) -> Result<Answer, Failure> {
        if text.len() >= LARGEST as usize - 1 {
            return Err(Failure::Result("the query is too long"));
        }
        self.wire.send(&frame(0, &[b"\x03", text].concat()))?;
        let mut answer = Answer::default();
        let mut size = 0;
        loop {
            let (_, packet) = read(&mut self.wire)?;
            let columns = match Reply::parse(&packet)? {
                Reply::Ok(status) => {
                    self.status = status;
                    0
                }
                Reply::Error(text) => return Err(Failure::Refused(text.into())),
                Reply::Columns(columns) if columns > COLUMN_LIMIT => return Err(Failure::Malformed),
                Reply::Columns(columns) => columns,
                Reply::Switch(..) | Reply::More(_) => return Err(Failure::Malformed),
            };
            if columns > 0 {
                answer.result_sets += 1;
                self.read_columns(columns)?;
                self.read_rows(columns, &mut answer.rows, &mut size)?;
            }
            size += packet.len();
            if size > RESULT_LIMIT {
                return Err(Failure::Result("the result is too large"));
            }
            if !self.status.has_more() {
                return Ok(answer);
            }
        }
    }

    /// Passes over the descriptions of columns.
    fn read_columns(&mut self, columns: u64) -> Result<(), Failure> {
        for _ in 0..columns {
            read(&mut self.wire)?;
        }
        let (_, end) = read(&mut self.wire)?;
        end_of_rows(&end).map(|_| ()).ok_or(Failure::Malformed)
    }

    fn read_rows(&mut self, columns: u64, rows: &mut Vec<Row>, size: &mut usize) -> Result<(), Failure> {
        loop {
            let (_, packet) = read(&mut self.wire)?;
            if let Some(status) = end_of_rows(&packet) {
                self.status = status;
                return Ok(());
            }
            if packet.first() == Some(&0xff) {
                return Err(Failure::Refused(error_text(&packet).into()));
            }
            *size += packet.len();
            if *size > RESULT_LIMIT {
                return Err(Failure::Result("the result is too large"));
            }
            let mut fields = Fields::of(&packet);
            let row: Result<Row, _> = (0..columns).map(|_| Ok(fields.packed_text()?.map(<[u8]>::to_vec))).collect();
            rows.push(row.map_err(|_: Malformed| Failure::Malformed)?);
        }
    }
}

/// The start of a login, which alone asks for encryption.
fn login_start(more: u32) -> Vec<u8> {
    let capabilities = capability::LONG_PASSWORD
        | capability::CONNECT_WITH_DB
        | capability::PROTOCOL_41
        | capability::TRANSACTIONS
        | capability::SECURE_CONNECTION
        | capability::MULTI_RESULTS
        | capability::PLUGIN_AUTH
        | capability::PLUGIN_AUTH_LENENC
        | more;
    [&capabilities.to_le_bytes()[..], &LARGEST.to_le_bytes(), &[CHARACTER_SET], &[0; 23]].concat()
}

fn exclusive_or(one: &[u8], other: &[u8]) -> Vec<u8> {
    one.iter().zip(other).map(|(one, other)| one ^ other).collect()
}

/// SHA1(password) XOR SHA1(nonce, SHA1(SHA1(password))).
fn native_proof(password: &[u8], nonce: &[u8]) -> Vec<u8> {
    let once = digest(&SHA1_FOR_LEGACY_USE_ONLY, password);
    let mut mask = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    mask.update(nonce);
    mask.update(digest(&SHA1_FOR_LEGACY_USE_ONLY, once.as_ref()).as_ref());
    exclusive_or(once.as_ref(), mask.finish().as_ref())
}

/// SHA256(password) XOR SHA256(SHA256(SHA256(password)), nonce).
fn sha2_proof(password: &[u8], nonce: &[u8]) -> Vec<u8> {
    let once = digest(&SHA256, password);
    let mut mask = Context::new(&SHA256);
    mask.update(digest(&SHA256, once.as_ref()).as_ref());
    mask.update(nonce);
    exclusive_or(once.as_ref(), mask.finish().as_ref())
}
