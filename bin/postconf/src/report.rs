//! Diagnostics: standard error only, after the name that the program was called by (config §8.1, §12.1).

use std::io::Write;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

/// Ends the program: `fatal: ` and the text, a pause that slows down whoever calls it in a loop, status 1.
macro_rules! fatal {
    ($($text:tt)*) => { $crate::report::end(format_args!($($text)*)) };
}

pub(crate) use fatal;

struct StandardError;

impl log::Log for StandardError {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let severity = match record.level() {
            log::Level::Error => "error: ",
            log::Level::Warn => "warning: ",
            _ => "",
        };
        write_line(format_args!("{severity}{}", record.args()));
    }

    fn flush(&self) {}
}

static STANDARD_ERROR: StandardError = StandardError;

/// Sends log records to standard error.
pub fn start() {
    // The only failure is a second logger, and there is one call.
    if log::set_logger(&STANDARD_ERROR).is_ok() {
        log::set_max_level(log::LevelFilter::Info);
    }
}

/// The name that the program was called by.
pub fn program() -> Vec<u8> {
    std::env::args_os().next().unwrap_or_default().into_vec()
}

/// Says a line as it is, after the program's name. A standard error that cannot be written to is no reason to stop.
pub fn write_line(text: std::fmt::Arguments<'_>) {
    let mut line = program();
    let _ = write!(line, ": {text}");
    line.push(b'\n');
    let _ = std::io::stderr().write_all(&line);
}

/// What `fatal!` does.
pub fn end(text: std::fmt::Arguments<'_>) -> ! {
    write_line(format_args!("fatal: {text}"));
    std::thread::sleep(Duration::from_secs(1));
    std::process::exit(1);
}

/// The value of a result, or the end of the program with its error.
pub trait OrFatal<T> {
    /// Gives the value, or ends the program.
    fn or_fatal(self) -> T;
}

impl<T, E: std::fmt::Display> OrFatal<T> for Result<T, E> {
    fn or_fatal(self) -> T {
        self.unwrap_or_else(|error| fatal!("{error}"))
    }
}
