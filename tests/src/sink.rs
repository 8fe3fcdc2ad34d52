//! A server that mail is sent to: it records what is said, and misbehaves on command.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::wait;

/// What the server does when it is its turn to speak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Says these bytes; a line end is added unless there is one.
    Say(String),
    /// Says these bytes as they are.
    Raw(Vec<u8>),
    /// Says these bytes, and closes.
    SayAndClose(String),
    /// Closes.
    Close,
    /// Is silent, and keeps the connection open.
    Stall,
    /// Sends a line without end, until the client closes.
    Babble,
}

/// One answer that differs from the usual one.
#[derive(Clone, Debug)]
struct Rule {
    /// What the client's line begins with, in any case; `greeting`, `content`, `dot`.
    to: String,
    act: Act,
    /// How often it still applies.
    left: usize,
}

/// How a server behaves.
#[derive(Clone, Debug)]
pub struct Behaviour {
    greeting: String,
    /// Lines of the EHLO reply behind the first.
    features: Vec<String>,
    lmtp: bool,
    rules: Vec<Rule>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self { greeting: "220 sink.example ESMTP".into(), features: Vec::new(), lmtp: false, rules: Vec::new() }
    }
}

impl Behaviour {
    /// A server that speaks SMTP and offers these features.
    pub fn offering(features: &[&str]) -> Self {
        Self { features: features.iter().map(|feature| (*feature).to_owned()).collect(), ..Self::default() }
    }

    /// The same for LMTP.
    #[must_use]
    pub fn lmtp(self) -> Self {
        Self { lmtp: true, greeting: "220 sink.example LMTP".into(), ..self }
    }

    /// Another greeting.
    #[must_use]
    pub fn greeting(self, greeting: &str) -> Self {
        Self { greeting: greeting.into(), ..self }
    }

    /// What is said to lines that begin like this, always. `greeting`, `content` (in the middle of it) and `dot` have rules too.
    #[must_use]
    pub fn on(self, to: &str, act: Act) -> Self {
        self.times(usize::MAX, to, act)
    }

    /// As [`Behaviour::on`], for a reply.
    #[must_use]
    pub fn reply(self, to: &str, text: &str) -> Self {
        self.on(to, Act::Say(text.into()))
    }

    /// As [`Behaviour::on`], but only so often.
    #[must_use]
    pub fn times(mut self, count: usize, to: &str, act: Act) -> Self {
        self.rules.push(Rule { to: to.into(), act, left: count });
        self
    }

    fn rule(&mut self, line: &str) -> Option<Act> {
        let matches = |rule: &&mut Rule| rule.left > 0 && starts_with(line, &rule.to);
        let rule = self.rules.iter_mut().find(matches)?;
        rule.left -= 1;
        Some(rule.act.clone())
    }
}

fn starts_with(line: &str, start: &str) -> bool {
    line.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start))
}

/// What happened on one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// Commands, in order.
    pub commands: Vec<String>,
    /// Contents of messages as they came, with CR LF and doubled dots, without the final dot.
    pub contents: Vec<Vec<u8>>,
    /// Commands that arrived together, as lists of their first words.
    pub batches: Vec<Vec<String>>,
}

impl Session {
    /// The content of the first message as text.
    pub fn content(&self) -> String {
        self.contents.first().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
    }
}

/// A running server.
#[derive(Debug)]
pub struct Sink {
    /// Where it listens; nothing for a socket with a path.
    pub address: Option<SocketAddr>,
    sessions: Arc<Mutex<Vec<Session>>>,
}

