//! Delivers to mailboxes of people who have no account on this machine (delivery-agents §3).
//!
//! Tables say which mailbox a recipient has, and with which user and group it is written. There are no aliases, no `.forward` files, no
//! commands.
#![forbid(unsafe_code)]

mod agent;
mod mailbox;
mod owner;

use config::params;
use server::{Daemon, Demand};

fn main() {
    deliver::run::<agent::Virtual>(&Daemon {
        program: "virtual",
        demand: Demand::Privileged,
        use_limit: true,
        idle_limit: true,
        watchdog: params::DAEMON_TIMEOUT,
        takes_arguments: false,
    })
}
