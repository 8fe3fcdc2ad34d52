//! Runs a command while it holds a lock on a mail folder (master-ipc §15.8).
#![forbid(unsafe_code)]

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, exit};
use std::thread::sleep;

use bstr::{BString, ByteSlice};
use command::{Invocation, Trust};
use config::{Config, params};
use deliver::Failure;
use deliver::mailbox::{self, Locking, Mailbox, Purpose};
use logging::{Audience, fatal};
use text::getopt::Getopt;

/// The exit status of every error of this program's own: try again later.
const TEMPORARY: i32 = 75;

fn main() {
    let invocation = Invocation::of_process();
    command::begin(invocation.base_name(), Audience::User);
    logging::set_fatal_status(TEMPORARY);
    let options = parse(&invocation);
    if let Some(directory) = &options.config_directory {
        command::use_config_directory(directory);
    }
    let config = command::load("postlock", Trust::Caller);
    let folder = lock(&options, &config);
    let child = start(&options.command, &config);
    let status = wait(child);
    drop(folder);
    exit(status)
}

struct Options {
    config_directory: Option<BString>,
    lock_style: Option<BString>,
    folder: BString,
    command: Vec<BString>,
}

fn parse(invocation: &Invocation) -> Options {
    let usage = || -> ! {
        let name = text::show(&invocation.name);
        fatal!("usage: {name} [-c config_dir] [-l lock_style] [-v] folder command...")
    };
    let (mut config_directory, mut lock_style) = (None, None);
    let mut parser = Getopt::new(&invocation.args, "c:l:v");
    for option in parser.by_ref() {
        match option {
            Ok(option) if option.letter == b'c' => config_directory = Some(option.value.into()),
            Ok(option) if option.letter == b'l' => lock_style = Some(option.value.into()),
            Ok(_) => logging::set_verbosity(logging::verbosity() + 1),
            Err(error) => {
                invocation.report(error);
                usage()
            }
        }
    }
    match parser.operands() {
        [folder, command @ ..] if !command.is_empty() => {
            Options { config_directory, lock_style, folder: folder.clone(), command: command.to_vec() }
        }
        _ => usage(),
    }
}

fn lock(options: &Options, config: &Config) -> Mailbox {
    let style =
        options.lock_style.as_deref().map_or(config.get(params::MAILBOX_DELIVERY_LOCK), |style| style.as_bstr());
    let locking = Locking::parse(style, config).unwrap_or_else(|error| fatal!("{error}"));
    let purpose = Purpose { default_status: "5.2.0", dotlock_is_optional: false, owner: None };
    let path = options.folder.to_path_lossy().into_owned();
    mailbox::open(Path::new(&path), &locking, purpose).unwrap_or_else(|failure| match failure {
        Failure::Because(dsn) => fatal!("open file {}: {}", text::show(&options.folder), text::show(&dsn.reason)),
        Failure::Corrupt => fatal!("open file {}: damaged", text::show(&options.folder)),
    })
}

/// Starts the command; a machine that has no room for a process is asked again.
fn start(words: &[BString], config: &Config) -> Child {
    let mut command = Command::new(words[0].to_os_str_lossy());
    command.args(words[1..].iter().map(|word| word.to_os_str_lossy()));
    let attempts = config.get(params::FORK_ATTEMPTS).max(1);
    for attempt in 1.. {
        let error = match command.spawn() {
            Ok(child) => return child,
            Err(error) => error,
        };
        let name = text::show(&words[0]);
        if error.kind() != std::io::ErrorKind::WouldBlock {
            // As a child of its own would end that cannot execute the command.
            logging::set_fatal_status(1);
            fatal!("execvp {name}: {}", sys::reason(&error));
        }
        log::warn!("fork {name}: {}", sys::reason(&error));
        if attempt >= attempts {
            break;
        }
        sleep(config.get(params::FORK_DELAY));
    }
    exit(TEMPORARY)
}

fn wait(mut child: Child) -> i32 {
    match child.wait() {
        Ok(status) if status.signal().is_some() => 1,
        Ok(status) => status.code().unwrap_or(1),
        Err(error) => fatal!("wait: {}", sys::reason(&error)),
    }
}
