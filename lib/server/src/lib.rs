//! The frame that every daemon runs in, under master or alone (floor 4; master-ipc §8).
//!
//! A daemon says what it is with a [`Daemon`], and implements one service trait:
//!
//! | frame | for | service |
//! |---|---|---|
//! | [`single`] | one client at a time, blocking: cleanup, bounce, delivery agents | [`SingleService`] |
//! | [`multi`] | many idle clients, one request at a time: trivial-rewrite, anvil, verify | [`MultiService`] |
//! | [`trigger`] | short requests without an answer: pickup | [`TriggerService`] |
//! | [`event_driven`] | as trigger, with a loop of its own: qmgr | a function over [`Triggers`] |
//! | [`datagram`] | datagrams: postlogd | [`DatagramService`] |
//!
//! All frames share options, start order, privilege drop, timers, and the way they talk to master.
#![forbid(unsafe_code)]

mod accept_lock;
mod channel;
mod client;
mod context;
mod daemon;
mod datagram;
pub mod flow;
mod life;
mod multi;
mod options;
mod single;
mod start;
mod trigger;
mod triggers;

pub use client::Client;
pub use context::Context;
pub use daemon::{Daemon, Demand, Transport};
pub use datagram::{DatagramService, datagram};
pub use multi::{MultiService, Served, multi};
pub use single::{SingleService, single};
pub use trigger::{TriggerService, trigger};
pub use triggers::{Trigger, Triggers, event_driven};
