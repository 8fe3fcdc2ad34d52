//! Which directory the configuration is in, and whether a privileged program may use it (config §4.1).

use std::os::unix::ffi::OsStringExt;

use bstr::BString;
use text::{list, show};

use crate::error::Error;
use crate::main_cf;

/// The directory that is used unless the environment names another.
pub const DEFAULT_DIRECTORY: &str = match option_env!("POSTHORN_CONFIG_DIRECTORY") {
    Some(directory) => directory,
    None => "/etc/postfix",
};

/// The environment variable that names the directory. A program's `-c` sets it.
pub const DIRECTORY_VARIABLE: &str = "MAIL_CONFIG";

/// The parameters of the default main.cf that permit other directories.
const PERMITTING: [&str; 2] = ["alternate_config_directories", "multi_instance_directories"];

/// The configuration directory: what `MAIL_CONFIG` says, else the default.
///
/// # Errors
/// When the process runs with its file's rights rather than its caller's, and the default main.cf does not list the
/// directory.
pub fn configured() -> Result<BString, Error> {
    let directory = match std::env::var_os(DIRECTORY_VARIABLE) {
        Some(directory) => BString::from(directory.into_vec()),
        None => BString::from(DEFAULT_DIRECTORY),
    };
    if directory != DEFAULT_DIRECTORY && is_unsafe() {
        check(&directory, DEFAULT_DIRECTORY)?;
    }
    Ok(directory)
}

/// Whether the environment comes from somebody with less rights than this process.
pub fn is_unsafe() -> bool {
    let root = sys::privilege::real_uid() == 0 && sys::privilege::effective_uid() == 0;
    !root && sys::privilege::is_set_id()
}

fn check(directory: &BString, default: &str) -> Result<(), Error> {
    let path = format!("{default}/main.cf");
    let text = main_cf::read_file(&path).map_err(|error| match error {
        Error::Open { path, source } => Error::OpenDefault { path, source },
        other => other,
    })?;
    for entry in main_cf::assignments(&path, &text) {
        let entry = entry?;
        if PERMITTING.iter().any(|&name| entry.name == name)
            && list::split(&entry.value, list::SEPARATORS).any(|listed| listed == directory.as_slice())
        {
            return Ok(());
        }
    }
    log::error!("unauthorized configuration directory name: {}", show(directory.as_slice()));
    Err(Error::Directory { directory: directory.clone(), default: default.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_listed_directory_is_permitted() {
        let default = tempfile::tempdir().unwrap();
        let path = default.path().to_str().unwrap();
        let main_cf = "alternate_config_directories = /a, /b\nmulti_instance_directories = /c\nmyorigin = /d\n";
        std::fs::write(default.path().join("main.cf"), main_cf).unwrap();
        for permitted in ["/a", "/b", "/c"] {
            check(&permitted.into(), path).unwrap();
        }
        let refused = check(&"/d".into(), path).unwrap_err().to_string();
        assert!(
            refused.starts_with("specify \"alternate_config_directories = /d\" or \"multi_instance_dir"),
            "{refused}"
        );
        let missing = check(&"/d".into(), "/nonexistent").unwrap_err().to_string();
        assert_eq!(missing, "open file /nonexistent/main.cf: No such file or directory");
    }
}
