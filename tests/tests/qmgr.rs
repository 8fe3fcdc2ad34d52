//! The queue manager (qmgr-bounce §1 to §5, checklist §15).

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

use tests::place::set_mtime;
use tests::{Builder, Instance, USERS, records, require_instances, wait};

const USER: &str = USERS[0];

fn kick(instance: &Instance, request: &str) {
    // The server may close before the genuine postkick has written its last byte, and then it dies of SIGPIPE.
    let output = instance.run("postkick", &["public", "qmgr", request]);
    assert!(matches!(output.status, 0 | 141), "{output:?}");
}

/// A message for one recipient, as cleanup writes it.
fn queue_file(sender: &str, recipient: &str, age: u64) -> Vec<u8> {
    records::message(sender, &[recipient], age)
}

fn instance() -> Builder {
    Instance::builder().set(
        "transport_maps",
        "inline:{ {later.example=retry:4.4.1 not now}, {gone.example=error:5.1.2 no such place}, \
         {away.example=discard:away}, {nowhere.example=nosuch:x} }",
    )
}

/// Checklist 1 and 2.
#[test]
fn complete_files_become_active_and_incomplete_ones_stay() {
    require_instances!();
    let instance = instance().start();
    let address = format!("{USER}@local.example");
    let (unfinished, path) = instance.place("incoming", &queue_file("s@local.example", &address, 0), 0o600);
    let (id, _) = instance.place("incoming", &queue_file("s@local.example", &address, 0), 0o700);
    kick(&instance, "I");
    instance.wait_for_log(&[&id, "from=<s@local.example>, size=", "nrcpt=1 (queue active)"]);
    instance.wait_for_mail(USER, 1);
    assert!(path.exists());
    assert!(instance.log_lines(&unfinished).is_empty());
}

/// Checklist 3.
#[test]
fn deferred_mail_waits_for_its_time_unless_all_is_asked_for() {
    require_instances!();
    let instance = instance().start();
    let (id, path) = instance.place("deferred", &queue_file("s@x", &format!("{USER}@local.example"), 10), 0o700);
    set_mtime(&path, 1000);
    kick(&instance, "D");
    instance.send(&[USERS[1]], "\nhi\n");
    instance.wait_for_mail(USERS[1], 1);
    assert!(path.exists() && instance.log_lines(&id).is_empty());
    kick(&instance, "FADI");
    instance.wait_for_mail(USER, 1);
}

/// Checklist 4.
#[test]
fn new_mail_with_a_time_in_the_future_waits() {
    require_instances!();
    let instance = instance().start();
    let (id, path) = instance.place("hold", &queue_file("s@x", &format!("{USER}@local.example"), 0), 0o700);
    set_mtime(&path, 1000);
    fs::rename(&path, instance.path("q/incoming").join(&id)).expect("a rename");
    kick(&instance, "I");
    instance.send(&[USERS[1]], "\nhi\n");
    instance.wait_for_mail(USERS[1], 1);
    assert!(instance.log_lines(&id).is_empty());
}

/// Checklist 5 and 6.
#[test]
fn files_that_are_no_messages_go_to_corrupt() {
    require_instances!();
    let instance = instance().start();
    let whole = queue_file("s@x", "r@gone.example", 0);
    let without = |kind: u8| {
        let mut bytes = whole.clone();
        let mut at = 0;
        while bytes[at] != kind {
            at += 2 + usize::from(bytes[at + 1]);
        }
        // A full name means nothing to the queue manager.
        bytes[at] = b'F';
        bytes
    };
    let cases = [
        (whole[..whole.len() - 2].to_vec(), "message rejected: missing end record"),
        (without(b'T'), "message rejected: missing arrival time record"),
        (without(b'S'), "message rejected: missing sender record"),
    ];
    for (bytes, text) in cases {
        let (id, _) = instance.place("incoming", &bytes, 0o700);
        kick(&instance, "I");
        instance.wait_for_log(&[&format!("{id}: {text}")]);
        instance.wait_for_log(&[&format!("saving corrupt file \"{id}\" from queue \"active\" to queue \"corrupt\"")]);
        assert!(instance.path("q/corrupt").join(&id).exists());
    }
}

