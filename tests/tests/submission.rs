//! Mail from this machine: sendmail, postdrop, pickup (queue-files §9 to §11, checklist §17).

use std::fs;

use tests::records::{self, record};
use tests::{Instance, Output, USERS, require_instances, wait};

const USER: &str = USERS[0];

/// The records of the only file in maildrop, in an instance that does not run.
fn maildrop(instance: &Instance) -> Vec<String> {
    let files = instance.queue("maildrop");
    assert_eq!(files.len(), 1, "{files:?}");
    let texts = records::texts(&fs::read(&files[0]).expect("the file"));
    fs::remove_file(&files[0]).expect("the file");
    texts
}

/// What of the records is message content.
fn content(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).skip_while(|text| *text != "M ").skip(1).take_while(|text| *text != "X ").collect()
}

#[test]
fn a_message_is_delivered_and_leaves_nothing_behind() {
    require_instances!();
    let instance = Instance::builder().start();
    instance.send(&[USER], "Subject: hello\n\nhi\n");
    let mail = &instance.wait_for_mail(USER, 1)[0];
    assert!(mail.contains("Subject: hello\n") && mail.ends_with("\nhi\n\n"), "{mail}");
    assert!(mail.contains(&format!("Delivered-To: {USER}@test.example.com\n")), "{mail}");
    instance.wait_for_log(&["postfix/qmgr[", ": removed"]);
    instance.wait_for_empty_queue();
}

/// Checklist 24.
#[test]
fn no_recipients_in_the_header_is_fatal() {
    require_instances!();
    let instance = Instance::builder().start();
    let output = instance.run_with("sendmail", &["-t"], "Subject: x\n\nhi\n");
    assert_eq!(output.status, 75);
    assert!(output.stderr.contains("No recipient addresses found in message header"), "{output:?}");
    assert!(instance.queue("maildrop").is_empty());
}

/// Checklist 25.
#[test]
fn a_lone_dot_ends_the_message_unless_i_is_given() {
    require_instances!();
    let instance = Instance::builder().start();
    instance.send(&[USER], "\na\n.\nb\n");
    assert!(instance.wait_for_mail(USER, 1)[0].ends_with("\n\na\n\n"));
    instance.send(&["-i", USER], "\na\n.\nb\n");
    assert!(instance.wait_for_mail(USER, 2)[1].ends_with("\n\na\n.\nb\n\n"));
}

/// Checklist 26.
#[test]
fn from_lines_at_the_start_are_removed() {
    require_instances!();
    let instance = Instance::builder().build();
    instance.send(&[USER], "From x\nFrom y z\n>From z\nSubject: x\n\nFrom here\n");
    assert_eq!(content(&maildrop(&instance)), ["N Subject: x", "N ", "N From here"]);
}

/// Checklist 27.
#[test]
fn carriage_returns_at_line_ends_go_unless_they_shall_stay() {
    require_instances!();
    let cases = [
        ("always", "N Subject: x", "N hi", "N mixed"),
        ("never", "N Subject: x\r", "N hi\r\r", "N mixed"),
        ("strict", "N Subject: x", "N hi", "N mixed"),
    ];
    for (setting, subject, hi, mixed) in cases {
        let instance = Instance::builder().set("sendmail_fix_line_endings", setting).build();
        instance.send(&[USER], "Subject: x\r\n\nhi\r\r\nmixed\n");
        assert_eq!(content(&maildrop(&instance)), [subject, "N ", hi, mixed], "{setting}");
    }
}

/// Checklist 28.
#[test]
fn a_last_line_without_end_stays_without() {
    require_instances!();
    let instance = Instance::builder().build();
    instance.send(&[USER], "\na\nb");
    assert_eq!(content(&maildrop(&instance)), ["N ", "N a", "L b"]);
}

/// Checklist 29.
#[test]
fn verification_sends_a_report_and_no_mail() {
    require_instances!();
    let instance = Instance::builder().build();
    let output = instance.run_with("sendmail", &["-bv", "-f", "s@x.example", "bob"], "ignored\n").success();
    assert_eq!(output.stdout, "Mail Delivery Status Report will be mailed to <s@x.example>.\n");
    let texts = maildrop(&instance);
    assert!(texts.contains(&"A trace_flags=512".to_owned()), "{texts:?}");
    assert_eq!(content(&texts), ["N From: s@x.example", "N Subject: probe", "L To:", "N \tbob"]);
}

/// Checklist 30.
#[test]
fn one_v_asks_for_a_report_and_two_for_talk() {
    require_instances!();
    let instance = Instance::builder().build();
    instance.send(&["-v", "bob"], "\nhi\n");
    assert!(maildrop(&instance).contains(&"A trace_flags=1024".to_owned()));
    instance.send(&["-v", "-v", "bob"], "\nhi\n");
    assert!(!maildrop(&instance).iter().any(|text| text.starts_with("A trace_flags")));
}

