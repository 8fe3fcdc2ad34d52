//! Lines over a connection, with time limits (smtpd §4.3, §4.5; smtp-client §5).
//!
//! A [`Stream`] keeps output until it would block for input, and never holds more input than its buffer. Underneath it is a [`Channel`]: a
//! socket, a pair of files, or whatever encrypts one.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use sys::descriptor::{pending, wait_readable, wait_writable};
use text::inbox::Inbox;

/// How many bytes are read and written at a time.
const BUFFER_SIZE: usize = 16 * 1024;
/// Replies that have waited this long are sent, even when more will follow (smtpd §4.5).
const PATIENCE: Duration = Duration::from_secs(10);
/// What a pipe takes without blocking once it is writable.
const PIPE_SIZE: usize = 4096;

/// Why a stream is of no more use.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The peer was silent, or did not take what it was sent, for too long.
    #[error("timeout")]
    Timeout,
    /// The peer has closed, or is gone.
    #[error("lost connection")]
    Lost,
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Self::Timeout,
            _ => Self::Lost,
        }
    }
}

/// What carries the bytes. `limit` is for one operation.
pub trait Channel: std::fmt::Debug {
    /// Reads what there is, and waits for it; 0 at the end.
    ///
    /// # Errors
    /// `TimedOut` or `WouldBlock` after `limit`; what the system reports.
    fn read(&mut self, buffer: &mut [u8], limit: Duration) -> io::Result<usize>;

    /// Writes some of the bytes.
    ///
    /// # Errors
    /// As for [`Channel::read`].
    fn write(&mut self, bytes: &[u8], limit: Duration) -> io::Result<usize>;

    /// Whether a read would not wait.
    fn is_readable(&self) -> bool;

    /// Lets no more input come.
    fn stop_input(&mut self);

    /// The descriptor that input comes from.
    fn input(&self) -> BorrowedFd<'_>;
}

/// A socket. The system keeps the time limits.
#[derive(Debug)]
struct Socket {
    socket: socket2::Socket,
    limits: [Option<Duration>; 2],
}

impl Socket {
    /// Sets the limit of reads (0) or writes (1), when it has changed.
    fn limit(&mut self, way: usize, limit: Duration) -> io::Result<()> {
        // Zero would mean no limit at all.
        let limit = limit.max(Duration::from_millis(1));
        if self.limits[way] != Some(limit) {
            match way {
                0 => self.socket.set_read_timeout(Some(limit))?,
                _ => self.socket.set_write_timeout(Some(limit))?,
            }
            self.limits[way] = Some(limit);
        }
        Ok(())
    }
}

impl Channel for Socket {
    fn read(&mut self, buffer: &mut [u8], limit: Duration) -> io::Result<usize> {
        self.limit(0, limit)?;
        self.socket.read(buffer)
    }

    fn write(&mut self, bytes: &[u8], limit: Duration) -> io::Result<usize> {
        self.limit(1, limit)?;
        self.socket.write(bytes)
    }

    fn is_readable(&self) -> bool {
        wait_readable(&self.socket, Some(Duration::ZERO)).unwrap_or(true)
    }

    fn stop_input(&mut self) {
        // A peer that is gone has nothing more to say either.
        let _ = self.socket.shutdown(Shutdown::Read);
    }

