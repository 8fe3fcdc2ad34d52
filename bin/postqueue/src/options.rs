//! The command line.

use bstr::{BStr, BString};
use command::Invocation;
use queue::QueueId;
use text::getopt::Getopt;
use text::{hostname, literal};

/// How to show the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `-p`: for people.
    Traditional,
    /// `-j`: for programs, one JSON object on a line.
    Json,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// `-f`
    FlushQueue,
    /// `-s`
    FlushSite(BString),
    /// `-i`
    FlushMessage(QueueId),
    /// `-p`, `-j`
    List(Format),
}

/// The command line.
#[derive(Clone, Debug)]
pub struct Options {
    /// What to do.
    pub action: Action,
    /// How many `-v` count.
    pub verbosity: u32,
}

/// How much of a bad argument is shown, in bytes.
const SHOWN: usize = 100;

impl Options {
    /// Reads the command line; ends the program when it makes no sense.
    pub fn parse(invocation: &Invocation) -> Options {
        let mut action = None;
        let mut verbosity = 0;
        let mut words = Getopt::new(&invocation.args, "c:fi:jps:v");
        for word in words.by_ref() {
            let option = word.unwrap_or_else(|error| {
                invocation.report(error);
                usage()
            });
            let wanted = match option.letter {
                b'c' => {
                    command::use_config_directory(option.value);
                    continue;
                }
                b'v' => {
                    // Details of what goes on are for those who may look at the mail system.
                    verbosity += u32::from(sys::privilege::effective_uid() == 0);
                    continue;
                }
                b'f' => Action::FlushQueue,
                b'i' => Action::FlushMessage(queue_id(option.value)),
                b'j' => Action::List(Format::Json),
                b's' => Action::FlushSite(site(option.value)),
                _ => Action::List(Format::Traditional),
            };
            if action.replace(wanted).is_some() {
                usage();
            }
        }
        logging::set_verbosity(verbosity);
        match action {
            Some(action) if words.operands().is_empty() => Options { action, verbosity },
            _ => usage(),
        }
    }
}

fn site(name: &BStr) -> BString {
    let is_valid = match name.starts_with(b"[") {
        true => literal::address(name).is_some(),
        false => hostname::check_hostname(name).is_ok(),
    };
    if !is_valid {
        logging::fatal!("Cannot flush mail queue - invalid destination: \"{}\"", start(name));
    }
    name.to_owned()
}

fn queue_id(name: &BStr) -> QueueId {
    QueueId::parse(name).unwrap_or_else(|| {
        logging::fatal!("Cannot flush queue ID - invalid name: \"{}\"", start(name));
    })
}

/// The start of a bad argument, with dots when there is more.
fn start(name: &BStr) -> String {
    let dots = if name.len() > SHOWN { "..." } else { "" };
    format!("{}{dots}", text::show(&name[..name.len().min(SHOWN)]))
}

fn usage() -> ! {
    logging::fatal!("usage: postqueue -f | postqueue -i queueid | postqueue -j | postqueue -p | postqueue -s site")
}
