//! The jobs of one transport: what each message wants of it, in the order in which they have their turn (qmgr-bounce §6).

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use super::chain::Chain;
use super::preempt::Candidate;
use super::{EntryId, MessageKey};

/// What the scheduler knows of a message.
#[derive(Debug)]
pub(super) struct MessageFacts {
    /// When it became active.
    pub queued: Instant,
    /// How many recipients are still in its file alone, as far as its size record is right.
    pub unread: usize,
    /// Whether the end of its recipients was not seen.
    pub has_more: bool,
    /// Recipients that wait or are being delivered.
    pub in_core: usize,
    /// How many may be in memory.
    pub recipient_limit: i64,
    /// Requests that wait or are being carried out, and other reasons to keep it.
    pub outstanding: usize,
    /// When recipients were read last.
    pub last_read: Instant,
    /// The transports that have a job of it.
    pub transports: Vec<super::TransportId>,
}

impl MessageFacts {
    /// Whether recipients can be read while others are being delivered.
    pub fn can_refill(&self) -> bool {
        self.has_more && self.outstanding > 0 && self.free_slots() > 0
    }

    /// How many recipients more may be read.
    pub fn free_slots(&self) -> i64 {
        self.recipient_limit - count(self.in_core)
    }
}

/// All messages that are known.
pub(super) type Messages = HashMap<MessageKey, MessageFacts>;

/// Numbers of recipients and slots that may become negative.
pub(super) fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// What one message wants of the transport.
#[derive(Debug)]
pub(super) struct Job {
    pub queued: Instant,
    /// Its requests that wait, by destination.
    pub waiting: HashMap<u64, VecDeque<EntryId>>,
    /// The destinations in `waiting`, in turn.
    pub round: VecDeque<u64>,
    /// Requests that were made so far.
    pub read: usize,
    /// Requests that were handed out so far.
    pub selected: usize,
    pub slots_available: i64,
    pub slots_used: i64,
    /// How deep it is on a stack of preemptions; `None`: it is not listed.
    pub level: Option<u32>,
    /// The job that it goes ahead of.
    pub parent: Option<MessageKey>,
    pub children: Vec<MessageKey>,
    pub in_core: usize,
    pub recipient_limit: i64,
    /// The blocker tag at which nothing could be done for it.
    pub blocker: u64,
}

impl Job {
    pub fn new(queued: Instant) -> Self {
        Job {
            queued,
            waiting: HashMap::new(),
            round: VecDeque::new(),
            read: 0,
            selected: 0,
            slots_available: 0,
            slots_used: 0,
            level: None,
            parent: None,
            children: Vec::new(),
            in_core: 0,
            recipient_limit: 0,
            blocker: 0,
        }
    }

    /// Whether requests of it wait.
    pub fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The request that a recipient may join.
    pub fn last_waiting(&self, destination: u64) -> Option<EntryId> {
        self.waiting.get(&destination)?.back().copied()
    }

    /// A request waits: behind the others for its destination, or in front of them.
    pub fn wait(&mut self, destination: u64, entry: EntryId, in_front: bool) {
        let waiting = self.waiting.entry(destination).or_default();
        if waiting.is_empty() {
            self.round.push_back(destination);
        }
        if in_front { waiting.push_front(entry) } else { waiting.push_back(entry) }
    }

    /// A request waits no more.
    pub fn stop_waiting(&mut self, destination: u64, entry: EntryId) {
        let Some(waiting) = self.waiting.get_mut(&destination) else { return };
        if let Some(at) = waiting.iter().position(|other| *other == entry) {
            waiting.remove(at);
        }
        if waiting.is_empty() {
            self.waiting.remove(&destination);
            self.round.retain(|other| *other != destination);
        }
    }
}

/// The jobs of a transport.
#[derive(Debug)]
pub(super) struct Jobs {
    pub jobs: HashMap<MessageKey, Job>,
    /// Listed jobs in the order of scheduling.
    pub order: Chain,
    /// Listed jobs in the order of their messages' age.
    pub by_time: Chain,
    pub current: Option<MessageKey>,
    /// The first job, by age, that may have a use for recipient slots.
    pub next_unread: Option<MessageKey>,
    pub candidate: Option<Candidate>,
    /// Jobs and destinations that carry this tag are blocked.
    pub blocker_tag: u64,
    /// Recipient slots that nobody has; negative when more were lent than there are.
    pub pool: i64,
}

impl Jobs {
    pub fn new(pool: usize) -> Self {
        Jobs {
            jobs: HashMap::new(),
            order: Chain::default(),
            by_time: Chain::default(),
            current: None,
            next_unread: None,
            candidate: None,
            blocker_tag: 1,
            pool: count(pool),
        }
    }

    pub fn get(&self, key: MessageKey) -> Option<&Job> {
        self.jobs.get(&key)
    }

    pub fn get_mut(&mut self, key: MessageKey) -> Option<&mut Job> {
        self.jobs.get_mut(&key)
    }

    pub fn is_blocked(&self, key: MessageKey) -> bool {
        self.get(key).is_some_and(|job| job.blocker == self.blocker_tag)
    }

    /// All marks of blocked jobs and destinations count no more; the search begins anew.
    pub fn unblock_all(&mut self) {
        self.blocker_tag += 1;
        self.begin_anew();
    }

