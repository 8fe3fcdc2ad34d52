//! All instances (config §9.1, §9.3).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};

use bstr::{BString, ByteSlice};
use config::{Config, Key, Str, params};
use logging::fatal;
use text::{list, show};

use crate::instance::{ASKED, Instance};
use crate::options::Selection;

/// The directories that all instances have in common.
const SHARED: [Key<Str>; 4] =
    [params::COMMAND_DIRECTORY, params::DAEMON_DIRECTORY, params::META_DIRECTORY, params::SHLIB_DIRECTORY];

/// The first, and the others in their order.
#[derive(Debug)]
pub struct Instances {
    pub all: Vec<Instance>,
}

/// Without these nothing works. `no` is no directory.
pub fn check_shared_directories(config: &Config) {
    for key in SHARED {
        let path = config.get(key);
        if !path.starts_with(b"/") {
            continue;
        }
        let (name, shown) = (key.name(), show(path));
        match std::fs::metadata(OsStr::from_bytes(path)) {
            Ok(status) if status.is_dir() => {}
            Ok(_) => fatal!("{name} = '{shown}' is not a directory"),
            Err(error) => fatal!("{name} = '{shown}': directory not found: {}", sys::reason(&error)),
        }
    }
}

impl Instances {
    /// Reads the configuration of each. One that is bad ends the program.
    pub fn load(config: &Config) -> Self {
        let mut instances = Instances { all: vec![Instance::primary(config)] };
        let directories = config.get(params::MULTI_INSTANCE_DIRECTORIES);
        for directory in list::split(directories, list::SEPARATORS) {
            instances.all.push(read(config, directory));
        }
        instances.check(config);
        instances
    }

    /// Ends the program if something belongs to two of them.
    pub fn check(&self, config: &Config) {
        if let Err(problem) = self.conflict(config) {
            fatal!("{problem}");
        }
    }

    /// Ends the program if a configuration directory for a new instance belongs to one of them.
    pub fn check_directory(&self, directory: &[u8]) {
        let claims =
            self.all.iter().flat_map(|instance| claimed(instance).into_iter().map(move |claim| (instance, claim)));
        for (owner, (name, value)) in claims {
            if value == directory {
                let (value, owner) = (show(value), show(&owner.config_directory));
                fatal!("new config_directory={value} is already in use by instance {owner}, {name}={value}");
            }
        }
    }

    /// The first one.
    pub fn primary(&self) -> &Instance {
        &self.all[0]
    }

    /// Those that an option means, in their order.
    pub fn selected(&self, selection: &Selection) -> Vec<&Instance> {
        self.all.iter().filter(|instance| instance.is_selected(selection)).collect()
    }

    /// Nothing may belong to two of them.
    ///
    /// # Errors
    /// What does.
    fn conflict(&self, config: &Config) -> Result<(), String> {
        let mut claims: Vec<(&[u8], &'static str, &Instance)> = Vec::new();
        let primary = self.primary();
        for key in [params::COMMAND_DIRECTORY, params::DAEMON_DIRECTORY, params::SHLIB_DIRECTORY] {
            claims.push((config.get(key).as_bytes(), key.name(), primary));
        }
        for instance in &self.all {
            for (name, value) in claimed(instance) {
                if let Some((_, owned_as, owner)) = claims.iter().find(|(taken, _, _)| *taken == value) {
                    return Err(format!(
                        "instance {}, {name}={} conflicts with instance {}, {owned_as}={}",
                        show(&instance.config_directory),
                        show(value),
                        show(&owner.config_directory),
                        show(value)
                    ));
                }
                claims.push((value, name, instance));
            }
        }
        Ok(())
    }
}

/// What an instance has for itself.
fn claimed(instance: &Instance) -> Vec<(&'static str, &[u8])> {
    let claims = [
        ("multi_instance_name", instance.name.as_slice()),
        ("config_directory", &instance.config_directory),
        ("queue_directory", &instance.queue_directory),
        ("data_directory", &instance.data_directory),
    ];
    claims.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

/// Asks postconf(1) about an instance.
pub fn read(config: &Config, directory: &[u8]) -> Instance {
    let program = Path::new(OsStr::from_bytes(config.get(params::COMMAND_DIRECTORY))).join("postconf");
    let output = Command::new(&program)
        .arg("-xc")
        .arg(OsStr::from_bytes(directory))
        .args(ASKED)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .unwrap_or_else(|error| fatal!("{}: {}", program.display(), sys::reason(&error)));
    if !output.status.success() {
        fatal!("Cannot parse {}/main.cf file", show(directory));
    }
    Instance::parse(directory, &output.stdout).unwrap_or_else(|problem| fatal!("{problem}"))
}

/// The configuration directories of the others, as main.cf lists them.
pub fn listed<'a>(instances: impl Iterator<Item = &'a Instance>) -> BString {
    let directories: Vec<&[u8]> =
        instances.filter(|instance| !instance.primary).map(|instance| instance.config_directory.as_slice()).collect();
    directories.join(&b' ').into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(name: &str, directory: &str, primary: bool) -> Instance {
        Instance {
            config_directory: format!("/etc/{directory}").into(),
            queue_directory: format!("/q/{directory}").into(),
            data_directory: format!("/d/{directory}").into(),
            name: name.into(),
            primary,
            ..Instance::default()
        }
    }

    #[test]
    fn nothing_belongs_to_two() {
        let config = Config::for_tests(&[]);
        let mut instances = Instances { all: vec![instance("", "a", true), instance("postfix-b", "b", false)] };
        assert_eq!(instances.conflict(&config), Ok(()));
        assert_eq!(listed(instances.all.iter()), "/etc/b");
        instances.all.push(Instance { queue_directory: "/q/a".into(), ..instance("", "c", false) });
        let problem = instances.conflict(&config).unwrap_err();
        assert_eq!(
            problem,
            "instance /etc/c, queue_directory=/q/a conflicts with instance /etc/a, queue_directory=/q/a"
        );
    }
}
