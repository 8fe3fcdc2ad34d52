//! Files that must go when this process ends before its message is accepted (cleanup-rewrite §10.1).

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

static FILES: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn with_files<T>(act: impl FnOnce(&mut Vec<PathBuf>) -> T) -> T {
    act(&mut FILES.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A file that shall not outlive this process.
pub fn add(path: &Path) {
    with_files(|files| files.push(path.to_owned()));
}

/// From here on the files stay, whatever happens: mail that comes twice is better than mail that is lost.
pub fn keep() {
    with_files(Vec::clear);
}

/// Removes the files. What cannot be removed is logged.
pub fn remove() {
    with_files(|files| {
        for path in files.drain(..) {
            if let Err(error) = fs::remove_file(&path) {
                log::warn!("remove {}: {}", path.display(), sys::reason(&error));
            }
        }
    });
}
