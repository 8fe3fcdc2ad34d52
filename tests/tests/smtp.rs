//! The SMTP client (smtp-client §24).

use tests::sink::{Act, Behaviour, Sink};
use tests::{Builder, Instance, require_instances};

const ALL: [&str; 5] = ["PIPELINING", "SIZE 10240000", "8BITMIME", "DSN", "ENHANCEDSTATUSCODES"];

/// Mail for `d.example` goes to a next hop.
fn to(nexthop: &str) -> Builder {
    Instance::builder()
        .service("smtp      unix  -       -       n       -       -       smtp")
        .set("transport_maps", &format!("inline:{{ {{d.example = smtp:{nexthop}}} }}"))
        .set("smtp_tls_security_level", "")
}

fn send(instance: &Instance, recipients: &[&str], message: &str) {
    let mut arguments = vec!["-f", "s@local.example"];
    arguments.extend(recipients);
    instance.send(&arguments, message);
}

fn short(instance: &Instance, recipients: &[&str]) {
    send(instance, recipients, "Subject: x\n\nbody\n");
}

/// The line of a recipient's first result, which must have these texts.
fn result(instance: &Instance, recipient: &str, texts: &[&str]) -> String {
    let to = format!("to=<{recipient}>");
    let line = instance.wait_for_log(&[&to, "status="]);
    for text in texts {
        assert!(line.contains(text), "{text} is not in {line}\n{}", instance.log());
    }
    line
}

/// Checklist 2, 16: relay field, one batch.
#[test]
fn with_pipelining_there_are_two_batches() {
    require_instances!();
    let sink = Sink::start(Behaviour::offering(&ALL));
    let instance = to(&sink.nexthop()).start();
    short(&instance, &["a@d.example", "b@d.example"]);
    result(&instance, "a@d.example", &[&sink.relay(), "dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as SINK)"]);
    instance.wait_for_empty_queue();
    let session = &sink.sessions()[0];
    assert_eq!(session.commands[0], "EHLO test.example.com");
    assert!(session.commands[1].starts_with("MAIL FROM:<s@local.example> SIZE="), "{session:?}");
    assert_eq!(session.commands[2], "RCPT TO:<a@d.example> ORCPT=rfc822;a@d.example");
    assert_eq!(session.batches[1][..4], ["MAIL", "RCPT", "RCPT", "DATA"]);
    assert_eq!(session.commands[5..], ["QUIT"]);
    assert!(
        session.content().ends_with("\r\nSubject: x\r\n\r\nbody\r\n") || session.content().contains("\r\n\r\nbody\r\n")
    );
    assert!(session.content().contains("Subject: x\r\n"));
}

/// Checklist 16, 18.
#[test]
fn without_pipelining_each_command_waits() {
    require_instances!();
    let sink = Sink::start(Behaviour::offering(&[]).reply("RCPT TO:<no@", "550 5.1.1 no such user"));
    let instance = to(&sink.nexthop()).start();
    short(&instance, &["no@d.example"]);
    let said = "dsn=5.1.1, status=bounced (host 127.0.0.1[127.0.0.1] said: 550 5.1.1 no such user (in reply to RCPT TO command))";
    result(&instance, "no@d.example", &[&sink.relay(), said]);
    instance.wait_for_empty_queue();
    let session = &sink.sessions()[0];
    assert_eq!(session.commands[1..], ["MAIL FROM:<s@local.example>", "RCPT TO:<no@d.example>", "RSET", "QUIT"]);
    assert!(session.batches.iter().all(|batch| batch.len() == 1), "{session:?}");
}

/// Checklist 17, 21.
#[test]
fn a_pipelined_data_without_recipients_gets_a_dot_alone() {
    require_instances!();
    let sink = Sink::start(Behaviour::offering(&ALL).reply("RCPT", "550 5.1.1 no"));
    let instance = to(&sink.nexthop()).start();
    short(&instance, &["no@d.example"]);
    result(&instance, "no@d.example", &["dsn=5.1.1, status=bounced"]);
    instance.wait_for_empty_queue();
    let sessions = sink.wait_for("a content", |sessions| sessions.iter().any(|session| !session.contents.is_empty()));
    assert_eq!(sessions[0].contents, [Vec::<u8>::new()]);
}

