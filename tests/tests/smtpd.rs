//! The SMTP server: commands and their replies, and what reaches the queue (smtpd §5, §7 to §9, §13).

use std::io::Write;
use std::process::Stdio;

use tests::smtp::{Session, free_port};
use tests::{Builder, Instance, records, require_instances, wait};

/// An instance with a server on a port.
fn server(port: u16) -> Builder {
    tests::smtp::server(port)
        .service("pickup    unix  n       -       n       60      1       pickup")
        .service("flush     unix  n       -       n       1000?   0       flush")
}

/// The records of the message that a reply says was queued.
fn queued(instance: &Instance, reply: &str) -> Vec<String> {
    let id = reply.rsplit(' ').next().unwrap_or_default();
    let bytes = std::fs::read(instance.path("q/incoming").join(id)).unwrap_or_else(|error| panic!("{reply}: {error}"));
    records::texts(&bytes)
}

/// The lines of content behind our Received: header.
fn content(records: &[String]) -> Vec<&str> {
    let date = |line: &&String| !line.contains(" +0000 (UTC)");
    let inside = records.iter().skip_while(|line| *line != "M ").skip_while(date).skip(1);
    let added = |line: &&str| !["Message-Id:", "Date:", "From:"].iter().any(|name| line[2..].starts_with(name));
    inside.map(String::as_str).take_while(|line| *line != "X ").filter(added).collect()
}

#[test]
fn a_message_is_delivered() {
    require_instances!();
    let port = free_port();
    let instance = Instance::builder()
        .set("myhostname", "mail.example.com")
        .set("mydestination", "$myhostname, local.example")
        .set("local_recipient_maps", "")
        .service(&format!("127.0.0.1:{port} inet n - n - - smtpd"))
        .service("anvil unix - - n - 1 anvil")
        .start();
    let mut session = Session::hello(port);
    let reply = session.deliver("a@other.example", &["phtest1@local.example"], "Subject: hello\r\n\r\n..body\r\n");
    assert!(reply.starts_with("250 2.0.0 Ok: queued as "), "{reply}");
    session.quit();
    let mail = instance.wait_for_mail("phtest1", 1).remove(0);
    assert!(mail.contains("\nSubject: hello\n") && mail.contains("\n\n.body\n"), "{mail}");
    let id = reply.rsplit(' ').next().unwrap();
    let received = format!(
        "\nReceived: from client.example (localhost [127.0.0.1])\n\tby mail.example.com (Postfix) with ESMTP id {id}\n\
         \tfor <phtest1@local.example>; "
    );
    assert!(mail.contains(&received), "{mail}");
    instance.wait_for_log(&["]: connect from localhost[127.0.0.1]"]);
    instance.wait_for_log(&[&format!("{id}: client=localhost[127.0.0.1]")]);
    instance.wait_for_log(&["disconnect from localhost[127.0.0.1] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5"]);
}

#[test]
fn the_features_of_ehlo() {
    require_instances!();
    let port = free_port();
    let _instance = server(port).set("message_size_limit", "0").start();
    let mut session = Session::open(port);
    session.ask("HELO", "501 Syntax: HELO hostname");
    session.ask("EHLO", "501 Syntax: EHLO hostname");
    let features = session.ask("EHLO client.example", "250");
    assert_eq!(
        features,
        "250-mail.example.com\n250-PIPELINING\n250-SIZE\n250-VRFY\n250-ETRN\n250-ENHANCEDSTATUSCODES\n250-8BITMIME\n250-DSN\n\
         250-SMTPUTF8\n250 CHUNKING"
    );
    session.ask("HELO client.example", "250 mail.example.com");
    session.quit();
}

#[test]
fn features_can_be_held_back() {
    require_instances!();
    let port = free_port();
    let instance = server(port).set("smtpd_discard_ehlo_keywords", "chunking").start();
    let mut session = Session::open(port);
    assert!(!session.ask("EHLO x", "250").contains("CHUNKING"));
    session.ask("BDAT 3 LAST", "521 5.5.1 Error: command not implemented");
    session.expect_close();
    instance.wait_for_log(&["discarding EHLO keywords: CHUNKING"]);
}

