//! The client's side of the SMTP and LMTP dialogue, without I/O (smtp-client §7 to §13).
//!
//! * [`ReplyReader`] puts replies together from lines.
//! * [`Greeting`] and [`Features`] are what a server says about itself.
//! * [`Transaction`] knows which command comes when, with pipelining or without, and what each reply means.
//! * [`LineWriter`] turns the records of a message into lines on the wire.
//! * [`Transcript`] remembers a conversation for the postmaster.

mod content;
mod features;
mod greeting;
mod reply;
mod transaction;
mod transcript;

pub use content::LineWriter;
pub use features::{Discard, Features, Remark, feature};
pub use greeting::{Greeting, Pix};
pub use reply::{Problem, Progress, Reply, ReplyReader};
pub use transaction::{Command, Event, Goal, Moment, Stage, Step, Transaction};
pub use transcript::Transcript;
