//! The file that `maillog_file` names (config §12.3, master-ipc §14.3).

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use config::{Config, params};

use crate::record::{Severity, file_line, stderr_line};

/// Permissions of a new log file when `maillog_file_permissions` makes no sense.
const PRIVATE: u32 = 0o600;

/// What `maillog_file_permissions` may be.
const PERMISSIONS: [u32; 3] = [0o600, 0o640, 0o644];

/// The permissions of a new log file, whatever the umask.
pub fn permissions(config: &Config) -> u32 {
    parse(config.get(params::MAILLOG_FILE_PERMISSIONS)).unwrap_or(PRIVATE)
}

/// Warns of a bad `maillog_file_permissions`.
pub(crate) fn check_permissions(config: &Config) {
    let value = config.get(params::MAILLOG_FILE_PERMISSIONS);
    if parse(value).is_none() {
        log::warn!("ignoring bad permissions: maillog_file_permissions = {}", text::show(value));
    }
}

fn parse(value: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    u32::from_str_radix(digits, 8).ok().filter(|mode| PERMISSIONS.contains(mode))
}

/// Opens the log file to append to it. A device such as `/dev/stdout` is opened as it is; a file with the checks that keep a
/// stranger's links away. A new file gets exactly these permissions.
///
/// # Errors
/// The reason, for `open logfile '<path>': `.
pub fn open(path: &Path, permissions: u32) -> Result<File, String> {
    let mut options = OpenOptions::new();
    options.append(true);
    if path.starts_with("/dev") {
        return options.open(path).map_err(|error| format!("cannot open file: {}", sys::reason(&error)));
    }
    let error = match sys::safe_open::open_existing(path, &options) {
        Ok((file, _)) => return Ok(file),
        Err(error) => error,
    };
    if !error.is_not_found() {
        return Err(error.to_string());
    }
    let (file, _) =
        sys::safe_open::open_or_create(path, &options, permissions, None).map_err(|error| error.to_string())?;
    file.set_permissions(Permissions::from_mode(permissions)).map_err(|error| sys::reason(&error))?;
    Ok(file)
}

/// The log file of a program that writes it itself.
#[derive(Debug)]
pub(crate) struct LogFile {
    path: PathBuf,
    host: Vec<u8>,
    permissions: u32,
    file: Option<File>,
}

impl LogFile {
    /// A file that is there is opened at once: the program may be about to give up its rights.
    pub(crate) fn new(path: PathBuf, host: Vec<u8>, permissions: u32) -> Self {
        let file = path.exists().then(|| open(&path, permissions).ok()).flatten();
        Self { path, host, permissions, file }
    }

    pub(crate) fn send(&mut self, tag: &[u8], severity: Severity, text: &[u8]) {
        let record = file_line(&self.host, tag, severity, text);
        self.append(&record);
    }

    /// Appends one record and a line end, in one write.
    pub(crate) fn append(&mut self, record: &[u8]) {
        let path = self.path.display().to_string();
        let result = match self.opened() {
            Ok(file) => write_line(file, record).map_err(|why| format!("logfile '{path}' write error: {why}")),
            Err(why) => Err(format!("open logfile '{path}': {why}")),
        };
        if let Err(text) = result {
            // The log itself is what fails, so the only place left to say so is standard error.
            let _ = io::stderr().write_all(&stderr_line(b"postlog", Severity::Fatal, text.as_bytes()));
            std::process::exit(1);
        }
    }

    /// The file, which is made if it is not there.
    pub(crate) fn opened(&mut self) -> Result<&mut File, String> {
        match &mut self.file {
            Some(file) => Ok(file),
            none => Ok(none.insert(open(&self.path, self.permissions)?)),
        }
    }
}

/// Appends one record and a line end, in one write.
///
/// # Errors
/// The reason.
pub fn write_line(file: &mut File, record: &[u8]) -> Result<(), String> {
    file.write_all(&[record, b"\n"].concat()).map_err(|error| sys::reason(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_permissions_make_sense() {
        for (text, expected) in [("0600", Some(0o600)), ("644", Some(0o644)), ("00640", Some(0o640))] {
            assert_eq!(parse(text.as_bytes()), expected);
        }
        for text in ["", "0666", "600x", "-600", "+600", "0x180"] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_log_file_is_no_link_of_a_strangers() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (directory.path().join("file"), directory.path().join("link"));
        write_line(&mut open(&file, 0o644).unwrap(), b"a").unwrap();
        write_line(&mut open(&file, 0o600).unwrap(), b"b").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"a\nb\n");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o644);
        std::fs::hard_link(&file, &link).unwrap();
        assert_eq!(open(&link, 0o600).unwrap_err(), "file has 2 hard links");
    }
}
