//! Conversations with delivery agents (qmgr-bounce §5.2, §5.3).

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use bstr::BString;
use ipc::bounce::Dsn;
use ipc::delivery::Reply;
use ipc::protocol;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::{Event, Manager};
use crate::scheduler::{Choice, DestinationId, EntryId, MessageKey, TransportId};
use crate::wire::Connection;

/// How long to wait for room in an agent's listen queue.
const BACKLOG_PAUSE: Duration = Duration::from_millis(20);

/// What comes back from agents.
pub(super) enum AgentEvent {
    /// An agent is there and has said what it is; or not.
    Connected { transport: TransportId, connection: Option<Connection> },
    /// A request could not be handed over.
    NotSent { entry: EntryId, reason: String },
    /// A request was answered; `None`: the agent died, or said something else.
    Answered { entry: EntryId, reply: Option<Reply> },
}

impl Manager {
    /// Begins to connect to an agent.
    pub(super) fn connect(&self, id: TransportId) {
        let transport = self.scheduler.transport_of(id);
        let (name, delay) = (transport.name.to_string(), transport.settings.transport_delay);
        let (limit, sender) = (self.settings.agent_timeout, self.sender.clone());
        tokio::task::spawn_local(async move {
            let connection = greet(&name, limit).await;
            if !delay.is_zero() {
                sleep(delay).await;
            }
            tell(&sender, AgentEvent::Connected { transport: id, connection });
        });
    }

    pub(super) fn handle_agent(&mut self, event: AgentEvent) {
        match event {
            AgentEvent::Connected { transport, connection } => self.agent_is_there(transport, connection),
            AgentEvent::NotSent { entry, reason } => self.request_not_sent(entry, &reason),
            AgentEvent::Answered { entry, reply: Some(reply) } => self.request_answered(entry, reply),
            AgentEvent::Answered { entry, reply: None } => self.agent_died(entry),
        }
    }

    fn agent_is_there(&mut self, id: TransportId, connection: Option<Connection>) {
        self.scheduler.connection_made(id);
        let Some(mut connection) = connection else {
            return self.transport_failed(id, "mail transport unavailable");
        };
        let Some(entry) = self.next_entry(id) else { return };
        let Some(bytes) = self.request_bytes(entry) else {
            self.finish_entry(entry);
            return;
        };
        let (limit, sender) = (self.settings.agent_timeout, self.sender.clone());
        let transport = self.scheduler.transport_of(id).name.clone();
        tokio::task::spawn_local(async move {
            if let Err(error) = connection.send(&bytes).await {
                return tell(&sender, AgentEvent::NotSent { entry, reason: sys::reason(&error) });
            }
            match timeout(limit, connection.receive::<Reply>()).await {
                Ok(Ok(reply)) => tell(&sender, AgentEvent::Answered { entry, reply: Some(reply) }),
                Ok(Err(error)) => {
                    log::warn!("{error}");
                    tell(&sender, AgentEvent::Answered { entry, reply: None });
                }
                Err(_) => logging::fatal!("timeout receiving delivery status from transport: {transport}"),
            }
        });
    }

    /// The request that a connection shall carry; more recipients are read where that is due.
    fn next_entry(&mut self, id: TransportId) -> Option<EntryId> {
        self.scheduler.begin_selection(id, Instant::now());
        loop {
            match self.scheduler.take_entry(id, Instant::now()) {
                Choice::Entry(entry) => return Some(entry),
                Choice::Refill(message) => self.refill(message),
                Choice::Nothing => return None,
            }
        }
    }

    fn request_bytes(&mut self, id: EntryId) -> Option<Vec<u8>> {
        let entry = self.scheduler.entry(id)?.clone();
        let destination = self.scheduler.destination_mut(entry.destination)?;
        let (cache_flags, nexthop) = (destination.update_cache_flags(Instant::now()), destination.nexthop.clone());
        let message = self.messages.get(&entry.message)?;
        let mut request = message.request(&entry.recipients, self.settings.smtputf8);
        request.flags |= cache_flags;
        request.nexthop = nexthop;
        Some(request.to_bytes())
    }

    fn request_not_sent(&mut self, id: EntryId, reason: &str) {
        let Some(transport) = self.scheduler.entry(id).map(|entry| entry.destination.transport) else { return };
        let name = self.scheduler.transport_of(transport).name.clone();
        log::warn!("write to process ({name}): {reason}");
        self.scheduler.put_back(id);
        self.transport_failed(transport, "mail transport unavailable");
    }

