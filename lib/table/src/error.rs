//! What can go wrong with a table (tables §1.2, §1.8).

use std::io;

use thiserror::Error;

/// A table that could not be opened. The text is the message of the specification.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct OpenError(pub String);

/// Builds an [`OpenError`] from a format string.
macro_rules! open_error {
    ($($arg:tt)*) => { $crate::OpenError(format!($($arg)*)) };
}
pub(crate) use open_error;

/// An access to a table that failed. Callers treat each kind as a temporary failure.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Error {
    /// Try again later. The system's error number, 0 if none was involved.
    #[error("{}", reason(*.errno))]
    Retry {
        /// The error number.
        errno: i32,
    },
    /// The table is configured wrongly; what is wrong has been logged.
    #[error("configuration error")]
    Config,
    /// The table cannot be used any more. Tools end with this text.
    #[error("{0}")]
    Fatal(String),
}

impl Error {
    /// A temporary failure with nothing to tell.
    pub const RETRY: Error = Error::Retry { errno: 0 };

    /// A temporary failure of a server: the number that its connect(2) left behind is all that a tool has to tell.
    pub const NO_ANSWER: Error = Error::Retry { errno: nix::errno::Errno::EINPROGRESS as i32 };

    /// A temporary failure by the operating system.
    pub fn system(error: &io::Error) -> Self {
        Error::Retry { errno: error.raw_os_error().unwrap_or(0) }
    }
}

/// The system's text. Where no error number was involved, Debian's tools say this, which its database library has put there.
fn reason(errno: i32) -> String {
    match errno {
        0 => "Application error".into(),
        errno => sys::reason(&io::Error::from_raw_os_error(errno)),
    }
}

/// What a lookup gives.
pub type Lookup = Result<Option<bstr::BString>, Error>;