/// Checklist 11, 12.
#[test]
fn refused_greetings() {
    require_instances!();
    for (greeting, skip, texts) in [
        (
            "554 go away",
            "yes",
            "dsn=4.0.0, status=deferred (host 127.0.0.1[127.0.0.1] refused to talk to me: 554 go away)",
        ),
        (
            "554 go away",
            "no",
            "dsn=5.0.0, status=bounced (host 127.0.0.1[127.0.0.1] refused to talk to me: 554 go away)",
        ),
        (
            "421 4.3.2 later",
            "yes",
            "dsn=4.3.2, status=deferred (host 127.0.0.1[127.0.0.1] refused to talk to me: 421 4.3.2 later)",
        ),
    ] {
        let sink = Sink::start(Behaviour::offering(&ALL).reply("greeting", greeting));
        let instance = to(&sink.nexthop()).set("smtp_skip_5xx_greeting", skip).start();
        short(&instance, &["a@d.example"]);
        result(&instance, "a@d.example", &[&sink.relay(), texts]);
        sink.wait_for("QUIT", |sessions| sessions[0].commands == ["QUIT"]);
    }
}

/// Checklist 13.
#[test]
fn helo_follows_a_refused_ehlo() {
    require_instances!();
    let sink = Sink::start(Behaviour::offering(&ALL).reply("EHLO", "500 what"));
    let instance = to(&sink.nexthop()).start();
    short(&instance, &["a@d.example"]);
    result(&instance, "a@d.example", &["status=sent"]);
    assert_eq!(sink.sessions()[0].commands[..2], ["EHLO test.example.com", "HELO test.example.com"]);

    let sink = Sink::start(Behaviour::offering(&ALL).reply("EHLO", "421 4.0.0 bye"));
    let instance = to(&sink.nexthop()).start();
    short(&instance, &["a@d.example"]);
    result(
        &instance,
        "a@d.example",
        &["dsn=4.0.0, status=deferred (host 127.0.0.1[127.0.0.1] refused to talk to me: 421"],
    );
    sink.wait_for("QUIT", |sessions| sessions[0].commands.last().is_some_and(|last| last == "QUIT"));
    assert_eq!(sink.sessions()[0].commands, ["EHLO test.example.com", "QUIT"]);
}

/// Checklist 14.
#[test]
fn a_masked_greeting_turns_extensions_off() {
    require_instances!();
    let sink = Sink::start(Behaviour::offering(&ALL).greeting("220 **************"));
    let instance = to(&sink.nexthop()).start();
    short(&instance, &["a@d.example"]);
    result(&instance, "a@d.example", &["status=sent"]);
    instance.wait_for_log(&["enabling PIX workarounds: disable_esmtp for 127.0.0.1[127.0.0.1]:"]);
    assert_eq!(sink.sessions()[0].commands[0], "HELO test.example.com");
}

/// Checklist 15.
#[test]
fn a_message_that_is_too_large_is_not_offered() {
    require_instances!();
    let sink = Sink::start(Behaviour::offering(&["SIZE 100"]));
    let instance = to(&sink.nexthop()).start();
    send(&instance, &["a@d.example"], &format!("Subject: x\n\n{}\n", "x".repeat(200)));
    let line = result(&instance, "a@d.example", &["dsn=5.3.4, status=bounced (message size "]);
    assert!(line.contains(" exceeds size limit 100 of server 127.0.0.1[127.0.0.1])"), "{line}");
    instance.wait_for_empty_queue();
    assert_eq!(sink.sessions()[0].commands, ["EHLO test.example.com"]);
}

/// Checklist 19, 20, 43.
#[test]
fn soft_refusals_go_to_the_next_server() {
    require_instances!();
    let first = Sink::start(Behaviour::offering(&ALL).reply("RCPT TO:<a@", "450 4.2.0 busy"));
    let second = Sink::start(Behaviour::offering(&ALL).reply("RCPT TO:<b@", "450 4.2.1 full"));
    let both = format!("{}, {}", first.nexthop(), second.nexthop());
    let instance = to(&both).start();
    short(&instance, &["a@d.example", "c@d.example"]);
    result(&instance, "a@d.example", &[&second.relay(), "status=sent"]);
    result(&instance, "c@d.example", &[&first.relay(), "status=sent"]);
    let text = "host 127.0.0.1[127.0.0.1] said: 450 4.2.0 busy (in reply to RCPT TO command)";
    assert!(instance.log_lines(text).iter().all(|line| !line.contains("to=<")), "{}", instance.log());
    short(&instance, &["b@d.example"]);
    result(&instance, "b@d.example", &[&first.relay(), "status=sent"]);
}

