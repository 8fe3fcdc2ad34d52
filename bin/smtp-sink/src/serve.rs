//! Many clients at a time (smtpd §15.1).

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use logging::fatal;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::dialogue::{Answer, Dialogue, Then};
use crate::dump::Message;
use crate::options::Options;
use crate::verb::Verb;

/// The longest command line, in bytes.
const LINE_LIMIT: usize = 2048;
/// How much is read at a time, in bytes.
const CHUNK: usize = 16 * 1024;

/// What all clients share.
struct Sink {
    options: Options,
    slots: Semaphore,
    sessions: Cell<u64>,
    quits: Cell<u64>,
    messages: Cell<u64>,
}

/// Serves clients until a limit is reached.
pub fn run(options: Options, listeners: Vec<OwnedFd>) -> ! {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.unwrap_or_else(|error| fatal!("cannot start the event loop: {}", sys::reason(&error)));
    let sink = Rc::new(Sink {
        slots: Semaphore::new(options.max_clients),
        options,
        sessions: Cell::new(0),
        quits: Cell::new(0),
        messages: Cell::new(0),
    });
    tokio::task::LocalSet::new().block_on(&runtime, async {
        for listener in listeners {
            tokio::task::spawn_local(listen(sink.clone(), listener));
        }
        std::future::pending::<()>().await
    });
    unreachable!("the sink ends by exit alone")
}

async fn listen(sink: Rc<Sink>, listener: OwnedFd) {
    let listener = sys::event::watch(listener, Interest::READABLE)
        .unwrap_or_else(|error| fatal!("event loop: {}", sys::reason(&error)));
    loop {
        // Clients beyond the limit wait in the listen queue.
        let Ok(slot) = sink.slots.acquire().await else { return };
        let Ok(mut ready) = listener.readable().await else { return };
        match ready.try_io(|listener| sys::socket::accept(listener.get_ref())) {
            Ok(Ok(socket)) => {
                slot.forget();
                tokio::task::spawn_local(attend(sink.clone(), socket));
            }
            Ok(Err(error)) if !sys::socket::is_accept_race(&error) => fatal!("accept: {}", sys::reason(&error)),
            Ok(Err(_)) | Err(_) => {}
        }
    }
}

async fn attend(sink: Rc<Sink>, socket: OwnedFd) {
    sys::socket::keep_alive(&socket);
    let address = sys::socket::peer_address(&socket).ok().flatten().map(|peer| peer.ip().to_string());
    let file = File::from(socket);
    let watched = sys::descriptor::set_nonblocking(&file, true)
        .and_then(|()| sys::event::watch(file, Interest::READABLE | Interest::WRITABLE));
    match watched {
        Ok(socket) => {
            let client = Client {
                sink: &sink,
                socket,
                address: address.unwrap_or_else(|| "0.0.0.0".into()),
                received: Vec::new(),
                pending: Vec::new(),
            };
            if let Err(error) = client.converse().await {
                log::debug!("client: {}", sys::reason(&error));
            }
        }
        Err(error) => log::warn!("{}", sys::reason(&error)),
    }
    sink.slots.add_permits(1);
}

/// One connection.
struct Client<'s> {
    sink: &'s Sink,
    socket: AsyncFd<File>,
    address: String,
    received: Vec<u8>,
    pending: Vec<u8>,
}