/// Checklist 7.
#[test]
fn a_message_that_is_still_being_delivered_rests_for_a_minute() {
    require_instances!();
    let instance = instance().start();
    let (id, held) = instance.place("hold", &queue_file("s@x", &format!("{USER}@local.example"), 0), 0o700);
    let file = File::open(&held).expect("the file");
    sys::lock::shared(&file).expect("a lock");
    let path = instance.path("q/incoming").join(&id);
    fs::rename(&held, &path).expect("a rename");
    kick(&instance, "I");
    instance.wait_for_log(&[&id, "skipped, still being delivered"]);
    let mtime = wait::until(
        "the file back in incoming",
        || path.metadata().ok()?.modified().ok().filter(|time| *time > SystemTime::now()),
        || instance.log(),
    );
    let ahead = mtime.duration_since(SystemTime::now()).expect("the future").as_secs();
    assert!((50..=60).contains(&ahead), "{ahead}");
}

/// Checklist 8.
#[test]
fn what_was_active_is_delivered_after_a_restart() {
    require_instances!();
    let instance = instance().build();
    instance.place("active", &queue_file("s@x", &format!("{USER}@local.example"), 0), 0o700);
    instance.start();
    instance.wait_for_mail(USER, 1);
    instance.wait_for_empty_queue();
}

/// Checklist 9.
#[test]
fn the_next_attempt_comes_when_the_message_is_twice_as_old() {
    require_instances!();
    let instance = instance().start();
    for (age, delay) in [(500, 500), (10, 300), (100_000, 4000)] {
        let (id, _) = instance.place("incoming", &queue_file("s@x", "r@later.example", age), 0o700);
        kick(&instance, "I");
        let path = instance.path("q/deferred").join(&id[..1]).join(&id);
        let mtime = wait::until("a deferred file", || path.metadata().ok()?.modified().ok(), || instance.log());
        let ahead = mtime.duration_since(SystemTime::now()).expect("the future").as_secs();
        assert!(ahead <= delay + 5 && ahead + 10 >= delay, "{age}: {ahead}");
    }
}

/// Checklist 10 and 11.
#[test]
fn messages_that_are_too_old_are_returned() {
    require_instances!();
    let instance = instance().set("maximal_queue_lifetime", "1h").set("bounce_queue_lifetime", "1h").start();
    let sender = format!("{USER}@local.example");
    let (id, _) = instance.place("incoming", &queue_file(&sender, "r@later.example", 4000), 0o700);
    kick(&instance, "I");
    instance.wait_for_log(&[&format!("{id}: from=<{sender}>, status=expired, returned to sender")]);
    instance.wait_for_log(&[&format!("{id}: removed")]);
    let mail = &instance.wait_for_mail(USER, 1)[0];
    assert!(mail.contains("Subject: Undelivered Mail Returned to Sender"), "{mail}");
    let (id, _) = instance.place("incoming", &queue_file("", "r@later.example", 4000), 0o700);
    kick(&instance, "I");
    instance.wait_for_log(&[&format!("{id}: from=<>, status=expired, returned to sender")]);
    instance.wait_for_log(&[&format!("{id}: removed")]);
    assert!(instance.log_lines("notification").len() == 1, "{}", instance.log());
}

/// Checklist 12.
/// Config checklist 16: without a unit, a lifetime is in days.
#[test]
fn a_lifetime_without_a_unit_is_in_days() {
    require_instances!();
    let instance = instance().set("maximal_queue_lifetime", "1").start();
    let place = |age| instance.place("incoming", &queue_file("s@away.example", "x@later.example", age), 0o700).0;
    let (young, old) = (place(3600), place(90_000));
    kick(&instance, "I");
    instance.wait_for_log(&[&old, "status=expired, returned to sender"]);
    instance.wait_for_log(&[&young, "status=deferred"]);
    assert!(!instance.log_lines(&young).iter().any(|line| line.contains("status=expired")));
}