/// Checklist 22.
#[test]
fn what_a_server_says_before_it_closes_counts() {
    require_instances!();
    let sink = Sink::start(Behaviour::offering(&ALL).on("content", Act::SayAndClose("552 5.3.4 too big".into())));
    let instance = to(&sink.nexthop()).start();
    send(&instance, &["a@d.example"], &format!("Subject: x\n\n{}", "long line of text\n".repeat(400_000)));
    let text = "dsn=5.3.4, status=bounced (host 127.0.0.1[127.0.0.1] said: 552 5.3.4 too big (in reply to end of DATA command))";
    result(&instance, "a@d.example", &[text]);
}

#[test]
fn lost_connections_name_the_stage() {
    require_instances!();
    for (to_line, act, doing) in [
        ("greeting", Act::Close, "receiving the initial server greeting"),
        ("EHLO", Act::Close, "performing the EHLO handshake"),
        ("MAIL", Act::Close, "sending MAIL FROM"),
        ("RCPT", Act::Close, "sending RCPT TO"),
        ("DATA", Act::Close, "sending DATA command"),
        ("dot", Act::Close, "sending end of data -- message may be sent more than once"),
    ] {
        let sink = Sink::start(Behaviour::offering(&[]).on(to_line, act));
        let instance = to(&sink.nexthop()).start();
        short(&instance, &["a@d.example"]);
        let text = format!("dsn=4.4.2, status=deferred (lost connection with 127.0.0.1[127.0.0.1] while {doing})");
        result(&instance, "a@d.example", &[&text, &sink.relay()]);
    }
}

/// Checklist 23.
#[test]
fn silence_ends_in_a_time_out() {
    require_instances!();
    let stalls = [
        ("greeting", "smtp_helo_timeout", "receiving the initial server greeting"),
        ("dot", "smtp_data_done_timeout", "sending end of data -- message may be sent more than once"),
    ];
    for (at, parameter, doing) in stalls {
        let sink = Sink::start(Behaviour::offering(&ALL).on(at, Act::Stall));
        let instance = to(&sink.nexthop()).set(parameter, "1s").start();
        short(&instance, &["a@d.example"]);
        let text =
            format!("dsn=4.4.2, status=deferred (conversation with 127.0.0.1[127.0.0.1] timed out while {doing})");
        result(&instance, "a@d.example", &[&text]);
    }
}

/// Checklist 24, 25.
#[test]
fn long_lines_are_broken_and_dots_doubled() {
    require_instances!();
    let sink = Sink::start(Behaviour::offering(&ALL));
    let instance = to(&sink.nexthop()).start();
    let (exact, long) = ("e".repeat(998), format!("{}.", "l".repeat(998)));
    send(&instance, &["a@d.example"], &format!("Subject: x\n\n.dot\n..\n{exact}\n{long}\n{}end\n", "x".repeat(2100)));
    result(&instance, "a@d.example", &["status=sent"]);
    let content = sink.sessions()[0].content();
    let body = content.split("\r\n\r\n").nth(1).expect("a body");
    let expected = format!(
        "..dot\r\n...\r\n{exact}\r\n{}\r\n .\r\n{}\r\n {}\r\n {}end\r\n",
        "l".repeat(998),
        "x".repeat(998),
        "x".repeat(997),
        "x".repeat(2100 - 998 - 997),
    );
    assert_eq!(body, expected);
    let lines = instance.log_lines("breaking line > 998 bytes with <CR><LF>SPACE");
    assert_eq!(lines.len(), 1, "{lines:?}");
}

