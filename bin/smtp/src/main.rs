//! Delivers mail to other machines by SMTP, or by LMTP (smtp-client).
//!
//! A request names a next hop and some recipients. [`request`] finds servers for it and tries them in order, over new connections
//! ([`connect`], [`handshake`]) or ones that were kept ([`cache`]). [`transfer`] gives the message to a server, and [`delivery`] keeps account of
//! what became of each recipient.
#![forbid(unsafe_code)]

mod addresses;
mod agent;
mod cache;
mod checks;
mod connect;
mod content;
mod delivery;
mod destination;
mod envelope;
mod flags;
mod handshake;
mod mapping;
mod mode;
mod notice;
mod request;
mod security;
mod session;
mod settings;
mod site;
mod transfer;
mod trouble;

use config::params;
use server::{Daemon, Demand};

fn main() {
    deliver::run::<agent::Client>(&Daemon {
        program: mode::Mode::of_process().name(),
        demand: Demand::None,
        use_limit: true,
        idle_limit: true,
        watchdog: params::DAEMON_TIMEOUT,
        takes_arguments: true,
    })
}
