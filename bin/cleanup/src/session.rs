//! The conversation with one client (cleanup-rewrite §10.2, §18).

use std::fs::{self, File};
use std::io::{self, Write};

use bstr::BString;
use config::{Key, Str, params};
use ipc::cleanup::{Greeting, Open, Reply, flag, status};
use ipc::{Stream, protocol, trigger};
use logging::fatal;
use queue::file::Mtime;
use queue::{Complete, Created, QueueDir, QueueId, Reader, RecordType, Spool};
use server::{Client, Context};

use crate::bounce::Return;
use crate::message::{Finished, Message};
use crate::output::is_too_large;
use crate::site::Site;
use crate::unfinished;
use crate::world::MailSystem;

/// What a conversation needs.
pub struct Session<'a> {
    pub site: &'a Site,
    pub spool: &'a Spool,
    pub mail_system: &'a mut MailSystem,
    pub context: &'a Context,
}

impl Session<'_> {
    /// Receives one message, and says what became of it.
    pub fn serve(mut self, client: Client) {
        let (file, created) = self.create();
        let name = format!("{} socket", self.context.service);
        let mut stream = client.into_stream(name, self.context.ipc_timeout());
        greet(&mut stream, &created.id);
        let mut finished = self.receive(&mut stream, &file, &created);
        self.conclude(&mut finished, file, created);
        let reply = Reply { status: finished.status, reason: finished.reason };
        // A client that is gone has not heard of a success: what it does then is up to it.
        if let Err(error) = stream.send(&reply) {
            log::debug!("write {}: {}", stream.name(), sys::reason(&error));
        }
    }

    fn create(&self) -> (File, Created) {
        let (file, created) = self.spool.create(QueueDir::Incoming).unwrap_or_else(|error| fatal!("{error}"));
        unfinished::add(&created.path);
        if let Err(error) = self.spool.remove_spurious_logs(&created.id) {
            fatal!("{error}");
        }
        (file, created)
    }

    fn receive(&mut self, stream: &mut Stream, file: &File, created: &Created) -> Finished {
        let open = stream.receive::<Open>();
        let flags = open.as_ref().map_or(0, |open| open.flags);
        let mut queue_file = file;
        let mut message = Message::new(self.site, self.mail_system, &mut queue_file, created, flags);
        match open {
            Ok(_) => receive_records(stream, &mut message, &created.id),
            Err(error) => {
                if !matches!(error, ipc::Error::Closed(_)) {
                    log::warn!("{}: {error}", created.id);
                }
                message.fail(status::BAD);
            }
        }
        message.finish()
    }

    /// The message is committed, returned, or removed.
    fn conclude(&mut self, finished: &mut Finished, file: File, mut created: Created) {
        if finished.is_returnable() {
            self.bounce(finished, &file, &created.id);
        }
        let is_accepted = finished.status == 0 && !finished.is_discarded();
        if !is_accepted || !self.commit(finished, file, &mut created) {
            self.remove(finished, &created);
        }
        unfinished::keep();
    }

    fn bounce(&mut self, finished: &mut Finished, file: &File, id: &QueueId) {
        let returned = Return {
            id,
            file,
            message: finished,
            reporter: &mut self.mail_system.reporter,
            config: &self.context.config,
        }
        .send();
        match returned {
            Ok(()) => {
                finished.status = 0;
                finished.flags |= flag::DISCARD;
            }
            Err(_) => finished.status = status::WRITE,
        }
    }

    /// Makes the file a message. False: that failed.
    fn commit(&self, finished: &mut Finished, file: File, created: &mut Created) -> bool {
        let is_held = finished.flags & flag::HOLD != 0;
        if is_held {
            // Out of the queue manager's sight before it could see it.
            if let Err(error) = created.move_to(self.spool, QueueDir::Hold) {
                fatal!("{}: move to hold queue failed: {}", created.id, sys::reason(&error));
            }
            if let Some(tokens) = self.context.flow() {
                tokens.put(1);
            }
        }
        unfinished::keep();
        let result = Complete::Queue.commit(&file, &created.path, Mtime::AsIs);
        drop(file);
        if let Err(error) = result {
            finished.status |= commit_failure(&created.id, &error);
            return false;
        }
        if !is_held {
            self.wake_queue_manager();
        }
        true
    }

    fn wake_queue_manager(&self) {
        let config = &self.context.config;
        let name = |key: Key<Str>| text::show(config.get(key)).to_string();
        let service = name(params::QUEUE_SERVICE_NAME);
        let limit = config.get(params::TRIGGER_TIMEOUT);
        // The queue manager looks for new mail by itself, too.
        if let Err(error) = trigger::trigger("public", &service, &[trigger::WAKEUP], limit) {
            error.warn();
        }
    }

    fn remove(&self, finished: &Finished, created: &Created) {
        let trace = finished.is_traced.then(|| self.spool.path(QueueDir::Trace, &created.id));
        for path in trace.iter().chain([&created.path]) {
            if let Err(error) = fs::remove_file(path) {
                log::warn!("remove {}: {}", path.display(), sys::reason(&error));
            }
        }
    }
}

fn commit_failure(id: &QueueId, error: &io::Error) -> i32 {
    if is_too_large(error) {
        log::warn!("{id}: queue file size limit exceeded");
        return status::SIZE;
    }
    log::warn!("{id}: write queue file: {}", sys::reason(error));
    status::WRITE
}

/// A client that does not hear the greeting will not say anything either, which is found out soon enough.
fn greet(stream: &mut Stream, id: &QueueId) {
    let greeting = Greeting { protocol: protocol::CLEANUP, queue_id: BString::from(id.as_str()) };
    let sent = stream.write_all(&greeting.to_bytes()).and_then(|()| stream.flush());
    if let Err(error) = sent {
        log::debug!("write {}: {}", stream.name(), sys::reason(&error));
    }
}

/// Takes records up to the last. After an error they are still read, so that the client gets to hear of it.
fn receive_records(stream: &mut Stream, message: &mut Message<'_>, id: &QueueId) {
    let name = stream.name().to_owned();
    let mut reader = Reader::new(stream, name.as_str(), 0);
    loop {
        let is_off = message.is_off();
        match reader.next_raw() {
            Ok(Some(record)) => {
                match record.record_type {
                    RecordType::MILTER_COUNT => take_milter_count(message, record.payload, &name),
                    _ if is_off => {}
                    other => message.take(other, record.payload),
                }
                if record.record_type == RecordType::END {
                    return;
                }
            }
            Ok(None) if is_off => return,
            Ok(None) => return message.fail(status::BAD),
            Err(error) => {
                let is_timeout = error.io_error().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut);
                if is_timeout {
                    log::warn!("{id}: read timeout on {name}");
                } else {
                    log::warn!("{id}: {error}");
                }
                return message.fail(status::BAD);
            }
        }
    }
}

/// Milter connections cannot be taken over: then mail must not slip past Milters (access-milter-postscreen §8.1).
fn take_milter_count(message: &mut Message<'_>, payload: &[u8], name: &str) {
    if !matches!(payload, b"0") {
        log::warn!("cannot receive milters via service {name}");
        fatal!("cleanup_milter_receive: milter receive failed");
    }
    message.announce_milters();
}
