//! Takes locally submitted mail out of maildrop, and hands it to cleanup (queue-files §11).
//!
//! pickup is woken by postdrop and, once a minute, by master. A file goes when cleanup has the message safe on disk,
//! or when it can never become one; in any other case it stays for the next time.
#![forbid(unsafe_code)]

mod copy;
mod message;

use bstr::BString;
use config::params;
use queue::{IdStyle, QueueDir, Scan, Spool};
use server::{Context, Daemon, Demand, TriggerService};

use message::Submission;

const DAEMON: Daemon = Daemon {
    program: "pickup",
    demand: Demand::None,
    use_limit: true,
    idle_limit: true,
    watchdog: params::DAEMON_TIMEOUT,
    takes_arguments: false,
};

/// What becomes of a maildrop file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Remove,
    Keep,
}

/// What pickup knows for all messages.
struct Pickup {
    spool: Spool,
    /// The user ID of `mail_owner`, to tell requeued mail.
    owner: u32,
    line_length_limit: u64,
    content_filter: BString,
    received_from: String,
    queue_directory: BString,
}

impl TriggerService for Pickup {
    fn open(context: &Context) -> Pickup {
        let config = &context.config;
        let owner = config.get(params::MAIL_OWNER);
        let owner = match sys::privilege::account(&owner.to_string()) {
            Ok(Some(account)) => account.uid,
            Ok(None) => logging::fatal!("unknown mail_owner user: {}", text::show(owner)),
            Err(error) => logging::fatal!("unable to look up mail_owner user: {}", sys::reason(&error)),
        };
        // The Received: header needs the time zone, which is read before a chroot.
        text::date::local_zone();
        Pickup {
            spool: Spool::new(
                config.get(params::HASH_QUEUE_NAMES),
                config.get(params::HASH_QUEUE_DEPTH),
                IdStyle::from(config.get(params::ENABLE_LONG_QUEUE_IDS)),
            ),
            owner,
            line_length_limit: u64::try_from(config.get(params::LINE_LENGTH_LIMIT)).unwrap_or(0),
            content_filter: config.get(params::CONTENT_FILTER).to_owned(),
            received_from: format!(
                "Received: by {} ({}, from userid",
                config.get(params::MYHOSTNAME),
                config.get(params::MAIL_NAME)
            ),
            queue_directory: config.get(params::QUEUE_DIRECTORY).to_owned(),
        }
    }

    /// What the request says does not matter.
    fn wake(&mut self, _request: &[u8], context: &Context) {
        while self.pass(context) > 0 {}
    }
}

impl Pickup {
    /// Goes through maildrop once. Returns how many files went: while there are any, there may be new ones.
    fn pass(&self, context: &Context) -> usize {
        let scan = Scan::new(&self.spool, QueueDir::Maildrop).unwrap_or_else(|error| logging::fatal!("{error}"));
        let mut removed = 0;
        for entry in scan {
            let entry = entry.unwrap_or_else(|error| logging::fatal!("{error}"));
            let Some(id) = entry.id() else { continue };
            if self.spool.complete_message(QueueDir::Maildrop, &id).is_none() {
                continue;
            }
            let path = self.spool.path(QueueDir::Maildrop, &id);
            let verdict = match Submission::open(self, &id, &path) {
                Ok(submission) => submission.process(context),
                Err(verdict) => verdict,
            };
            if verdict == Verdict::Remove {
                match std::fs::remove_file(&path) {
                    Ok(()) => removed += 1,
                    Err(error) => log::warn!("remove {}: {}", path.display(), sys::reason(&error)),
                }
            }
        }
        removed
    }
}

fn main() {
    server::trigger::<Pickup>(&DAEMON)
}
