//! The locks that keep a second master away (master-ipc §2.2 steps 9 and 10).

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bstr::ByteSlice;
use config::{Config, params};
use logging::fatal;
use sys::privilege::ActingAs;

use crate::start::{PROCESS, load_config, or_fatal};

/// Permissions of a new lock file, less the umask.
const MODE: u32 = 0o644;

/// Held for the life of master.
#[derive(Debug)]
pub struct Locks {
    _queue: File,
    _data: File,
}

/// Takes both locks, and writes the process ID into both files.
pub fn take(config: &Config) -> Locks {
    let queue = or_fatal(lock(&pid_file()));
    let owner = config.get(params::MAIL_OWNER).to_str_lossy();
    let account = match sys::privilege::account(&owner) {
        Ok(Some(account)) => account,
        _ => fatal!("unknown user: {owner}"),
    };
    let data = PathBuf::from(OsStr::from_bytes(config.get(params::DATA_DIRECTORY))).join("master.lock");
    let acting = ActingAs::new(account.uid, account.gid);
    let acting = acting.unwrap_or_else(|error| fatal!("set effective user: {}", sys::reason(&error)));
    let result = lock(&data);
    drop(acting);
    Locks { _queue: queue, _data: or_fatal(result) }
}

/// `master -t`: exit status 0 when no master runs, 1 when one does.
pub fn test_and_exit() -> ! {
    let config = load_config();
    or_fatal(logging::configure(&config, true));
    let directory = config.get(params::QUEUE_DIRECTORY);
    if let Err(error) = std::env::set_current_dir(OsStr::from_bytes(directory)) {
        fatal!("chdir {}: {}", text::show(directory), sys::reason(&error));
    }
    if !pid_file().exists() {
        std::process::exit(0);
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    let free = sys::safe_open::open_existing(&pid_file(), &options)
        .is_ok_and(|(file, _)| sys::lock::try_exclusive(&file).is_ok());
    std::process::exit(i32::from(!free))
}

fn pid_file() -> PathBuf {
    Path::new("pid").join(format!("{PROCESS}.pid"))
}

fn lock(path: &Path) -> Result<File, String> {
    let failed = |why: String| format!("open lock file {}: {why}", path.display());
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    let (file, _) =
        sys::safe_open::open_or_create(path, &options, MODE, None).map_err(|error| failed(error.to_string()))?;
    sys::lock::try_exclusive(&file)
        .map_err(|error| failed(format!("unable to set exclusive lock: {}", sys::reason(&error))))?;
    write_pid(&file).map_err(|error| failed(sys::reason(&error)))?;
    Ok(file)
}

/// 33 bytes; the file is not truncated, so that a reader never sees it empty.
fn write_pid(mut file: &File) -> std::io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    file.write_all(format!("{:32}\n", std::process::id()).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_holds_and_names_its_owner() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.pid");
        let held = lock(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{:>32}\n", std::process::id()));
        let error = lock(&path).unwrap_err();
        assert!(error.ends_with("x.pid: unable to set exclusive lock: Resource temporarily unavailable"), "{error}");
        drop(held);
        lock(&path).unwrap();
    }
}
