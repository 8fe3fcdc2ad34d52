//! What a client asks for, checked (qmgr-bounce §10.1).

use bstr::BString;
use ipc::bounce::{Append, Dsn, Notification, Recipient, Request};
use queue::{QueueDir, QueueId};

/// A request that makes sense.
#[derive(Debug)]
pub enum Wanted {
    /// Add a recipient to the log.
    Append(QueueId, Append),
    /// Send notifications about a message.
    Notify(Message, Kind),
}

/// The message that notifications shall be about.
#[derive(Debug)]
pub struct Message {
    /// Its ID.
    pub id: QueueId,
    /// Where it is.
    pub queue: QueueDir,
    /// What the client says about it.
    pub facts: Notification,
}

/// Which notifications.
#[derive(Debug)]
pub enum Kind {
    /// Non-delivery, from the log.
    Flush,
    /// Delay, from the log.
    Warn,
    /// Non-delivery, from the log, one for each recipient.
    Verp([u8; 2]),
    /// Non-delivery, for this recipient, without a log.
    One(Box<(Recipient, Dsn)>),
    /// Delivery report, from the log.
    Trace,
}

/// Checks a request, and makes its texts printable; `utf8` (`smtputf8_enable`) lets UTF-8 pass. `service` is whose log
/// directory this is.
///
/// # Errors
/// The text of the warning.
pub fn check(request: Request, service: QueueDir, utf8: bool) -> Result<Wanted, String> {
    let clean = |text: &mut BString| *text = text::printable(text, utf8).into_owned().into();
    let (facts, kind) = match request {
        Request::Append(mut append) => {
            clean_recipient(&mut append.recipient, &clean);
            clean_dsn(&mut append.dsn, &clean);
            return Ok(Wanted::Append(queue_id(&append.queue_id)?, append));
        }
        Request::Flush(facts) => (facts, Kind::Flush),
        Request::Warn(facts) => (facts, Kind::Warn),
        Request::Trace(facts) => (facts, Kind::Trace),
        Request::Verp(facts, delimiters) => (facts, Kind::Verp(two_bytes(&delimiters)?)),
        Request::One(facts, mut recipient, mut dsn) => {
            if service != QueueDir::Bounce {
                return Err(format!("wrong service name \"{service}\" for one-recipient bouncing"));
            }
            clean_recipient(&mut recipient, &clean);
            clean_dsn(&mut dsn, &clean);
            (facts, Kind::One(Box::new((recipient, dsn))))
        }
        Request::Unknown(number) => return Err(format!("unknown command: {number}")),
    };
    Ok(Wanted::Notify(message(facts, &clean)?, kind))
}

fn message(mut facts: Notification, clean: &impl Fn(&mut BString)) -> Result<Message, String> {
    let queue = QueueDir::from_name(&facts.queue_name)
        .ok_or_else(|| format!("malformed queue name: {}", text::show(&facts.queue_name)))?;
    let id = queue_id(&facts.queue_id)?;
    [&mut facts.encoding, &mut facts.sender, &mut facts.envelope_id].into_iter().for_each(clean);
    Ok(Message { id, queue, facts })
}

fn queue_id(name: &BString) -> Result<QueueId, String> {
    QueueId::parse(name).ok_or_else(|| format!("malformed queue id: {}", text::show(name)))
}

fn two_bytes(delimiters: &BString) -> Result<[u8; 2], String> {
    <[u8; 2]>::try_from(delimiters.as_slice())
        .map_err(|_| format!("malformed verp delimiter string: {}", text::show(delimiters)))
}

fn clean_recipient(recipient: &mut Recipient, clean: &impl Fn(&mut BString)) {
    let Recipient { original, address, dsn_orig_rcpt, .. } = recipient;
    [original, address, dsn_orig_rcpt].into_iter().for_each(clean);
}

fn clean_dsn(dsn: &mut Dsn, clean: &impl Fn(&mut BString)) {
    let Dsn { status, diag_type, diag_text, mta_type, mta_name, action, reason } = dsn;
    [status, diag_type, diag_text, mta_type, mta_name, action, reason].into_iter().for_each(clean);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(queue_name: &str, queue_id: &str) -> Notification {
        Notification { queue_name: queue_name.into(), queue_id: queue_id.into(), ..Notification::default() }
    }

    fn refusal(request: Request) -> String {
        check(request, QueueDir::Defer, true).unwrap_err()
    }

    #[test]
    fn texts_are_made_printable() {
        let dsn = Dsn::new("5.1.1", b"a\nb\xff".as_slice());
        let append = Append { queue_id: "1".into(), dsn, ..Append::default() };
        let Ok(Wanted::Append(id, append)) = check(Request::Append(append), QueueDir::Bounce, true) else { panic!() };
        assert_eq!((id.as_str(), append.dsn.reason), ("1", "a?b?".into()));
    }

    #[test]
    fn refusals_have_their_texts() {
        assert_eq!(refusal(Request::Unknown(9)), "unknown command: 9");
        assert_eq!(refusal(Request::Flush(facts("active", "../x"))), "malformed queue id: ../x");
        assert_eq!(refusal(Request::Warn(facts("etc", "1"))), "malformed queue name: etc");
        let verp = Request::Verp(facts("active", "1"), "+".into());
        assert_eq!(refusal(verp), "malformed verp delimiter string: +");
        let one = Request::One(facts("active", "1"), Recipient::default(), Dsn::default());
        assert_eq!(refusal(one), "wrong service name \"defer\" for one-recipient bouncing");
    }
}
