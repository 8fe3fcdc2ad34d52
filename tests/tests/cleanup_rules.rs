//! What cleanup makes of a message (cleanup-rewrite §10 to §19, checklist §24 items 18 to 59; queue-files §17 items 13, 14, 19, 23).

use std::fs;
use std::os::unix::fs::MetadataExt;

use tests::records::{self, record};
use tests::wire::Client;
use tests::{Builder, Instance, require_instances, wait};

/// The flags of cleanup's protocol that the tests use.
const BOUNCE: u32 = 1;
const FILTER: u32 = 2;
const BCC: u32 = 16;
const MAP: u32 = 32;
const ALL: u32 = FILTER | BCC | MAP;

/// Nothing but cleanup and what it needs, so that the file stays in `incoming`.
fn instance() -> Builder {
    Instance::builder()
        .set("myhostname", "mail.example.com")
        .set("mydomain", "example.com")
        .set("myorigin", "example.com")
        .set("delay_warning_time", "0")
        .master_cf(
            "cleanup   unix  n       -       n       -       0       cleanup\n\
             rewrite   unix  -       -       n       -       -       trivial-rewrite\n\
             bounce    unix  -       -       n       -       0       bounce\n\
             trace     unix  -       -       n       -       0       bounce\n\
             postlog   unix-dgram n  -       n       -       1       postlogd\n",
        )
}

/// A client that was greeted, and the queue ID that the greeting named.
fn connect(instance: &Instance, flags: u32) -> (Client, String) {
    let mut client = Client::connect(&instance.path("q/public/cleanup"));
    let greeting = client.map();
    assert_eq!(greeting["protocol"], "cleanup_protocol");
    client.send(&[("flags", &flags.to_string())]);
    (client, greeting["queue_id"].clone())
}

/// What became of a message.
#[derive(Debug)]
struct Outcome {
    id: String,
    status: u32,
    reason: String,
    /// The records of the file in `incoming`; none when there is no file.
    records: Vec<String>,
}

impl Outcome {
    /// The lines of the content behind the first.
    fn content(&self) -> Vec<&str> {
        let inside = self.records.iter().map(String::as_str).skip_while(|text| *text != "M ").skip(2);
        inside.take_while(|text| *text != "X ").map(|text| text.split_once(' ').map_or("", |(_, rest)| rest)).collect()
    }

    fn starting_with(&self, begin: &str) -> Vec<&str> {
        self.records.iter().map(String::as_str).filter(|text| text.starts_with(begin)).collect()
    }

    fn recipients(&self) -> Vec<&str> {
        self.starting_with("R ").into_iter().map(|text| &text[2..]).collect()
    }
}

fn post(instance: &Instance, flags: u32, message: &[(u8, &str)]) -> Outcome {
    let (mut client, id) = connect(instance, flags);
    let bytes: Vec<u8> = message.iter().flat_map(|(kind, payload)| record(*kind, payload)).collect();
    client.send_bytes(&bytes);
    let reply = client.map();
    let file = instance.path("q/incoming").join(&id);
    let records = fs::read(&file).map(|bytes| records::texts(&bytes)).unwrap_or_default();
    Outcome { id, status: reply["status"].parse().expect("a number"), reason: reply["reason"].clone(), records }
}

const CONTEXT: (u8, &str) = (b'A', "rewrite_context=local");
const REMOTE: (u8, &str) = (b'A', "rewrite_context=remote");

/// Each client of cleanup begins the content with a header of its own.
const RECEIVED: (u8, &str) = (b'N', "Received: by x");

/// A whole message with this part of the envelope and this content.
fn message<'a>(envelope: &[(u8, &'a str)], lines: &[&'a str]) -> Vec<(u8, &'a str)> {
    let mut all = vec![(b'T', "1795499046 0")];
    all.extend(envelope);
    all.extend([(b'M', ""), RECEIVED]);
    all.extend(lines.iter().map(|line| (b'N', *line)));
    all.extend([(b'X', ""), (b'E', "")]);
    all
}

fn envelope<'a>(instance: &Instance, flags: u32, records: &[(u8, &'a str)]) -> Outcome {
    post(instance, flags, &message(records, &["Subject: x", "", "body"]))
}

