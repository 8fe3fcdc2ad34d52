//! Shows the queue, and has mail tried now (queue-files §12.2).
//!
//! postqueue is set-gid, because only its group reaches the sockets of the mail system. It does nothing itself: it
//! checks what it is asked for and by whom, asks showq, flush, qmgr and pickup, and shows their answers.
#![forbid(unsafe_code)]

mod flush;
mod json;
mod listing;
mod options;
mod traditional;

use command::{Invocation, Trust};
use config::{Config, Key, Str, params};
use logging::Audience;

use options::{Action, Options};

/// The exit status of every fatal error.
const UNAVAILABLE: i32 = 69;

fn main() {
    // The name does not come from the caller.
    let invocation = Invocation { name: "postqueue".into(), ..Invocation::of_process() };
    command::begin(invocation.base_name(), Audience::Both);
    logging::on_fatal(|| std::process::exit(UNAVAILABLE));
    let options = Options::parse(&invocation);
    let config = command::load("postqueue", Trust::SetGid);
    command::enter_queue_directory(&config);
    command::ignore_broken_pipes();
    match &options.action {
        Action::FlushQueue => {
            authorize(&config, params::AUTHORIZED_FLUSH_USERS, "flush the mail queue");
            flush::queue(&config);
        }
        Action::FlushSite(site) => {
            authorize(&config, params::AUTHORIZED_FLUSH_USERS, "flush the mail queue");
            flush::site(&config, site);
        }
        Action::FlushMessage(id) => {
            authorize(&config, params::AUTHORIZED_FLUSH_USERS, "flush the mail queue");
            flush::message(&config, id);
        }
        Action::List(format) => {
            authorize(&config, params::AUTHORIZED_MAILQ_USERS, "view the mail queue");
            listing::show(&config, *format, options.verbosity);
        }
    }
}

/// Root and `mail_owner` may do everything.
fn authorize(config: &Config, users: Key<Str>, what: &str) {
    let uid = sys::privilege::real_uid();
    let is_owner = || command::login_name(uid).is_some_and(|name| config.get(params::MAIL_OWNER) == name.as_str());
    if uid != 0 && !is_owner() {
        match address::refused_user(config, users) {
            Ok(None) => {}
            Ok(Some(user)) => logging::fatal!("User {user} is not allowed to {what}"),
            Err(error) => logging::fatal!("{error}"),
        }
    }
}
