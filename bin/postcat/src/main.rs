//! Shows the contents of queue files (queue-files §14.1).
//!
//! postcat reads files that its caller may read, and writes to standard output; it changes nothing. Damaged files are
//! shown as far as they go.
#![forbid(unsafe_code)]

mod files;
mod options;
mod show;

use bstr::ByteSlice;
use command::{Invocation, Trust};
use logging::Audience;

use options::Options;

fn main() {
    let invocation = Invocation::of_process();
    command::begin(invocation.name.as_bstr(), Audience::User);
    let options = Options::parse(&invocation);
    if let Some(directory) = &options.config_directory {
        command::use_config_directory(directory);
    }
    let config = command::load("postcat", Trust::Caller);
    if options.by_id {
        command::enter_queue_directory(&config);
    }
    for source in files::sources(&options, &command::spool(&config)) {
        show::show(source, &options);
    }
}
