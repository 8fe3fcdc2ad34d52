//! Maintains the queue: deletes, holds, requeues, expires, repairs (queue-files §13).
//!
//! postsuper is for root alone, and becomes `mail_owner` for good before it touches the queue. It locks nothing: every
//! change is one rename, one unlink, or one change of permission bits, and mail that moves meanwhile is looked for
//! again.
#![forbid(unsafe_code)]

mod by_id;
mod options;
mod pass;
mod tally;

use std::io::{BufRead, stdin};

use bstr::BString;
use command::{Invocation, Trust};
use config::{Config, params};
use logging::Audience;
use queue::QueueId;

use by_id::ById;
use options::{Options, Target};
use pass::{Pass, Repair};
use tally::Tally;

fn main() {
    let invocation = Invocation::of_process();
    command::begin(invocation.base_name(), Audience::Both);
    check_user();
    let options = Options::parse(&invocation);
    if let Some(directory) = &options.config_directory {
        command::use_config_directory(directory);
    }
    let config = command::load("postsuper", Trust::Root);
    command::enter_queue_directory(&config);
    become_mail_owner(&config);
    let tally = Tally::watched();
    let spool = command::spool(&config);
    if !options.repair.is_empty() {
        repair(&options, &spool, &tally);
    }
    for (action, target) in &options.actions {
        let by_id = ById { spool: &spool, queues: &options.queues, action: *action, tally: &tally };
        match target {
            Target::All => Pass::all(&spool, *action, &tally).over(&options.queues),
            Target::StandardInput => stdin().lock().split(b'\n').for_each(|line| match line {
                Ok(name) => one(&by_id, &name.into()),
                Err(error) => logging::fatal!("read standard input: {}", sys::reason(&error)),
            }),
            Target::Id(name) => one(&by_id, name),
        }
    }
    tally.report(&options.actions);
}

/// Only root, and only directly, so that nobody gets at other people's mail.
fn check_user() {
    if sys::privilege::is_set_id() {
        logging::fatal!("this postfix command must not run as a set-uid process");
    }
    if sys::privilege::real_uid() != 0 {
        logging::fatal!("use of this command is reserved for the superuser");
    }
}

fn become_mail_owner(config: &Config) {
    let owner = config.get(params::MAIL_OWNER);
    let account = match sys::privilege::account(&owner.to_string()) {
        Ok(Some(account)) => account,
        Ok(None) => logging::fatal!("unknown mail_owner user: {}", text::show(owner)),
        Err(error) => logging::fatal!("unable to look up mail_owner user: {}", sys::reason(&error)),
    };
    if let Err(error) = sys::privilege::become_user(account.uid, account.gid) {
        logging::fatal!("become user {}: {}", text::show(owner), sys::reason(&error));
    }
}

/// Repairs. Names that were changed for the inode get a mark in the first pass, which the second takes off: until then
/// no other program sees them.
fn repair(options: &Options, spool: &queue::Spool, tally: &Tally) {
    Pass::repair(spool, options.repair, tally).over(&options.queues);
    if !tally.any_name_marked() {
        return;
    }
    Pass::repair(spool, options.repair, tally).over(&options.queues);
    if options.actions.iter().any(|(_, target)| *target != Target::All) {
        log::error!("QUEUE FILE NAMES WERE CHANGED TO MATCH INODE NUMBERS");
        logging::fatal!("CHECK YOUR QUEUE IDS AND RE-ISSUE THE COMMAND");
    }
}

fn one(by_id: &ById<'_>, name: &BString) {
    match QueueId::parse(name) {
        Some(id) => by_id.run(&id),
        None => log::warn!("invalid mail queue id: {}", text::show(name)),
    }
}
