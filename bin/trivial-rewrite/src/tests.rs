//! The worked examples of cleanup-rewrite §8.2, §9.11 and §24.

use super::*;

const ENVIRONMENT: &[(&str, &str)] = &[
    ("myhostname", "mail.example.com"),
    ("mydomain", "example.com"),
    ("myorigin", "example.com"),
    ("mydestination", "mail.example.com, localhost.example.com, localhost"),
    ("virtual_alias_domains", "va.example"),
    ("virtual_mailbox_domains", "vm.example"),
    ("relay_domains", "relay.example"),
    ("inet_interfaces", "127.0.0.1"),
    ("relocated_maps", "inline:{gone@example.com=new@example.net}"),
    ("append_dot_mydomain", "yes"),
    ("remote_header_rewrite_domain", "domain.invalid"),
    ("compatibility_level", "3.6"),
];

fn service(more: &[(&str, &str)]) -> TrivialRewrite {
    let pairs: Vec<_> = ENVIRONMENT.iter().chain(more).copied().collect();
    TrivialRewrite::new(&Config::for_tests(&pairs)).unwrap()
}

#[track_caller]
fn check_rewrite(service: &TrivialRewrite, origin: Origin, address: &str, expected: &str) {
    assert_eq!(service.rewrite(origin, address.as_bytes()), expected, "{address}");
}

#[track_caller]
fn check(service: &mut TrivialRewrite, query: &str, transport: &str, nexthop: &str, recipient: &str, flags: i32) {
    let found = service.resolve(false, b"", query.as_bytes());
    let (transport, nexthop, recipient) = (transport.into(), nexthop.into(), recipient.into());
    assert_eq!(found, Resolved { server_flags: 0, transport, nexthop, recipient, flags }, "{query}");
}

#[track_caller]
fn route(service: &mut TrivialRewrite, sender: &str, query: &str) -> (String, String) {
    let found = service.resolve(false, sender.as_bytes(), query.as_bytes());
    (found.transport.to_string(), found.nexthop.to_string())
}

fn pair(transport: &str, nexthop: &str) -> (String, String) {
    (transport.into(), nexthop.into())
}

#[test]
fn rewriting() {
    let service = service(&[]);
    for (address, expected) in [
        ("joe", "joe@example.com"),
        ("joe@host", "joe@host.example.com"),
        ("joe%host", "joe@host.example.com"),
        ("joe%hosta%hostb", "joe%hosta@hostb.example.com"),
        ("hosta!hostb!joe", "hostb!joe@hosta.example.com"),
        ("@hosta,@hostb:joe@hostc", "joe@hostc.example.com"),
        ("@hosta:joe", "joe@example.com"),
        ("\"joe user\"", "\"joe user\"@example.com"),
        ("\"a!b\"", "a!b@example.com"),
        ("\"joe@there\"@here", "\"joe@there\"@here.example.com"),
        ("joe@[10.0.0.1]", "joe@[10.0.0.1]"),
        ("joe@host.", "joe@host"),
        ("joe@host..", "joe@host.."),
        ("joe@", "joe@"),
        ("joe@.", "joe@."),
        ("joe (c)", "\"joe (c)\"@example.com"),
        ("<joe@host>", "\"<joe\"@host>.example.com"),
        ("a b@c", "\"a b\"@c.example.com"),
        ("\"\"", "\"\""),
        ("@", "\"\""),
        ("!", "\"\"@"),
        ("a!", "\"\"@a.example.com"),
        ("!b", "b@"),
        ("%", "\"\"@"),
        ("a%", "a@"),
        ("%b", "\"\"@b.example.com"),
        ("@c", "\"\"@c.example.com"),
        ("[1.2.3.4]", "\"[1.2.3.4]\"@example.com"),
        ("a|b", "a|b@example.com"),
        ("a:b", "\"a:b\"@example.com"),
        ("a%\"b c\"", "a@b c.example.com"),
        ("a@b@c", "\"a@b\"@c.example.com"),
    ] {
        check_rewrite(&service, Origin::Local, address, expected);
        check_rewrite(&service, Origin::Remote, address, &expected.replace("example.com", "domain.invalid"));
    }
}

#[test]
fn rewriting_by_other_parameters() {
    let without = service(&[("append_dot_mydomain", "no"), ("remote_header_rewrite_domain", "")]);
    check_rewrite(&without, Origin::Local, "joe@host", "joe@host");
    check_rewrite(&without, Origin::Remote, "joe", "joe");
    let without = service(&[("swap_bangpath", "no"), ("allow_percent_hack", "no")]);
    check_rewrite(&without, Origin::Local, "hosta!hostb!joe", "hosta!hostb!joe@example.com");
    check_rewrite(&without, Origin::Local, "joe%a%b", "joe%a%b@example.com");
}

