//! Wakes a service of the mail system (master-ipc §15.7).
#![forbid(unsafe_code)]

use bstr::ByteSlice;
use command::{Invocation, Trust};
use config::params;
use ipc::trigger::trigger_and_wait;
use logging::{Audience, fatal};
use text::getopt::Getopt;

fn main() {
    let invocation = Invocation::of_process();
    command::begin(invocation.base_name(), Audience::User);
    command::ignore_broken_pipes();
    let usage =
        || -> ! { fatal!("usage: {} [-c config_dir] [-v] class service request", text::show(&invocation.name)) };
    let mut parser = Getopt::new(&invocation.args, "c:v");
    for option in parser.by_ref() {
        match option {
            Ok(option) if option.letter == b'c' => command::use_config_directory(option.value),
            Ok(_) => logging::set_verbosity(logging::verbosity() + 1),
            Err(error) => {
                invocation.report(error);
                usage()
            }
        }
    }
    let [class, service, request] = parser.operands() else { usage() };
    let config = command::load("postkick", Trust::Caller);
    command::enter_queue_directory(&config);
    let (class, service) = (class.to_str_lossy(), service.to_str_lossy());
    let limit = config.get(params::TRIGGER_TIMEOUT);
    let drain = config.get(params::APPLICATION_EVENT_DRAIN_TIME);
    if let Err(error) = trigger_and_wait(&class, &service, request, limit, drain) {
        log::debug!("{error}");
        log::warn!("Cannot contact class {class} service {service} - perhaps the mail system is down");
        std::process::exit(1);
    }
}
