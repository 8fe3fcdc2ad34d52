use bstr::ByteSlice;
use text::date::from_seconds;

use super::*;
use crate::template::{FromFormat, Source, Templates};

/// Collects lines.
#[derive(Default)]
pub struct Lines(pub Vec<BString>);

impl Output for Lines {
    fn put(&mut self, _record_type: RecordType, payload: &[u8]) {
        self.0.push(payload.into());
    }
}

fn entry() -> LogEntry {
    LogEntry {
        recipient: "bob@example.com".into(),
        dsn_original_recipient: "rfc822;bob@example.com".into(),
        status: "5.1.1".into(),
        action: "failed".into(),
        diagnostic_type: "smtp".into(),
        diagnostic_text: "550 5.1.1 <bob@example.com>: Recipient address rejected: User unknown".into(),
        mta_type: "dns".into(),
        mta_name: "mx.example.com".into(),
        reason: "host mx.example.com[192.0.2.7] said: 550 5.1.1 <bob@example.com>: Recipient address rejected: \
            User unknown (in reply to RCPT TO command)"
            .into(),
        ..LogEntry::default()
    }
}

/// The facts that a test may want to change.
struct Case {
    class: Class,
    entries: Vec<LogEntry>,
    encoding: Option<Encoding>,
    smtputf8: i32,
    envelope_id: &'static str,
    sender: &'static str,
    message_id: Option<&'static str>,
    is_available: bool,
    postmaster: bool,
    headers_only: bool,
    has_log: bool,
}

impl Default for Case {
    fn default() -> Self {
        Case {
            class: Class::Failure,
            entries: vec![entry()],
            encoding: Some(Encoding::EightBit),
            smtputf8: 0,
            envelope_id: "",
            sender: "alice@example.org",
            message_id: None,
            is_available: true,
            postmaster: false,
            headers_only: false,
            has_log: true,
        }
    }
}

impl Case {
    fn text(&self) -> String {
        let id = QueueId::parse("3F9A2C01B7").unwrap();
        let system = System {
            myhostname: "mail.example.org".into(),
            mail_name: "Post fix".into(),
            lifetime: Duration::from_secs(5 * 86_400),
        };
        let subject = Subject {
            queue_id: &id,
            encoding: self.encoding,
            smtputf8: self.smtputf8,
            envelope_id: self.envelope_id.into(),
            sender: self.is_available.then_some(self.sender.into()),
            arrival: self.is_available.then(|| from_seconds(1_699_524_004)),
            message_id: self.message_id.map(Into::into),
            is_available: self.is_available,
            tls_not_required: false,
        };
        let templates = Templates::new(Source::default(), FromFormat::Standard);
        let text = ["Hello, sender!".into()];
        let entries: Vec<&LogEntry> = self.entries.iter().collect();
        let notification = Notification {
            system: &system,
            subject: &subject,
            template: templates.get(self.class),
            text: (!self.postmaster).then_some(&text),
            recipient: "alice@example.org".into(),
            report: if self.has_log { Report::Recipients(&entries) } else { Report::Unavailable },
            headers_only: self.headers_only,
            now: from_seconds(1_699_524_005),
        };
        let mut out = Lines::default();
        write_report(&notification, &mut out);
        if self.is_available {
            out.line(&[b"Subject: original"]);
            out.line(&[]);
            out.line(&["\u{fc}ber".as_bytes()]);
        }
        write_end(&notification, &mut out);
        bstr::join("\n", out.0).to_str().unwrap().to_owned() + "\n"
    }
}

fn with_local_dates(text: &str) -> String {
    text.replace("ARRIVAL", &text::date::header_date(from_seconds(1_699_524_004)))
        .replace("LIMIT", &text::date::header_date(from_seconds(1_699_524_004 + 5 * 86_400)))
}

#[test]
fn the_complete_example_of_the_specification() {
    let expected = "\
From: Mail Delivery System <MAILER-DAEMON>
Subject: Undelivered Mail Returned to Sender
To: alice@example.org
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary=\"3F9A2C01B7.1699524005/mail.example.org\"
Content-Transfer-Encoding: 8bit

This is a MIME-encapsulated message.

--3F9A2C01B7.1699524005/mail.example.org
Content-Description: Notification
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

Hello, sender!

<bob@example.com>: host mx.example.com[192.0.2.7] said: 550 5.1.1
    <bob@example.com>: Recipient address rejected: User unknown (in reply to
    RCPT TO command)

--3F9A2C01B7.1699524005/mail.example.org
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.org
X-Post-fix-Queue-ID: 3F9A2C01B7
X-Post-fix-Sender: rfc822; alice@example.org
Arrival-Date: ARRIVAL

Final-Recipient: rfc822; bob@example.com
Original-Recipient: rfc822;bob@example.com
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.example.com
Diagnostic-Code: smtp; 550 5.1.1 <bob@example.com>: Recipient address rejected:
    User unknown

--3F9A2C01B7.1699524005/mail.example.org
Content-Description: Undelivered Message
Content-Type: message/rfc822
Content-Transfer-Encoding: 8bit

Return-Path: <alice@example.org>
Subject: original

\u{fc}ber

--3F9A2C01B7.1699524005/mail.example.org--
";
    assert_eq!(Case::default().text(), with_local_dates(expected));
}

