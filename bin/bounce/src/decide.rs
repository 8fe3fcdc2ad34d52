//! Who gets which notification (qmgr-bounce §11.1).

use bstr::{BStr, BString, ByteSlice};
use config::{Config, Key, Str, params};
use ipc::bounce::{CLEAN, DELETE_RECIPIENTS, notify, ret};
use ipc::delivery::flag;
use logging::event::{Audience, Topic};
use logging::fatal;
use post::{NoticeClass, NoticeClasses};
use queue::status_log::LogEntry;

use crate::matter::{Log, Matter, Notice};
use crate::notification::Report;
use crate::request::{Kind, Wanted};
use crate::template::Class;
use crate::{Bounce, clean, journal};

/// How failures and delays differ.
struct Plan {
    class: Class,
    topic: Topic,
    /// The NOTIFY bit of recipients whose sender wants to know.
    notify: i32,
    /// Whether a postmaster gets what is about a message without sender.
    wants_null: fn(NoticeClasses) -> bool,
    null_recipient: Key<Str>,
    /// Whether a postmaster gets a copy of what the sender gets.
    wants_copy: fn(NoticeClasses) -> bool,
    copy_recipient: Key<Str>,
    /// Whether the sender gets headers only, whatever RET says.
    headers_only: bool,
    /// What failed when the copy failed.
    doing: &'static str,
}

const FAILURE: Plan = Plan {
    class: Class::Failure,
    topic: Topic::NonDelivery,
    notify: notify::FAILURE,
    wants_null: |classes| classes.contains(NoticeClass::Bounce) || classes.contains(NoticeClass::DoubleBounce),
    null_recipient: params::DOUBLE_BOUNCE_NOTICE_RECIPIENT,
    wants_copy: |classes| classes.contains(NoticeClass::Bounce),
    copy_recipient: params::BOUNCE_NOTICE_RECIPIENT,
    headers_only: false,
    doing: "bouncing to",
};

const DELAY: Plan = Plan {
    class: Class::Delay,
    topic: Topic::Delay,
    notify: notify::DELAY,
    wants_null: |classes| classes.contains(NoticeClass::Delay),
    null_recipient: params::DELAY_NOTICE_RECIPIENT,
    wants_copy: |classes| classes.contains(NoticeClass::Delay),
    copy_recipient: params::DELAY_NOTICE_RECIPIENT,
    headers_only: true,
    doing: "warning",
};

/// What kind of sender a message has.
enum Sender {
    /// A notice to the postmaster: nobody is left to be told.
    DoubleBounce,
    /// A notification.
    Null,
    Normal,
}

impl Bounce {
    /// Does what the client wants. False when that failed.
    pub fn carry_out(&self, wanted: &Wanted, config: &Config) -> bool {
        let (flags, id) = match wanted {
            Wanted::Append(id, append) => (append.flags, id),
            Wanted::Notify(message, _) => (message.facts.flags, &message.id),
        };
        if flags & CLEAN != 0 {
            clean::arm(self.journal.path(id));
        }
        match wanted {
            Wanted::Append(id, append) => {
                self.journal.append(id, &journal::quoted_entry(&append.recipient, &append.dsn));
                true
            }
            Wanted::Notify(message, kind) => {
                let log = match kind {
                    Kind::One(one) => Log::Entries(vec![journal::raw_entry(&one.0, &one.1)]),
                    _ => self.journal.read(id).map_or(Log::Missing, Log::Entries),
                };
                let desk = Desk {
                    matter: Matter::open(self, config, message),
                    log,
                    classes: NoticeClasses::from_config(config).unwrap_or_else(|error| fatal!("{error}")),
                    config,
                    double_bounce: double_bounce(config),
                };
                let removes_log = matches!(kind, Kind::Flush | Kind::Verp(_) | Kind::Trace);
                let (is_done, keeps_log) = desk.decide(kind);
                if is_done && removes_log && !keeps_log {
                    self.journal.remove(id);
                }
                is_done
            }
        }
    }
}

