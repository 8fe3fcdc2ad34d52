//! Bringing main.cf up to date (config §10.3).

use std::process::Command;

use bstr::BString;
use config::main_cf::{self, Assignment};
use config::{Config, params};
use logging::fatal;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use text::list;

use crate::control::run;
use crate::paths::Paths;

/// Queue directories that are too slow without levels below them.
const HASHED: [&str; 2] = ["defer", "deferred"];

/// Gives parameters values, with postconf(1), all in one step.
pub fn set(paths: &Paths, settings: &[BString]) {
    let mut command = Command::new(paths.command("postconf"));
    command.arg("-c").arg(&paths.configuration).arg("-e").args(settings.iter().map(|text| OsStr::from_bytes(text)));
    if !run(&mut command).success() {
        fatal!("{} failed", paths.command("postconf").display());
    }
}

/// Adds what later releases need.
pub fn upgrade(config: &Config, paths: &Paths) {
    let names = config.get(params::HASH_QUEUE_NAMES);
    let has = |wanted: &&str| list::split(names, list::SEPARATORS).any(|name| name == wanted.as_bytes());
    let missing: Vec<&str> = HASHED.iter().copied().filter(|name| !has(name)).collect();
    if !missing.is_empty() {
        let missing = missing.join(" ");
        println!("fixing main.cf hash_queue_names for missing {missing}");
        set(paths, &[format!("hash_queue_names = {names} {missing}").into()]);
    }
    let file = paths.configuration.join("main.cf").display().to_string();
    if !is_set(&file, "inet_protocols") {
        println!(
            "    COMPATIBILITY: editing {file}, setting\n    inet_protocols=ipv4.  Set inet_protocols yourself if this machine is to use IPv6."
        );
        set(paths, &["inet_protocols = ipv4".into()]);
    }
}

/// Whether main.cf itself gives a parameter a value.
fn is_set(file: &str, name: &str) -> bool {
    let text = main_cf::read_file(file).unwrap_or_else(|error| fatal!("{error}"));
    main_cf::assignments(file, &text).filter_map(Result::ok).any(|Assignment { name: found, .. }| found == name)
}