/// Checklist 31.
#[test]
fn options_of_sendmail_mean_what_they_mean_to_scripts() {
    require_instances!();
    let instance = Instance::builder().build();
    for arguments in [&["-q5m"][..], &["-bh"], &["-bH"], &["-q5m", "bob"]] {
        let output = instance.run_with("sendmail", arguments, "\nhi\n").success();
        assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", ""), "{arguments:?}");
    }
    let cases: [(&[&str], &str); 12] = [
        (&["-qf"], "-qf is not implemented"),
        (&["-n", "bob"], "-n option not supported"),
        (&["-bx"], "unsupported: -bx"),
        (&["-Xy", "bob"], "unsupported: -Xy"),
        (&["-B", "9BIT", "bob"], "-B option needs 8BITMIME or 7BIT"),
        (&["-bp", "bob"], "display queue mode requires no recipient"),
        (&["-bv", "-t", "bob"], "-t option cannot be used with -bv"),
        (&["-bv", "-N", "never", "bob"], "-N option cannot be used with -bv"),
        (&["-qRx", "bob"], "flush site requires no recipient"),
        (&["-qR"], "specify: -qRsitename"),
        (&["-bi", "bob"], "alias initialization mode requires no recipient"),
        (&["-Z"], "usage: sendmail [options]"),
    ];
    for (arguments, text) in cases {
        let output = instance.run_with("sendmail", arguments, "\nhi\n");
        assert_eq!(output.status, 75, "{arguments:?} {output:?}");
        assert!(output.stderr.contains(&format!("sendmail: fatal: {text}")), "{arguments:?} {output:?}");
    }
    assert!(instance.queue("maildrop").is_empty());
}

/// Checklist 32.
#[test]
fn a_recipient_argument_may_be_a_list() {
    require_instances!();
    let instance = Instance::builder().build();
    instance.send(&["A <a@x>, b@y", "(c) \"d e\"@z"], "\nhi\n");
    let texts = maildrop(&instance);
    let recipients: Vec<_> = texts.iter().filter(|text| text.starts_with("R ")).collect();
    assert_eq!(recipients, ["R a@x", "R b@y", "R d e@z"]);
}

#[test]
fn recipients_in_headers_add_to_those_of_the_command_line() {
    require_instances!();
    let instance = Instance::builder().build();
    instance.send(&["-t", "more@x"], "To: a@x,\n b@x\nBcc: (hidden) C <c@x>\nSubject: x\n\nTo: no@x\n");
    let texts = maildrop(&instance);
    let recipients: Vec<_> = texts.iter().filter(|text| text.starts_with("R ")).collect();
    assert_eq!(recipients, ["R more@x", "R a@x", "R b@x", "R c@x"]);
    assert_eq!(content(&texts)[..2], ["N To: a@x,", "N  b@x"]);
    instance.send(&["-t"], "To: a@x\nResent-To: b@x\nCc: c@x\n\n");
    let texts = maildrop(&instance);
    let recipients: Vec<_> = texts.iter().filter(|text| text.starts_with("R ")).collect();
    assert_eq!(recipients, ["R b@x"]);
}

#[test]
fn envelope_options_become_records() {
    require_instances!();
    let instance = Instance::builder().build();
    let options =
        ["-F", "Full Name", "-f", "s@x", "-B", "8BITMIME", "-N", "delay,failure", "-R", "hdrs", "-V", "env-1"];
    instance.send(&[&options[..], &["-XV", "-G", "bob"]].concat(), "\nhi\n");
    let texts = maildrop(&instance);
    let expected = [
        "F Full Name",
        "S s@x",
        "A encoding=8bit",
        "A notify_flags=12",
        "A ret_flags=2",
        "A envelope_id=env-1",
        "A rewrite_context=remote",
        "V +=",
    ];
    for text in expected {
        assert!(texts.contains(&text.to_owned()), "{text}: {texts:?}");
    }
}

/// Feeds postdrop with records of an envelope, and a whole message if `end`.
fn postdrop(instance: &Instance, envelope: &[(u8, &str)], end: bool) -> Output {
    let mut bytes: Vec<u8> = envelope.iter().flat_map(|(kind, payload)| record(*kind, payload)).collect();
    if end {
        for (kind, payload) in [(b'M', ""), (b'N', "Subject: x"), (b'X', ""), (b'E', "")] {
            bytes.extend(record(kind, payload));
        }
    }
    instance.run_with("postdrop", &[], bytes)
}

/// Checklist 33 to 35.
#[test]
fn postdrop_judges_what_it_is_given() {
    require_instances!();
    let instance = Instance::builder().build();
    let output = postdrop(&instance, &[(b'T', "1 2"), (b'S', "s@x"), (b'R', "r@x")], true);
    assert_eq!(output.status, 1);
    assert!(output.stderr.contains("postdrop: fatal: uid=0: unexpected record type: 84\n"), "{output:?}");
    assert!(instance.queue("maildrop").is_empty());
    let output = postdrop(&instance, &[(b'A', "client_name=x"), (b'S', "s@x"), (b'R', "r@x")], true).success();
    let warning = "postdrop: warning: uid=0: ignoring attribute record: client_name=x\n";
    assert!(output.stderr.starts_with(warning), "{output:?}");
    assert!(output.stdout.ends_with("\0\0status\u{0}0\0reason\0\0\0"), "{output:?}");
    let texts = maildrop(&instance);
    assert!(texts[0].starts_with("T ") && !texts.iter().any(|text| text.contains("client_name")), "{texts:?}");
    let output = postdrop(&instance, &[(b'S', "s@x"), (b'R', "r@x")], false).success();
    assert!(output.stdout.ends_with("\0\0") && !output.stdout.contains("status"), "{output:?}");
    assert!(instance.queue("maildrop").is_empty());
    let output = instance.run_with("postdrop", &[], b"S\xff\xff\xff\xff\xff\xff");
    assert_eq!(output.status, 1);
    assert!(output.stderr.contains("postdrop: fatal: uid=0: malformed input\n"), "{output:?}");
}