fn content(instance: &Instance, context: (u8, &'static str), lines: &[&str]) -> Outcome {
    post(instance, ALL, &message(&[context, (b'S', "s@x.example"), (b'R', "bob@example.com")], lines))
}

/// queue-files 19.
#[test]
fn a_file_is_marked_complete_at_the_end() {
    require_instances!();
    let instance = instance().start();
    let (mut client, id) = connect(&instance, ALL);
    let path = instance.path("q/incoming").join(&id);
    let mode = || path.metadata().expect("the file").mode() & 0o777;
    assert_eq!(mode(), 0o600);
    let records = message(&[CONTEXT, (b'S', "s@x.example"), (b'R', "bob@example.com")], &["Subject: x", "", "body"]);
    client.send_bytes(&records.iter().flat_map(|(kind, payload)| record(*kind, payload)).collect::<Vec<u8>>());
    let reply = client.map();
    assert_eq!((reply["status"].as_str(), reply["reason"].as_str(), mode()), ("0", "", 0o700));
}

/// Checklist 18 to 20.
#[test]
fn addresses_are_completed_and_null_senders_known() {
    require_instances!();
    let instance = instance().start();
    let outcome = envelope(&instance, ALL, &[REMOTE, (b'S', "s@x.example"), (b'R', "bob"), (b'R', "")]);
    assert_eq!(outcome.status, 0, "{outcome:?}");
    assert_eq!(outcome.starting_with("O "), ["O bob", "O "]);
    assert_eq!(outcome.recipients(), ["bob@example.com", "MAILER-DAEMON@example.com"]);
    let sender = [CONTEXT, (b'S', "mailer-daemon@example.com"), (b'R', "bob@example.com")];
    assert_eq!(envelope(&instance, ALL, &sender).starting_with("S "), ["S "]);
}

/// Checklist 21 to 25; queue-files 13 and 14.
#[test]
fn a_wrong_envelope_is_refused() {
    require_instances!();
    let instance = instance().start();
    let (sender, recipient) = ((b'S', "s@x.example"), (b'R', "bob@example.com"));
    let refused = |records: &[(u8, &str)], text: &str| {
        let outcome = post(&instance, ALL, records);
        assert_eq!((outcome.status, outcome.records.len()), (1, 0), "{outcome:?}");
        let expected = text.replace("{id}", &outcome.id);
        instance.wait_for_log(&["postfix/cleanup[", &expected]);
    };
    refused(&message(&[recipient, sender], &[]), "{id}: message rejected: missing sender envelope record");
    refused(&message(&[sender, sender, recipient], &[]), "{id}: message rejected: multiple envelope sender records");
    refused(&message(&[sender, recipient], &[])[1..], "{id}: message rejected: missing time envelope record");
    refused(&message(&[sender, (b'p', "              0")], &[]), "record type 112 not allowed");
    refused(&message(&[sender, (b'w', "0")], &[]), "record type 119 not allowed");
    refused(
        &message(&[(b'A', "rewrite_context=x"), sender, recipient], &[]),
        "{id}: message rejected: bad rewriting context: x",
    );
    let names: Vec<String> = (0..100).map(|number| format!("name{number}=x")).collect();
    let mut all: Vec<_> = names.iter().map(|text| (b'A', text.as_str())).collect();
    all.extend([sender, recipient]);
    let outcome = post(&instance, ALL, &message(&all, &["", "x"]));
    assert_eq!(outcome.status, 1, "{outcome:?}");
    let outcome = post(&instance, ALL, &message(&all[2..], &["", "x"]));
    assert_eq!(outcome.status, 0, "{outcome:?}");
}

/// Checklist 26 and 27.
#[test]
fn equal_recipients_are_one() {
    require_instances!();
    for (setting, expected) in [("yes", 2), ("no", 1)] {
        let instance = instance()
            .set("virtual_alias_maps", "inline:{ {a@example.com=c@x.example}, {b@example.com=c@x.example} }")
            .set("enable_original_recipient", setting)
            .start();
        let all = [CONTEXT, (b'S', "s@x.example"), (b'R', "bob@example.com"), (b'R', "bob@example.com")];
        assert_eq!(envelope(&instance, ALL, &all).recipients(), ["bob@example.com"]);
        let all = [CONTEXT, (b'S', "s@x.example"), (b'R', "a@example.com"), (b'R', "b@example.com")];
        let outcome = envelope(&instance, ALL, &all);
        assert_eq!(outcome.recipients(), vec!["c@x.example"; expected], "{setting}");
    }
}

/// Checklist 28 to 32.
#[test]
fn aliases_and_canonical_addresses_are_looked_up() {
    require_instances!();
    let aliases = "joe@example.com joe@example.com, ann@a.example\nloop1@example.com loop2@example.com, x@x.example\n\
                   loop2@example.com loop1@example.com, y@x.example\nplus@example.com ann@a.example\n";
    let builder = instance()
        .set("virtual_alias_maps", "texthash:{dir}/etc/aliases")
        .set("canonical_maps", "inline:{ {@old.example=@new.example} }")
        .set("recipient_delimiter", "+")
        .file("etc/aliases", aliases);
    let instance = builder.clone().start();
    let to = |instance: &Instance, address: &'static str| {
        envelope(instance, ALL, &[CONTEXT, (b'S', "s@x.example"), (b'R', address)])
    };
    assert_eq!(to(&instance, "joe@example.com").recipients(), ["joe@example.com", "ann@a.example"]);
    assert_eq!(to(&instance, "plus+x@example.com").recipients(), ["ann+x@a.example"]);
    assert_eq!(to(&instance, "a+b@old.example").recipients(), ["a+b@new.example"]);
    let looping = to(&instance, "loop1@example.com");
    assert_eq!((looping.status, looping.reason.as_str()), (256, "4.6.0 Alias expansion error"));
    let notify = [CONTEXT, (b'S', "s@x.example"), (b'A', "notify_flags=2"), (b'R', "plus@example.com")];
    let outcome = envelope(&instance, ALL, &notify);
    assert_eq!(outcome.starting_with("A notify_flags"), ["A notify_flags=1"]);
    assert!(instance.read(&format!("q/trace/{}", outcome.id)).contains("action=expanded"));
    let unmapped = envelope(&instance, FILTER, &[CONTEXT, (b'S', "s@x.example"), (b'R', "plus+x@example.com")]);
    assert_eq!(unmapped.recipients(), ["plus+x@example.com"]);
    let without = builder.set("propagate_unmatched_extensions", "canonical").start();
    assert_eq!(to(&without, "plus+x@example.com").recipients(), ["ann@a.example"]);
}