impl Sink {
    /// Listens on any port of 127.0.0.1.
    ///
    /// # Panics
    /// When that cannot be.
    pub fn start(behaviour: Behaviour) -> Self {
        Self::listen(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port"), behaviour)
    }

    /// Listens on port 25 of an address in 127/8 that nobody else uses.
    ///
    /// # Panics
    /// When that cannot be.
    pub fn on_port_25(behaviour: Behaviour) -> Self {
        Self::listen(TcpListener::bind((own_address(), 25)).expect("port 25"), behaviour)
    }

    /// Listens on this address.
    ///
    /// # Panics
    /// When that cannot be.
    pub fn at(address: SocketAddr, behaviour: Behaviour) -> Self {
        Self::listen(TcpListener::bind(address).expect("an address"), behaviour)
    }

    fn listen(listener: TcpListener, behaviour: Behaviour) -> Self {
        let address = listener.local_addr().expect("an address");
        let sink = Self { address: Some(address), sessions: Arc::default() };
        let (sessions, behaviour) = (sink.sessions.clone(), Arc::new(Mutex::new(behaviour)));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (sessions, behaviour) = (sessions.clone(), behaviour.clone());
                let _ = stream.set_nodelay(true);
                thread::spawn(move || Connection::new(Box::new(stream), sessions, behaviour).serve());
            }
        });
        sink
    }

    /// Listens on a socket with a path.
    ///
    /// # Panics
    /// When that cannot be.
    pub fn at_path(path: &Path, behaviour: Behaviour) -> Self {
        let listener = UnixListener::bind(path).expect("a socket");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666)).expect("permissions");
        let sink = Self { address: None, sessions: Arc::default() };
        let (sessions, behaviour) = (sink.sessions.clone(), Arc::new(Mutex::new(behaviour)));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (sessions, behaviour) = (sessions.clone(), behaviour.clone());
                thread::spawn(move || Connection::new(Box::new(stream), sessions, behaviour).serve());
            }
        });
        sink
    }

    /// `[127.0.0.1]:port`, as a next hop.
    ///
    /// # Panics
    /// For a socket with a path.
    pub fn nexthop(&self) -> String {
        let address = self.address.expect("a network address");
        format!("[{}]:{}", address.ip(), address.port())
    }

    /// The text of the relay field in the log.
    ///
    /// # Panics
    /// For a socket with a path.
    pub fn relay(&self) -> String {
        let address = self.address.expect("a network address");
        format!("relay={0}[{0}]:{1}", address.ip(), address.port())
    }

    /// The connections so far.
    ///
    /// # Panics
    /// When the server has panicked.
    pub fn sessions(&self) -> Vec<Session> {
        self.sessions.lock().expect("a lock").clone()
    }

    /// Waits for this many connections that ended with one of these commands, or with a close.
    ///
    /// # Panics
    /// When they do not come.
    pub fn wait_for(&self, what: &str, ready: impl Fn(&[Session]) -> bool) -> Vec<Session> {
        let answer = || {
            let sessions = self.sessions();
            ready(&sessions).then_some(sessions)
        };
        wait::until(what, answer, || format!("{:#?}", self.sessions()))
    }
}

/// An address in 127/8 that no other test of this machine takes.
pub fn own_address() -> Ipv4Addr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let (process, count) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    Ipv4Addr::new(127, 160 + ((process >> 8) % 90) as u8, process as u8, (count % 250) as u8 + 1)
}

trait Wire: Read + Write + Send {
    fn close(&self);
}

impl Wire for TcpStream {
    fn close(&self) {
        let _ = self.shutdown(Shutdown::Both);
    }
}

impl Wire for UnixStream {
    fn close(&self) {
        let _ = self.shutdown(Shutdown::Both);
    }
}

/// The client is gone, or the server has closed.
struct Over;

struct Connection {
    stream: Box<dyn Wire>,
    received: Vec<u8>,
    sessions: Arc<Mutex<Vec<Session>>>,
    number: usize,
    behaviour: Arc<Mutex<Behaviour>>,
    lmtp: bool,
    accepted: usize,
}

impl Connection {
    fn new(stream: Box<dyn Wire>, sessions: Arc<Mutex<Vec<Session>>>, behaviour: Arc<Mutex<Behaviour>>) -> Self {
        let mut all = sessions.lock().expect("a lock");
        all.push(Session::default());
        let number = all.len() - 1;
        drop(all);
        let lmtp = behaviour.lock().expect("a lock").lmtp;
        Self { stream, received: Vec::new(), sessions, number, behaviour, lmtp, accepted: 0 }
    }

    fn serve(mut self) {
        let greeting = self.behaviour.lock().expect("a lock").greeting.clone();
        if self.answer("greeting", &greeting).is_ok() {
            while let Ok(line) = self.command() {
                if self.obey(&line).is_err() {
                    break;
                }
            }
        }
        self.stream.close();
    }

