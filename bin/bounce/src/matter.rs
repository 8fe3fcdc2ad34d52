//! A message that notifications are about, and the sending of one of them (qmgr-bounce §11.2).

use std::time::SystemTime;

use bstr::{BStr, BString, ByteSlice};
use config::{Config, params};
use ipc::cleanup::{flag, status};
use ipc::delivery::utf8;
use logging::event::{Audience, Notified, Topic};
use logging::fatal;
use post::{Class as MailClass, Posting};
use queue::RecordType;
use queue::status_log::LogEntry;

use crate::Bounce;
use crate::notification::{self, Encoding, Report, Subject};
use crate::original::Original;
use crate::request::Message;
use crate::template::Class;

/// What the log has to say.
#[derive(Debug)]
pub enum Log {
    /// These recipients.
    Entries(Vec<LogEntry>),
    /// Nothing: it is gone.
    Missing,
}

/// A message that notifications are about.
pub struct Matter<'a> {
    bounce: &'a Bounce,
    config: &'a Config,
    pub(crate) message: &'a Message,
    pub(crate) original: Option<Original>,
    encoding: Option<Encoding>,
    message_id: Option<BString>,
    /// SMTPUTF8 and TLS bits for notifications.
    wishes: i32,
}

/// One notification that is to be sent.
pub struct Notice<'a> {
    /// Who gets it, for the log.
    pub audience: Audience,
    /// What it is about, for the log.
    pub topic: Topic,
    /// Which template it is made from.
    pub class: Class,
    /// Its envelope sender.
    pub sender: &'a BStr,
    /// Its envelope recipient.
    pub recipient: &'a BStr,
    /// Whether it has the form that postmasters get: facts without explanations.
    pub postmaster_form: bool,
    /// Whether only headers of the message come with it, even if the message is short.
    pub headers_only: bool,
}

