//! What cleanup makes of envelopes and headers (cleanup-rewrite §10 to §14, checklist §24 items 18 to 46, 58, 59; queue-files §17 items 8, 13, 14, 19).

use std::os::unix::fs::MetadataExt;

use tests::records::record;
use tests::session::{ALL, BOUNCE, CONTEXT, FILTER, MAP, REMOTE, connect, content, envelope, instance, message, post};
use tests::{Instance, require_instances, wait};

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

/// Checklist 39.
#[test]
fn the_example_of_folding() {
    require_instances!();
    let instance = instance().start();
    let lines = [
        "TO : Ann Long-Name <ann>, \"Bob, the builder\" <bob@b.example>, carol (C. Arol), \
         dave.the.fourth@department.example.net, Eve <eve>,",
        "\tfriends: frank, gina;, undisclosed:;",
        "Subject: x",
        "",
        "body",
    ];
    let expected = [
        "TO: Ann Long-Name <ann@example.com>,",
        "\t\"Bob, the builder\" <bob@b.example>, carol@example.com (C. Arol),",
        "\tdave.the.fourth@department.example.net, Eve <eve@example.com>,",
        "\tfriends: frank@example.com, gina@example.com;, undisclosed: ;",
        "Subject: x",
    ];
    assert_eq!(content(&instance, CONTEXT, &lines).content()[..5], expected);
}

/// Checklist 46.
#[test]
fn full_names_are_quoted_where_they_must_be() {
    require_instances!();
    let instance = instance().start();
    for (name, expected) in [
        ("Joe Q. \"X\" User", "From: \"Joe Q. \\\"X\\\" User\" <s@x.example>"),
        ("Joe  User", "From: Joe User <s@x.example>"),
    ] {
        let records = [CONTEXT, (b'F', name), (b'S', "s@x.example"), (b'R', "bob@example.com")];
        let outcome = envelope(&instance, ALL, &records);
        assert!(outcome.content().contains(&expected), "{outcome:?}");
    }
}

/// queue-files 8.
#[test]
fn milters_find_room_for_pointers() {
    require_instances!();
    let milter = [("non_smtpd_milters", "inet:127.0.0.1:9"), ("milter_default_action", "accept")];
    let instance = milter.iter().fold(instance(), |builder, (name, value)| builder.set(name, value)).start();
    let records = message(&[CONTEXT, (b'S', ""), (b'R', "bob@example.com")], &["To: a@example.com", "X-A: a", "", "x"]);
    let outcome = post(&instance, ALL, &records);
    let behind = |text: &str| {
        let at = outcome.records.iter().position(|record| record == text).expect("the record");
        outcome.records[at + 1].as_str()
    };
    assert_eq!(behind("S "), "p             0", "{outcome:?}");
    assert_eq!(behind("N X-A: a"), "w       0", "{outcome:?}");
    assert!(!behind("N To: a@example.com").starts_with("w "), "{outcome:?}");
    assert_eq!(outcome.starting_with("p               0").len(), 4, "{outcome:?}");
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
