//! Delivers to commands that master.cf names (delivery-agents §4).
//!
//! The arguments of the service say which command, with whose rights, and what the message looks like for it. All recipients of a request
//! go to one run of the command.
#![forbid(unsafe_code)]

mod agent;
mod attributes;
mod macros;
mod values;

use config::params;
use server::{Daemon, Demand};

fn main() {
    deliver::run::<agent::Pipe>(&Daemon {
        program: "pipe",
        demand: Demand::Privileged,
        use_limit: true,
        idle_limit: true,
        watchdog: params::DAEMON_TIMEOUT,
        takes_arguments: true,
    })
}
