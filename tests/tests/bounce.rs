//! Notifications (qmgr-bounce §10, §11, checklist §15 items 37 to 53).

use std::fs;
use std::os::unix::fs::MetadataExt;

use tests::wire::Client;
use tests::{Builder, Instance, USERS, require_instances, wait};

const SENDER: &str = USERS[0];

fn instance() -> Builder {
    Instance::builder().set(
        "transport_maps",
        "inline:{ {gone.example=error:5.7.1 go away}, {plain.example=error:go away}, {four.example=error:4.2.1 x}, \
         {later.example=retry:4.4.1 not now}, {away.example=discard:dropped here} }",
    )
}

/// A connection to one of the services, after its greeting.
fn connect(instance: &Instance, service: &str) -> Client {
    let mut client = Client::connect(&instance.path("q/private").join(service));
    assert_eq!(client.map()["protocol"], "delivery_status_protocol");
    client
}

fn append(instance: &Instance, service: &str, id: &str, notify: &str) {
    let mut client = connect(instance, service);
    client.send(&[
        ("nrequest", "0"),
        ("flags", "0"),
        ("queue_id", id),
        ("original_recipient", "orig@x.example"),
        ("recipient", "r@x.example"),
        ("offset", "300"),
        ("dsn_orig_rcpt", "rfc822;orig@x.example"),
        ("notify_flags", notify),
        ("status", "5.1.1"),
        ("diag_type", "smtp"),
        ("diag_text", "550 no"),
        ("mta_type", "dns"),
        ("mta_mname", "mx.x.example"),
        ("action", "failed"),
        ("reason", "host said: no"),
    ]);
    assert_eq!(client.map()["status"], "0");
}

fn flush(instance: &Instance, id: &str, sender: &str) -> String {
    let mut client = connect(instance, "bounce");
    client.send(&[
        ("nrequest", "1"),
        ("flags", "0"),
        ("queue_name", "active"),
        ("queue_id", id),
        ("encoding", ""),
        ("smtputf8", "0"),
        ("sender", sender),
        ("envelope_id", ""),
        ("ret_flags", "0"),
    ]);
    client.map()["status"].clone()
}

/// The notification that the sender got.
fn notification(instance: &Instance, arguments: &[&str], body: &str) -> String {
    instance.send(&[&["-f", SENDER], arguments].concat(), body);
    instance.wait_for_mail(SENDER, 1)[0].clone()
}

/// Checklist 37.
#[test]
fn a_log_has_a_record_for_each_recipient() {
    require_instances!();
    for (compatible, line) in [("yes", "<r@x.example>: host said: no\n"), ("no", "")] {
        let instance = instance().set("backwards_bounce_logfile_compatibility", compatible).start();
        append(&instance, "bounce", "123456", "4");
        let expected = format!(
            "\n{line}recipient=r@x.example\noriginal_recipient=orig@x.example\noffset=300\n\
             dsn_orig_rcpt=rfc822;orig@x.example\nnotify_flags=4\nstatus=5.1.1\naction=failed\ndiag_type=smtp\n\
             diag_text=550 no\nmta_type=dns\nmta_mname=mx.x.example\nreason=host said: no\n\n"
        );
        assert_eq!(instance.read("q/bounce/123456"), expected);
        assert_eq!(instance.path("q/bounce/123456").metadata().expect("the log").mode() & 0o777, 0o600);
    }
}

