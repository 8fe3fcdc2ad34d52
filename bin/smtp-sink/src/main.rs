//! Takes mail by SMTP or LMTP, and throws it away: smtp-sink(1) (smtpd §15.1).
//!
//! One process serves many clients. [`dialogue`] knows what to say, without I/O; [`serve`] reads and writes, and waits where it is told to.
#![forbid(unsafe_code)]

mod dialogue;
mod dump;
mod options;
mod serve;
mod verb;

use std::path::Path;

use bstr::ByteSlice;
use command::Invocation;
use logging::{Audience, fatal};

use options::Options;

fn main() {
    let invocation = Invocation::of_process();
    command::begin(invocation.name.as_bstr(), Audience::User);
    command::ignore_broken_pipes();
    let options = Options::parse(&invocation);
    if options.user.is_none() && sys::privilege::effective_uid() == 0 {
        fatal!("-u option is required if running as root");
    }
    let listeners = options.place.listen().unwrap_or_else(|error| fatal!("{error}"));
    // The time zone cannot be read in a jail.
    text::date::local_zone();
    drop_rights(&options);
    serve::run(options, listeners)
}

/// Goes on as another user, perhaps in a jail.
fn drop_rights(options: &Options) {
    let Some(name) = &options.user else { return };
    let account = sys::privilege::account(&name.to_str_lossy())
        .unwrap_or_else(|error| fatal!("{}: {}", text::show(name), sys::reason(&error)))
        .unwrap_or_else(|| fatal!("unknown user: {}", text::show(name)));
    let jail = options.root.as_ref().map(|path| path.to_path().unwrap_or_else(|_| Path::new("/")));
    sys::privilege::drop_privileges(&account, jail, true).unwrap_or_else(|error| fatal!("{error}"));
}
