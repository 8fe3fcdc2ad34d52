//! Queue files and the programs that show and mend the queue (queue-files §1 to §8, §12 to §14, checklist §17).

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Stdio;

use tests::place::set_mtime;
use tests::records::{self, Record, message, record, worked_example};
use tests::{Builder, Instance, USERS, require_instances, wait};

const USER: &str = USERS[0];
const HEADING: &str = "-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------\n";

/// An instance in which mail for later.example stays in the queue.
fn instance() -> Builder {
    Instance::builder().set("transport_maps", "inline:{ {later.example=retry:4.4.1 not now} }")
}

/// What cleanup wrote for the only message, which waits in the deferred queue.
fn deferred(instance: &Instance) -> Vec<u8> {
    wait::until("a deferred file", || (instance.queue("deferred").len() == 1).then_some(()), || instance.log());
    fs::read(&instance.queue("deferred")[0]).expect("the queue file")
}

fn numbers(bytes: &[u8]) -> Vec<usize> {
    String::from_utf8_lossy(&bytes[2..97]).split_whitespace().map(|word| word.parse().expect("a number")).collect()
}

fn texts(records: &[Record]) -> Vec<String> {
    records.iter().map(Record::text).collect()
}

/// Checklist 1 and 10.
#[test]
fn lengths_are_written_seven_bits_at_a_time_and_long_lines_are_split() {
    require_instances!();
    let instance = instance().build();
    let line = |length: usize| "y".repeat(length) + "\n";
    let text = [0, 127, 128, 300, 2047, 2048, 2049].map(line).concat();
    instance.send(&[USER], format!("Subject: x\n\n{text}"));
    let bytes = fs::read(&instance.queue("maildrop")[0]).expect("the file");
    let heads: [&[u8]; 9] =
        [b"N\x00", b"N\x7f", b"N\x80\x01", b"N\xac\x02", b"N\xff\x0f", b"L\x80\x10", b"N\x00", b"L\x80\x10", b"N\x01"];
    let lengths = [0, 127, 128, 300, 2047, 2048, 0, 2048, 1];
    let expected: Vec<u8> =
        heads.iter().zip(lengths).flat_map(|(head, length)| [head, "y".repeat(length).as_bytes()].concat()).collect();
    assert!(bytes.windows(expected.len()).any(|window| window == expected), "{:?}", records::texts(&bytes));
}

/// Checklist 11.
#[test]
fn a_delivery_changes_one_byte() {
    require_instances!();
    let instance = instance().build();
    let bytes = message("s@x.example", &[USER, "r@later.example"], 0);
    let (id, _) = instance.place("incoming", &bytes, 0o700);
    instance.start();
    instance.wait_for_mail(USER, 1);
    let deferred = instance.path(&format!("q/deferred/{}/{id}", &id[..1]));
    wait::until("a deferred file", || deferred.exists().then_some(()), || instance.log());
    let after = fs::read(&deferred).expect("the file");
    let changed: Vec<(u8, u8)> = bytes
        .iter()
        .zip(&after)
        .filter(|(before, after)| before != after)
        .map(|(before, after)| (*before, *after))
        .collect();
    assert_eq!((changed, after.len()), (vec![(b'R', b'D')], bytes.len()));
}

/// Checklist 3 to 6.
#[test]
fn cleanup_describes_sizes_and_recipients() {
    require_instances!();
    let instance = instance().set("delay_warning_time", "0").start();
    instance.send(&["-N", "success", "-f", "s@x.example", "a@later.example", "b@later.example"], "Subject: x\n\nhi\n");
    let bytes = deferred(&instance);
    assert_eq!(bytes[..2], [0x43, 0x5f]);
    assert!((2..97).all(|at| (at - 2) % 16 != 15 || bytes[at] == b' '), "{:?}", &bytes[..97]);
    let numbers = numbers(&bytes);
    let records = records::records(&bytes);
    let place = |kind: u8| records.iter().find(|record| record.kind == kind).expect("a record").offset;
    assert_eq!(numbers[1], place(b'M') + 2);
    assert_eq!(numbers[0] + numbers[1], place(b'X'));
    assert_eq!(numbers[2], 2);
    assert_eq!(numbers[3] & !1, 4);
    assert_eq!((numbers[4], numbers[5]), (numbers[0], 0));
    let group = |name: &str| {
        vec![
            "A notify_flags=2".to_owned(),
            format!("A dsn_orig_rcpt=rfc822;{name}@later.example"),
            format!("O {name}@later.example"),
            format!("R {name}@later.example"),
        ]
    };
    let all = texts(&records);
    let begin = all.iter().position(|text| text.starts_with("A notify_flags")).expect("a recipient");
    assert_eq!(all[begin..begin + 9], [group("a"), group("b"), vec!["M ".to_owned()]].concat());
    let envelope: Vec<&str> = all[1..begin].iter().map(|text| text.split(['=', ' ']).nth(1).unwrap_or("")).collect();
    assert!(all[1].starts_with("T ") && all[2].starts_with("A create_time="), "{envelope:?}");
    assert!(all[3..begin].contains(&"A rewrite_context=local".to_owned()), "{all:?}");
    assert_eq!(all[begin - 1], "S s@x.example");
}

