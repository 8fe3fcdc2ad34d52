//! `-w`: the parent waits in the foreground until master runs (master-ipc §2.3).

use std::fs::File;
use std::io::{self, Read, Write};
use std::time::Duration;

use logging::fatal;
use sys::signal::Signal;

/// How long master may take to start.
const LIMIT: Duration = Duration::from_secs(100);

/// The child's end: where it says that it runs.
#[derive(Debug)]
pub struct Monitor {
    pipe: File,
}

/// Forks. The parent never returns: it waits for news, and exits accordingly. The child goes on as master.
pub fn fork_master() -> Monitor {
    let pipe = sys::descriptor::pipe().and_then(|(reader, writer)| {
        // Out of the way of the numbers that children's descriptors have.
        Ok((File::from(reader), File::from(sys::descriptor::duplicate_above(writer, crate::start::RESERVED + 1)?)))
    });
    let (reader, writer) = pipe.unwrap_or_else(|error| fatal!("pipe: {}", sys::reason(&error)));
    match sys::process::fork() {
        Ok(None) => Monitor { pipe: writer },
        Ok(Some(child)) => {
            drop(writer);
            wait_for_news(reader, child.as_raw())
        }
        Err(error) => fatal!("fork: {}", sys::reason(&error)),
    }
}

impl Monitor {
    /// One byte ends the wait.
    pub fn report_success(mut self) {
        // A parent that is gone does not need to know.
        let _ = self.pipe.write_all(&[0]);
    }
}

fn wait_for_news(mut reader: File, child: i32) -> ! {
    let news = match sys::descriptor::wait_readable(&reader, Some(LIMIT)) {
        Ok(true) => reader.read(&mut [0]),
        Ok(false) => Err(io::Error::from_raw_os_error(nix_etimedout())),
        Err(error) => Err(error),
    };
    match news {
        Ok(1) => std::process::exit(0),
        Ok(_) => {}
        Err(error) => {
            log::warn!("{} while waiting for daemon initialization", sys::reason(&error));
            let _ = sys::signal::send(child, Signal::SIGKILL);
        }
    }
    fatal!("daemon initialization failure -- see logs for details")
}

fn nix_etimedout() -> i32 {
    // Linux's number for "Connection timed out", which is the text that belongs here.
    110
}
