//! The status channel of a service (master-ipc §3.4).

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use ipc::master::{State, Status};
use sys::watch::{Watched, Watcher};

use crate::master::Master;
use crate::start::RESERVED;

/// How many messages one read takes at the most.
const MESSAGES: usize = 32;

/// A socket pair that all processes of a service share. master keeps both ends, so that its end is never at end of file while it lives;
/// dropping the channel is how processes learn that they shall retire.
#[derive(Debug)]
pub struct Channel {
    mine: Watched<File>,
    theirs: OwnedFd,
}

impl Channel {
    /// A new channel that is watched, with numbers out of the way of children's descriptors.
    ///
    /// # Errors
    /// What the system reports.
    pub fn new(watcher: &Watcher) -> std::io::Result<Self> {
        let (mine, theirs) = sys::socket::pair()?;
        sys::descriptor::set_nonblocking(&mine, true)?;
        let mine = watcher.take(File::from(sys::descriptor::duplicate_above(mine, RESERVED + 1)?));
        mine.watch(true)?;
        Ok(Self { mine, theirs: sys::descriptor::duplicate_above(theirs, RESERVED + 1)? })
    }

    /// What the watcher calls it.
    pub fn token(&self) -> u64 {
        self.mine.token()
    }

    /// The end that processes get.
    pub fn child_end(&self) -> BorrowedFd<'_> {
        self.theirs.as_fd()
    }
}

impl Master {
    /// Takes what is on the channel of a service, some messages at a time; false when none is waiting.
    pub fn read_status(&mut self, service: usize) -> bool {
        let mut bytes = [0; Status::WIRE_SIZE * MESSAGES];
        let received = self.services[service].channel.mine.get().read(&mut bytes);
        match received {
            Ok(0) => return false,
            Ok(length) => self.apply_messages(service, &bytes[..length]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return false,
            Err(error) => {
                log::warn!("master_status_event: read: {}", sys::reason(&error));
                return false;
            }
        }
        true
    }

    fn apply_messages(&mut self, service: usize, bytes: &[u8]) {
        let (messages, rest) = bytes.as_chunks();
        for message in messages {
            self.apply_status(service, Status::from_bytes(*message));
        }
        if !rest.is_empty() {
            self.complain_about_partial(service, rest);
        }
    }

    fn complain_about_partial(&self, service: usize, part: &[u8]) {
        let mut bytes = [0; Status::WIRE_SIZE];
        bytes[..part.len()].copy_from_slice(part);
        let (pid, length) = (Status::from_bytes(bytes).pid, part.len());
        let label = self.services[service].label();
        log::warn!("service {label}: child (pid {pid}) sent partial status update ({length} bytes)");
    }

    fn apply_status(&mut self, service: usize, status: Status) {
        let Some(child) = self.children.get_mut(&status.pid) else {
            log::debug!("master_status_event: process id not found: {}", status.pid);
            return;
        };
        if child.generation != status.generation {
            log::info!("ignoring status update from child pid {} generation {}", status.pid, status.generation);
            return;
        }
        match status.state {
            State::Available if !child.available => {
                child.available = true;
                child.uses += 1;
                self.services[service].available += 1;
            }
            State::Taken if child.available => {
                child.available = false;
                let service = &mut self.services[service];
                service.available = service.available.saturating_sub(1);
            }
            State::Available | State::Taken => {}
            State::Unknown(number) => {
                let pid = status.pid;
                log::warn!("master_status_event: ignoring unknown status: {pid} allegedly from pid: {number}");
            }
        }
    }
}
