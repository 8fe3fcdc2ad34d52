//! What a daemon says about itself.

use config::{Key, Time};

/// How a service's clients reach it: the type field of master.cf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TCP.
    Inet,
    /// A UNIX-domain stream socket.
    Unix,
    /// A UNIX-domain socket over which connections are passed.
    Pass,
    /// A named pipe.
    Fifo,
    /// A UNIX-domain datagram socket.
    Datagram,
}

impl Transport {
    /// Finds a transport by its name in master.cf.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"inet" => Self::Inet,
            b"unix" => Self::Unix,
            b"pass" => Self::Pass,
            b"fifo" => Self::Fifo,
            b"unix-dgram" => Self::Datagram,
            _ => return None,
        })
    }
}

/// What a daemon demands of its line in master.cf (master-ipc §8.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// Nothing.
    None,
    /// A process limit of exactly 1: it has state that must not exist twice.
    OneProcess,
    /// A process limit of 0: refusing a client would block the caller.
    NoLimit,
    /// Root's rights, because it acts as various users.
    Privileged,
}

/// The fixed facts about a daemon.
#[derive(Clone, Copy, Debug)]
pub struct Daemon {
    /// The program's name in the parameter registry.
    pub program: &'static str,
    /// What it demands of master.cf.
    pub demand: Demand,
    /// Whether it retires after `max_use` clients.
    pub use_limit: bool,
    /// Whether it retires after `max_idle` without a client.
    pub idle_limit: bool,
    /// After how long a request counts as stuck.
    pub watchdog: Key<Time>,
    /// Whether the rest of the command line belongs to the service; otherwise it is an error.
    pub takes_arguments: bool,
}
