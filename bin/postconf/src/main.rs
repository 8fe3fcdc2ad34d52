//! Shows and changes main.cf and master.cf: postconf(1).
#![forbid(unsafe_code)]

mod built_in;
mod computed;
mod database;
mod deprecated;
mod edit;
mod entry;
mod explain;
mod files;
mod json;
mod listing;
mod nearest;
mod options;
mod or_fatal;
mod output;
mod parameters;
mod pattern;
mod scope;
mod templates;
mod validate;

use bstr::ByteSlice;
use command::Invocation;
use logging::Audience;
use options::{Mode, Options};

fn main() {
    let invocation = Invocation::of_process();
    command::begin(invocation.name.as_bstr(), Audience::User);
    let options = Options::parse(&invocation);
    match (options.mode, options.edit) {
        (Mode::Main, None) if options.explain => explain::explain(&options),
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
