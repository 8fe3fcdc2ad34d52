//! What Postfix 3.8 to 3.11 added to cleanup, trivial-rewrite and bounce (cleanup-rewrite §23, checklist §24 item 60).
//!
//! The control is 3.7 and has none of this, so these tests run on Posthorn's programs only, and say what the specification and the RFCs say.

use tests::session::{ALL, CONTEXT, Outcome, REMOTE, content, instance, message, post};
use tests::{Builder, Instance, Subject, USERS, require_instances, skip};

/// Skips the test where the program is not Posthorn's.
macro_rules! require_ours {
    ($($program:literal),+) => {
        require_instances!();
        if [$($program),+].iter().any(|program| Subject::from_environment().is_genuine(program)) {
            skip!("Postfix 3.7 does not know this");
        }
    };
}

const SENDER: (u8, &str) = (b'S', "joe@example.com");
const RECIPIENT: (u8, &str) = (b'R', "bob@example.com");

fn named(instance: &Instance, name: &str) -> Outcome {
    post(instance, ALL, &message(&[CONTEXT, (b'F', name), SENDER, RECIPIENT], &["Subject: x", "", "x"]))
}

/// The From header, its lines joined by newlines.
fn from(outcome: &Outcome) -> String {
    let content = outcome.content();
    let header = content.iter().skip_while(|line| !line.starts_with("From: "));
    let mut lines: Vec<&str> = header.copied().take(1).collect();
    let behind = content.iter().skip_while(|line| !line.starts_with("From: ")).skip(1);
    lines.extend(behind.take_while(|line| line.starts_with('\t')).copied());
    lines.join("\n")
}

/// The last number of the first record.
fn wishes(outcome: &Outcome) -> &str {
    outcome.records[0].rsplit(' ').next().unwrap_or_default()
}

/// Checklist 60.
#[test]
fn full_names_that_are_not_ascii() {
    require_ours!("cleanup");
    let default = instance().start();
    assert_eq!(from(&named(&default, "José User")), "From: =?utf-8?Q?Jos=C3=A9_User?= <joe@example.com>");
    assert_eq!(from(&named(&default, "Joe \"X\" User")), "From: \"Joe \\\"X\\\" User\" <joe@example.com>");
    let long = "Михаил Васильевич Ломоносов Михаил Васильевич";
    let header = from(&named(&default, long));
    assert!(header.starts_with("From: =?utf-8?B?") && header.contains("?=\n\t=?utf-8?B?"), "{header}");
    let parsed = mailparse::parse_header(header.as_bytes()).expect("a header").0.get_value();
    assert_eq!(parsed, format!("{long} <joe@example.com>"));
    let obsolete =
        instance().set("header_from_format", "obsolete").set("full_name_encoding_charset", "iso-8859-1").start();
    assert_eq!(from(&named(&obsolete, "José User")), "From: joe@example.com (=?iso-8859-1?Q?Jos=C3=A9_User?=)");
    let bad = instance().set("full_name_encoding_charset", "x y").start();
    assert_eq!(from(&named(&bad, "José User")), "From: joe@example.com");
    bad.wait_for_log(&["warning: bad full_name_encoding_charset value: \"x y\""]);
}

#[test]
fn eight_bit_text_becomes_quoted_printable() {
    require_ours!("cleanup");
    let instance = instance()
        .set("force_mime_input_conversion", "yes")
        .set("body_checks", "regexp:{dir}/etc/body_checks")
        .file("etc/body_checks", "/caf=C3/ WARN seen\n")
        .start();
    let headers = ["Content-Type: text/plain", "Content-transfer-encoding: 8bit", "To: q@w.example"];
    let outcome = content(&instance, REMOTE, &[&headers[..], &["", "body café=1 ", "\tx"]].concat());
    let converted = [
        "Content-Type: text/plain",
        "To: q@w.example",
        "Content-Transfer-Encoding: quoted-printable",
        "",
        "body caf=C3=A9=3D1=20",
        "\tx",
    ];
    assert_eq!(outcome.content(), converted);
    instance.wait_for_log(&[&outcome.id, "warning: body body caf=C3=A9=3D1=20 from"]);
    let parts = [
        "MIME-Version: 1.0",
        "Content-Type: multipart/mixed; boundary=b",
        "Content-Transfer-Encoding: 8bit",
        "",
        "--b",
        "Content-Transfer-Encoding: 8bit",
        "",
        "ä",
        "--b",
        "Content-Transfer-Encoding: base64",
        "",
        "w6Q=",
        "--b--",
    ];
    let converted = [
        "MIME-Version: 1.0",
        "Content-Type: multipart/mixed; boundary=b",
        "Content-Transfer-Encoding: 7bit",
        "",
        "--b",
        "Content-Transfer-Encoding: quoted-printable",
        "",
        "=C3=A4",
        "--b",
        "Content-Transfer-Encoding: base64",
        "",
        "w6Q=",
        "--b--",
    ];
    assert_eq!(content(&instance, REMOTE, &parts).content(), converted);
}

/// A daemon that cannot work as it is configured says so, and ends.
fn refuses(builder: Builder, text: &str) {
    let instance = builder.start();
    // The daemon begins when a client comes.
    let _client = std::os::unix::net::UnixStream::connect(instance.path("q/public/cleanup"));
    instance.wait_for_log(&["postfix/cleanup[", "fatal: ", text]);
}

#[test]
fn settings_that_cannot_be() {
    require_ours!("cleanup");
    let both = instance().set("force_mime_input_conversion", "yes").set("disable_mime_input_processing", "yes");
    refuses(both, "do not specify both disable_mime_input_processing=yes and force_mime_input_conversion=yes");
    let unknown = instance().set("non_empty_end_of_header_action", "mend");
    refuses(unknown, "bad non_empty_end_of_header_action value: 'mend'");
}

