//! Talking to the filter.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use bstr::{BString, ByteSlice};
use config::{Config, params};
use smtp_protocol::server::reply::has_code;
use smtp_protocol::stream::{Ending, Fault, Stream};

use super::FAILED;
use super::forward::{Origin, offered};

/// What a reply must begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// 2.
    Good,
    /// 3.
    More,
    /// Whatever it is.
    Anything,
}

impl Expected {
    fn is_met(self, reply: &[u8]) -> bool {
        match self {
            Expected::Good => reply.starts_with(b"2"),
            Expected::More => reply.starts_with(b"3"),
            Expected::Anything => true,
        }
    }
}

/// Where the filter is, and how it is spoken to.
#[derive(Clone, Debug)]
pub struct Settings {
    filter: BString,
    limit: Duration,
    ehlo: BString,
    line_limit: usize,
}

impl Settings {
    /// Reads `smtpd_proxy_filter` and what belongs to it.
    pub fn from_config(config: &Config) -> Self {
        Self {
            filter: config.get(params::SMTPD_PROXY_FILTER).to_owned(),
            limit: config.get(params::SMTPD_PROXY_TIMEOUT),
            ehlo: config.get(params::SMTPD_PROXY_EHLO).to_owned(),
            line_limit: usize::try_from(config.get(params::LINE_LENGTH_LIMIT)).unwrap_or(2048),
        }
    }
}

/// A connection to the filter. It is told QUIT when this is dropped.
#[derive(Debug)]
pub struct Dialogue {
    settings: Settings,
    stream: Stream,
    usable: bool,
}

impl Dialogue {
    /// Connects, and says hello for a client. The error is the reply for the client.
    pub fn open(settings: Settings, origin: &Origin) -> Result<Self, BString> {
        let name = text::show(&settings.filter).to_string();
        let socket = connect(&settings.filter, settings.limit).map_err(|error| {
            log::warn!("connect to proxy filter {name}: {}", sys::reason(&error));
            FAILED
        })?;
        let stream = Stream::over_socket(socket, settings.limit);
        let mut dialogue = Self { settings, stream, usable: true };
        dialogue.must("connection request", Expected::Good)?;
        let ehlo = [b"EHLO ", dialogue.settings.ehlo.as_slice()].concat();
        let features = dialogue.say(&ehlo)?;
        for command in origin.commands(&offered(&features)) {
            dialogue.say(&command)?;
        }
        Ok(dialogue)
    }

    /// A command of ours: the client gets nothing of what goes wrong with it.
    fn say(&mut self, line: &[u8]) -> Result<BString, BString> {
        self.write(line)?;
        self.write(b"\r\n")?;
        self.must(&text::show(line).to_string(), Expected::Good)
    }

    fn must(&mut self, what: &str, expected: Expected) -> Result<BString, BString> {
        let reply = self.reply()?;
        if expected.is_met(&reply) {
            return Ok(reply);
        }
        self.warn_of_rejection(what, &reply);
        Err(FAILED.into())
    }

    /// A command of the client, and the reply. The error is the reply for the client.
    pub fn command(&mut self, line: &[u8], expected: Expected) -> Result<BString, BString> {
        self.write(line)?;
        self.write(b"\r\n")?;
        let reply = self.reply()?;
        if expected.is_met(&reply) {
            return Ok(reply);
        }
        self.warn_of_rejection(&text::show(line).to_string(), &reply);
        Err(if matches!(reply.first(), Some(b'4' | b'5')) { reply } else { FAILED.into() })
    }

    fn warn_of_rejection(&self, what: &str, reply: &[u8]) {
        let (name, reply) = (text::show(&self.settings.filter), reply.replace("\r\n", " "));
        log::warn!("proxy {name} rejected \"{what}\": \"{}\"", text::show(&reply));
    }

    /// Sends bytes. The error is the reply for the client.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), BString> {
        if !self.usable {
            return Err(FAILED.into());
        }
        self.stream.write(bytes).map_err(|fault| self.give_up(&fault))
    }

    fn give_up(&mut self, fault: &Fault) -> BString {
        self.usable = false;
        let name = text::show(&self.settings.filter);
        match fault {
            Fault::Timeout => log::warn!("timeout talking to proxy {name}"),
            Fault::Lost => log::warn!("lost connection with proxy {name}"),
        }
        FAILED.into()
    }

    /// Reads a reply: its lines, joined, up to a limit.
    fn reply(&mut self) -> Result<BString, BString> {
        let mut reply = BString::default();
        loop {
            let line = self.reply_line()?;
            if !has_code(&line) {
                let (name, shown) = (text::show(&self.settings.filter), text::show(&line[..line.len().min(100)]));
                log::warn!("received garbage from proxy {name}: {shown}");
                continue;
            }
            if reply.len() + line.len() < self.settings.line_limit || reply.is_empty() {
                if !reply.is_empty() {
                    reply.extend_from_slice(b"\r\n");
                }
                reply.extend_from_slice(&line);
            }
            if line.get(3) != Some(&b'-') {
                return Ok(reply);
            }
        }
    }

    fn reply_line(&mut self) -> Result<Vec<u8>, BString> {
        let limit = self.settings.line_limit;
        let line = self.stream.line(limit).map_err(|fault| self.give_up(&fault))?;
        if line.ending == Ending::Open {
            let (name, shown) = (text::show(&self.settings.filter), text::show(&line.text[..line.text.len().min(30)]));
            log::warn!("{name}: response longer than {limit}: {shown}...");
            // More than this of one line is no reply at all.
            let skipped = self.stream.skip_line(limit * 8).map_err(|fault| self.give_up(&fault))?;
            if !skipped {
                return Err(self.give_up(&Fault::Lost));
            }
        }
        Ok(text::printable(&line.text, false).into_owned())
    }
}

impl Drop for Dialogue {
    fn drop(&mut self) {
        if self.usable {
            // The message is over: nobody waits for the answer.
            let _ = self.stream.write(b"QUIT\r\n").and_then(|()| self.stream.flush());
        }
    }
}

/// Connects to `[inet:][host]:port`, `port`, or `unix:path`.
fn connect(filter: &[u8], limit: Duration) -> io::Result<OwnedFd> {
    let text = filter.to_str().map_err(io::Error::other)?;
    if let Some(path) = text.strip_prefix("unix:") {
        return Ok(sys::socket::connect_unix(path, limit)?.into());
    }
    let place = text.strip_prefix("inet:").unwrap_or(text);
    let (host, port) = place.rsplit_once(':').unwrap_or(("", place));
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let host = if host.is_empty() { "localhost" } else { host };
    let port = port.parse().ok().or_else(|| sys::network::service_port(port));
    let port = port.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in sys::network::host_addresses(host)? {
        match std::net::TcpStream::connect_timeout(&(address, port).into(), limit) {
            Ok(socket) => return Ok(socket.into()),
            Err(error) => last = error,
        }
    }
    Err(last)
}
