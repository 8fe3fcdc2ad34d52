//! One line of master.cf, and what runs for it.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use config::master::{Entry, Transport};
use sys::watch::Watched;

use crate::status::Channel;
use crate::wakeup::Wakeup;

/// A service: its definition, its sockets, its processes.
#[derive(Debug)]
pub struct Service {
    /// As master.cf says.
    pub entry: Entry,
    /// `private/x`, `public/x`, a port, or `[address]:port`: what stays the same when master.cf spells it another way.
    pub internal_name: String,
    /// The program.
    pub path: PathBuf,
    /// What clients connect to.
    pub listeners: Vec<Watched<OwnedFd>>,
    /// Whether clients of other machines can connect.
    pub remote_clients: bool,
    /// Where processes tell that they are busy.
    pub channel: Channel,
    /// How many processes there are.
    pub total: u32,
    /// How many of them are idle.
    pub available: u32,
    /// No new process until then: one failed at once.
    pub throttled_until: Option<Instant>,
    /// How long a throttle lasts.
    pub throttle_time: Duration,
    /// The regular wakeup.
    pub wakeup: Wakeup,
    /// Processes are told to hurry until then.
    pub stressed_until: Option<Instant>,
    /// When the process limit was last complained about.
    pub limit_warned: Option<Instant>,
    /// The line is gone from master.cf: the service ends with its last process.
    pub retired: bool,
    /// Used while master.cf is read again: whether the line was there.
    pub seen: bool,
}

impl Service {
    /// How log lines name a service: `smtp(25)`.
    pub fn label(&self) -> String {
        format!("{}({})", text::show(&self.entry.name), self.internal_name)
    }

    /// Whether a new process may be made when a client comes (master-ipc §4.1).
    pub fn wants_clients(&self) -> bool {
        let below_limit = self.entry.process_limit == 0 || self.total < self.entry.process_limit;
        !self.retired && self.throttled_until.is_none() && self.available == 0 && below_limit
    }

    /// Watches the listeners if a client would get a process. When not, they are left alone until one has a client: idle
    /// processes come and go with every request.
    ///
    /// # Errors
    /// What epoll_ctl(2) reports.
    pub fn watch_for_clients(&self) -> std::io::Result<()> {
        if self.wants_clients() { self.listeners.iter().try_for_each(|listener| listener.watch(true)) } else { Ok(()) }
    }

    /// How many bytes wait in its listeners: datagrams.
    pub fn pending(&self) -> usize {
        self.listeners.iter().map(|listener| sys::descriptor::pending(listener).unwrap_or(0)).sum()
    }

    /// Whether the process limit is one that clients can feel: the condition of the stress option and the limit warning.
    pub fn is_stressable(&self) -> bool {
        self.remote_clients && self.entry.process_limit > 1
    }

    /// Whether this is the service of an entry: same name and type.
    pub fn is(&self, internal_name: &str, transport: Transport) -> bool {
        self.internal_name == internal_name && self.entry.transport == transport
    }
}
