//! cleanup: from records to queue files (cleanup-rewrite §10 to §19, checklist §24).
//!
//! Most of it is a comparison: the subject and the control get the same records, and must make the same files, give the same answers, and log
//! the same lines.

use std::fmt::Write as _;

use tests::Subject;
use tests::cleanup::{SMTPD, local};
use tests::compare::compare;
use tests::numbers::Numbers;

/// A message from another machine.
fn remote(content: &str) -> String {
    format!("T 1700000000 1\nA rewrite_context=remote\nS ann@a.example\nR bob\nM\nN Received: by x\n{content}\nX\nE\n")
}

/// Each line of text with its flags is one message.
fn all(flags: i32, texts: &[String]) -> Vec<(i32, &str)> {
    texts.iter().map(|text| (flags, text.as_str())).collect()
}

#[test]
fn envelopes() {
    let texts = [
        "T 1700000000 123456\nA rewrite_context=local\nF Alice Example\nS alice\nA encoding=7bit\nR bob@example.net\nM\nN Received: x\nN Subject: hi\nN\nN hello\nX\nE",
        "T 1\nS a\nR b\nM\nX\nE",
        "T 1\nT 2\nF x\nF y\nS a\nR b\nT 3\nM\nN Received: x\nX\nE",
        "T 1\nR a\nM\nX\nE",
        "S a\nR b\nM\nX\nE",
        "T 0\nS a\nR b\nM\nX\nE",
        "T 1\nS a\nS b\nE",
        "T 1\nS a\np 0\nE",
        "T 1\nS a\nw 0\nE",
        "T 1\nS a\nd 0\nE",
        "N x\nE",
        "E ",
        "A x\nE",
        "A =x\nE",
        "A x=\nT 1\nS a\nR b\nM\nN Received: x\nX\nE",
        "A   x  =  y z  \nT 1\nS a\nR b\nM\nN Received: x\nX\nE",
        "A rewrite_context=x\nE",
        "A trace_flags=x\nE",
        "A trace_flags=-1\nE",
        "A trace_flags=1024\nA trace_flags=512\nT 1\nS a\nR b\nM\nN Received: x\nX\nE",
        "A ret_flags=3\nE",
        "A ret_flags=\nE",
        "A ret_flags=0\nE",
        "A ret_flags=1\nA envelope_id=a b\nT 1\nS a\n< 2\ni xy\nR b\nM\nN Received: x\nX\nE",
        "A envelope_id=a\\tb\nE",
        "i \nE",
        "A envelope_id=a\\x80b\nE",
        "f 4\nT 1\nS a\nR b\nM\nN Received: x\nX\nE",
        "f 8\nT 1\nS a\nR b\nM\nN Received: x\nX\nE",
        "f 3\nT 1\nS a\nR b\nM\nN Received: x\nX\nf 4\nE",
        "f x\nT 1\nS a\nR b\nM\nN Received: x\nX\nf 16\nE",
        "C 1 2 3\nc 12\nA create_time=5\nT 1\nI x\nL f:g\n> r@s\nS a\nK x\nV +=\nW 12\nW 13\nR b\nK y\nL f:h\nM\nN Received: x\nX\nE",
        "T 1\nV +=\nS \nV +=\nR b\nM\nN Received: x\nX\nE",
        "T 1\nS a\nV ab\nV +\nV -+\nV +=\nR b\nM\nN Received: x\nX\nE",
        "T 1\nS a\nO x\nO y\nA dsn_orig_rcpt=a\no b\nA notify_flags=2\nn 4\nR b\nR c\nM\nN Received: x\nX\nE",
        "T 1\nS a\nA notify_flags=3\nR b\nA notify_flags=1\nR c\nA notify_flags=16\nR d\nA notify_flags=x\nR e\nn 14\nR f\nA notify_flags=0\nR g\nM\nN Received: x\nX\nE",
        "T 1\nS a\nO x\nn 1\nD c\nR d\nO y\n/ e\nR f\nM\nN Received: x\nX\nE",
        "T 1\nS a\nR b\nR B\nR b\nR \nR \nM\nN Received: x\nX\nE",
        "T 1\nS mailer-daemon\nR b\nM\nN Received: x\nX\nE",
        "T 1\nS MAILER-DAEMON@test.example.com\nF Full Name\nR b\nM\nN Received: x\nX\nE",
        "T 1\nS \"a b\"@c\nR d e@f\nR \"\nR @a,@b:c@d\nR a%b\nR a!b\nR x@[1.2.3.4]\nR a@b@c\nM\nN Received: x\nX\nE",
        "T 1700000000 123456 7\nS a\nR b\nM\nN Received: x\nX\nE",
        "T x\nT 5\nS a\nR b\nM\nN Received: x\nX\nE",
        "T 1\nS a\nR b\nA encoding=8bit\nR c\nM\nN Received: x\nX\nR d\nA x=y\nA encoding=7bit\nR e\nP x\nr x\ne x\nE",
        "T 1\nS a\nM\nN Received: x\nX\nR d\nE",
        "T 1\nS a\nM\nN Received: x\nX\nE",
        "T 1\nS a\nR b\nM\nN Received: x\nX\nM \nE",
        "T 1\nS a\nR b\nM\nN Received: x\nX\nA x\nE",
        "T 1\nS a\nR b\nM\nN Received: x\nX\nO 1\nO 2\nn x\nR c\nF x\nI y\nL z:\n> a@b\nE",
        "T 1\nS a\nR b\nM\nN Received: x\nA x=y\nX\nE",
        "T 1\nS a\nR b\nM\nN Received: x\nE",
    ];
    compare(&[], &texts.iter().flat_map(|text| [(SMTPD, *text), (32, *text)]).collect::<Vec<_>>());
}

