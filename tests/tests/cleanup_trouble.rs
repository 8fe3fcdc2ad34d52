//! cleanup: what becomes of mail when something is wrong with it, or with the system (cleanup-rewrite §18, checklist §24).

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt;

use sys::signal::Signal;
use tests::cleanup::{PICKUP, SMTPD, begin, encode, local, message, submit};
use tests::compare::builder;
use tests::{Instance, USERS, require_instances, wait};

/// With a content problem, a message that came from sendmail goes back to its sender, and the submitter hears of a success.
#[test]
fn a_bad_message_is_returned() {
    require_instances!();
    let instance = Instance::builder().set("hopcount_limit", "5").set("in_flow_delay", "0").start();
    let hops = "N Received: x\n".repeat(9);
    let sender = USERS[0];
    let text = format!("T 1700000000\nS {sender}\nR nobody@far.example\nM\n{hops}N Subject: loop\nN\nN body\nX\nE");
    let verdict = submit(&instance, PICKUP & !64, &text);
    assert_eq!(verdict.status, 0, "{verdict:?}\n{}", instance.log());
    let mail = &instance.wait_for_mail(sender, 1)[0];
    assert!(mail.contains("too many hops") && mail.contains("<nobody@far.example>"), "{mail}");
    instance.wait_for_log(&[
        &verdict.id,
        "to=<nobody@far.example>, relay=none",
        "dsn=5.4.0, status=bounced (too many hops)",
    ]);
    instance.wait_for_log(&[&verdict.id, "warning", "message rejected: hopcount exceeded"]);
    assert_eq!(message(&instance, "incoming", &verdict.id), None);
    instance.wait_for_empty_queue();
}

/// What was written of a message that is too big goes back to its sender, if that is wanted.
#[test]
fn a_message_that_is_too_big_is_returned() {
    require_instances!();
    let parameters = [("message_size_limit", "20000"), ("mailbox_size_limit", "0"), ("in_flow_delay", "0")];
    let instance =
        parameters.iter().fold(Instance::builder(), |builder, (name, value)| builder.set(name, value)).start();
    let sender = USERS[0];
    let body = "N 0123456789012345678901234567890\n".repeat(1000);
    let text = format!(
        "T 1700000000\nS {sender}\nR x@far.example\nR y@far.example\nM\nN Received: x\nN Subject: big\nN\n{body}X\nE"
    );
    let verdict = submit(&instance, PICKUP & !64, &text);
    assert_eq!(verdict.status, 0, "{verdict:?}\n{}", instance.log());
    let mail = &instance.wait_for_mail(sender, 1)[0];
    assert!(mail.contains("Subject: big") && !mail.contains("0123456789012345678901234567890"), "{mail}");
    instance.wait_for_log(&[
        &verdict.id,
        "to=<y@far.example>, relay=none",
        "dsn=5.3.4, status=bounced (message file too big)",
    ]);
    instance.wait_for_empty_queue();
}

/// A process that has old tables does not take another message.
#[test]
fn a_changed_table_is_noticed() {
    require_instances!();
    let instance =
        builder(&[("virtual_alias_maps", "hash:{dir}/etc/aliases")]).file("etc/aliases", "bob ann\n").build();
    instance.run("postmap", &[&instance.expand("hash:{dir}/etc/aliases")]).success();
    instance.start();
    let recipient = || {
        let id = submit(&instance, SMTPD, &local("R bob", "")).id;
        message(&instance, "incoming", &id).unwrap().into_iter().find(|line| line.starts_with("R ")).unwrap()
    };
    assert_eq!(recipient(), "R ann@test.example.com");
    // The time stamps of tables are compared in whole seconds.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    instance.write("etc/aliases", "bob carl\n");
    instance.run("postmap", &[&instance.expand("hash:{dir}/etc/aliases")]).success();
    assert_eq!(recipient(), "R carl@test.example.com");
    instance.wait_for_log(&["postfix/cleanup", "has changed -- restarting"]);
}

