//! postmap(1) and postalias(1), which differ in what their sources look like (tables §3).

use std::process::ExitCode;

use config::{Config, params};
use logging::{Audience, fatal};
use table::tool::{Command, Format, Options, Refusal, Tool};
use table::{Kind, Settings, Tables};
use text::mime::Limits;

use crate::{Invocation, Trust, begin, load, use_config_directory};

/// Does what the command line asks for. `kinds` are the table types that the program has besides the usual ones.
pub fn run(tool: Tool, kinds: &'static [Kind]) -> ExitCode {
    let invocation = Invocation::of_process();
    begin(invocation.base_name(), Audience::Both);
    let options = parse(tool, &invocation);
    let environment = u32::from(std::env::var_os("MAIL_VERBOSE").is_some());
    logging::set_verbosity(environment + options.verbosity);
    if let Some(directory) = &options.config_directory {
        use_config_directory(directory);
    }
    let (program, format): (_, fn(&Config) -> Format) = match tool {
        Tool::Postmap => ("postmap", |_| Format::Map),
        Tool::Postalias => ("postalias", |config| Format::Aliases(config.get(params::MYHOSTNAME).into())),
    };
    let config = load(program, Trust::Caller);
    let command = Command {
        tool,
        flags: options.flags,
        json: options.json,
        default_type: config.get(params::DEFAULT_DATABASE_TYPE).into(),
        mime_limits: (tool == Tool::Postmap).then(|| limits(&config)),
        tables: Tables::new(Settings::from(&config)).with_kinds(kinds, config.definitions()),
    };
    match command.run(&options, format(&config)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(text) => fatal!("{text}"),
    }
}

fn parse(tool: Tool, invocation: &Invocation) -> Options {
    Options::parse(tool, &invocation.args).unwrap_or_else(|refusal| {
        if let Refusal::Option(error, _) = &refusal {
            Invocation { name: invocation.base_name().into(), ..invocation.clone() }.report(*error);
        }
        fatal!("{refusal}")
    })
}

/// How far attachments are looked into.
fn limits(config: &Config) -> Limits {
    let number = |value: i64| usize::try_from(value).unwrap_or(0);
    Limits {
        boundary_length: number(config.get(params::MIME_BOUNDARY_LENGTH_LIMIT)),
        nesting: number(config.get(params::MIME_NESTING_LIMIT)),
    }
}