/// Config checklist 55: a transport has the delay of its own name, or else the default.
#[test]
fn each_transport_has_its_own_pace() {
    require_instances!();
    let instance = Instance::builder()
        .set("transport_maps", "inline:{ {quick.example=quick:}, {slow.example=slow:} }")
        .set("default_destination_rate_delay", "1")
        .set("slow_destination_rate_delay", "2m")
        .service("quick unix - - n - - discard")
        .service("slow unix - - n - - discard")
        .start();
    for domain in ["slow.example", "quick.example", "slow.example", "quick.example"] {
        instance.place("incoming", &queue_file("s@away.example", &format!("x@{domain}"), 0), 0o700);
    }
    kick(&instance, "I");
    let sent = |domain: &str| instance.log_lines("status=sent").iter().filter(|line| line.contains(domain)).count();
    wait::until("two deliveries", || (sent("quick.example") == 2).then_some(()), || instance.log());
    assert_eq!(sent("slow.example"), 1, "{}", instance.log());
}

#[test]
fn a_message_that_is_forced_to_expire_is_returned_at_once() {
    require_instances!();
    let instance = instance().start();
    let sender = format!("{USER}@local.example");
    let (id, _) = instance.place("incoming", &queue_file(&sender, "r@later.example", 10), 0o710);
    kick(&instance, "I");
    instance.wait_for_log(&[&id, "dsn=4.7.0, status=deferred (message is administratively expired)"]);
    instance.wait_for_log(&[&format!("{id}: from=<{sender}>, status=force-expired, returned to sender")]);
    instance.wait_for_mail(USER, 1);
}

/// Checklist 13.
#[test]
fn the_unthrottle_bit_is_cleared() {
    require_instances!();
    let instance = instance().start();
    let (id, _) = instance.place("incoming", &queue_file("s@x", "r@later.example", 10), 0o740);
    kick(&instance, "I");
    let path = instance.path("q/deferred").join(&id[..1]).join(&id);
    let mode = wait::until("a deferred file", || Some(path.metadata().ok()?.mode() & 0o777), || instance.log());
    assert_eq!(mode, 0o700);
}

/// Checklist 14.
#[test]
fn deferred_transports_wait_for_a_flush() {
    require_instances!();
    let instance = instance().set("defer_transports", "discard").start();
    instance.send(&["a@away.example"], "\nhi\n");
    instance.wait_for_log(&["relay=none", "dsn=4.3.2, status=deferred (deferred transport)"]);
    wait::until("a deferred file", || (instance.queue("deferred").len() == 1).then_some(()), || instance.log());
    kick(&instance, "FADI");
    instance.wait_for_log(&["to=<a@away.example>", "status=sent (away)"]);
}

/// Checklist 15.
#[test]
fn a_transport_without_a_socket_is_left_alone_for_a_while() {
    require_instances!();
    let instance = instance().start();
    for number in 1..=2 {
        instance.send(&[&format!("a{number}@nowhere.example")], "\nhi\n");
        instance.wait_for_log(&[
            &format!("to=<a{number}@nowhere.example>, relay=none"),
            "dsn=4.3.0, status=deferred (mail transport unavailable)",
        ]);
    }
    let attempts = instance.log_lines("connect to transport private/nosuch: No such file or directory");
    assert_eq!(attempts.len(), 1, "{attempts:?}");
}

/// Checklist 21.
#[test]
fn verp_puts_the_recipient_into_the_sender() {
    require_instances!();
    let instance = instance().start();
    let second = format!("{}@local.example", USERS[1]);
    instance.send(&["-f", "list@local.example", "-XV", USERS[0], &second], "\nhi\n");
    // The recipient is named as it was given.
    let expected = [format!("list+{}", USERS[0]), format!("list+{}=local.example", USERS[1])];
    for (user, sender) in USERS.iter().zip(expected) {
        let mail = &instance.wait_for_mail(user, 1)[0];
        assert!(mail.contains(&format!("Return-Path: <{sender}@local.example>\n")), "{mail}");
    }
}

