//! A queue that one system filled is drained by the other, and nothing is lost or altered.

use std::fs;
use std::process::Command;

use tests::subject::{self, Subject};
use tests::{Instance, USERS, require_instances, skip};

const USER: &str = USERS[0];

/// Makes messages in all the states that a stopped system can leave them in.
fn fill(instance: &Instance) {
    let text = |name: &str| format!("Subject: {name}\n\nFrom here\n.\nbody of {name} \u{e4}\n{}\n", "x".repeat(5000));
    // Deferred: its user's mailbox is locked.
    instance.write(&format!("mail/{USER}.lock"), "");
    instance.send(&["-i", USER], text("deferred"));
    instance.wait_for_log(&["status=deferred"]);
    wait_for(instance, "deferred", 1);
    // On hold.
    let id = instance.only_id("deferred");
    instance.run("postsuper", &["-h", &id]).success();
    instance.send(&["-i", USER], text("second"));
    wait_for(instance, "deferred", 1);
    instance.stop();
    // Not picked up.
    instance.send(&["-i", "-N", "success", "-V", "envelope-1", USER], text("maildrop"));
    assert_eq!(instance.queue("maildrop").len(), 1);
    // New in the queue: what was active when the system stopped looks the same.
    instance.send(&["-i", USER], text("maildrop2"));
    fs::remove_file(instance.path(&format!("mail/{USER}.lock"))).expect("the lock file");
}

fn wait_for(instance: &Instance, queue: &str, count: usize) {
    tests::wait::until(queue, || (instance.queue(queue).len() == count).then_some(()), || instance.log());
}

/// Copies the queue of one instance into another's place, with all modes and times, but new inodes.
fn take_over(from: &Instance, to: &Instance) {
    for name in ["maildrop", "incoming", "active", "deferred", "hold", "defer", "bounce", "trace"] {
        let (source, target) = (from.path("q").join(name), to.path("q"));
        let status = Command::new("cp").args(["-a", "--"]).arg(&source).arg(&target).status().expect("cp");
        assert!(status.success());
    }
}

fn drain(instance: &Instance) {
    // Names follow inodes; the tool that mends them is part of every start.
    instance.run("postsuper", &[]).success();
    instance.start();
    instance.run("postsuper", &["-H", "ALL"]).success();
    instance.run("postkick", &["public", "pickup", "W"]).success();
    instance.run("postqueue", &["-f"]).success();
    let messages = instance.wait_for_mail(USER, 4);
    instance.wait_for_empty_queue();
    for name in ["deferred", "second", "maildrop", "maildrop2"] {
        let found: Vec<_> =
            messages.iter().filter(|message| message.contains(&format!("\nSubject: {name}\n"))).collect();
        assert_eq!(found.len(), 1, "{name}");
        let body = format!("\n\n>From here\n.\nbody of {name} \u{e4}\n{}\n\n", "x".repeat(5000));
        assert!(found[0].ends_with(&body), "{name}: {}", found[0]);
    }
}

fn exchange(from: Subject, to: Subject) {
    let first = Instance::builder().subject(from).set("deliver_lock_attempts", "1").start();
    let second = Instance::builder().subject(to).build();
    fill(&first);
    take_over(&first, &second);
    drain(&second);
}

#[test]
fn posthorn_drains_a_queue_of_the_control() {
    require_instances!();
    if !subject::genuine("master").exists() {
        skip!("the control is not here");
    }
    exchange(Subject::Control, Subject::Posthorn);
}

#[test]
fn the_control_drains_a_queue_of_posthorn() {
    require_instances!();
    if !subject::genuine("master").exists() {
        skip!("the control is not here");
    }
    exchange(Subject::Posthorn, Subject::Control);
}
