//! Which defined names are used, and what else is wrong with names (config §8.8).

use bstr::{BStr, BString};
use config::registry;
use text::expand::references;
use text::{list, show};

use crate::database::Examiner;
use crate::deprecated::advice;
use crate::entry::Entry;
use crate::files;
use crate::nearest::suggest;
use crate::options::Mode;
use crate::parameters::Parameters;
use crate::scope::{Scope, Settings, expand_in};

/// The whole configuration, as it is shown.
pub struct Configuration {
    pub main: Settings,
    pub entries: Vec<Entry>,
    pub parameters: Parameters,
}

/// A name space: main.cf, or an entry by its number.
#[derive(Clone, Copy)]
enum Space {
    Main,
    Entry(usize),
}

/// How much is shown of what follows a word that may be a comment.
const SHOWN_COMMENT: usize = 20;

/// The parameter whose value is a list of names of lists.
const CLASSES: &[u8] = b"smtpd_restriction_classes";

impl Configuration {
    /// The scope of main.cf, or of an entry.
    pub fn scope<'a>(&'a self, entry: Option<&'a Entry>) -> Scope<'a> {
        Scope { entry, main: &self.main, parameters: &self.parameters }
    }

    /// Finds out which names are valid, and logs what is wrong; if `quiet`, not what is only unused.
    pub fn validate(&mut self, quiet: bool) {
        let spaces: Vec<Space> =
            std::iter::once(Space::Main).chain((0..self.entries.len()).map(Space::Entry)).collect();
        for &space in &spaces {
            self.validate_classes(space);
        }
        for &space in &spaces {
            self.validate_references(space);
        }
        let mut examiner = Examiner::new(quiet);
        for &space in &spaces {
            self.validate_tables(space, &mut examiner);
        }
        let valid: Vec<BString> =
            self.main.iter().filter(|(_, setting)| setting.valid).map(|(name, _)| name.to_owned()).collect();
        for name in valid {
            self.parameters.add_user(name.as_slice().into());
        }
        self.add_legacy();
    }

    /// An obsolete name counts as the user's once main.cf has it.
    fn add_legacy(&mut self) {
        let legacy = |name: &BStr| self.parameters.get(name).is_some_and(|parameter| !parameter.listed);
        let found: Vec<BString> =
            self.main.iter().filter(|(name, _)| legacy(name)).map(|(name, _)| name.into()).collect();
        for name in found {
            self.parameters.add_user(name.as_slice().into());
        }
    }

    fn settings(&self, space: Space) -> &Settings {
        match space {
            Space::Main => &self.main,
            Space::Entry(number) => &self.entries[number].settings,
        }
    }

    fn settings_mut(&mut self, space: Space) -> &mut Settings {
        match space {
            Space::Main => &mut self.main,
            Space::Entry(number) => &mut self.entries[number].settings,
        }
    }

