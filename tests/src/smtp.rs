//! A scripted SMTP client: it sends what it is told, byte for byte, and reads replies.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use crate::wait::LIMIT;
use crate::{Builder, Instance};

/// A TCP port that nobody listens on, and that is given out once. It is not one of those that the system gives to clients, so that it stays
/// free.
///
/// # Panics
/// When there is none.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const FIRST: u16 = 10_000;
    const COUNT: u16 = 22_000;
    // Other tests run at the same time: each begins elsewhere.
    let begin = u16::try_from(std::process::id() * 101 % u32::from(COUNT)).expect("less than the count");
    for _ in 0..COUNT {
        let port = FIRST + (begin + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port");
}

/// A system whose SMTP server listens on this port. There is no queue manager: mail stays in `incoming` as cleanup wrote it.
pub fn server(port: u16) -> Builder {
    Instance::builder()
        .set("myhostname", "mail.example.com")
        .set("local_recipient_maps", "")
        .set("in_flow_delay", "0")
        .set("smtpd_error_sleep_time", "0")
        .set("smtpd_peername_lookup", "no")
        .master_cf(
            "cleanup   unix  n       -       n       -       0       cleanup\n\
             rewrite   unix  -       -       n       -       -       trivial-rewrite\n\
             bounce    unix  -       -       n       -       0       bounce\n\
             anvil     unix  -       -       n       -       1       anvil\n\
             postlog   unix-dgram n  -       n       -       1       postlogd\n",
        )
        .service(&format!("127.0.0.1:{port} inet n - n - - smtpd"))
}

enum Connection {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// One session.
pub struct Session {
    connection: Connection,
    received: Vec<u8>,
    script: String,
}

impl Session {
    /// Connects to a port of this machine, as soon as somebody listens there. The greeting is not read yet.
    ///
    /// # Panics
    /// When nobody listens.
    pub fn connect(port: u16) -> Self {
        Self::connect_from("127.0.0.1", port)
    }

    /// As [`Session::connect`], from another address of this machine, such as 127.0.0.9.
    ///
    /// # Panics
    /// When nobody listens.
    pub fn connect_from(address: &str, port: u16) -> Self {
        let address: IpAddr = address.parse().expect("an address");
        let server = SocketAddr::new(if address.is_ipv4() { [127, 0, 0, 1].into() } else { address }, port);
        let connect = || {
            let socket =
                socket2::Socket::new(socket2::Domain::for_address(server), socket2::Type::STREAM, None).ok()?;
            socket.bind(&SocketAddr::new(address, 0).into()).ok()?;
            socket.connect(&server.into()).ok()?;
            Some(TcpStream::from(socket))
        };
        Self::over(crate::wait::until("a server", connect, || format!("port {port}")))
    }

    /// A session over a connection that is there.
    ///
    /// # Panics
    /// When it takes no time limits.
    pub fn over(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(LIMIT)).expect("a time limit");
        stream.set_write_timeout(Some(LIMIT)).expect("a time limit");
        stream.set_nodelay(true).expect("no delay");
        Self { connection: Connection::Tcp(stream), received: Vec::new(), script: String::new() }
    }

    /// Connects to a UNIX-domain socket.
    ///
    /// # Panics
    /// When nobody listens.
    pub fn connect_unix(path: &Path) -> Self {
        let stream = crate::wait::until("a server", || UnixStream::connect(path).ok(), || path.display().to_string());
        stream.set_read_timeout(Some(LIMIT)).expect("a time limit");
        Self { connection: Connection::Unix(stream), received: Vec::new(), script: String::new() }
    }

    /// Connects, and reads the greeting.
    ///
    /// # Panics
    /// When it is no 220.
    pub fn open(port: u16) -> Self {
        let mut session = Self::connect(port);
        session.expect("220 ");
        session
    }

    /// Connects, reads the greeting, and says EHLO.
    ///
    /// # Panics
    /// When that is refused.
    pub fn hello(port: u16) -> Self {
        let mut session = Self::open(port);
        session.ask("EHLO client.example", "250");
        session
    }

    /// Sends bytes.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = writeln!(self.script, "C: {}", bytes.as_ref().escape_ascii());
        // A server that has closed is found out by reading.
        let _ = self.connection.write_all(bytes.as_ref());
    }

    /// Sends a line.
    pub fn line(&mut self, line: &str) {
        self.send(format!("{line}\r\n"));
    }

    /// A reply: its lines, without line ends, joined by LF. Nothing at the end of the session.
    ///
    /// # Panics
    /// When there is none in time.
    pub fn reply(&mut self) -> Option<String> {
        let mut lines: Vec<String> = Vec::new();
        loop {
            let line = self.read_line()?;
            let last = line.as_bytes().get(3) != Some(&b'-');
            lines.push(line);
            if last {
                let _ = writeln!(self.script, "S: {}", lines.join("\n   "));
                return Some(lines.join("\n"));
            }
        }
    }

    fn read_line(&mut self) -> Option<String> {
        loop {
            if let Some(at) = self.received.windows(2).position(|pair| pair == b"\r\n") {
                let line = String::from_utf8_lossy(&self.received[..at]).into_owned();
                self.received.drain(..at + 2);
                return Some(line);
            }
            let mut piece = [0; 4096];
            match self.connection.read(&mut piece) {
                Ok(0) => return None,
                Ok(length) => self.received.extend_from_slice(&piece[..length]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("no reply: {error}\n{}", self.script),
            }
        }
    }

    /// Reads a reply that begins like this.
    ///
    /// # Panics
    /// When it begins otherwise.
    pub fn expect(&mut self, begin: &str) -> String {
        let reply = self.reply();
        match reply {
            Some(reply) if reply.starts_with(begin) => reply,
            reply => panic!("{begin:?} expected, not {reply:?}:\n{}", self.script),
        }
    }

    /// Sends a line, and reads a reply that begins like this.
    ///
    /// # Panics
    /// When it begins otherwise.
    pub fn ask(&mut self, line: &str, begin: &str) -> String {
        self.line(line);
        self.expect(begin)
    }

    /// Sends a line, and returns the reply.
    ///
    /// # Panics
    /// When there is none.
    pub fn say(&mut self, line: &str) -> String {
        self.line(line);
        self.reply().unwrap_or_else(|| panic!("no reply to {line}:\n{}", self.script))
    }

    /// Sends a whole message, and returns the last reply.
    ///
    /// # Panics
    /// When something before the content is refused.
    pub fn deliver(&mut self, sender: &str, recipients: &[&str], content: &str) -> String {
        self.ask(&format!("MAIL FROM:<{sender}>"), "250");
        for recipient in recipients {
            self.ask(&format!("RCPT TO:<{recipient}>"), "250");
        }
        self.ask("DATA", "354");
        self.send(content);
        self.say(".")
    }

    /// Waits until the server closes.
    ///
    /// # Panics
    /// When it says something more.
    pub fn expect_close(&mut self) {
        let reply = self.reply();
        assert_eq!(reply, None, "the end expected:\n{}", self.script);
    }

    /// Says QUIT, and waits for the end.
    ///
    /// # Panics
    /// When that is not how it ends.
    pub fn quit(mut self) {
        self.ask("QUIT", "221 2.0.0 Bye");
        self.expect_close();
    }

    /// Sends no more.
    pub fn half_close(&mut self) {
        let _ = match &self.connection {
            Connection::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Connection::Unix(stream) => stream.shutdown(Shutdown::Write),
        };
    }

    /// Whether the server has sent something within a time.
    pub fn hears_within(&mut self, time: Duration) -> bool {
        let mut byte = [0; 1];
        let result = match &mut self.connection {
            Connection::Tcp(stream) => {
                stream.set_read_timeout(Some(time)).expect("a time limit");
                let result = stream.peek(&mut byte);
                stream.set_read_timeout(Some(LIMIT)).expect("a time limit");
                result
            }
            Connection::Unix(_) => return true,
        };
        result.is_ok()
    }

    /// All that was said so far.
    pub fn script(&self) -> &str {
        &self.script
    }
}
