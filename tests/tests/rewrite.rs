//! Rewriting and resolving addresses (cleanup-rewrite §7 to §9, checklist §24 items 1 to 17).

use tests::wire::Client;
use tests::{Builder, Instance, require_instances, wait};

fn instance() -> Builder {
    Instance::builder()
        .set("myhostname", "mail.example.com")
        .set("mydomain", "example.com")
        .set("myorigin", "example.com")
        .set("mydestination", "mail.example.com, localhost.example.com, localhost")
        .set("virtual_alias_domains", "va.example")
        .set("virtual_mailbox_domains", "vm.example")
        .set("relay_domains", "relay.example")
        .set("default_transport", "smtp")
        .set("relay_transport", "relay")
        .set("relocated_maps", "inline:{ {gone@example.com=new@example.net} }")
        .set("append_dot_mydomain", "yes")
}

/// A client that was greeted.
fn connect(instance: &Instance) -> Client {
    let mut client = Client::connect(&instance.path("q/private/rewrite"));
    let greeting = client.list().expect("a greeting");
    assert_eq!(greeting, [("protocol".to_owned(), "trivial_rewrite_protocol".to_owned())]);
    client
}

fn rewrite(client: &mut Client, rule: &str, address: &str) -> String {
    client.send(&[("request", "rewrite"), ("rule", rule), ("address", address)]);
    let reply = client.list().expect("a reply");
    let names: Vec<_> = reply.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!((names.as_slice(), reply[0].1.as_str()), (["flags", "address"].as_slice(), "0"));
    reply[1].1.clone()
}

/// Transport, next hop, recipient, flags.
fn ask(client: &mut Client, request: &str, sender: &str, address: &str) -> (String, String, String, u32) {
    client.send(&[("request", request), ("sender", sender), ("address", address)]);
    let reply = client.list().expect("a reply");
    let names: Vec<_> = reply.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["flags", "transport", "nexthop", "recipient", "flags"]);
    assert_eq!(reply[0].1, "0");
    let value = |index: usize| reply[index].1.clone();
    (value(1), value(2), value(3), value(4).parse().expect("a number"))
}

fn resolve(client: &mut Client, address: &str) -> (String, String, String, u32) {
    ask(client, "resolve", "s@x.example", address)
}

/// Transport and next hop alone.
fn route(client: &mut Client, address: &str) -> (String, String) {
    let (transport, nexthop, ..) = resolve(client, address);
    (transport, nexthop)
}

fn check_rewrites(instance: &Instance, cases: &[(&str, &str, &str)]) {
    let mut client = connect(instance);
    for (rule, address, expected) in cases {
        assert_eq!(rewrite(&mut client, rule, address), *expected, "{rule} {address}");
    }
}

/// Checklist 1, 2 and 5 to 8.
#[test]
fn addresses_are_completed() {
    require_instances!();
    let instance = instance().set("remote_header_rewrite_domain", "domain.invalid").start();
    let cases = [
        ("local", "joe", "joe@example.com"),
        ("local", "joe@host", "joe@host.example.com"),
        ("local", "joe%host", "joe@host.example.com"),
        ("local", "host!joe", "joe@host.example.com"),
        ("local", "hosta!hostb!joe", "hostb!joe@hosta.example.com"),
        ("local", "@a,@b:joe@c.example", "joe@c.example"),
        ("local", "joe@host.", "joe@host"),
        ("local", "joe@host..", "joe@host.."),
        ("local", "joe@", "joe@"),
        ("local", "\"joe user\"", "\"joe user\"@example.com"),
        ("local", "joe@[127.0.0.1]", "joe@[127.0.0.1]"),
        ("remote", "joe", "joe@domain.invalid"),
        ("remote", "joe@host", "joe@host.domain.invalid"),
    ];
    check_rewrites(&instance, &cases);
}

/// Checklist 3 to 6.
#[test]
fn each_kind_of_rewriting_can_be_turned_off() {
    require_instances!();
    let instance = instance()
        .set("append_dot_mydomain", "no")
        .set("swap_bangpath", "no")
        .set("allow_percent_hack", "no")
        .set("remote_header_rewrite_domain", "")
        .start();
    let cases = [
        ("local", "joe@host", "joe@host"),
        ("local", "hosta!hostb!joe", "hosta!hostb!joe@example.com"),
        ("local", "joe%a%b", "joe%a%b@example.com"),
        ("remote", "joe", "joe"),
        ("remote", "joe@host", "joe@host"),
    ];
    check_rewrites(&instance, &cases);
}

