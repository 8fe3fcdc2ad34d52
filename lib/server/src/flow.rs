//! Flow control tokens: how cleanup and the queue manager keep the mail system from choking (master-ipc §9).
//!
//! The pipe that all processes inherit holds one byte for each message that may come in without delay.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{OwnedFd, RawFd};
use std::time::Duration;

/// Where master leaves the read end.
const READ_END: RawFd = 3;
/// Where master leaves the write end.
const WRITE_END: RawFd = 4;
/// The most that is read or written in one call.
const CHUNK: usize = 1024;

/// Both ends of the pipe.
#[derive(Debug)]
pub struct Tokens {
    reader: File,
    writer: File,
}

impl Tokens {
    /// Takes over the pipe that master has made.
    ///
    /// # Errors
    /// When this process has none, as a stand-alone one.
    pub fn inherited() -> io::Result<Self> {
        Self::over(sys::descriptor::adopt(READ_END)?, sys::descriptor::adopt(WRITE_END)?)
    }

    fn over(reader: OwnedFd, writer: OwnedFd) -> io::Result<Self> {
        for end in [&reader, &writer] {
            sys::descriptor::set_close_on_exec(end, true)?;
            sys::descriptor::set_nonblocking(end, true)?;
        }
        Ok(Self { reader: File::from(reader), writer: File::from(writer) })
    }

    /// How many tokens there are.
    pub fn count(&self) -> usize {
        sys::descriptor::pending(&self.reader).unwrap_or(0)
    }

    /// Takes up to `count` tokens; how many there were. Failures count as none: flow control never stops mail.
    pub fn take(&self, count: usize) -> usize {
        let mut taken = 0;
        while taken < count {
            let mut chunk = [0; CHUNK];
            let wanted = CHUNK.min(count - taken);
            match (&self.reader).read(&mut chunk[..wanted]) {
                Ok(0) | Err(_) => break,
                Ok(length) => taken += length,
            }
        }
        taken
    }

    /// Adds `count` tokens, as far as the pipe takes them.
    pub fn put(&self, count: usize) {
        let mut left = count;
        while left > 0 {
            match (&self.writer).write(&[0; CHUNK][..CHUNK.min(left)]) {
                Ok(0) | Err(_) => break,
                Ok(length) => left -= length,
            }
        }
    }

    /// What cleanup does for each new message: takes a token, or waits `delay` when there is none.
    pub fn take_or_wait(&self, delay: Duration) {
        if self.take(1) == 0 {
            std::thread::sleep(delay);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_counted_and_never_block() {
        let (reader, writer) = sys::descriptor::pipe().unwrap();
        let tokens = Tokens::over(reader, writer).unwrap();
        assert_eq!(tokens.take(5), 0);
        tokens.put(3000);
        assert_eq!(tokens.count(), 3000);
        assert_eq!(tokens.take(2500), 2500);
        assert_eq!(tokens.take(2500), 500);
        tokens.put(usize::from(u16::MAX) * 4);
        assert!(tokens.count() >= 65536);
    }
}
