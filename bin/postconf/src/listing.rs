//! Listings of main.cf and master.cf (config §8.5 to §8.7).

use std::collections::BTreeMap;

use bstr::{BStr, BString, ByteSlice};
use config::Dictionary;
use text::show;

use crate::computed;
use crate::entry::{Entry, FIELDS};
use crate::files::{read_main, read_master};
use crate::json;
use crate::nearest::suggest;
use crate::options::{Mode, Options};
use crate::output::{Format, INDENT, Output, WIDTH};
use crate::parameters::{Parameter, Parameters};
use crate::pattern::{Pattern, parse_patterns};
use crate::scope::Settings;
use crate::validate::{Configuration, drop_read_only};

/// Shows what the command line asks for.
pub fn show_configuration(options: &Options) {
    let configuration = load(options);
    let patterns = parse_patterns(options);
    let listing = Listing {
        options,
        configuration: &configuration,
        format: Format { fold: options.fold, hide_names: options.hide_names, hide_values: options.hide_values },
    };
    let mut output = Output::new();
    match options.mode {
        Mode::Main => listing.main(&mut output),
        _ => listing.master(&patterns, &mut output),
    }
    output.flush();
    if !options.defaults && !options.quiet {
        configuration.report_names(options.mode);
    }
}

/// Reads both files, and finds out which names are valid; what is wrong with them is logged.
pub fn load(options: &Options) -> Configuration {
    // The file that is to be shown comes first, also with its errors.
    let (dictionary, mut entries) = match options.mode {
        Mode::Main => {
            let dictionary = read_main(options);
            (dictionary, read_master(options.mode))
        }
        _ => {
            let entries = read_master(options.mode);
            (read_main(options), entries)
        }
    };
    let mut main = settings(&dictionary, options);
    if !options.defaults {
        entries.iter_mut().for_each(|entry| drop_read_only(&mut entry.settings, config::master::FILE_NAME));
    }
    let mut parameters = Parameters::builtin(|name| computed::default(name, &dictionary));
    parameters.add_services(&entries);
    if !options.defaults {
        drop_read_only(&mut main, "main.cf");
    }
    let mut configuration = Configuration { main, entries, parameters };
    if !options.defaults {
        configuration.validate(options.quiet);
    }
    configuration
}

/// Main.cf as a name space. With `-d` it has at most the directory, which then is no explicit value.
fn settings(dictionary: &Dictionary, options: &Options) -> Settings {
    let mut settings = Settings::default();
    if !options.defaults {
        for (name, value) in dictionary.iter() {
            settings.set(name.into(), value.into());
        }
    }
    settings
}

struct Listing<'a> {
    options: &'a Options,
    configuration: &'a Configuration,
    format: Format,
}

