//! Whether mail can be delivered to an address: queries, probes, results (access-milter-postscreen §11, §12).

use std::collections::HashMap;

use tests::wire::Client;
use tests::{Builder, Instance, require_instances, wait};

const PROTOCOL: &str = "address_verification_prrotocol";
const IN_PROGRESS: &str = "Address verification in progress";

fn instance() -> Builder {
    Instance::builder()
        .set("local_recipient_maps", "")
        .set("transport_maps", "inline:{ {bad.example=error:5.1.1 nobody}, {later.example=retry:4.4.1 not now} }")
}

fn connect(instance: &Instance) -> Client {
    let mut client = Client::connect(&instance.path("q/private/verify"));
    assert_eq!(client.list().expect("a greeting"), [("protocol".to_owned(), PROTOCOL.to_owned())]);
    client
}

fn query(client: &mut Client, address: &str) -> (String, String, String) {
    client.send(&[("request", "query"), ("address", address)]);
    let reply = client.list().expect("a reply");
    let names: Vec<&str> = reply.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["status", "recipient_status", "reason"]);
    let values: HashMap<String, String> = reply.into_iter().collect();
    (values["status"].clone(), values["recipient_status"].clone(), values["reason"].clone())
}

fn update(client: &mut Client, address: &str, status: &str, reason: &str) -> Vec<(String, String)> {
    client.send(&[("request", "update"), ("address", address), ("recipient_status", status), ("reason", reason)]);
    client.list().expect("a reply")
}

fn status(number: &str) -> Vec<(String, String)> {
    vec![("status".to_owned(), number.to_owned())]
}

fn todo() -> (String, String, String) {
    ("0".into(), "3".into(), IN_PROGRESS.into())
}

/// Asks until a probe has had its result.
fn verdict(instance: &Instance, client: &mut Client, address: &str) -> (String, String) {
    let ask = || {
        let (service, recipient, reason) = query(client, address);
        assert_eq!(service, "0");
        (recipient != "3").then_some((recipient, reason))
    };
    wait::until("the result of a probe", ask, || instance.log())
}

#[test]
fn a_probe_finds_out() {
    require_instances!();
    let instance = instance().set("address_verify_map", "btree:{dir}/data/cache").start();
    let mut client = connect(&instance);
    assert_eq!(query(&mut client, "phtest1@local.example"), todo());
    let (recipient, reason) = verdict(&instance, &mut client, "phtest1@local.example");
    assert_eq!((recipient.as_str(), reason.as_str()), ("0", "delivers to mailbox"));
    instance.wait_for_log(&["to=<phtest1@local.example>", "status=deliverable (delivers to mailbox)"]);
    assert_eq!(query(&mut client, "u@bad.example"), todo());
    let (recipient, reason) = verdict(&instance, &mut client, "u@bad.example");
    assert_eq!((recipient.as_str(), reason.as_str()), ("2", "nobody"));
    instance.wait_for_log(&["to=<u@bad.example>", "status=undeliverable (nobody)"]);
    assert_eq!(query(&mut client, "u@later.example"), todo());
    let (recipient, reason) = verdict(&instance, &mut client, "u@later.example");
    assert_eq!((recipient.as_str(), reason.as_str()), ("1", "not now"));
    let sender = instance.log_lines("from=<double-bounce@test.example.com>, size=");
    assert_eq!(sender.len(), 3, "{}", instance.log());
    assert_eq!(instance.mailbox("phtest1"), Vec::<String>::new());
    instance.wait_for_empty_queue();
}

#[test]
fn one_probe_is_enough() {
    require_instances!();
    let instance = instance().set("address_verify_map", "").set("defer_transports", "local").start();
    let mut client = connect(&instance);
    assert_eq!(query(&mut client, "a@local.example"), todo());
    assert_eq!(query(&mut client, "a@local.example"), todo());
    assert_eq!(query(&mut connect(&instance), "a@local.example"), todo());
    instance.wait_for_log(&["from=<double-bounce@test.example.com>"]);
    assert_eq!(query(&mut client, "b@local.example"), todo());
    wait::until(
        "the other probe",
        || (instance.log_lines("from=<double-bounce@test.example.com>").len() >= 2).then_some(()),
        || instance.log(),
    );
    assert_eq!(instance.log_lines("from=<double-bounce@test.example.com>").len(), 2);
}

