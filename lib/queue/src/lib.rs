//! Queue IDs, queue directories, records and queue files (floor 3).
//!
//! A message is one file: a sequence of [`record`]s, named by its [`QueueId`], in one of the [`QueueDir`]s of a
//! [`Spool`]. Its permission bits, its directory and its modification time are all the state there is. A rename or a
//! change of mode is the commit; nothing else makes a message visible.
#![forbid(unsafe_code)]

pub mod attribute;
mod dir;
pub mod edit;
pub mod file;
mod id;
pub mod message;
pub mod record;
mod scan;
pub mod status_log;

pub use dir::{QueueDir, Spool, make_parents, rename_making_dirs};
pub use edit::{EditError, Editor};
pub use file::{Complete, Created};
pub use id::{IdStyle, QueueId};
pub use record::{Reader, Record, RecordType, TypeSet, Writer};
pub use scan::{Entry, Scan, ScanError};