/// Checklist 9.
#[test]
fn unknown_requests_end_the_conversation() {
    require_instances!();
    let instance = instance().start();
    let mut client = connect(&instance);
    client.send(&[("request", "nonsense"), ("address", "x")]);
    assert!(client.is_closed());
    instance.wait_for_log(&["postfix/trivial-rewrite[", "warning: bad command nonsense"]);
    let mut client = connect(&instance);
    client.send(&[("request", "rewrite"), ("rule", "neither"), ("address", "x")]);
    assert!(client.is_closed());
    instance.wait_for_log(&["warning: unknown context: neither"]);
    let mut client = connect(&instance);
    client.send(&[("request", "rewrite"), ("address", "x")]);
    assert!(client.is_closed());
    assert_eq!(rewrite(&mut connect(&instance), "local", "joe"), "joe@example.com");
}

/// Checklist 10: the table of §9.11.
#[test]
fn addresses_are_resolved_by_their_class() {
    require_instances!();
    let instance = instance().start();
    let mut client = connect(&instance);
    let same = "";
    let cases = [
        ("", "local", "mail.example.com", "MAILER-DAEMON@mail.example.com", 256),
        ("joe", "local", "mail.example.com", "joe@mail.example.com", 256),
        ("joe@LOCALHOST", "local", "mail.example.com", same, 256),
        ("joe@localhost.", "local", "mail.example.com", "joe@localhost", 256),
        ("joe@[127.0.0.1]", "local", "mail.example.com", same, 256),
        ("joe user@mail.example.com", "local", "mail.example.com", same, 256),
        ("joe@va.example", "error", "5.1.1 User unknown in virtual alias table", same, 512),
        ("joe@vm.example", "virtual", "vm.example", same, 1024),
        ("joe@sub.relay.example", "relay", "sub.relay.example", same, 2048),
        ("joe%elsewhere.example@localhost", "smtp", "elsewhere.example", "joe@elsewhere.example", 4096),
        ("a@b.example@localhost", "smtp", "b.example", "a@b.example", 4096),
        ("a!b@other.example", "smtp", "other.example", same, 4098),
        ("a@b@c.example", "smtp", "c.example", same, 4098),
        ("x!y%z", "smtp", "x.example.com", "y%z@x.example.com", 4098),
        ("@r1,@r2:joe@x.example", "smtp", "x.example", "@r1, @r2:joe@x.example", 4098),
        ("joe@[10.1.2.3]", "smtp", "[10.1.2.3]", same, 4096),
        ("joe@[IPv6:2001:db8::1]", "smtp", "[IPv6:2001:db8::1]", same, 4096),
        ("joe@elsewhere.example.", "smtp", "elsewhere.example", "joe@elsewhere.example", 4096),
        ("-joe", "local", "mail.example.com", "-joe@mail.example.com", 260),
        ("-joe@relay.example", "relay", "relay.example", same, 2052),
        ("gone@example.com", "error", "5.1.6 User has moved to new@example.net", same, 4096),
    ];
    for (address, transport, nexthop, recipient, flags) in cases {
        let recipient = if recipient.is_empty() { address } else { recipient };
        let expected = (transport.to_owned(), nexthop.to_owned(), recipient.to_owned(), flags);
        assert_eq!(resolve(&mut client, address), expected, "{address}");
    }
    // Addresses that cannot be used: only recipient and flags mean something.
    for (address, recipient) in [
        ("joe@1.2.3.4", same),
        ("joe@", same),
        ("@", "MAILER-DAEMON@"),
        ("joe@elsewhere.example..", same),
        ("joe@-bad.example", same),
    ] {
        let (_, _, found, flags) = resolve(&mut client, address);
        let recipient = if recipient.is_empty() { address } else { recipient };
        assert_eq!((found.as_str(), flags), (recipient, 4100), "{address}");
    }
}

/// Checklist 10: numeric and empty domains that may be used.
#[test]
fn numeric_and_empty_domains_may_be_allowed() {
    require_instances!();
    let instance = instance().set("resolve_numeric_domain", "yes").set("resolve_null_domain", "yes").start();
    let mut client = connect(&instance);
    let cases = [
        ("joe@1.2.3.4", "smtp", "[1.2.3.4]", "joe@[1.2.3.4]", 4096),
        ("joe@127.0.0.1", "local", "mail.example.com", "joe@[127.0.0.1]", 256),
        ("joe@", "local", "mail.example.com", "joe@mail.example.com", 256),
    ];
    for (address, transport, nexthop, recipient, flags) in cases {
        let expected = (transport.to_owned(), nexthop.to_owned(), recipient.to_owned(), flags);
        assert_eq!(resolve(&mut client, address), expected, "{address}");
    }
}