/// Checklist 22.
#[test]
fn mail_to_the_double_bounce_address_ends_here() {
    require_instances!();
    let instance = instance().start();
    instance.send(&["double-bounce@test.example.com"], "\nhi\n");
    instance.wait_for_log(&[
        "to=<double-bounce@test.example.com>",
        "relay=none",
        "dsn=2.0.0, status=sent (undeliverable postmaster notification discarded)",
    ]);
    instance.wait_for_empty_queue();
}

/// Checklist 24.
#[test]
fn very_many_recipients_are_all_delivered() {
    require_instances!();
    let instance = instance().set("default_process_limit", "20").start();
    let mut message = String::new();
    for number in 0..12_000 {
        message.push_str(&format!("To: u{number}@away.example\n"));
    }
    message.push_str("Subject: many\n\nhi\n");
    instance.send(&["-t"], &message);
    wait::until_within(
        Duration::from_secs(90),
        "all recipients",
        || (instance.log_lines("status=sent (away)").len() >= 12_000).then_some(()),
        || format!("{} delivered", instance.log_lines("status=sent (away)").len()),
    );
    instance.wait_for_log(&["nrcpt=12000 (queue active)"]);
    assert!(instance.log_lines("Unexpected record type").is_empty());
    instance.wait_for_empty_queue();
}

/// Checklist 29.
#[test]
fn a_delivery_changes_one_byte_of_the_queue_file() {
    require_instances!();
    let instance = instance().start();
    instance.send(&["-f", "s@local.example", USER, "r@later.example"], "\nhi\n");
    instance.wait_for_mail(USER, 1);
    wait::until("a deferred file", || (instance.queue("deferred").len() == 1).then_some(()), || instance.log());
    let bytes = fs::read(&instance.queue("deferred")[0]).expect("the queue file");
    let count = |kind: u8, address: &str| {
        let record = [&[kind, address.len() as u8], address.as_bytes()].concat();
        bytes.windows(record.len()).filter(|window| *window == record).count()
    };
    let delivered = format!("{USER}@test.example.com");
    assert_eq!((count(b'D', &delivered), count(b'R', &delivered)), (1, 0));
    assert_eq!((count(b'D', "r@later.example"), count(b'R', "r@later.example")), (0, 1));
}

/// Checklist 34.
#[test]
fn soft_bounces_stay_in_the_queue() {
    require_instances!();
    let instance = instance().set("soft_bounce", "yes").start();
    instance.send(&["a@gone.example"], "\nhi\n");
    instance.wait_for_log(&["to=<a@gone.example>", "dsn=4.1.2, status=SOFTBOUNCE (no such place)"]);
    wait::until("a deferred file", || (instance.queue("deferred").len() == 1).then_some(()), || instance.log());
    assert_eq!(instance.queue("defer").len(), 1);
}

/// Checklist 36.
#[test]
fn success_is_reported_to_those_who_ask() {
    require_instances!();
    let instance = instance().start();
    instance.send(&["-f", USERS[1], "-N", "success", USER], "Subject: x\n\nhi\n");
    instance.wait_for_log(&["sender delivery status notification: "]);
    let mail = &instance.wait_for_mail(USERS[1], 1)[0];
    assert!(mail.contains("Subject: Successful Mail Delivery Report"), "{mail}");
}

/// Two recipients at one place, of a message that is to be tried at once: neither is lost.
#[test]
fn a_message_that_is_tried_at_once_keeps_all_its_recipients() {
    require_instances!();
    let instance = instance().start();
    let bytes = records::message("s@local.example", &["one@away.example", "two@away.example"], 0);
    let (id, _) = instance.place("deferred", &bytes, 0o740);
    kick(&instance, "FADI");
    for recipient in ["one", "two"] {
        instance.wait_for_log(&[&id, &format!("to=<{recipient}@away.example>"), "status=sent"]);
    }
    instance.wait_for_log(&[&id, "removed"]);
}
