//! Log events, their exact text, and where log records go (floor 3; config §12, master-ipc §14).
//!
//! Code logs through the `log` facade: `info!` has no label, `warn!` and `error!` have Postfix's, [`fatal!`] and [`panic_report`] end the
//! program. `debug!` and `trace!` are the records of `-v` and `-v -v`, and go out at info.
//!
//! A line that reports what happened to mail is a type in [`event`], rendered once.
#![forbid(unsafe_code)]

mod datagram;
mod debugger;
mod destination;
pub mod event;
mod fatal;
pub mod log_file;
mod record;
mod setup;
mod syslog;

pub use debugger::run_debugger;
pub use event::emit;
pub use fatal::{end_fatally, on_fatal, panic_report, set_fatal_status};
pub use record::Severity;
pub use setup::{Audience, configure, record, set_verbosity, start, syslog, tag, verbosity};

/// Logs a `fatal:` record, runs what [`on_fatal`] asked for, waits a second (which slows a crash loop down), and ends the program
/// with status 1, or with what [`set_fatal_status`] said.
#[macro_export]
macro_rules! fatal {
    ($($argument:tt)+) => {
        $crate::end_fatally(::std::format_args!($($argument)+))
    };
}
