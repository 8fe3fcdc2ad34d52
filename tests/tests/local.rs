//! Local delivery (delivery-agents §1, §2, checklist §8).

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::time::Duration;

use tests::instance::HOST;
use tests::{Builder, Instance, USERS, require_instances, wait};

const USER: &str = USERS[0];
const OTHER: &str = USERS[1];

/// An instance with these aliases.
fn with_aliases(aliases: &str) -> Builder {
    Instance::builder()
        .set("alias_maps", "texthash:{dir}/etc/aliases")
        .set("recipient_delimiter", "+")
        .set("local_command_shell", "")
        .file("etc/aliases", aliases)
}

fn send(instance: &Instance, recipient: &str) {
    instance.send(&["-f", &format!("{OTHER}@{HOST}"), recipient], "Subject: test\n\nbody\n");
}

/// The delivery line for a recipient.
fn status(instance: &Instance, texts: &[&str]) -> String {
    let mut all = vec!["postfix/local[", "status="];
    all.extend(texts);
    instance.wait_for_log(&all)
}

/// Checklist 1.
#[test]
fn an_alias_of_two_users_delivers_to_both() {
    require_instances!();
    let instance = with_aliases(&format!("a {USER}, {OTHER}\n")).start();
    send(&instance, "a");
    for user in USERS {
        instance.wait_for_mail(user, 1);
        status(&instance, &[&format!("to=<{user}@{HOST}>, orig_to=<a>"), "(delivered to mailbox)"]);
    }
}

/// Checklist 2 and 3.
#[test]
fn nobody_gets_two_copies_and_an_alias_may_name_its_own_user() {
    require_instances!();
    let instance = with_aliases(&format!("twice {USER}, {USER}\n{OTHER} {OTHER}, {USER}\n")).start();
    send(&instance, "twice");
    instance.wait_for_mail(USER, 1);
    send(&instance, OTHER);
    instance.wait_for_mail(OTHER, 1);
    instance.wait_for_mail(USER, 2);
    instance.wait_for_empty_queue();
    assert_eq!(instance.mailbox(USER).len(), 2);
}

/// Checklist 4.
#[test]
fn aliases_that_go_round_in_circles_bounce() {
    require_instances!();
    let instance = with_aliases("x y\ny x\n").start();
    send(&instance, "x");
    status(&instance, &["dsn=5.4.6", "status=bounced (alias database loop for "]);
}

/// Checklist 5.
#[test]
fn failures_of_a_list_go_to_its_owner() {
    require_instances!();
    let instance = with_aliases(&format!("l \"|/bin/false\"\nowner-l {USER}\n")).start();
    send(&instance, "l");
    status(&instance, &["dsn=5.3.0", "status=bounced"]);
    let mail = &instance.wait_for_mail(USER, 1)[0];
    assert!(mail.contains("Undelivered Mail Returned to Sender"), "{mail}");
    instance.wait_for_empty_queue();
    assert!(instance.mailbox(OTHER).is_empty());
}

/// Checklist 6 to 12.
#[test]
fn ends_of_commands_have_their_meanings() {
    require_instances!();
    let cases = [
        ("c1", "exit 67", "dsn=5.1.1, status=bounced (user unknown)"),
        ("c2", "exit 75", "dsn=4.3.0, status=deferred (temporary failure)"),
        ("c3", "echo 5.7.9 go away; exit 1", "dsn=5.7.9, status=bounced (go away )"),
        (
            "c4",
            "echo hi; exit 1",
            "dsn=5.3.0, status=bounced (Command died with status 1: \"echo hi; exit 1\". Command output: hi )",
        ),
        ("c5", "kill -9 $$", "dsn=4.3.0, status=deferred (Command died with signal 9: \"kill -9 $$\")"),
        ("c6", "true", "dsn=2.0.0, status=sent (delivered to command: true)"),
        ("c7", "sleep 20; true", "dsn=5.3.0, status=bounced (Command time limit exceeded: \"sleep 20; true\")"),
        (
            "c8",
            "/no/such/program",
            "dsn=4.3.0, status=deferred (temporary failure. Command output: local: fatal: execvp /no/such/program: No such \
             file or directory )",
        ),
    ];
    let aliases: String = cases.iter().map(|(name, command, _)| format!("{name} \"|{command}\"\n")).collect();
    let instance = with_aliases(&aliases).set("command_time_limit", "2s").start();
    for (name, _, _) in cases {
        send(&instance, name);
    }
    for (name, _, text) in cases {
        status(&instance, &[&format!("to=<{name}@{HOST}>"), text]);
    }
}

