//! `--explain`: all that is known of a parameter.

use bstr::{BStr, BString, ByteSlice};
use config::{main_cf, params, registry, service};
use text::show;

use crate::files;
use crate::listing::load;
use crate::nearest::suggest;
use crate::options::Options;
use crate::or_fatal::OrFatal;
use crate::output::{Format, Output};
use crate::parameters::Parameter;
use crate::validate::Configuration;

/// Explains the parameters that the command line names.
pub fn explain(options: &Options) {
    let configuration = load(options);
    let mut output = Output::new();
    for (number, name) in options.operands.iter().enumerate() {
        match configuration.parameters.get(name) {
            Some(parameter) => {
                if number > 0 {
                    output.line(b"");
                }
                output.line(name);
                for line in lines(options, &configuration, name.as_bstr(), parameter) {
                    output.line(&[b"    ", line.as_slice()].concat());
                }
            }
            None => {
                output.flush();
                log::warn!("{}: unknown parameter", show(name));
                suggest(name, &configuration.parameters);
            }
        }
    }
    output.flush();
}

fn lines(options: &Options, configuration: &Configuration, name: &BStr, parameter: &Parameter) -> Vec<BString> {
    let family = service::FAMILIES.iter().find(|family| name.ends_with(family.suffix.as_bytes()));
    let row = registry::row(name);
    let described = row.map(|row| row.name).or(family.map(|family| family.default));
    let text = described.and_then(params::text);
    let mut lines: Vec<BString> = text.map(Into::into).into_iter().collect();
    let mut add = |name: &str, value: &[u8]| lines.push(Format::default().line(name.as_bytes(), value));
    if let Some(kind) = row.map(kind).or(family.map(|family| family.ty.describe().to_owned())) {
        add("type", kind.as_bytes());
    }
    add("default", &parameter.default);
    let written = configuration.main.value(name);
    let value = written.unwrap_or(parameter.default.as_bstr());
    add("value", value);
    if !parameter.raw && value.contains(&b'$') {
        add("expanded", &configuration.scope(None).expand(value));
    }
    for place in places(options, configuration, name) {
        add("set in", &place);
    }
    if let Some(row) = row {
        let readers: Vec<&str> =
            row.programs().map(|program| if program == "all" { "every program" } else { program }).collect();
        add("read by", readers.join(", ").as_bytes());
    }
    lines
}

/// Type and limits.
fn kind(row: &registry::Row) -> String {
    let mut text = row.ty.describe().to_owned();
    let unit = match row.ty {
        registry::Type::Str | registry::Type::Raw => " bytes long",
        registry::Type::Time => "s",
        _ => "",
    };
    for (word, limit) in [("at least", row.min), ("at most", row.max)] {
        if limit != 0 {
            text += &format!(", {word} {limit}{unit}");
        }
    }
    text
}

/// Where the files and the command line give a parameter a value; in a file the last one counts.
fn places(options: &Options, configuration: &Configuration, name: &BStr) -> Vec<BString> {
    let mut places = Vec::new();
    let path = files::path("main.cf");
    let text = main_cf::read_file(&path).or_fatal();
    for assignment in main_cf::assignments(&path, &text) {
        let assignment = assignment.or_fatal();
        if assignment.name == name {
            places.push(format!("{path}, line {}", assignment.line).into());
        }
    }
    if options.overrides().iter().any(|(overridden, _)| overridden == name) {
        places.push("the command line".into());
    }
    let path = files::path(config::master::FILE_NAME);
    for entry in &configuration.entries {
        if let Some(value) = entry.settings.value(name) {
            places.push(format!("{path}, line {}, for {}: {}", entry.line, entry.name(), show(value)).into());
        }
    }
    places
}