#[test]
fn attribute_counts() {
    let attributes = |count: usize| (0..count).fold(String::new(), |text, n| text + &format!("A x{n}=y\n"));
    let rest = "T 1\nS a\nR b\nM\nN Received: x\nX\nE";
    let texts = [
        format!("{}{rest}", attributes(7)),
        format!("{}{rest}", attributes(8)),
        format!("A rewrite_context=local\n{}{rest}", attributes(6)),
        format!("A rewrite_context=local\n{}{rest}", attributes(7)),
        format!("A trace_flags=0\n{}{rest}", attributes(7)),
        format!("A ret_flags=1\nA encoding=8bit\n{}{rest}", attributes(6)),
        format!("{}A log_message_origin=x\n{rest}", attributes(6)),
        format!("{}A x1=z\nA log_message_origin=x\n{rest}", attributes(6)),
        format!("{}A x1=z\n{rest}", attributes(7)),
    ];
    compare(&[("queue_file_attribute_count_limit", "8")], &all(32, &texts));
}

#[test]
fn headers() {
    let texts = [
        local("R bob", "N To: ann@a.example,bob@b.example (B)"),
        local("R bob", "N To: ann,bob@b.example"),
        local(
            "R bob",
            "N TO : Ann Long-Name <ann>, \"Bob, the builder\" <bob@b.example>, carol (C. Arol), dave.the.fourth@department.example.net, Eve <eve>,\nN \\tfriends: frank, gina;, undisclosed:;",
        ),
        local("R bob", "N Subject : x\nN Bcc: a@b\nN Return-Path: <x@y>\nN Content-Length: 5\nN Resent-Bcc: q"),
        local("R bob", "N Subject: x\nN no header\nN body"),
        local("R bob", "N  not a continuation\nN body"),
        local("R bob", "N Subject: x\nN \\tmore\nN  and more\nN \nN body\nN  x\nN .\nN From x"),
        local("R bob", "N Message-Id: <x@y>\nN  \\t\nN Date: now\nN From: x"),
        local("R bob", "N Message-ID:   \nN message-id: <a\nN  b> \nN Resent-Message-Id: <r@s>\nN Date:\nN From:"),
        local("R bob", "N Resent-To: x@y"),
        local("R bob", "N Resent-From: x@y\nN Resent-Message-Id: <a@b>\nN From: <>"),
        local("R bob", "N Message-Id: <1@2>\nN Resent-Date: x"),
        local("R bob", "N Content-Transfer-Encoding: 8bit"),
        local("R bob", "N Content-Transfer-Encoding: BINARY\nN Content-Transfer-Encoding: 7bit"),
        local("R bob", "N Content-Transfer-Encoding: 8bit \nN To: a;b, <>, (c) d (e), x <a b@c>, [1.2.3.4]"),
        local(
            "R bob",
            "N To: @r1,@r2:joe@x.example, <@r1:joe>\nN Cc: \"unterminated\nN Reply-To: a%b, a!b, \"a b\", a\\\\ b\nN Sender: Joe Q. User <joe>",
        ),
        local(
            "R bob",
            "N From: undisclosed-recipients:;\nN Errors-To: bob <b> alice <a>\nN Return-Receipt-To: x\nN Apparently-To: y\nN Resent-Reply-To: z\nN Disposition-Notification-To: d\nN Mail-Followup-To: m\nN X-To: q",
        ),
        local("R bob", "N Subject: Gr\\xc3\\xbc\\xc3\\x9fe"),
        local("R bob", "N Subject: \\xff"),
        local("R bob", "N X-\\x80: y\nN b"),
        local("R bob", "N Sub\\x01ject: y\nN b"),
        local("R bob", "L Subject: x\nN y\nL  cont\nN z: a\nN\nL body\nL more\nN end"),
        local("R bob", "N Subject: a\\rb\\nc\nN\nN x\\r\nN \\n\nN a\\x00b"),
        local("R bob", "N Subject: a\nN\nL partial"),
        local("R bob", "L X-Last: partial"),
        local("R bob", ""),
        local("R bob", "N"),
        local("R bob", "N :\nN"),
        local("R bob", "N To:\nN Cc:   \nN From: (comment)"),
        local("R J\\xc3\\xb6rg@x", "N To: J\\xc3\\xb6rg"),
        "T 1\nS J\\xc3\\xb6rg\nR J\\xc3\\xb6rg\nM\nN Received: x\nX\nE".into(),
        "T 1\nS \\xff\nR \\xfe\nM\nN Received: x\nX\nE".into(),
        "T 1\nS a\nR b\nM\nN Subject: x\nN\nX\nE".into(),
        remote("N To: ann\nN Bcc: x@y"),
        remote("N From: ann\nN Message-Id: <x@y>"),
        remote("N Resent-To: x"),
    ];
    compare(&[], &[all(SMTPD, &texts), all(32, &texts), all(32 + 256, &texts)].concat());
    let parameters = [
        ("remote_header_rewrite_domain", "remote.invalid"),
        ("undisclosed_recipients_header", "To: undisclosed-recipients:;"),
        ("message_drop_headers", "subject, x-to, To"),
        ("header_from_format", "obsolete"),
        ("enable_long_queue_ids", "no"),
        ("smtputf8_enable", "no"),
    ];
    compare(&parameters, &all(SMTPD, &texts));
    let parameters = [
        ("always_add_missing_headers", "yes"),
        ("undisclosed_recipients_header", "bad"),
        ("detect_8bit_encoding_header", "no"),
        ("cleanup_replace_stray_cr_lf", "no"),
    ];
    compare(&parameters, &all(SMTPD, &texts));
}