/// Checklist 33 and 34.
#[test]
fn copies_are_sent_where_the_configuration_says() {
    require_instances!();
    let instance = instance()
        .set("sender_bcc_maps", "inline:{ {s@x.example=copy@x.example} }")
        .set("recipient_bcc_maps", "inline:{ {bob@example.com=rcpt@x.example} }")
        .set("always_bcc", "all@x.example")
        .start();
    let all = [CONTEXT, (b'S', "s@x.example"), (b'R', "bob@example.com")];
    let outcome = envelope(&instance, ALL, &all);
    let begin = outcome.records.iter().position(|text| text == "S s@x.example").expect("the sender") + 1;
    assert_eq!(outcome.records[begin..begin + 3], ["A notify_flags=1", "O copy@x.example", "R copy@x.example"]);
    assert_eq!(outcome.recipients(), ["copy@x.example", "bob@example.com", "rcpt@x.example", "all@x.example"]);
    assert_eq!(outcome.records[outcome.records.len() - 2..], ["R all@x.example", "E "]);
    assert_eq!(envelope(&instance, FILTER | MAP, &all).recipients(), ["bob@example.com"]);
}

/// Checklist 35 and 36.
#[test]
fn missing_headers_are_added_to_local_mail() {
    require_instances!();
    let instance = instance().start();
    let outcome = content(&instance, REMOTE, &["Subject: x", "", "body"]);
    assert_eq!(outcome.content(), ["Subject: x", "", "body"]);
    instance.wait_for_log(&[&format!("{}: message-id=<>", outcome.id)]);
    let outcome = content(&instance, CONTEXT, &["Subject: x", "", "body"]);
    let lines = outcome.content();
    let names: Vec<_> = lines[..4].iter().map(|line| line.split(':').next().unwrap_or_default()).collect();
    assert_eq!(names, ["Subject", "Message-Id", "Date", "From"], "{lines:?}");
    assert_eq!(lines[3..], ["From: s@x.example", "", "body"]);
}

