//! The loop of a delivery agent (qmgr-bounce §7.1, §7.4).

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use ipc::bounce::Dsn;
use ipc::delivery::{Reply, Request};
use ipc::{Stamp, Stream, protocol};
use logging::fatal;
use queue::file::Access;
use queue::{QueueDir, QueueId, Spool};
use server::{Client, Context, Daemon, SingleService};

use crate::job::Job;
use crate::outcome::Outcome;
use crate::report::Reporter;

/// A program that delivers.
pub trait Agent: Sized {
    /// Opens what needs the rights that the process is about to give up.
    fn open(context: &Context) -> Self;

    /// Goes on without those rights, perhaps in a jail.
    fn start(&mut self, _context: &Context) {}

    /// Asked before a request is accepted: a reason to start anew instead.
    fn restart_reason(&mut self) -> Option<String> {
        None
    }

    /// Makes the reporter: with the agent's status filter, if it has one.
    fn reporter(&mut self, context: &Context) -> Reporter;

    /// Delivers to all recipients of a request. Done: none needs another attempt.
    fn deliver(&mut self, job: &mut Job<'_>, context: &Context) -> Outcome;

    /// The agent's name in log lines.
    fn relay(&self, context: &Context) -> String {
        context.service.clone()
    }
}

/// Runs an agent until it retires.
pub fn run<A: Agent>(daemon: &Daemon) -> ! {
    server::single::<Loop<A>>(daemon)
}

struct Loop<A> {
    agent: A,
    reporter: Reporter,
    spool: Spool,
}

impl<A: Agent> SingleService for Loop<A> {
    fn open(context: &Context) -> Self {
        let mut agent = A::open(context);
        let reporter = agent.reporter(context);
        Self { agent, reporter, spool: Spool::from(&context.config) }
    }

    fn start(&mut self, context: &Context) {
        self.agent.start(context);
    }

    fn restart_reason(&mut self) -> Option<String> {
        self.agent.restart_reason()
    }

    fn serve(&mut self, client: Client, context: &Context) {
        let mut stream = client.into_stream(format!("{} socket", context.service), context.ipc_timeout());
        if let Err(error) = stream.announce(protocol::DELIVERY) {
            log::debug!("announce: {}", sys::reason(&error));
            return;
        }
        // A queue manager may connect and think better of it.
        if !stream.wait(None).unwrap_or(false) || !matches!(stream.peek(), Ok(Some(_))) {
            return;
        }
        let Some((request, file, path)) = self.take_request(&mut stream) else {
            return finish(&mut stream, Outcome::Retry, None);
        };
        let relay = self.agent.relay(context);
        let mut job = Job { request, file, path, relay, avoid: None, reporter: &mut self.reporter };
        let outcome = self.agent.deliver(&mut job, context);
        // The shared lock in `job` stays until the queue manager has the reply.
        finish(&mut stream, outcome, job.avoid.take());
    }
}

impl<A: Agent> Loop<A> {
    /// Receives a request and opens its queue file; what is wrong has been logged.
    fn take_request(&self, stream: &mut Stream) -> Option<(Request, File, PathBuf)> {
        let mut request = match Request::receive(stream) {
            Ok(request) => request,
            Err((part, error)) => {
                log::warn!("{error}");
                log::warn!("{part}");
                return None;
            }
        };
        if request.recipients.is_empty() {
            let (id, nexthop) = (text::show(&request.queue_id), text::show(&request.nexthop));
            log::warn!("{id}: no recipients in delivery request for destination {nexthop}");
            return None;
        }
        if request.stats.agent_handoff.is_zero() {
            request.stats.agent_handoff = Stamp::now();
        }
        let (dir, id) = self.message(&request)?;
        let path = self.spool.path(dir, &id);
        let file = self.open_message(dir, &id, &path)?;
        if let Err(error) = sys::lock::try_shared(&file) {
            fatal!("shared lock {}: {}", path.display(), sys::reason(&error));
        }
        Some((request, file, path))
    }

    /// The message that a request names, if it is one that can be delivered.
    fn message(&self, request: &Request) -> Option<(QueueDir, QueueId)> {
        let named = QueueDir::from_name(&request.queue_name).zip(QueueId::parse(&request.queue_id));
        let Some((dir, id)) = named else {
            let (name, id) = (text::show(&request.queue_name), text::show(&request.queue_id));
            log::warn!("bad queue name or id in delivery request: {name} {id}");
            return None;
        };
        if self.spool.complete_message(dir, &id).is_none() {
            log::debug!("{id}: not a complete message in {}", dir.name());
            return None;
        }
        Some((dir, id))
    }

    fn open_message(&self, dir: QueueDir, id: &QueueId, path: &Path) -> Option<File> {
        match self.spool.open(dir, id, Access::ReadWrite) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                log::warn!("open {} {id}: {}", dir.name(), sys::reason(&error));
                None
            }
            Err(error) => fatal!("open {}: {}", path.display(), sys::reason(&error)),
        }
    }
}

/// Sends the final reply, and waits until the queue manager has read it and closes.
fn finish(stream: &mut Stream, outcome: Outcome, avoid: Option<Dsn>) {
    let reply = Reply { dsn: avoid.unwrap_or_default(), status: outcome.status() };
    match stream.send(&reply) {
        // What comes before the close, if anything, means nothing.
        Ok(()) => drop(stream.peek()),
        Err(error) => log::warn!("write {}: {}", stream.name(), sys::reason(&error)),
    }
}