#[test]
fn full_names() {
    let names = [
        "Joe User",
        "Joe  User ",
        " ",
        "Joe Q. \\\"X\\\" User",
        "a\\nb",
        "Joe (x) User",
        "((",
        "a)b",
        "back\\\\slash",
        "\\x01ctl",
        "a\\tb",
        "a,b",
        "\\\\",
        "a\\x0bb",
        "a|b",
        "trailing\\\\",
    ];
    let text = |name: &str| {
        let name = name.replace("\\\"", "\"");
        format!("T 1\nF {name}\nS ann\nR b\nM\nN Received: x\nX\nE")
    };
    let texts: Vec<String> = names.iter().map(|name| text(name)).collect();
    compare(&[], &all(32, &texts));
    compare(&[("header_from_format", "obsolete")], &all(32, &texts));
}

#[test]
fn header_limits() {
    let long = |letter: &str, count: usize| letter.repeat(count);
    let texts = [
        local("R bob", &format!("N X-Long: {}\nN  {}\nN  {}", long("a", 50), long("b", 50), long("c", 50))),
        local("R bob", &format!("N X-Long: {}\nN  {}", long("a", 150), long("b", 50))),
        local("R bob", &format!("L X-Long: {}\nL {}\nN {}\nN Subject: x", long("a", 50), long("b", 50), long("c", 50))),
        local("R bob", &format!("L X-Long: {}\nN {}\nN  {}", long("a", 500), long("b", 1500), long("c", 600))),
        local("R bob", &format!("N To: {} <ann>, {} <bob@c>, (x) <y>", long("n", 260), long("m", 240))),
        local("R bob", "N To: a, b, c, d, e, f, g, h, i, j, k, l"),
        local("R bob", &format!("N Subject: x\nN\nN {}\nL {}\nN {}", long("d", 530), long("e", 512), long("f", 513))),
        local("R bob", &"N Received: x\n".repeat(3)),
        local("R bob", &"N Received: x\n".repeat(4)),
        local("R bob", &"N Received: x\n".repeat(5)),
    ];
    let limits = |header: &'static str| {
        [
            ("header_size_limit", header),
            ("header_address_token_limit", "12"),
            ("line_length_limit", "512"),
            ("hopcount_limit", "5"),
        ]
    };
    compare(&limits("112"), &all(SMTPD, &texts));
    compare(&limits("130"), &all(SMTPD, &texts));
    compare(&limits("10000"), &all(SMTPD, &texts));
}

