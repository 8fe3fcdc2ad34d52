//! Handing a message to postdrop(1), which puts it into maildrop (queue-files §9.4, §10.2): what sendmail, and smtpd on
//! standard input, do.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use bstr::{BStr, BString};
use config::environment::{Element, select};
use config::{Config, params};
use ipc::cleanup::{Greeting, Reply, status};
use ipc::{Stream, protocol};
use queue::RecordType;
use queue::record;

const FORK_RETRY_DELAY: Duration = Duration::from_secs(10);

/// postdrop could not be made to take a message: the text of the fatal error.
#[derive(Debug, thiserror::Error)]
#[error("unable to execute {}: {reason}", text::show(.command))]
pub struct StartError {
    command: BString,
    reason: String,
}

/// A message on its way to postdrop. Dropping it before the end record takes the message back.
#[derive(Debug)]
pub struct Postdrop {
    child: Child,
    stream: Stream,
    queue_id: BString,
}

impl Postdrop {
    /// Runs postdrop with the environment that `export_environment` lists, and `verbosity` times `-v`. When there are no
    /// processes to be had, tries again every ten seconds.
    ///
    /// # Errors
    /// postdrop cannot be run, or ends at once; a warning has been logged.
    pub fn start(config: &Config, verbosity: u32) -> Result<Postdrop, StartError> {
        let program = [config.get(params::COMMAND_DIRECTORY).as_ref(), b"/postdrop".as_slice()].concat();
        let mut words: Vec<BString> = vec![program.into(), "-r".into()];
        words.extend((0..verbosity).map(|_| BString::from("-v")));
        let command = BString::from(bstr::join(" ", &words));
        let failed = |reason: String| StartError { command: command.clone(), reason };

        let environment = config.export_environment().map_err(|error| failed(error.to_string()))?;
        let (mut child, socket) = spawn(&words, &environment).map_err(|error| failed(sys::reason(&error)))?;
        let mut stream = Stream::new(socket, "postdrop", None);
        match Greeting::receive(&mut stream, protocol::POSTDROP) {
            Ok(greeting) => Ok(Postdrop { child, stream, queue_id: greeting.queue_id }),
            Err(error) => {
                log::debug!("{error}");
                drop(stream);
                report_status(&mut child, |status| {
                    log::warn!("command \"{}\" exited with status {status}", text::show(&command));
                });
                Err(failed("Success".into()))
            }
        }
    }

    /// The queue ID that the message has in maildrop.
    pub fn queue_id(&self) -> &BStr {
        self.queue_id.as_ref()
    }

    /// Sends a record.
    ///
    /// # Errors
    /// postdrop has gone.
    pub fn put(&mut self, record_type: RecordType, payload: &[u8]) -> io::Result<()> {
        record::write(self, record_type, payload)
    }

    /// Sends an `A` record `name=value`.
    ///
    /// # Errors
    /// As for [`Postdrop::put`].
    pub fn put_attribute(&mut self, name: &str, value: &[u8]) -> io::Result<()> {
        self.put(RecordType::ATTRIBUTE, &[name.as_bytes(), b"=", value].concat())
    }

    /// Receives postdrop's judgement, after the end record. What cannot be received counts as a write error.
    ///
    /// # Errors
    /// The last records could not be sent.
    pub fn finish(mut self) -> io::Result<Reply> {
        self.stream.flush()?;
        let reply = self.stream.receive().unwrap_or_else(|error| {
            log::debug!("{error}");
            Reply { status: status::WRITE, reason: BString::default() }
        });
        drop(self.stream);
        report_status(&mut self.child, |_| log::warn!("mail_stream_cleanup: close error"));
        Ok(reply)
    }
}

impl Write for Postdrop {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Runs a command whose standard input and output are one socket, and returns the other end.
fn spawn(words: &[BString], environment: &[Element]) -> io::Result<(Child, OwnedFd)> {
    let os = |text: &BString| OsString::from_vec(text.to_vec());
    let current = |name: &[u8]| std::env::var_os(OsStr::from_bytes(name)).map(|value| value.into_vec().into());
    let variables = select(environment, current);
    let (ours, theirs) = sys::socket::pair()?;
    let (program, arguments) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    loop {
        let spawned = Command::new(os(program))
            .args(arguments.iter().map(os))
            .env_clear()
            .envs(variables.iter().map(|(name, value)| (os(name), os(value))))
            .stdin(Stdio::from(theirs.try_clone()?))
            .stdout(Stdio::from(theirs.try_clone()?))
            .spawn();
        match spawned {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                log::warn!("fork: {}", sys::reason(&error));
                sleep(FORK_RETRY_DELAY);
            }
            spawned => return Ok((spawned?, ours)),
        }
    }
}

/// Waits for the end of postdrop; `complain` hears of a status that is not 0.
fn report_status(child: &mut Child, complain: impl FnOnce(i32)) {
    match child.wait() {
        Ok(ended) if ended.success() => {}
        Ok(ended) => complain(ended.code().unwrap_or(1)),
        Err(error) => log::warn!("wait for postdrop: {}", sys::reason(&error)),
    }
}