/// Checklist 26.
#[test]
fn eight_bit_content_is_converted_for_a_server_that_cannot_take_it() {
    require_instances!();
    let sink = Sink::start(Behaviour::offering(&["SIZE 0"]));
    let instance = to(&sink.nexthop()).start();
    let message = "Subject: x\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\
                   Content-Transfer-Encoding: 8bit\nX-Last: y\n\nä = b \n";
    instance.send(&["-B", "8BITMIME", "-f", "s@local.example", "a@d.example"], message);
    result(&instance, "a@d.example", &["status=sent"]);
    let session = &sink.sessions()[0];
    assert_eq!(session.commands[1], "MAIL FROM:<s@local.example>");
    let content = session.content();
    assert!(content.contains("Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A4 =3D b=20\r\n"), "{content}");
    assert!(!content.contains("8bit"), "{content}");
}

/// Checklist 28.
#[test]
fn replies_can_be_replaced() {
    require_instances!();
    let sink = Sink::start(Behaviour::offering(&[]).reply("RCPT", "511 5.1.1 gone"));
    let instance = to(&sink.nexthop()).set("smtp_reply_filter", "regexp:{{/^511 (.*)/ 450 4.1.0 filtered}}").start();
    short(&instance, &["a@d.example"]);
    result(
        &instance,
        "a@d.example",
        &["dsn=4.1.0, status=deferred (host 127.0.0.1[127.0.0.1] said: 450 4.1.0 filtered"],
    );
    instance.wait_for_log(&["replacing server reply \"511 5.1.1 gone\" with \"450 4.1.0 filtered\""]);
}

/// Checklist 29, 30.
#[test]
fn the_status_is_that_of_the_last_line_if_it_fits() {
    require_instances!();
    for (reply, expected) in [
        ("550 4.1.1 x", "dsn=5.0.0, status=bounced (host 127.0.0.1[127.0.0.1] said: 550 4.1.1 x (in"),
        (
            "550-5.1.1 no\r\n550 5.1.2 such",
            "dsn=5.1.2, status=bounced (host 127.0.0.1[127.0.0.1] said: 550-5.1.1 no 550 5.1.2 such (in",
        ),
        ("354 go", "dsn=5.5.0, status=bounced (host 127.0.0.1[127.0.0.1] said: 354 go (in"),
        ("550", "dsn=5.0.0, status=bounced (host 127.0.0.1[127.0.0.1] said: 550 (in"),
    ] {
        let sink = Sink::start(Behaviour::offering(&[]).reply("RCPT", reply));
        let instance = to(&sink.nexthop()).start();
        short(&instance, &["a@d.example"]);
        result(&instance, "a@d.example", &[expected]);
    }
}

/// Checklist 42.
#[test]
fn the_postmaster_gets_a_transcript() {
    require_instances!();
    let sink = Sink::start(Behaviour::offering(&[]).reply("MAIL", "503 5.5.1 bad sequence"));
    let instance = to(&sink.nexthop())
        .set("notify_classes", "protocol")
        .set("error_notice_recipient", "phtest1@local.example")
        .set("smtputf8_enable", "no")
        .start();
    short(&instance, &["a@d.example"]);
    result(&instance, "a@d.example", &["dsn=5.5.1, status=bounced"]);
    let mail = &instance.wait_for_mail("phtest1", 1)[0];
    let peer = sink.relay().replace("relay=", "");
    for text in [
        "From: Mail Delivery System <MAILER-DAEMON@test.example.com>\n",
        "To: Postmaster <phtest1@local.example>\n",
        &format!("Subject: Postfix SMTP client: errors from {peer}\n"),
        &format!("\nUnexpected response from {peer}.\n\nTranscript of session follows.\n\n"),
        "\n In:  220 sink.example ESMTP\n Out: EHLO test.example.com\n In:  250 sink.example\n Out: MAIL FROM:<s@local.example>\n",
        "\n In:  503 5.5.1 bad sequence\n Out: RSET\n In:  250 2.1.0 Ok\n Out: QUIT\n\nFor other details, see the local mail logfile\n",
    ] {
        assert!(mail.contains(text), "{text}\n--- is not in ---\n{mail}");
    }
}

/// Checklist 41.
#[test]
fn a_probe_ends_behind_the_recipients() {
    require_instances!();
    let sink = Sink::start(Behaviour::offering(&ALL).reply("RCPT TO:<no@", "550 5.1.1 no"));
    let instance = to(&sink.nexthop()).start();
    instance.send(&["-bv", "-f", "s@local.example", "a@d.example", "no@d.example"], "");
    result(&instance, "a@d.example", &["status=deliverable (250 2.1.5 Ok)"]);
    result(&instance, "no@d.example", &["status=undeliverable (host 127.0.0.1[127.0.0.1] said: 550 5.1.1 no"]);
    let sessions = sink.wait_for("QUIT", |sessions| sessions[0].commands.last().is_some_and(|last| last == "QUIT"));
    assert_eq!(sessions[0].commands[4..], ["RSET", "QUIT"]);
}

