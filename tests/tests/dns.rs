//! How the SMTP client finds servers (smtp-client §4, §21, §24).

use std::net::Ipv4Addr;

use tests::name_server::{Zone, name, rcode};
use tests::sink::{Behaviour, Sink, own_address};
use tests::{Builder, Instance, NameServer, require_instances};

/// Mail for all domains goes out by SMTP, and the zone is all there is.
fn instance(server: &NameServer) -> Builder {
    Instance::builder()
        .service("smtp      unix  -       -       n       -       -       smtp")
        .set("default_transport", "smtp")
        .set("smtp_tls_security_level", "")
        .resolv_conf(&server.resolv_conf())
}

fn send(instance: &Instance, recipient: &str) {
    instance.send(&["-f", "s@local.example", recipient], "Subject: x\n\nbody\n");
}

/// Sends to a recipient; the first result must have these texts.
fn expect(instance: &Instance, recipient: &str, texts: &[&str]) -> String {
    send(instance, recipient);
    let line = instance.wait_for_log(&[&format!("to=<{recipient}>"), "status="]);
    for text in texts {
        assert!(line.contains(text), "{text} is not in {line}\n{}", instance.log());
    }
    line
}

fn mail_server() -> (Sink, Ipv4Addr) {
    let sink = Sink::on_port_25(Behaviour::offering(&["PIPELINING"]));
    let std::net::IpAddr::V4(address) = sink.address.expect("an address").ip() else { panic!("not IPv4") };
    (sink, address)
}

fn bounced(text: &str) -> String {
    format!("status=bounced (Host or domain name not found. Name service error for {text})")
}

/// Checklist 1: the best server is tried first, and brackets mean no MX lookup.
#[test]
fn servers_are_tried_by_preference() {
    require_instances!();
    let ((first, a), (second, b)) = (mail_server(), mail_server());
    let dead = own_address();
    let server = NameServer::start(Zone::default().with(&format!(
        "d.example MX 20 b.example
         d.example MX 10 a.example
         e.example MX 10 dead.example
         e.example MX 20 alias.example
         alias.example CNAME b.example
         dead.example A {dead}
         a.example A {a}
         b.example A {b}"
    )));
    let instance = instance(&server).start();
    expect(&instance, "u@d.example", &[&format!("relay=a.example[{a}]:25"), "status=sent"]);
    assert_eq!(first.sessions().len(), 1);
    expect(&instance, "u@e.example", &[&format!("relay=alias.example[{b}]:25"), "status=sent"]);
    instance.wait_for_log(&[&format!("]: connect to dead.example[{dead}]:25: Connection refused")]);
    assert_eq!(second.sessions().len(), 1);
    expect(&instance, "u@a.example", &[&format!("relay=a.example[{a}]:25"), "status=sent"]);
    let questions = server.questions();
    for text in ["d.example MX", "a.example A", "a.example MX"] {
        assert!(questions.contains(&text.to_owned()), "{questions:?}");
    }
}

#[test]
fn a_next_hop_in_brackets_has_no_mx_lookup() {
    require_instances!();
    let (sink, address) = mail_server();
    let server =
        NameServer::start(Zone::default().with(&format!("h.example A {address}\nh.example MX 0 other.example")));
    let instance = instance(&server).set("relayhost", "[h.example]").start();
    expect(&instance, "u@d.example", &[&format!("relay=h.example[{address}]:25"), "status=sent"]);
    assert_eq!(sink.sessions().len(), 1);
    assert_eq!(server.questions(), ["h.example A"]);
}

/// Checklist 3, 4.
#[test]
fn names_that_do_not_exist() {
    require_instances!();
    let server = NameServer::start(Zone::default().with(
        "null.example MX 0 .
         null.example A 127.0.0.1
         empty.example TXT x
         gone.example MX 10 nowhere.example",
    ));
    let instance = instance(&server).start();
    let text = "dsn=5.1.0, status=bounced (Domain null.example does not accept mail (nullMX))";
    expect(&instance, "u@null.example", &["relay=none", text]);
    assert!(!server.questions().contains(&"null.example A".to_owned()));
    let text = bounced("name=none.example type=A: Host not found");
    expect(&instance, "u@none.example", &["relay=none", "dsn=5.4.4", &text]);
    let text = bounced("name=empty.example type=A: Host found but no data record of requested type");
    expect(&instance, "u@empty.example", &["dsn=5.4.4", &text]);
    let text = bounced("name=nowhere.example type=A: Host not found");
    expect(&instance, "u@gone.example", &["dsn=5.4.4", &text]);
    instance.wait_for_log(&["warning: no MX host for gone.example has a valid address record"]);
}