    fn input(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Two files: pipes, terminals.
#[derive(Debug)]
struct Files {
    input: File,
    output: File,
    stopped: bool,
}

impl Channel for Files {
    fn read(&mut self, buffer: &mut [u8], limit: Duration) -> io::Result<usize> {
        if self.stopped {
            return Ok(0);
        }
        if !wait_readable(&self.input, Some(limit))? {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.input.read(buffer)
    }

    fn write(&mut self, bytes: &[u8], limit: Duration) -> io::Result<usize> {
        if !wait_writable(&self.output, Some(limit))? {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.output.write(&bytes[..bytes.len().min(PIPE_SIZE)])
    }

    fn is_readable(&self) -> bool {
        wait_readable(&self.input, Some(Duration::ZERO)).unwrap_or(true)
    }

    fn stop_input(&mut self) {
        self.stopped = true;
    }

    fn input(&self) -> BorrowedFd<'_> {
        self.input.as_fd()
    }
}

/// Time that one request, or its answer, may take in all (`smtpd_per_request_deadline`, `smtp_per_request_deadline`).
#[derive(Clone, Copy, Debug)]
struct Budget {
    left: Duration,
    /// Bytes per second that extend the time; 0 for none.
    rate: u32,
}

/// How a line ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With CR LF.
    CrLf,
    /// With LF alone.
    Lf,
    /// Not yet: the limit came first, and the rest of the line follows.
    Open,
}

/// One line, or a piece of a long one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The text without its LF, and without the CR directly before.
    pub text: Vec<u8>,
    /// How it ended.
    pub ending: Ending,
}

/// What replies go out on and what lines come in from.
#[derive(Debug)]
pub struct Stream {
    channel: Box<dyn Channel>,
    received: Inbox,
    pending: Vec<u8>,
    limit: Duration,
    budget: Option<Budget>,
    last_io: Instant,
}

impl Stream {
    /// A stream over a channel; `limit` is for each read and write.
    pub fn new(channel: Box<dyn Channel>, limit: Duration) -> Self {
        Self { channel, received: Inbox::default(), pending: Vec::new(), limit, budget: None, last_io: Instant::now() }
    }

    /// A stream over a connected socket.
    pub fn over_socket(socket: OwnedFd, limit: Duration) -> Self {
        let socket = socket2::Socket::from(socket);
        Self::new(Box::new(Socket { socket, limits: [None; 2] }), limit)
    }

    /// A stream that reads one descriptor and writes another: standard input and output.
    pub fn over_files(input: OwnedFd, output: OwnedFd, limit: Duration) -> Self {
        Self::new(Box::new(Files { input: input.into(), output: output.into(), stopped: false }), limit)
    }

    /// Puts another channel in place of the present one, as encryption does. What was received and not taken is thrown away: it came
    /// without protection. Output must have been flushed.
    pub fn replace_channel(&mut self, make: impl FnOnce(Box<dyn Channel>) -> Box<dyn Channel>) {
        self.discard_input();
        let nothing: Box<dyn Channel> = Box::new(Nothing);
        self.channel = make(std::mem::replace(&mut self.channel, nothing));
    }

    /// Changes the time limit of each read and write, and ends a budget.
    pub fn set_limit(&mut self, limit: Duration) {
        self.limit = limit;
        self.budget = None;
    }

    /// All reads and writes from now on share the time limit, until this is called again. Each byte adds 1/`rate` seconds, never beyond
    /// the limit; a rate of 0 adds nothing.
    pub fn start_budget(&mut self, rate: u32) {
        self.budget = Some(Budget { left: self.limit, rate });
    }

    /// The descriptor that input comes from.
    pub fn input(&self) -> BorrowedFd<'_> {
        self.channel.input()
    }

    /// Bytes that have been received and not been taken.
    pub fn buffered(&self) -> &[u8] {
        self.received.as_slice()
    }

    /// Whether replies wait to be sent.
    pub fn has_output(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Whether the peer has sent more than was taken, or has closed.
    pub fn has_input(&self) -> bool {
        !self.buffered().is_empty() || self.channel.is_readable()
    }

    /// Throws away what was received and not taken.
    pub fn discard_input(&mut self) {
        self.received.clear();
    }

    /// Lets no more input come: all further reads find the end.
    pub fn stop_input(&mut self) {
        self.discard_input();
        self.channel.stop_input();
    }

    /// Keeps bytes for the next flush.
    ///
    /// # Errors
    /// The buffer is full, and the peer does not take it.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.pending.extend_from_slice(bytes);
        let full = self.pending.len() >= BUFFER_SIZE;
        if full || self.last_io.elapsed() > PATIENCE { self.flush() } else { Ok(()) }
    }

