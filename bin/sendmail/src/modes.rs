//! Modes in which another program does the work (queue-files §9.3).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, exit};
use std::thread::sleep;

use bstr::{BStr, BString, ByteSlice};
use config::{Config, Key, Str, params};
use text::list;

use crate::options::Options;

/// sendmail has no use for root's rights that its caller does not have; somebody has installed it wrongly.
pub fn give_up_set_uid_root() {
    let real = sys::privilege::real_uid();
    if sys::privilege::effective_uid() != 0 || real == 0 {
        return;
    }
    log::warn!("the Postfix sendmail command has set-uid root file permissions");
    log::warn!("or the command is run from a set-uid root process");
    log::warn!("the Postfix sendmail command must be installed without set-uid root file permissions");
    if let Err(error) = sys::privilege::become_user(real, sys::privilege::real_gid()) {
        logging::fatal!("give up root privileges: {}", sys::reason(&error));
    }
}

/// Shows the queue.
pub fn list(config: &Config, options: &Options) -> ! {
    refuse_operands(options, "display queue mode requires no recipient");
    postqueue(config, options, &["-p".into()])
}

/// Tries all of the queue now.
pub fn flush(config: &Config, options: &Options) -> ! {
    refuse_operands(options, "flush queue mode requires no recipient");
    postqueue(config, options, &["-f".into()])
}

/// Tries the mail for a site now.
pub fn flush_site(config: &Config, options: &Options, site: &BString) -> ! {
    refuse_operands(options, "flush site requires no recipient");
    postqueue(config, options, &["-s".into(), site.clone()])
}

/// Tries one message now.
pub fn flush_message(config: &Config, options: &Options, id: &BString) -> ! {
    refuse_operands(options, "flush queue_id requires no recipient");
    postqueue(config, options, &["-i".into(), id.clone()])
}

/// Starts the mail system, in the background.
pub fn daemon(config: &Config, options: &Options) -> ! {
    refuse_operands(options, "daemon mode requires no recipient");
    for _ in 0..config.get(params::FORK_ATTEMPTS) {
        match sys::process::fork() {
            Ok(Some(_)) => exit(0),
            Ok(None) => {
                let mut words = verbose_words(options);
                words.push("start".into());
                execute(config, params::COMMAND_DIRECTORY, "postfix", &words)
            }
            Err(error) => {
                log::warn!("fork: {}", sys::reason(&error));
                sleep(config.get(params::FORK_DELAY));
            }
        }
    }
    exit(1)
}

/// Rebuilds the alias database. Without one, that is done.
pub fn new_aliases(config: &Config, options: &Options) -> ! {
    refuse_operands(options, "alias initialization mode requires no recipient");
    let databases: Vec<BString> = match &options.alias_database {
        Some(path) => vec![path.clone()],
        None => list::split_braced(config.get(params::ALIAS_DATABASE), list::SEPARATORS).map(BString::from).collect(),
    };
    if databases.is_empty() {
        exit(0);
    }
    let mut words = verbose_words(options);
    words.push("--".into());
    words.extend(databases);
    execute(config, params::COMMAND_DIRECTORY, "postalias", &words)
}

/// Talks SMTP on standard input and output.
pub fn stand_alone(config: &Config, options: &Options) -> ! {
    refuse_operands(options, "stand-alone mode requires no recipient");
    require_submitter(config);
    let mut words = vec!["-S".into()];
    words.extend(verbose_words(options));
    execute(config, params::DAEMON_DIRECTORY, "smtpd", &words)
}

/// Ends the program when the user may not submit mail. postdrop asks again; this is the friendly place to hear it.
pub fn require_submitter(config: &Config) {
    match address::refused_user(config, params::AUTHORIZED_SUBMIT_USERS) {
        Ok(None) => {}
        Ok(Some(user)) => logging::fatal!("User {user} is not allowed to submit mail"),
        Err(error) => logging::fatal!("{error}"),
    }
}

fn refuse_operands(options: &Options, text: &str) {
    if !options.operands.is_empty() {
        logging::fatal!("{text}");
    }
}

fn verbose_words(options: &Options) -> Vec<BString> {
    (0..options.verbosity).map(|_| "-v".into()).collect()
}

fn postqueue(config: &Config, options: &Options, words: &[BString]) -> ! {
    let words = [words, &verbose_words(options)].concat();
    execute(config, params::COMMAND_DIRECTORY, "postqueue", &words)
}

/// Becomes another program.
fn execute(config: &Config, directory: Key<Str>, program: &str, words: &[BString]) -> ! {
    let directory: &BStr = config.get(directory);
    let path = [directory.as_bytes(), b"/", program.as_bytes()].concat();
    let words = words.iter().map(|word| OsStr::from_bytes(word));
    let error = Command::new(OsStr::from_bytes(&path)).arg0(program).args(words).exec();
    logging::fatal!("execv {}: {}", text::show(&path), sys::reason(&error));
}
