//! Builds, queries and changes alias databases: postalias(1).
#![forbid(unsafe_code)]

use std::process::ExitCode;

use command::{Invocation, Trust};
use config::params;
use logging::{Audience, fatal};
use table::tool::{Command, Format, Options, Refusal, Tool};
use table::{Settings, Tables};

fn main() -> ExitCode {
    let invocation = Invocation::of_process();
    command::begin(invocation.base_name(), Audience::Both);
    let options = Options::parse(Tool::Postalias, &invocation.args).unwrap_or_else(|refusal| {
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
    let config = command::load("postalias", Trust::Caller);
    let command = Command {
        tool: Tool::Postalias,
        flags: options.flags,
        json: options.json,
        default_type: config.get(params::DEFAULT_DATABASE_TYPE).into(),
        mime_limits: None,
        tables: Tables::new(Settings::from(&config)).with_kinds(table_net::KINDS, config.definitions()),
    };
    match command.run(&options, Format::Aliases(config.get(params::MYHOSTNAME).into())) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(text) => fatal!("{text}"),
    }
}