/// Checklist 58.
#[test]
fn a_message_over_the_size_limit_leaves_nothing() {
    require_instances!();
    let instance = builder(&[("message_size_limit", "20000"), ("mailbox_size_limit", "0")]).start();
    let verdict = submit(
        &instance,
        SMTPD,
        &local("R bob", &format!("N\n{}", "N 0123456789012345678901234567890\n".repeat(1000))),
    );
    assert_eq!(verdict.status, 4);
    instance.wait_for_log(&[&verdict.id, "warning", "queue file size limit exceeded"]);
    assert!(instance.queue("incoming").is_empty());
}

/// Checklist 56 and 57.
#[test]
fn held_mail_is_complete() {
    require_instances!();
    let instance = builder(&[]).start();
    let verdict = submit(&instance, SMTPD | 4, &local("R bob", ""));
    let path = &instance.queue("hold")[0];
    assert_eq!(path.file_name().and_then(|name| name.to_str()), Some(verdict.id.as_str()));
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(submit(&instance, SMTPD | 8, &local("R bob", "")).status, 0);
    assert!(instance.queue("incoming").is_empty());
}

/// Checklist 59.
#[test]
fn a_process_that_is_ended_leaves_nothing() {
    require_instances!();
    let instance = builder(&[]).start();
    let (id, mut stream) = begin(&instance, SMTPD);
    stream.write_all(&encode("T 1\nS a\nR b\n")).unwrap();
    let path = instance.path("q/incoming").join(&id);
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let pid = cleanup_pid(&instance);
    sys::signal::send(pid, Signal::SIGTERM).unwrap();
    tests::wait::until("no file", || (!path.exists()).then_some(()), || instance.log());
    instance.wait_for_log(&["postfix/master", &format!("pid {pid} exit status 15")]);
}

fn cleanup_pid(instance: &Instance) -> i32 {
    let program = instance.path("libexec/cleanup");
    let real = program.canonicalize().unwrap();
    let directory = instance.directory().canonicalize().unwrap();
    let is_it = |pid: &i32| {
        let link = |name: &str| std::fs::read_link(format!("/proc/{pid}/{name}")).unwrap_or_default();
        link("exe") == real && link("cwd").starts_with(&directory)
    };
    let pids =
        std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(is_it).max().expect("cleanup runs")
}

/// A client that goes away has not submitted anything.
#[test]
fn half_a_message_is_no_message() {
    require_instances!();
    let instance = builder(&[]).start();
    let (id, mut stream) = begin(&instance, SMTPD);
    stream.write_all(&encode(&local("R b", "N x").replace("E\n", ""))).unwrap();
    drop(stream);
    let path = instance.path("q/incoming").join(&id);
    tests::wait::until("no file", || (!path.exists()).then_some(()), || instance.log());
}

/// What happens to mail whose Milters do not answer.
#[test]
fn milters_that_do_not_answer() {
    require_instances!();
    let cases = [
        ("accept", 0, ""),
        ("reject", 8, "5.5.0 Service unavailable"),
        ("tempfail", 256, "4.7.1 Service unavailable - try again later"),
        ("quarantine", 0, ""),
    ];
    for (action, status, reason) in cases {
        let parameters = [("non_smtpd_milters", "inet:127.0.0.1:9"), ("milter_default_action", action)];
        let instance = builder(&parameters).start();
        let verdict = submit(&instance, 32 + 64, &local("R bob", ""));
        assert_eq!((verdict.status, verdict.reason.as_str()), (status, reason), "{action}");
        let directory = if action == "quarantine" { "hold" } else { "incoming" };
        assert_eq!(message(&instance, directory, &verdict.id).is_some(), status == 0, "{action}");
    }
}