#[test]
fn syntax_errors_have_their_replies() {
    require_instances!();
    let port = free_port();
    let instance = server(port).set("smtpd_hard_error_limit", "1000").start();
    let mut session = Session::hello(port);
    for (line, reply) in [
        ("RCPT TO:<a@b.example>", "503 5.5.1 Error: need MAIL command"),
        ("DATA", "503 5.5.1 Error: need RCPT command"),
        ("MAIL FROM <a@b.example>", "501 5.5.4 Syntax: MAIL FROM:<address>"),
        ("MAIL FROM:<a@b.example> SIZE=x", "501 5.5.4 Bad message size syntax"),
        ("MAIL FROM:<a@b.example> FOO=1", "555 5.5.4 Unsupported option: FOO=1"),
        ("MAIL FROM:<a@b.example> RET=FULL RET=HDRS", "501 5.5.4 Bad RET parameter syntax"),
        ("MAIL FROM:<a@b.example> SIZE=10240001", "552 5.3.4 Message size exceeds fixed limit"),
        ("RSET", "250 2.0.0 Ok"),
        ("MAIL FROM:<a@b.example>", "250 2.1.0 Ok"),
        ("MAIL FROM:<a@b.example>", "503 5.5.1 Error: nested MAIL command"),
        ("DATA", "554 5.5.1 Error: no valid recipients"),
        ("RCPT TO:<>", "501 5.1.3 Bad recipient address syntax"),
        ("RCPT FROM:<x>", "501 5.5.4 Syntax: RCPT TO:<address>"),
        ("RCPT TO:<x@local.example> NOTIFY=NEVER,DELAY", "501 5.5.4 Error: Bad NOTIFY parameter syntax"),
        ("RCPT TO:<x@local.example>", "250 2.1.5 Ok"),
        ("XCLIENT NAME=x", "503 5.5.1 Error: MAIL transaction in progress"),
        ("ETRN x", "503 Error: MAIL transaction in progress"),
        ("RSET x", "501 5.5.4 Syntax: RSET"),
        ("RSET", "250 2.0.0 Ok"),
        ("XCLIENT NAME=x", "550 5.7.0 Error: insufficient authorization"),
        ("XFORWARD NAME=x", "550 5.7.0 Error: insufficient authorization"),
        ("STARTTLS", "502 5.5.1 Error: command not implemented"),
        ("AUTH PLAIN x", "503 5.5.1 Error: authentication not enabled"),
        ("VRFY", "501 5.5.4 Syntax: VRFY address [SMTPUTF8]"),
        ("VRFY x@local.example", "252 2.0.0 x@local.example"),
        ("ETRN", "500 Syntax: ETRN domain"),
        ("ETRN -x-", "501 Error: invalid parameter syntax"),
        ("ETRN other.example", "459 <other.example>: service unavailable"),
        ("NOOP anything", "250 2.0.0 Ok"),
        ("FOO", "500 5.5.2 Error: command not recognized"),
        ("", "500 5.5.2 Error: bad syntax"),
    ] {
        assert_eq!(session.say(line), reply, "{line}");
    }
    session.quit();
    instance.wait_for_log(&["warning: Illegal address syntax from unknown[127.0.0.1] in RCPT command: <>"]);
    instance.wait_for_log(&["NOQUEUE: reject: MAIL from unknown[127.0.0.1]: 552 5.3.4 Message size exceeds fixed limit; from=<a@b.example> proto=ESMTP helo=<client.example>"]);
}

#[test]
fn other_protocols_are_sent_away() {
    require_instances!();
    let port = free_port();
    let instance = server(port).start();
    for line in ["GET / HTTP/1.0", "Subject: x"] {
        let mut session = Session::open(port);
        session.ask(line, "221 2.7.0 Error: I can break rules, too. Goodbye.");
        session.expect_close();
        instance.wait_for_log(&[&format!("warning: non-SMTP command from unknown[127.0.0.1]: {line}")]);
    }
}