/// Checklist 36.
#[test]
fn a_message_that_is_too_big_is_refused() {
    require_instances!();
    let instance = Instance::builder().set("message_size_limit", "20000").set("mailbox_size_limit", "0").build();
    let output = instance.run_with("sendmail", &[USER], format!("Subject: x\n\n{}", "line of text\n".repeat(5000)));
    assert_eq!(output.status, 75);
    assert!(output.stderr.contains("postdrop: warning: uid=0: File too large\n"), "{output:?}");
    assert!(output.stderr.contains("sendmail: fatal: root(0): message file too big\n"), "{output:?}");
    assert!(instance.queue("maildrop").is_empty());
}

#[test]
fn some_users_may_not_submit_mail() {
    require_instances!();
    let instance = Instance::builder().set("authorized_submit_users", "!root, static:all").build();
    let output = instance.run_with("sendmail", &[USER], "\nhi\n");
    assert_eq!(output.status, 75);
    assert!(output.stderr.contains("sendmail: fatal: User root(0) is not allowed to submit mail\n"), "{output:?}");
}

/// Checklist 37.
#[test]
fn what_cleanup_cannot_take_stays_where_it_is() {
    require_instances!();
    let instance = Instance::builder().set("canonical_maps", "fail:x").start();
    instance.send(&[USER], "Subject: x\n\nhi\n");
    let id = instance.only_id("maildrop");
    let line = instance.wait_for_log(&[
        "postfix/pickup[",
        &format!("warning: maildrop/{id}: error writing "),
        ": queue file write error",
    ]);
    let new = line.split("error writing ").nth(1).and_then(|text| text.split(':').next()).expect("a queue ID");
    instance.wait_for_log(&[&format!("warning: {new}: canonical_maps map lookup problem for ")]);
    assert_eq!(instance.only_id("maildrop"), id);
    assert!(instance.queue("incoming").is_empty());
}

/// Checklist 38.
#[test]
fn a_requeued_message_keeps_track_of_who_has_it() {
    require_instances!();
    let instance = Instance::builder().set("transport_maps", "inline:{ {later.example=retry:4.4.1 not now} }").start();
    instance.send(&["-f", "s@x.example", USER, "r@later.example"], "Subject: x\n\nhi\n");
    instance.wait_for_mail(USER, 1);
    wait::until("a deferred file", || (instance.queue("deferred").len() == 1).then_some(()), || instance.log());
    let old = instance.only_id("deferred");
    instance.run("postsuper", &["-r", &old]).success();
    instance.run("postkick", &["public", "pickup", "W"]);
    instance.wait_for_log(&["postfix/pickup[", "uid=", &format!("from=<s@x.example> orig_id={old}")]);
    let one = || instance.queue("deferred").len() == 1 && !instance.only_id("deferred").eq(&old);
    wait::until("a new file", || one().then_some(()), || instance.log());
    assert_eq!(instance.mailbox(USER).len(), 1);
    assert_eq!(instance.log_lines("nrcpt=1 (queue active)").len(), 1, "{}", instance.log());
}

/// Checklist 39.
#[test]
fn a_content_filter_stands_first() {
    require_instances!();
    let instance = Instance::builder().set("content_filter", "retry:4.4.1 not now").start();
    instance.send(&["-f", "s@x.example", USER], "Subject: x\n\nhi\n");
    wait::until("a deferred file", || (instance.queue("deferred").len() == 1).then_some(()), || instance.log());
    let texts = records::texts(&fs::read(&instance.queue("deferred")[0]).expect("the file"));
    assert_eq!(texts[1], "L retry:4.4.1 not now");
    instance.wait_for_log(&["status=deferred (not now)"]);
}

#[test]
fn pickup_passes_over_what_is_no_message() {
    require_instances!();
    let instance = Instance::builder().start();
    let (bad, _) = instance.place("maildrop", b"Tjunk", 0o744);
    let (link, _) = instance.place("maildrop", &records::message("s@x", &[USER], 0), 0o600);
    instance.run("postkick", &["public", "pickup", "W"]);
    instance.wait_for_log(&["postfix/pickup[", "warning: ", "unexpected or malformed record type"]);
    wait::until("a removal", || (!instance.path("q/maildrop").join(&bad).exists()).then_some(()), || instance.log());
    assert!(instance.path("q/maildrop").join(&link).exists());
}
