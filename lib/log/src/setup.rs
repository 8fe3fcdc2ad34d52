//! Setting up the log: before main.cf is read, and after.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bstr::ByteSlice;
use config::{Config, Key, Str, params};
use log::LevelFilter;

use crate::destination::{Destinations, MailLog, Postlog};
use crate::fatal::count_error;
use crate::log_file::{self, LogFile};
use crate::record::Severity;
use crate::syslog::{MAIL, Syslog, facility};

/// The tag until main.cf is read, when the environment names none.
const DEFAULT_TAG: &str = "postfix";

/// Who is told what a program has to say (config §12.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The mail log: daemons.
    Log,
    /// The user's terminal: postconf, postcat, postkick, postlock.
    User,
    /// Both: commands that change something.
    Both,
    /// The mail log, and standard error when that is a terminal: postfix, postlog.
    LogAndTerminal,
}

impl Audience {
    fn has_log(self) -> bool {
        self != Self::User
    }

    fn has_stderr(self) -> bool {
        match self {
            Self::Log => false,
            Self::User | Self::Both => true,
            Self::LogAndTerminal => std::io::IsTerminal::is_terminal(&std::io::stderr()),
        }
    }
}

struct State {
    process: String,
    audience: Audience,
    file_fallback: bool,
    destinations: Destinations,
}

static STATE: Mutex<Option<State>> = Mutex::new(None);

fn state() -> MutexGuard<'static, Option<State>> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Begins to log as `process`, the base name of the program, before main.cf is read: to the place that the environment names, if
/// this program may trust it, or to syslog.
pub fn start(process: &str, audience: Audience) {
    let trusted = |name: &str| std::env::var_os(name).filter(|_| !sys::privilege::is_set_id());
    let mut tag = trusted("MAIL_LOGTAG").map_or_else(|| DEFAULT_TAG.into(), |tag| tag.as_bytes().to_vec());
    tag.extend_from_slice(format!("/{process}").as_bytes());
    let mail_log = match (audience.has_log(), trusted("POSTLOG_SERVICE")) {
        (false, _) => MailLog::Off,
        (true, Some(path)) => {
            let host =
                trusted("POSTLOG_HOSTNAME").map_or_else(|| b"amnesiac".to_vec(), |host| host.as_bytes().to_vec());
            MailLog::Postlog(Postlog::new(PathBuf::from(path), first_label(&host).to_vec(), None))
        }
        (true, None) => MailLog::Syslog(Syslog::connect(MAIL)),
    };
    let stderr_name = audience.has_stderr().then(|| process.as_bytes().to_vec());
    let destinations = Destinations { tag, stderr_name, mail_log, utf8: true, json: None };
    *state() = Some(State { process: process.to_owned(), audience, file_fallback: false, destinations });
    install();
}

/// Follows main.cf: `syslog_name`, `syslog_facility`, `maillog_file`. Called again after a reload. Programs that run before postlogd, as root,
/// have `file_fallback`: they write the file themselves when it is not there.
///
/// Exports `POSTLOG_SERVICE`, `POSTLOG_HOSTNAME` and `MAIL_LOGTAG` to children.
///
/// # Errors
/// The text of the fatal error, for a `maillog_file` outside `maillog_file_prefixes` or an unknown facility.
pub fn configure(config: &Config, file_fallback: bool) -> Result<(), String> {
    let mail_log = mail_log(config, file_fallback)?;
    let json = json_log(config)?;
    crate::event::configure(config);
    let mut guard = state();
    let Some(state) = guard.as_mut() else { return Ok(()) };
    state.file_fallback = file_fallback;
    let name = config.get(params::SYSLOG_NAME);
    sys::environment::set("MAIL_LOGTAG", OsStr::from_bytes(name));
    state.destinations.tag = [name.as_bytes(), b"/", state.process.as_bytes()].concat();
    state.destinations.utf8 = config.get(params::SMTPUTF8_ENABLE);
    if state.audience.has_log() {
        state.destinations.mail_log = mail_log;
        state.destinations.json = json;
    }
    drop(guard);
    log_file::check_permissions(config);
    Ok(())
}

/// Sends one record to syslog with the mail facility, wherever else this program logs: for test tools.
pub fn syslog(process: &str, text: &[u8]) {
    let line = [format!("{process}[{}]: ", std::process::id()).as_bytes(), text].concat();
    Syslog::connect(MAIL).send(Severity::Info, &line);
}

/// Logs a record that another program made: raw bytes with any severity, which ends nothing.
pub fn record(severity: Severity, text: &[u8]) {
    if let Some(state) = state().as_mut() {
        state.destinations.write(severity, text);
    }
}

/// Sends an event as JSON, which `object` makes of the host name and the tag, if that is asked for.
pub(crate) fn send_json(object: impl FnOnce(&[u8], &[u8]) -> String) {
    if let Some(state) = state().as_mut()
        && let Some(json) = &mut state.destinations.json
    {
        let object = object(json.host(), &state.destinations.tag);
        json.send_record(object.as_bytes());
    }
}

/// Replaces the whole tag, as `postlog -t` does.
pub fn tag(tag: &[u8]) {
    if let Some(state) = state().as_mut() {
        let clean = text::printable(tag, false).into_owned();
        if state.destinations.stderr_name.is_some() {
            state.destinations.stderr_name = Some(clean.clone());
        }
        state.destinations.tag = clean;
    }
}