/// Checklist 38.
#[test]
fn a_failure_is_reported_to_the_sender() {
    require_instances!();
    let instance = instance().start();
    let mail = notification(&instance, &["-V", "env-1", "a@gone.example"], "Subject: original\n\nhi\n");
    let (head, body) = mail.split_once("\n\n").expect("a header");
    let names: Vec<_> = head
        .lines()
        .filter(|line| !line.starts_with(['\t', ' ']))
        .filter_map(|line| line.split_once(':'))
        .map(|(name, _)| name)
        .collect();
    let from = names.iter().position(|name| *name == "Date").expect("a date");
    assert_eq!(
        names[from..],
        [
            "Date",
            "From",
            "Subject",
            "To",
            "Auto-Submitted",
            "MIME-Version",
            "Content-Type",
            "Content-Transfer-Encoding",
            "Message-Id"
        ],
        "{head}"
    );
    for line in [
        "Return-Path: <>",
        "From: Mail Delivery System <MAILER-DAEMON@test.example.com>",
        "Subject: Undelivered Mail Returned to Sender",
        "Auto-Submitted: auto-replied",
        "Content-Type: multipart/report; report-type=delivery-status;",
    ] {
        assert!(head.lines().any(|found| found == line), "{line}\n{head}");
    }
    for text in [
        "\nThis is the mail system at host test.example.com.\n",
        "\n<a@gone.example>: go away\n",
        "\nContent-Description: Delivery report\nContent-Type: message/delivery-status\n\n\
         Reporting-MTA: dns; test.example.com\nOriginal-Envelope-Id: env-1\nX-Postfix-Queue-ID: ",
        "\nX-Postfix-Sender: rfc822; phtest1@test.example.com\n",
        "\nFinal-Recipient: rfc822; a@gone.example\nOriginal-Recipient: rfc822;a@gone.example\nAction: failed\nStatus: 5.7.1\n\
         Diagnostic-Code: X-Postfix; go away\n",
        "\nContent-Description: Undelivered Message\nContent-Type: message/rfc822\n",
        "\nSubject: original\n",
        "\n\nhi\n\n--",
    ] {
        assert!(body.contains(text), "{text}\n{body}");
    }
    instance.wait_for_log(&["postfix/bounce[", "sender non-delivery notification: "]);
    instance.wait_for_empty_queue();
    assert!(instance.queue("bounce").is_empty());
}

/// Checklist 38: an independent reader understands the notification.
#[test]
fn a_notification_is_good_mime() {
    require_instances!();
    let instance = instance().start();
    let mail = notification(&instance, &["a@gone.example"], "Subject: original\n\nhi\n");
    let mail = mail.split_once('\n').expect("lines").1;
    let parsed = mailparse::parse_mail(mail.as_bytes()).expect("a message");
    let types: Vec<_> = parsed.subparts.iter().map(|part| part.ctype.mimetype.as_str()).collect();
    assert_eq!(types, ["text/plain", "message/delivery-status", "message/rfc822"]);
}

/// Checklist 39.
#[test]
fn recipients_who_want_no_reports_get_none() {
    require_instances!();
    let instance = instance().start();
    append(&instance, "bounce", "123456", "1");
    assert_eq!(flush(&instance, "123456", "s@local.example"), "0");
    assert!(!instance.path("q/bounce/123456").exists());
    instance.send(&["-f", SENDER, "-N", "never", "a@gone.example"], "\nhi\n");
    instance.wait_for_log(&["to=<a@gone.example>", "status=bounced"]);
    instance.wait_for_empty_queue();
    assert!(instance.mailbox(SENDER).is_empty());
}

/// Checklist 40.
#[test]
fn notifications_of_notifications_are_not_sent() {
    require_instances!();
    let instance = instance().start();
    append(&instance, "bounce", "123456", "4");
    assert_eq!(flush(&instance, "123456", "double-bounce@test.example.com"), "0");
    instance.wait_for_log(&["warning: 123456: undeliverable postmaster notification discarded"]);
}

/// Requests that mean nothing.
#[test]
fn malformed_requests_are_refused() {
    require_instances!();
    let instance = instance().start();
    for (request, text) in [
        (&[("nrequest", "99")][..], "unknown command: 99"),
        (&[("nrequest", "0"), ("flags", "0"), ("queue_id", "../x")], "malformed request"),
    ] {
        let mut client = connect(&instance, "bounce");
        client.send(request);
        assert_eq!(client.map()["status"], "4294967295");
        instance.wait_for_log(&["postfix/bounce[", &format!("warning: {text}")]);
    }
}

/// Checklist 41.
#[test]
fn the_postmaster_may_want_copies() {
    require_instances!();
    let postmaster = USERS[1];
    let instance = instance().set("notify_classes", "bounce").set("bounce_notice_recipient", postmaster).start();
    notification(&instance, &["a@gone.example"], "Subject: original\n\nsecret\n");
    let mail = &instance.wait_for_mail(postmaster, 1)[0];
    assert!(mail.contains("Return-Path: <double-bounce@test.example.com>\n"), "{mail}");
    assert!(mail.contains("\nSubject: Postmaster Copy: Undelivered Mail\n"), "{mail}");
    assert!(mail.contains("\nAuto-Submitted: auto-generated\n"), "{mail}");
    assert!(mail.contains("text/rfc822-headers") && !mail.contains("secret"), "{mail}");
    assert!(!mail.contains("This is the mail system"), "{mail}");
}