    fn agent_died(&mut self, id: EntryId) {
        let Some((message, transport)) = self.entry_facts(id) else { return };
        let name = self.scheduler.transport_of(transport.transport).name.clone();
        self.defer_message(message);
        log::warn!(
            "transport {name} failure -- see a previous warning/fatal/panic logfile record for the problem description"
        );
        self.scheduler.put_back(id);
        self.transport_failed(transport.transport, "unknown mail transport error");
    }

    fn request_answered(&mut self, id: EntryId, reply: Reply) {
        let Some((message, destination)) = self.entry_facts(id) else { return };
        self.scheduler.revive_transport(destination.transport);
        if reply.status != 0 {
            self.defer_message(message);
        }
        if reply.dsn.status.is_empty() || reply.status == 0 {
            if reply.status != 0 || reply.dsn.reason.is_empty() {
                self.scheduler.site_is_good(destination);
            }
        } else if self.scheduler.site_is_bad(destination, suspended(reply.dsn))
            && let Some(crate::scheduler::State::Dead(dsn)) =
                self.scheduler.destination_of(destination).map(|found| found.state.clone())
        {
            let waiting = self.scheduler.waiting_for(destination);
            self.defer_waiting(waiting, &dsn);
        }
        self.finish_entry(id);
    }

    fn entry_facts(&self, id: EntryId) -> Option<(MessageKey, DestinationId)> {
        self.scheduler.entry(id).map(|entry| (entry.message, entry.destination))
    }

    pub(super) fn defer_message(&mut self, key: MessageKey) {
        if let Some(message) = self.messages.get_mut(&key) {
            message.deferred = true;
        }
    }

    /// A transport does not work: it rests, and all that waits for it is deferred (§5.7).
    fn transport_failed(&mut self, id: TransportId, reason: &str) {
        let dsn = Dsn::new("4.3.0", reason);
        self.scheduler.throttle_transport(id, dsn.clone());
        let waiting = self.scheduler.waiting_for_transport(id);
        self.defer_waiting(waiting, &dsn);
    }

    /// Moves requests to the retry agent, or defers their recipients here when that does not work either.
    fn defer_waiting(&mut self, waiting: Vec<EntryId>, dsn: &Dsn) {
        for id in waiting {
            let Some(entry) = self.scheduler.entry(id).cloned() else { continue };
            // The message must not complete while its recipients are on the move.
            self.scheduler.hold(entry.message);
            self.finish_entry(id);
            for recipient in entry.recipients {
                if let Some((recipient, destination)) = self.place_for_retry(entry.message, recipient, dsn.clone()) {
                    self.enqueue(entry.message, recipient, destination);
                }
            }
            self.scheduler.release(entry.message);
            self.complete_if_idle(entry.message);
        }
    }

    /// A request is out of the way; perhaps its message is complete.
    fn finish_entry(&mut self, id: EntryId) {
        let too_many = self.scheduler.all_destinations() > 2 * self.settings.recipient_limit;
        let Some(entry) = self.scheduler.finish(id, Instant::now(), too_many) else { return };
        self.complete_if_idle(entry.message);
    }
}

/// A site's failure as the reason for those that wait behind it.
fn suspended(dsn: Dsn) -> Dsn {
    let valid = text::dsn::split_status(&dsn.status).is_some();
    let status = if valid { dsn.status.clone() } else { BString::from("4.0.0") };
    let reason: &[u8] = if dsn.reason.is_empty() { b"unknown error" } else { &dsn.reason };
    Dsn::new(status, [b"delivery temporarily suspended: ", reason].concat())
}

/// Connects, and checks what the agent says first; what is wrong has been logged.
async fn greet(transport: &str, limit: Duration) -> Option<Connection> {
    let mut connection = loop {
        match Connection::open(transport).await {
            Ok(connection) => break connection,
            // The listen queue is full: an agent will take its turn.
            Err(error) if error.kind() == ErrorKind::WouldBlock => sleep(BACKLOG_PAUSE).await,
            Err(error) => {
                log::warn!("connect to transport private/{transport}: {}", sys::reason(&error));
                return None;
            }
        }
    };
    match timeout(limit, connection.expect_protocol(protocol::DELIVERY)).await {
        Ok(Ok(())) => Some(connection),
        Ok(Err(error)) => {
            log::warn!("{error}");
            log::warn!("private/{transport} socket: malformed response");
            None
        }
        Err(_) => logging::fatal!("timeout connecting to transport: {transport}"),
    }
}

fn tell(sender: &mpsc::UnboundedSender<Event>, event: AgentEvent) {
    // The receiver is gone only when the process ends.
    let _ = sender.send(Event::Agent(event));
}
