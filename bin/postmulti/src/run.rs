//! Listing instances, and running commands for each (config §9.4).

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, exit};

use bstr::{BStr, BString, ByteSlice};
use config::{Config, directory, params};
use logging::fatal;
use text::json::string;
use text::list;

use crate::instance::Instance;
use crate::instances::Instances;
use crate::options::Options;

/// `-l`: one line for each.
pub fn list(instances: &Instances, options: &Options) {
    let mut selected = instances.selected(&options.selection);
    if options.reverse {
        selected.reverse();
    }
    let mut out = io::stdout().lock();
    for instance in selected {
        let line = if options.json { object(instance) } else { line(instance) };
        if let Err(error) = out.write_all(line.as_bytes()) {
            fatal!("write error: {}", sys::reason(&error));
        }
    }
}

fn line(instance: &Instance) -> String {
    let shown = |text: &BString| if text.is_empty() { "-".to_owned() } else { text::show(text).to_string() };
    let enabled = if instance.enabled { "y" } else { "n" };
    let directory = text::show(&instance.config_directory);
    format!("{:<15} {:<15} {enabled:<9} {directory}\n", shown(&instance.name), shown(&instance.group))
}

fn object(instance: &Instance) -> String {
    let shown = |text: &BString| if text.is_empty() { string(b"-") } else { string(text) };
    format!(
        "{{\"name\": {},\"group\": {},\"enabled\": \"{}\",\"config_directory\": {}}}\n",
        shown(&instance.name),
        shown(&instance.group),
        if instance.enabled { "y" } else { "n" },
        string(&instance.config_directory)
    )
}

/// The commands of postfix(1) that are not for all instances alike: lists, by their parameters.
pub struct Commands<'a> {
    pub start: &'a BStr,
    pub stop: &'a BStr,
    pub control: &'a BStr,
}

/// `-x`: runs a command for each.
pub fn each(instances: &Instances, options: &Options, config: &Config) {
    let mut selected = chosen(instances, options);
    if options.reverse {
        selected.reverse();
    }
    let Some((program, arguments)) = options.operands.split_first() else { return };
    let failed = selected.iter().filter(|instance| {
        let mut command = Command::new(OsStr::from_bytes(program));
        command.args(arguments.iter().map(|argument| OsStr::from_bytes(argument)));
        prepare(&mut command, instance, config);
        !succeeds(&mut command)
    });
    end(failed.count());
}

/// `-p`: runs postfix(1) for each; what is disabled is checked instead of started, and not stopped or told anything.
pub fn postfix(instances: &Instances, options: &Options, config: &Config, commands: &Commands<'_>) {
    let Some(word) = options.operands.first() else { return };
    let is_in = |list: &BStr| list::split(list, list::SEPARATORS).any(|known| known == word.as_slice());
    let (starts, stops, controls) = (is_in(commands.start), is_in(commands.stop), is_in(commands.control));
    let mut selected = chosen(instances, options);
    if stops {
        selected.reverse();
    }
    let program = Path::new(OsStr::from_bytes(config.get(params::COMMAND_DIRECTORY))).join("postfix");
    let mut failures = 0;
    for instance in selected.into_iter().filter(|instance| instance.enabled || !(stops || controls)) {
        let mut command = Command::new(&program);
        command.arg("--");
        if starts && !instance.enabled {
            command.arg("check");
        } else {
            command.args(options.operands.iter().map(|argument| OsStr::from_bytes(argument)));
        }
        prepare(&mut command, instance, config);
        failures += usize::from(!succeeds(&mut command));
    }
    end(failures);
}

fn chosen<'a>(instances: &'a Instances, options: &Options) -> Vec<&'a Instance> {
    let selected = instances.selected(&options.selection);
    if selected.is_empty() {
        fatal!("No matching instances");
    }
    selected
}

/// What a command for an instance finds in its environment.
pub fn prepare(command: &mut Command, instance: &Instance, config: &Config) {
    let commands = config.get(params::COMMAND_DIRECTORY);
    let os = |text: &[u8]| OsStr::from_bytes(text).to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    command.env("PATH", os(&[commands.as_bytes(), b":", path.as_bytes()].concat()));
    command.env(directory::DIRECTORY_VARIABLE, os(&instance.config_directory));
    command.env("command_directory", os(commands));
    command.env("daemon_directory", os(config.get(params::DAEMON_DIRECTORY)));
    command.env("config_directory", os(&instance.config_directory));
    command.env("queue_directory", os(&instance.queue_directory));
    command.env("data_directory", os(&instance.data_directory));
    command.env("multi_instance_name", os(&instance.name));
    command.env("multi_instance_group", os(&instance.group));
    command.env("multi_instance_enable", if instance.enabled { "yes" } else { "no" });
}

fn succeeds(command: &mut Command) -> bool {
    match command.status() {
        Ok(status) => status.success(),
        Err(error) => {
            log::warn!("{}: {}", command.get_program().display(), sys::reason(&error));
            false
        }
    }
}

fn end(failures: usize) {
    if failures > 0 {
        exit(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_are_listed_in_columns() {
        let instance = Instance { config_directory: "/etc/postfix".into(), enabled: true, ..Instance::default() };
        assert_eq!(line(&instance), "-               -               y         /etc/postfix\n");
        let expected = "{\"name\": \"-\",\"group\": \"g\",\"enabled\": \"y\",\"config_directory\": \"/etc/postfix\"}\n";
        assert_eq!(object(&Instance { group: "g".into(), ..instance }), expected);
    }
}