    fn begin_anew(&mut self) {
        self.current = self.order.head();
        self.candidate = None;
    }

    /// How many requests a job may come to: those that were made, and one for each recipient that was not read.
    pub fn maximum(&self, key: MessageKey, messages: &Messages) -> usize {
        let unread = messages.get(&key).map_or(0, |message| message.unread);
        self.get(key).map_or(0, |job| job.read) + unread
    }

    /// Lists a job that got recipients: behind those of the same age and older (§6.2).
    pub fn list(&mut self, key: MessageKey, messages: &mut Messages) {
        let Some(queued) = self.get(key).filter(|job| job.level.is_none()).map(|job| job.queued) else { return };
        let (mut at, mut is_first) = (self.order.tail(), self.current.is_none());
        while let Some((other, job)) = at.and_then(|other| Some((other, self.get(other)?))) {
            if job.parent.is_none() && job.queued <= queued {
                break;
            }
            is_first |= Some(other) == self.current;
            at = self.order.previous(other);
        }
        self.order.insert_after(at, key);
        if is_first {
            self.current = Some(key);
        }
        let (mut at, mut is_first) = (self.by_time.tail(), self.next_unread.is_none());
        while let Some((other, job)) = at.and_then(|other| Some((other, self.get(other)?))) {
            if job.queued <= queued {
                break;
            }
            is_first |= Some(other) == self.next_unread;
            at = self.by_time.previous(other);
        }
        self.by_time.insert_after(at, key);
        if let Some(job) = self.get_mut(key) {
            job.level = Some(0);
        }
        if is_first && let Some(previous) = self.next_unread.replace(key) {
            self.give_back_slots(previous, messages);
        }
        self.take_pool(key, messages);
        self.candidate = None;
    }

    /// A job has one request more.
    pub fn add_entry(&mut self, key: MessageKey, destination: u64, entry: EntryId) {
        let was_blocked = self.is_blocked(key);
        let Some(job) = self.get_mut(key) else { return };
        job.wait(destination, entry, false);
        job.read += 1;
        job.blocker = 0;
        self.candidate = None;
        if was_blocked {
            self.begin_anew();
        }
    }

    /// Recipient slots that nobody has go to a job and its message.
    fn take_pool(&mut self, key: MessageKey, messages: &mut Messages) {
        if let (true, Some(job), Some(message)) = (self.pool > 0, self.jobs.get_mut(&key), messages.get_mut(&key)) {
            job.recipient_limit += self.pool;
            message.recipient_limit += self.pool;
            self.pool = 0;
        }
    }

    /// Recipient slots that a job will not need go to the next that may have a use for them (§6.5).
    pub fn give_back_slots(&mut self, key: MessageKey, messages: &mut Messages) {
        if let (Some(job), Some(message)) = (self.jobs.get_mut(&key), messages.get_mut(&key)) {
            let unused = (job.recipient_limit - count(job.in_core)).min(message.free_slots());
            if unused > 0 {
                job.recipient_limit -= unused;
                message.recipient_limit -= unused;
                self.pool += unused;
            }
        }
        if self.pool <= 0 {
            return;
        }
        let has_more = |key: &MessageKey| messages.get(key).is_some_and(|message| message.has_more);
        self.next_unread = std::iter::successors(self.next_unread, |key| self.by_time.next(*key)).find(has_more);
        if let Some(next) = self.next_unread {
            self.take_pool(next, messages);
        }
    }

    /// Takes a job that went ahead of its parent from the stack; what it did not use of the parent's slots goes back (§6.7).
    pub fn pop(&mut self, key: MessageKey, cost: i64) {
        let Some(job) = self.jobs.get_mut(&key) else { return };
        let Some(level) = job.level.filter(|level| *level > 0) else { return };
        job.level = Some(0);
        let (parent, used) = (job.parent.take(), job.slots_used);
        let children = std::mem::take(&mut job.children);
        self.set_parent(&children, parent);
        if let Some(parent) = parent.and_then(|parent| self.jobs.get_mut(&parent)) {
            parent.children.retain(|child| *child != key);
            parent.children.extend(children);
            if parent.level.map(|parent| parent + 1) == Some(level) {
                parent.slots_available -= used * cost;
            }
        }
    }

    /// A job has nothing to do: it leaves the lists, and keeps its counters.
    pub fn retire(&mut self, key: MessageKey, cost: i64, messages: &mut Messages) {
        if self.get(key).is_none_or(|job| job.level.is_none()) {
            return;
        }
        self.pop(key, cost);
        if self.current == Some(key) {
            self.current = self.order.next(key);
        }
        if self.next_unread == Some(key) {
            self.next_unread = self.by_time.next(key);
        }
        self.order.remove(key);
        self.by_time.remove(key);
        self.give_back_slots(key, messages);
        let Some(job) = self.jobs.get_mut(&key) else { return };
        job.level = None;
        let orphans = std::mem::take(&mut job.children);
        self.set_parent(&orphans, None);
        self.candidate = None;
    }

    fn set_parent(&mut self, children: &[MessageKey], parent: Option<MessageKey>) {
        for child in children {
            if let Some(child) = self.jobs.get_mut(child) {
                child.parent = parent;
            }
        }
    }
}
