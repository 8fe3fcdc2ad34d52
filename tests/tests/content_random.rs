//! Content that is strange in many ways, and all that can be done about it: the subject and the control do the same (cleanup-rewrite §13,
//! §15, §16).

use std::fmt::Write as _;

use tests::cleanup::{PICKUP, SMTPD};
use tests::compare::compare_with;
use tests::numbers::Numbers;

const HEADER_CHECKS: &str = "/^Subject: reject$/ REJECT\n/^Subject: later/ REJECT 4.2.1 not now\n/^Subject: odd/ REJECT 2.1.1 fine\n\
    /^Subject: code/ REJECT 5.1.2 x\n/^X-1/ IGNORE\n/^X-2/ PREPEND X-Before: a\n/^X-3/ REPLACE X-Other: b\n/^X-4/ STRIP away\n\
    /^X-5/ WARN careful\n/^X-6/ INFO\n/^X-7/ HOLD on\n/^X-8/ PASS on\n/^X-9/ REDIRECT other@y.example\n/^X-10/ BCC copy@y.example\n\
    /^X-11/ FILTER smtp:[z.example]\n/^X-12/ DISCARD it\n/^X-13/ REPLACE From: somebody@w.example\n/^X-14/ PREPEND no header\n\
    /^X-15/ NONSENSE x\n/^X-16/ FILTER\n/^X-17/ BCC nobody\n/^X-18/ DUNNO\n/^X-19/ REPLACE Bcc: x\n/^X-20/ prepend\n/^From:/ INFO from\n\
    /^Content-Type/ INFO type\n/^Received: hop/ IGNORE\n/^Message-Id: gone/ IGNORE\n";
const MIME_CHECKS: &str = "/^Content-Type:.*(html|digest)/ WARN mime\n/^X-1/ IGNORE\n/^Content-Type: application/ REPLACE Content-Type: text/plain\n\
    /^Content-Transfer-Encoding: x/ PREPEND X-Enc: y\n/./ INFO part\n";
const NESTED_CHECKS: &str = "/^Subject/ INFO nested\n/^X-1/ STRIP nested\n/^X-3/ REPLACE X-Nested: yes\n";
const BODY_CHECKS: &str = "/reject/ REJECT body\n/^--/ INFO boundary\n/ignore/ IGNORE\n/replace/ REPLACE new line\n/prepend/ PREPEND before\n\
    /strip/ STRIP it\n/hold/ HOLD it\n/bcc/ BCC copy@y.example\n/filter/ FILTER x:y\n/pass/ PASS it\n/=C3/ WARN quoted\n";

const FILES: [(&str, &str); 4] = [
    ("etc/header_checks", HEADER_CHECKS),
    ("etc/mime_checks", MIME_CHECKS),
    ("etc/nested_checks", NESTED_CHECKS),
    ("etc/body_checks", BODY_CHECKS),
];

const CHECKS: [(&str, &str); 4] = [
    ("header_checks", "regexp:{dir}/etc/header_checks"),
    ("mime_header_checks", "regexp:{dir}/etc/mime_checks"),
    ("nested_header_checks", "regexp:{dir}/etc/nested_checks"),
    ("body_checks", "regexp:{dir}/etc/body_checks"),
];

const TYPES: [&str; 16] = [
    "text/plain",
    "text/html; charset=x",
    "multipart/mixed; boundary=a",
    "multipart/mixed; boundary=\"b c\"",
    "multipart/digest; boundary=a",
    "multipart/alternative (comment); (x) BOUNDARY = b",
    "message/rfc822",
    "message/global",
    "message/partial; id=1",
    "message/external-body",
    "message/delivery-status",
    "application/octet-stream",
    "multipart",
    "multipart/mixed; boundary=a; boundary=b",
    "",
    "; boundary=a",
];
const ENCODINGS: [&str; 9] =
    ["7bit", "8bit", "BINARY", "base64", "quoted-printable", "(c) 8bit", "\"8bit\"", "x-unknown", ""];
const LINES: [&str; 24] = [
    "",
    "",
    "text",
    "--a",
    "--b",
    "--b c",
    "--a--",
    "--b--",
    "--ab",
    "-- ",
    "--",
    "caf\\xe9",
    "reject",
    "ignore",
    "replace",
    "prepend",
    "strip",
    "hold",
    "bcc",
    "filter",
    "pass",
    "nul \\x00 reject",
    "cr \\r lf \\n",
    "X-1: not a header?",
];
const SUBJECTS: [&str; 10] =
    ["reject", "later", "odd", "code", "x", "x", "x", "x\\xe9", "a\\x00b", "long long long long long long"];

fn header(numbers: &mut Numbers) -> String {
    match numbers.below(9) {
        0 | 1 => format!("N Content-Type: {}", numbers.one(&TYPES)),
        2 => format!("N Content-Transfer-Encoding: {}", numbers.one(&ENCODINGS)),
        3 | 4 => format!("N X-{}: value", numbers.below(22)),
        5 => format!("N Subject: {}", numbers.one(&SUBJECTS)),
        6 => format!("L From: so\nN meone{}", numbers.below(3)),
        7 => format!(
            "N {}",
            numbers.one(&[
                "Received: hop",
                "Message-Id: gone",
                "Bcc: x",
                "To: y",
                "MIME-Version: 1.0",
                "X-5: a\nN \\tb"
            ])
        ),
        _ => format!("N Date : now\nN  and {}", numbers.below(3)),
    }
}

fn message(numbers: &mut Numbers) -> String {
    let mut text = String::from("T 1700000000 1\n");
    if numbers.below(2) == 0 {
        text +=
            "A log_message_origin=client.example[192.0.2.1]\nA log_protocol_name=ESMTP\nA log_helo_name=helo.example\n";
    }
    text += "S ann\nR bob\nM\nN Received: x\n";
    for _ in 0..=numbers.below(3) {
        for _ in 0..numbers.below(5) {
            let _ = writeln!(text, "{}", header(numbers));
        }
        for _ in 0..numbers.below(9) {
            let kind = ["N", "N", "N", "N", "N", "L"][numbers.below(6)];
            let _ = writeln!(text, "{kind} {}", numbers.one(&LINES));
        }
    }
    text + "X\nE\n"
}

fn run(parameters: &[(&str, &str)]) {
    let mut numbers = Numbers::seeded();
    let texts: Vec<String> = (0..150).map(|_| message(&mut numbers)).collect();
    let cases: Vec<(i32, &str)> = texts
        .iter()
        .enumerate()
        .map(|(number, text)| (if number % 3 == 0 { PICKUP & !1 } else { SMTPD }, text.as_str()))
        .collect();
    compare_with(parameters, &FILES, &cases);
}

#[test]
fn with_all_checks() {
    run(&CHECKS);
}

#[test]
fn with_strict_rules() {
    let strict = [("strict_8bitmime", "yes"), ("strict_mime_encoding_domain", "yes"), ("mime_nesting_limit", "1")];
    run(&[&strict[..], &CHECKS[3..]].concat());
}

#[test]
fn with_limits_and_characters() {
    let parameters = [
        ("message_strip_characters", "\\0x"),
        ("message_reject_characters", "\\351"),
        ("body_checks_size_limit", "12"),
        ("mime_boundary_length_limit", "1"),
        ("cleanup_replace_stray_cr_lf", "no"),
    ];
    run(&[&parameters[..], &CHECKS[..]].concat());
}

#[test]
fn without_mime() {
    run(&[&[("disable_mime_input_processing", "yes")], &CHECKS[..]].concat());
}
