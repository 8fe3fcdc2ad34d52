//! The operating system, made safe: descriptors, locks, privileges, sockets, users, signals, processes (floor 1).
//!
//! This is the one crate that may say `unsafe`. Each block states why it is sound, and each module shows a safe face.
//! A module per system call family; nothing here knows about mail.

pub mod descriptor;
pub mod environment;
#[cfg(feature = "event")]
pub mod event;
pub mod interface;
pub mod limit;
#[cfg(feature = "lmdb")]
pub mod lmdb;
pub mod lock;
pub mod mapping;
pub mod name_info;
pub mod network;
#[cfg(feature = "pcre")]
pub mod pcre;
pub mod privilege;
pub mod process;
pub mod random;
pub mod record_lock;
pub mod regex;
pub mod safe_open;
pub mod signal;
pub mod socket;
pub mod watch;
pub mod watchdog;

/// The text of a system error as strerror(3) gives it, which is what log lines end with.
///
/// ```
/// let error = std::io::Error::from_raw_os_error(2);
/// assert_eq!(sys::reason(&error), "No such file or directory");
/// ```
pub fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(end) if error.raw_os_error().is_some() => text[..end].to_owned(),
        _ => text,
    }
}
