//! The log (config §12, master-ipc §14): where it goes, what it looks like, and that a report made from it is the same.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tests::subject::{self, Subject};
use tests::{Instance, Output, USERS, require_instances, skip, wait};

const USER: &str = USERS[0];

fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 15
        && text.is_char_boundary(3)
        && ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"].contains(&&text[..3])
        && bytes.iter().enumerate().skip(3).all(|(at, byte)| match at {
            3 | 6 => *byte == b' ',
            9 | 12 => *byte == b':',
            _ => byte.is_ascii_digit(),
        })
}

/// config checklist 49.
#[test]
fn each_line_has_time_host_program_and_process() {
    require_instances!();
    let instance = Instance::builder().start();
    instance.send(&[USER], "Subject: x\n\nhi\n");
    instance.wait_for_log(&[": removed"]);
    for line in instance.log().lines() {
        let (time, rest) = line.split_at(15);
        assert!(is_time(time), "{line}");
        let (host, rest) = rest[1..].split_once(' ').expect("a host");
        assert_eq!(host, "test");
        let (program, _) = rest.split_once("]: ").expect("a program");
        let (name, pid) = program.split_once('[').expect("a process ID");
        assert!(name.starts_with("postfix/") && pid.parse::<u32>().is_ok(), "{line}");
    }
}

/// config checklist 47 and 48.
#[test]
fn texts_are_made_printable_and_cut() {
    require_instances!();
    let instance = Instance::builder().start();
    instance.wait_for_log(&["daemon started"]);
    instance.run_with("postlog", &["-t", "raw"], b"a\tb\xffc\n").success();
    assert!(instance.wait_for_log(&[" raw["]).ends_with("]: a?b?c"));
    instance.run_with("postlog", &["-t", "long"], "x".repeat(5000) + "\n").success();
    let line = instance.wait_for_log(&[" long["]);
    assert_eq!(line.split("]: ").nth(1).map(str::len), Some(2000));
}

/// `maillog_json_file`, which only Posthorn has.
#[test]
fn events_are_written_as_json_besides() {
    require_instances!();
    if Subject::from_environment() != Subject::Posthorn {
        skip!("only Posthorn does");
    }
    let instance = Instance::builder().set("maillog_json_file", "{dir}/log/events.json").start();
    instance.send(&["-f", "s@local.example", USER], "Subject: x\nMessage-ID: <1\"@x>\n\nhi\n");
    instance.wait_for_log(&[": removed"]);
    let lines = || instance.read("log/events.json").lines().map(str::to_owned).collect::<Vec<_>>();
    let found = wait::until(
        "events",
        || Some(lines()).filter(|lines| lines.iter().any(|line| line.contains("\"event\": \"removed\""))),
        || instance.read("log/events.json"),
    );
    for (event, part) in [
        ("picked_up", "\"sender\": \"s@local.example\""),
        ("message_id", "\"message_id\": \"<1\\\"@x>\", \"resent\": false"),
        ("queue_active", "\"recipients\": 1"),
        ("delivery", "\"dsn\": \"2.0.0\", \"status\": \"sent\", \"reason\": \"delivered to mailbox\""),
        ("removed", "\"queue_id\": "),
    ] {
        let name = format!("\"event\": \"{event}\"");
        let line = found.iter().find(|line| line.contains(&name)).unwrap_or_else(|| panic!("{event}: {found:?}"));
        assert!(line.starts_with("{\"time\": \"2") && line.ends_with('}') && line.contains(part), "{part}: {line}");
    }
    assert!(!instance.log().contains('{'));
}

#[test]
fn a_renamed_log_is_made_anew_at_reload() {
    require_instances!();
    let instance = Instance::builder().start();
    instance.wait_for_log(&["daemon started"]);
    fs::rename(instance.path("log/mail.log"), instance.path("log/mail.log.1")).expect("a rename");
    let pid = instance.master_pid().expect("a master");
    sys::signal::send(pid, sys::signal::Signal::SIGHUP).expect("a signal");
    let written = || {
        instance.run("postlog", &["after the change"]);
        (!instance.log_lines("after the change").is_empty()).then_some(())
    };
    wait::until("a new log", written, || instance.log());
    assert!(instance.read("log/mail.log.1").contains("daemon started"));
}

#[test]
fn programs_can_have_names_of_their_own() {
    require_instances!();
    let instance = Instance::builder()
        .set("syslog_name", "mine")
        .service("pickup unix n - n 60 1 pickup -o syslog_name=other/$service_name")
        .start();
    instance.send(&[USER], "Subject: x\n\nhi\n");
    instance.wait_for_log(&[" mine/qmgr[", "removed"]);
    instance.wait_for_log(&[" other/pickup/pickup[", "uid=0"]);
}

fn pflogsumm() -> Option<PathBuf> {
    let candidates = [subject::control().join("usr/sbin/pflogsumm"), "/usr/sbin/pflogsumm".into()];
    candidates.into_iter().find(|path| path.exists())
}

/// The report on a day with mail of all fates.
fn report(subject: Subject, program: &PathBuf) -> String {
    let instance = Instance::builder()
        .subject(subject)
        .set(
            "transport_maps",
            "inline:{ {gone.example=error:5.1.2 no such place}, {later.example=retry:4.4.1 not now} }",
        )
        .start();
    instance.send(&["-f", "s@local.example", USER], "Subject: x\n\nhi\n");
    instance.send(&["-f", "", "a@gone.example", "b@gone.example"], "Subject: x\n\nhi\n");
    instance.send(&["-f", "s@x.example", "c@later.example"], "Subject: x\n\nhi\n");
    instance.wait_for_mail(USER, 1);
    instance.wait_for_log(&["to=<b@gone.example>", "status=bounced"]);
    instance.wait_for_log(&["to=<c@later.example>", "status=deferred"]);
    let two = || (instance.log_lines(": removed").len() == 2).then_some(());
    wait::until("two messages gone", two, || instance.log());
    let log = instance.path("log/mail.log").display().to_string();
    let options = ["--problems_first", "-i", "--verbose_msg_detail"];
    let output = Output::of(Command::new("perl").arg(program).args(options).arg(log), b"").success();
    // Times, and what depends on them, differ from run to run.
    let varies = |line: &&str| !line.contains("avg") && !line.contains(':') && !line.contains("0000-");
    let text: Vec<&str> = output.stdout.lines().filter(varies).collect();
    let hours = text.iter().position(|line| line.contains("Per-Hour")).unwrap_or(text.len());
    text[..hours].join("\n").replace(&instance.expand("{dir}"), "DIR")
}

#[test]
fn a_summary_of_the_log_is_the_same() {
    require_instances!();
    let Some(program) = pflogsumm() else { skip!("there is no pflogsumm") };
    if !subject::genuine("master").exists() {
        skip!("the control is not here");
    }
    let (ours, genuine) = (report(Subject::from_environment(), &program), report(Subject::Control, &program));
    assert!(genuine.contains("received") && genuine.contains("bounced"), "{genuine}");
    assert_eq!(ours, genuine);
}