const CHANNEL: &str = "CHANNEL NOT UPDATED";
const NEXTHOP: &str = "NEXTHOP NOT UPDATED";

#[test]
fn resolving() {
    let mut service = service(&[]);
    let ours = "mail.example.com";
    for (query, transport, nexthop, recipient, flags) in [
        ("", "local", ours, "MAILER-DAEMON@mail.example.com", 256),
        ("joe", "local", ours, "joe@mail.example.com", 256),
        ("joe@LOCALHOST", "local", ours, "joe@LOCALHOST", 256),
        ("joe@localhost.", "local", ours, "joe@localhost", 256),
        ("joe@[127.0.0.1]", "local", ours, "joe@[127.0.0.1]", 256),
        ("joe user@mail.example.com", "local", ours, "joe user@mail.example.com", 256),
        ("joe@va.example", "error", "5.1.1 User unknown in virtual alias table", "joe@va.example", 512),
        ("joe@vm.example", "virtual", "vm.example", "joe@vm.example", 1024),
        ("joe@sub.relay.example", "relay", "sub.relay.example", "joe@sub.relay.example", 2048),
        ("joe%elsewhere.example@localhost", "smtp", "elsewhere.example", "joe@elsewhere.example", 4096),
        ("a@b.example@localhost", "smtp", "b.example", "a@b.example", 4096),
        ("a!b@other.example", "smtp", "other.example", "a!b@other.example", 4098),
        ("a@b@c.example", "smtp", "c.example", "a@b@c.example", 4098),
        ("x!y%z", "smtp", "x.example.com", "y%z@x.example.com", 4098),
        ("@r1,@r2:joe@x.example", "smtp", "x.example", "@r1, @r2:joe@x.example", 4098),
        ("joe@[10.1.2.3]", "smtp", "[10.1.2.3]", "joe@[10.1.2.3]", 4096),
        ("joe@[IPv6:2001:db8::1]", "smtp", "[IPv6:2001:db8::1]", "joe@[IPv6:2001:db8::1]", 4096),
        ("joe@elsewhere.example.", "smtp", "elsewhere.example", "joe@elsewhere.example", 4096),
        ("joe@1.2.3.4", CHANNEL, NEXTHOP, "joe@1.2.3.4", 4100),
        ("joe@", CHANNEL, NEXTHOP, "joe@", 4100),
        ("@", CHANNEL, NEXTHOP, "MAILER-DAEMON@", 4100),
        ("@\\", CHANNEL, NEXTHOP, "@", 4100),
        ("a!b@-bad.example", CHANNEL, NEXTHOP, "a!b@-bad.example", 4100),
        ("joe@elsewhere.example..", CHANNEL, NEXTHOP, "joe@elsewhere.example..", 4100),
        ("joe@-bad.example", CHANNEL, NEXTHOP, "joe@-bad.example", 4100),
        ("-joe", "local", ours, "-joe@mail.example.com", 260),
        ("-joe@relay.example", "relay", "relay.example", "-joe@relay.example", 2052),
        ("gone@example.com", "error", "5.1.6 User has moved to new@example.net", "gone@example.com", 4096),
    ] {
        check(&mut service, query, transport, nexthop, recipient, flags);
    }
}

#[test]
fn numeric_and_null_domains() {
    let mut service = service(&[("resolve_numeric_domain", "yes"), ("resolve_null_domain", "yes")]);
    check(&mut service, "joe@1.2.3.4", "smtp", "[1.2.3.4]", "joe@[1.2.3.4]", 4096);
    check(&mut service, "joe@127.0.0.1", "local", "mail.example.com", "joe@[127.0.0.1]", 256);
    check(&mut service, "joe@", "local", "mail.example.com", "joe@mail.example.com", 256);
}

#[test]
fn transport_tables() {
    let table = "inline:{ a@one.example=smtp:[hop.one], one.example=:[hop2], .one.example=lmtp:unix:/x, \
                 two.example=error, {four.example=error:4.2.1 closed}, localhost=:, six.example=smtp:}";
    let mut service =
        service(&[("transport_maps", table), ("recipient_delimiter", "+"), ("relayhost", "[relay.host]")]);
    for (query, transport, nexthop) in [
        ("a@one.example", "smtp", "[hop.one]"),
        ("a+x@one.example", "smtp", "[hop.one]"),
        ("b@one.example", "smtp", "[hop2]"),
        ("b@sub.one.example", "lmtp", "unix:/x"),
        ("b@two.example", "error", "Address is undeliverable"),
        ("c@four.example", "error", "4.2.1 closed"),
        ("joe@localhost", "local", "mail.example.com"),
        ("joe@va.example", "error", "5.1.1 User unknown in virtual alias table"),
        ("x@five.example", "smtp", "[relay.host]"),
        ("x@six.example", "smtp", "six.example"),
    ] {
        assert_eq!(route(&mut service, "", query), pair(transport, nexthop), "{query}");
    }
}

