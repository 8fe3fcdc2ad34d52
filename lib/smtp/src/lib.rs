//! The SMTP and LMTP dialogues, both sides, as engines without I/O, and timed streams (floor 3).
//!
//! * [`stream`]: lines over a connection, each read and write, or each request, with a time limit.
//! * [`client`]: what a client says, and makes of the replies.
//! * [`load`]: what programs that make load have in common.
//! * [`peer`]: who the client of a server is.
//! * [`server`]: what a server makes of the bytes of a client.
#![forbid(unsafe_code)]

pub mod client;
pub mod load;
pub mod peer;
pub mod server;
pub mod stream;
