//! New instances: `create`, and `import` of a configuration that is there.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use bstr::{BStr, BString, ByteSlice};
use config::{Config, Key, Str, params};
use logging::fatal;
use text::{list, show};

use super::settings::{explicit, postconf, program, run, set};
use crate::instance::Instance;
use crate::instances::{Instances, listed, read};
use crate::options::{Action, Options};
use crate::run::prepare;

/// What an instance has for itself.
const OWN: [&str; 3] = ["config_directory", "queue_directory", "data_directory"];

/// What all instances have in common: a new one takes it from the first.
const SHARED: [Key<Str>; 12] = [
    params::COMMAND_DIRECTORY,
    params::DAEMON_DIRECTORY,
    params::META_DIRECTORY,
    params::SHLIB_DIRECTORY,
    params::MAIL_OWNER,
    params::SETGID_GROUP,
    params::SENDMAIL_PATH,
    params::MAILQ_PATH,
    params::NEWALIASES_PATH,
    params::MANPAGE_DIRECTORY,
    params::HTML_DIRECTORY,
    params::README_DIRECTORY,
];

/// Makes directories, and a configuration in which nothing listens yet.
pub fn create(instances: &Instances, new: &Instance, options: &Options, config: &Config) {
    for (directory, mode) in
        [(&new.config_directory, 0o755), (&new.queue_directory, 0o755), (&new.data_directory, 0o700)]
    {
        make_directory(directory, mode);
    }
    let has = |file: &str| path(&new.config_directory).join(file).exists();
    if !(has("main.cf") && has("master.cf")) {
        copy_configuration(instances, new, config);
    }
    add(instances, new, options, config);
}

/// Takes in a configuration directory with all that it has.
pub fn import(instances: &Instances, new: &Instance, options: &Options, config: &Config) {
    for file in ["main.cf", "master.cf"] {
        if !path(&new.config_directory).join(file).exists() {
            fatal!("'{}' lacks a {file} file", show(&new.config_directory));
        }
    }
    add(instances, new, options, config);
}

fn path(name: &[u8]) -> PathBuf {
    OsStr::from_bytes(name).into()
}

/// The instance that the command line asks for: its directories are given, or follow from its name, and must be no other's.
pub fn requested(instances: &Instances, options: &Options, action: Action, config: &Config) -> Instance {
    let mut new = Instance::default();
    for argument in &options.operands {
        let (name, value) = setting(argument, action);
        match name {
            "config_directory" => new.config_directory = value,
            "queue_directory" => new.queue_directory = value,
            _ => new.data_directory = value,
        }
    }
    let primary = instances.primary();
    let like = |given: BString, primary: &BString, name: &str| match (given.is_empty(), &options.new_name) {
        (false, _) => given,
        (true, Some(new)) if !new.is_empty() => sibling(primary.as_bstr(), new.as_bstr()),
        _ => fatal!("Missing {name} parameter value"),
    };
    new.config_directory = like(new.config_directory, &primary.config_directory, OWN[0]);
    instances.check_directory(&new.config_directory);
    if action == Action::Create {
        new.queue_directory = like(new.queue_directory, &primary.queue_directory, OWN[1]);
        new.data_directory = like(new.data_directory, &primary.data_directory, OWN[2]);
    } else if path(&new.config_directory).join("main.cf").exists() {
        new = read(config, &new.config_directory);
    }
    if let Some(name) = &options.new_name {
        new.name = name.clone();
    }
    if let Some(group) = &options.new_group {
        new.group = group.clone();
    }
    Instances { all: instances.all.iter().cloned().chain([new.clone()]).collect() }.check(config);
    new
}

/// Reads a `name=value`, or ends the program.
fn setting(argument: &BString, action: Action) -> (&'static str, BString) {
    let shown = show(argument);
    let Some((name, value)) = argument.split_once_str("=") else {
        fatal!("Malformed parameter setting '{shown}'");
    };
    let allowed = if action == Action::Import { &OWN[..1] } else { &OWN[..] };
    let Some(known) = allowed.iter().find(|known| known.as_bytes() == name) else {
        fatal!("Parameter '{}' not valid with action {}", show(name), action.name());
    };
    if !value.starts_with(b"/") {
        fatal!("Parameter setting '{shown}' is not an absolute path");
    }
    let trimmed = value.trim_end_with(|byte| byte == '/');
    if trimmed.is_empty() {
        fatal!("Parameter setting '{shown}' is the root directory");
    }
    (known, trimmed.into())
}