/// Checklist 37, 38, 40, 41, 43 and 44.
#[test]
fn headers_are_rewritten_where_they_must_be() {
    require_instances!();
    let instance = instance().start();
    let whole = ["Message-Id: <a@b>", "Date: Tue, 24 Nov 2026 05:44:06 +0000 (UTC)", "From: s@x.example"];
    let header = |lines: &[&str]| {
        let all = [&whole[..], lines, &["", "body"]].concat();
        let outcome = content(&instance, CONTEXT, &all);
        let found: Vec<String> = outcome.content()[3..].iter().map(|line| (*line).to_owned()).collect();
        found[..found.len() - 2].to_vec()
    };
    assert_eq!(header(&["To: ann@a.example,bob@b.example (B)"]), ["To: ann@a.example,bob@b.example (B)"]);
    assert_eq!(header(&["To: ann,bob@b.example"]), ["To: ann@example.com, bob@b.example"]);
    assert_eq!(header(&["To: x@x.example", "Bcc: hidden@x.example", "Subject : x"]), ["To: x@x.example", "Subject: x"]);
    assert_eq!(header(&["to: x@x.example", "Return-Path: <a@b>", "Content-Length: 5"]), ["to: x@x.example"]);
    let folded = header(&["TO: Ann Long-Name <ann>,", "\t\"Bob, the builder\" <bob@b.example>, carol (C. Arol)"]);
    assert_eq!(
        folded,
        ["TO: Ann Long-Name <ann@example.com>,", "\t\"Bob, the builder\" <bob@b.example>, carol@example.com (C. Arol)"]
    );
    let outcome = content(&instance, CONTEXT, &["Subject: x", "To: x@x.example", "no header", "more"]);
    let lines = outcome.content();
    let at = lines.iter().position(|line| *line == "no header").expect("the line");
    assert_eq!(lines[at - 1], "");
    let outcome = content(&instance, CONTEXT, &["Resent-To: x@x.example", "", "x"]);
    let lines = outcome.content();
    let names: Vec<_> = lines[..4].iter().map(|line| line.split(':').next().unwrap_or_default()).collect();
    assert_eq!(names, ["Resent-To", "Resent-Message-Id", "Resent-Date", "Resent-From"], "{lines:?}");
    assert_eq!(lines[4..], ["", "x"]);
}

/// Checklist 42.
#[test]
fn too_many_hops_are_too_many() {
    require_instances!();
    let instance = instance().start();
    let lines = |count: usize| [vec!["Received: by x"; count], vec!["", "x"]].concat();
    assert_eq!(content(&instance, REMOTE, &lines(48)).status, 0);
    let outcome = content(&instance, REMOTE, &lines(49));
    assert_eq!((outcome.status, outcome.records.len()), (16, 0));
    instance.wait_for_log(&[&outcome.id, "hopcount exceeded"]);
}

/// Checklist 45.
#[test]
fn long_headers_are_cut() {
    require_instances!();
    let line = |letter: &str, count: usize| letter.repeat(count);
    let header = [format!("X-Long: {}", line("a", 50)), format!(" {}", line("b", 50)), format!(" {}", line("c", 50))];
    for (limit, last) in [("112", None), ("130", Some(format!(" {}", line("c", 18))))] {
        let instance = instance().set("header_size_limit", limit).start();
        let lines: Vec<&str> = header.iter().map(String::as_str).chain(["", "x"]).collect();
        let outcome = content(&instance, REMOTE, &lines);
        let mut expected: Vec<&str> = header[..2].iter().map(String::as_str).collect();
        expected.extend(last.as_deref());
        expected.extend(["", "x"]);
        assert_eq!(outcome.content(), expected, "{limit}");
    }
}

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

/// Checklist 58.
#[test]
fn a_message_over_the_limit_is_refused() {
    require_instances!();
    let instance = instance().set("message_size_limit", "20000").start();
    let line = "x".repeat(1000);
    let outcome = content(&instance, REMOTE, &[vec!["Subject: x", ""], vec![line.as_str(); 30]].concat());
    assert_eq!((outcome.status, outcome.records.len()), (4, 0), "{outcome:?}");
    assert!(instance.queue("incoming").is_empty());
}

/// Checklist 59.
#[test]
fn a_cleanup_that_is_stopped_leaves_nothing() {
    require_instances!();
    let instance = instance().start();
    let (_client, id) = connect(&instance, ALL);
    assert!(instance.path("q/incoming").join(&id).exists());
    let named = |command: &str| command.split(' ').next().is_some_and(|word| word.ends_with("cleanup"));
    let (pid, _) = instance.processes().into_iter().find(|(_, command)| named(command)).expect("cleanup");
    sys::signal::send(pid, sys::signal::Signal::SIGTERM).expect("a signal");
    wait::until("no file", || instance.queue("incoming").is_empty().then_some(()), || instance.log());
    instance.wait_for_log(&[&format!("pid {pid} exit status 15")]);
}

/// No recipients, and a client that goes away.
#[test]
fn a_message_without_recipients_is_refused() {
    require_instances!();
    let instance = instance().start();
    let outcome = envelope(&instance, ALL | BOUNCE, &[CONTEXT, (b'S', "s@x.example")]);
    assert_eq!((outcome.status, outcome.records.len()), (64, 0), "{outcome:?}");
    drop(connect(&instance, ALL));
    wait::until("no file", || instance.queue("incoming").is_empty().then_some(()), || instance.log());
}
