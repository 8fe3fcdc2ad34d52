//! Option files of the MySQL client (my.cnf): sections with `name = value`.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice};

/// The files that are read when `option_file` names none.
const USUAL: [&str; 2] = ["/etc/my.cnf", "/etc/mysql/my.cnf"];
/// The deepest nesting of files in files.
const DEEPEST: usize = 10;

/// The options of some sections.
#[derive(Debug, Default)]
pub struct Options {
    values: HashMap<String, BString>,
}

impl Options {
    /// Reads a file, or the usual ones: the sections `client-server` and `group`. A file that is not there has no options.
    pub fn read(file: &[u8], group: &[u8]) -> Self {
        let mut options = Options::default();
        let files = match file.is_empty() {
            true => USUAL.map(PathBuf::from).to_vec(),
            false => vec![PathBuf::from(OsStr::from_bytes(file))],
        };
        for path in files {
            options.add_file(&path, group, 0);
        }
        options
    }

    /// The value of an option, whose name has `-` between its words.
    pub fn get(&self, name: &str) -> Option<&BString> {
        self.values.get(name)
    }

    fn add_file(&mut self, path: &Path, group: &[u8], depth: usize) {
        match fs::read(path) {
            Ok(text) => self.add(&text, group, depth),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                log::warn!("open {}: {}", text::show(path.as_os_str().as_bytes()), sys::reason(&error));
            }
        }
    }

    fn add(&mut self, text: &[u8], group: &[u8], depth: usize) {
        let mut is_ours = false;
        for line in text.lines() {
            let line = line.trim_ascii();
            match line {
                [] | [b'#' | b';', ..] => {}
                [b'[', name @ .., b']'] => is_ours = name == group || name == b"client-server",
                [b'!', ..] if depth < DEEPEST => self.include(line, group, depth + 1),
                [b'!', ..] => log::warn!("option files are nested too deep: {}", text::show(line)),
                line if is_ours => {
                    let (name, value) = line.split_once_str("=").unwrap_or((line, b""));
                    let name = String::from_utf8_lossy(name.trim_ascii()).replace('_', "-");
                    self.values.insert(name, unquote(value.trim_ascii()).into());
                }
                _ => {}
            }
        }
    }

    fn include(&mut self, line: &[u8], group: &[u8], depth: usize) {
        let (what, path) = line.split_once_str(" ").unwrap_or((line, b""));
        let path = Path::new(OsStr::from_bytes(path.trim_ascii()));
        if what == b"!include" {
            return self.add_file(path, group, depth);
        }
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "cnf"));
        files.sort();
        for file in files {
            self.add_file(&file, group, depth);
        }
    }
}

fn unquote(value: &[u8]) -> &[u8] {
    match value {
        [b'"', inside @ .., b'"'] | [b'\'', inside @ .., b'\''] => inside,
        // What follows a `#` after a blank is a comment.
        value => value.split_once_str(" #").map_or(value, |(value, _)| value.trim_ascii_end()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_and_values() {
        let mut options = Options::default();
        options.add(
            b"[mysqld]\nport=1\n[client]\n# x\nuser = \"a b\"\npassword='#1'\nssl_ca = /x # y\nskip\n[other]\nport=2\n",
            b"client",
            0,
        );
        let get = |name| options.get(name).map(|value| value.to_string());
        assert_eq!(get("user").as_deref(), Some("a b"));
        assert_eq!(get("password").as_deref(), Some("#1"));
        assert_eq!(get("ssl-ca").as_deref(), Some("/x"));
        assert_eq!(get("skip").as_deref(), Some(""));
        assert_eq!(get("port"), None);
    }

    #[test]
    fn files_in_files() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir(at("d")).unwrap();
        fs::write(at("a"), format!("!include {}\n!includedir {}\n", at("b").display(), at("d").display())).unwrap();
        fs::write(at("b"), format!("[g]\nuser=b\nport=1\n!include {}\n", at("b").display())).unwrap();
        fs::write(at("d/x.cnf"), "[g]\nport=2\n").unwrap();
        fs::write(at("d/x.other"), "[g]\nport=3\n").unwrap();
        let options = Options::read(at("a").as_os_str().as_bytes(), b"g");
        assert_eq!((options.get("user").unwrap(), options.get("port").unwrap()), (&"b".into(), &"2".into()));
        assert!(Options::read(b"/nowhere", b"g").get("user").is_none());
    }
}
