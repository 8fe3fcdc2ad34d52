//! What `postfix check` says of main.cf and master.cf beyond owners and permissions: what is there, but cannot work as it was
//! meant.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bstr::{BStr, BString, ByteSlice};
use config::main_cf::{self, Assignment};
use config::registry::{self, Type};
use config::{Config, master, params};
use text::expand::references;
use text::level::Level;
use text::{list, show, split_name_value};

use crate::paths::Paths;

/// Table types in files, and what the name of the file has after that of the table.
const TABLES: [(&str, &str); 9] = [
    ("hash", ".db"),
    ("btree", ".db"),
    ("lmdb", ".lmdb"),
    ("cdb", ".cdb"),
    ("dbm", ".pag"),
    ("texthash", ""),
    ("regexp", ""),
    ("pcre", ""),
    ("cidr", ""),
];

/// Table types that are made of other tables.
const COMPOSED: [&str; 2] = ["unionmap", "pipemap"];

/// Restrictions that decide whatever comes.
const DECISIONS: [&[u8]; 3] = [b"permit", b"reject", b"defer"];

/// A parameter that a file gives a value.
struct Setting {
    file: String,
    line: usize,
    /// The service of master.cf whose setting it is.
    service: Option<String>,
    name: BString,
    value: BString,
}

impl Setting {
    /// Where it is, for messages.
    fn place(&self) -> String {
        let service = self.service.as_ref().map_or_else(String::new, |service| format!("{service}: "));
        format!("{}, line {}: {service}", self.file, self.line)
    }
}

/// Warns about main.cf and master.cf. Files are looked at as the caller sees them.
pub fn advise(config: &Config, paths: &Paths) {
    let mut settings = of_main_cf(paths);
    settings.extend(of_master_cf(paths));
    for setting in &settings {
        if registry::row(&setting.name).is_some_and(|row| row.ty == Type::Raw) {
            continue;
        }
        let (place, name) = (setting.place(), show(&setting.name));
        let value = match config.expand(&setting.value) {
            Ok(value) => value,
            Err(error) => {
                log::warn!("{place}{name}: {error}");
                continue;
            }
        };
        let mut problems = table_problems(&value);
        if is_restrictions(config, setting.name.as_bstr()) {
            problems.extend(unreachable(&value));
        }
        for problem in problems {
            log::warn!("{place}{name}: {problem}");
        }
    }
    names(paths, &settings);
}

fn of_main_cf(paths: &Paths) -> Vec<Setting> {
    let file = paths.configuration.join("main.cf").display().to_string();
    let text = match main_cf::read_file(&file) {
        Ok(text) => text,
        Err(error) => {
            log::warn!("{error}");
            return Vec::new();
        }
    };
    // A line that is none has ended the program before.
    let assignments = main_cf::assignments(&file, &text).filter_map(Result::ok);
    assignments
        .map(|Assignment { line, name, value }| Setting { file: file.clone(), line, service: None, name, value })
        .collect()
}

/// The `-o` options of services.
fn of_master_cf(paths: &Paths) -> Vec<Setting> {
    let file = paths.configuration.join(master::FILE_NAME).display().to_string();
    // What master would need to know does not matter here.
    let defaults = master::Defaults { level: Level::new(3, 6, 0), process_limit: 0 };
    let entries = match fs::read(&file).map(|text| master::parse(&file, &text, &defaults)) {
        Ok(Ok(entries)) => entries,
        Ok(Err(error)) => {
            log::warn!("{error}");
            return Vec::new();
        }
        Err(error) => {
            log::warn!("open {file}: {}", sys::reason(&error));
            return Vec::new();
        }
    };
    let mut settings = Vec::new();
    for entry in &entries {
        let service = format!("{}/{}", show(&entry.name), entry.transport.name());
        for pair in entry.arguments.windows(2).filter(|pair| pair[0] == "-o") {
            if let Ok((name, value)) = split_name_value(&pair[1]) {
                settings.push(Setting {
                    file: file.clone(),
                    line: entry.line,
                    service: Some(service.clone()),
                    name: name.into(),
                    value: value.into(),
                });
            }
        }
    }
    settings
}

/// What is wrong with the files of the tables in a value.
fn table_problems(value: &[u8]) -> Vec<String> {
    let mut problems = Vec::new();
    for word in list::split_braced(value, list::SEPARATORS) {
        if word.starts_with(b"{") {
            problems.extend(table_problems(list::unbrace_leniently(word).0));
            continue;
        }
        let mut word = word;
        while let Some(rest) = word.strip_prefix(b"proxy:") {
            word = rest;
        }
        let Some((kind, name)) = word.split_once_str(":") else { continue };
        if COMPOSED.iter().any(|known| kind == known.as_bytes()) {
            problems.extend(table_problems(list::unbrace_leniently(name).0));
            continue;
        }
        if !name.starts_with(b"/") {
            continue;
        }
        if let Some((kind, suffix)) = TABLES.iter().find(|(known, _)| kind == known.as_bytes()) {
            let source = PathBuf::from(OsStr::from_bytes(name));
            let file = PathBuf::from(OsStr::from_bytes(&[name, suffix.as_bytes()].concat()));
            problems.extend(file_problem(kind, &source, &file));
        }
    }
    problems
}

/// A table must be readable, and no older than the text that it is made of.
fn file_problem(kind: &str, source: &Path, file: &Path) -> Option<String> {
    if let Err(error) = File::open(file) {
        return Some(format!("cannot read {}: {}", file.display(), sys::reason(&error)));
    }
    let changed = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let (source_time, table_time) = (changed(source)?, changed(file)?);
    (source_time > table_time).then(|| {
        format!("{} is older than {}: its table of type {kind} must be made anew", file.display(), source.display())
    })
}

