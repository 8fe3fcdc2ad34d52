//! Tables of daemons that others change under their hands (tables §1.7, §3.6, checklist 4, 5, 29, 37, 39 to 41).

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tests::lookup::ProxyMap;
use tests::smtp::{Session, free_port, server};
use tests::{Instance, require_instances};

fn build(instance: &Instance, table: &str) {
    instance.run("postmap", &[&instance.expand(table)]).success();
}

/// Checklist 4.
#[test]
fn a_daemon_sees_a_new_lmdb_table() {
    require_instances!();
    let instance =
        Instance::builder().set("proxy_read_maps", "proxy:lmdb:{dir}/t/table").file("t/table", "key one\n").build();
    build(&instance, "lmdb:{dir}/t/table");
    instance.start();
    let mut proxy = ProxyMap::connect(&instance);
    let mut value = || proxy.lookup("lmdb:{dir}/t/table", "key").1;
    assert_eq!(value(), "one");
    for number in 0..5 {
        instance.write("t/table", format!("key {number}\n"));
        build(&instance, "lmdb:{dir}/t/table");
        assert_eq!(value(), number.to_string());
    }
    assert_eq!(instance.log_lines("has changed").len(), 0, "{}", instance.log());
}

/// Checklist 5.
#[test]
fn a_cdb_table_is_there_or_not() {
    require_instances!();
    let entries = |value: usize| (0..3000).map(|key| format!("key{key} {value}\n")).collect::<String>();
    let instance = Instance::builder().file("t/table", &entries(0)).build();
    let table = instance.expand("cdb:{dir}/t/table");
    build(&instance, &table);
    let ends = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for value in 1..8 {
                instance.write("t/table", entries(value));
                build(&instance, &table);
            }
            ends.store(true, Ordering::Relaxed);
        });
        while !ends.load(Ordering::Relaxed) {
            instance.run("postmap", &["-q", "key2999", &table]).success();
        }
    });
    instance.assert_found("cdb:{dir}/t/table", "key2999", "7");
    assert!(!instance.path("t/table.cdb.tmp").exists());
}

/// Checklist 29.
#[test]
fn aliases_are_not_made_from_addresses() {
    require_instances!();
    let rules = "/^(ann)a$/ $1\n/^two$/ phtest1\n";
    let instance = Instance::builder().set("alias_maps", "regexp:{dir}/t/rules").file("t/rules", rules).start();
    instance.send(&["anna@local.example", "two@local.example"], "\nhello\n");
    instance.wait_for_mail("phtest1", 1);
    let warning = "warning: regexp map {dir}/t/rules, line 1: regular expression substitution is not allowed";
    instance.wait_for_log(&["local[", &instance.expand(warning)]);
    instance.wait_for_log(&["to=<anna@local.example>", "dsn=5.1.1", "unknown user: \"anna\""]);
}

/// Checklist 37.
#[test]
fn a_server_starts_anew_when_a_table_has_changed() {
    require_instances!();
    let port = free_port();
    let checks = "check_recipient_access hash:{dir}/t/access, check_recipient_access regexp:{dir}/t/rules, reject";
    let instance = server(port)
        .set("smtpd_recipient_restrictions", checks)
        .file("t/access", "a@local.example 551 old\n")
        .file("t/rules", "/^b@/ 552 old\n")
        .build();
    build(&instance, "hash:{dir}/t/access");
    instance.start();
    let ask = |recipient: &str| {
        let mut session = Session::hello(port);
        session.ask("MAIL FROM:<s@x.example>", "250");
        let reply = session.say(&format!("RCPT TO:<{recipient}>"));
        session.quit();
        reply
    };
    assert!(ask("a@local.example").starts_with("551 "), "{}", instance.log());
    instance.write("t/rules", "/^b@/ 553 new\n");
    assert!(ask("b@local.example").starts_with("552 "), "{}", instance.log());
    instance.write("t/access", "a@local.example 554 new\n");
    build(&instance, "hash:{dir}/t/access");
    tests::place::set_mtime(&instance.path("t/access.db"), 10);
    assert!(ask("a@local.example").starts_with("554 "), "{}", instance.log());
    let line = instance.wait_for_log(&["smtpd[", "has changed -- restarting"]);
    let table = instance.expand("table hash:{dir}/t/access(0,lock|fold_fix|utf8_request)");
    assert!(line.contains(&table), "{line}");
}

/// Checklist 41; proxymap would not answer.
#[test]
fn tables_of_rights_are_opened_directly() {
    require_instances!();
    let instance = Instance::builder()
        .set("virtual_mailbox_domains", "v.example")
        .set("virtual_mailbox_base", "{dir}/vmail")
        .set("virtual_mailbox_maps", "proxy:inline:{file@v.example=file}")
        .set("virtual_uid_maps", "proxy:static:8765")
        .set("virtual_gid_maps", "proxy:static:8")
        .service("proxymap unix - - n - 0 /nowhere")
        .file("vmail/keep", "")
        .build();
    std::os::unix::fs::chown(instance.path("vmail"), Some(8765), Some(8)).expect("ownership");
    instance.start();
    instance.send(&["file@v.example"], "\nhello\n");
    instance.wait_for_log(&["virtual[", "to=<file@v.example>", "status=sent (delivered to mailbox)"]);
    assert!(instance.path("vmail/file").exists());
}