/// A path beside another.
fn sibling(path: &BStr, name: &BStr) -> BString {
    let parent = path.rfind_byte(b'/').map_or(path.as_bytes(), |end| &path[..end]);
    [parent, b"/", name].concat().into()
}

fn make_directory(directory: &[u8], mode: u32) {
    let made = DirBuilder::new().recursive(true).mode(mode).create(path(directory));
    if let Err(error) = made {
        fatal!("mkdir {}: {}", show(directory), sys::reason(&error));
    }
}

/// Puts main.cf and master.cf in place when they are whole.
fn copy_configuration(instances: &Instances, new: &Instance, config: &Config) {
    let primary = instances.primary();
    let work = path(&new.config_directory).join(".tmp");
    make_directory(work.as_os_str().as_bytes(), 0o755);
    for file in ["main.cf", "master.cf"] {
        let source = path(config.get(params::META_DIRECTORY)).join(format!("{file}.proto"));
        if let Err(error) = fs::copy(&source, work.join(file)) {
            fatal!("copy {}: {}", source.display(), sys::reason(&error));
        }
    }
    let place = work.as_os_str().as_bytes();
    let names = SHARED.map(|key| key.name());
    let shared = explicit(config, &primary.config_directory, &names);
    let is_set = |name: &str| shared.iter().any(|setting| setting.split_str(" ").next() == Some(name.as_bytes()));
    let others: Vec<BString> = names.iter().filter(|name| !is_set(name)).map(|name| (*name).into()).collect();
    postconf(config, place, "-#", &others);
    let mut settings = shared;
    settings.push([b"queue_directory = ", new.queue_directory.as_slice()].concat().into());
    settings.push([b"data_directory = ", new.data_directory.as_slice()].concat().into());
    settings.push("authorized_submit_users =".into());
    settings.push("master_service_disable = inet".into());
    postconf(config, place, "-e", &settings);
    for file in ["main.cf", "master.cf"] {
        move_file(&work.join(file), &path(&new.config_directory).join(file));
    }
    if let Err(error) = fs::remove_dir(&work) {
        log::warn!("{}: {}", work.display(), sys::reason(&error));
    }
}

fn move_file(from: &Path, to: &Path) {
    if let Err(error) = fs::rename(from, to) {
        fatal!("rename {} to {}: {}", from.display(), to.display(), sys::reason(&error));
    }
}

/// Gives an instance its name, its place in the list of the first, and its permissions.
fn add(instances: &Instances, new: &Instance, options: &Options, config: &Config) {
    if options.new_name.is_some() || !new.name.is_empty() {
        set(config, new, "multi_instance_name", &new.name);
    }
    if options.new_group.is_some() {
        set(config, new, "multi_instance_group", &new.group);
    }
    let primary = instances.primary();
    let mut all: Vec<&Instance> = instances.all.iter().collect();
    all.insert(position(instances, options), new);
    set(config, primary, "multi_instance_directories", &listed(all.into_iter()));
    let alternates = config.get(params::ALTERNATE_CONFIG_DIRECTORIES);
    if list::split(alternates, list::SEPARATORS).any(|directory| directory == new.config_directory.as_slice()) {
        let left: Vec<&[u8]> = list::split(alternates, list::SEPARATORS)
            .filter(|directory| *directory != new.config_directory.as_slice())
            .collect();
        set(config, primary, "alternate_config_directories", &left.join(&b' '));
    }
    let mut command = program(config, "postfix");
    command.arg("-c").arg(OsStr::from_bytes(&new.config_directory)).arg("set-permissions");
    prepare(&mut command, new, config);
    run(command);
}

/// Before the first of the others that an option means, or at the end.
fn position(instances: &Instances, options: &Options) -> usize {
    use crate::options::Selection;
    if options.selection == Selection::None {
        return instances.all.len();
    }
    let found = instances.all.iter().position(|instance| !instance.primary && instance.is_selected(&options.selection));
    found.unwrap_or_else(|| fatal!("No matching secondary instances"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_directories_are_beside_those_of_the_first() {
        assert_eq!(sibling("/etc/postfix".into(), "postfix-a".into()), "/etc/postfix-a");
        let argument = BString::from("queue_directory=/q/a//");
        assert_eq!(setting(&argument, Action::Create), ("queue_directory", "/q/a".into()));
    }
}
