//! What delivery agents share: the request loop, outcomes, mailboxes, commands (floor 5; delivery-agents §1, qmgr-bounce §7-9).
//!
//! An agent implements [`Agent`] and calls [`run`]. For each recipient it decides what happened, and tells a [`Reporter`], which knows the
//! bounce, defer, trace and verify services, and writes the log line. [`copy`] writes a message to wherever it goes; [`mailbox`],
//! [`maildir`] and [`command`] are the places that it can go to.
#![forbid(unsafe_code)]

/// The name of the service that defers recipients for a known reason.
pub const RETRY_SERVICE: &str = "retry";

mod agent;
pub mod command;
pub mod copy;
mod delivered_to;
mod filter;
mod fixed;
mod job;
pub mod mailbox;
pub mod maildir;
mod outcome;
mod pass_on;
mod report;

pub use address::FastFlush;
pub use agent::{Agent, run};
pub use delivered_to::DeliveredTo;
pub use filter::StatusFilter;
pub use fixed::FixedResult;
pub use job::Job;
pub use outcome::{Failure, Outcome};
pub use pass_on::pass_on;
pub use report::{Attempt, Reporter};