/// Checklist 7.
#[test]
fn a_warning_time_stands_before_the_recipients_unless_there_is_no_sender() {
    require_instances!();
    let instance = instance().set("delay_warning_time", "4h").start();
    for (sender, expected) in [("s@x.example", true), ("", false)] {
        instance.send(&["-f", sender, "a@later.example"], "Subject: x\n\nhi\n");
        let bytes = deferred(&instance);
        let all = records::texts(&bytes);
        let arrival: u64 = all[1][2..].split(' ').next().and_then(|text| text.parse().ok()).expect("a time");
        let before = all.iter().position(|text| text.starts_with("A dsn_orig_rcpt=")).expect("a recipient") - 1;
        assert_eq!(all[before] == format!("W {:15}", arrival + 14400), expected, "{all:?}");
        assert_eq!(all.iter().any(|text| text.starts_with("W ")), expected);
        let id = instance.only_id("deferred");
        instance.run("postsuper", &["-d", &id]).success();
    }
}

/// Checklist 17.
#[test]
fn message_ids_follow_the_form_of_queue_ids() {
    require_instances!();
    for long in ["yes", "no"] {
        let instance = instance().set("enable_long_queue_ids", long).start();
        instance.send(&["-f", "s@x.example", "a@later.example"], "Subject: x\n\nhi\n");
        deferred(&instance);
        let id = instance.only_id("deferred");
        let line = instance.wait_for_log(&["postfix/cleanup[", &format!("{id}: message-id=<")]);
        let message_id = line.rsplit("message-id=").next().expect("a message ID");
        if long == "yes" {
            assert_eq!(message_id, format!("<{id}@test.example.com>"));
            assert!(id.rfind('z').is_some_and(|at| at >= 10), "{id}");
        } else {
            let time = message_id.strip_prefix('<').and_then(|text| text.split('.').next()).expect("a time");
            assert!(time.len() == 14 && time.bytes().all(|byte| byte.is_ascii_digit()), "{message_id}");
            assert!(message_id.ends_with(&format!(".{id}@test.example.com>")), "{message_id}");
            assert!(id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F')), "{id}");
        }
    }
}

/// Checklist 20.
#[test]
fn a_flush_takes_mail_whose_time_has_not_come() {
    require_instances!();
    let instance = instance().start();
    let (id, path) = instance.place("hold", &message("s@x", &[&format!("{USER}@local.example")], 0), 0o700);
    set_mtime(&path, 60);
    fs::rename(&path, instance.path("q/incoming").join(&id)).expect("a rename");
    instance.run("postqueue", &["-f"]).success();
    instance.wait_for_mail(USER, 1);
}

/// Checklist 21.
#[test]
fn files_in_maildrop_belong_to_their_submitter() {
    require_instances!();
    let instance = instance().build();
    fs::set_permissions(instance.path("q/maildrop"), Permissions::from_mode(0o733)).expect("permissions");
    instance.run_as(USER, "sendmail", &[USER], "Subject: x\n\nhi\n").success();
    let metadata = instance.queue("maildrop")[0].metadata().expect("metadata");
    let account = sys::privilege::account(USER).ok().flatten().expect("an account");
    assert_eq!((metadata.mode() & 0o777, metadata.uid()), (0o744, account.uid));
}

/// Checklist 22.
#[test]
fn a_postdrop_that_is_stopped_leaves_nothing() {
    require_instances!();
    let instance = instance().build();
    let mut child =
        instance.command("postdrop").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("postdrop runs");
    let mut reader = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut stdin = child.stdin.take().expect("a pipe");
    let mut bytes = Vec::new();
    for _ in 0..4 {
        reader.read_until(0, &mut bytes).expect("an attribute");
    }
    assert!(bytes.starts_with(b"protocol\0postdrop_protocol\0queue_id\0"), "{bytes:?}");
    stdin.write_all(&record(b'S', "s@x.example")).expect("a record");
    for _ in 0..10 {
        stdin.write_all(&record(b'R', "r".repeat(2000))).expect("a record");
    }
    // Now it has a file, and is in the middle of the message.
    let is_written = || instance.queue("maildrop").first()?.metadata().ok().filter(|metadata| metadata.len() > 0);
    wait::until("bytes in the file", is_written, String::new);
    sys::signal::send(child.id().cast_signed(), sys::signal::Signal::SIGTERM).expect("a signal");
    assert_eq!(child.wait().expect("an end").code(), Some(15));
    drop(stdin);
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).expect("the rest");
    assert!(instance.queue("maildrop").is_empty());
}

