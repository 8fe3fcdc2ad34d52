//! Checks of headers and bodies, and MIME (cleanup-rewrite §15, §16, checklist §24 items 47 to 57).

use tests::session::{REMOTE, content, instance};
use tests::{Instance, USERS, require_instances};

/// Checklist 47, 48, 50, 56 and 57.
#[test]
fn header_checks_decide() {
    require_instances!();
    let checks = "/^Subject: one/ REJECT 4.7.1 later\n/^Subject: two/ REJECT later\n/^Subject: folded.\ttext$/ REJECT 5.1.9 folded\n\
                  /^X-Drop:/ IGNORE\n/^Subject: hold/ HOLD\n/^Subject: discard/ DISCARD\n/^Subject: old/ REPLACE Subject: new\n\
                  /^X-Pre:/ PREPEND X-First: yes\n/^Subject: warn/ WARN beware\n/^Subject: filter/ FILTER x:y\n\
                  /^Subject: redirect/ REDIRECT other@x.example\n";
    let instance =
        instance().set("header_checks", "regexp:{dir}/etc/header_checks").file("etc/header_checks", checks).start();
    let with = |lines: &[&str]| content(&instance, REMOTE, &[lines, &["", "x"]].concat());
    let outcome = with(&["Subject: one"]);
    assert_eq!((outcome.status, outcome.reason.as_str()), (256, "4.7.1 later"));
    instance.wait_for_log(&[
        &outcome.id,
        "reject: header Subject: one from ",
        "from=<s@x.example> to=<bob@example.com>",
        ": 4.7.1 later",
    ]);
    let outcome = with(&["Subject: two"]);
    assert_eq!((outcome.status, outcome.reason.as_str()), (8, "5.7.1 later"));
    assert_eq!(with(&["Subject: folded", "\ttext"]).reason, "5.1.9 folded");
    assert_eq!(with(&["X-Drop: x", "Subject: x"]).content(), ["Subject: x", "", "x"]);
    assert_eq!(with(&["Subject: old"]).content(), ["Subject: new", "", "x"]);
    assert_eq!(with(&["X-Pre: 1"]).content(), ["X-First: yes", "X-Pre: 1", "", "x"]);
    assert_eq!(with(&["Subject: filter"]).starting_with("L "), ["L x:y"]);
    assert_eq!(with(&["Subject: redirect"]).starting_with("> "), ["> other@x.example"]);
    let outcome = with(&["Subject: warn"]);
    instance.wait_for_log(&[&outcome.id, "warning: header Subject: warn from ", ": beware"]);
    let outcome = with(&["Subject: hold"]);
    assert_eq!((outcome.status, outcome.records.len()), (0, 0));
    assert_eq!(instance.only_id("hold"), outcome.id);
    let outcome = with(&["Subject: discard"]);
    assert_eq!((outcome.status, outcome.records.len()), (0, 0));
    instance.wait_for_log(&[&outcome.id, "discard: header Subject: discard from "]);
}

/// Checklist 51.
#[test]
fn body_checks_look_at_the_beginning_only() {
    require_instances!();
    for (limit, status) in [("10", 0), ("11", 8)] {
        let instance = instance()
            .set("body_checks", "regexp:{dir}/etc/body_checks")
            .set("body_checks_size_limit", limit)
            .file("etc/body_checks", "/^abc/ REJECT no\n")
            .start();
        let outcome = content(&instance, REMOTE, &["Subject: x", "", "12345678", "abc"]);
        assert_eq!(outcome.status, status, "{limit} {outcome:?}");
    }
}

/// Checklist 52.
#[test]
fn headers_of_parts_have_their_own_checks() {
    require_instances!();
    let instance = instance()
        .set("header_checks", "regexp:{dir}/etc/header_checks")
        .set("mime_header_checks", "regexp:{dir}/etc/mime_checks")
        .file("etc/header_checks", "/^Content-Type: text.html/ REJECT header\n")
        .file("etc/mime_checks", "/^Content-Type: text.html/ REJECT mime\n/^Subject/ REJECT never\n")
        .start();
    let lines = [
        "MIME-Version: 1.0",
        "Content-Type: multipart/mixed; boundary=b",
        "Subject: x",
        "",
        "--b",
        "Content-Type: text/html",
        "",
        "x",
        "--b--",
    ];
    assert_eq!(content(&instance, REMOTE, &lines).reason, "5.7.1 mime");
}

/// Checklist 53 to 55.
#[test]
fn bytes_that_should_not_be_there() {
    require_instances!();
    let strip = instance().set("message_strip_characters", "\\0").start();
    assert_eq!(content(&strip, REMOTE, &["Subject: x", "", "a\0b"]).content(), ["Subject: x", "", "ab"]);
    let reject = instance().set("message_reject_characters", "\\0").start();
    let outcome = content(&reject, REMOTE, &["Subject: x", "", "a\0b"]);
    assert_eq!((outcome.status, outcome.reason.as_str()), (8, "5.7.1 disallowed character"));
    let strict = instance().set("strict_7bit_headers", "yes").start();
    let outcome = content(&strict, REMOTE, &["Subject: \u{e4}", "", "x"]);
    assert_eq!((outcome.status, outcome.reason.as_str()), (8, "5.6.0 improper use of 8-bit data in message header"));
    strict.wait_for_log(&[&outcome.id, "reject: mime-error improper use of 8-bit data in message header: "]);
    let outcome = content(&strict, REMOTE, &["MIME-Version: 1.0", "Content-Transfer-Encoding: 8bit", "", "x"]);
    let at = outcome.records.iter().position(|text| text == "X ").expect("the end of the content");
    assert_eq!(outcome.records[at + 1], "A encoding=8bit");
}

/// Checklist 49.
#[test]
fn a_refused_message_goes_back_to_a_local_sender() {
    require_instances!();
    let instance = Instance::builder()
        .set("header_checks", "regexp:{dir}/etc/header_checks")
        .file("etc/header_checks", "/^Subject: no/ REJECT unwanted\n")
        .start();
    instance.send(&["-f", USERS[0], "nobody@far.example"], "Subject: no\n\nsecret text\n");
    let mail = &instance.wait_for_mail(USERS[0], 1)[0];
    assert!(mail.contains("Subject: no") && !mail.contains("secret text"), "{mail}");
    assert!(mail.contains("<nobody@far.example>: unwanted"), "{mail}");
    instance.wait_for_log(&["to=<nobody@far.example>, relay=none", "dsn=5.7.1, status=bounced (unwanted)"]);
    instance.wait_for_empty_queue();
}
