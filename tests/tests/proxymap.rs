//! Tables by way of the proxymap and proxywrite services (tables §7, checklist §11).

use tests::wire::Client;
use tests::{Builder, Instance, require_instances};

/// What clients of a list parameter send as flags.
const FLAGS: &str = "540736";

fn instance() -> Builder {
    Instance::builder()
        .service("proxymap unix - - n - - proxymap")
        .service("proxywrite unix - - n - 1 proxymap")
        .set("proxy_read_maps", "$approved_maps proxy:inline:{a=b} {proxy:static:x y=z}")
        .set("approved_maps", "proxy:texthash:{dir}/etc/table, proxy:btree:{dir}/data/cache hash:/other proxy:fail:x")
        .set("proxy_write_maps", "proxy:btree:{dir}/data/cache")
        .file("etc/table", "Key  the value\nother  x\n")
}

fn connect(instance: &Instance, service: &str) -> Client {
    let mut client = Client::connect(&instance.path(&format!("q/private/{service}")));
    assert_eq!(client.list(), Some(list(&[("protocol", "proxymap_protocol")])));
    client
}

fn list(attributes: &[(&str, &str)]) -> Vec<(String, String)> {
    attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

struct Session<'a> {
    instance: &'a Instance,
    client: Client,
}

impl<'a> Session<'a> {
    fn new(instance: &'a Instance, service: &str) -> Self {
        Session { instance, client: connect(instance, service) }
    }

    fn ask(&mut self, request: &str, table: &str, rest: &[(&str, &str)]) -> Vec<(String, String)> {
        let table = self.instance.expand(table);
        let mut attributes = vec![("request", request), ("table", table.as_str()), ("flags", FLAGS)];
        attributes.extend_from_slice(rest);
        self.client.send(&attributes);
        self.client.list().unwrap_or_else(|| panic!("no reply: {}", self.instance.log()))
    }

    fn lookup(&mut self, table: &str, key: &str) -> (String, String) {
        let reply = self.ask("lookup", table, &[("key", key)]);
        let names: Vec<&str> = reply.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["status", "value"]);
        (reply[0].1.clone(), reply[1].1.clone())
    }
}

fn pair(status: &str, value: &str) -> (String, String) {
    (status.to_owned(), value.to_owned())
}

#[test]
fn approved_tables_are_looked_up() {
    require_instances!();
    let instance = instance().start();
    let mut session = Session::new(&instance, "proxymap");
    let table = "texthash:{dir}/etc/table";
    let opened = session.ask("open", table, &[]);
    let names: Vec<&str> = opened.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!((names.as_slice(), opened[0].1.as_str()), (["status", "flags"].as_slice(), "0"));
    let flags: u32 = opened[1].1.parse().expect("flags");
    assert_eq!(flags & (16 | 32), 16, "fixed, not pattern: {flags}");
    assert_eq!(session.lookup(table, "KEY"), pair("0", "the value"));
    assert_eq!(session.lookup(table, "nothing"), pair("1", ""));
    assert_eq!(session.lookup("proxy:proxy:texthash:{dir}/etc/table", "other"), pair("0", "x"));
    assert_eq!(session.lookup("inline:{a=b}", "a"), pair("0", "b"));
    assert_eq!(session.lookup("static:x", "a"), pair("0", "x"));
    assert_eq!(session.lookup("fail:x", "a"), pair("2", ""));
    let opened = session.ask("open", "static:x", &[]);
    assert_eq!(opened[0].1, "0");
}

/// Checklist 39 and 40.
#[test]
fn other_tables_are_refused() {
    require_instances!();
    let instance = instance().start();
    let mut session = Session::new(&instance, "proxymap");
    assert_eq!(session.lookup("hash:/other", "x"), pair("4", ""));
    instance.wait_for_log(&["warning: request for unapproved table: \"hash:/other\""]);
    instance.wait_for_log(&[
        "warning: to approve this table for read-only access, list proxy:hash:/other in main.cf:proxy_read_maps",
    ]);
    assert_eq!(session.ask("open", "hash:/other", &[]), list(&[("status", "4"), ("flags", "0")]));
    assert_eq!(session.lookup("nonsense", "x"), pair("3", ""));
    session.client.send(&[("request", "hello")]);
    assert_eq!(session.client.list(), Some(list(&[("status", "3")])));
    instance.wait_for_log(&["warning: unrecognized request: \"hello\", ignored"]);
    let mut session = Session::new(&instance, "proxymap");
    let update = session.ask("update", "btree:{dir}/data/cache", &[("key", "a"), ("value", "b")]);
    assert_eq!(update, list(&[("status", "4")]));
    let line = instance.wait_for_log(&["update request on non-proxywrite service"]);
    assert!(line.contains("warning: refusing btree:"), "{line}");
}

#[test]
fn the_other_service_writes() {
    require_instances!();
    let instance = instance().start();
    let mut session = Session::new(&instance, "proxywrite");
    let table = "btree:{dir}/data/cache";
    assert_eq!(session.ask("update", table, &[("key", "Kay"), ("value", "one")]), list(&[("status", "0")]));
    assert_eq!(session.ask("update", table, &[("key", "kay"), ("value", "two")]), list(&[("status", "0")]));
    assert_eq!(session.ask("update", table, &[("key", "lee"), ("value", "three")]), list(&[("status", "0")]));
    assert_eq!(session.lookup(table, "KAY"), pair("0", "two"));
    let first = session.ask("sequence", table, &[("function", "0")]);
    assert_eq!(first, list(&[("status", "0"), ("key", "kay"), ("value", "two")]));
    let next = session.ask("sequence", table, &[("function", "1")]);
    assert_eq!(next, list(&[("status", "0"), ("key", "lee"), ("value", "three")]));
    let end = session.ask("sequence", table, &[("function", "1")]);
    assert_eq!(end, list(&[("status", "1"), ("key", ""), ("value", "")]));
    assert_eq!(session.ask("delete", table, &[("key", "kay")]), list(&[("status", "0")]));
    assert_eq!(session.ask("delete", table, &[("key", "kay")]), list(&[("status", "1")]));
    assert_eq!(session.lookup("texthash:{dir}/etc/table", "key"), pair("4", ""));
    instance.wait_for_log(&["to approve this table for read-write access, list proxy:texthash:"]);
}

#[test]
fn programs_use_it() {
    require_instances!();
    let instance = instance()
        .set("virtual_alias_maps", "proxy:texthash:{dir}/etc/aliases")
        .set("proxy_read_maps", "$virtual_alias_maps")
        .file("etc/aliases", "alias@other.example  phtest1@local.example\n")
        .start();
    instance.send(&["alias@other.example"], "\nhello\n");
    let mail = instance.wait_for_mail("phtest1", 1);
    assert!(mail[0].contains("hello"), "{mail:?}");
    assert!(!instance.processes_named("proxymap").is_empty(), "{:?}", instance.processes());
}

#[test]
fn a_program_ends_when_its_table_is_not_approved() {
    require_instances!();
    let instance = instance()
        .set("virtual_alias_maps", "proxy:texthash:{dir}/etc/aliases")
        .set("proxy_read_maps", "")
        .file("etc/aliases", "alias@other.example  phtest1@local.example\n")
        .start();
    instance.send(&["alias@other.example"], "\nhello\n");
    let line = instance.wait_for_log(&["fatal: proxymap service is not configured for table"]);
    assert!(line.contains("\"texthash:"), "{line}");
}