    /// Sends what was kept.
    ///
    /// # Errors
    /// The peer does not take it in time, or is gone.
    pub fn flush(&mut self) -> Result<(), Fault> {
        let mut sent = 0;
        while sent < self.pending.len() {
            let limit = self.time_left()?;
            let start = Instant::now();
            let result = self.channel.write(&self.pending[sent..], limit);
            self.spend(start, *result.as_ref().unwrap_or(&0));
            match result {
                Ok(0) => return Err(Fault::Lost),
                Ok(count) => sent += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.pending.clear();
                    return Err(error.into());
                }
            }
        }
        self.pending.clear();
        Ok(())
    }

    fn time_left(&self) -> Result<Duration, Fault> {
        match self.budget {
            Some(budget) if budget.left.is_zero() => Err(Fault::Timeout),
            Some(budget) => Ok(budget.left),
            None => Ok(self.limit),
        }
    }

    fn spend(&mut self, start: Instant, bytes: usize) {
        self.last_io = Instant::now();
        let Some(budget) = &mut self.budget else { return };
        budget.left = budget.left.saturating_sub(self.last_io.duration_since(start));
        if let Some(nanos) = (bytes as u64 * 1_000_000_000).checked_div(u64::from(budget.rate)) {
            budget.left = self.limit.min(budget.left + Duration::from_nanos(nanos));
        }
    }

    /// Waits for input, after sending what was kept.
    ///
    /// # Errors
    /// [`Fault::Lost`] at the end of input.
    pub fn fill(&mut self) -> Result<(), Fault> {
        self.flush()?;
        loop {
            let limit = self.time_left()?;
            let start = Instant::now();
            let result = self.channel.read(self.received.space(BUFFER_SIZE), limit);
            self.spend(start, *result.as_ref().unwrap_or(&0));
            match result {
                Ok(0) => return Err(Fault::Lost),
                Ok(count) => {
                    self.received.add(count);
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Takes at most `limit` received bytes, of which there is at least one.
    ///
    /// # Errors
    /// [`Fault::Lost`] at the end of input.
    pub fn take(&mut self, limit: usize) -> Result<&[u8], Fault> {
        if self.buffered().is_empty() {
            self.fill()?;
        }
        Ok(self.received.take(limit))
    }

    /// The next line, or its next `limit` bytes, LF included. When byte number `limit` is the CR of a CR LF, the line is complete.
    /// A line that the peer does not finish is never returned.
    ///
    /// # Errors
    /// [`Fault::Lost`] at the end of input.
    pub fn line(&mut self, limit: usize) -> Result<Line, Fault> {
        let mut scanned = 0;
        loop {
            let bytes = self.received.as_slice();
            let window = &bytes[..bytes.len().min(limit)];
            if let Some(at) = memchr::memchr(b'\n', &window[scanned..]) {
                return Ok(self.take_line(scanned + at));
            }
            if window.len() == limit {
                match (window.ends_with(b"\r"), bytes.get(limit)) {
                    (true, None) => {}
                    (true, Some(b'\n')) => return Ok(self.take_line(limit)),
                    _ => {
                        let text = self.received.take(limit).to_vec();
                        return Ok(Line { text, ending: Ending::Open });
                    }
                }
            }
            scanned = window.len();
            self.fill()?;
        }
    }

    /// Takes a line whose LF is at `length`.
    fn take_line(&mut self, length: usize) -> Line {
        let line = self.received.take(length + 1);
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        match line.strip_suffix(b"\r") {
            Some(text) => Line { text: text.to_vec(), ending: Ending::CrLf },
            None => Line { text: line.to_vec(), ending: Ending::Lf },
        }
    }

    /// Reads and throws away up to `most` bytes, until an LF has been thrown away. False: there was none.
    ///
    /// # Errors
    /// [`Fault::Lost`] at the end of input.
    pub fn skip_line(&mut self, mut most: usize) -> Result<bool, Fault> {
        while most > 0 {
            let bytes = self.take(most)?;
            let (length, found) = (bytes.len(), memchr::memchr(b'\n', bytes));
            if let Some(at) = found {
                self.received.put_back(length - at - 1);
                return Ok(true);
            }
            most -= length;
        }
        Ok(false)
    }

    /// How many bytes wait in the system, besides those in the buffer.
    pub fn waiting(&self) -> usize {
        pending(self.channel.input()).unwrap_or(0)
    }
}

/// Stands in for a channel for a moment.
#[derive(Debug)]
struct Nothing;

impl Channel for Nothing {
    fn read(&mut self, _: &mut [u8], _: Duration) -> io::Result<usize> {
        Ok(0)
    }

    fn write(&mut self, _: &[u8], _: Duration) -> io::Result<usize> {
        Ok(0)
    }

    fn is_readable(&self) -> bool {
        true
    }

    fn stop_input(&mut self) {}

    fn input(&self) -> BorrowedFd<'_> {
        unreachable!("a channel that is being replaced is not used")
    }
}

#[cfg(test)]
mod tests;
