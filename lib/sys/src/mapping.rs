//! Files mapped into memory, to be read in small pieces without a system call for each.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;

/// A file as it was when it was mapped. It is for files that are replaced and never changed: one that somebody makes shorter
/// ends the process with SIGBUS when what is gone is read.
#[derive(Debug)]
pub struct Mapping {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: the mapping belongs to the process, not to a thread, and is only read.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Maps a whole file.
    ///
    /// # Errors
    /// What fstat(2) and mmap(2) report.
    pub fn of(file: &File) -> io::Result<Self> {
        let length = usize::try_from(file.metadata()?.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
        if length == 0 {
            return Ok(Mapping { start: NonNull::dangling(), length });
        }
        // SAFETY: a new mapping at an address that the system chooses touches no memory that is in use; descriptor and length are
        // those of an open file.
        let start =
            unsafe { libc::mmap(std::ptr::null_mut(), length, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd(), 0) };
        match NonNull::new(start.cast::<u8>()) {
            Some(start) if start.as_ptr().cast() != libc::MAP_FAILED => Ok(Mapping { start, length }),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Copies the bytes from `at` on into `piece`; false if the file has fewer.
    #[must_use]
    pub fn read(&self, at: u64, piece: &mut [u8]) -> bool {
        let Ok(at) = usize::try_from(at) else { return false };
        if at.checked_add(piece.len()).is_none_or(|end| end > self.length) {
            return false;
        }
        // SAFETY: the bytes are inside the mapping, which lives as long as `self`; they are copied, so that nothing refers to memory that
        // another process could change.
        unsafe { std::ptr::copy_nonoverlapping(self.start.as_ptr().add(at), piece.as_mut_ptr(), piece.len()) };
        true
    }

    /// How many bytes there are.
    pub fn len(&self) -> u64 {
        self.length as u64
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if self.length > 0 {
            // SAFETY: start and length are those of the mapping, and nothing refers to it any more.
            unsafe { libc::munmap(self.start.as_ptr().cast(), self.length) };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn pieces_are_read_and_nothing_beyond_the_end() {
        let mut file = tempfile::tempfile().unwrap();
        assert!(Mapping::of(&file).unwrap().is_empty());
        file.write_all(b"abcdef").unwrap();
        let mapping = Mapping::of(&file).unwrap();
        let mut piece = [0; 3];
        assert!(mapping.read(3, &mut piece));
        assert_eq!((&piece, mapping.len()), (b"def", 6));
        assert!(mapping.read(6, &mut []) && !mapping.read(4, &mut piece) && !mapping.read(u64::MAX, &mut piece));
    }
}
