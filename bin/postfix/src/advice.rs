//! What `postfix check` says of main.cf beyond owners and permissions: what is there, but cannot work as it was meant.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bstr::{BStr, BString, ByteSlice};
use config::main_cf::{self, Assignment};
use config::registry::{self, Type};
use config::{Config, params};
use text::{list, show};

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

/// Warns about main.cf. Files are looked at as the caller sees them.
pub fn advise(config: &Config, paths: &Paths) {
    let file = paths.configuration.join("main.cf").display().to_string();
    let text = match main_cf::read_file(&file) {
        Ok(text) => text,
        Err(error) => return log::warn!("{error}"),
    };
    // A line that is none has ended the program before.
    let assignments: Vec<Assignment> = main_cf::assignments(&file, &text).filter_map(Result::ok).collect();
    for Assignment { line, name, value } in &assignments {
        if registry::row(name).is_some_and(|row| row.ty == Type::Raw) {
            continue;
        }
        let value = match config.expand(value) {
            Ok(value) => value,
            Err(error) => {
                log::warn!("{file}, line {line}: {}: {error}", show(name));
                continue;
            }
        };
        let mut problems = table_problems(&value);
        if is_restrictions(config, name.as_bstr()) {
            problems.extend(unreachable(&value));
        }
        for problem in problems {
            log::warn!("{file}, line {line}: {}: {problem}", show(name));
        }
    }
    names(paths, &file, &assignments);
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
fn names(paths: &Paths, file: &str, assignments: &[Assignment]) {
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
            Some(warning) => log::warn!("{}", show(&with_line(warning, file, assignments))),
            None => log::info!("{}", show(text)),
        }
    }
}

/// A warning about a parameter that nothing uses gets the number of the line.
fn with_line(warning: &[u8], file: &str, assignments: &[Assignment]) -> BString {
    let unused = warning.strip_prefix(file.as_bytes()).and_then(|rest| rest.strip_prefix(b": unused parameter: "));
    let found = unused
        .and_then(|rest| rest.split_once_str("="))
        .and_then(|(name, _)| assignments.iter().rfind(|assignment| assignment.name == name));
    match (unused, found) {
        (Some(text), Some(Assignment { line, .. })) => {
            [format!("{file}, line {line}: unused parameter: ").as_bytes(), text].concat().into()
        }
        _ => warning.into(),
    }
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
    fn unused_names_get_their_line() {
        let assignments: Vec<_> = main_cf::assignments("f", b"x = 1\nx = 2\n").filter_map(Result::ok).collect();
        assert_eq!(with_line(b"f: unused parameter: x=2", "f", &assignments), "f, line 2: unused parameter: x=2");
        assert_eq!(with_line(b"f: undefined parameter: x", "f", &assignments), "f: undefined parameter: x");
    }
}