/// Whether the value of a parameter is a list of restrictions, one after the other.
fn is_restrictions(config: &Config, name: &BStr) -> bool {
    let is_class =
        || list::split(config.get(params::SMTPD_RESTRICTION_CLASSES), list::SEPARATORS).any(|class| class == name);
    (name.starts_with(b"smtpd_") && name.ends_with(b"_restrictions")) || is_class()
}

/// What comes after a decision is never looked at.
fn unreachable(value: &[u8]) -> Option<String> {
    let words: Vec<&[u8]> = list::split_braced(value, list::SEPARATORS).collect();
    let decides = |at: &usize| {
        let lower = words[*at].to_ascii_lowercase();
        let only_warns = at.checked_sub(1).is_some_and(|before| words[before].eq_ignore_ascii_case(b"warn_if_reject"));
        DECISIONS.contains(&lower.as_slice()) && !only_warns
    };
    let at = (0..words.len()).find(decides)?;
    let next = words.get(at + 1)?;
    Some(format!("{} is never reached, because {} comes before it", show(next), show(words[at])))
}

/// What postconf says of names: those that nothing uses, and references to what is not there.
fn names(paths: &Paths, settings: &[Setting]) {
    let mut command = Command::new(paths.command("postconf"));
    command.arg("-c").arg(&paths.configuration).arg("-n").stdin(Stdio::null());
    let said = match command.output() {
        Ok(output) => output.stderr,
        Err(error) => return log::warn!("{}: {}", paths.command("postconf").display(), sys::reason(&error)),
    };
    let prefix = [paths.command("postconf").as_os_str().as_bytes(), b": "].concat();
    for text in said.lines() {
        let text = text.strip_prefix(prefix.as_slice()).unwrap_or(text);
        match text.strip_prefix(b"warning: ") {
            Some(warning) => log::warn!("{}", show(&with_line(warning, settings))),
            None => log::info!("{}", show(text)),
        }
    }
}

/// What postconf says of one setting, before its name, and what ends the name.
const OF_A_NAME: [(&str, &str); 3] =
    [("unused parameter: ", "="), ("read-only parameter assignment: ", "="), ("support for parameter \"", "\"")];

/// What it says of a name that a value refers to.
const OF_A_REFERENCE: &str = "undefined parameter: ";

/// A warning about a setting gets the number of its line.
fn with_line(warning: &[u8], settings: &[Setting]) -> BString {
    let Some((file, text)) = warning.split_once_str(": ") else { return warning.into() };
    let is_meant = |setting: &&Setting| {
        let named = OF_A_NAME.iter().any(|(before, after)| {
            let name = text.strip_prefix(before.as_bytes()).and_then(|rest| rest.split_once_str(after));
            name.is_some_and(|(name, _)| setting.name == name)
        });
        let reference = text.strip_prefix(OF_A_REFERENCE.as_bytes());
        setting.file.as_bytes() == file && (named || reference.is_some_and(|name| refers_to(&setting.value, name)))
    };
    match settings.iter().rfind(is_meant) {
        Some(setting) => [setting.place().as_bytes(), text].concat().into(),
        None => warning.into(),
    }
}

/// Whether a value has `$name` in it.
fn refers_to(value: &[u8], name: &[u8]) -> bool {
    let mut found = false;
    // A value with bad syntax is told of already.
    let _ = references(value, &mut |referred| found |= referred == name);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_a_decision_is_never_reached() {
        let next = |value: &str| unreachable(value.as_bytes());
        assert_eq!(next("permit_mynetworks, reject"), None);
        assert_eq!(next("warn_if_reject reject, permit"), None);
        let expected = "check_x is never reached, because Reject comes before it";
        assert_eq!(next("a, Reject check_x hash:/y"), Some(expected.to_owned()));
    }

    #[test]
    fn tables_are_found_and_their_age_is_seen() {
        let directory = tempfile::tempdir().unwrap();
        let source = directory.path().join("a");
        let value = format!("static:x, proxy:hash:{0} unionmap:{{cidr:{0}}}", source.display());
        assert_eq!(table_problems(value.as_bytes()).len(), 2);
        fs::write(directory.path().join("a.db"), "").unwrap();
        fs::write(&source, "").unwrap();
        let old = std::time::SystemTime::now() - std::time::Duration::from_secs(9);
        File::options().write(true).open(directory.path().join("a.db")).unwrap().set_modified(old).unwrap();
        let problems = table_problems(value.as_bytes());
        assert!(problems.len() == 1 && problems[0].contains("a.db is older than "), "{problems:?}");
    }

    #[test]
    fn names_get_their_line() {
        let setting = |file: &str, line, service: Option<&str>, name: &str, value: &str| Setting {
            file: file.into(),
            line,
            service: service.map(Into::into),
            name: name.into(),
            value: value.into(),
        };
        let settings = [
            setting("f", 1, None, "x", "1"),
            setting("f", 2, None, "x", "2"),
            setting("f", 3, None, "y", "a ${z?b}"),
            setting("m", 7, Some("smtp/inet"), "x", "$q"),
        ];
        for (warning, expected) in [
            ("f: unused parameter: x=2", "f, line 2: unused parameter: x=2"),
            ("m: unused parameter: x=2", "m, line 7: smtp/inet: unused parameter: x=2"),
            ("f: undefined parameter: z", "f, line 3: undefined parameter: z"),
            ("m: undefined parameter: q", "m, line 7: smtp/inet: undefined parameter: q"),
            ("f: undefined parameter: v", "f: undefined parameter: v"),
            (
                "f: support for parameter \"y\" will be removed",
                "f, line 3: support for parameter \"y\" will be removed",
            ),
            ("anything", "anything"),
        ] {
            assert_eq!(with_line(warning.as_bytes(), &settings), expected);
        }
    }
}