const TABLES: [(&str, &str); 12] = [
    (
        "canonical_maps",
        "inline:{ {@old.example = @new.example} {multi = a@b, c@d} {loop1 = loop2} {loop2 = loop1} {same = SAME} {empty=<>} {none=,} }",
    ),
    ("sender_canonical_maps", "inline:{ {ann = Ann.Smith@a.example} {<> = nobody} {\"\" = nobody@null.example} }"),
    ("recipient_canonical_maps", "inline:{ {bob+ext = bob-ext} {carl = carl@m.x.example} }"),
    ("masquerade_domains", "!m.x.example x.example test.example.com"),
    ("masquerade_exceptions", "root"),
    ("masquerade_classes", "envelope_sender, header_sender, header_recipient, envelope_recipient"),
    (
        "virtual_alias_maps",
        "inline:{ {list = l1, l2@x.y, list} {l1 = l1a@z, l1b@z} {va = vb} {vb = va} {many = m1 m2 m3 m4 m5 m6} {two = t1, t2} {long = aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd} {self = self} {bad = (x)} {plus = p@q} {@v.example = @w.example} }",
    ),
    ("virtual_alias_expansion_limit", "5"),
    ("virtual_alias_recursion_limit", "4"),
    ("virtual_alias_address_length_limit", "30"),
    ("sender_bcc_maps", "inline:{ {Ann.Smith@a.example = scopy} {spy = a@x, b@x} }"),
    ("recipient_bcc_maps", "inline:{ {bob = rcopy@x} {bob@example.com = rc+opy} {@v.example = <v@x>} {nulled=<>}}"),
];

