//! The queue manager: decides which message goes to which delivery agent, and when (qmgr-bounce §1-5).
//!
//! Messages come from `incoming` and `deferred`, stay in `active` while they are in memory, and end removed, deferred, or in
//! `corrupt`. The state is the queue: a queue manager that dies loses nothing, and the next one begins with what it finds.
//!
//! * [`message`] reads queue files into memory;
//! * [`resolve`] decides where a recipient goes;
//! * [`scheduler`] decides what is delivered next: pure, without I/O and without a clock;
//! * [`manager`] is the event loop that connects them to the world.
#![forbid(unsafe_code)]

mod manager;
mod message;
mod resolve;
mod scan;
mod scheduler;
mod settings;
mod wire;

use config::params;
use server::{Daemon, Demand};

fn main() {
    let daemon = Daemon {
        program: "qmgr",
        demand: Demand::OneProcess,
        use_limit: false,
        idle_limit: false,
        watchdog: params::QMGR_DAEMON_TIMEOUT,
        takes_arguments: false,
    };
    server::event_driven(&daemon, manager::Manager::open, manager::run)
}