/// Checklist 4, with both families.
#[test]
fn the_last_family_names_the_reason() {
    require_instances!();
    let (sink, address) = mail_server();
    let server = NameServer::start(
        Zone::default()
            .with(&format!("half.example A {address}"))
            .failing("half.example", "AAAA", rcode::SERVER_FAILURE)
            .failing("soft.example", "A", rcode::SERVER_FAILURE),
    );
    let instance = instance(&server).set("inet_protocols", "all").start();
    let text = bounced("name=none.example type=AAAA: Host not found");
    expect(&instance, "u@none.example", &["dsn=5.4.4", &text]);
    expect(&instance, "u@half.example", &["status=sent"]);
    assert_eq!(sink.sessions().len(), 1);
    let text = "status=deferred (Host or domain name not found. Name service error for name=soft.example type=A: Host not found, try again)";
    expect(&instance, "u@soft.example", &["dsn=4.4.3", text]);
}

/// Checklist 5.
#[test]
fn servers_in_trouble() {
    require_instances!();
    let (sink, address) = mail_server();
    let server = NameServer::start(
        Zone::default()
            .with(&format!("busy.example A {address}"))
            .failing("busy.example", "MX", rcode::SERVER_FAILURE)
            .failing("refused.example", "MX", rcode::REFUSED)
            .failing("format.example", "MX", rcode::FORMAT_ERROR),
    );
    let strict = instance(&server).start();
    let text = |name: &str, why: &str| {
        format!("(Host or domain name not found. Name service error for name={name} type=MX: {why})")
    };
    let again = "Host not found, try again";
    expect(&strict, "u@busy.example", &["dsn=4.4.3, status=deferred", &text("busy.example", again)]);
    expect(&strict, "u@refused.example", &["dsn=4.4.3, status=deferred", &text("refused.example", again)]);
    expect(
        &strict,
        "u@format.example",
        &["dsn=5.4.3, status=bounced", &text("format.example", "Non-recoverable error")],
    );
    let lax = instance(&server).set("ignore_mx_lookup_error", "yes").start();
    expect(&lax, "u@busy.example", &["status=sent"]);
    assert_eq!(sink.sessions().len(), 1);
}

/// Checklist 6, 7, 8, 9.
#[test]
fn mail_does_not_come_back() {
    require_instances!();
    let ((first, a), (third, c)) = (mail_server(), mail_server());
    let (me, dead) = (own_address(), own_address());
    let server = NameServer::start(Zone::default().with(&format!(
        "mine.example MX 10 me.example
         second.example MX 10 nowhere.example
         second.example MX 20 me.example
         backup.example MX 10 dead.example
         backup.example MX 20 me.example
         backup.example MX 30 c.example
         good.example MX 10 a.example
         good.example MX 20 me.example
         me.example A {me}
         dead.example A {dead}
         a.example A {a}
         c.example A {c}"
    )));
    let builder = instance(&server).set("proxy_interfaces", &me.to_string());
    let instance = builder.clone().set("smtp_fallback_relay", "[c.example]").start();
    let text = "dsn=5.4.6, status=bounced (mail for mine.example loops back to myself)";
    expect(&instance, "u@mine.example", &["relay=none", text]);
    let text = "dsn=4.4.4, status=deferred (unable to find primary relay for second.example)";
    let line = expect(&builder.clone().start(), "u@second.example", &["relay=none"]);
    assert!(line.contains(text), "{line}");
    let text = format!("dsn=4.4.1, status=deferred (connect to dead.example[{dead}]:25: Connection refused)");
    expect(&instance, "u@backup.example", &["relay=none", &text]);
    expect(&instance, "u@good.example", &["relay=a.example", "status=sent"]);
    assert_eq!((first.sessions().len(), third.sessions().len()), (1, 0));
    let local = builder.set("best_mx_transport", "discard:here").start();
    send(&local, "u@mine.example");
    local.wait_for_log(&[": passing <u@mine.example> to transport=discard"]);
    local.wait_for_log(&["postfix/discard[", "to=<u@mine.example>", "status=sent (here)"]);
}

/// Checklist 10, 44.
#[test]
fn relays_that_are_not_found() {
    require_instances!();
    let (sink, address) = mail_server();
    let server = NameServer::start(Zone::default().with(&format!("f.example A {address}")));
    let relayed = instance(&server).set("relayhost", "nosuch.example").start();
    expect(&relayed, "u@d.example", &["dsn=4.3.5, status=deferred (Host or domain name not found."]);
    relayed.wait_for_log(&["postfix/smtp[", "warning: relayhost configuration problem"]);
    let rescued = instance(&server).set("smtp_fallback_relay", "[f.example]").start();
    expect(&rescued, "u@nosuch.example", &["relay=f.example", "status=sent"]);
    assert_eq!(sink.sessions().len(), 1);
    let lost = instance(&server).set("smtp_fallback_relay", "[nosuch2.example]").start();
    expect(&lost, "u@nosuch.example", &["dsn=4.3.5, status=deferred"]);
    lost.wait_for_log(&["warning: smtp_fallback_relay configuration problem"]);
}