/// Checklist 13 to 16.
#[test]
fn include_files_name_addresses_and_nothing_else() {
    require_instances!();
    let aliases =
        "cmd :include:{dir}/cmd\nfile :include:{dir}/file\nopen :include:{dir}/open\nuser :include:{dir}/user\n";
    let instance = with_aliases(aliases)
        .file("cmd", "|true\n")
        .file("file", "/var/spool/x\n")
        .file("open", &format!("{USER}\n"))
        .file("user", &format!("# a comment\n{USER}\n"))
        .build();
    fs::set_permissions(instance.path("open"), Permissions::from_mode(0o666)).expect("permissions");
    instance.start();
    for name in ["cmd", "file", "open", "user"] {
        send(&instance, name);
    }
    status(&instance, &["<cmd@", "dsn=5.7.1", "status=bounced (mail to command is restricted)"]);
    status(&instance, &["<file@", "dsn=5.7.1", "status=bounced (mail to file is restricted)"]);
    status(&instance, &["<open@", "dsn=5.3.5", "status=bounced (mail system configuration error)"]);
    instance.wait_for_log(&["warning: :include: file ", "/open is world writable"]);
    status(&instance, &["<user@", "status=sent (forwarded as "]);
    instance.wait_for_mail(USER, 1);
}

/// An instance whose users' `.forward` files are in a directory of its own.
fn with_forward_files() -> Builder {
    Instance::builder()
        .set("recipient_delimiter", "+")
        .set("forward_path", "{dir}/forward/$user${recipient_delimiter}${extension}, {dir}/forward/$user")
        .set("command_expansion_filter", "abcdefghijklmnopqrstuvwxyz0123456789@.+-_/")
}

fn forward_file(instance: &Instance, name: &str, text: &str, mode: u32) {
    instance.write(&format!("forward/{name}"), text);
    let path = instance.path("forward").join(name);
    fs::set_permissions(&path, Permissions::from_mode(mode)).expect("permissions");
}

/// Checklist 17, 18 and 20.
#[test]
fn a_forward_file_counts_when_it_is_safe_and_says_something() {
    require_instances!();
    let instance = with_forward_files().start();
    forward_file(&instance, USER, OTHER, 0o666);
    send(&instance, USER);
    instance.wait_for_mail(USER, 1);
    instance.wait_for_log(&["warning: file ", &format!("/forward/{USER} is world writable")]);
    forward_file(&instance, USER, "", 0o644);
    send(&instance, USER);
    instance.wait_for_mail(USER, 2);
    forward_file(&instance, USER, &format!("# nobody\n{OTHER}\n"), 0o644);
    send(&instance, USER);
    instance.wait_for_mail(OTHER, 1);
    status(&instance, &[&format!("to=<{USER}@{HOST}>"), "status=sent (forwarded as "]);
    assert_eq!(instance.mailbox(USER).len(), 2);
}

/// Checklist 19.
#[test]
fn the_file_with_the_extension_comes_first() {
    require_instances!();
    let instance = with_forward_files().start();
    forward_file(&instance, USER, "|\"exit 67\"\n", 0o644);
    forward_file(&instance, &format!("{USER}+ext"), OTHER, 0o644);
    send(&instance, &format!("{USER}+ext"));
    instance.wait_for_mail(OTHER, 1);
    send(&instance, USER);
    status(&instance, &["dsn=5.1.1", "status=bounced (user unknown)"]);
}

/// Checklist 21.
#[test]
fn extensions_go_on_when_they_shall() {
    require_instances!();
    let aliases = format!("a {USER}\n");
    for (propagate, address) in
        [("canonical, virtual, alias", format!("{USER}+x@{HOST}")), ("canonical", format!("{USER}@{HOST}"))]
    {
        let instance = with_aliases(&aliases).set("propagate_unmatched_extensions", propagate).start();
        send(&instance, "a+x");
        status(&instance, &[&format!("to=<{address}>"), "orig_to=<a+x>", "(delivered to mailbox)"]);
    }
}

