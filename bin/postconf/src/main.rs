//! Shows and changes main.cf and master.cf: postconf(1).
#![forbid(unsafe_code)]

mod built_in;
mod computed;
mod database;
mod edit;
mod entry;
mod files;
mod listing;
mod options;
mod output;
mod parameters;
mod pattern;
mod report;
mod scope;
mod templates;
mod validate;

use options::{Mode, Options};
use report::OrFatal;

fn main() {
    report::start();
    sys::descriptor::fill_standard().or_fatal();
    sys::process::set_umask(0o022);
    let args = text::getopt::from_os(std::env::args_os().skip(1));
    let options = Options::parse(&args);
    match (options.mode, options.edit) {
        (Mode::Main, Some(edit)) => edit::main_cf::edit(&options, edit),
        (Mode::Entries | Mode::Fields | Mode::ServiceParameters, Some(edit)) => edit::master_cf::edit(&options, edit),
        (Mode::Main | Mode::Entries | Mode::Fields | Mode::ServiceParameters, None) => {
            listing::show_configuration(&options);
        }
        (Mode::Templates | Mode::RawTemplates, _) => templates::show_templates(&options),
        (Mode::SaslServer | Mode::SaslClient | Mode::Locks | Mode::Tables | Mode::Tls, _) => {
            built_in::show_list(&options)
        }
    }
}
