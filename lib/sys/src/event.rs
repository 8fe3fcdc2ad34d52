//! Descriptors in an event loop.

use std::fs::File;
use std::io;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Registers any descriptor with the current event loop. It must be non-blocking for reads and writes through `try_io`.
///
/// # Errors
/// What epoll(2) reports: regular files cannot be watched.
pub fn watch(descriptor: impl Into<File>, interest: Interest) -> io::Result<AsyncFd<File>> {
    let file = descriptor.into();
    // SAFETY: a File owns its descriptor, shows the same number all its life, and the AsyncFd owns the File.
    let watched = unsafe { AsyncFd::register_with_interest(file, interest) };
    watched.map_err(|error| error.into_parts().1)
}
