//! Posting a message to the cleanup service (floor 4): what pickup, bounce, and local's forwarding have in common
//! (master-ipc §13.1, qmgr-bounce §11.2).
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let config = config::Config::for_tests(&[]);
//! let flags = post::internal_flags(&config, post::Class::Bounce);
//! let mut posting = post::Posting::open(&config, flags)?;
//! posting.envelope_time(std::time::SystemTime::now());
//! posting.put(queue::RecordType::SENDER, b"");
//! posting.put(queue::RecordType::RECIPIENT, b"postmaster");
//! posting.put(queue::RecordType::MESSAGE, b"");
//! posting.text(b"Subject: hello");
//! posting.put(queue::RecordType::EXTRACTED, b"");
//! posting.put(queue::RecordType::END, b"");
//! let reply = posting.finish();
//! # Ok(()) }
//! ```
#![forbid(unsafe_code)]

mod flags;
mod notice;
mod postdrop;
mod posting;

pub use flags::{Class, external_flags, internal_flags};
pub use notice::{NoticeClass, NoticeClasses};
pub use postdrop::{Postdrop, StartError};
pub use posting::{OpenError, PatienceError, Posting};
