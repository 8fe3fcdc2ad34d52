//! Builds, queries and changes lookup tables: postmap(1).
#![forbid(unsafe_code)]

use std::process::ExitCode;

use config::environment::{Purpose, apply};
use config::{Config, params};
use table::command::{Command, Format, Options, Tool};
use table::{Settings, Tables};

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(text) => logging::fatal!("{text}"),
    }
}

/// False: what was asked for was not found.
fn run() -> Result<bool, String> {
    sys::process::set_umask(0o022);
    sys::descriptor::fill_standard().map_err(|error| format!("open /dev/null: {}", sys::reason(&error)))?;
    logging::start_tool("postmap");
    let args = text::getopt::from_os(std::env::args_os().skip(1));
    let options = Options::parse(Tool::Postmap, &args)?;
    let config = Config::load("postmap", &[]).map_err(|error| error.to_string())?;
    logging::configure(&config, options.verbosity);
    let environment = config.import_environment(Purpose::Update).map_err(|error| error.to_string())?;
    apply(&environment, Purpose::Update);
    let command = Command {
        tool: Tool::Postmap,
        flags: options.flags,
        default_type: config.get(params::DEFAULT_DATABASE_TYPE).into(),
        tables: Tables::new(Settings::from(&config)),
    };
    command.run(&options, Format::Map)
}
