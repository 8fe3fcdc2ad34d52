//! Reading main.cf and master.cf to show them (config §8.1, §8.4).

use bstr::{BString, ByteSlice};
use config::{Dictionary, main_cf};
use logging::fatal;

use crate::entry::{Entry, Problem};
use crate::options::{Mode, Options};
use crate::or_fatal::OrFatal;

/// The configuration directory: what `-c` or the environment says, if either does.
pub fn named_directory() -> Option<BString> {
    let variable = std::env::var_os(config::directory::DIRECTORY_VARIABLE)?;
    Some(std::os::unix::ffi::OsStringExt::into_vec(variable).into())
}

/// The path of a file of the configuration directory.
pub fn path(file: &str) -> String {
    let directory = named_directory().unwrap_or_else(|| config::directory::DEFAULT_DIRECTORY.into());
    format!("{}/{file}", directory.to_str_lossy())
}

/// What main.cf and the command line say; nothing of it when defaults are asked for.
pub fn read_main(options: &Options) -> Dictionary {
    let mut dictionary = Dictionary::default();
    if let Some(directory) = named_directory() {
        dictionary.set("config_directory", directory);
    }
    if options.defaults {
        return dictionary;
    }
    let path = path("main.cf");
    let text = main_cf::read_file(&path).or_fatal();
    dictionary.read(&path, &text).or_fatal();
    for (name, value) in options.overrides() {
        dictionary.set(name, value);
    }
    dictionary
}

/// The entries of master.cf. A file that cannot be opened ends the program only if it is to be shown.
pub fn read_master(mode: Mode) -> Vec<Entry> {
    let path = path(config::master::FILE_NAME);
    match std::fs::read(&path) {
        Ok(text) => parse_master(&path, &text),
        Err(error) => {
            let problem = format!("open {path}: {}", sys::reason(&error));
            if mode != Mode::Main {
                fatal!("{problem}");
            }
            log::warn!("{problem}");
            Vec::new()
        }
    }
}

fn parse_master(path: &str, text: &[u8]) -> Vec<Entry> {
    main_cf::lines(path, text)
        .map(|(line, content)| match Entry::parse(&content) {
            Ok(entry) => Entry { line, ..entry },
            Err(Problem::FieldCount) => fatal!("file {path}: line {line}: bad field count"),
            Err(Problem::Field(problem)) => fatal!("{problem}"),
        })
        .collect()
}