/// The envelope sender of notices to the postmaster.
fn double_bounce(config: &Config) -> BString {
    let name = config.get(params::DOUBLE_BOUNCE_SENDER);
    [name.as_bytes(), b"@", config.get(params::MYHOSTNAME)].concat().into()
}

/// Where it is decided what to send about one message.
struct Desk<'a> {
    matter: Matter<'a>,
    log: Log,
    classes: NoticeClasses,
    config: &'a Config,
    double_bounce: BString,
}

impl Desk<'_> {
    /// Sends what is to be sent. Returns whether that worked, and whether the log stays all the same.
    fn decide(&self, kind: &Kind) -> (bool, bool) {
        match kind {
            Kind::Warn => (self.notify(&DELAY), true),
            Kind::Trace => self.trace(),
            Kind::Verp(delimiters) if matches!(self.sender_kind(), Sender::Normal) => (self.verp(*delimiters), false),
            Kind::Verp(_) => {
                log::warn!("request to send VERP-style notification of bounced mail");
                (self.flush(), false)
            }
            Kind::Flush | Kind::One(_) => (self.flush(), false),
        }
    }

    fn flush(&self) -> bool {
        let is_done = self.notify(&FAILURE);
        if is_done && self.deletes_recipients() {
            self.entries().iter().for_each(|entry| self.mark_done(entry));
        }
        is_done
    }

    /// Tells the sender, or the postmaster where there is none, and perhaps the postmaster too.
    fn notify(&self, plan: &Plan) -> bool {
        let everybody: Vec<&LogEntry> = self.entries().iter().collect();
        match self.sender_kind() {
            Sender::DoubleBounce => {
                log::warn!("{}: undeliverable postmaster notification discarded", self.matter.message.id);
                true
            }
            Sender::Null if !(plan.wants_null)(self.classes) => true,
            Sender::Null => {
                let recipient = self.config.get(plan.null_recipient);
                self.matter.send(&self.to_postmaster(plan, recipient, false), self.report(&everybody))
            }
            Sender::Normal => {
                let wanted: Vec<&LogEntry> = everybody.iter().copied().filter(|e| wants(e, plan.notify)).collect();
                let headers_only = plan.headers_only || self.wants_headers_only();
                let is_done = self
                    .matter
                    .send(&self.to_sender(plan.class, plan.topic, self.sender(), headers_only), self.report(&wanted));
                if is_done {
                    self.copy_postmaster(plan, self.report(&everybody));
                }
                is_done
            }
        }
    }

    /// One notification for each recipient, so that mailing list software reads from its address who it is about.
    fn verp(&self, delimiters: [u8; 2]) -> bool {
        let unavailable = [unavailable_entry()];
        let entries = if matches!(self.log, Log::Missing) { &unavailable } else { self.entries() };
        entries.iter().all(|entry| {
            let recipient = match self.log {
                Log::Missing => self.sender().to_owned(),
                Log::Entries(_) => verp_address(self.sender(), entry, delimiters),
            };
            let notice = self.to_sender(FAILURE.class, FAILURE.topic, recipient.as_bstr(), self.wants_headers_only());
            if wants(entry, FAILURE.notify) && !self.matter.send(&notice, Report::Recipients(&[entry])) {
                return false;
            }
            if self.deletes_recipients() {
                self.mark_done(entry);
            }
            self.copy_postmaster(&FAILURE, Report::Recipients(&[entry]));
            true
        })
    }

    /// Sends the report that the sender asked for. Returns whether that worked, and whether the log stays all the same.
    fn trace(&self) -> (bool, bool) {
        let id = &self.matter.message.id;
        let is_probe = self.matter.message.facts.flags & (flag::USER_VERIFY | flag::RECORD) != 0;
        let class = if is_probe { Class::Verify } else { Class::Success };
        let everybody: Vec<&LogEntry> = self.entries().iter().collect();
        let notice = self.to_sender(class, Topic::DeliveryStatus, self.sender(), true);
        let notice = match self.sender_kind() {
            Sender::DoubleBounce => {
                log::info!("{id}: not sending trace/success notification for double-bounce message");
                return (true, true);
            }
            Sender::Null if !self.classes.contains(NoticeClass::DoubleBounce) => {
                log::info!("{id}: not sending trace/success notification for single-bounce message");
                return (true, false);
            }
            Sender::Null => Notice {
                sender: self.double_bounce.as_bstr(),
                recipient: self.config.get(params::DOUBLE_BOUNCE_NOTICE_RECIPIENT),
                ..notice
            },
            Sender::Normal => notice,
        };
        (self.matter.send(&notice, self.report(&everybody)), false)
    }

    fn copy_postmaster(&self, plan: &Plan, report: Report<'_>) {
        if !(plan.wants_copy)(self.classes) {
            return;
        }
        let recipient = self.config.get(plan.copy_recipient);
        if !self.matter.send(&self.to_postmaster(plan, recipient, true), report) {
            let (id, sender) = (&self.matter.message.id, text::show(self.sender()));
            log::warn!("{id}: postmaster notice failed while {} {sender}", plan.doing);
        }
    }

    fn to_sender<'n>(&self, class: Class, topic: Topic, recipient: &'n BStr, headers_only: bool) -> Notice<'n> {
        let (audience, sender) = (Audience::Sender, b"".as_bstr());
        Notice { audience, topic, class, sender, recipient, postmaster_form: false, headers_only }
    }

    fn to_postmaster<'n>(&'n self, plan: &Plan, recipient: &'n BStr, headers_only: bool) -> Notice<'n> {
        Notice {
            audience: Audience::Postmaster,
            topic: plan.topic,
            class: plan.class,
            sender: self.double_bounce.as_bstr(),
            recipient,
            postmaster_form: true,
            headers_only,
        }
    }

    fn sender(&self) -> &BStr {
        self.matter.message.facts.sender.as_bstr()
    }

    fn sender_kind(&self) -> Sender {
        match self.sender() {
            sender if sender.is_empty() => Sender::Null,
            sender if sender.eq_ignore_ascii_case(&self.double_bounce) => Sender::DoubleBounce,
            _ => Sender::Normal,
        }
    }

    fn entries(&self) -> &[LogEntry] {
        match &self.log {
            Log::Entries(entries) => entries,
            Log::Missing => &[],
        }
    }

    fn report<'r>(&self, entries: &'r [&'r LogEntry]) -> Report<'r> {
        match self.log {
            Log::Entries(_) => Report::Recipients(entries),
            Log::Missing => Report::Unavailable,
        }
    }

    /// What RET says; without it, the whole message is returned.
    fn wants_headers_only(&self) -> bool {
        self.matter.message.facts.ret & (ret::FULL | ret::HDRS) == ret::HDRS
    }

    fn deletes_recipients(&self) -> bool {
        self.matter.message.facts.flags & DELETE_RECIPIENTS != 0
    }

    fn mark_done(&self, entry: &LogEntry) {
        if let Some(original) = &self.matter.original
            && entry.offset > 0
        {
            original.mark_done(entry.offset);
        }
    }
}

/// Whether the sender wants to know about this recipient (§10.4).
fn wants(entry: &LogEntry, bit: i32) -> bool {
    entry.notify == 0 || entry.notify & bit.cast_unsigned() != 0
}

/// What stands for the recipients of a log that is gone.
fn unavailable_entry() -> LogEntry {
    LogEntry {
        recipient: "(recipient address unavailable)".into(),
        status: "5.0.0".into(),
        action: "failed".into(),
        reason: "(error report unavailable)".into(),
        ..LogEntry::default()
    }
}

/// The sender's address with the recipient's in it.
fn verp_address(sender: &BStr, entry: &LogEntry, delimiters: [u8; 2]) -> BString {
    let original = &entry.original_recipient;
    let recipient = if original.is_empty() { &entry.recipient } else { original };
    text::address::verp_sender(sender, &text::address::unquote(recipient), delimiters)
}