impl Client<'_> {
    async fn converse(mut self) -> io::Result<()> {
        let sink = self.sink;
        let mut dialogue = Dialogue::new(&sink.options);
        let greeting = dialogue.greeting();
        let mut goes_on = self.say(greeting).await?;
        while goes_on {
            let Some(line) = self.line().await? else {
                log::warn!("command line too long");
                break;
            };
            let answer = dialogue.take(&line);
            self.note(&answer, &line);
            let wants_content = answer.then == Then::Content;
            let quits = answer.then == Then::Close && answer.verb == Some(Verb::Quit);
            goes_on = self.say(answer).await?;
            if wants_content {
                goes_on = self.content(&mut dialogue).await?;
            }
            if quits {
                self.flush().await?;
                sink.count_quit();
            }
        }
        self.flush().await?;
        sink.sessions.set(sink.sessions.get() + 1);
        sink.show_counters();
        Ok(())
    }

    fn note(&self, answer: &Answer, line: &[u8]) {
        if answer.verb.is_some_and(|verb| self.sink.options.logged.has(verb)) {
            logging::syslog("smtp-sink", line);
        }
    }

    /// Says something, after the delay that it has. False: the connection ends.
    async fn say(&mut self, answer: Answer) -> io::Result<bool> {
        if let Some(verb) = answer.verb {
            let delay = self.sink.delay(verb);
            if !delay.is_zero() {
                self.flush().await?;
                sleep(delay).await;
            }
        }
        self.pending.extend_from_slice(&answer.text);
        Ok(answer.then != Then::Close)
    }

    /// The next command, without its end; `None` when it is too long.
    async fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(at) = memchr::memmem::find(&self.received, b"\r\n") {
                let mut line: Vec<u8> = self.received.drain(..at + 2).collect();
                line.truncate(at);
                return Ok((at <= LINE_LIMIT).then_some(line));
            }
            if self.received.len() > LINE_LIMIT {
                return Ok(None);
            }
            self.fill().await?;
        }
    }

    /// Takes the content of a message, and answers it.
    async fn content(&mut self, dialogue: &mut Dialogue<'_>) -> io::Result<bool> {
        let sink = self.sink;
        if let Some(delay) = sink.options.abort_delay {
            self.flush().await?;
            sleep(delay).await;
            self.pending.extend_from_slice(b"550 This violates SMTP\r\n");
            return Ok(false);
        }
        if !sink.options.read_delay.is_zero() {
            self.flush().await?;
            sleep(sink.options.read_delay).await;
        }
        let mut message = Message::begin(&sink.options, dialogue.envelope(), &self.address)
            .unwrap_or_else(|error| fatal!("dump file: {}", sys::reason(&error)));
        while let Some((line, complete)) = self.content_line().await? {
            message.take(&line, complete);
        }
        message.finish().unwrap_or_else(|error| fatal!("dump file: {}", sys::reason(&error)));
        let answer = dialogue.end_of_content();
        self.note(&answer, b".");
        let goes_on = self.say(answer).await?;
        self.flush_when_last().await?;
        sink.count_message();
        Ok(goes_on)
    }

    /// The next line of content, or the beginning of a long one; `None` for the final dot.
    async fn content_line(&mut self) -> io::Result<Option<(Vec<u8>, bool)>> {
        loop {
            if let Some(at) = memchr::memmem::find(&self.received, b"\r\n") {
                let line: Vec<u8> = self.received.drain(..at + 2).collect();
                return Ok((line != b".\r\n").then(|| (line[..at].to_vec(), true)));
            }
            if self.received.len() > CHUNK {
                // A CR at the end may be half of a line end.
                let keep = usize::from(self.received.ends_with(b"\r"));
                let end = self.received.len() - keep;
                return Ok(Some((self.received.drain(..end).collect(), false)));
            }
            self.fill().await?;
        }
    }

    /// A process that is about to end does not keep a reply back.
    async fn flush_when_last(&mut self) -> io::Result<()> {
        let options = &self.sink.options;
        match options.max_messages > 0 && self.sink.messages.get() + 1 >= options.max_messages {
            true => self.flush().await,
            false => Ok(()),
        }
    }

    /// Reads more, after saying what waits to be said.
    async fn fill(&mut self) -> io::Result<()> {
        self.flush().await?;
        let limit = self.sink.options.time_limit;
        let mut chunk = vec![0; CHUNK];
        let reading = async {
            loop {
                let mut ready = self.socket.readable().await?;
                if let Ok(length) = ready.try_io(|socket| socket.get_ref().read(&mut chunk)) {
                    return length;
                }
            }
        };
        match timeout(limit, reading).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            length => {
                self.received.extend_from_slice(&chunk[..length]);
                Ok(())
            }
        }
    }

    async fn flush(&mut self) -> io::Result<()> {
        let (bytes, limit) = (std::mem::take(&mut self.pending), self.sink.options.time_limit);
        let writing = async {
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let mut ready = self.socket.writable().await?;
                if let Ok(length) = ready.try_io(|socket| socket.get_ref().write(rest)) {
                    rest = &rest[length?..];
                }
            }
            Ok(())
        };
        timeout(limit, writing).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }
}

impl Sink {
    fn count_message(&self) {
        self.messages.set(self.messages.get() + 1);
        self.show_counters();
        if self.options.max_messages > 0 && self.messages.get() >= self.options.max_messages {
            std::process::exit(0);
        }
    }

    fn count_quit(&self) {
        self.quits.set(self.quits.get() + 1);
        // Only what is counted can be a limit.
        let is_limit = self.options.count && self.options.max_quits > 0;
        if is_limit && self.quits.get() >= self.options.max_quits {
            self.sessions.set(self.sessions.get() + 1);
            self.show_counters();
            std::process::exit(0);
        }
    }

    fn show_counters(&self) {
        if !self.options.count {
            return;
        }
        let mut output = io::stdout();
        let (sessions, quits, messages) = (self.sessions.get(), self.quits.get(), self.messages.get());
        let written = write!(output, "sess={sessions} quit={quits} mesg={messages}\r").and_then(|()| output.flush());
        if let Err(error) = written {
            fatal!("standard output: {}", sys::reason(&error));
        }
    }

    /// How long the reply to a command waits: a fixed time, or a random multiple of it.
    fn delay(&self, verb: Verb) -> Duration {
        let mut total = Duration::ZERO;
        for delay in self.options.delays.iter().filter(|delay| delay.verb == verb) {
            total += delay.time;
            while delay.odds > 0 && sys::random::number().unwrap_or(u64::MAX) % 100 < delay.odds {
                total += delay.time;
            }
        }
        total
    }
}