fn mail_log(config: &Config, file_fallback: bool) -> Result<MailLog, String> {
    let file = config.get(params::MAILLOG_FILE);
    if file.is_empty() {
        sys::environment::remove("POSTLOG_SERVICE");
        sys::environment::remove("POSTLOG_HOSTNAME");
        let name = config.get(params::SYSLOG_FACILITY);
        let number = facility(name).ok_or_else(|| format!("unknown syslog_facility value: {}", text::show(name)))?;
        return Ok(MailLog::Syslog(Syslog::connect(number)));
    }
    check_prefix(config, params::MAILLOG_FILE)?;
    let host = config.get(params::MYHOSTNAME);
    let label = first_label(host).to_vec();
    let socket_path = socket_path(config);
    sys::environment::set("POSTLOG_SERVICE", &socket_path);
    sys::environment::set("POSTLOG_HOSTNAME", OsStr::from_bytes(host));
    let file = LogFile::new(PathBuf::from(OsStr::from_bytes(file)), label.clone(), log_file::permissions(config));
    // postlogd itself must not talk to its own socket.
    if state().as_ref().is_some_and(|state| state.process == "postlogd") {
        return Ok(MailLog::File(file));
    }
    Ok(MailLog::Postlog(Postlog::new(socket_path, label, file_fallback.then_some(file))))
}

/// The socket of postlogd.
fn socket_path(config: &Config) -> PathBuf {
    let queue = config.get(params::QUEUE_DIRECTORY);
    let service = config.get(params::POSTLOG_SERVICE_NAME);
    PathBuf::from(OsStr::from_bytes(&[queue.as_bytes(), b"/public/", service].concat()))
}

/// Where events go as JSON: postlogd, which has no such events itself.
fn json_log(config: &Config) -> Result<Option<Postlog>, String> {
    if config.get(params::MAILLOG_JSON_FILE).is_empty() {
        return Ok(None);
    }
    check_prefix(config, params::MAILLOG_JSON_FILE)?;
    let label = first_label(config.get(params::MYHOSTNAME)).to_vec();
    Ok(Some(Postlog::new(socket_path(config), label, None)))
}

fn check_prefix(config: &Config, key: Key<Str>) -> Result<(), String> {
    let file = config.get(key);
    let prefixes = config.get(params::MAILLOG_FILE_PREFIXES);
    let mut prefixes =
        prefixes.fields_with(|c| matches!(c, ',' | ' ' | '\t' | '\r' | '\n')).filter(|prefix| !prefix.is_empty());
    if prefixes.any(|prefix| file.starts_with(prefix)) {
        return Ok(());
    }
    let (name, file) = (key.name(), text::show(file));
    Err(format!("{name} value '{file}' does not match any prefix in maillog_file_prefixes"))
}

fn first_label(host: &[u8]) -> &[u8] {
    host.split(|byte| *byte == b'.').next().unwrap_or(host)
}

/// How many `-v` there were: 1 shows `debug!` records, 2 and more `trace!` records.
pub fn set_verbosity(level: u32) {
    log::set_max_level(match level {
        0 => LevelFilter::Info,
        1 => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    });
}

/// The level that [`set_verbosity`] has set: 0, 1 or 2.
pub fn verbosity() -> u32 {
    match log::max_level() {
        LevelFilter::Trace => 2,
        LevelFilter::Debug => 1,
        _ => 0,
    }
}

/// Puts env_logger behind the facade: its format makes `<priority>text`, and its target takes that apart for the destinations.
fn install() {
    let mut builder = env_logger::Builder::new();
    builder
        .filter_level(LevelFilter::Trace)
        .format(|out, record| write!(out, "{}{}", severity_mark(Severity::of(record)), record.args()));
    builder.target(env_logger::Target::Pipe(Box::new(Target)));
    // A second call in one process, as in tests, keeps the logger that is there.
    if log::set_boxed_logger(Box::new(Logger(builder.build()))).is_ok() {
        set_verbosity(if std::env::var_os("MAIL_VERBOSE").is_some() { 1 } else { 0 });
    }
}

/// One character that carries the severity from the formatter to the target.
fn severity_mark(severity: Severity) -> char {
    match severity {
        Severity::Info => 'i',
        Severity::Warning => 'w',
        Severity::Error => 'e',
        Severity::Fatal => 'f',
        Severity::Panic => 'p',
    }
}

fn marked_severity(mark: u8) -> Severity {
    match mark {
        b'w' => Severity::Warning,
        b'e' => Severity::Error,
        b'f' => Severity::Fatal,
        b'p' => Severity::Panic,
        _ => Severity::Info,
    }
}

/// Counts errors once the record is out, when nothing is locked any more.
struct Logger(env_logger::Logger);

impl log::Log for Logger {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        self.0.enabled(metadata)
    }

    fn log(&self, record: &log::Record<'_>) {
        self.0.log(record);
        if Severity::of(record) == Severity::Error {
            count_error();
        }
    }

    fn flush(&self) {
        self.0.flush();
    }
}

struct Target;

impl Write for Target {
    fn write(&mut self, record: &[u8]) -> std::io::Result<usize> {
        if let (Some((mark, text)), Some(state)) = (record.split_first(), state().as_mut()) {
            state.destinations.write(marked_severity(*mark), text);
        }
        Ok(record.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
