//! Sends mail over SMTP or LMTP, in many sessions at a time, to measure or try a server: smtp-source(1) (smtpd §15.2).
#![forbid(unsafe_code)]

mod options;
mod session;

use std::sync::atomic::AtomicU64;

use command::Invocation;
use logging::Audience;
use smtp_protocol::load::Progress;

use options::Options;
use session::Session;

/// What all sessions share.
struct Work {
    options: Options,
    progress: Progress,
    /// Recipients that were numbered.
    numbered: AtomicU64,
}

fn main() {
    let invocation = Invocation::of_process();
    command::begin(invocation.name.as_ref(), Audience::User);
    command::ignore_broken_pipes();
    let options = Options::parse(&invocation).unwrap_or_else(|problem| logging::fatal!("{problem}"));
    let progress = Progress::new(&options.load);
    let work = Work { options, progress, numbered: AtomicU64::new(0) };
    std::thread::scope(|scope| {
        for number in 0..work.options.load.sessions {
            let work = &work;
            scope.spawn(move || Session::run(work, number as u64));
        }
    });
    work.progress.finish();
}
