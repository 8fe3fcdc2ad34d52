//! Notices to the postmaster about servers that do not behave (smtp-client §16).

use std::time::SystemTime;

use bstr::BString;
use post::{NoticeClass, Posting};
use queue::RecordType;

use crate::delivery::Delivery;
use crate::session::Session;

/// Sends a transcript of a session, if something went wrong that the postmaster wants to know.
pub fn send(delivery: &Delivery<'_, '_>, session: &Session) {
    let settings = &delivery.site.settings;
    let is_wanted = (session.errors.protocol && settings.notices.contains(NoticeClass::Protocol))
        || (session.errors.data && settings.notices.contains(NoticeClass::Data));
    if !is_wanted || session.transcript.is_empty() || is_notice(delivery) {
        return;
    }
    let sender = [settings.double_bounce_sender.as_slice(), b"@", &settings.myhostname].concat();
    if let Err(error) = post(delivery, session, &sender) {
        log::warn!("postmaster notify: {error}");
    }
}

/// Whether the message itself must not cause another: it has no sender, or is a notice.
fn is_notice(delivery: &Delivery<'_, '_>) -> bool {
    let sender = &delivery.job.request.sender;
    let (local, _) = text::address::split_domain(sender);
    sender.is_empty() || local.eq_ignore_ascii_case(&delivery.site.settings.double_bounce_sender)
}

fn post(delivery: &Delivery<'_, '_>, session: &Session, sender: &[u8]) -> Result<(), String> {
    let settings = &delivery.site.settings;
    let config = delivery.config;
    let flags = post::internal_flags(config, post::Class::Notify);
    let mut posting = Posting::open(config, flags).map_err(|error| error.to_string())?;
    posting.begin_letter(config, sender, &settings.error_notice_recipient, SystemTime::now());
    for line in text(delivery, session) {
        posting.text(&line);
    }
    posting.put(RecordType::EXTRACTED, b"");
    posting.put(RecordType::END, b"");
    let reply = posting.finish();
    if reply.status == 0 { Ok(()) } else { Err(format!("cleanup status {}", reply.status)) }
}

fn text(delivery: &Delivery<'_, '_>, session: &Session) -> Vec<BString> {
    let settings = &delivery.site.settings;
    let peer = session.peer.to_string();
    let host = text::show(&settings.myhostname);
    let recipient = text::show(&settings.error_notice_recipient);
    let product = format!("{} {} client", text::show(&settings.mail_name), delivery.site.mode.pick("SMTP", "LMTP"));
    let (from, to) = match settings.standard_from_format {
        true => (format!("From: Mail Delivery System <MAILER-DAEMON@{host}>"), format!("To: Postmaster <{recipient}>")),
        false => {
            (format!("From: MAILER-DAEMON@{host} (Mail Delivery System)"), format!("To: {recipient} (Postmaster)"))
        }
    };
    let mut lines: Vec<BString> = vec![
        from.into(),
        to.into(),
        format!("Subject: {product}: errors from {peer}").into(),
        "".into(),
        format!("Unexpected response from {peer}.").into(),
        "".into(),
        "Transcript of session follows.".into(),
        "".into(),
    ];
    lines.extend(session.transcript.lines());
    lines.extend(["".into(), "For other details, see the local mail logfile".into()]);
    lines
}
