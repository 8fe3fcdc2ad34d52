//! Running a command with a message on its standard input (delivery-agents §1.7).

mod pipe;
mod sysexits;

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::time::Duration;

use bstr::BString;
use sys::process::{DEFAULT_PATH, StartError, UserCommand};

use crate::copy::{CopyError, Style, copy};
use crate::job::Job;
use crate::outcome::Failure;
use pipe::{Clock, TimedPipe, read_output, wait_or_kill};

/// Exit status for "try again".
const TEMPORARY: i32 = 75;

/// What shall be executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// Words, as they are.
    Words(Vec<BString>),
    /// A command for the shell; simple ones are executed without it.
    Shell {
        /// The command.
        command: BString,
        /// `local_command_shell`: words in front of the command; empty for the default behaviour.
        shell: BString,
    },
}

/// How a command runs.
#[derive(Clone, Debug)]
pub struct Settings<'a> {
    /// User and group; never root's.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// The working directory.
    pub directory: Option<PathBuf>,
    /// A new root directory.
    pub jail: Option<PathBuf>,
    /// `export_environment`, already read: the variables to keep or set.
    pub environment: Vec<(BString, BString)>,
    /// Further variables, which come last.
    pub variables: Vec<(BString, BString)>,
    /// For each wait.
    pub limit: Duration,
    /// How the message looks.
    pub style: Style<'a>,
    /// The agent's program name, which stands in front of what it says on the command's standard error.
    pub agent: &'a str,
    /// Whether UTF-8 in the output is kept.
    pub utf8: bool,
}

