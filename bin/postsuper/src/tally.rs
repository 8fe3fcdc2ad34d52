//! What was done, and what to say about it at the end or when the program is stopped (queue-files §13.3).

use command::Stop;

use crate::options::{Action, Target};

/// Numbers of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requeued.
    pub requeued: u64,
    /// Deleted.
    pub deleted: u64,
    /// Expired.
    pub expired: u64,
    /// Placed on hold.
    pub held: u64,
    /// Released from hold.
    pub released: u64,
    /// Found with a name for another inode number, and given a marked name.
    pub names_marked: u64,
    /// Given their new name for good.
    pub names_fixed: u64,
    /// Moved to where the configuration wants them.
    pub positions_fixed: u64,
}

/// The counts, shared with the signal handler.
#[derive(Clone, Debug)]
pub struct Tally(Stop<Counts>);

impl Tally {
    /// A tally that a signal or a fatal error looks at: a queue that is half repaired needs a warning.
    pub fn watched() -> Tally {
        let tally = Tally(Stop::new(Counts::default()));
        command::on_stop(&tally.0, |counts| warn_incomplete(counts));
        let for_fatal = tally.clone();
        logging::on_fatal(move || for_fatal.0.with(|counts| warn_incomplete(counts)));
        tally
    }

    /// Counts something that was done.
    pub fn count(&self, add: impl FnOnce(&mut Counts)) {
        self.0.with(add);
    }

    /// Has a file got a marked name?
    pub fn any_name_marked(&self) -> bool {
        self.0.with(|counts| counts.names_marked > 0)
    }

    /// Says what was done, for each kind of action that was asked for.
    pub fn report(&self, actions: &[(Action, Target)]) {
        let counts = self.0.with(|counts| *counts);
        let asked = |kinds: &[Action]| actions.iter().any(|(action, _)| kinds.contains(action));
        let lines = [
            ("Requeued", counts.requeued, asked(&[Action::Requeue])),
            ("Deleted", counts.deleted, asked(&[Action::Delete])),
            ("Force-expired", counts.expired, asked(&[Action::Expire, Action::ExpireAndRelease])),
            ("Placed on hold", counts.held, asked(&[Action::Hold])),
            ("Released from hold", counts.released, asked(&[Action::Release, Action::ExpireAndRelease])),
            ("Renamed to match inode number", counts.names_fixed, counts.names_fixed > 0),
        ];
        for (what, count, asked) in lines {
            if asked {
                log::info!("{what}: {count} message{}", if count == 1 { "" } else { "s" });
            }
        }
        if counts.names_fixed > 0 {
            log::warn!("QUEUE FILE NAMES WERE CHANGED TO MATCH INODE NUMBERS");
        }
    }
}

fn warn_incomplete(counts: &Counts) {
    if counts.names_marked + counts.names_fixed + counts.positions_fixed > 0 {
        log::warn!("OPERATION INCOMPLETE -- RERUN COMMAND TO FIX THE QUEUE FIRST");
    }
}
