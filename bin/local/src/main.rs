//! Delivers to users of this machine: aliases, `.forward` files, commands, files, mailboxes (delivery-agents §2).
//!
//! Root starts it, and it acts as the mail owner. For each step it takes on the rights of whoever the step is done for, and gives them up
//! again: nothing is read or written for a user with rights that the user does not have.
//!
//! An address can expand into others, and those again: [`walk`] goes through that tree, with a [`state::State`] that is passed down by value.
#![forbid(unsafe_code)]

mod agent;
mod alias;
mod biff;
mod command;
mod destination;
mod dot_forward;
mod expansion;
mod file;
mod forward;
mod include;
mod mailbox;
mod owner;
mod recipient;
mod settings;
mod state;
mod unknown;
mod walk;

use config::params;
use server::{Daemon, Demand};

fn main() {
    deliver::run::<agent::Local>(&Daemon {
        program: "local",
        demand: Demand::Privileged,
        use_limit: true,
        idle_limit: true,
        watchdog: params::DAEMON_TIMEOUT,
        takes_arguments: false,
    })
}