/// Checklist 40.
#[test]
fn an_empty_queue_is_said_to_be_empty() {
    require_instances!();
    let instance = instance().start();
    for arguments in [&["postqueue", "-p"][..], &["mailq"], &["sendmail", "-bp"]] {
        let output = instance.run(arguments[0], &arguments[1..]).success();
        assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("Mail queue is empty\n", ""));
    }
    assert_eq!(instance.run("postqueue", &["-j"]).success().stdout, "");
}

/// A defer log with a reason for each of these recipients.
fn defer_log(reasons: &[(&str, &str)]) -> String {
    let entry = |(recipient, reason): &(&str, &str)| {
        format!(
            "\nrecipient={recipient}\noffset=300\ndsn_orig_rcpt=rfc822;{recipient}\nstatus=4.4.1\naction=delayed\nreason={reason}\n\n"
        )
    };
    reasons.iter().map(entry).collect()
}

/// Checklist 41 to 43.
#[test]
fn the_listing_has_states_and_reasons() {
    require_instances!();
    let instance = instance().build();
    let file = message("s@x.example", &["a@x.example", "b@x.example", "c@x.example"], 0);
    let (first, _) = instance.place("active", &worked_example(), 0o700);
    let (second, _) = instance.place("deferred", &file, 0o700);
    instance.place_log("defer", &second, &defer_log(&[("a@x.example", "no way"), ("b@x.example", "no way")]));
    let (third, _) = instance.place("hold", &worked_example(), 0o710);
    instance.place("incoming", &worked_example(), 0o600);
    let master_cf = "showq     unix  n       -       n       -       -       showq\n\
                     postlog   unix-dgram n  -       n       -       1       postlogd\n";
    instance.write("etc/master.cf", master_cf);
    instance.start();
    let output = instance.run("postqueue", &["-p"]).success().stdout;
    let lines: Vec<&str> = output.lines().collect();
    let (head, alice) = ("Tue Nov 24 05:44:06  alice@mail.example.org", format!("{:41}bob@example.net", ""));
    let arrival = lines[4].get(20..41).expect("a time");
    let expected = format!(
        "{HEADING}{:<11} {:7} {head}\n{alice}\n\n\
         {second:<11} {:7} {arrival}s@x.example\n{:70}(no way)\n{:41}a@x.example\n{:41}b@x.example\n{:58}(reason unavailable)\n{:41}c@x.example\n\n\
         {:<11} {:7} {head}\n{alice}\n\n-- 0 Kbytes in 3 Requests.\n",
        format!("{first}*"),
        285,
        numbers(&file)[0],
        "",
        "",
        "",
        "",
        "",
        format!("{third}!#"),
        285,
    );
    assert_eq!(output, expected);
    let output = instance.run("postqueue", &["-j"]).success().stdout;
    let objects: Vec<&str> = output.lines().collect();
    assert_eq!(objects.len(), 3, "{output}");
    assert_eq!(
        objects[0],
        format!(
            "{{\"queue_name\": \"active\", \"queue_id\": \"{first}\", \"arrival_time\": 1795499046, \"message_size\": 285, \
             \"forced_expire\": false, \"sender\": \"alice@mail.example.org\", \"recipients\": [{{\"address\": \"bob@example.net\"}}]}}"
        )
    );
    assert!(
        objects[1].ends_with(
            "\"recipients\": [{\"address\": \"a@x.example\", \"delay_reason\": \"no way\"}, \
             {\"address\": \"b@x.example\", \"delay_reason\": \"no way\"}, {\"address\": \"c@x.example\"}]}"
        ),
        "{output}"
    );
    let object: serde_json::Value = serde_json::from_str(objects[2]).expect("JSON");
    assert_eq!(object["forced_expire"], serde_json::Value::Bool(true));
}

