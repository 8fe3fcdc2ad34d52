//! The SMTP and LMTP dialogues, both sides, as engines without I/O, and timed streams (floor 3).
//!
//! * [`stream`]: lines over a connection, each read and write, or each request, with a time limit.
//! * [`client`]: what a client says, and makes of the replies.
//! * [`load`]: what programs that make load have in common.
//! * [`netstring`]: what QMQP is made of.
//! * [`peer`]: who the client of a server is.
//! * [`server`]: what a server makes of the bytes of a client.
//! * [`sink`]: where programs listen that throw mail away.
#![forbid(unsafe_code)]

pub mod client;
pub mod load;
pub mod netstring;
pub mod peer;
pub mod server;
pub mod sink;
pub mod stream;