impl Listing<'_> {
    fn main(&self, output: &mut Output) {
        let parameters = &self.configuration.parameters;
        if self.options.operands.is_empty() {
            for (name, parameter) in parameters.iter() {
                if parameter.listed && self.options.classes.has(parameter.class) {
                    self.parameter(name, parameter, output);
                }
            }
            return;
        }
        for name in &self.options.operands {
            match parameters.get(name) {
                Some(parameter) => self.parameter(name.as_bstr(), parameter, output),
                None => {
                    output.flush();
                    log::warn!("{}: unknown parameter", show(name));
                    suggest(name, parameters);
                }
            }
        }
    }

    fn parameter(&self, name: &BStr, parameter: &Parameter, output: &mut Output) {
        let written = self.configuration.main.value(name);
        if written.is_none() && self.options.explicit {
            return;
        }
        let value = written.unwrap_or(parameter.default.as_bstr());
        let value = match self.options.expand && !parameter.raw {
            true => self.configuration.scope(None).expand(value),
            false => value.to_owned(),
        };
        output.line(&self.line(name, &value));
    }

    /// A name and its value as they are asked for.
    fn line(&self, name: &[u8], value: &[u8]) -> BString {
        match self.options.json {
            true => json::object(name, value),
            false => self.format.line(name, value),
        }
    }

    fn master(&self, patterns: &[Pattern], output: &mut Output) {
        let mut matched = vec![false; patterns.len()];
        for entry in &self.configuration.entries {
            let entry = self.expanded(entry);
            if patterns.is_empty() {
                self.entry(&entry, &Pattern::default(), output);
            }
            for (pattern, matched) in patterns.iter().zip(&mut matched) {
                if pattern.matches(&entry) {
                    *matched |= self.entry(&entry, pattern, output);
                }
            }
        }
        for (pattern, _) in patterns.iter().zip(&matched).filter(|(_, matched)| !**matched) {
            output.flush();
            log::warn!("unmatched request: \"{}\"", show(&pattern.text));
        }
    }

    /// The entry with the values of its options expanded, if that is asked for.
    fn expanded(&self, entry: &Entry) -> Entry {
        let mut shown = entry.clone();
        if self.options.expand {
            let scope = self.configuration.scope(Some(entry));
            shown.map_values(|value| scope.expand(value));
        }
        shown
    }

    /// Shows what a pattern asks for of an entry that it matches; says whether there was any such thing.
    fn entry(&self, entry: &Entry, pattern: &Pattern, output: &mut Output) -> bool {
        match self.options.mode {
            Mode::Fields => self.fields(entry, pattern, output),
            Mode::ServiceParameters if self.options.all_parameters => {
                return self.all_parameters(entry, pattern, output);
            }
            Mode::ServiceParameters => return self.service_parameters(entry, pattern, output),
            _ if self.options.json => {
                let name = [entry.service().as_bytes(), entry.transport()].join(&b'/');
                let mut words: Vec<&[u8]> =
                    entry.fields[..FIELDS.len() - 1].iter().map(|field| field.as_slice()).collect();
                let command = entry.command_text(WIDTH, false);
                words.push(&command);
                output.line(&json::object(&name, &words.join(&b' ')));
            }
            _ => output.line(&entry.text(self.options.fold)),
        }
        true
    }

    fn fields(&self, entry: &Entry, pattern: &Pattern, output: &mut Output) {
        for (index, field) in FIELDS.iter().enumerate().filter(|(_, field)| pattern.names(field.as_bytes())) {
            if self.options.json {
                let value = match index + 1 == FIELDS.len() {
                    true => entry.command_text(WIDTH, false),
                    false => entry.fields[index].clone(),
                };
                output.line(&json::object(&name_in(entry, field.as_bytes()), &value));
                continue;
            }
            let mut line = BString::default();
            if !self.options.hide_names {
                line.extend_from_slice(&name_in(entry, field.as_bytes()));
            }
            if !self.options.hide_values {
                if !self.options.hide_names {
                    line.extend_from_slice(b" = ");
                    if line.len() + entry.fields[index].len() > WIDTH {
                        line.push(b'\n');
                        line.extend_from_slice(INDENT);
                    }
                }
                let column = line.rsplit(|&byte| byte == b'\n').next().map_or(INDENT.len(), <[u8]>::len);
                match index + 1 == FIELDS.len() {
                    true => line.extend_from_slice(&entry.command_text(column, self.options.fold)),
                    false => line.extend_from_slice(&entry.fields[index]),
                }
            }
            output.line(&line);
        }
    }

    fn service_parameters(&self, entry: &Entry, pattern: &Pattern, output: &mut Output) -> bool {
        let mut found = false;
        let shown = Settings::of(entry);
        let valid = |name: &BStr| !self.configuration.parameters.get(name).is_some_and(|known| known.read_only);
        for (name, setting) in shown.iter().filter(|(name, _)| pattern.names(name) && valid(name)) {
            output.line(&self.line(&name_in(entry, name), &setting.value));
            found = true;
        }
        found
    }

    /// `-PP`: all parameters of the classes that are asked for, or that the pattern names, with the values that the service sees.
    fn all_parameters(&self, entry: &Entry, pattern: &Pattern, output: &mut Output) -> bool {
        let own = Settings::of(entry);
        let in_class =
            |parameter: &Parameter| !self.options.operands.is_empty() || self.options.classes.has(parameter.class);
        let known = self.configuration.parameters.iter().filter(|(name, parameter)| {
            pattern.third.is_some() || own.value(name).is_some() || parameter.listed && in_class(parameter)
        });
        let mut lines: BTreeMap<BString, BString> = BTreeMap::new();
        for (name, parameter) in known.filter(|(name, _)| pattern.names(name)) {
            lines.insert(name.into(), self.seen(entry, &own, name, parameter));
        }
        for (name, setting) in own.iter().filter(|(name, _)| pattern.names(name)) {
            lines.entry(name.into()).or_insert_with(|| setting.value.clone());
        }
        for (name, value) in &lines {
            output.line(&self.line(&name_in(entry, name), value));
        }
        !lines.is_empty()
    }

    /// The value of a parameter for a service.
    fn seen(&self, entry: &Entry, own: &Settings, name: &BStr, parameter: &Parameter) -> BString {
        if let Some(value) = entry.implied(name) {
            return value;
        }
        if let Some(value) = own.value(name).filter(|_| !parameter.read_only) {
            return value.to_owned();
        }
        let value = self.configuration.main.value(name).unwrap_or(parameter.default.as_bstr());
        match self.options.expand && !parameter.raw {
            true => self.configuration.scope(Some(entry)).expand(value),
            false => value.to_owned(),
        }
    }
}

/// `<service>/<type>/<name>`.
fn name_in(entry: &Entry, name: &[u8]) -> BString {
    [entry.service().as_bytes(), entry.transport(), name].join(&b'/').into()
}