#[test]
fn bad_names_in_replies() {
    require_instances!();
    let (sink, address) = mail_server();
    let good = [name("mixed.example"), vec![0, 15, 0, 1, 0, 0, 0, 9, 0, 17, 0, 5], name("good.example")].concat();
    let bad = |owner: &str| [name(owner), vec![0, 15, 0, 1, 0, 0, 0, 9, 0, 16, 0, 1], name("b\\ d.example")].concat();
    let mut zone = Zone::default().with(&format!("good.example A {address}"));
    // The length of the data is that of preference and name.
    let fixed = |mut record: Vec<u8>, host: &str| {
        let length = 2 + name(host).len();
        let at = record.len() - length - 1;
        record[at] = length as u8;
        record
    };
    let (good, spoilt) = (fixed(good, "good.example"), fixed(bad("mixed.example"), "b\\ d.example"));
    zone = zone.raw("mixed.example", "MX", 2, &[good, spoilt].concat());
    zone = zone.raw("bad.example", "MX", 1, &fixed(bad("bad.example"), "b\\ d.example"));
    let server = NameServer::start(zone);
    let instance = instance(&server).start();
    expect(&instance, "u@mixed.example", &["relay=good.example", "status=sent"]);
    assert_eq!(sink.sessions().len(), 1);
    let text =
        "status=bounced (Name service error for name=bad.example type=MX: Malformed or unexpected name server reply)";
    expect(&instance, "u@bad.example", &["dsn=5.4.4", text]);
    instance.wait_for_log(&["warning: malformed domain name in resource data of MX record for bad.example: "]);
}

#[test]
fn long_replies_come_over_tcp() {
    require_instances!();
    let (sink, address) = mail_server();
    let mut lines: Vec<String> = (0..20).map(|number| format!("d.example MX 20 long-name-{number}.example")).collect();
    lines.push("d.example MX 10 a.example".into());
    lines.push(format!("a.example A {address}"));
    let server = NameServer::start(Zone::default().with(&lines.join("\n")).udp_limit(300));
    let instance = instance(&server).start();
    expect(&instance, "u@d.example", &["relay=a.example", "status=sent"]);
    assert_eq!(sink.sessions().len(), 1);
    assert!(server.questions().contains(&"d.example MX/tcp".to_owned()), "{:?}", server.questions());
}

#[test]
fn replies_are_filtered() {
    require_instances!();
    let ((_first, a), (second, b)) = (mail_server(), mail_server());
    let server = NameServer::start(Zone::default().with(&format!(
        "d.example MX 10 a.example
         d.example MX 20 b.example
         a.example A {a}
         b.example A {b}
         only.example MX 5 a.example"
    )));
    let filter = "regexp:{{/MX [0-9]+ a\\.example\\.$$/ IGNORE}}";
    let instance = instance(&server).set("smtp_dns_reply_filter", filter).start();
    expect(&instance, "u@d.example", &["relay=b.example", "status=sent"]);
    assert_eq!(second.sessions().len(), 1);
    instance.wait_for_log(&["ignoring DNS RR: d.example. 3600 IN MX 10 a.example."]);
    let text =
        "dsn=4.7.0, status=deferred (Error looking up name=only.example type=MX: DNS reply filter drops all results)";
    expect(&instance, "u@only.example", &[text]);
}

#[test]
fn chains_of_aliases_end() {
    require_instances!();
    let (sink, address) = mail_server();
    let chain: String = (0..8).map(|number| format!("c{number}.example CNAME c{}.example\n", number + 1)).collect();
    let server = NameServer::start(
        Zone::default().with(&chain).with(&format!("c8.example A {address}\nloop.example CNAME loop.example")),
    );
    let instance = instance(&server).start();
    expect(&instance, "u@c0.example", &["relay=c0.example", "status=sent"]);
    assert_eq!(sink.sessions().len(), 1);
    expect(&instance, "u@loop.example", &["dsn=5.4.4, status=bounced (Name server loop for loop.example)"]);
    instance.wait_for_log(&["warning: dns_lookup: Name server loop for loop.example"]);
    let named = instance_with_aliases(&server);
    expect(&named, "u@c0.example", &["relay=c8.example", "status=sent"]);
}

fn instance_with_aliases(server: &NameServer) -> Instance {
    instance(server).set("smtp_cname_overrides_servername", "yes").start()
}

#[test]
fn the_system_knows_hosts_too() {
    require_instances!();
    let sink = Sink::start(Behaviour::offering(&["PIPELINING"]));
    let port = sink.address.expect("an address").port();
    let server = NameServer::start(Zone::default());
    let instance = instance(&server)
        .set("smtp_host_lookup", "native")
        .set("smtp_dns_support_level", "disabled")
        .set("relayhost", &format!("[localhost]:{port}"))
        .start();
    expect(&instance, "u@d.example", &[&format!("relay=localhost[127.0.0.1]:{port}"), "status=sent"]);
    assert_eq!(server.questions(), Vec::<String>::new());
    let text = "status=bounced (unable to look up host nosuch.example: Name or service not known)";
    let other = self::instance(&server).set("smtp_host_lookup", "dns, native").start();
    let line = expect(&other, "u@nosuch.example", &["dsn=5.4.4"]);
    assert!(line.contains(text), "{line}");
}
