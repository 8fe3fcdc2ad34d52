//! Submits mail, and does what its other names say: mailq, newaliases (queue-files §9).
//!
//! sendmail runs with its caller's rights. It turns options and standard input into records for postdrop, or makes
//! way for the command that does the work: postqueue, postalias, postfix, smtpd.
#![forbid(unsafe_code)]

mod content;
mod enqueue;
mod headers;
mod modes;
mod options;
mod verp;

use command::{Invocation, Trust};
use logging::Audience;

use options::{Mode, Options};

/// The exit status of every fatal error: "try again later".
const TEMPORARY_FAILURE: i32 = 75;

fn main() {
    let mut invocation = Invocation::of_process();
    // This program complains under its name alone.
    invocation.name = invocation.base_name().to_owned();
    command::begin(invocation.base_name(), Audience::Both);
    logging::on_fatal(|| std::process::exit(TEMPORARY_FAILURE));
    sys::descriptor::close_from(3);
    modes::give_up_set_uid_root();
    options::use_config_directory(&invocation);
    let config = command::load("sendmail", Trust::Caller);
    command::enter_queue_directory(&config);
    command::ignore_broken_pipes();

    let options = Options::parse(&invocation, &config);
    match &options.mode {
        Mode::List => modes::list(&config, &options),
        Mode::Flush => modes::flush(&config, &options),
        Mode::FlushSite(site) => modes::flush_site(&config, &options, site),
        Mode::FlushMessage(id) => modes::flush_message(&config, &options, id),
        Mode::Daemon => modes::daemon(&config, &options),
        Mode::NewAliases => modes::new_aliases(&config, &options),
        Mode::StandAlone => modes::stand_alone(&config, &options),
        Mode::Deliver => enqueue::enqueue(&config, &options),
    }
}
