//! Runs a command for each client, with the connection as its standard input, output and error (delivery-agents §5).
//!
//! This is how policy services and the like are run. The daemon itself never reads from or writes to the connection.
#![forbid(unsafe_code)]

mod attributes;
mod service;

use config::params;
use server::{Daemon, Demand};

fn main() {
    server::single::<service::Spawn>(&Daemon {
        program: "spawn",
        demand: Demand::Privileged,
        use_limit: true,
        idle_limit: true,
        watchdog: params::DAEMON_TIMEOUT,
        takes_arguments: true,
    })
}