#[test]
fn a_delay_notification_says_until_when() {
    let waiting = LogEntry {
        recipient: "\u{fc}@example.com".into(),
        original_recipient: "list@example.org".into(),
        status: "4.4.1".into(),
        action: "delayed".into(),
        reason: "no answer".into(),
        ..LogEntry::default()
    };
    let case = Case { class: Class::Delay, entries: vec![waiting], smtputf8: 1, headers_only: true, ..Case::default() };
    let text = case.text();
    let expected = "\
Final-Recipient: utf-8; \u{fc}@example.com
Original-Recipient: rfc822; list@example.org
Action: delayed
Status: 4.4.1
Diagnostic-Code: X-Post-fix; no answer
Will-Retry-Until: LIMIT
";
    assert!(text.contains(&with_local_dates(expected)), "{text}");
    assert!(text.contains("\n\n<\u{fc}@example.com> (expanded from <list@example.org>): no answer\n"), "{text}");
    let part = "Content-Type: message/global-delivery-status\nContent-Transfer-Encoding: 8bit\n\nReporting-MTA: dns;";
    assert!(text.contains(part), "{text}");
    let part = "Content-Description: Undelivered Message Headers\nContent-Type: message/global-headers\n";
    assert!(text.contains(part), "{text}");
}

#[test]
fn the_postmaster_gets_no_boilerplate() {
    let text = Case { postmaster: true, encoding: None, envelope_id: "e1", ..Case::default() }.text();
    assert!(text.contains("Subject: Postmaster Copy: Undelivered Mail\n"), "{text}");
    assert!(text.contains("Auto-Submitted: auto-generated\n"), "{text}");
    assert!(text.contains("Content-Type: text/plain; charset=us-ascii\n\n\n<bob@example.com>: "), "{text}");
    assert!(text.contains("Original-Envelope-Id: e1\nX-Post-fix-Queue-ID"), "{text}");
    assert!(!text.contains("Content-Transfer-Encoding"), "{text}");
}

#[test]
fn what_is_gone_is_said_to_be_unavailable() {
    let text = Case { is_available: false, has_log: false, ..Case::default() }.text();
    assert!(text.contains("Hello, sender!\n\n\t--- Delivery report unavailable ---\n\n--"), "{text}");
    assert!(text.ends_with("Content-Transfer-Encoding: 8bit\n\n\t--- Undelivered message unavailable ---\n"), "{text}");
    assert!(!text.contains("Arrival-Date") && !text.contains("Sender:"), "{text}");
}

#[test]
fn seven_bit_mail_has_a_header_that_says_so() {
    let text = Case { encoding: Some(Encoding::SevenBit), message_id: Some("<x@y>"), ..Case::default() }.text();
    assert_eq!(text.matches("Content-Transfer-Encoding: 7bit\n").count(), 1, "{text}");
    assert!(text.contains("To: alice@example.org\nReferences: <x@y>\nIn-Reply-To: <x@y>\nAuto-Submitted:"), "{text}");
    assert!(text.contains("charset=us-ascii\n"), "{text}");
}

#[test]
fn another_program_reads_it_as_a_report() {
    for class in Class::ALL {
        let text = Case { class, ..Case::default() }.text();
        let mail = mailparse::parse_mail(text.as_bytes()).unwrap();
        assert_eq!(mail.ctype.mimetype, "multipart/report");
        assert_eq!(mail.ctype.params["report-type"], "delivery-status");
        let types: Vec<&str> = mail.subparts.iter().map(|part| part.ctype.mimetype.as_str()).collect();
        assert_eq!(types, ["text/plain", "message/delivery-status", "message/rfc822"]);
        assert!(mail.subparts[0].get_body().unwrap().starts_with("Hello, sender!"));
        let report = mail.subparts[1].get_body_raw().unwrap();
        let (fields, end) = mailparse::parse_headers(&report).unwrap();
        assert_eq!(fields[0].get_key(), "Reporting-MTA");
        let (fields, _) = mailparse::parse_headers(&report[end..]).unwrap();
        let status = fields.iter().find(|field| field.get_key_ref().eq_ignore_ascii_case("status")).unwrap();
        assert_eq!(status.get_value(), "5.1.1");
        let original = mailparse::parse_mail(mail.subparts[2].raw_bytes.splitn_str(2, "\n\n").nth(1).unwrap()).unwrap();
        let original_id = original.headers.iter().map(|header| header.get_key()).collect::<Vec<_>>();
        assert_eq!(original_id, ["Return-Path", "Subject"]);
    }
}