#[test]
fn long_ids_have_wider_columns() {
    require_instances!();
    let instance = instance().set("enable_long_queue_ids", "yes").build();
    let (id, _) = instance.place("active", &worked_example(), 0o700);
    instance.start();
    let held = instance.place("hold", &worked_example(), 0o700).0;
    let output = instance.run("postqueue", &["-p"]).success().stdout;
    assert!(
        output.starts_with("----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------\n"),
        "{output}"
    );
    let line =
        format!("{:<17} {:8} Tue Nov 24 05:44:06 alice@mail.example.org\n{:47}bob@example.net\n", held + "!", 285, "");
    assert!(output.contains(&line), "{output}");
    assert!(!id.is_empty());
}

/// Checklist 44.
#[test]
fn without_a_server_only_root_sees_the_queue() {
    require_instances!();
    let instance = instance().build();
    fs::set_permissions(instance.path("q/public"), Permissions::from_mode(0o711)).expect("permissions");
    let (id, _) = instance.place("hold", &worked_example(), 0o700);
    let output = instance.run_as(USER, "postqueue", &["-p"], "");
    assert_eq!(output.status, 69);
    let text = "Queue report unavailable - mail system is down (Connect to the Postfix showq service: No such file or directory)";
    assert!(output.stderr.contains(&format!("postqueue: fatal: {text}\n")), "{output:?}");
    let output = instance.run("postqueue", &["-p"]).success();
    let text = "warning: Mail system is down -- accessing queue directly (Connect to the Postfix showq service: No such file or directory)";
    assert!(output.stderr.contains(text), "{output:?}");
    assert!(output.stdout.starts_with(&format!("{HEADING}{id}!")), "{output:?}");
}

/// Checklist 45.
#[test]
fn postqueue_refuses_what_means_nothing() {
    require_instances!();
    let instance = instance().build();
    let usage = "usage: postqueue -f | postqueue -i queueid | postqueue -j | postqueue -p | postqueue -s site";
    let cases: [(&[&str], &str); 7] = [
        (&["-s", "bad domain!"], "Cannot flush mail queue - invalid destination: \"bad domain!\""),
        (&["-i", "a/b"], "Cannot flush queue ID - invalid name: \"a/b\""),
        (&[], usage),
        (&["-p", "-f"], usage),
        (&["-p", "x"], usage),
        (&["-x"], usage),
        (&["-f"], "Cannot flush mail queue - mail system is down"),
    ];
    for (arguments, text) in cases {
        let output = instance.run("postqueue", arguments);
        assert_eq!(output.status, 69, "{arguments:?}");
        assert!(output.stderr.contains(&format!("postqueue: fatal: {text}\n")), "{arguments:?} {output:?}");
    }
}

/// Checklist 46.
#[test]
fn postsuper_deletes_in_the_queues_that_are_named() {
    require_instances!();
    let instance = instance().build();
    instance.place("hold", &worked_example(), 0o700);
    instance.place("hold", &worked_example(), 0o600);
    let (kept, _) = instance.place("deferred", &worked_example(), 0o700);
    let output = instance.run("postsuper", &["-d", "ALL", "hold"]).success();
    assert_eq!(output.stderr, "postsuper: Deleted: 1 message\n");
    assert!(instance.queue("hold").is_empty());
    assert_eq!(instance.only_id("deferred"), kept);
    let output = instance.run("postsuper", &["-d", "ALL", "nosuch"]);
    assert_eq!(output.status, 1);
    assert!(output.stderr.contains("fatal: invalid directory name: nosuch"), "{output:?}");
}

/// Checklist 47.
#[test]
fn postsuper_reads_ids_from_standard_input() {
    require_instances!();
    let instance = instance().build();
    let (id, _) = instance.place("deferred", &worked_example(), 0o700);
    let log = instance.place_log("defer", &id, "\n<a@x>: text\n\n");
    let output = instance.run_with("postsuper", &["-d", "-"], format!("123450\n{id}")).success();
    assert_eq!(output.stderr, format!("postsuper: {id}: removed\npostsuper: Deleted: 1 message\n"));
    assert!(instance.queue("deferred").is_empty() && !log.exists());
    let output = instance.run("postsuper", &["-d", "no-id"]).success();
    assert_eq!(output.stderr, "postsuper: warning: invalid mail queue id: no-id\npostsuper: Deleted: 0 messages\n");
}

#[test]
fn postsuper_is_for_the_superuser() {
    require_instances!();
    let instance = instance().build();
    let output = instance.run_as(USER, "postsuper", &["-p"], "");
    assert_eq!(output.status, 1);
    assert!(output.stderr.contains("fatal: use of this command is reserved for the superuser"), "{output:?}");
}

