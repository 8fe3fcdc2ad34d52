//! Waiting for many descriptors that stay for long (epoll): a wait costs what has happened, and not what is watched.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

/// How many events one wait gives.
const EVENTS: usize = 64;

/// What watches.
#[derive(Debug)]
pub struct Watcher {
    epoll: Rc<Epoll>,
    next: Cell<u64>,
}

impl Watcher {
    /// A watcher of nothing yet.
    ///
    /// # Errors
    /// What epoll_create1(2) reports.
    pub fn new() -> io::Result<Self> {
        Ok(Self { epoll: Rc::new(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?), next: Cell::new(0) })
    }

    /// Takes a descriptor, which is not watched before [`Watched::watch`].
    pub fn take<F: AsFd>(&self, fd: F) -> Watched<F> {
        let token = self.next.get();
        self.next.set(token + 1);
        Watched { fd, token, epoll: Rc::clone(&self.epoll), on: Cell::new(false) }
    }

    /// Waits until some of the watched descriptors are readable (or at end of file): their tokens, none after `limit` or a signal.
    ///
    /// # Errors
    /// What epoll_wait(2) reports.
    pub fn wait(&self, limit: Duration) -> io::Result<Vec<u64>> {
        let mut events = [EpollEvent::empty(); EVENTS];
        // Rounded up, so that a wait never ends just before its time and spins.
        let timeout = EpollTimeout::try_from(limit + Duration::from_micros(999)).unwrap_or(EpollTimeout::MAX);
        match self.epoll.wait(&mut events, timeout) {
            Ok(count) => Ok(events[..count].iter().map(EpollEvent::data).collect()),
            Err(Errno::EINTR) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }
}

/// A descriptor of a [`Watcher`]; dropping it ends the watch.
#[derive(Debug)]
pub struct Watched<F: AsFd> {
    fd: F,
    token: u64,
    epoll: Rc<Epoll>,
    on: Cell<bool>,
}

impl<F: AsFd> Watched<F> {
    /// What [`Watcher::wait`] calls it: never the same for two.
    pub fn token(&self) -> u64 {
        self.token
    }

    /// The descriptor.
    pub fn get(&self) -> &F {
        &self.fd
    }

    /// Begins or ends the watch. Nothing happens when it is so already.
    ///
    /// # Errors
    /// What epoll_ctl(2) reports.
    pub fn watch(&self, on: bool) -> io::Result<()> {
        if self.on.replace(on) == on {
            return Ok(());
        }
        if on {
            self.epoll.add(&self.fd, EpollEvent::new(EpollFlags::EPOLLIN, self.token))?;
        } else {
            self.epoll.delete(&self.fd)?;
        }
        Ok(())
    }
}

impl<F: AsFd> AsFd for Watched<F> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl<F: AsFd> Drop for Watched<F> {
    fn drop(&mut self) {
        // A copy of the descriptor in a process that has not reached its program yet would keep the watch.
        let _ = self.watch(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn tells_what_is_readable_and_watched() {
        let watcher = Watcher::new().unwrap();
        let (reader, mut writer) = std::io::pipe().unwrap();
        let (quiet, _other) = std::io::pipe().unwrap();
        let (reader, quiet) = (watcher.take(reader), watcher.take(quiet));
        for watched in [&reader, &quiet] {
            watched.watch(true).unwrap();
            watched.watch(true).unwrap();
        }
        assert_eq!(watcher.wait(Duration::ZERO).unwrap(), []);
        writer.write_all(b"x").unwrap();
        assert_eq!(watcher.wait(Duration::from_secs(5)).unwrap(), [reader.token()]);
        reader.watch(false).unwrap();
        assert_eq!(watcher.wait(Duration::ZERO).unwrap(), []);
        reader.watch(true).unwrap();
        let _copy = reader.get().try_clone().unwrap();
        drop(reader);
        assert_eq!(watcher.wait(Duration::ZERO).unwrap(), []);
    }
}