#[test]
fn envelopes_and_headers_are_recorded() {
    require_instances!();
    let port = free_port();
    let instance = server(port).start();
    let mut session = Session::hello(port);
    session.ask("MAIL FROM:<@x.example:a@b.example> BODY=8BITMIME RET=HDRS ENVID=a+20b", "250");
    session.ask("RCPT TO:<u1@local.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;o+2Bx@c.example", "250");
    session.ask("RCPT TO:<\"u 2\"@local.example>", "250");
    session.ask("DATA", "354 End data with <CR><LF>.<CR><LF>");
    let records = queued(&instance, &session.say("Subject: x\r\n\r\nbody\r\n."));
    for expected in [
        "A rewrite_context=local",
        "A envelope_id=a b",
        "A ret_flags=2",
        "S a@b.example",
        "A encoding=8bit",
        "A log_client_name=unknown",
        "A log_client_address=127.0.0.1",
        "A log_helo_name=client.example",
        "A log_protocol_name=ESMTP",
        "A client_address_type=2",
        "A notify_flags=6",
        "A dsn_orig_rcpt=rfc822;o+x@c.example",
        "R u1@local.example",
        "A dsn_orig_rcpt=rfc822;\"u 2\"@local.example",
        "R u 2@local.example",
        "N Received: from client.example (unknown [127.0.0.1])",
    ] {
        assert!(records.iter().any(|record| record == expected), "{expected}: {records:#?}");
    }
    let by =
        records.iter().position(|record| record.contains("\tby mail.example.com (Postfix) with ESMTP id ")).unwrap();
    assert!(records[by].ends_with(';') && records[by + 1].starts_with("N \t"), "{records:#?}");
}

#[test]
fn content_is_kept_as_it_was() {
    require_instances!();
    let port = free_port();
    let instance = server(port).start();
    let mut session = Session::hello(port);
    let mut send = |text: &str| queued(&instance, &session.deliver("a@b.example", &["x@local.example"], text));
    assert_eq!(content(&send("Subject: x\r\n\r\n..x\r\n.y\r\na.\r\n")), ["N Subject: x", "N ", "N .x", "N y", "N a."]);
    assert_eq!(content(&send(" blank\r\n")), ["N ", "N  blank"]);
    let mailbox = send("From a b\r\n>From c\r\nSubject: x\r\n\r\n");
    assert_eq!(content(&mailbox)[..3], ["N X-Mailbox-Line: From a b", "N X-Mailbox-Line: >From c", "N Subject: x"]);
    let long = send(&format!("X: y\r\n\r\n{}\r\n", "z".repeat(5000)));
    let pieces: Vec<(char, usize)> =
        content(&long)[2..].iter().map(|line| (line.chars().next().unwrap(), line.len() - 2)).collect();
    assert_eq!(pieces, [('L', 2048), ('L', 2048), ('N', 904)]);
}

#[test]
fn chunks_make_a_message() {
    require_instances!();
    let port = free_port();
    let instance = server(port).start();
    let mut session = Session::hello(port);
    session.send("BDAT 5 LAST\r\nhello");
    session.expect("503 5.5.1 Error: need RCPT command");
    session
        .send("MAIL FROM:<a@b.example>\r\nRCPT TO:<x@local.example>\r\nBDAT 11\r\nSubject: x\nBDAT 6 LAST\r\n\r\nbody");
    session.expect("250 2.1.0");
    session.expect("250 2.1.5");
    session.expect("250 2.0.0 Ok: 11 bytes");
    let reply = session.expect("250 2.0.0 Ok: 20 bytes queued as ");
    assert_eq!(content(&queued(&instance, &reply)), ["N Subject: x", "N ", "N body"]);
    session.ask("MAIL FROM:<a@b.example>", "250");
    session.ask("RCPT TO:<x@local.example>", "250");
    session.ask("BDAT 0", "551 5.7.1 Null BDAT request");
    session.send("BDAT 3\r\nabc");
    session.expect("551 5.0.0 Discarded 3 bytes after earlier error");
    session.ask("RCPT TO:<x@local.example>", "503 5.5.1 Error: RCPT after BDAT");
    session.ask("RSET", "250");
    session.ask("BDAT x", "521 5.5.4 Syntax: BDAT count [LAST]");
    session.expect_close();
}

#[test]
fn too_much_content_is_refused_at_its_end() {
    require_instances!();
    let port = free_port();
    let instance = server(port).set("message_size_limit", "10000").start();
    let mut session = Session::hello(port);
    let big = "A line that is not very long.\r\n".repeat(1000);
    let reply = session.deliver("a@b.example", &["x@local.example"], &big);
    assert_eq!(reply, "552 5.3.4 Error: message file too big");
    instance.wait_for_log(&["queue file size limit exceeded"]);
    let reply = session.deliver("a@b.example", &["x@local.example"], "small\r\n");
    assert!(reply.starts_with("250 "), "{reply}");
    assert_eq!(instance.queue("incoming").len(), 1);
}