#[test]
fn a_line_that_is_no_header_ends_the_headers() {
    require_ours!("cleanup");
    let lines = ["Subject: x", "no header"];
    let quiet = instance().start();
    assert_eq!(content(&quiet, REMOTE, &lines).content(), ["Subject: x", "", "no header"]);
    let note = instance().set("non_empty_end_of_header_action", "add_header").start();
    let outcome = content(&note, REMOTE, &lines);
    let header = "MIME-Error: message header was not terminated by empty line";
    assert_eq!((outcome.status, outcome.content()), (0, vec!["Subject: x", header, "", "no header"]));
    assert_eq!(content(&note, REMOTE, &["Subject: x", "", "no header"]).content(), ["Subject: x", "", "no header"]);
    let strict = instance().set("non_empty_end_of_header_action", "reject").start();
    let outcome = content(&strict, REMOTE, &lines);
    let text = "primary header was terminated with non-empty line";
    assert_eq!((outcome.status, outcome.reason), (8, format!("5.6.0 {text}")));
    strict.wait_for_log(&[&outcome.id, &format!("reject: mime-error {text}: no header from ")]);
    // Without header and body checks, nobody looks.
    let unfiltered = message(&[REMOTE, SENDER, RECIPIENT], &lines);
    assert_eq!(post(&strict, 0, &unfiltered).status, 0);
}

/// RFC 8689.
#[test]
fn wishes_about_tls_are_kept() {
    require_ours!("cleanup");
    let default = instance().start();
    let with = |instance: &Instance, lines: &[&str]| content(instance, REMOTE, &[lines, &["", "x"]].concat());
    assert_eq!(wishes(&with(&default, &["TLS-Required: No"])), "16");
    assert_eq!(wishes(&with(&default, &["Require-TLS-ESMTP: yes"])), "32");
    let outcome = with(&default, &["TLS-Required: perhaps"]);
    assert_eq!((wishes(&outcome), outcome.content()[0]), ("0", "TLS-Required: perhaps"));
    default.wait_for_log(&["warning: ignoring malformed header: 'TLS-Required: perhaps'"]);
    let plain = message(&[REMOTE, SENDER, RECIPIENT], &["Subject: x", "", "x"]);
    let outcome = post(&default, ALL + 1024, &plain);
    assert_eq!((wishes(&outcome), outcome.content()), ("32", vec!["Subject: x", "Require-TLS-ESMTP: yes", "", "x"]));
    let deaf = instance().set("tls_required_enable", "no").set("requiretls_enable", "no").start();
    assert_eq!(wishes(&with(&deaf, &["TLS-Required: no", "Require-TLS-ESMTP: yes"])), "0");
    let silent = instance().set("requiretls_esmtp_header", "no").start();
    let outcome = post(&silent, ALL + 1024, &plain);
    assert_eq!((wishes(&outcome), outcome.content()), ("32", vec!["Subject: x", "", "x"]));
}

/// What the submitter asked for survives a return to the queue; what content tells, is told by the content again.
#[test]
fn wishes_survive_a_requeue() {
    require_ours!("cleanup");
    let instance = instance().start();
    for (old, new) in [("1", "1"), ("63", "33"), ("14", "0"), ("16", "0")] {
        let size = format!("{:15} {:15} {:15} {:15} {:15} {old:>15}", 285, 276, 1, 0, 285);
        let mut records = message(&[REMOTE, SENDER, RECIPIENT], &["Subject: x", "", "x"]);
        records.insert(0, (b'C', &size));
        assert_eq!(wishes(&post(&instance, ALL, &records)), new, "{old}");
    }
}

/// cleanup-rewrite §9.7.
#[test]
fn relocated_users_may_have_a_status() {
    require_ours!("trivial-rewrite", "cleanup", "bounce", "qmgr");
    let instance = Instance::builder()
        .set("relocated_maps", "inline:{{gone@far.example=5.2.1 Mailbox disabled},{moved@far.example=new@far.example}}")
        .set("relocated_prefix_enable", "no")
        .start();
    instance.send(&["-f", USERS[0], "gone@far.example", "moved@far.example"], "Subject: x\n\nx\n");
    instance.wait_for_log(&["to=<gone@far.example>", "dsn=5.2.1, status=bounced (Mailbox disabled)"]);
    instance.wait_for_log(&["to=<moved@far.example>", "dsn=5.2.0, status=bounced (Mailbox is unavailable)"]);
    let text = "warning: relocated_maps result must contain RFC 3463 status and text: 'new@far.example'";
    instance.wait_for_log(&["postfix/trivial-rewrite[", text]);
}

/// qmgr-bounce §11.5: a notification travels as freely as its message, or has little in it.
#[test]
fn notifications_have_the_wishes_of_their_messages() {
    require_ours!("cleanup", "bounce", "qmgr", "trivial-rewrite", "pickup");
    let instance = Instance::builder().set("relocated_maps", "inline:{gone@far.example=x}").start();
    instance.send(&["-f", USERS[0], "gone@far.example"], "Subject: free\nTLS-Required: no\n\nopen text\n");
    let mail = instance.wait_for_mail(USERS[0], 1).join("");
    let (head, original) = mail.split_once("\n\n").expect("headers end");
    assert!(head.contains("TLS-Required: no\nAuto-Submitted: ") && original.contains("open text"), "{mail}");
    instance.send(&["-f", USERS[1], "gone@far.example"], "Subject: closed\nRequire-TLS-ESMTP: yes\n\nsecret text\n");
    let mail = instance.wait_for_mail(USERS[1], 1).join("");
    assert!(mail.contains("Subject: closed") && !mail.contains("secret text"), "{mail}");
}
