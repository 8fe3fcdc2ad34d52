//! The process environment, which programs clean before they trust it (master-ipc §1.2).

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// Sets one variable.
pub fn set(name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) {
    if is_name(name.as_ref()) && !value.as_ref().as_bytes().contains(&0) {
        // SAFETY: programs change their environment while they start, before they make a thread.
        unsafe { std::env::set_var(name, value) };
    }
}

/// Removes one variable.
pub fn remove(name: impl AsRef<OsStr>) {
    if is_name(name.as_ref()) {
        // SAFETY: as in `set`.
        unsafe { std::env::remove_var(name) };
    }
}

/// Removes every variable, then sets the given ones: a clean environment.
pub fn replace(variables: impl IntoIterator<Item = (OsString, OsString)>) {
    let keep: Vec<_> = variables.into_iter().collect();
    // SAFETY: as in `set`. clearenv also drops entries without `=`, which std::env does not show.
    unsafe { libc::clearenv() };
    for (name, value) in keep {
        set(name, value);
    }
}

fn is_name(name: &OsStr) -> bool {
    !name.is_empty() && !name.as_bytes().iter().any(|byte| matches!(byte, 0 | b'='))
}