/// Checklist 37, 38.
#[test]
fn connections_are_used_again() {
    require_instances!();
    let sink = Sink::start(Behaviour::offering(&ALL));
    let instance = to(&sink.nexthop())
        .service("scache    unix  -       -       n       -       1       scache")
        .set("smtp_connection_cache_destinations", "127.0.0.1")
        .set("smtp_connection_cache_time_limit", "30s")
        .set("connection_cache_ttl_limit", "30s")
        .start();
    for user in ["a", "b", "c"] {
        short(&instance, &[&format!("{user}@d.example")]);
        result(&instance, &format!("{user}@d.example"), &["status=sent"]);
    }
    result(&instance, "b@d.example", &["conn_use=2"]);
    result(&instance, "c@d.example", &["conn_use=3"]);
    let sessions = sink.sessions();
    assert_eq!(sessions.len(), 1);
    let verbs: Vec<&str> = sessions[0].commands.iter().map(|line| line.split(' ').next().unwrap_or("")).collect();
    assert_eq!(verbs[..5], ["EHLO", "MAIL", "RCPT", "DATA", "RSET"]);
}

/// Checklist 47.
#[test]
fn the_client_is_made_known_to_a_server_that_wants_it() {
    require_instances!();
    let sink = Sink::start(Behaviour::offering(&["XFORWARD NAME ADDR HELO SOURCE"]).reply("XFORWARD SOURCE", "550 no"));
    let instance = to(&sink.nexthop()).set("smtp_send_xforward_command", "yes").start();
    short(&instance, &["a@d.example"]);
    result(&instance, "a@d.example", &["status=sent"]);
    assert_eq!(sink.sessions()[0].commands[1], "XFORWARD SOURCE=LOCAL");
    instance.wait_for_log(&[
        "warning: host 127.0.0.1[127.0.0.1]:",
        "said: 550 no (in reply to XFORWARD helo/protocol command)",
    ]);
}

#[test]
fn addresses_and_headers_are_made_fit_for_the_world() {
    require_instances!();
    let sink = Sink::start(Behaviour::offering(&ALL));
    let instance = to(&sink.nexthop())
        .set("smtp_generic_maps", "inline:{ {s@local.example = s@world.example}, {a@d.example = \"a b\"@w.example} }")
        .set(
            "smtp_header_checks",
            "regexp:{{/^X-Secret:/ IGNORE}, {/^X-Old:(.*)/ REPLACE X-New:$$1}, {/^X-Warn/ WARN seen}}",
        )
        .set("smtp_body_checks", "regexp:{{/^drop/ IGNORE}, {/^old/ REPLACE new}}")
        .start();
    let message = "From: Me <s@local.example>, other@local.example\nTo: a@d.example\nX-Secret: 1\nX-Old: v\n\
                   X-Warn: 1\nSubject: x\n\ndrop me\nold line\nkeep\n";
    send(&instance, &["a@d.example"], message);
    result(&instance, "a@d.example", &["status=sent"]);
    let session = &sink.sessions()[0];
    assert!(session.commands[1].starts_with("MAIL FROM:<s@world.example> "), "{session:?}");
    assert!(session.commands[2].starts_with("RCPT TO:<\"a b\"@w.example> "), "{session:?}");
    let content = session.content();
    for text in [
        "From: Me <s@world.example>, other@local.example\r\n",
        "To: \"a b\"@w.example\r\n",
        "X-New: v\r\n",
        "\r\n\r\nnew\r\nkeep\r\n",
    ] {
        assert!(content.contains(text), "{text}\n--- is not in ---\n{content}");
    }
    assert!(!content.contains("X-Secret"), "{content}");
    instance.wait_for_log(&[": replace: header X-Old: v: X-New: v"]);
    instance.wait_for_log(&[": warning: header X-Warn: 1: seen"]);
    instance.wait_for_log(&[": replace: body old line: new"]);
}

