//! Opening a file that an adversary may have put in the way (master-ipc §1.3, delivery-agents §1.4).

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::Path;

/// Why a file was not opened. The text is what log lines show as the reason.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// open(2) of the existing file failed.
    #[error("cannot open file: {}", crate::reason(.0))]
    Open(io::Error),
    /// The file has more than one name.
    #[error("file has {0} hard links")]
    HardLinks(u64),
    /// It is a directory.
    #[error("file is a directory")]
    Directory,
    /// The path could not be examined after the file was opened.
    #[error("file status changed unexpectedly: {}", crate::reason(.0))]
    Examine(io::Error),
    /// The path is a symbolic link that not only root could have made.
    #[error("file is a symbolic link")]
    SymbolicLink,
    /// What was opened is not what the path names now.
    #[error("file status changed unexpectedly")]
    Changed,
    /// The new file could not be made.
    #[error("cannot create file exclusively: {}", crate::reason(.0))]
    Create(io::Error),
    /// The new file could not be given its owner.
    #[error("cannot change file ownership: {}", crate::reason(.0))]
    Owner(io::Error),
}

impl Error {
    /// Is there no such file?
    pub fn is_not_found(&self) -> bool {
        matches!(self, Error::Open(error) | Error::Examine(error) if error.kind() == io::ErrorKind::NotFound)
    }

    /// The error number that the caller's error classes go by: the operating system's, or EPERM and EISDIR for the refusals.
    pub fn errno(&self) -> i32 {
        match self {
            Error::Open(error) | Error::Create(error) | Error::Owner(error) => {
                error.raw_os_error().unwrap_or(libc::EIO)
            }
            Error::Directory => libc::EISDIR,
            Error::HardLinks(_) | Error::Examine(_) | Error::SymbolicLink | Error::Changed => libc::EPERM,
        }
    }
}

/// Opens an existing file, and checks that it is exactly one file: one hard link, not a directory, not reached through
/// a symbolic link (unless root made it where only root can), and the same before and after.
///
/// `options` must not create. Add `O_NONBLOCK` with `custom_flags` where the file could be a FIFO.
pub fn open_existing(path: &Path, options: &OpenOptions) -> Result<(File, Metadata), Error> {
    let file = options.open(path).map_err(Error::Open)?;
    let opened = file.metadata().map_err(Error::Examine)?;
    if opened.nlink() != 1 {
        return Err(Error::HardLinks(opened.nlink()));
    }
    if opened.is_dir() {
        return Err(Error::Directory);
    }
    let mut named = path.symlink_metadata().map_err(Error::Examine)?;
    if named.is_symlink() {
        if !only_root_could_have_made(path, &named).map_err(Error::Examine)? {
            return Err(Error::SymbolicLink);
        }
        named = path.metadata().map_err(Error::Examine)?;
    }
    match same_file(&opened, &named) {
        true => Ok((file, opened)),
        false => Err(Error::Changed),
    }
}

/// As [`open_existing`]; a file that does not exist is created exclusively with `mode` (less the umask), and given to
/// `owner` (user and group ID) when one is named.
pub fn open_or_create(
    path: &Path,
    options: &OpenOptions,
    mode: u32,
    owner: Option<(u32, u32)>,
) -> Result<(File, Metadata), Error> {
    for last_try in [false, true] {
        match open_existing(path, options) {
            Err(Error::Open(error)) if error.kind() == io::ErrorKind::NotFound => {}
            result => return result,
        }
        match create(path, options, mode, owner) {
            Err(Error::Create(error)) if error.kind() == io::ErrorKind::AlreadyExists && !last_try => {}
            result => return result,
        }
    }
    Err(Error::Changed)
}

fn create(path: &Path, options: &OpenOptions, mode: u32, owner: Option<(u32, u32)>) -> Result<(File, Metadata), Error> {
    let file = options.clone().create_new(true).mode(mode).open(path).map_err(Error::Create)?;
    if let Some((user, group)) = owner {
        fchown(&file, Some(user), Some(group)).map_err(Error::Owner)?;
    }
    let metadata = file.metadata().map_err(Error::Examine)?;
    Ok((file, metadata))
}

fn only_root_could_have_made(path: &Path, link: &Metadata) -> io::Result<bool> {
    if link.uid() != 0 {
        return Ok(false);
    }
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let parent = parent.metadata()?;
    Ok(parent.uid() == 0 && parent.mode() & 0o022 == 0)
}

fn same_file(one: &Metadata, two: &Metadata) -> bool {
    let identity = |file: &Metadata| (file.dev(), file.ino(), file.nlink(), file.mode());
    identity(one) == identity(two)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn read() -> OpenOptions {
        let mut options = OpenOptions::new();
        options.read(true);
        options
    }

    #[test]
    fn plain_file_opens_and_others_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::write(path("plain"), "x").unwrap();
        assert!(open_existing(&path("plain"), &read()).is_ok());
        assert_eq!(open_existing(dir.path(), &read()).unwrap_err().to_string().split(' ').next(), Some("file"));
        let missing = open_existing(&path("missing"), &read()).unwrap_err();
        assert_eq!(missing.to_string(), "cannot open file: No such file or directory");
        fs::hard_link(path("plain"), path("twin")).unwrap();
        assert_eq!(open_existing(&path("plain"), &read()).unwrap_err().to_string(), "file has 2 hard links");
    }

    #[test]
    fn symbolic_link_in_a_directory_open_to_others_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        fs::write(dir.path().join("plain"), "x").unwrap();
        std::os::unix::fs::symlink("plain", dir.path().join("link")).unwrap();
        let refused = open_existing(&dir.path().join("link"), &read()).unwrap_err();
        assert_eq!(refused.to_string(), "file is a symbolic link");
        assert_eq!(refused.errno(), libc::EPERM);
    }

    #[test]
    fn missing_file_is_created() {
        let dir = tempfile::tempdir().unwrap();
        let mut options = OpenOptions::new();
        options.append(true);
        let (_, made) = open_or_create(&dir.path().join("new"), &options, 0o600, None).unwrap();
        assert_eq!(made.mode() & 0o777, 0o600);
        assert!(open_or_create(&dir.path().join("new"), &options, 0o600, None).is_ok());
    }
}
