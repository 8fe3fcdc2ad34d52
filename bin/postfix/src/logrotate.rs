//! `postfix logrotate` (master-ipc §15.4).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use bstr::{BStr, ByteSlice};
use config::{Config, Key, Str, params};
use logging::fatal;
use sys::signal::Signal;

use crate::control::{is_running, master_pid};
use crate::paths::Paths;

pub fn rotate(config: &Config, paths: &Paths) {
    let file = required(config, params::MAILLOG_FILE);
    let compressor = required(config, params::MAILLOG_FILE_COMPRESSOR);
    let suffix = required(config, params::MAILLOG_FILE_ROTATE_SUFFIX);
    let shown = text::show(file);
    if file.starts_with(b"/dev/") {
        fatal!("not rotating '{shown}'");
    }
    let suffix = text::date::local_format(SystemTime::now(), &suffix.to_str_lossy());
    let events = config.get(params::MAILLOG_JSON_FILE);
    let files = [file, events];
    let files = files.into_iter().filter(|file| !file.is_empty() && !file.starts_with(b"/dev/"));
    let rotated: Vec<(PathBuf, &BStr)> = files.map(|file| (rename(file, &suffix), file)).collect();
    if is_running(paths)
        && let Some(pid) = master_pid()
    {
        // A master that ends just now opens no log any more.
        let _ = sys::signal::send(pid, Signal::SIGHUP);
        sleep(Duration::from_secs(1));
    }
    for (rotated, file) in rotated {
        compress(compressor, &rotated, file);
    }
}

/// Gives a file its suffix; says what it is called then.
fn rename(file: &BStr, suffix: &str) -> PathBuf {
    let rotated = PathBuf::from(OsStr::from_bytes(&[file.as_bytes(), b".", suffix.as_bytes()].concat()));
    if let Err(error) = std::fs::rename(OsStr::from_bytes(file), &rotated) {
        fatal!("logfile '{}' rotation failed: {}", text::show(file), sys::reason(&error));
    }
    rotated
}

fn compress(compressor: &BStr, rotated: &Path, file: &BStr) {
    let output = Command::new(OsStr::from_bytes(compressor)).arg(rotated).output();
    let problem = match output {
        Ok(output) if output.status.success() => return,
        Ok(output) => text::show(&output.stderr).to_string(),
        Err(error) => sys::reason(&error),
    };
    fatal!("logfile '{}' rotation failed: {problem}", text::show(file));
}

fn required(config: &Config, key: Key<Str>) -> &BStr {
    let value = config.get(key);
    if value.is_empty() {
        fatal!("empty '{}' parameter value - logfile rotation failed", key.name());
    }
    value
}
