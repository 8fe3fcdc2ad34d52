//! The event loop (qmgr-bounce §1.2).

mod deliver;
mod feed;
mod finish;
mod flow;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::rc::Rc;
use std::time::{Duration, Instant};

use ::deliver::Reporter;
use address::RewriteService;
use config::{Config, params};
use deliver::AgentEvent;
use finish::Stage;
use queue::{QueueDir, Spool};
use server::{Context, Trigger, Triggers};
use tokio::sync::mpsc;

use crate::message::Message;
use crate::resolve::Rules;
use crate::scan::{QueueScan, ScanFlags, Wish};
use crate::scheduler::{MessageKey, Scheduler, Timer};
use crate::settings::Settings;

/// Everything that the queue manager knows.
pub struct Manager {
    context: Rc<Context>,
    settings: Settings,
    rules: Rules,
    spool: Spool,
    scheduler: Scheduler,
    messages: HashMap<MessageKey, Message>,
    next_key: u64,
    /// `incoming`, `deferred`.
    scans: [QueueScan; 2],
    /// Whose turn it is.
    turn: usize,
    /// Probes among the messages in memory.
    probes: usize,
    rewrite: RewriteService,
    reporter: Reporter,
    timers: BinaryHeap<Reverse<(Instant, u64)>>,
    alarms: HashMap<u64, Alarm>,
    next_alarm: u64,
    events: mpsc::UnboundedReceiver<Event>,
    sender: mpsc::UnboundedSender<Event>,
}

/// What a timer is for.
#[derive(Clone, Copy, Debug)]
enum Alarm {
    Scheduler(Timer),
    DeferredScan,
}

/// What tasks tell the event loop.
enum Event {
    Agent(AgentEvent),
    /// A bounce service has answered.
    Bounce {
        message: MessageKey,
        stage: Stage,
        status: i32,
    },
}

const INCOMING: usize = 0;
const DEFERRED: usize = 1;

impl Manager {
    /// What must be done before the rights are gone. No service may hold up all mail for as long as others wait for it.
    pub fn open(context: &mut Context) -> Reporter {
        context.config.replace(params::IPC_TIMEOUT, params::QMGR_IPC_TIMEOUT);
        Reporter::new(&context.config).with_fast_flush(&context.config)
    }

    fn new(reporter: Reporter, context: Context) -> Self {
        let settings = Settings::new(&context.config);
        let (sender, events) = mpsc::unbounded_channel();
        Self {
            rules: Rules::new(&context.config),
            spool: Spool::from(&context.config),
            scheduler: Scheduler::new(settings.transport_retry, settings.minimal_backoff),
            messages: HashMap::new(),
            next_key: 0,
            scans: [QueueScan::new(QueueDir::Incoming), QueueScan::new(QueueDir::Deferred)],
            turn: INCOMING,
            probes: 0,
            rewrite: RewriteService::new(&context.config),
            reporter,
            timers: BinaryHeap::new(),
            alarms: HashMap::new(),
            next_alarm: 0,
            events,
            sender,
            settings,
            context: Rc::new(context),
        }
    }

    fn config(&self) -> &Config {
        &self.context.config
    }

    /// Requests a scan, or what else the flags say.
    fn request_scan(&mut self, scan: usize, flags: ScanFlags) {
        self.scans[scan].request(flags, &self.spool);
    }

    fn set_alarm(&mut self, after: Duration, alarm: Alarm) {
        let number = self.next_alarm;
        self.next_alarm += 1;
        self.alarms.insert(number, alarm);
        self.timers.push(Reverse((Instant::now() + after, number)));
    }

    fn collect_timers(&mut self) {
        for (after, timer) in self.scheduler.take_timers() {
            self.set_alarm(after, Alarm::Scheduler(timer));
        }
    }

    fn ring_due_alarms(&mut self) {
        while let Some(Reverse((time, number))) = self.timers.peek().copied() {
            if time > Instant::now() {
                return;
            }
            self.timers.pop();
            match self.alarms.remove(&number) {
                Some(Alarm::Scheduler(Timer::TransportAlive(id))) => self.scheduler.revive_transport(id),
                Some(Alarm::Scheduler(Timer::DestinationAlive(id))) => self.scheduler.revive_destination(id),
                Some(Alarm::Scheduler(Timer::DestinationResumes(id))) => self.scheduler.resume_destination(id),
                Some(Alarm::DeferredScan) => {
                    self.request_scan(DEFERRED, ScanFlags { start: true, ..ScanFlags::default() });
                    self.set_alarm(self.settings.queue_run_delay, Alarm::DeferredScan);
                }
                None => {}
            }
        }
    }

    fn handle_trigger(&mut self, request: &[u8]) {
        let wish = Wish::parse(request);
        if wish.revive {
            self.scheduler.revive_all();
        }
        self.request_scan(INCOMING, wish.incoming);
        self.request_scan(DEFERRED, wish.deferred);
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Agent(event) => self.handle_agent(event),
            Event::Bounce { message, stage, status } => self.handle_bounce(message, stage, status),
        }
    }

    /// One turn: deliveries, then one more message. True: there may be more messages at once.
    fn turn(&mut self) -> bool {
        self.ring_due_alarms();
        while let Some(transport) = self.scheduler.next_transport() {
            self.connect(transport);
        }
        let fed = self.feed();
        self.control_flow(fed.from_incoming);
        self.collect_timers();
        fed.found_file
    }
}

/// Runs until master wants this process to end.
pub async fn run(reporter: Reporter, context: Context, mut triggers: Triggers) {
    let mut manager = Manager::new(reporter, context);
    manager.return_active_messages();
    let start = ScanFlags { start: true, ..ScanFlags::default() };
    manager.request_scan(INCOMING, start);
    manager.request_scan(DEFERRED, start);
    manager.set_alarm(manager.settings.queue_run_delay, Alarm::DeferredScan);
    let watchdog_limit = manager.config().get(params::QMGR_DAEMON_TIMEOUT);
    let watchdog = sys::watchdog::Watchdog::start(watchdog_limit, || logging::fatal!("watchdog timeout"))
        .unwrap_or_else(|error| logging::fatal!("cannot start the watchdog: {}", sys::reason(&error)));
    loop {
        watchdog.pat();
        let more = manager.turn();
        let next = manager.timers.peek().map(|Reverse((time, _))| *time);
        // A long wait is no sign of being stuck.
        watchdog.pause();
        tokio::select! {
            biased;
            Some(event) = manager.events.recv() => {
                watchdog.pat();
                manager.handle(event);
                while let Ok(event) = manager.events.try_recv() {
                    manager.handle(event);
                }
            }
            trigger = triggers.next() => match trigger {
                Trigger::Request(request) => manager.handle_trigger(&request),
                Trigger::Retire => return,
            },
            () = tokio::task::yield_now(), if more => {}
            () = sleep_until(next), if !more => {}
        }
    }
}

async fn sleep_until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}