impl<'a> Matter<'a> {
    /// Finds out what is to be known about a message.
    pub fn open(bounce: &'a Bounce, config: &'a Config, message: &'a Message) -> Matter<'a> {
        let original = Original::open(&bounce.spool, message.queue, &message.id, bounce.journal.dir());
        let threads = config.get(params::ENABLE_THREADED_BOUNCES);
        let message_id = original
            .as_ref()
            .filter(|original| threads && original.has_content())
            .and_then(|original| original.message_id(&message.id));
        let wishes = wishes(config, message.facts.smtputf8);
        Matter { bounce, config, message, original, encoding: encoding(config, message), message_id, wishes }
    }

    /// Sends a notification about these recipients; about nobody, none. Without a log, only failures are worth reporting.
    /// False when it could not be sent: the log has the reason.
    pub fn send(&self, notice: &Notice<'_>, report: Report<'_>) -> bool {
        match report {
            Report::Recipients([]) => return true,
            Report::Unavailable if notice.class != Class::Failure => return true,
            _ => {}
        }
        match self.post(notice, report) {
            Ok(notification_id) => {
                logging::emit(&Notified {
                    queue_id: self.message.id.as_ref(),
                    audience: notice.audience,
                    topic: notice.topic,
                    notification_id: &notification_id,
                });
                true
            }
            Err(reason) => {
                let id = &self.message.id;
                match notice.audience {
                    Audience::Sender => {
                        let recipient = text::show(notice.recipient);
                        log::warn!("{id}: sender notification failed to {recipient}{reason}");
                    }
                    Audience::Postmaster => log::warn!("{id}: postmaster notification failed{reason}"),
                }
                false
            }
        }
    }

    /// Hands a notification to cleanup. Returns its queue ID, or what to add to the warning.
    fn post(&self, notice: &Notice<'_>, report: Report<'_>) -> Result<BString, String> {
        let template = self.bounce.templates.get(notice.class);
        let text =
            (!notice.postmaster_form).then(|| template.expand(self.config).unwrap_or_else(|error| fatal!("{error}")));
        let sender = self.original_sender();
        let subject = self.subject(sender.as_ref().map(|sender| sender.as_bstr()));
        let now = SystemTime::now();
        let headers_only = notice.headers_only || self.is_too_large() || self.is_redacted();
        let notification = notification::Notification {
            system: &self.bounce.system,
            subject: &subject,
            template,
            text: text.as_deref(),
            recipient: notice.recipient,
            report,
            headers_only,
            now,
        };
        let mut posting = Posting::open(self.config, self.cleanup_flags()).map_err(|error| {
            log::warn!("{error}");
            String::new()
        })?;
        self.begin(&mut posting, notice, now);
        notification::write_report(&notification, &mut posting);
        if let Some(original) = self.original.as_ref().filter(|original| original.has_content()) {
            original.copy(headers_only, &mut posting).map_err(|error| format!(": {error}"))?;
        }
        notification::write_end(&notification, &mut posting);
        conclude(posting)
    }

    /// Writes the envelope and the first headers.
    fn begin(&self, posting: &mut Posting, notice: &Notice<'_>, now: SystemTime) {
        posting.envelope_time(now);
        posting.attribute("log_message_origin", b"local");
        posting.attribute("trace_flags", b"0");
        posting.put(RecordType::SENDER, notice.sender);
        posting.put(RecordType::RECIPIENT, notice.recipient);
        posting.put(RecordType::MESSAGE, b"");
        let system = &self.bounce.system;
        let date = text::date::header_date(now);
        posting.text(&[b"Received: by ", system.myhostname.as_slice(), b" (", &system.mail_name, b")"].concat());
        let id = posting.queue_id().to_owned();
        posting.text(&[b"\tid ", id.as_slice(), b"; ", date.as_bytes()].concat());
        posting.text(&[b"Date: ", date.as_bytes()].concat());
    }

    fn cleanup_flags(&self) -> i32 {
        post::internal_flags(self.config, MailClass::Bounce) | flag::of_wishes(self.wishes)
    }

    fn subject<'s>(&'s self, sender: Option<&'s BStr>) -> Subject<'s> {
        let facts = &self.message.facts;
        Subject {
            queue_id: &self.message.id,
            encoding: self.encoding,
            smtputf8: facts.smtputf8,
            envelope_id: facts.envelope_id.as_bstr(),
            sender,
            arrival: self.original.as_ref().and_then(|original| original.envelope.arrival),
            message_id: self.message_id.as_ref().map(|id| id.as_bstr()),
            is_available: self.original.as_ref().is_some_and(Original::has_content),
            tls_not_required: self.wishes & utf8::TLS_NOT_REQUIRED != 0,
        }
    }

    /// The sender as the notification shows it; the null address has a name of its own there.
    fn original_sender(&self) -> Option<BString> {
        let sender = self.original.as_ref()?.envelope.sender.as_ref()?;
        if sender.is_empty() {
            return Some([b"MAILER-DAEMON@", self.bounce.system.myhostname.as_slice()].concat().into());
        }
        Some(text::address::quote(sender))
    }

    /// What must not travel without TLS stays behind when the notification may.
    fn is_redacted(&self) -> bool {
        (self.message.facts.smtputf8 ^ self.wishes) & utf8::REQUIRETLS != 0
    }

    fn is_too_large(&self) -> bool {
        let limit = self.config.get(params::BOUNCE_SIZE_LIMIT);
        let size =
            self.original.as_ref().filter(|original| original.has_content()).map(|original| original.envelope.size);
        size.is_some_and(|size| size <= 0 || size > limit)
    }
}

/// Which wishes of a message its notifications have, too (qmgr-bounce §11.5).
fn wishes(config: &Config, mut bits: i32) -> i32 {
    if !config.get(params::TLS_REQUIRED_ENABLE) {
        bits &= !utf8::TLS_NOT_REQUIRED;
    }
    if config.get(params::REQUIRETLS_ENABLE) && bits & utf8::REQUIRETLS != 0 {
        bits &= !utf8::TLS_NOT_REQUIRED;
        if config.get(params::REQUIRETLS_REDACT_DSN) {
            bits &= !utf8::REQUIRETLS;
        }
    }
    bits
}

fn conclude(mut posting: Posting) -> Result<BString, String> {
    posting.put(RecordType::EXTRACTED, b"");
    posting.put(RecordType::END, b"");
    let id = posting.queue_id().to_owned();
    let reply = posting.finish();
    match reply.status {
        0 => Ok(id),
        bits => Err(format!(": {}", status::describe(bits).text)),
    }
}

/// With SMTPUTF8 any text may contain anything.
fn encoding(config: &Config, message: &Message) -> Option<Encoding> {
    if config.get(params::SMTPUTF8_ENABLE) {
        return Some(Encoding::EightBit);
    }
    Encoding::parse(&message.id, &message.facts.encoding).unwrap_or_else(|warning| {
        log::warn!("{warning}");
        None
    })
}