#[test]
fn bare_newlines_do_not_end_a_message() {
    require_instances!();
    let port = free_port();
    let instance = server(port)
        .set("smtpd_forbid_bare_newline", "normalize")
        .set("smtpd_forbid_bare_newline_exclusions", "")
        .start();
    let mut session = Session::hello(port);
    let reply = session.deliver(
        "a@b.example",
        &["x@local.example"],
        "Subject: x\r\n\r\na\n.\r\nMAIL FROM:<smuggled@x>\r\nb\r\n.\nc\r\n",
    );
    assert_eq!(
        content(&queued(&instance, &reply)),
        ["N Subject: x", "N ", "N a", "N MAIL FROM:<smuggled@x>", "N b", "N c"]
    );
    session.quit();
}

#[test]
fn bare_newlines_can_be_rejected() {
    require_instances!();
    let port = free_port();
    let instance =
        server(port).set("smtpd_forbid_bare_newline", "reject").set("smtpd_forbid_bare_newline_exclusions", "").start();
    let mut session = Session::hello(port);
    let reply = session.deliver("a@b.example", &["x@local.example"], "a\nb\r\n");
    assert_eq!(reply, "550 5.5.2 mail.example.com Error: bare <LF> received");
    instance.wait_for_log(&[
        ": reject: END-OF-MESSAGE from unknown[127.0.0.1]: bare <LF> received; from=<a@b.example> to=",
    ]);
    session.send("NOOP\n");
    session.expect("550 5.5.2 mail.example.com Error: bare <LF> received");
    session.expect_close();
    // cleanup hears of it when the server is gone.
    wait::until("an empty queue", || instance.queue("incoming").is_empty().then_some(()), || instance.log());
}

#[test]
fn clients_that_do_not_wait_are_noticed() {
    require_instances!();
    let port = free_port();
    let instance = server(port).start();
    let mut session = Session::open(port);
    session.send("EHLO x\r\nQUIT\r\n");
    session.expect("250");
    session.expect("221");
    instance.wait_for_log(&["improper command pipelining after EHLO from unknown[127.0.0.1]: QUIT\\r\\n"]);
    let mut session = Session::hello(port);
    session.send("MAIL FROM:<a@b.example>\r\nRCPT TO:<x@local.example>\r\nRSET\r\nMAIL FROM:<a@b.example>\r\n");
    for _ in 0..4 {
        session.expect("250");
    }
    session.quit();
    assert_eq!(instance.log_lines("improper command pipelining").len(), 1);
}

#[test]
fn clients_that_do_not_wait_can_be_cut_off() {
    require_instances!();
    let port = free_port();
    let instance = server(port).set("smtpd_forbid_unauth_pipelining", "yes").start();
    let mut session = Session::open(port);
    session.send("EHLO x\r\nQUIT\r\n");
    session.expect("554 5.5.0 Error: SMTP protocol synchronization");
    session.expect_close();
    instance.wait_for_log(&["disconnect from unknown[127.0.0.1] ehlo=0/1 commands=0/1"]);
}

#[test]
fn trusted_clients_speak_for_others() {
    require_instances!();
    let port = free_port();
    let instance = server(port)
        .set("smtpd_authorized_xclient_hosts", "127.0.0.1, 198.51.100.9")
        .set("smtpd_authorized_xforward_hosts", "127.0.0.1")
        .set("smtpd_relay_restrictions", "permit_mynetworks, reject_unauth_destination")
        .start();
    let mut session = Session::hello(port);
    session.ask("XFORWARD NAME=mx.example.org", "250 2.0.0 Ok");
    let records = queued(&instance, &session.deliver("a@b.example", &["x@local.example"], "x\r\n"));
    assert!(records.contains(&"A log_client_address=unknown".into()), "{records:#?}");
    assert!(records.contains(&"A client_address=127.0.0.1".into()), "{records:#?}");
    instance.wait_for_log(&[": client=unknown[127.0.0.1], orig_client=mx.example.org"]);
    session.ask(
        "XCLIENT NAME=spike.example.org ADDR=198.51.100.9 PROTO=ESMTP HELO=spike LOGIN=alice",
        "220 mail.example.com ESMTP",
    );
    session.ask("MAIL FROM:<x@example.org>", "250");
    session.ask("RCPT TO:<y@elsewhere.example>", "554 5.7.1 <y@elsewhere.example>: Relay access denied");
    session.ask("RCPT TO:<y@local.example>", "250");
    session.ask("DATA", "354");
    let records = queued(&instance, &session.say("x\r\n."));
    assert!(records.contains(&"N Received: from spike (spike.example.org [198.51.100.9])".into()), "{records:#?}");
    assert!(records.iter().any(|record| record.contains("with ESMTPA id")), "{records:#?}");
    instance.wait_for_log(&[": client=spike.example.org[198.51.100.9], sasl_method=XCLIENT, sasl_username=alice"]);
    session.ask("XCLIENT ADDR=IPv6:2001:db8::1", "501 5.5.4 Bad ADDR syntax: IPv6:2001:db8::1");
    session.quit();
}

