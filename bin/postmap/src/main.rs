//! Builds, queries and changes lookup tables: postmap(1).
#![forbid(unsafe_code)]

use std::process::ExitCode;

use command::{Invocation, Trust};
use config::{Config, params};
use logging::{Audience, fatal};
use table::tool::{Command, Format, Options, Refusal, Tool};
use table::{Settings, Tables};
use text::mime::Limits;

fn main() -> ExitCode {
    let invocation = Invocation::of_process();
    command::begin(invocation.base_name(), Audience::Both);
    let options = Options::parse(Tool::Postmap, &invocation.args).unwrap_or_else(|refusal| {
        if let Refusal::Option(error, _) = &refusal {
            Invocation { name: invocation.base_name().into(), ..invocation.clone() }.report(*error);
        }
        fatal!("{refusal}")
    });
    let environment = u32::from(std::env::var_os("MAIL_VERBOSE").is_some());
    logging::set_verbosity(environment + options.verbosity);
    if let Some(directory) = &options.config_directory {
        command::use_config_directory(directory);
    }
    let config = command::load("postmap", Trust::Caller);
    let command = Command {
        tool: Tool::Postmap,
        flags: options.flags,
        json: options.json,
        default_type: config.get(params::DEFAULT_DATABASE_TYPE).into(),
        mime_limits: Some(limits(&config)),
        tables: Tables::new(Settings::from(&config)).with_kinds(table_net::KINDS, config.definitions()),
    };
    match command.run(&options, Format::Map) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(text) => fatal!("{text}"),
    }
}

/// How far attachments are looked into.
fn limits(config: &Config) -> Limits {
    let number = |value: i64| usize::try_from(value).unwrap_or(0);
    Limits {
        boundary_length: number(config.get(params::MIME_BOUNDARY_LENGTH_LIMIT)),
        nesting: number(config.get(params::MIME_NESTING_LIMIT)),
    }
}
