//! How a delivery can end, and what system errors mean (delivery-agents §1.2, §1.5).

use std::io;

use bstr::BString;
use ipc::bounce::Dsn;

/// Whether a recipient needs another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// No more work: delivered, returned, or probed.
    Done,
    /// It stays in the queue.
    Retry,
}

impl Outcome {
    /// The status that a delivery reply has for it.
    pub fn status(self) -> i32 {
        match self {
            Self::Done => 0,
            Self::Retry => -1,
        }
    }

    /// Done only if both are.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if self == Self::Done { other } else { self }
    }
}

/// A delivery that did not succeed. Whether it bounces or is tried again is the first digit of its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// With status and reason.
    Because(Box<Dsn>),
    /// The queue file is corrupt; it was marked, and the recipient waits without further notice.
    Corrupt,
}

impl Failure {
    /// A failure of the simple form: status and reason.
    pub fn new(status: &str, reason: impl Into<BString>) -> Self {
        Self::Because(Box::new(Dsn::new(status, reason)))
    }

    /// A failure of the UNIX form, which has a diagnostic text too.
    pub fn unix(status: impl Into<BString>, reason: impl Into<BString>, diagnostic: impl Into<BString>) -> Self {
        Self::Because(Box::new(Dsn {
            diag_type: "x-unix".into(),
            diag_text: diagnostic.into(),
            ..Dsn::new(status, reason)
        }))
    }

    /// The same failure with something in front of its reason.
    #[must_use]
    pub fn prefixed(self, prefix: &str) -> Self {
        match self {
            Self::Because(mut dsn) => {
                dsn.reason = [prefix.as_bytes(), &dsn.reason].concat().into();
                Self::Because(dsn)
            }
            Self::Corrupt => Self::Corrupt,
        }
    }
}

/// The status of a system error on a mailbox; `default` for those that mean nothing special.
pub fn mailbox_status(error: &io::Error, default: &'static str) -> &'static str {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::StaleNetworkFileHandle => "4.2.0",
        io::ErrorKind::StorageFull => "4.3.0",
        io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => "5.2.2",
        _ => default,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_system_have_their_codes() {
        let status = |number| mailbox_status(&io::Error::from_raw_os_error(number), "5.2.0");
        assert_eq!(status(11), "4.2.0");
        assert_eq!(status(28), "4.3.0");
        assert_eq!(status(27), "5.2.2");
        assert_eq!(status(122), "5.2.2");
        assert_eq!(status(13), "5.2.0");
    }

    #[test]
    fn one_retry_is_enough() {
        assert_eq!(Outcome::Done.and(Outcome::Retry).status(), -1);
        assert_eq!(Outcome::Retry.and(Outcome::Done), Outcome::Retry);
        assert_eq!(Outcome::Done.and(Outcome::Done).status(), 0);
    }
}