/// Checklist 10: the second table of §9.11.
#[test]
fn transport_maps_choose_transport_and_next_hop() {
    require_instances!();
    let table = "a@one.example smtp:[hop.one]\none.example :[hop2]\n.one.example lmtp:unix:/x\ntwo.example error\n\
                 four.example error:4.2.1 closed\nlocalhost :\n";
    let instance = instance()
        .set("transport_maps", "texthash:{dir}/etc/transport")
        .file("etc/transport", table)
        .set("recipient_delimiter", "+")
        .set("parent_domain_matches_subdomains", "relay_domains")
        .start();
    let mut client = connect(&instance);
    let cases = [
        ("a@one.example", "smtp", "[hop.one]"),
        ("a+x@one.example", "smtp", "[hop.one]"),
        ("b@one.example", "smtp", "[hop2]"),
        ("b@sub.one.example", "lmtp", "unix:/x"),
        ("b@two.example", "error", "Address is undeliverable"),
        ("c@four.example", "error", "4.2.1 closed"),
        ("joe@localhost", "local", "mail.example.com"),
        ("joe@va.example", "error", "5.1.1 User unknown in virtual alias table"),
    ];
    for (address, transport, nexthop) in cases {
        assert_eq!(route(&mut client, address), (transport.to_owned(), nexthop.to_owned()), "{address}");
    }
}

/// Checklist 11 to 13, and 15.
#[test]
fn relay_hosts_take_what_has_no_other_way() {
    require_instances!();
    let route_of = |builder: Builder, address: &str| {
        let instance = builder.set("relayhost", "[r]").start();
        let (_, nexthop, ..) = resolve(&mut connect(&instance), address);
        nexthop
    };
    assert_eq!(route_of(instance().set("default_transport", "smtp:[hub]"), "a@x.example"), "[hub]");
    let dunno = instance()
        .set("default_transport", "smtp:[hub]")
        .set("sender_dependent_default_transport_maps", "static:DUNNO");
    assert_eq!(route_of(dunno, "a@x.example"), "[hub]");
    let by_sender = instance().set("sender_dependent_default_transport_maps", "inline:{ {s@x.example=smtp:[mine]} }");
    assert_eq!(route_of(by_sender, "a@x.example"), "[mine]");
    let relay = instance().set("sender_dependent_relayhost_maps", "inline:{ {s@x.example=[sr]} }");
    assert_eq!(route_of(relay, "a@x.example"), "[sr]");
    assert_eq!(route_of(instance().set("transport_maps", "inline:{ {x.example=smtp:} }"), "a@x.example"), "x.example");
    assert_eq!(route_of(instance(), "a@x.example"), "[r]");
    let verify = instance().set("relayhost", "[r]").set("address_verify_relayhost", "").start();
    let mut client = connect(&verify);
    assert_eq!(ask(&mut client, "verify", "s@x.example", "a@x.example").1, "x.example");
    assert_eq!(route(&mut client, "a@x.example").1, "[r]");
}

/// Checklist 14.
#[test]
fn a_table_that_fails_sets_a_flag() {
    require_instances!();
    let instance = instance().set("transport_maps", "fail:broken").start();
    let (.., flags) = resolve(&mut connect(&instance), "a@x.example");
    assert_eq!(flags & 8, 8);
    instance.wait_for_log(&["postfix/trivial-rewrite[", "transport_maps lookup failure"]);
}

/// Checklist 16.
#[test]
fn subdomains_of_relay_domains_may_not_count() {
    require_instances!();
    let instance = instance().set("parent_domain_matches_subdomains", "").start();
    let mut client = connect(&instance);
    assert_eq!(resolve(&mut client, "a@sub.relay.example").3, 4096);
    assert_eq!(resolve(&mut client, "a@relay.example").3, 2048);
}

/// Checklist 17.
#[test]
fn a_changed_table_restarts_the_process() {
    require_instances!();
    let instance = instance()
        .set("transport_maps", "hash:{dir}/etc/transport")
        .file("etc/transport", "x.example smtp:[one]\n")
        .set("address_verify_transport_maps", "")
        .build();
    let table = instance.expand("hash:{dir}/etc/transport");
    instance.run("postmap", &[&table]).success();
    instance.start();
    let mut client = connect(&instance);
    assert_eq!(route(&mut client, "a@x.example").1, "[one]");
    std::fs::remove_file(instance.path("etc/transport.db")).expect("the table");
    instance.write("etc/transport", "x.example smtp:[two]\n");
    instance.run("postmap", &[&table]).success();
    instance.wait_for_log(&["postfix/trivial-rewrite[", "has changed -- restarting"]);
    let second = || {
        let (_, nexthop) = route(&mut connect(&instance), "a@x.example");
        (nexthop == "[two]").then_some(())
    };
    wait::until("the new table", second, || instance.log());
    assert!(client.is_closed());
}