/// Runs the command, and gives back its output (printable, at most 4096 bytes) when it succeeded.
///
/// # Errors
/// A failure as in the table of §1.7.
pub fn run(job: &Job<'_>, program: &Program, settings: &Settings<'_>) -> Result<BString, Failure> {
    if settings.uid == 0 || settings.gid == 0 {
        logging::panic_report(&format!("refusing to run a command as uid={} gid={}", settings.uid, settings.gid));
    }
    let name = program.name();
    let (reader, writer) = pipes();
    let mut process = match start(program, settings, &writer) {
        Started::Running(child) => child,
        Started::Failed { output } => {
            // What a child would have said before it ended with EX_TEMPFAIL.
            let output = clean(output.as_bytes(), settings.utf8);
            return Err(judge(&name, ExitStatus::from_raw(TEMPORARY << 8), &output));
        }
        Started::NoProcess(error) => {
            log::warn!("fork: {}", sys::reason(&error));
            let reason = format!("Delivery failed: {}", sys::reason(&error));
            return Err(Failure::unix("4.3.0", reason, "system resource problem"));
        }
    };
    drop(writer);
    let clock = Clock::new(settings.limit);
    let copied = feed(job, &mut process, settings, &clock);
    let output = clean(&read_output(reader, &clock), settings.utf8);
    let status = wait_or_kill(&mut process, &clock, settings);
    if clock.has_expired() {
        let reason = format!("Command time limit exceeded: \"{name}\"{}", tail(&output));
        return Err(Failure::unix("5.3.0", reason, diagnostic(&output, "internal software error")));
    }
    if !status.success() {
        return Err(judge(&name, status, &output));
    }
    match copied {
        Ok(()) => Ok(output),
        // A command that does not read all of the message is content with what it has.
        Err(CopyError::Write(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(output),
        Err(error) => Err(copy_failure(&name, error, &output)),
    }
}

impl Program {
    /// What log lines call it.
    fn name(&self) -> String {
        match self {
            Self::Words(words) => words.first().map(|word| text::show(word).to_string()).unwrap_or_default(),
            Self::Shell { command, .. } => text::show(command).to_string(),
        }
    }
}

/// The pipe for standard output and error, whose write side never blocks the command.
fn pipes() -> (File, File) {
    let made = sys::descriptor::pipe().and_then(|(reader, writer)| {
        sys::descriptor::set_nonblocking(&writer, true)?;
        Ok((File::from(reader), File::from(writer)))
    });
    made.unwrap_or_else(|error| logging::fatal!("pipe_command: pipe: {}", sys::reason(&error)))
}

enum Started {
    Running(Child),
    Failed { output: String },
    NoProcess(std::io::Error),
}

fn start(program: &Program, settings: &Settings<'_>, output: &File) -> Started {
    match program {
        Program::Words(words) => attempt(words.clone(), settings, output, "pipe_command: execvp"),
        Program::Shell { command, shell } if !text::space::trim(shell).is_empty() => {
            let mut words: Vec<BString> = text::list::split(shell, b" \t\r\n").map(BString::from).collect();
            words.push(command.clone());
            attempt(words, settings, output, "pipe_command: execvp")
        }
        Program::Shell { command, .. } => {
            if let Some(words) = simple_words(command) {
                let bare = !words[0].contains(&b'/');
                match spawn(&words, settings, output) {
                    Err(StartError::Exec(error)) if bare && error.kind() == std::io::ErrorKind::NotFound => {}
                    result => return explain(result, settings, &format!("execvp {}", text::show(&words[0]))),
                }
            }
            let words = vec!["/bin/sh".into(), "-c".into(), command.clone()];
            explain(spawn(&words, settings, output), settings, "execl /bin/sh")
        }
    }
}

fn attempt(words: Vec<BString>, settings: &Settings<'_>, output: &File, action: &str) -> Started {
    let first = words.first().map(|word| text::show(word).to_string()).unwrap_or_default();
    explain(spawn(&words, settings, output), settings, &format!("{action} {first}"))
}

fn explain(result: Result<Child, StartError>, settings: &Settings<'_>, action: &str) -> Started {
    let (uid, gid) = (settings.uid, settings.gid);
    let (text, on_stderr) = match result {
        Ok(child) => return Started::Running(child),
        Err(StartError::Fork(error)) => return Started::NoProcess(error),
        Err(StartError::Exec(error)) => (format!("{action}: {}", sys::reason(&error)), true),
        Err(StartError::Jail(error)) => {
            let jail = settings.jail.as_deref().unwrap_or_else(|| "".as_ref()).display().to_string();
            (format!("chroot({jail}): {}", sys::reason(&error)), false)
        }
        Err(StartError::Rights(error)) => (format!("set user and group {uid}/{gid}: {}", sys::reason(&error)), false),
        Err(StartError::Directory(error)) => {
            let directory = settings.directory.as_deref().unwrap_or_else(|| "".as_ref()).display().to_string();
            let reason = sys::reason(&error);
            (format!("cannot change directory to \"{directory}\" for uid={uid} gid={gid}: {reason}"), false)
        }
    };
    logging::record(logging::Severity::Fatal, text.as_bytes());
    let output = if on_stderr { format!("{}: fatal: {text}\n", settings.agent) } else { String::new() };
    Started::Failed { output }
}

fn spawn(words: &[BString], settings: &Settings<'_>, output: &File) -> Result<Child, StartError> {
    let os = |text: &BString| OsString::from_vec(text.to_vec());
    let mut environment: Vec<_> = settings.environment.iter().map(|(name, value)| (os(name), os(value))).collect();
    environment.push(("PATH".into(), DEFAULT_PATH.into()));
    environment.extend(settings.variables.iter().map(|(name, value)| (os(name), os(value))));
    let command = UserCommand {
        words: words.iter().map(os).collect(),
        environment,
        uid: settings.uid,
        gid: settings.gid,
        jail: settings.jail.clone(),
        directory: settings.directory.clone(),
    };
    let copies = output.try_clone().and_then(|one| Ok((one, output.try_clone()?))).map_err(StartError::Fork)?;
    command.spawn(std::process::Stdio::piped(), copies.0, copies.1)
}

/// The words of a command that needs no shell.
fn simple_words(command: &[u8]) -> Option<Vec<BString>> {
    let simple = |byte: &u8| byte.is_ascii_alphanumeric() || b"!@%-_=+:,./ \t".contains(byte);
    if !command.iter().all(simple) {
        return None;
    }
    let words: Vec<BString> = text::list::split(command, b" \t").map(BString::from).collect();
    (!words.is_empty()).then_some(words)
}

fn feed(job: &Job<'_>, process: &mut Child, settings: &Settings<'_>, clock: &Clock) -> Result<(), CopyError> {
    let Some(stdin) = process.stdin.take() else { return Ok(()) };
    let pipe = TimedPipe::new(File::from(std::os::fd::OwnedFd::from(stdin)), clock);
    let mut output = std::io::BufWriter::new(pipe.map_err(CopyError::Write)?);
    let result = copy(job, &mut output, &settings.style);
    // What is left in the buffer after an error is not wanted.
    drop(output.into_parts());
    result
}

/// What a bad end of a command means; `output` is printable.
fn judge(name: &str, status: ExitStatus, output: &BString) -> Failure {
    if let Some(signal) = status.signal() {
        let reason = format!("Command died with signal {signal}: \"{name}\"{}", tail(output));
        return Failure::unix("4.3.0", reason, diagnostic(output, "internal software error"));
    }
    if let Some((code, text)) = text::dsn::split_status(output) {
        return Failure::unix(code, text, text);
    }
    let number = status.code().unwrap_or_default();
    match sysexits::meaning(number) {
        Some((code, text)) => Failure::unix(code, format!("{text}{}", tail(output)), diagnostic(output, text)),
        None => {
            let reason = format!("Command died with status {number}: \"{name}\"{}", tail(output));
            let unknown = format!("unknown mail system error {number}");
            Failure::unix("5.3.0", reason, diagnostic(output, &unknown))
        }
    }
}

fn copy_failure(name: &str, error: CopyError, output: &BString) -> Failure {
    match Failure::from(error) {
        Failure::Because(dsn) => {
            let reason = format!("Command failed: {}: \"{name}\"", text::show(&dsn.reason));
            Failure::unix(dsn.status, reason, diagnostic(output, "input/output error"))
        }
        Failure::Corrupt => Failure::Corrupt,
    }
}

fn tail(output: &BString) -> String {
    if output.is_empty() { String::new() } else { format!(". Command output: {}", text::show(output)) }
}

fn diagnostic(output: &BString, fallback: &str) -> BString {
    if output.is_empty() { fallback.into() } else { output.clone() }
}

/// Makes output fit for one line: tabs and line ends become blanks, other odd bytes `_`.
fn clean(output: &[u8], utf8: bool) -> BString {
    let blanks: Vec<u8> = output.iter().map(|byte| if matches!(byte, b'\t' | b'\n') { b' ' } else { *byte }).collect();
    text::printable_except(&blanks, utf8, b'_', |_| false).into_owned().into()
}

#[cfg(test)]
mod tests;
