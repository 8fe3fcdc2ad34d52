//! Manages several instances of the mail system on one machine: postmulti(1) (config §9).
//!
//! What Postfix does with a shell script, `postmulti-script`, is done here; messages carry its name all the same.
#![forbid(unsafe_code)]

mod edit;
mod instance;
mod instances;
mod options;
mod run;

use config::{directory, params};
use logging::{Audience, fatal};

use instances::Instances;
use options::{Mode, Options};

fn main() {
    let invocation = command::Invocation::of_process();
    let name = invocation.base_name().to_owned();
    command::begin(name.as_ref(), Audience::LogAndTerminal);
    logging::tag(&name);
    let config = command::load("postmulti", command::Trust::Root);
    logging::tag(&name);
    if config.directory() != directory::DEFAULT_DIRECTORY {
        fatal!(
            "Non-default configuration directory: {}={}",
            directory::DIRECTORY_VARIABLE,
            text::show(config.directory())
        );
    }
    let options = Options::parse(&invocation);
    instances::check_shared_directories(&config);
    let instances = Instances::load(&config);
    match &options.mode {
        Mode::List => run::list(&instances, &options),
        Mode::Run => run::each(&instances, &options, &config),
        Mode::Postfix => {
            let start = config.get(params::POSTMULTI_START_COMMANDS);
            let stop = config.get(params::POSTMULTI_STOP_COMMANDS);
            let control = config.get(params::POSTMULTI_CONTROL_COMMANDS);
            run::postfix(&instances, &options, &config, &run::Commands { start, stop, control });
        }
        Mode::Edit(action) => edit::edit(*action, &instances, &options, &config),
    }
}
