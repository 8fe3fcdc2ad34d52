//! The lock that lets one idle process of a service wait for clients (master-ipc §8.4).

use std::fs::{File, OpenOptions};
use std::path::PathBuf;

/// `pid/<type>.<service name>`, flocked around each wait. A service of one process has none.
#[derive(Debug)]
pub(crate) struct AcceptLock {
    file: Option<File>,
}

impl AcceptLock {
    pub(crate) fn none() -> Self {
        Self { file: None }
    }

    /// Opens or creates the lock file below the queue directory, as root.
    ///
    /// # Errors
    /// The text of the fatal error.
    pub(crate) fn open(transport: &str, service: &str) -> Result<Self, String> {
        let path = PathBuf::from(format!("pid/{transport}.{service}"));
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        match sys::safe_open::open_or_create(&path, &options, 0o600, None) {
            Ok((file, _)) => Ok(Self { file: Some(file) }),
            Err(error) => Err(format!("open lock file {}: {error}", path.display())),
        }
    }

    /// Waits for the turn of this process.
    pub(crate) fn take(&self) {
        if let Some(file) = &self.file
            && let Err(error) = sys::lock::exclusive(file)
        {
            logging::fatal!("select lock: {}", sys::reason(&error));
        }
    }

    /// Lets the next process wait.
    pub(crate) fn release(&self) {
        if let Some(file) = &self.file
            && let Err(error) = sys::lock::unlock(file)
        {
            logging::fatal!("select unlock: {}", sys::reason(&error));
        }
    }
}
