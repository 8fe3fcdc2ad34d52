//! Which message has its turn when many wait for one transport (qmgr-bounce §6).

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tests::{Instance, USERS, require_instances, wait};

/// Writes down what it delivers; the first message keeps it busy until all others are there.
const AGENT: &str = "#!/bin/sh
cd ${0%/*}
case $1 in first*) until test -e go; do sleep 0.1; done ;; esac
echo $1 >>order
";

/// Sends messages with so many recipients each, in this order, over a transport that has one process, and says whose recipients were delivered
/// when: `a` for the first message, `b` for the second.
fn order(parameters: &[(&str, String)], sizes: &[usize]) -> String {
    let shared = tempfile::tempdir().expect("a directory");
    fs::set_permissions(shared.path(), fs::Permissions::from_mode(0o777)).expect("permissions");
    let agent = shared.path().join("agent");
    fs::write(&agent, AGENT).expect("a script");
    fs::set_permissions(&agent, fs::Permissions::from_mode(0o755)).expect("permissions");
    let mut builder = Instance::builder()
        .service(&format!("slow unix - n n - 1 pipe user={} argv={} ${{recipient}}", USERS[0], agent.display()))
        .set("slow_destination_recipient_limit", "1")
        .set("default_transport", "slow");
    for (name, value) in parameters {
        builder = builder.set(name, value);
    }
    let instance = builder.start();
    let send = |recipients: &[String]| {
        let arguments = ["-f", "s@local.example"].into_iter().chain(recipients.iter().map(String::as_str));
        instance.send(&arguments.collect::<Vec<_>>(), "Subject: x\n\nbody\n");
        instance.wait_for_log(&[&format!("nrcpt={} (queue active)", recipients.len())]);
    };
    send(&["first@x.example".into()]);
    for (number, size) in sizes.iter().enumerate() {
        let name = char::from(b'a' + number as u8);
        // The first part says how many: each message shows in the log.
        send(&(0..*size).map(|at| format!("{name}{at:02}@x.example")).collect::<Vec<_>>());
    }
    fs::write(shared.path().join("go"), "").expect("a file");
    let read = || fs::read_to_string(shared.path().join("order")).unwrap_or_default();
    let all = sizes.iter().sum::<usize>() + 1;
    wait::until("all deliveries", || (read().lines().count() == all).then_some(()), || instance.log());
    if let Ok(file) = std::env::var("SHOW") {
        fs::write(file, instance.log()).unwrap();
    }
    read().lines().skip(1).filter_map(|line| line.chars().next()).collect()
}

#[test]
fn small_messages_go_ahead() {
    require_instances!();
    for (parameters, sizes, expected) in [
        // The loan and the discount let a small message start after one request of the big one.
        ("", &[30, 4, 1][..], "acaaaaabbbbaaaaaaaaaaaaaaaaaaaaaaaa"),
        ("loan=0 discount=0", &[30, 4, 1], "aaaaacaaaaaaaaaaaaaaaaaaaabbbbaaaaa"),
        ("cost=3 loan=1", &[25, 20, 3, 2], "addaaaaaaaacccaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbb"),
        // Not big enough, and no going ahead at all.
        ("minimum=7", &[30, 4, 2], "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbbcc"),
        ("cost=0", &[12, 4, 2], "aaaaaaaaaaaabbbbcc"),
        // Recipients are read a few at a time.
        ("few", &[20, 5, 2], "aaaaaccaaaaaaaaaaaaaaabbbbb"),
    ] {
        assert_eq!(order(&settings(parameters), sizes), expected, "{parameters}");
    }
}

/// The debugging of windows shows numbers that can be compared.
#[test]
fn windows_are_traced() {
    require_instances!();
    let instance = Instance::builder()
        .set("destination_concurrency_feedback_debug", "yes")
        .set("relayhost", "[127.0.0.1]:9")
        .set("transport_maps", "inline:{ {good.example = discard:} }")
        .set("discard_destination_concurrency_positive_feedback", "1/concurrency")
        .set("discard_destination_concurrency_negative_feedback", "2")
        .set("default_transport", "smtp")
        .service("smtp unix - - n - 1 smtp")
        .start();
    instance.send(&["-f", "s@local.example", "a@good.example"], "Subject: x\n\nbody\n");
    for number in 0..3 {
        instance.send(&["-f", "s@local.example", &format!("{number}@bad.example")], "Subject: x\n\nbody\n");
        instance.wait_for_log(&[&format!("to=<{number}@bad.example>"), "status=deferred"]);
    }
    for text in [
        "warning: discard_destination_concurrency_negative_feedback: ignoring malformed or unreasonable feedback: 2",
        "discard: discard_destination_concurrency_positive_feedback feedback type 1 value at 5: 0.2",
        "discard: discard_destination_concurrency_negative_feedback feedback type 0 value at 5: 1",
        "qmgr_queue_unthrottle: feedback 0.2",
        "qmgr_queue_unthrottle: queue good.example: limit 20 window 5 success 0.2 failure 0 fail_cohorts 0",
        "smtp: default_destination_concurrency_positive_feedback feedback type 0 value at 5: 1",
        "qmgr_queue_throttle: feedback 1",
        "qmgr_queue_throttle: queue [127.0.0.1]:9: limit 20 window 3 success 0 failure 1 fail_cohorts 0.2",
    ] {
        instance.wait_for_log(&[&format!(": {text}")]);
    }
}

/// `loan=0` as parameter and value.
fn settings(text: &str) -> Vec<(&'static str, String)> {
    if text == "few" {
        return [
            ("slow_recipient_limit", "5"),
            ("slow_extra_recipient_limit", "2"),
            ("slow_recipient_refill_limit", "2"),
            ("qmgr_message_recipient_minimum", "2"),
            ("qmgr_message_active_limit", "4"),
            ("qmgr_message_recipient_limit", "4"),
        ]
        .map(|(name, value)| (name, value.to_owned()))
        .to_vec();
    }
    let pair = |word: &str| {
        let (name, value) = word.split_once('=').expect("name=value");
        let name = match name {
            "cost" => "slow_delivery_slot_cost",
            "loan" => "slow_delivery_slot_loan",
            "discount" => "slow_delivery_slot_discount",
            _ => "slow_minimum_delivery_slots",
        };
        (name, value.to_owned())
    };
    text.split_whitespace().map(pair).collect()
}