#[test]
fn connections_that_are_refused() {
    require_instances!();
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
    let instance = to(&format!("[127.0.0.1]:{port}")).start();
    short(&instance, &["a@d.example"]);
    let text = format!("connect to 127.0.0.1[127.0.0.1]:{port}: Connection refused");
    result(&instance, "a@d.example", &["relay=none", &format!("dsn=4.4.1, status=deferred ({text})")]);
    let line = instance.wait_for_log(&[&format!("]: {text}")]);
    assert!(line.contains("postfix/smtp["), "{line}");
}

/// Checklist 34.
#[test]
fn mail_that_needs_encryption_waits_for_it() {
    require_instances!();
    let sink = Sink::start(Behaviour::offering(&ALL));
    let instance = to(&sink.nexthop()).set("smtp_tls_security_level", "encrypt").start();
    short(&instance, &["a@d.example"]);
    let text = "dsn=4.7.4, status=deferred (TLS is required, but was not offered by host 127.0.0.1[127.0.0.1])";
    result(&instance, "a@d.example", &[text]);
    let sessions = sink.wait_for("QUIT", |sessions| sessions[0].commands.last().is_some_and(|last| last == "QUIT"));
    assert!(sessions[0].commands.iter().all(|line| !line.starts_with("MAIL")), "{sessions:?}");
}

#[test]
fn chosen_servers_are_watched_closely() {
    require_instances!();
    let sink = Sink::start(Behaviour::offering(&ALL));
    let instance = to(&sink.nexthop()).set("debug_peer_list", "127.0.0.1").start();
    short(&instance, &["a@d.example"]);
    result(&instance, "a@d.example", &["status=sent"]);
    let peer = sink.relay().replace("relay=", "");
    instance.wait_for_log(&[&format!("> {peer}: MAIL FROM:<s@local.example>")]);
    instance.wait_for_log(&[&format!("< {peer}: 354 End data")]);
}

/// Checklist 46.
#[test]
fn an_address_that_cannot_be_bound() {
    require_instances!();
    let sink = Sink::start(Behaviour::offering(&ALL));
    let strict =
        to(&sink.nexthop()).set("smtp_bind_address", "192.0.2.77").set("smtp_bind_address_enforce", "yes").start();
    short(&strict, &["a@d.example"]);
    result(&strict, "a@d.example", &["relay=none", "dsn=4.4.0, status=deferred (server configuration error)"]);
    strict.wait_for_log(&["warning: smtp_connect_addr: bind 192.0.2.77: Cannot assign requested address"]);
    let lax = to(&sink.nexthop()).set("smtp_bind_address", "[192.0.2.77]").start();
    short(&lax, &["a@d.example"]);
    result(&lax, "a@d.example", &["status=sent"]);
    assert_eq!(sink.sessions().len(), 1);
}

/// Checklist 33.
#[test]
fn mail_that_needs_a_password_waits_when_it_cannot_be_given() {
    require_instances!();
    let sink = Sink::start(Behaviour::offering(&["PIPELINING", "AUTH PLAIN"]));
    let instance = to(&sink.nexthop())
        .set("smtp_sasl_auth_enable", "yes")
        .set("smtp_sasl_password_maps", "inline:{ {127.0.0.1 = user:secret} }")
        .start();
    short(&instance, &["a@d.example"]);
    let text = "dsn=4.7.0, status=deferred (SASL authentication failed; cannot authenticate to server \
                127.0.0.1[127.0.0.1]: no mechanism available)";
    result(&instance, "a@d.example", &[&sink.relay(), text]);
    let sessions = sink.wait_for("QUIT", |sessions| sessions[0].commands.last().is_some_and(|last| last == "QUIT"));
    assert_eq!(sessions[0].commands, ["EHLO test.example.com", "QUIT"]);
}

#[test]
fn relays_that_cannot_be_understood_keep_mail_waiting() {
    require_instances!();
    let instance = to("[127.0.0.1]:25x").start();
    short(&instance, &["a@d.example"]);
    instance.wait_for_log(&[
        "postfix/smtp[",
        "fatal: garbage after numerical service in server description: [127.0.0.1]:25x",
    ]);
    assert_eq!(instance.queue("active").len() + instance.queue("deferred").len(), 1);
}
