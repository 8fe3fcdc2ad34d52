//! The command line.

use bstr::{BStr, BString, ByteSlice};
use command::Invocation;
use queue::QueueDir;
use text::getopt::Getopt;

use crate::Repair;

/// What to do with messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// `-d`
    Delete,
    /// `-e`
    Expire,
    /// `-f`: expire, and release from hold.
    ExpireAndRelease,
    /// `-h`
    Hold,
    /// `-H`
    Release,
    /// `-r`
    Requeue,
}

/// Which messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// `ALL` of the queues.
    All,
    /// `-`: the queue IDs on standard input.
    StandardInput,
    /// One message; the name is not checked yet.
    Id(BString),
}

/// The command line.
#[derive(Clone, Debug)]
pub struct Options {
    /// `-c`: where main.cf is.
    pub config_directory: Option<BString>,
    /// `-p`, `-s`, `-S`.
    pub repair: Repair,
    /// The other options, in order.
    pub actions: Vec<(Action, Target)>,
    /// The directories to work on, in order.
    pub queues: Vec<QueueDir>,
}

/// Logs come first: they must be where they belong before a message and its logs are renamed together.
const DEFAULT_QUEUES: [QueueDir; 8] = [
    QueueDir::Defer,
    QueueDir::Bounce,
    QueueDir::Maildrop,
    QueueDir::Incoming,
    QueueDir::Active,
    QueueDir::Deferred,
    QueueDir::Hold,
    QueueDir::Flush,
];

impl Options {
    /// Reads the command line; ends the program when it makes no sense.
    pub fn parse(invocation: &Invocation) -> Options {
        let mut options =
            Options { config_directory: None, repair: Repair::default(), actions: Vec::new(), queues: Vec::new() };
        // MAIL_VERBOSE counts as one -v.
        let mut verbose = logging::verbosity();
        let mut words = Getopt::new(&invocation.args, "c:d:e:f:h:H:pr:sSv");
        for word in words.by_ref() {
            let option = word.unwrap_or_else(|error| usage(invocation, error));
            match option.letter {
                b'c' => options.config_directory = Some(absolute(option.value)),
                b'p' => options.repair.purge = true,
                b's' => options.repair.structure = true,
                b'S' => (options.repair.structure, options.repair.long_names) = (true, true),
                b'v' => verbose += 1,
                letter => options.actions.push((action(letter), target(option.value))),
            }
        }
        logging::set_verbosity(verbose);
        if options.repair.is_empty() && options.actions.is_empty() {
            options.repair = Repair { purge: true, structure: true, long_names: false };
        }
        options.queues = queues(words.operands());
        options
    }
}

fn action(letter: u8) -> Action {
    match letter {
        b'd' => Action::Delete,
        b'e' => Action::Expire,
        b'f' => Action::ExpireAndRelease,
        b'h' => Action::Hold,
        b'H' => Action::Release,
        _ => Action::Requeue,
    }
}

fn target(value: &BStr) -> Target {
    match value.as_bytes() {
        b"-" => Target::StandardInput,
        b"ALL" => Target::All,
        _ => Target::Id(value.into()),
    }
}

fn absolute(directory: &BStr) -> BString {
    if !directory.starts_with(b"/") {
        logging::fatal!("-c requires absolute pathname");
    }
    directory.into()
}

fn queues(names: &[BString]) -> Vec<QueueDir> {
    if names.is_empty() {
        return DEFAULT_QUEUES.to_vec();
    }
    let known = |name: &BString| {
        QueueDir::from_name(name).filter(|dir| DEFAULT_QUEUES.contains(dir) || *dir == QueueDir::Trace)
    };
    let find =
        |name: &BString| known(name).unwrap_or_else(|| logging::fatal!("invalid directory name: {}", text::show(name)));
    names.iter().map(find).collect()
}

fn usage(invocation: &Invocation, error: text::getopt::Error) -> ! {
    invocation.report(error);
    logging::fatal!(
        "usage: {} [-c config_dir] [-d queue_id (delete)] [-e queue_id (expire)] [-f queue_id (expire and/or un-hold)] \
         [-h queue_id (hold)] [-H queue_id (un-hold)] [-p (purge temporary files)] [-r queue_id (requeue)] \
         [-s (structure fix)] [-S (redundant structure fix)][-v (verbose)] [queue...]",
        text::show(invocation.base_name())
    );
}