/// Checklist 22.
#[test]
fn mail_that_was_delivered_here_before_is_a_loop() {
    require_instances!();
    let instance = Instance::builder().start();
    let upper = USER.to_ascii_uppercase();
    instance.send(&["-f", OTHER, USER], format!("Delivered-To: {upper}@Test.Example.COM\nSubject: x\n\nhi\n"));
    status(&instance, &["dsn=5.4.6", &format!("status=bounced (mail forwarding loop for {USER}@{HOST})")]);
}

/// Checklist 23 to 25.
#[test]
fn files_are_appended_to_unless_they_are_programs() {
    require_instances!();
    let aliases = "null /dev/null\nfile {dir}/open/file\nshut {dir}/shut/file\nprog {dir}/open/prog\n";
    let instance = with_aliases(aliases).file("open/file", "").file("shut/file", "").file("open/prog", "").build();
    fs::set_permissions(instance.path("open"), Permissions::from_mode(0o777)).expect("permissions");
    for (name, mode) in [("open/file", 0o666), ("shut/file", 0o666), ("open/prog", 0o777)] {
        fs::set_permissions(instance.path(name), Permissions::from_mode(mode)).expect("permissions");
    }
    instance.start();
    for name in ["null", "file", "shut", "prog"] {
        send(&instance, name);
    }
    status(&instance, &["<null@", "status=sent (delivered to file: /dev/null)"]);
    status(&instance, &["<file@", "status=sent (delivered to file: ", "/open/file)"]);
    status(&instance, &["<shut@", "status=sent (delivered to file: ", "/shut/file)"]);
    instance.wait_for_log(&["warning: unable to create lock file ", "/shut/file.lock: Permission denied"]);
    status(
        &instance,
        &["<prog@", "dsn=5.7.1", "status=bounced (cannot append message to file ", "/prog: file is executable)"],
    );
    assert!(instance.read("open/file").starts_with(&format!("From {OTHER}@{HOST}  ")));
    assert!(!instance.path("open/file.lock").exists());
}

/// Checklist 26 and 27.
#[test]
fn commands_run_with_the_rights_of_the_default_user() {
    require_instances!();
    let instance = with_aliases("who \"|id -un > {dir}/out/alias\"\n")
        .set("mailbox_command", "id -un > {dir}/out/mailbox")
        .set("command_expansion_filter", "abcdefghijklmnopqrstuvwxyz0123456789@.")
        .build();
    fs::create_dir(instance.path("out")).expect("a directory");
    fs::set_permissions(instance.path("out"), Permissions::from_mode(0o777)).expect("permissions");
    instance.start();
    send(&instance, "who");
    status(&instance, &["<who@", "status=sent"]);
    assert_eq!(instance.read("out/alias"), "nobody\n");
    send(&instance, "root");
    status(&instance, &["<root@", "status=sent"]);
    assert_eq!(instance.read("out/mailbox"), "nobody\n");
    fs::remove_file(instance.path("out/mailbox")).expect("a file");
    send(&instance, USER);
    status(&instance, &[&format!("<{USER}@"), "status=sent"]);
    assert_eq!(instance.read("out/mailbox"), format!("{USER}\n"));
}

