//! Talking to a command within a time limit.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::time::Duration;

use sys::privilege::ActingAs;
use sys::signal::Signal;

use super::Settings;

/// How much output is kept, in bytes.
const OUTPUT_LIMIT: usize = 4096;

/// The time limit of each wait. Once it has expired, no later wait takes any time.
#[derive(Debug)]
pub(super) struct Clock {
    limit: Duration,
    expired: Cell<bool>,
}

impl Clock {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, expired: Cell::new(false) }
    }

    pub(super) fn has_expired(&self) -> bool {
        self.expired.get()
    }

    fn limit(&self) -> Duration {
        if self.expired.get() { Duration::ZERO } else { self.limit }
    }

    fn expire(&self, what: &str) {
        if !self.expired.replace(true) {
            log::warn!("{what} time limit exceeded");
        }
    }
}

/// The command's standard input.
pub(super) struct TimedPipe<'a> {
    file: File,
    clock: &'a Clock,
}

impl<'a> TimedPipe<'a> {
    pub(super) fn new(file: File, clock: &'a Clock) -> io::Result<Self> {
        sys::descriptor::set_nonblocking(&file, true)?;
        Ok(Self { file, clock })
    }
}

impl Write for TimedPipe<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.file.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
            if !sys::descriptor::wait_writable(&self.file, Some(self.clock.limit()))? {
                self.clock.expire("pipe_command_write: write");
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the command says, until it says no more or has said enough.
pub(super) fn read_output(mut pipe: File, clock: &Clock) -> Vec<u8> {
    let mut output = Vec::new();
    while output.len() < OUTPUT_LIMIT {
        match sys::descriptor::wait_readable(&pipe, Some(clock.limit())) {
            Ok(true) => {}
            Ok(false) => {
                clock.expire("pipe_command_read: read");
                break;
            }
            Err(_) => break,
        }
        let mut chunk = [0; OUTPUT_LIMIT];
        let wanted = OUTPUT_LIMIT - output.len();
        match pipe.read(&mut chunk[..wanted]) {
            Ok(0) => break,
            Ok(length) => output.extend_from_slice(&chunk[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Output that cannot be read is no output; the exit status decides.
            Err(_) => break,
        }
    }
    output
}

/// Waits for the end of the command, and ends it when the time is up.
pub(super) fn wait_or_kill(process: &mut Child, clock: &Clock, settings: &Settings<'_>) -> ExitStatus {
    let limit = if clock.has_expired() { Duration::from_secs(1) } else { clock.limit };
    if clock.has_expired() {
        kill(process, settings);
    }
    if let Some(status) = wait_for(process, limit) {
        return status;
    }
    clock.expire("pipe_command_wait_or_kill: child wait");
    kill(process, settings);
    process.wait().unwrap_or_else(|_| ExitStatus::from_raw(Signal::SIGKILL as i32))
}

fn wait_for(process: &mut Child, limit: Duration) -> Option<ExitStatus> {
    sys::process::wait_at_most(process, limit)
        .unwrap_or_else(|error| logging::fatal!("wait for command: {}", sys::reason(&error)))
}

/// Kills the command's process group, with the command's rights and no others.
fn kill(process: &Child, settings: &Settings<'_>) {
    let pid = process.id().cast_signed();
    let result = ActingAs::new(settings.uid, settings.gid).and_then(|_acting| {
        sys::signal::send_group(pid, Signal::SIGKILL).or_else(|_| sys::signal::send(pid, Signal::SIGKILL))
    });
    if let Err(error) = result {
        log::warn!("cannot kill process (group) {pid}: {}", sys::reason(&error));
    }
}