#[test]
fn rejections_have_footers() {
    require_instances!();
    let port = free_port();
    let _instance =
        server(port).set("smtpd_reject_footer", r"\c. For help, call 555-0100.\nYou are $client_address").start();
    let mut session = Session::hello(port);
    session.ask("NOOP", "250 2.0.0 Ok");
    assert_eq!(
        session.say("FOO"),
        "500-5.5.2 Error: command not recognized. For help, call 555-0100.\n500 5.5.2 You are 127.0.0.1"
    );
    session.quit();
}

#[test]
fn permanent_errors_can_be_soft() {
    require_instances!();
    let port = free_port();
    let _instance = server(port).set("soft_bounce", "yes").set("smtpd_noop_commands", "BAR").start();
    let mut session = Session::hello(port);
    session.ask("FOO", "400 4.5.2 Error: command not recognized");
    session.ask("BAR", "250 2.0.0 Ok");
    session.quit();
}

#[test]
fn a_proxy_says_who_the_client_is() {
    require_instances!();
    let port = free_port();
    let instance = server(port).set("smtpd_upstream_proxy_protocol", "haproxy").start();
    let mut session = Session::connect(port);
    session.send("PROXY TCP4 192.0.2.1 192.0.2.25 40000 25\r\n");
    session.expect("220");
    session.quit();
    instance.wait_for_log(&["connect from unknown[192.0.2.1]"]);
    let mut session = Session::connect(port);
    session.send(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x07\xc0\x00\x02\x19\x9c\x40\x00\x19");
    session.expect("220");
    instance.wait_for_log(&["connect from unknown[192.0.2.7]"]);
    let mut session = Session::connect(port);
    session.send("EHLO mail.example.com\r\n");
    session.expect("421 4.3.0 mail.example.com Server local error");
    session.expect_close();
    instance.wait_for_log(&["warning: haproxy read: unrecognized protocol header: EHLO mail.example.com\\r\\n"]);
}

#[test]
fn tls_that_cannot_be_had_is_refused_honestly() {
    require_instances!();
    let port = free_port();
    let _instance = server(port).set("smtpd_tls_security_level", "encrypt").start();
    let mut session = Session::hello(port);
    session.ask("NOOP", "250");
    session.ask("MAIL FROM:<a@b.example>", "530 5.7.0 Must issue a STARTTLS command first");
    session.ask("STARTTLS", "454 4.7.0 TLS not available due to local problem");
    session.quit();
}

#[test]
fn a_session_of_a_user_needs_no_mail_system() {
    require_instances!();
    let port = free_port();
    let instance = server(port).set("authorized_submit_users", "static:all").build();
    let input = "EHLO me\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<x@elsewhere.example>\r\nDATA\r\nSubject: x\r\n\r\n..body\r\n.\r\nAUTH PLAIN\r\nXCLIENT NAME=x\r\nQUIT\r\n";
    let mut child = instance
        .command("sendmail")
        .arg("-bs")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("sendmail runs");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("sendmail reads");
    let output = child.wait_with_output().expect("sendmail ends");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}\n{}", String::from_utf8_lossy(&output.stderr), instance.log());
    assert!(text.contains("250 2.0.0 Ok: queued as ") && text.ends_with("221 2.0.0 Bye\r\n"), "{text}");
    assert!(text.contains("503 5.5.1 Error: authentication not enabled\r\n"), "{text}");
    assert!(text.contains("550 5.7.0 Error: insufficient authorization\r\n"), "{text}");
    let files = wait::until(
        "a file in maildrop",
        || Some(instance.queue("maildrop")).filter(|files| !files.is_empty()),
        || text.clone(),
    );
    let records = records::texts(&std::fs::read(&files[0]).expect("a file"));
    assert!(records.contains(&"S a@b.example".into()) && records.contains(&"N .body".into()), "{records:#?}");
    assert!(records.contains(&"N Received: from me (localhost [127.0.0.1])".into()), "{records:#?}");
}