#[test]
fn commands_are_told_about_the_delivery() {
    require_instances!();
    let instance = with_aliases(&format!("{USER} \"|env > {{dir}}/out/env\"\n")).build();
    fs::create_dir(instance.path("out")).expect("a directory");
    fs::set_permissions(instance.path("out"), Permissions::from_mode(0o777)).expect("permissions");
    instance.start();
    let address = format!("{USER}+Ext@{HOST}");
    send(&instance, &address);
    status(&instance, &["status=sent"]);
    let text = instance.read("out/env");
    for line in [
        format!("RECIPIENT={address}"),
        format!("ORIGINAL_RECIPIENT={address}"),
        format!("USER={USER}"),
        format!("LOGNAME={USER}"),
        format!("LOCAL={USER}+ext"),
        "EXTENSION=ext".into(),
        format!("DOMAIN={HOST}"),
        format!("SENDER={OTHER}@{HOST}"),
        "PATH=/usr/bin:/bin".into(),
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
}

/// Checklist 28 and 29.
#[test]
fn odd_extensions_are_no_extensions() {
    require_instances!();
    let instance = with_aliases("").start();
    send(&instance, &format!("+x@{HOST}"));
    status(&instance, &["dsn=5.1.1", "status=bounced (unknown user: \"+x\")"]);
    let address = format!("{USER}+y/z");
    send(&instance, &format!("{address}@{HOST}"));
    instance.wait_for_mail(USER, 1);
    instance.wait_for_log(&["warning: ", &format!("address with illegal extension: {address}")]);
}

/// Checklist 30 and 31.
#[test]
fn old_locks_are_broken_and_fresh_ones_are_respected() {
    require_instances!();
    let instance = Instance::builder().set("deliver_lock_attempts", "2").set("stale_lock_time", "3s").start();
    let user = sys::privilege::account(USER).ok().flatten().expect("an account");
    let lock = format!("mail/{USER}.lock");
    instance.write(&lock, "");
    // In a sticky directory only the owner can remove it.
    chown(instance.path(&lock), Some(user.uid), Some(user.gid)).expect("ownership");
    send(&instance, USER);
    let reason = format!("/mail/{USER} for user {USER}. unable to create lock file ");
    status(&instance, &["dsn=4.2.0", "status=deferred (cannot update mailbox ", &reason, ".lock: File exists)"]);
    std::thread::sleep(Duration::from_secs(4));
    send(&instance, USER);
    instance.wait_for_mail(USER, 1);
    wait::until("the end of the lock", || (!instance.path(&lock).exists()).then_some(()), || instance.log());
}

/// Checklist 32.
#[test]
fn a_new_mailbox_belongs_to_its_user() {
    require_instances!();
    let instance = Instance::builder().build();
    let user = sys::privilege::account(USER).ok().flatten().expect("an account");
    let group = sys::privilege::group("mail").ok().flatten().expect("the mail group");
    for (mode, expected) in [(0o1777, user.gid), (0o2775, group), (0o755, user.gid)] {
        instance.stop();
        let _ = fs::remove_file(instance.path("mail").join(USER));
        chown(instance.path("mail"), Some(0), Some(group)).expect("ownership");
        fs::set_permissions(instance.path("mail"), Permissions::from_mode(mode)).expect("permissions");
        instance.start();
        send(&instance, USER);
        instance.wait_for_mail(USER, 1);
        instance.wait_for_empty_queue();
        let metadata = instance.path("mail").join(USER).metadata().expect("the mailbox");
        assert_eq!((metadata.uid(), metadata.gid(), metadata.mode() & 0o777), (user.uid, expected, 0o600), "{mode:o}");
    }
}

/// Checklist 33 to 35.
#[test]
fn mailboxes_that_are_not_what_they_seem_are_refused() {
    require_instances!();
    let instance = Instance::builder().start();
    let mailbox = instance.path("mail").join(USER);
    instance.write(&format!("mail/{USER}"), "");
    fs::set_permissions(&mailbox, Permissions::from_mode(0o666)).expect("permissions");
    send(&instance, USER);
    status(&instance, &["dsn=4.2.0", "status=deferred", "is not owned by recipient)"]);
    fs::remove_file(&mailbox).expect("a file");
    let user = sys::privilege::account(USER).ok().flatten().expect("an account");
    instance.write("mail/real", "");
    chown(instance.path("mail/real"), Some(user.uid), Some(user.gid)).expect("ownership");
    symlink(instance.path("mail/real"), &mailbox).expect("a link");
    send(&instance, USER);
    status(&instance, &["dsn=5.2.0", "status=bounced", "file is a symbolic link)"]);
    fs::remove_file(&mailbox).expect("a link");
    fs::hard_link(instance.path("mail/real"), &mailbox).expect("a link");
    send(&instance, USER);
    status(&instance, &["dsn=5.2.0", "status=bounced", "file has 2 hard links)"]);
}

/// Checklist 36.
#[test]
fn a_message_without_a_last_line_end_is_ended() {
    require_instances!();
    let instance = Instance::builder().start();
    instance.send(&[USER], "Subject: x\n\nno end");
    assert!(instance.wait_for_mail(USER, 1)[0].ends_with("\nno end\n\n"));
}

/// Checklist 37.
#[test]
fn a_mailbox_that_is_full_stays_as_it_was() {
    require_instances!();
    let instance = Instance::builder().set("mailbox_size_limit", "20000").set("message_size_limit", "15000").start();
    let message = format!("Subject: x\n\n{}\n", "line\n".repeat(2400));
    instance.send(&["-f", OTHER, USER], &message);
    status(&instance, &["status=sent (delivered to mailbox)"]);
    let before = instance.path("mail").join(USER).metadata().expect("the mailbox").len();
    instance.send(&["-f", OTHER, USER], &message);
    status(&instance, &["dsn=5.2.2", "status=bounced", "error writing message: File too large)"]);
    assert_eq!(instance.path("mail").join(USER).metadata().expect("the mailbox").len(), before);
}

/// Checklist 39 and 40.
#[test]
fn unknown_users_are_relayed_or_returned() {
    require_instances!();
    let instance = Instance::builder()
        .set("recipient_delimiter", "+")
        .set("luser_relay", "$local@away.example")
        .set("transport_maps", "inline:{away.example=discard:away}")
        .start();
    send(&instance, "nobody-here+x");
    instance.wait_for_log(&["postfix/discard[", "to=<nobody-here+x@away.example>"]);
    status(&instance, &[&format!("<nobody-here+x@{HOST}>"), "status=sent (forwarded as "]);
    let instance = Instance::builder().start();
    send(&instance, "nobody-here");
    status(&instance, &["dsn=5.1.1", "status=bounced (unknown user: \"nobody-here\")"]);
    send(&instance, "postmaster");
    status(&instance, &["<postmaster@", "dsn=2.0.0, status=sent (discarded)"]);
    instance.wait_for_log(&["warning: required alias not found: postmaster"]);
}

/// Checklist 38.
#[test]
fn a_mailbox_transport_takes_over() {
    require_instances!();
    let instance = Instance::builder().set("mailbox_transport", "discard:here").start();
    send(&instance, USER);
    instance.wait_for_log(&[&format!(": passing <{USER}@{HOST}> to transport=discard")]);
    instance.wait_for_log(&["postfix/discard[", &format!("to=<{USER}@{HOST}>"), "status=sent (here)"]);
    instance.wait_for_empty_queue();
}

/// Checklist 52.
#[test]
fn probes_deliver_nothing() {
    require_instances!();
    let aliases = "file /dev/null\ncmd \"|touch {dir}/touched\"\naway x@away.example\n";
    let instance = with_aliases(aliases).start();
    instance.send(&["-bv", "-f", OTHER, USER, "file", "cmd", "away", "nobody-here"], "");
    for (recipient, text) in [
        (USER, "status=deliverable (delivers to mailbox)"),
        ("file", "status=deliverable (delivers to file: /dev/null)"),
        ("cmd", "status=deliverable (delivers to command: touch "),
        ("nobody-here", "status=undeliverable (unknown user: \"nobody-here\")"),
    ] {
        status(&instance, &[&format!("<{recipient}@{HOST}>"), text]);
    }
    status(&instance, &["to=<x@away.example>", "status=deliverable (forwards to x@away.example)"]);
    assert!(!instance.path("touched").exists() && instance.mailbox(USER).is_empty());
}

/// Checklist 54.
#[test]
fn a_working_directory_that_is_missing_defers() {
    require_instances!();
    let instance = Instance::builder()
        .set("mailbox_command", "pwd; exit 67")
        .set("command_execution_directory", "{dir}/$user")
        .start();
    send(&instance, USER);
    status(&instance, &["dsn=4.3.0", "status=deferred (temporary failure)"]);
    instance.wait_for_log(&["fatal: cannot change directory to \"", &format!("/{USER}\" for uid=")]);
    fs::create_dir(instance.path(USER)).expect("a directory");
    send(&instance, USER);
    status(&instance, &["dsn=5.1.1", "status=bounced (user unknown. Command output: ", &format!("/{USER} )")]);
}

#[test]
fn maildirs_are_made_and_filled() {
    require_instances!();
    let instance = Instance::builder().set("mail_spool_directory", "{dir}/mail/").start();
    send(&instance, USER);
    status(&instance, &["status=sent (delivered to maildir)"]);
    let new: Vec<_> =
        fs::read_dir(instance.path("mail").join(USER).join("new")).expect("a maildir").flatten().collect();
    assert_eq!(new.len(), 1);
    let text = fs::read_to_string(new[0].path()).expect("a message");
    assert!(
        text.starts_with(&format!(
            "Return-Path: <{OTHER}@{HOST}>\nX-Original-To: {USER}\nDelivered-To: {USER}@{HOST}\n"
        ))
    );
    assert!(text.ends_with("\n\nbody\n"));
    let name = new[0].file_name().into_string().expect("a name");
    let host = sys::process::host_name().expect("a host name").into_string().expect("a name");
    assert!(name.ends_with(&format!(".{host}")) && name.contains(".V") && name.contains('M'), "{name}");
}