#[test]
fn tables() {
    let recipients = [
        "a+b@old.example",
        "multi",
        "loop1",
        "same",
        "empty",
        "none",
        "bob+ext",
        "carl",
        "bob",
        "list",
        "list+x",
        "va",
        "many",
        "two",
        "long",
        "self",
        "bad",
        "plus+e",
        "u+e@v.example",
        "x@y.m.x.example",
        "x@y.x.example",
        "root@y.x.example",
        "nulled",
        "x@test.example.com",
        "bob@local.example",
    ];
    let mut texts: Vec<String> = recipients.iter().map(|recipient| local(&format!("R {recipient}"), "")).collect();
    texts.extend(recipients.iter().map(|address| {
        format!("T 1\nS {address}\nA notify_flags=6\nR list\nR two\nR bob\nM\nN Received: x\nN To: {address}\nN From: {address}\nX\nE")
    }));
    texts.push("T 1\nS \nR two\nM\nN Received: x\nN From: <>, ann, root@y.x.example\nN Cc: x@y.x.example (c), <ann>, bob+ext\nX\nE".into());
    texts.push("T 1\nS spy\nR two\nR list\nR l1\nM\nN Received: x\nX\nR two\nR plus\nE".into());
    let always = [&TABLES[..], &[("always_bcc", "every+one")]].concat();
    compare(&always, &[all(SMTPD, &texts), all(16, &texts), all(32, &texts)].concat());
    let forgetful = [
        &TABLES[..],
        &[("enable_original_recipient", "no"), ("propagate_unmatched_extensions", ""), ("duplicate_filter_limit", "2")],
    ]
    .concat();
    compare(&forgetful, &all(SMTPD, &texts));
}

/// What a probed address stands for goes to the verify service, not into the queue.
#[test]
fn probes() {
    if Subject::from_environment().program("verify").is_none() {
        tests::skip!("the subject has no verify");
    }
    let probe = |recipient: &str| {
        format!("T 1\nA trace_flags=256\nS ann\nA notify_flags=2\nR {recipient}\nM\nN Received: x\nX\nE")
    };
    compare(&TABLES, &all(SMTPD, &[probe("two"), probe("plus"), probe("nobody")]));
}

#[test]
fn tables_that_fail() {
    let texts = [local("R bob", "N To: x"), local("R x@y.x.example", "N From: x@y.x.example")];
    for parameter in [
        "canonical_maps",
        "sender_canonical_maps",
        "recipient_canonical_maps",
        "virtual_alias_maps",
        "sender_bcc_maps",
        "recipient_bcc_maps",
    ] {
        compare(&[(parameter, "fail:x")], &all(SMTPD, &texts));
    }
    compare(&[("masquerade_exceptions", "fail:x"), ("masquerade_domains", "x.example")], &all(SMTPD, &texts));
    let parameters = [("canonical_maps", "fail:x"), ("canonical_classes", "header_sender")];
    compare(&parameters, &all(SMTPD, &texts));
}

#[test]
fn more_settings() {
    let texts = [
        local("R bob\nA x=y\nR c", "N To: x\nN Message-Id: <a@b>"),
        remote("N a"),
        "T 5\nS \nR x\nM\nN Received: x\nX\nE".into(),
    ];
    let parameters = [
        ("delay_warning_time", "4h"),
        ("empty_address_recipient", "nobody@nowhere.example"),
        ("append_at_myorigin", "no"),
        ("canonical_classes", "header_recipient"),
        ("canonical_maps", "static:stat@ic.example"),
    ];
    compare(&parameters, &[all(SMTPD, &texts), vec![(32, "T 1\nS a\nR \nM\nN Received: x\nX\nE")]].concat());
}

