//! Puts locally submitted mail into maildrop (queue-files §10).
//!
//! postdrop is set-gid, because only its group may write to maildrop. It trusts nobody: not its arguments, its
//! environment, its descriptors or its input. A message exists when it is whole, allowed, and safe on disk; whatever
//! else happens, no file is left.
#![forbid(unsafe_code)]

mod attributes;
mod options;
mod permission;
mod receive;

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use bstr::BString;
use command::{Invocation, Stop, Trust};
use config::{Config, params};
use ipc::cleanup::{Greeting, Reply, status};
use ipc::{Message, protocol};
use logging::Audience;
use queue::file::{Complete, Mtime};
use queue::record::Writer;
use queue::{QueueDir, QueueId, RecordType};

use permission::Submitter;
use receive::{Received, Receiver};

fn main() {
    // The name does not come from the caller.
    let invocation = Invocation { name: "postdrop".into(), ..Invocation::of_process() };
    command::begin(invocation.base_name(), Audience::Both);
    options::parse(&invocation);
    let config = command::load("postdrop", Trust::SetGid);
    command::limit_file_size(&config);
    command::enter_queue_directory(&config);
    command::ignore_broken_pipes();
    permission::require_submitter(&config);

    let unfinished = watch_unfinished();
    let submitter = Submitter::of_process(&config);
    let arrival = SystemTime::now();
    let (file, path) = create(&config, &unfinished);
    let mut writer = Writer::new(file);
    // A write that fails here fails again at the end.
    let started = writer.put(RecordType::TIME, queue::message::format_arrival_time(arrival).as_bytes());
    let reply = match Receiver::new(&config, &submitter, &mut writer, started.err()).receive() {
        Received::Canceled => std::process::exit(cancel(&submitter, &unfinished)),
        Received::Refused(reply) => reply,
        Received::Complete => finish(&config, &submitter, writer, &path, &unfinished),
    };
    remove_unfinished(&submitter, &unfinished);
    std::process::exit(tell(&reply))
}

/// The file that is to be removed when a signal or a fatal error ends the program.
fn watch_unfinished() -> Stop<Option<PathBuf>> {
    let unfinished = Stop::new(None);
    // There is nobody to tell that the removal failed: the program is ending, and pickup ignores the file.
    let remove = |path: &mut Option<PathBuf>| drop(path.take().map(std::fs::remove_file));
    command::on_stop(&unfinished, remove);
    let for_fatal = unfinished.clone();
    logging::on_fatal(move || for_fatal.with(remove));
    unfinished
}

/// Creates the file, and tells the client its name.
fn create(config: &Config, unfinished: &Stop<Option<PathBuf>>) -> (File, PathBuf) {
    let created = command::spool(config).create(QueueDir::Maildrop);
    let (file, created) = created.unwrap_or_else(|error| logging::fatal!("{error}"));
    unfinished.with(|path| *path = Some(created.path.clone()));
    greet(&created.id);
    (file, created.path)
}

/// A client that does not want to hear the greeting may go on without it.
fn greet(id: &QueueId) {
    let greeting = Greeting { protocol: protocol::POSTDROP, queue_id: id.as_str().into() };
    let mut output = io::stdout().lock();
    if let Err(error) = output.write_all(&greeting.to_bytes()).and_then(|()| output.flush()) {
        log::debug!("greeting: {}", sys::reason(&error));
    }
}

/// The client has gone in mid-message, which is how it takes a message back.
fn cancel(submitter: &Submitter, unfinished: &Stop<Option<PathBuf>>) -> i32 {
    remove_unfinished(submitter, unfinished);
    0
}

fn remove_unfinished(submitter: &Submitter, unfinished: &Stop<Option<PathBuf>>) {
    let failed = unfinished.with(|path| {
        let path = path.take()?;
        std::fs::remove_file(&path).err().map(|error| (path, error))
    });
    if let Some((path, error)) = failed {
        log::warn!("uid={}: remove {}: {}", submitter.uid, path.display(), sys::reason(&error));
    }
}

/// Makes the file a message, and wakes pickup. From here on the message is the mail system's.
fn finish(
    config: &Config,
    submitter: &Submitter,
    writer: Writer<File>,
    path: &std::path::Path,
    unfinished: &Stop<Option<PathBuf>>,
) -> Reply {
    let committed = unfinished.with(|present| {
        let file = writer.into_inner()?;
        Complete::Maildrop.commit(&file, path, Mtime::AsIs)?;
        *present = None;
        Ok(())
    });
    match committed {
        Ok(()) => {
            wake_pickup(config);
            Reply::default()
        }
        Err(error) => {
            log::warn!("uid={}: {}", submitter.uid, sys::reason(&error));
            Reply { status: write_status(&error), reason: BString::default() }
        }
    }
}

/// The status of a message that cannot be written.
fn write_status(error: &io::Error) -> i32 {
    if error.kind() == io::ErrorKind::FileTooLarge { status::SIZE } else { status::WRITE }
}

/// A pickup that is not woken looks by itself, later.
fn wake_pickup(config: &Config) {
    let service = config.get(params::PICKUP_SERVICE_NAME).to_string();
    let limit = config.get(params::TRIGGER_TIMEOUT) + Duration::from_secs(100);
    if let Err(error) = ipc::trigger::trigger("public", &service, &[ipc::trigger::WAKEUP], limit) {
        error.warn();
    }
}

/// Tells the client, and returns the exit status.
fn tell(reply: &Reply) -> i32 {
    let mut list = ipc::attr::Writer::default();
    reply.write(&mut list);
    list.end();
    let mut output = io::stdout().lock();
    if let Err(error) = output.write_all(&list.into_bytes()).and_then(|()| output.flush()) {
        log::debug!("completion status: {}", sys::reason(&error));
    }
    reply.status
}