    fn note(&self, change: impl FnOnce(&mut Session)) {
        change(&mut self.sessions.lock().expect("a lock")[self.number]);
    }

    fn fill(&mut self) -> Result<(), Over> {
        let mut buffer = [0; 65_536];
        match self.stream.read(&mut buffer) {
            Ok(0) | Err(_) => Err(Over),
            Ok(count) => {
                self.received.extend_from_slice(&buffer[..count]);
                Ok(())
            }
        }
    }

    fn line(&mut self) -> Result<(Vec<u8>, bool), Over> {
        let mut is_fresh = false;
        loop {
            if let Some(at) = self.received.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.received.drain(..=at).collect();
                return Ok((line, is_fresh));
            }
            self.fill()?;
            is_fresh = true;
        }
    }

    fn command(&mut self) -> Result<String, Over> {
        let (line, is_fresh) = self.line()?;
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        let word = text.split(' ').next().unwrap_or_default().to_owned();
        self.note(|session| {
            session.commands.push(text.clone());
            match session.batches.last_mut() {
                Some(batch) if !is_fresh => batch.push(word),
                _ => session.batches.push(vec![word]),
            }
        });
        Ok(text)
    }

    fn answer(&mut self, to: &str, usual: &str) -> Result<bool, Over> {
        let rule = self.behaviour.lock().expect("a lock").rule(to);
        let act = rule.unwrap_or_else(|| Act::Say(usual.into()));
        let said = match &act {
            Act::Say(text) | Act::SayAndClose(text) => text.clone(),
            Act::Raw(bytes) => return self.write(bytes).map(|()| true),
            Act::Close => return Err(Over),
            Act::Stall => loop {
                self.fill()?;
            },
            Act::Babble => loop {
                self.write(&[b'x'; 1000])?;
            },
        };
        let end = if said.ends_with('\n') { "" } else { "\r\n" };
        self.write(format!("{said}{end}").as_bytes())?;
        if matches!(act, Act::SayAndClose(_)) { Err(Over) } else { Ok(said.starts_with(['2', '3'])) }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Over> {
        self.stream.write_all(bytes).map_err(|_| Over)
    }

    fn obey(&mut self, line: &str) -> Result<(), Over> {
        let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" | "LHLO" => {
                let features = self.behaviour.lock().expect("a lock").features.clone();
                let mut lines = vec!["sink.example".to_owned()];
                lines.extend(features);
                let last = lines.len() - 1;
                let text: Vec<String> = lines
                    .iter()
                    .enumerate()
                    .map(|(at, text)| format!("250{}{text}", if at == last { ' ' } else { '-' }))
                    .collect();
                self.answer(line, &text.join("\r\n"))?;
            }
            "MAIL" | "RSET" => {
                self.accepted = 0;
                self.answer(line, "250 2.1.0 Ok")?;
            }
            "RCPT" => self.accepted += usize::from(self.answer(line, "250 2.1.5 Ok")?),
            "DATA" => {
                if self.answer(line, "354 End data with <CR><LF>.<CR><LF>")? {
                    self.content()?;
                }
            }
            "QUIT" => {
                self.answer(line, "221 2.0.0 Bye")?;
                return Err(Over);
            }
            "HELO" => drop(self.answer(line, "250 sink.example")?),
            _ => drop(self.answer(line, "250 2.0.0 Ok")?),
        }
        Ok(())
    }

    fn content(&mut self) -> Result<(), Over> {
        let mut content = Vec::new();
        loop {
            let (line, _) = self.line()?;
            if line == b".\r\n" {
                break;
            }
            content.extend_from_slice(&line);
            let rule = self.behaviour.lock().expect("a lock").rule("content");
            if let Some(act) = rule {
                self.behaviour.lock().expect("a lock").rules.insert(0, Rule { to: "now".into(), act, left: 1 });
                self.answer("now", "")?;
            }
        }
        self.note(|session| session.contents.push(content));
        let count = if self.lmtp { self.accepted } else { 1 };
        for _ in 0..count {
            self.answer("dot", "250 2.0.0 Ok: queued as SINK")?;
        }
        Ok(())
    }
}