    fn scope_of(&self, space: Space) -> Scope<'_> {
        match space {
            Space::Main => self.scope(None),
            Space::Entry(number) => self.scope(self.entries.get(number)),
        }
    }

    /// The names in smtpd_restriction_classes are used. In this value only what its own name space defines is expanded.
    fn validate_classes(&mut self, space: Space) {
        let settings = self.settings(space);
        let Some(value) = settings.value(CLASSES) else {
            return;
        };
        let place = match space {
            Space::Main => "dictionary mail_dict: ".to_owned(),
            Space::Entry(number) => format!("dictionary {}: ", self.entries[number].name()),
        };
        let value = expand_in(&place, value, &mut |name| settings.value(name).map(ToOwned::to_owned));
        for name in list::split(&value, list::SEPARATORS) {
            self.refer(space, name);
        }
    }

    /// Every `$name` in a value uses the name: in values that are defined here, and in defaults that are in effect.
    fn validate_references(&mut self, space: Space) {
        let mut texts: Vec<BString> = self
            .settings(space)
            .iter()
            .filter(|(name, _)| !self.parameters.get(name).is_some_and(|parameter| parameter.raw))
            .map(|(_, setting)| setting.value.clone())
            .collect();
        if matches!(space, Space::Main) {
            let defaults = self.parameters.iter().filter(|(name, parameter)| {
                !parameter.raw && parameter.default.contains(&b'$') && self.main.value(name).is_none()
            });
            texts.extend(defaults.map(|(_, parameter)| parameter.default.clone()));
        }
        for text in texts {
            let mut names: Vec<BString> = Vec::new();
            if let Err(error) = references(&text, &mut |name| names.push(name.into())) {
                log::warn!("{error}");
            }
            for name in names {
                self.refer(space, &name);
            }
        }
    }

    /// Notes that something in a name space refers to a name. One that is nowhere is logged.
    fn refer(&mut self, space: Space, name: &[u8]) {
        let found = match space {
            Space::Main => {
                let in_entries = self.entries.iter_mut().map(|entry| entry.settings.validate(name));
                let in_entries = in_entries.fold(false, |found, here| found | here);
                self.main.validate(name) | in_entries
            }
            Space::Entry(number) => self.entries[number].settings.validate(name) || self.main.validate(name),
        };
        if !found && self.parameters.get(name).is_none() {
            log::warn!("{}: undefined parameter: {}", file(space), show(name));
        }
    }

    /// Tables in the values of built-in and service parameters use names of main.cf, too.
    fn validate_tables(&mut self, space: Space, examiner: &mut Examiner) {
        let known: Vec<(BString, BString)> = self
            .settings(space)
            .iter()
            .filter(|(name, _)| self.parameters.get(name).is_some_and(|known| !known.raw && known.listed))
            .map(|(name, setting)| (name.into(), setting.value.clone()))
            .collect();
        let place = match space {
            Space::Main => "main.cf".to_owned(),
            Space::Entry(number) => format!("master.cf:{}", self.entries[number].name()),
        };
        for (_, value) in known {
            let value = self.scope_of(space).expand(&value);
            if let Some(comment) = comment(&value) {
                log::warn!("{}: #comment after other text is not allowed: {}...", file(space), show(comment));
            }
            let mut names: Vec<Vec<u8>> = Vec::new();
            examiner.examine(&value, &place, &mut |name| names.push(name.into()));
            for name in names {
                if !self.settings_mut(space).validate(&name) {
                    self.main.validate(&name);
                }
            }
        }
    }

    /// Logs the names that nothing uses, and those that will be removed.
    pub fn report_names(&self, mode: Mode) {
        let main = (mode == Mode::Main).then_some(Space::Main);
        let entries = (0..self.entries.len()).map(Space::Entry);
        let mut deprecated = false;
        for space in main.into_iter().chain(entries) {
            deprecated |= self.report_names_in(space);
        }
        if deprecated {
            log::warn!("See https://www.postfix.org/DEPRECATION_README.html for details");
        }
    }

    /// Says whether there were names that will be removed.
    fn report_names_in(&self, space: Space) -> bool {
        let mut deprecated = false;
        for (name, setting) in self.settings(space).iter() {
            if let Some(advice) = advice(name) {
                let name = show(name);
                log::warn!("{}: support for parameter \"{name}\" will be removed; instead, {advice}", file(space));
                deprecated = true;
            } else if !setting.valid && self.parameters.get(name).is_none() {
                log::warn!("{}: unused parameter: {}={}", file(space), show(name), show(&setting.value));
                suggest(name, &self.parameters);
            }
        }
        deprecated
    }
}

/// What in a value was probably meant to be a comment: a word that begins with `#`, and some of what follows it.
fn comment(value: &[u8]) -> Option<&[u8]> {
    let word = list::split_braced(value, list::SEPARATORS).skip(1).find(|word| word.starts_with(b"#"))?;
    let start = word.as_ptr().addr() - value.as_ptr().addr();
    let end = start + word.len() + SHOWN_COMMENT;
    Some(&value[start..end.min(value.len())])
}

/// Takes out what programs set themselves; that a file tries to is logged.
pub fn drop_read_only(settings: &mut Settings, file: &str) {
    let read_only = |name: &BStr| registry::row(name).is_some_and(|row| row.kind == registry::Kind::ReadOnly);
    let found: Vec<(BString, BString)> = settings
        .iter()
        .filter(|(name, _)| read_only(name))
        .map(|(name, setting)| (name.into(), setting.value.clone()))
        .collect();
    for (name, value) in found {
        log::warn!("{}: read-only parameter assignment: {}={}", files::path(file), show(&name), show(&value));
        settings.remove(&name);
    }
}

fn file(space: Space) -> String {
    match space {
        Space::Main => files::path("main.cf"),
        Space::Entry(_) => files::path(config::master::FILE_NAME),
    }
}