/// Checklist 42.
#[test]
fn only_headers_of_big_messages_are_returned() {
    require_instances!();
    let instance = instance().set("bounce_size_limit", "1000").start();
    let body = format!("Subject: original\n\n{}", "secret line\n".repeat(500));
    let mail = notification(&instance, &["a@gone.example"], &body);
    let text = "Content-Description: Undelivered Message Headers\nContent-Type: text/rfc822-headers\n";
    assert!(mail.contains(text) && !mail.contains("secret"), "{mail}");
    assert!(mail.contains("\nSubject: original\n"), "{mail}");
}

#[test]
fn the_sender_may_ask_for_headers_only() {
    require_instances!();
    let instance = instance().start();
    let mail = notification(&instance, &["-R", "hdrs", "a@gone.example"], "Subject: original\n\nsecret\n");
    assert!(mail.contains("text/rfc822-headers") && !mail.contains("secret"), "{mail}");
}

/// Checklist 43.
#[test]
fn a_lost_original_is_said_to_be_lost() {
    require_instances!();
    let instance = instance().start();
    append(&instance, "bounce", "123456", "0");
    assert_eq!(flush(&instance, "123456", &format!("{SENDER}@local.example")), "0");
    let mail = &instance.wait_for_mail(SENDER, 1)[0];
    assert!(mail.contains("--- Undelivered message unavailable ---"), "{mail}");
    assert!(
        mail.contains("\nFinal-Recipient: rfc822; r@x.example\nOriginal-Recipient: rfc822;orig@x.example\n"),
        "{mail}"
    );
    assert!(mail.contains("\nRemote-MTA: dns; mx.x.example\nDiagnostic-Code: smtp; 550 no\n"), "{mail}");
}

/// Checklist 45.
#[test]
fn delays_are_reported_once() {
    require_instances!();
    let instance = instance().set("delay_warning_time", "1s").set("minimal_backoff_time", "1s").start();
    instance.send(&["-f", SENDER, "r@later.example"], "Subject: original\n\nsecret\n");
    wait::until("a deferred file", || (instance.queue("deferred").len() == 1).then_some(()), || instance.log());
    let flushed = || {
        instance.run("postqueue", &["-f"]);
        (!instance.mailbox(SENDER).is_empty()).then_some(())
    };
    wait::until("a warning", flushed, || instance.log());
    let mail = &instance.wait_for_mail(SENDER, 1)[0];
    assert!(mail.contains("\nSubject: Delayed Mail (still being retried)\n"), "{mail}");
    assert!(mail.contains("\nAction: delayed\nStatus: 4.4.1\n") && mail.contains("\nWill-Retry-Until: "), "{mail}");
    assert!(!mail.contains("secret"), "{mail}");
    instance.wait_for_log(&["postfix/bounce[", "sender delay notification: "]);
    // The log of the last attempt stays, for the report that may follow.
    wait::until("a defer log", || (instance.queue("defer").len() == 1).then_some(()), || instance.log());
}

/// Checklist 47.
#[test]
fn the_default_templates_can_be_shown() {
    require_instances!();
    let instance = instance().build();
    let output = instance.run("postconf", &["-b"]).success();
    assert!(output.stdout.contains("This is the mail system at host test.example.com."), "{output:?}");
    for name in ["expanded_failure_text", "expanded_delay_text", "expanded_success_text", "expanded_verify_text"] {
        assert!(output.stdout.contains(&format!("{name} = <<EOF\n")), "{output:?}");
    }
}

#[test]
fn templates_of_the_administrator_are_used() {
    require_instances!();
    let template = "failure_template = <<EOF\nCharset: us-ascii\nFrom: Robot\nSubject: It failed\n\nSorry, from $myhostname.\nEOF\n";
    let instance =
        instance().set("bounce_template_file", "{dir}/etc/bounce.cf").file("etc/bounce.cf", template).start();
    let mail = notification(&instance, &["a@gone.example"], "Subject: original\n\nhi\n");
    assert!(mail.contains("\nSubject: It failed\n") && mail.contains("\nSorry, from test.example.com.\n"), "{mail}");
}

/// Checklist 46.
#[test]
fn a_bad_template_is_not_used() {
    require_instances!();
    let template = "failure_template = <<EOF\nCharset: us-ascii\nFrom: Robot\nSubject: It failed\n\nB\u{f6}se.\nEOF\n";
    let instance =
        instance().set("bounce_template_file", "{dir}/etc/bounce.cf").file("etc/bounce.cf", template).start();
    let mail = notification(&instance, &["a@gone.example"], "Subject: original\n\nhi\n");
    assert!(mail.contains("\nSubject: Undelivered Mail Returned to Sender\n"), "{mail}");
    assert!(
        instance.log_lines("postfix/bounce[").iter().filter(|line| line.contains("warning: ")).count() >= 3,
        "{}",
        instance.log()
    );
}

