//! `postfix post-install`, and the commands that are made of it: `set-permissions`, `upgrade-configuration` (config §10.3,
//! master-ipc §15.6).
//!
//! What an installation consists of is known here, so there is no file that lists it.

mod main_cf;
mod master_cf;
mod settings;

use std::fs;

use config::Config;
use logging::fatal;

use crate::layout;
use crate::paths::Paths;
use crate::permissions::{self, Extent};

use settings::Settings;

/// What is to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Work {
    /// Make directories that are missing.
    create: bool,
    /// Set owners and permissions.
    permissions: Option<Extent>,
    /// Bring main.cf and master.cf up to date.
    configuration: bool,
    /// Tell what is left to the administrator.
    reminder: bool,
}

impl Work {
    /// What a word asks for.
    fn of(word: &[u8]) -> Option<Self> {
        let (all, some) = (Some(Extent::All), Some(Extent::Changing));
        Some(match word {
            b"create-missing" => Work { create: true, ..Work::default() },
            b"upgrade-source" => Work { create: true, permissions: some, configuration: true, reminder: false },
            b"upgrade-package" => Work { create: true, permissions: all, configuration: true, reminder: false },
            _ if word.starts_with(b"set-perm") => Work { create: true, permissions: all, ..Work::default() },
            _ if word.starts_with(b"upgrade-perm") => Work { create: true, permissions: some, ..Work::default() },
            _ if word.starts_with(b"upgrade-conf") => Work { configuration: true, ..Work::default() },
            _ if word.starts_with(b"first-install") => Work { reminder: true, ..Work::default() },
            _ => return None,
        })
    }

    fn and(self, other: Work) -> Self {
        Work {
            create: self.create || other.create,
            permissions: self.permissions.max(other.permissions),
            configuration: self.configuration || other.configuration,
            reminder: self.reminder || other.reminder,
        }
    }
}

/// Does what the words say, or ends the program.
pub fn run(words: &[&[u8]], config: Config) {
    let mut settings = Settings::default();
    let mut work: Option<Work> = None;
    for word in words {
        if word.iter().any(|byte| b" \t".contains(byte)) {
            fail(&format!("argument contains whitespace: '{}'", text::show(word)));
        }
        match (word.contains(&b'='), Work::of(word)) {
            (true, _) => settings.add(word).unwrap_or_else(|problem| fail(&problem)),
            (false, Some(more)) => work = Some(work.unwrap_or_default().and(more)),
            (false, None) => usage(),
        }
    }
    let Some(work) = work else { usage() };
    let changed = settings.is_changed(&config);
    let config = settings.over(config);
    let paths = Paths::new(&config);
    if changed {
        main_cf::set(&paths, &settings::in_main_cf(&config));
    }
    carry_out(work, &config, &paths);
}

fn carry_out(work: Work, config: &Config, paths: &Paths) {
    if work.create
        && let Err(error) = layout::create_missing(paths)
    {
        fatal!("unable to create missing queue directories: {}", sys::reason(&error));
    }
    if let Some(extent) = work.permissions {
        permissions::set(paths, extent);
    }
    if work.configuration {
        upgrade_master_cf(paths);
        main_cf::upgrade(config, paths);
    }
    if work.reminder {
        remind(paths);
    }
}

fn upgrade_master_cf(paths: &Paths) {
    let path = paths.configuration.join(config::master::FILE_NAME).display().to_string();
    let text = fs::read(&path).unwrap_or_else(|error| fatal!("open {path}: {}", sys::reason(&error)));
    if master_cf::upgraded(&text).1.is_empty() {
        return;
    }
    // Another may have changed the file meanwhile.
    command::replace(&path, |old| {
        let (new, notes) = master_cf::upgraded(old);
        for note in notes {
            println!("Editing {path}, {note}");
        }
        new
    });
}

fn remind(paths: &Paths) {
    let file = paths.configuration.join("main.cf").display().to_string();
    println!(
        "\n    Before mail flows, look at these parameters in {file}:\n\n\
         \tmyhostname, mydestination: who this machine is, and what it receives mail for\n\
         \tmynetworks: whose mail it sends on\n\
         \trelayhost: where it sends mail, if not to its destinations\n\n    \
         Give root an alias in the aliases(5) file, and run newaliases(1).\n    Then run: postfix start\n"
    );
}

fn usage() -> ! {
    fail(
        "Usage: post-install [name=value] create-missing|set-permissions|upgrade-permissions|upgrade-configuration|\
         upgrade-source|upgrade-package|first-install-reminder",
    )
}

fn fail(problem: &str) -> ! {
    eprintln!("post-install: Error: {problem}");
    std::process::exit(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_may_be_cut_short_and_add_up() {
        let work = |words: &[&str]| {
            words.iter().map(|word| Work::of(word.as_bytes()).unwrap()).fold(Work::default(), Work::and)
        };
        assert_eq!(work(&["create-missing", "set-perm"]).permissions, Some(Extent::All));
        assert_eq!(work(&["upgrade-permissions", "set-permissions"]).permissions, Some(Extent::All));
        assert_eq!(work(&["upgrade-source"]).permissions, Some(Extent::Changing));
        assert!(work(&["upgrade-conf"]).configuration && !work(&["upgrade-conf"]).create);
        assert_eq!(Work::of(b"create"), None);
    }
}