#[test]
fn results_are_stored_and_good_ones_stay() {
    require_instances!();
    let instance = instance().set("address_verify_map", "btree:{dir}/data/cache").start();
    let mut client = connect(&instance);
    assert_eq!(update(&mut client, "u@[IPv6:2001:db8::1]", "0", "250 fine"), status("0"));
    let fine = ("0".to_owned(), "0".to_owned(), "250 fine".to_owned());
    assert_eq!(query(&mut client, "u@[IPv6:2001:db8::1]"), fine);
    assert_eq!(update(&mut client, "u@[IPv6:2001:db8::1]", "2", "550 bad"), status("0"));
    assert_eq!(query(&mut client, "u@[IPv6:2001:db8::1]"), fine);
    assert_eq!(update(&mut client, "v@x.example", "2", "550 bad"), status("0"));
    assert_eq!(update(&mut client, "v@x.example", "1", "450 later"), status("0"));
    assert_eq!(query(&mut client, "v@x.example").1, "1");
    assert_eq!(update(&mut client, "w@x.example", "3", "x"), status("4294967294"));
    instance.wait_for_log(&["warning: bad recipient status 3 for recipient w@x.example"]);
    client.send(&[("request", "nonsense")]);
    assert_eq!(client.list(), Some(status("4294967294")));
    instance.wait_for_log(&["warning: unrecognized request: \"nonsense\", ignored"]);
    instance.wait_for_log(&["full cleanup: retained="]);
    instance.stop();

    let listed =
        instance.run("postmap", &["-s", "btree:{dir}/data/cache".replace("{dir}", &instance.expand("{dir}")).as_str()]);
    let entry = listed.stdout.lines().find(|line| line.starts_with("u@[IPv6_2001_db8__1]\t")).expect("an entry");
    let value = entry.split('\t').nth(1).expect("a value");
    let fields: Vec<&str> = value.splitn(4, ':').collect();
    assert_eq!((fields[0], fields[1], fields[3]), ("0", "0", "250 fine"));
    assert!(listed.stdout.contains("_LAST_CACHE_CLEANUP_COMPLETED_\t"), "{}", listed.stdout);
}

#[test]
fn old_entries_go() {
    require_instances!();
    let instance = instance().set("address_verify_map", "btree:{dir}/data/cache").build();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time").as_secs();
    let day = 86400;
    let entries = format!(
        "good@x.example 0:0:{}:fine\nold@x.example 0:0:{}:fine\nbad@x.example 2:0:{}:bad\nprobed@x.example 3:{}:0:x\n\
         broken@x.example hello\n",
        now - 30 * day,
        now - 32 * day,
        now - 4 * day,
        now - 10,
    );
    let table = instance.expand("btree:{dir}/data/cache");
    instance.run_with("postmap", &["-i", &table], entries).success();
    let owner = sys::privilege::account("postfix").ok().flatten().expect("the mail owner");
    let file = instance.path("data/cache.db");
    std::os::unix::fs::chown(&file, Some(owner.uid), Some(owner.gid)).expect("ownership");
    instance.start();
    let mut client = connect(&instance);
    assert_eq!(query(&mut client, "good@x.example").1, "0");
    let line = instance.wait_for_log(&["cleanup: retained="]);
    assert!(
        line.contains("cache btree:") && line.contains("/data/cache full cleanup: retained=2 dropped=3 entries"),
        "{line}"
    );
    assert_eq!(query(&mut client, "old@x.example"), todo());
    assert_eq!(query(&mut client, "probed@x.example"), ("0".into(), "3".into(), "x".into()));
    assert!(instance.log().contains("warning: bad address verify table entry: hello"), "{}", instance.log());
}

#[test]
fn the_sender_of_probes_changes_with_time() {
    require_instances!();
    let instance = instance()
        .set("address_verify_map", "")
        .set("address_verify_sender", "probe")
        .set("address_verify_sender_ttl", "1h")
        .start();
    let mut client = connect(&instance);
    assert_eq!(query(&mut client, "phtest1@local.example"), todo());
    let line = instance.wait_for_log(&["(queue active)"]);
    let sender = line.split("from=<").nth(1).and_then(|rest| rest.split('>').next()).expect("a sender");
    let slot =
        sender.strip_prefix("probe").and_then(|rest| rest.strip_suffix("@test.example.com")).expect("our sender");
    assert!(!slot.is_empty() && slot.bytes().all(|byte| b"0123456789BCDFGHJKLMNPQRSTVWXYZ".contains(&byte)), "{line}");
}
