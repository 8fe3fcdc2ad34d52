//! Mail for one site, tried again on request (master-ipc, flush; queue-files §10).

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::{SystemTime, UNIX_EPOCH};

use tests::place::set_mtime;
use tests::records::message;
use tests::wire::Client;
use tests::{Builder, Instance, require_instances, wait};

fn instance() -> Builder {
    Instance::builder()
        .set("fast_flush_domains", "later.example")
        .set("transport_maps", "inline:{ {later.example=retry:4.4.1 not now}, {other.example=retry:4.4.1 not now} }")
}

/// Leaves one deferred message for a recipient, and says which.
fn deferred(instance: &Instance, recipient: &str) -> String {
    instance.send(&[recipient], "\nhi\n");
    let line = instance.wait_for_log(&[&format!("to=<{recipient}>"), "status=deferred"]);
    let id = line.split(": ").nth(1).expect("a queue ID").to_owned();
    wait::until(
        "the deferred message",
        || instance.path(&format!("q/deferred/{}/{id}", &id[..1])).exists().then_some(()),
        || instance.log(),
    );
    id
}

fn deferrals(instance: &Instance, id: &str) -> usize {
    instance.log_lines(&format!("{id}: to=<")).len()
}

#[test]
fn a_site_is_flushed_alone() {
    require_instances!();
    let instance = instance().start();
    let wanted = deferred(&instance, "a@later.example");
    let other = deferred(&instance, "b@other.example");
    let log = instance.path("q/flush/later_example");
    wait::until("the site's log", || log.exists().then_some(()), || instance.log());
    let text = fs::read_to_string(&log).expect("the site's log");
    assert!(text.lines().any(|line| line == wanted), "{text}");
    assert!(!instance.path("q/flush/other_example").exists());

    instance.run("postqueue", &["-s", "later.example"]).success();
    wait::until("a second attempt", || (deferrals(&instance, &wanted) > 1).then_some(()), || instance.log());
    assert_eq!(deferrals(&instance, &other), 1);
}

#[test]
fn one_message_is_flushed_by_its_id() {
    require_instances!();
    let instance = instance().start();
    let wanted = deferred(&instance, "a@other.example");
    let other = deferred(&instance, "b@other.example");
    instance.run("postqueue", &["-i", &wanted]).success();
    wait::until("a second attempt", || (deferrals(&instance, &wanted) > 1).then_some(()), || instance.log());
    assert_eq!(deferrals(&instance, &other), 1);
}

/// queue-files 52.
#[test]
fn the_service_keeps_lists_of_sites_that_may_have_one() {
    require_instances!();
    let instance = instance().start();
    let ask = |attributes: &[(&str, &str)]| {
        let mut client = Client::connect(&instance.path("q/public/flush"));
        assert_eq!(client.map()["protocol"], "queue_flush_protocol");
        client.send(attributes);
        client.map()["status"].clone()
    };
    let add = |site: &str, id: &str| ask(&[("request", "add"), ("site", site), ("queue_id", id)]);
    assert_eq!(add("later.example", "676205D2C1"), "0");
    assert_eq!(add("LATER.example", "4jYWvp30bNz2rj0"), "0");
    assert_eq!(add("other.example", "676205D2C1"), "4");
    assert_eq!(add("later.example", "../x"), "3");
    assert_eq!(ask(&[("request", "add"), ("site", "later.example")]), "3");
    assert_eq!(ask(&[("request", "send_site"), ("site", "other.example")]), "4");
    assert_eq!(instance.read("q/flush/later_example"), "676205D2C1\n4jYWvp30bNz2rj0\n");
    assert!(!instance.path("q/flush/other_example").exists());
}

/// queue-files 53.
#[test]
fn a_message_that_is_flushed_forgets_when_it_was_to_be_tried() {
    require_instances!();
    let idle = instance()
        .master_cf(
            "flush     unix  n       -       n       1000?   0       flush\n\
             postlog   unix-dgram n  -       n       -       1       postlogd\n",
        )
        .start();
    let (id, path) = idle.place("deferred", &message("s@x.example", &["a@other.example"], 0), 0o700);
    set_mtime(&path, 5000);
    idle.run("postqueue", &["-i", &id]).success();
    let new = idle.path("q/incoming").join(&id);
    wait::until("the message to move", || (new.exists() && !path.exists()).then_some(()), || idle.log());
    let metadata = new.metadata().expect("metadata");
    assert_eq!(metadata.mode() & 0o777, 0o740);
    let age =
        |time: i64| (SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs() as i64 - time).abs();
    assert!(age(metadata.mtime()) < 600 && age(metadata.atime()) < 600);

    // The queue manager, which looks when it begins, takes the mark away.
    let instance = instance().build();
    let (id, _) = instance.place("incoming", &message("s@x.example", &["a@other.example"], 0), 0o740);
    instance.start();
    let deferred = instance.path(&format!("q/deferred/{}/{id}", &id[..1]));
    wait::until("the deferred message", || deferred.exists().then_some(()), || instance.log());
    assert_eq!(deferred.metadata().expect("metadata").mode() & 0o777, 0o700);
}

#[test]
fn a_site_without_a_log_is_refused() {
    require_instances!();
    let instance = instance().start();
    let output = instance.run("postqueue", &["-s", "other.example"]);
    assert_ne!(output.status, 0, "{output:?}");
    assert!(output.stderr.contains("Flush service is not configured for destination \"other.example\""), "{output:?}");
}
