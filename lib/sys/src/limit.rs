//! Resource limits.

use std::io;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Lowers the limit of the size of files that this process writes, to `bytes`, unless it is as low already.
///
/// # Errors
/// What setrlimit(2) reports.
pub fn lower_file_size(bytes: u64) -> io::Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_FSIZE)?;
    if soft > bytes {
        setrlimit(Resource::RLIMIT_FSIZE, bytes, hard)?;
    }
    Ok(())
}

/// Sets the limit of the size of files that this process and its children write, to `bytes`; 0 leaves it as it is. A write beyond it fails with
/// EFBIG when SIGXFSZ is ignored.
///
/// # Errors
/// `EPERM` when the hard limit is lower and the process has no rights to raise it.
pub fn set_file_size(bytes: u64) -> io::Result<()> {
    if bytes > 0 {
        setrlimit(Resource::RLIMIT_FSIZE, bytes, bytes)?;
    }
    Ok(())
}