/// Checklist 51 to 53.
#[test]
fn error_and_discard_do_what_their_next_hop_says() {
    require_instances!();
    let instance = instance().start();
    instance.send(&["-f", "", "a@gone.example", "b@plain.example", "c@four.example", "d@away.example"], "\nhi\n");
    for texts in [
        ["to=<a@gone.example>", "dsn=5.7.1, status=bounced (go away)"],
        ["to=<b@plain.example>", "dsn=5.0.0, status=bounced (go away)"],
        ["to=<c@four.example>", "dsn=5.0.0, status=bounced (x)"],
        ["to=<d@away.example>", "relay=none, "],
        ["to=<d@away.example>", "dsn=2.0.0, status=sent (dropped here)"],
    ] {
        instance.wait_for_log(&texts);
    }
    instance.wait_for_log(&["postfix/error[", "warning: bounce_append: ignoring dsn code \"4.2.1\""]);
    instance.wait_for_empty_queue();
}

/// Checklist 48.
#[test]
fn mail_stays_when_no_notification_can_be_made() {
    require_instances!();
    let instance = instance().start();
    instance.send(&["-f", SENDER, "r@later.example"], "\nhi\n");
    wait::until("a deferred file", || (instance.queue("deferred").len() == 1).then_some(()), || instance.log());
    let id = instance.only_id("deferred");
    // From now on nobody takes new mail.
    fs::remove_file(instance.path("q/public/cleanup")).expect("the socket");
    let main_cf =
        instance.read("etc/main.cf").replace("later.example=retry:4.4.1 not now", "later.example=error:5.4.4 never");
    instance.write("etc/main.cf", main_cf);
    let pid = instance.master_pid().expect("a master");
    let before = instance.log_lines("reload -- version").len();
    let text = instance.read("etc/master.cf");
    let without: String =
        text.lines().filter(|line| !line.starts_with("cleanup ")).map(|line| format!("{line}\n")).collect();
    instance.write("etc/master.cf", without);
    sys::signal::send(pid, sys::signal::Signal::SIGHUP).expect("a signal");
    let reloaded = || (instance.log_lines("reload -- version").len() > before).then_some(());
    wait::until("a reload", reloaded, || instance.log());
    // A queue manager that is about to make room for its successor may take the request along.
    let deferred = || {
        instance.run("postqueue", &["-f"]);
        instance.log_lines("status=deferred (bounce failed)").iter().any(|line| line.contains(&id)).then_some(())
    };
    wait::until("a delivery attempt", deferred, || instance.log());
    assert!(instance.path("q/bounce").join(&id).exists());
}

/// Checklist 49.
#[test]
fn internationalized_mail_comes_back_as_such() {
    require_instances!();
    let instance = instance().set("smtputf8_enable", "yes").start();
    let mail = notification(&instance, &["\u{e4}@gone.example"], "Subject: \u{e4}\n\nhi\n");
    for text in ["\nContent-Type: message/global-delivery-status\n", "\nContent-Type: message/global\n"] {
        assert!(mail.contains(text), "{text}\n{mail}");
    }
    assert!(mail.contains("\nFinal-Recipient: utf-8; \u{e4}@gone.example\n"), "{mail}");
}

/// Checklist 50.
#[test]
fn a_request_that_must_be_clean_leaves_no_log() {
    require_instances!();
    let instance = instance().start();
    append(&instance, "bounce", "123456", "4");
    // Nobody takes the notification.
    fs::remove_file(instance.path("q/public/cleanup")).expect("the socket");
    let mut client = connect(&instance, "bounce");
    client.send(&[
        ("nrequest", "1"),
        ("flags", "1"),
        ("queue_name", "active"),
        ("queue_id", "123456"),
        ("encoding", ""),
        ("smtputf8", "0"),
        ("sender", "s@local.example"),
        ("envelope_id", ""),
        ("ret_flags", "0"),
    ]);
    assert_ne!(client.map()["status"], "0");
    let removed = || (!instance.path("q/bounce/123456").exists()).then_some(());
    wait::until("the end of the log", removed, || instance.log());
}
