//! The status channel to master, and the other descriptors that master leaves open (master-ipc §3.1, §3.4).

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};

use ipc::master::{State, Status};
use tokio::io::Interest;

/// Where the status channel is.
const STATUS: RawFd = 5;
/// Where the listeners begin.
const LISTENERS: RawFd = 6;

/// Tells master when this process is busy. The end of the channel tells this process that master is gone, or wants it to retire.
#[derive(Debug)]
pub(crate) struct Channel {
    file: File,
    generation: u32,
}

/// Master is gone, or reloads: this process ends when it is idle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gone;

impl Channel {
    pub(crate) fn inherited(generation: u32) -> io::Result<Self> {
        let fd = sys::descriptor::adopt(STATUS)?;
        sys::descriptor::set_close_on_exec(&fd, true)?;
        Ok(Self { file: File::from(fd), generation })
    }

    /// One write of 12 bytes, since all processes of a service share the channel.
    pub(crate) fn tell(&self, state: State) -> Result<(), Gone> {
        let pid = i32::try_from(std::process::id()).map_err(|_| Gone)?;
        let status = Status { pid, generation: self.generation, state };
        (&self.file).write_all(&status.to_bytes()).map_err(|_| Gone)
    }
}

impl Channel {
    /// Waits until master is gone, or wants this process to retire: the channel is then at end of file.
    pub(crate) async fn gone(&self) {
        let Ok(copy) = self.file.try_clone() else { return };
        if let Ok(fd) = sys::event::watch(copy, Interest::READABLE) {
            // A channel that cannot be watched is as good as gone.
            let _ = fd.readable().await;
        }
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Takes over the listeners that master has made, close-on-exec and non-blocking.
pub(crate) fn inherited_listeners(count: usize) -> io::Result<Vec<OwnedFd>> {
    let count = RawFd::try_from(count).map_err(io::Error::other)?;
    (LISTENERS..LISTENERS.saturating_add(count))
        .map(|number| {
            let fd = sys::descriptor::adopt(number)?;
            sys::descriptor::set_close_on_exec(&fd, true)?;
            sys::descriptor::set_nonblocking(&fd, true)?;
            Ok(fd)
        })
        .collect()
}
