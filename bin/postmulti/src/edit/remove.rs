//! Instances that go: `destroy`, and `deport`, which leaves all files.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use config::{Config, params};
use logging::fatal;
use text::{list, show};

use super::settings::{program, set};
use crate::instance::Instance;
use crate::instances::{Instances, listed};
use crate::run::prepare;

/// What a queue is made of.
const QUEUE: [&str; 14] = [
    "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "maildrop", "pid", "private",
    "public", "saved", "trace",
];

/// Removes an instance that has no mail and nothing else of value.
pub fn destroy(instances: &Instances, target: &Instance, config: &Config) {
    check(target, config);
    leave(instances, target, config);
    let queue = path(&target.queue_directory);
    for name in QUEUE {
        remove_directory(&queue.join(name));
    }
    remove_directory(&path(&target.data_directory));
    remove_directory(&queue);
    let configuration = path(&target.config_directory);
    for file in ["main.cf", "master.cf"] {
        if let Err(error) = fs::remove_file(configuration.join(file)) {
            log::warn!("{}: {}", configuration.join(file).display(), sys::reason(&error));
        }
    }
    remove_directory(&configuration);
}

/// Forgets an instance. It can still be named with `-c`.
pub fn deport(instances: &Instances, target: &Instance, config: &Config) {
    check(target, config);
    leave(instances, target, config);
    let alternates = config.get(params::ALTERNATE_CONFIG_DIRECTORIES);
    let mut directories: Vec<&[u8]> = list::split(alternates, list::SEPARATORS).collect();
    if !directories.contains(&target.config_directory.as_slice()) {
        directories.push(&target.config_directory);
    }
    set(config, instances.primary(), "alternate_config_directories", &directories.join(&b' '));
}

fn path(name: &[u8]) -> PathBuf {
    OsStr::from_bytes(name).into()
}

fn check(target: &Instance, config: &Config) {
    if target.primary {
        fatal!("Cannot remove the primary instance");
    }
    if target.enabled {
        fatal!("Cannot remove enabled instances");
    }
    let mut command = program(config, "postfix");
    command.arg("-c").arg(OsStr::from_bytes(&target.config_directory)).arg("status");
    prepare(&mut command, target, config);
    match command.output() {
        Ok(output) if output.status.success() => fatal!("Instance '{}' is not stopped", show(&target.config_directory)),
        Ok(_) => {}
        Err(error) => fatal!("{}: {}", command.get_program().display(), sys::reason(&error)),
    }
}

/// Takes an instance off the list of the first.
fn leave(instances: &Instances, target: &Instance, config: &Config) {
    let others = instances.all.iter().filter(|instance| instance.config_directory != target.config_directory);
    set(config, instances.primary(), "multi_instance_directories", &listed(others));
}

fn remove_directory(directory: &Path) {
    match fs::remove_dir(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            log::warn!("{}: please verify contents and remove by hand", directory.display());
        }
        _ => {}
    }
}
