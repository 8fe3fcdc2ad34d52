//! Changing the main.cf of an instance, with postconf(1).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};

use bstr::{BString, ByteSlice};
use config::{Config, params};
use logging::fatal;

use crate::instance::Instance;

/// A program of the command directory.
pub fn program(config: &Config, name: &str) -> Command {
    Command::new(Path::new(OsStr::from_bytes(config.get(params::COMMAND_DIRECTORY))).join(name))
}

/// Runs a program, or ends this one.
pub fn run(mut command: Command) {
    let program = command.get_program().display().to_string();
    match command.status() {
        Ok(status) if status.success() => {}
        Ok(_) => fatal!("{program} failed"),
        Err(error) => fatal!("{program}: {}", sys::reason(&error)),
    }
}

/// Runs postconf with one option on a configuration directory.
pub fn postconf(config: &Config, directory: &[u8], option: &str, arguments: &[BString]) {
    let mut command = program(config, "postconf");
    command.arg("-c").arg(OsStr::from_bytes(directory)).arg(option);
    command.args(arguments.iter().map(|argument| OsStr::from_bytes(argument)));
    run(command);
}

/// Gives a parameter of an instance a value.
pub fn set(config: &Config, instance: &Instance, name: &str, value: &[u8]) {
    let setting = [name.as_bytes(), b" = ", value].concat();
    postconf(config, &instance.config_directory, "-e", &[setting.into()]);
}

/// What main.cf of a directory itself says of some parameters, as `name = value`.
pub fn explicit(config: &Config, directory: &[u8], names: &[&str]) -> Vec<BString> {
    let mut command = program(config, "postconf");
    command.arg("-c").arg(OsStr::from_bytes(directory)).arg("-n").args(names);
    match command.stdin(Stdio::null()).stderr(Stdio::inherit()).output() {
        Ok(output) if output.status.success() => output.stdout.lines().map(BString::from).collect(),
        Ok(_) => fatal!("{} failed", command.get_program().display()),
        Err(error) => fatal!("{}: {}", command.get_program().display(), sys::reason(&error)),
    }
}
