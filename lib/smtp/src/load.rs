//! What the programs that make load have in common (smtpd §15): where they connect to, how often, and how long they wait.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bstr::{BString, ByteSlice};

/// How long a connect may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(300);
/// The width of a line of filler, with its line end.
const FILLER_WIDTH: usize = 80;

/// A server: `[inet:]host[:port]` or `unix:path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A TCP port of a host.
    Inet {
        /// Name or address.
        host: String,
        /// Name or number.
        port: String,
    },
    /// A UNIX-domain socket.
    Unix(String),
}

impl Endpoint {
    /// Reads an endpoint; `port` is for one that names none.
    ///
    /// # Errors
    /// The text of the fatal error.
    pub fn parse(text: &[u8], port: &str) -> Result<Self, String> {
        let text = text.to_str().map_err(|_| format!("bad endpoint: {}", text::show(text)))?;
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Self::Unix(path.into()));
        }
        let place = text.strip_prefix("inet:").unwrap_or(text);
        let (host, named) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, rest)) => (host, rest.strip_prefix(':')),
            None => match place.rsplit_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (place, None),
            },
        };
        if host.is_empty() || named == Some("") {
            return Err(format!("malformed endpoint: {text}"));
        }
        Ok(Self::Inet { host: host.into(), port: named.unwrap_or(port).into() })
    }

    /// The addresses of a TCP endpoint; `families` tells which are wanted.
    fn addresses(host: &str, port: &str, families: Families) -> io::Result<Vec<SocketAddr>> {
        let number = port.parse().ok().or_else(|| sys::network::service_port(port));
        let number: u16 = number.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "unknown service"))?;
        let found = sys::network::host_addresses(host)?;
        Ok(found
            .into_iter()
            .filter(|address| families.wants(*address))
            .map(|address| (address, number).into())
            .collect())
    }

    /// Connects, to the first address that answers.
    ///
    /// # Errors
    /// What the system reports of the last address.
    pub fn connect(&self, families: Families) -> io::Result<OwnedFd> {
        let (host, port) = match self {
            Self::Unix(path) => return Ok(sys::socket::connect_unix(path, CONNECT_LIMIT)?.into()),
            Self::Inet { host, port } => (host, port),
        };
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for address in Self::addresses(host, port, families)? {
            match TcpStream::connect_timeout(&address, CONNECT_LIMIT) {
                Ok(socket) => return Ok(socket.into()),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// Which address families may be used.
#[derive(Clone, Copy, Debug)]
pub enum Families {
    /// Both.
    All,
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

impl Families {
    /// Is an address of this family wanted?
    pub fn wants(self, address: std::net::IpAddr) -> bool {
        match self {
            Families::All => true,
            Families::Ipv4 => address.is_ipv4(),
            Families::Ipv6 => address.is_ipv6(),
        }
    }
}

/// The options of both programs that send.
#[derive(Clone, Debug)]
pub struct Load {
    /// `-c`: shows how many messages were sent.
    pub counting: bool,
    /// `-C`: how often to try to connect.
    pub connect_attempts: u32,
    /// `-f`: sender.
    pub sender: Option<BString>,
    /// `-t`: recipient.
    pub recipient: Option<BString>,
    /// `-l`: bytes of filler.
    pub length: Option<usize>,
    /// `-m`: messages in all.
    pub messages: u64,
    /// `-s`: sessions at a time.
    pub sessions: usize,
    /// `-M`: our name.
    pub name: Option<BString>,
    /// `-r`: recipients of a message.
    pub recipients: u64,
    /// `-R`: seconds to wait at most, by chance.
    pub random_delay: u64,
    /// `-w`: seconds to wait.
    pub fixed_delay: u64,
    /// `-T`: size of the TCP window, in bytes.
    pub window: usize,
    /// `-4` and `-6`.
    pub families: Families,
}

impl Default for Load {
    fn default() -> Self {
        Self {
            counting: false,
            connect_attempts: 1,
            sender: None,
            recipient: None,
            length: None,
            messages: 1,
            sessions: 1,
            name: None,
            recipients: 1,
            random_delay: 0,
            fixed_delay: 0,
            window: 0,
            families: Families::All,
        }
    }
}

impl Load {
    /// Takes an option over. False: it is not a common one.
    ///
    /// # Errors
    /// The text of the fatal error.
    pub fn take(&mut self, letter: u8, value: &[u8]) -> Result<bool, String> {
        match letter {
            b'c' => self.counting = true,
            b'C' => self.connect_attempts = positive("connect count", value)?,
            b'f' => self.sender = Some(value.into()),
            b't' => self.recipient = Some(value.into()),
            b'l' => self.length = Some(positive("message length", value)?),
            b'm' => self.messages = positive("message count", value)?,
            b's' => self.sessions = positive("session count", value)?,
            b'M' => self.name = Some(value.into()),
            b'r' => self.recipients = positive("recipient count", value)?,
            b'R' if self.fixed_delay == 0 => self.random_delay = positive("random delay", value)?,
            b'w' if self.random_delay == 0 => self.fixed_delay = positive("fixed delay", value)?,
            b'R' | b'w' => return Err("do not use -w and -R options at the same time".into()),
            b'T' => self.window = positive("TCP window size", value)?,
            b'4' => self.families = Families::Ipv4,
            b'6' => self.families = Families::Ipv6,
            b'v' => {}
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Our name.
    pub fn host(&self) -> BString {
        let machine = || sys::process::host_name().map_or_else(|_| "localhost".into(), |name| name.into_vec().into());
        self.name.clone().unwrap_or_else(machine)
    }

    /// Waits between messages; `chance` is any number.
    pub fn pause(&self, chance: u64) {
        let seconds = if self.random_delay > 0 { chance % (self.random_delay + 1) } else { self.fixed_delay };
        std::thread::sleep(Duration::from_secs(seconds));
    }

    /// Connects, as often as it takes and is allowed.
    ///
    /// # Errors
    /// What the system reports of the last try.
    pub fn connect(&self, endpoint: &Endpoint) -> io::Result<OwnedFd> {
        let mut attempt = 1;
        loop {
            match endpoint.connect(self.families) {
                Ok(socket) => {
                    if self.window > 0 {
                        let socket = socket2::SockRef::from(&socket);
                        socket.set_send_buffer_size(self.window)?;
                        socket.set_recv_buffer_size(self.window)?;
                    }
                    return Ok(socket);
                }
                Err(error) if attempt >= self.connect_attempts => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(10)),
            }
            attempt += 1;
        }
    }
}

fn positive<N: std::str::FromStr + PartialOrd + Default>(what: &str, value: &[u8]) -> Result<N, String> {
    let number = value.to_str().ok().and_then(|text| text.parse().ok()).filter(|number| *number > N::default());
    number.ok_or_else(|| format!("bad {what}: {}", text::show(value)))
}

/// Filler of so many bytes, in lines. Those before the last are numbered, and count with their line end, the last without.
pub fn filler(length: usize, line_end: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(length + 2);
    let (mut left, mut number) = (length, 1u8);
    while left > 0 {
        let start = text.len();
        let width = if left > FILLER_WIDTH { FILLER_WIDTH - line_end.len() } else { left };
        if left > FILLER_WIDTH {
            text.push(b'0' + number);
            number = (number + 1) % 10;
        }
        text.resize((start + width).max(text.len()), b'X');
        text.extend_from_slice(line_end);
        left = left.saturating_sub(FILLER_WIDTH);
    }
    text
}

/// Shows a number, in the place of the one before it.
pub fn show_count(count: u64) {
    let mut output = io::stdout().lock();
    // A terminal that is gone does not stop the load.
    let _ = write!(output, "{count}\r").and_then(|()| output.flush());
}

/// Messages that are still to be sent, and those that were.
#[derive(Debug)]
pub struct Progress {
    left: AtomicU64,
    done: AtomicU64,
    counting: bool,
}

impl Progress {
    /// So many messages.
    pub fn new(load: &Load) -> Self {
        Self { left: AtomicU64::new(load.messages), done: AtomicU64::new(0), counting: load.counting }
    }

    /// Takes one: how many are left after it. Nothing when all are taken.
    pub fn take(&self) -> Option<u64> {
        let taken = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        taken.ok().map(|before| before - 1)
    }

    /// Whether there are more to take.
    pub fn has_more(&self) -> bool {
        self.left.load(Ordering::Relaxed) > 0
    }

    /// One was sent.
    pub fn count(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if self.counting {
            show_count(done);
        }
    }

    /// All were sent.
    pub fn finish(&self) {
        if self.counting {
            println!();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints() {
        let inet = |host: &str, port: &str| Ok(Endpoint::Inet { host: host.into(), port: port.into() });
        assert_eq!(Endpoint::parse(b"mail.example", "smtp"), inet("mail.example", "smtp"));
        assert_eq!(Endpoint::parse(b"inet:127.0.0.1:2525", "smtp"), inet("127.0.0.1", "2525"));
        assert_eq!(Endpoint::parse(b"[::1]:25", "smtp"), inet("::1", "25"));
        assert_eq!(Endpoint::parse(b"unix:/x", "smtp"), Ok(Endpoint::Unix("/x".into())));
        assert!(Endpoint::parse(b":25", "smtp").is_err());
    }

    #[test]
    fn filler_has_the_length_that_is_asked_for() {
        for length in [1, 2, 3, 40, 79, 80, 81, 160, 161, 200, 1000] {
            assert_eq!(filler(length, b"\r\n").len(), length + 2);
        }
        assert_eq!(filler(1, b"\n"), b"X\n");
        assert!(filler(200, b"\r\n").starts_with(b"1XXX"));
    }

    #[test]
    fn delays_exclude_each_other() {
        let mut load = Load::default();
        assert_eq!(load.take(b'w', b"1"), Ok(true));
        assert_eq!(load.take(b'R', b"1"), Err("do not use -w and -R options at the same time".into()));
        assert_eq!(load.take(b'm', b"0"), Err("bad message count: 0".into()));
        assert_eq!(load.take(b'x', b""), Ok(false));
    }
}