#[test]
fn the_wildcard_is_for_what_is_not_found() {
    let mut service = service(&[("transport_maps", "inline:{*=uucp:hub, a.example=:x}")]);
    assert_eq!(route(&mut service, "", "joe@b.example"), pair("uucp", "hub"));
    assert_eq!(route(&mut service, "", "joe@a.example"), pair("smtp", "x"));
    assert_eq!(route(&mut service, "", "joe@localhost"), pair("uucp", "hub"));
}

#[test]
fn relayhost_and_senders() {
    let hub = &[("default_transport", "smtp:[hub]"), ("relayhost", "[r]")];
    assert_eq!(route(&mut service(hub), "", "joe@x.example"), pair("smtp", "[hub]"));
    let mut sender = service(&[
        ("relayhost", "[r]"),
        ("sender_dependent_default_transport_maps", "inline:{a@b=DUNNO, c@d=lmtp:x, e@f=uucp, <>=null:y}"),
        ("sender_dependent_relayhost_maps", "inline:{a@b=[sr], @d=dunno, @f=[ef]}"),
        ("empty_address_relayhost_maps_lookup_key", "a@b"),
    ]);
    assert_eq!(route(&mut sender, "a@b", "joe@x.example"), pair("smtp", "[sr]"));
    assert_eq!(route(&mut sender, "c@d", "joe@x.example"), pair("lmtp", "x"));
    assert_eq!(route(&mut sender, "e@f", "joe@x.example"), pair("uucp", "[ef]"));
    assert_eq!(route(&mut sender, "", "joe@x.example"), pair("null", "y"));
    assert_eq!(route(&mut sender, "", "joe@relay.example"), pair("relay", "[sr]"));
    assert_eq!(route(&mut sender, "z@z", "joe@relay.example"), pair("relay", "[r]"));
}

#[test]
fn probes_have_their_own_parameters() {
    let mut service = service(&[("relayhost", "[r]"), ("address_verify_relayhost", "")]);
    assert_eq!(service.resolve(true, b"", b"a@x.example").nexthop, "x.example");
    assert_eq!(service.resolve(false, b"", b"a@x.example").nexthop, "[r]");
}

#[test]
fn failures() {
    let failing = |pairs: &[(&str, &str)], query: &str| service(pairs).resolve(false, b"", query.as_bytes()).flags;
    assert_ne!(failing(&[("transport_maps", "fail:x")], "a@x.example") & 8, 0);
    assert_eq!(failing(&[("transport_maps", "fail:x")], "a@va.example"), 512);
    for list in ["mydestination", "virtual_alias_domains", "virtual_mailbox_domains", "relay_domains"] {
        assert_ne!(failing(&[(list, "fail:x")], "a@x.example") & 8, 0, "{list}");
    }
    assert_ne!(failing(&[("relocated_maps", "fail:x")], "a@x.example") & 8, 0);
    assert_ne!(failing(&[("default_transport", ":hop")], "a@x.example") & 8, 0);
}

#[test]
fn relocated_results_with_status() {
    let nexthop = |result: &str| {
        let table = format!("inline:{{ {{gone@example.com = {result}}} }}");
        let mut service = service(&[("relocated_maps", &table), ("relocated_prefix_enable", "no")]);
        service.resolve(false, b"", b"gone@example.com").nexthop.to_string()
    };
    assert_eq!(nexthop("5.2.1 Mailbox disabled"), "5.2.1 Mailbox disabled");
    for bad in ["5.2.1", "new@example.net", "3.1.1 x"] {
        assert_eq!(nexthop(bad), "5.2.0 Mailbox is unavailable", "{bad}");
    }
}

#[test]
fn parents_of_relay_domains() {
    let mut service = service(&[("parent_domain_matches_subdomains", "")]);
    assert_eq!(service.resolve(false, b"", b"a@sub.relay.example").flags, 4096);
    assert_eq!(service.resolve(false, b"", b"a@relay.example").flags, 2048);
}

#[test]
fn nonsense_ends_the_conversation() {
    let mut service = service(&[]);
    assert_eq!(service.answer(Request::Unknown("x".into())), None);
    assert_eq!(service.answer(Request::Rewrite { rule: "x".into(), address: "joe".into() }), None);
    let request = Request::Rewrite { rule: "local".into(), address: "joe".into() };
    assert_eq!(service.answer(request).unwrap(), b"flags\x000\0address\0joe@example.com\0\0");
}

proptest::proptest! {
    #[test]
    fn any_address_is_answered(address in r#"[a-c@.%!"\\:, \[\]()<>|-]{0,30}"#, raw: Vec<u8>) {
        let mut service = service(&[]);
        for address in [address.as_bytes(), &raw] {
            service.rewrite(Origin::Local, address);
            service.resolve(false, b"", address);
        }
    }
}
