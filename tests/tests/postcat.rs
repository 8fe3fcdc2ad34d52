//! What postcat shows of queue files (queue-files §12, checklist §17).

use tests::records::{record, worked_example};
use tests::{Instance, require_instances};

const EXAMPLE_ENVELOPE: &str = "\
message_size:             285             276               1               0             285               0
message_arrival_time: Tue Nov 24 05:44:06 2026
create_time: Tue Nov 24 05:44:06 2026
named_attribute: rewrite_context=local
sender_fullname: Alice Example
sender: alice@mail.example.org
named_attribute: dsn_orig_rcpt=rfc822;bob@example.net
original_recipient: bob@example.net
recipient: bob@example.net
";

const EXAMPLE_HEADER: &str = "\
Received: by mail.example.org (Postfix, from userid 1000)
\tid 676205D2C1; Tue, 24 Nov 2026 05:44:06 +0000 (UTC)
Subject: hi
Message-Id: <20261124054406.676205D2C1@mail.example.org>
Date: Tue, 24 Nov 2026 05:44:06 +0000 (UTC)
From: Alice Example <alice@mail.example.org>
";

/// Checklist 2 and 50.
#[test]
fn postcat_shows_envelope_header_and_body() {
    require_instances!();
    let instance = Instance::builder().build();
    let file = instance.path("message").display().to_string();
    instance.write("message", worked_example());
    let whole = format!(
        "*** ENVELOPE RECORDS {file} ***\n{EXAMPLE_ENVELOPE}*** MESSAGE CONTENTS {file} ***\n{EXAMPLE_HEADER}\nhello\n\
         *** HEADER EXTRACTED {file} ***\n*** MESSAGE FILE END {file} ***\n"
    );
    let envelope = format!(
        "*** ENVELOPE RECORDS {file} ***\n{EXAMPLE_ENVELOPE}*** HEADER EXTRACTED {file} ***\n*** MESSAGE FILE END {file} ***\n"
    );
    let cases: [(&[&str], String); 5] = [
        (&[], whole.clone()),
        (&["-ehb"], whole),
        (&["-h"], EXAMPLE_HEADER.to_owned()),
        (&["-b"], "\nhello\n".to_owned()),
        (&["-hb"], format!("{EXAMPLE_HEADER}\nhello\n")),
    ];
    for (options, expected) in cases {
        let mut arguments = options.to_vec();
        arguments.push(&file);
        let output = instance.run("postcat", &arguments).success();
        assert_eq!((output.stdout, output.stderr.as_str()), (expected, ""), "{options:?}");
    }
    let output = instance.run("postcat", &["-e", &file]).success();
    assert!(output.stdout.contains(EXAMPLE_ENVELOPE) && output.stdout.starts_with(&envelope[..30]), "{output:?}");
}

#[test]
fn postcat_shows_offsets_types_and_names() {
    require_instances!();
    let instance = Instance::builder().build();
    let file = instance.path("message").display().to_string();
    instance.write("message", worked_example());
    let output = instance.run("postcat", &["-d", "-o", &file]).success().stdout;
    for line in ["       97  84 message_arrival_time: ", "      178  83 sender: alice", "      554  78 hello\n"] {
        assert!(output.contains(&format!("\n{line}")), "{output}");
    }
    let output = instance.run("postcat", &["-v", &file]).success().stdout;
    assert!(output.contains("\nregular_text: hello\n"), "{output}");
    let output = instance.run("postcat", &["-n", &file]);
    assert_eq!(output.status, 1);
    assert!(output.stderr.contains("fatal: usage: "), "{output:?}");
}

/// Checklist 51.
#[test]
fn postcat_passes_over_what_is_no_queue_file() {
    require_instances!();
    let instance = Instance::builder().build();
    instance.write("junk", "junk\n");
    let file = instance.path("junk").display().to_string();
    let output = instance.run("postcat", &[&file]);
    assert_eq!((output.status, output.stdout.as_str()), (0, ""));
    assert!(
        output.stderr.ends_with(&format!("postcat: warning: {file}: input is not a valid queue file\n")),
        "{output:?}"
    );
    let output = instance.run("postcat", &["/nonexistent"]);
    assert_eq!(output.status, 1);
    assert!(output.stderr.contains("fatal: open /nonexistent: No such file or directory"), "{output:?}");
}

#[test]
fn postcat_finds_messages_by_their_id() {
    require_instances!();
    let instance = Instance::builder().build();
    let (id, _) = instance.place("deferred", &worked_example(), 0o700);
    let output = instance.run("postcat", &["-bq", &id]).success();
    assert_eq!(output.stdout, "\nhello\n");
    let cases = [
        ("12345ABCDEF", "fatal: open queue file 12345ABCDEF: No such file or directory"),
        ("a/b", "fatal: bad mail queue ID: a/b"),
    ];
    for (id, text) in cases {
        let output = instance.run("postcat", &["-q", id]);
        assert_eq!(output.status, 1);
        assert!(output.stderr.contains(text), "{output:?}");
    }
}

/// Checklist 15.
#[test]
fn a_loop_of_pointers_ends() {
    require_instances!();
    let instance = Instance::builder().build();
    let mut bytes = worked_example();
    bytes.truncate(274);
    let pointer = record(b'p', format!("{:15}", 257));
    bytes.extend(pointer);
    instance.write("loop", bytes);
    let file = instance.path("loop").display().to_string();
    let output = instance.run("postcat", &["-e", &file]);
    assert_eq!(output.status, 1, "{}", output.stderr);
}