#[test]
fn places_for_milters() {
    let texts = [
        format!("m 0\n{}", local("R bob", "N To: a\nN X: y\nN\nN body")),
        format!("m 0\n{}m 0\nM\n", "T 1\nS ann\nR bob\n") + "N Received: x\nN Subject: fifteen bytes\nN  c\nX\nR d\nE",
        "m 0\nT 1\nS \nM\nN Received: x\nX\nR d\nE".into(),
        "m 0\nT 1\nS abc\nR x\np 0\nm 0\nE".into(),
    ];
    compare(&[], &all(SMTPD, &texts));
}

/// Milters that are configured can edit files of mail that they do not see, too.
#[test]
fn places_for_milters_that_do_not_look() {
    let long = "a".repeat(70_000);
    let texts = [local("R bob", "N To: a\nN X: y\nN\nN body"), local("R bob", &format!("L X-Long: {long}\nN b\nN  c"))];
    compare(&[("non_smtpd_milters", "inet:127.0.0.1:9")], &all(SMTPD, &texts));
}

const ADDRESS_WORDS: [&str; 40] = [
    "ann",
    "bob",
    "list",
    "two",
    "@",
    "@",
    ".",
    ",",
    "<",
    ">",
    "(",
    ")",
    "\"",
    "\\\\",
    " ",
    " ",
    ":",
    ";",
    "+x",
    "%",
    "!",
    "example.com",
    "old.example",
    "y.m.x.example",
    "[",
    "]",
    "1.2.3.4",
    "a b",
    "\\t",
    "root",
    "test",
    "|",
    "/",
    "-",
    "owner-l",
    "l-request",
    "\\xc3\\xb6",
    "\\xff",
    "host.",
    "..",
];
const CONTENT_WORDS: [&str; 33] = [
    "To: ",
    "Cc:",
    "From: ",
    "Resent-To: ",
    "Subject",
    ":",
    " ",
    "\\t",
    "bob",
    "ann, carl",
    "<bob>",
    "(c)",
    "a@b",
    "Message-Id: <",
    ">",
    "Date:",
    "Received: z",
    "Bcc: q",
    "\\x80",
    "x",
    "Reply-To: ",
    "Sender: ",
    "\"q q\"",
    ",",
    ";",
    "grp: a, b;",
    "a@old.example",
    "y@y.x.example",
    "X-Y: ",
    "\\r",
    "\\n",
    ".",
    "list",
];

fn random_message(numbers: &mut Numbers) -> String {
    let mut text = String::from("T 1700000000 1\n");
    if numbers.below(3) == 0 {
        text += ["A rewrite_context=remote\n", "F Joe \"J\" User\n", "A encoding=8bit\n"][numbers.below(3)];
    }
    let _ = writeln!(text, "S {}", if numbers.below(4) == 0 { numbers.words(&ADDRESS_WORDS, 6) } else { "ann".into() });
    for _ in 0..=numbers.below(3) {
        text +=
            ["", "", "A notify_flags=2\n", "A notify_flags=12\n", "O orig\n", "A dsn_orig_rcpt=rfc822;x\n", "A x=y\n"]
                [numbers.below(7)];
        let _ = writeln!(text, "R {}", numbers.words(&ADDRESS_WORDS, 7));
    }
    text += "M\nN Received: x\n";
    for _ in 0..=numbers.below(9) {
        let kind = ["N", "N", "N", "N", "L"][numbers.below(5)];
        let header = ["", "To: ", "From: ", "Cc: "][numbers.below(4)];
        let words =
            if header.is_empty() { numbers.words(&CONTENT_WORDS, 6) } else { numbers.words(&ADDRESS_WORDS, 14) };
        let _ = writeln!(text, "{kind} {header}{words}");
    }
    if numbers.below(2) == 0 {
        text += "N\nN body\n";
    }
    text + "X\nE\n"
}

#[test]
fn messages_that_nobody_would_write() {
    let mut numbers = Numbers::seeded();
    let texts: Vec<String> = (0..150).map(|_| random_message(&mut numbers)).collect();
    compare(&TABLES, &all(SMTPD, &texts));
    compare(&[], &all(SMTPD, &texts));
}
