//! The LMTP client (smtp-client §17, §24).

use tests::sink::{Act, Behaviour, Session, Sink};
use tests::{Builder, Instance, require_instances};

/// Mail for `d.example` goes to a next hop by LMTP.
fn to(nexthop: &str) -> Builder {
    Instance::builder()
        .service("lmtp      unix  -       -       n       -       -       lmtp")
        .set("transport_maps", &format!("inline:{{ {{d.example = lmtp:{nexthop}}} }}"))
        .set("lmtp_tls_security_level", "")
}

fn send(instance: &Instance, recipients: &[&str]) {
    let mut arguments = vec!["-f", "s@local.example"];
    arguments.extend(recipients);
    instance.send(&arguments, "Subject: x\n\nbody\n");
}

fn result(instance: &Instance, recipient: &str, texts: &[&str]) -> String {
    let line = instance.wait_for_log(&[&format!("to=<{recipient}>"), "status="]);
    for text in texts {
        assert!(line.contains(text), "{text} is not in {line}\n{}", instance.log());
    }
    line
}

fn quit(sessions: &[Session]) -> bool {
    sessions.first().is_some_and(|session| session.commands.last().is_some_and(|last| last == "QUIT"))
}

/// Checklist 39, 40: a socket, and one reply for each recipient.
#[test]
fn a_server_behind_a_socket() {
    require_instances!();
    let instance = to("unix:private/store").build();
    let behaviour = Behaviour::offering(&["PIPELINING", "8BITMIME"])
        .lmtp()
        .reply("RCPT TO:<no@", "550 5.1.1 unknown")
        .times(1, "dot", Act::Say("250 2.1.5 saved".into()))
        .times(1, "dot", Act::Say("452 4.2.2 full".into()));
    let sink = Sink::at_path(&instance.path("q/private/store"), behaviour);
    instance.start();
    send(&instance, &["a@d.example", "no@d.example", "b@d.example"]);
    let relay = "relay=test.example.com[private/store], ";
    result(&instance, "a@d.example", &["postfix/lmtp[", relay, "dsn=2.1.5, status=sent (250 2.1.5 saved)"]);
    let text = "dsn=5.1.1, status=bounced (host test.example.com[private/store] said: 550 5.1.1 unknown (in reply to RCPT TO command))";
    result(&instance, "no@d.example", &[relay, text]);
    let text = "dsn=4.2.2, status=deferred (host test.example.com[private/store] said: 452 4.2.2 full (in reply to end of DATA command))";
    result(&instance, "b@d.example", &[relay, text]);
    let session = &sink.wait_for("QUIT", quit)[0];
    assert_eq!(session.commands[0], "LHLO test.example.com");
    assert_eq!(session.batches[1][..5], ["MAIL", "RCPT", "RCPT", "RCPT", "DATA"]);
}

#[test]
fn a_server_on_the_network() {
    require_instances!();
    let sink = Sink::start(Behaviour::offering(&[]).lmtp());
    let port = sink.address.expect("an address").port();
    let instance = to(&format!("inet:127.0.0.1:{port}")).start();
    send(&instance, &["a@d.example"]);
    result(&instance, "a@d.example", &[&sink.relay(), "status=sent (250 2.0.0 Ok: queued as SINK)"]);
    sink.wait_for("QUIT", quit);
}

#[test]
fn a_refused_lhlo_has_no_second_try() {
    require_instances!();
    let sink = Sink::start(Behaviour::offering(&[]).lmtp().reply("LHLO", "500 5.5.1 what"));
    let instance = to(&sink.nexthop()).start();
    send(&instance, &["a@d.example"]);
    let text = "dsn=5.5.1, status=bounced (host 127.0.0.1[127.0.0.1] refused to talk to me: 500 5.5.1 what)";
    result(&instance, "a@d.example", &[text]);
    assert_eq!(sink.wait_for("QUIT", quit)[0].commands, ["LHLO test.example.com", "QUIT"]);
}

#[test]
fn sockets_without_a_server() {
    require_instances!();
    let instance = to("unix:private/nobody").start();
    send(&instance, &["a@d.example"]);
    let text = "connect to test.example.com[private/nobody]: No such file or directory";
    result(&instance, "a@d.example", &["relay=none", &format!("dsn=4.4.1, status=deferred ({text})")]);
}

