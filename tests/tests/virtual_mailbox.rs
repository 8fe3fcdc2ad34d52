//! Virtual mailboxes (delivery-agents §3, checklist §8 items 41 to 44).

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use tests::{Builder, Instance, require_instances};

fn instance() -> Builder {
    Instance::builder()
        .set("virtual_mailbox_domains", "v.example")
        .set("virtual_mailbox_base", "{dir}/vmail")
        .set("virtual_mailbox_maps", "texthash:{dir}/etc/mailboxes")
        .set("virtual_uid_maps", "texthash:{dir}/etc/uids")
        .set("virtual_gid_maps", "static:8")
        .file(
            "etc/mailboxes",
            "dir@v.example v/dir/\nfile@v.example v/file\nlow@v.example v/low\nbad@v.example v/bad\n@cat.example all\n",
        )
        .file("etc/uids", "dir@v.example 8765\nfile@v.example 8765\nlow@v.example 99\n")
        .file("vmail/v/keep", "")
}

fn start(builder: Builder) -> Instance {
    let instance = builder.build();
    for name in ["vmail", "vmail/v"] {
        fs::set_permissions(instance.path(name), Permissions::from_mode(0o777)).expect("permissions");
    }
    instance.start();
    instance
}

fn status(instance: &Instance, texts: &[&str]) {
    let mut all = vec!["postfix/virtual[", "relay=virtual"];
    all.extend(texts);
    instance.wait_for_log(&all);
}

/// Checklist 41.
#[test]
fn a_maildir_is_made_with_the_rights_of_the_tables() {
    require_instances!();
    let instance = start(instance());
    instance.send(&["-f", "s@local.example", "Dir@v.example"], "Subject: x\n\nhi\n");
    status(&instance, &["to=<Dir@v.example>", "status=sent (delivered to maildir)"]);
    let directory = instance.path("vmail/v/dir");
    let new: Vec<_> = fs::read_dir(directory.join("new")).expect("a maildir").flatten().collect();
    assert_eq!(new.len(), 1);
    let (directory, file) = (directory.metadata().expect("a directory"), new[0].metadata().expect("a file"));
    assert_eq!((directory.mode() & 0o777, directory.uid(), directory.gid()), (0o700, 8765, 8));
    assert_eq!((file.mode() & 0o777, file.uid(), file.gid()), (0o600, 8765, 8));
    let text = fs::read_to_string(new[0].path()).expect("a message");
    assert!(text.contains("\nDelivered-To: Dir@v.example\n"), "{text}");
}

#[test]
fn a_mailbox_file_is_appended_to() {
    require_instances!();
    let instance = start(instance());
    for _ in 0..2 {
        instance.send(&["-f", "s@local.example", "file@v.example"], "Subject: x\n\nFrom me\n");
    }
    status(&instance, &["status=sent (delivered to mailbox)"]);
    instance.wait_for_empty_queue();
    let text = instance.read("vmail/v/file");
    assert_eq!(text.matches("\n>From me\n\n").count(), 2, "{text}");
}

/// Checklist 42.
#[test]
fn ids_that_are_too_low_or_missing_defer() {
    require_instances!();
    let instance = start(instance());
    instance.send(&["low@v.example", "bad@v.example"], "\nhi\n");
    for recipient in ["low", "bad"] {
        let to = format!("to=<{recipient}@v.example>");
        status(&instance, &[&to, "dsn=4.3.5, status=deferred (mail system configuration error)"]);
    }
    instance.wait_for_log(&["warning: recipient low@v.example: bad uid 99 in virtual_uid_maps"]);
    instance.wait_for_log(&["warning: recipient bad@v.example: not found in virtual_uid_maps"]);
}

/// Checklist 43.
#[test]
fn unknown_users_bounce_with_their_name_in_lower_case() {
    require_instances!();
    let instance = start(instance());
    instance.send(&["-f", "", "Nobody@v.example"], "\nhi\n");
    status(&instance, &["to=<Nobody@v.example>", "dsn=5.1.1, status=bounced (unknown user: \"nobody@v.example\")"]);
}

/// Checklist 44.
#[test]
fn there_is_no_loop_check() {
    require_instances!();
    let instance = start(instance());
    instance.send(&["file@v.example"], "Delivered-To: file@v.example\nSubject: x\n\nhi\n");
    status(&instance, &["status=sent (delivered to mailbox)"]);
}