/// A file system of a few kilobytes over a directory; it goes away with this value.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    /// `None`: this machine does not allow it.
    fn over(path: std::path::PathBuf) -> Option<SmallDisk> {
        let owner = sys::privilege::account("postfix").ok().flatten()?;
        let mount =
            std::process::Command::new("mount").args(["-t", "tmpfs", "-o", "size=40k", "tmpfs"]).arg(&path).status();
        mount.is_ok_and(|status| status.success()).then_some(())?;
        let disk = SmallDisk(path);
        std::os::unix::fs::chown(&disk.0, Some(owner.uid), Some(owner.gid)).ok()?;
        Some(disk)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// A message that does not fit on the disk is not accepted, not returned, and leaves nothing; one that fits is taken.
#[test]
fn a_full_disk_loses_nothing() {
    require_instances!();
    let instance = builder(&[]).build();
    let Some(_disk) = SmallDisk::over(instance.path("q/incoming")) else {
        tests::skip!("file systems cannot be mounted here")
    };
    instance.start();
    let big = local("R bob", &format!("N\n{}", "N 0123456789012345678901234567890\n".repeat(3000)));
    for flags in [32, 33] {
        let verdict = submit(&instance, flags, &big);
        assert_eq!((verdict.status, verdict.reason.as_str()), (2, ""));
        instance.wait_for_log(&[&verdict.id, "warning", "write queue file: No space left on device"]);
        assert!(instance.queue("incoming").is_empty());
    }
    let verdict = submit(&instance, 33, &local("R bob", ""));
    assert_eq!(verdict.status, 0);
    assert!(message(&instance, "incoming", &verdict.id).is_some());
    instance.stop();
}

/// In a chroot jail cleanup finds all that it needs.
#[test]
fn work_in_a_jail() {
    require_instances!();
    let instance = builder(&[("virtual_alias_maps", "inline:{ {list = l1@x.y} }")])
        .service("cleanup unix n - y - 0 cleanup")
        .start();
    let verdict = submit(&instance, SMTPD, &local("R list", "N To: ann"));
    let lines = message(&instance, "incoming", &verdict.id).unwrap();
    assert!(lines.contains(&"R l1@x.y".into()), "{lines:?}");
    assert!(lines.contains(&"N Date: Tue, 14 Nov 2023 22:13:20 +0000 (UTC)".into()), "{lines:?}");
    instance.wait_for_log(&[&verdict.id, "message-id="]);
}

/// VERP delimiters go to the bounce service: one notification for each recipient.
#[test]
fn a_bad_message_with_verp_is_returned_recipient_by_recipient() {
    require_instances!();
    let instance = Instance::builder()
        .set("hopcount_limit", "3")
        .set("in_flow_delay", "0")
        .set("recipient_delimiter", "+")
        .start();
    let sender = USERS[0];
    let text = format!(
        "T 1700000000\nS {sender}\nV +=\nR x@far.example\nR y@far.example\nM\nN Received: x\nN Received: x\nN Received: x\nX\nE"
    );
    assert_eq!(submit(&instance, PICKUP & !64, &text).status, 0);
    let mail = instance.wait_for_mail(sender, 2).concat();
    for recipient in ["x=far.example", "y=far.example"] {
        assert!(mail.contains(&format!("Delivered-To: {sender}+{recipient}@test.example.com")), "{mail}");
    }
}

/// The memory of cleanup does not grow with the message.
#[test]
fn a_huge_message_needs_little_memory() {
    require_instances!();
    let instance = builder(&[
        ("message_size_limit", "0"),
        ("mailbox_size_limit", "0"),
        ("body_checks", "regexp:{dir}/etc/body_checks"),
        ("body_checks_size_limit", "0"),
    ])
    .file("etc/body_checks", "/never to be seen/ REJECT\n")
    .start();
    let (id, mut stream) = begin(&instance, SMTPD);
    let pid = wait::until("cleanup", || instance.processes_named("cleanup").first().copied(), || instance.log());
    let text = local("R bob", "N Content-Type: multipart/mixed; boundary=b\nN");
    stream.write_all(&encode(text.strip_suffix("X\nE\n").expect("an end"))).expect("the headers");
    let megabyte = encode(&format!("N {}\n", "x".repeat(1021)).repeat(1024));
    for _ in 0..100 {
        stream.write_all(&megabyte).expect("the body");
    }
    stream.write_all(&encode("X\nE\n")).expect("the end");
    // The answer comes when the file is complete; the process is still there.
    stream.read_exact(&mut [0; 6]).expect("an answer");
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the state of the process");
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB")?.trim().parse::<u64>().ok());
    assert!(peak.is_some_and(|peak| peak < 40_000), "{peak:?} kB");
    let file = instance.path("q/incoming").join(id);
    assert!(file.metadata().expect("the message").len() > 100 << 20);
}