/// Letters of flags=.
#[test]
fn headers_can_be_added() {
    require_instances!();
    let sink = Sink::start(Behaviour::offering(&["PIPELINING"]).lmtp());
    let instance = to(&sink.nexthop())
        .service("lmtp      unix  -       -       n       -       -       lmtp flags=DORX")
        .set("lmtp_destination_recipient_limit", "1")
        .set("virtual_alias_maps", "inline:{ {x@local.example = a+b@d.example} }")
        .start();
    send(&instance, &["x@local.example"]);
    result(&instance, "a+b@d.example", &["orig_to=<x@local.example>", "status=sent"]);
    let content = sink.sessions()[0].content();
    let expected =
        "Return-Path: <s@local.example>\r\nX-Original-To: x@local.example\r\nDelivered-To: a+b@d.example\r\nReceived: ";
    assert!(content.starts_with(expected), "{content}");
    instance.send(&["-f", "s@local.example", "l@d.example"], "Delivered-To: L@D.example\nSubject: x\n\nbody\n");
    result(
        &instance,
        "l@d.example",
        &["relay=lmtp, ", "dsn=5.4.6, status=bounced (mail forwarding loop for l@d.example)"],
    );
}

#[test]
fn flags_for_one_recipient_refuse_two() {
    require_instances!();
    let sink = Sink::start(Behaviour::offering(&["PIPELINING"]).lmtp());
    let instance =
        to(&sink.nexthop()).service("lmtp      unix  -       -       n       -       -       lmtp flags=D").start();
    send(&instance, &["a@d.example", "b@d.example"]);
    result(&instance, "a@d.example", &["relay=lmtp, ", "dsn=4.3.5, status=deferred (mail system configuration error)"]);
    instance.wait_for_log(&["warning: flag `D' requires lmtp_destination_recipient_limit = 1"]);
}

#[test]
fn connections_to_sockets_are_used_again() {
    require_instances!();
    let instance = to("unix:private/store")
        .service("scache    unix  -       -       n       -       1       scache")
        .set("lmtp_connection_cache_destinations", "private/store")
        .set("lmtp_connection_cache_time_limit", "30s")
        .set("connection_cache_ttl_limit", "30s")
        .build();
    let sink = Sink::at_path(&instance.path("q/private/store"), Behaviour::offering(&["PIPELINING"]).lmtp());
    instance.start();
    for user in ["a", "b"] {
        send(&instance, &[&format!("{user}@d.example")]);
        result(&instance, &format!("{user}@d.example"), &["relay=test.example.com[private/store], ", "status=sent"]);
    }
    result(&instance, "b@d.example", &["conn_use=2"]);
    assert_eq!(sink.sessions().len(), 1);
}

/// Two next hops, of which the first refuses: the connection to the second is kept, and found by the next hop; the recipient that it
/// refuses softly then has no server left. Where the first is gone before it answers QUIT, the second is found by its address alone.
#[test]
fn a_kept_connection_of_a_second_next_hop() {
    require_instances!();
    let later = "450 4.2.1 later (in reply to RCPT TO command)";
    for (goodbye, is_found_first) in [(Act::Say("221 2.0.0 bye".into()), true), (Act::Close, false)] {
        let refusing = Behaviour::offering(&[]).lmtp().reply("greeting", "503 5.5.1 no").on("QUIT", goodbye);
        let (first, second) =
            (Sink::start(refusing), Sink::start(Behaviour::offering(&[]).lmtp().reply("RCPT", "450 4.2.1 later")));
        let instance = to(&format!("{},{}", first.nexthop(), second.nexthop()))
            .service("scache    unix  -       -       n       -       1       scache")
            .set("lmtp_connection_cache_destinations", "static:all")
            .set("lmtp_connection_cache_time_limit", "100s")
            .set("connection_cache_ttl_limit", "100s")
            .set("destination_concurrency_limit", "5")
            .start();
        send(&instance, &["a@d.example"]);
        let relay = format!("relay=127.0.0.1[127.0.0.1]:{}, ", second.address.expect("an address").port());
        result(&instance, "a@d.example", &[&relay, later]);
        send(&instance, &["b@d.example"]);
        if is_found_first {
            result(&instance, "b@d.example", &["relay=none, ", "(server unavailable or unable to receive mail)"]);
        } else {
            result(&instance, "b@d.example", &[&relay, "conn_use=2, ", later]);
        }
        assert_eq!(first.sessions().len(), if is_found_first { 1 } else { 2 });
        assert_eq!(second.sessions().len(), 1);
    }
}