#[test]
fn postsuper_holds_expires_releases_and_requeues() {
    require_instances!();
    let instance = instance().build();
    let (id, path) = instance.place("deferred", &worked_example(), 0o700);
    let held = instance.path("q/hold").join(&id);
    let output = instance.run("postsuper", &["-h", &id]).success();
    assert_eq!(output.stderr, format!("postsuper: {id}: placed on hold\npostsuper: Placed on hold: 1 message\n"));
    assert!(held.exists() && !path.exists());
    let output = instance.run("postsuper", &["-e", &id]).success();
    assert_eq!(output.stderr, format!("postsuper: {id}: expired\npostsuper: Force-expired: 1 message\n"));
    assert_eq!(held.metadata().expect("metadata").mode() & 0o777, 0o710);
    let output = instance.run("postsuper", &["-H", "ALL"]).success();
    assert_eq!(output.stderr, "postsuper: Released from hold: 1 message\n");
    assert!(path.exists());
    instance.run("postsuper", &["-h", &id]).success();
    let output = instance.run("postsuper", &["-f", &id]).success();
    let expected = format!(
        "postsuper: {id}: released from hold\npostsuper: Force-expired: 0 messages\npostsuper: Released from hold: 1 message\n"
    );
    assert_eq!(
        output
            .stderr
            .replace(&format!("postsuper: {id}: expired\n"), "")
            .replace(": 1 message\npostsuper: Rel", ": 0 messages\npostsuper: Rel"),
        expected
    );
    set_mtime(&path, 1000);
    let output = instance.run("postsuper", &["-r", &id]).success();
    assert_eq!(output.stderr, format!("postsuper: {id}: requeued\npostsuper: Requeued: 1 message\n"));
    assert_eq!(instance.only_id("maildrop"), id);
}

/// Checklist 48.
#[test]
fn postsuper_renames_messages_to_their_inode() {
    require_instances!();
    let instance = instance().build();
    let (_, path) = instance.place("hold", &worked_example(), 0o700);
    fs::rename(&path, instance.path("q/hold/123451")).expect("a rename");
    let log = instance.place_log("defer", "123451", "\n<a@x>: text\n\n");
    let inode = instance.path("q/hold/123451").metadata().expect("metadata").ino();
    let output = instance.run("postsuper", &["-p", "-s", "-d", "123451"]);
    assert_eq!(output.status, 1);
    assert!(output.stderr.contains("error: QUEUE FILE NAMES WERE CHANGED TO MATCH INODE NUMBERS\n"), "{output:?}");
    assert!(output.stderr.contains("fatal: CHECK YOUR QUEUE IDS AND RE-ISSUE THE COMMAND\n"), "{output:?}");
    let id = instance.only_id("hold");
    assert_eq!(id, format!("12345{inode:X}"));
    assert!(log.with_file_name(&id).exists() && !log.exists());
    let path = instance.path("q/hold").join(&id);
    fs::rename(&path, instance.path("q/hold/123452")).expect("a rename");
    let output = instance.run("postsuper", &[]).success();
    let expected = "postsuper: Renamed to match inode number: 1 message\n\
                    postsuper: warning: QUEUE FILE NAMES WERE CHANGED TO MATCH INODE NUMBERS\n";
    assert_eq!(output.stderr, expected);
    assert_eq!(instance.only_id("hold"), id);
}

/// Checklist 18 and 49.
#[test]
fn a_new_hash_depth_moves_messages_and_logs() {
    require_instances!();
    let instance = instance().set("hash_queue_depth", "2").build();
    let (id, path) = instance.place("deferred", &worked_example(), 0o700);
    let log = instance.place_log("defer", &id, "\n<a@x>: text\n\n");
    let output = instance.run("postsuper", &["-s"]).success();
    assert_eq!(output.stderr, "");
    for (old, queue) in [(path, "deferred"), (log, "defer")] {
        assert!(!old.exists());
        assert!(instance.path("q").join(queue).join(&id[..1]).join(&id[1..2]).join(&id).exists());
    }
}

#[test]
fn old_unfinished_files_are_purged() {
    require_instances!();
    let instance = instance().build();
    let (_, old) = instance.place("incoming", b"", 0o600);
    let (_, new) = instance.place("incoming", b"", 0o600);
    set_mtime(&old, -8 * 86400);
    instance.run("postsuper", &["-p"]).success();
    assert!(!old.exists() && new.exists());
}
