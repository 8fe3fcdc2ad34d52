//! Mail from this machine: sendmail, postdrop, pickup (queue-files §9 to §11, checklist §17).

use tests::{Instance, USERS, require_instances};

const USER: &str = USERS[0];

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
