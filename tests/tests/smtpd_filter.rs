//! The SMTP server in front of a filter, and what the postmaster hears (smtpd §10, §12).

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

use tests::smtp::{Session, free_port};
use tests::{Builder, Instance, records, require_instances, wait};

/// A server on `port` that passes its mail to one on `behind`, which queues it.
fn server(port: u16, behind: u16) -> Builder {
    tests::smtp::server(port)
        .set("smtpd_authorized_xforward_hosts", "127.0.0.1")
        .service(&format!("127.0.0.1:{port} inet n - n - - smtpd -o smtpd_proxy_filter=127.0.0.1:{behind}"))
        .service(&format!(
            "127.0.0.1:{behind} inet n - n - - smtpd -o syslog_name=behind -o myhostname=behind.example.com -o message_size_limit=5000"
        ))
}

fn only_message(instance: &Instance) -> Vec<String> {
    let id = instance.only_id("incoming");
    records::texts(&std::fs::read(instance.path("q/incoming").join(id)).expect("a message"))
}

#[test]
fn mail_passes_through_a_filter() {
    require_instances!();
    let (port, behind) = (free_port(), free_port());
    let instance = server(port, behind).start();
    let mut session = Session::hello(port);
    session.ask("XFORWARD NAME=mx.example.org ADDR=192.0.2.1 PORT=1 HELO=mx PROTO=ESMTP", "250");
    session.ask("RSET", "250");
    let reply = session.deliver("a@b.example", &["x@local.example"], "Subject: x\r\n\r\n..dot\r\n.one\r\n");
    assert!(reply.starts_with("250 2.0.0 Ok: queued as "), "{reply}");
    let records = only_message(&instance);
    for expected in [
        "A log_client_name=unknown",
        "A log_client_address=127.0.0.1",
        "A log_helo_name=client.example",
        "A log_protocol_name=ESMTP",
        "N Received: from mail.example.com (unknown [127.0.0.1])",
        "N Received: from client.example (unknown [127.0.0.1])",
        "N \tby mail.example.com (Postfix) with ESMTP",
        "N .dot",
        "N one",
    ] {
        assert!(records.iter().any(|record| record == expected), "{expected}: {records:#?}");
    }
    instance.wait_for_log(&["postfix/smtpd", "NOQUEUE: client=unknown[127.0.0.1]"]);
    instance.wait_for_log(&[
        "proxy-accept: END-OF-MESSAGE: 250 2.0.0 Ok: queued as",
        "; from=<a@b.example> to=<x@local.example> proto=ESMTP helo=<client.example>",
    ]);
    // What the filter refuses, the client hears.
    let big = "A line of content.\r\n".repeat(500);
    let reply = session.deliver("a@b.example", &["x@local.example"], &big);
    assert_eq!(reply, "552 5.3.4 Error: message file too big");
    instance.wait_for_log(&["proxy-reject: END-OF-MESSAGE: 552 5.3.4 Error: message file too big; from=<a@b.example>"]);
    session.ask("MAIL FROM:<a@b.example> SIZE=6000", "250");
    session.ask("RCPT TO:<x@local.example>", "552 5.3.4 Message size exceeds fixed limit");
    session.ask("RSET", "250");
    session.send("MAIL FROM:<a@b.example>\r\nRCPT TO:<x@local.example>\r\nBDAT 14 LAST\r\nX: y\r\n\r\n.a\r\n.\n");
    session.expect("250");
    session.expect("250");
    session.expect("250 2.0.0 Ok: queued as ");
    session.quit();
}

#[test]
fn a_filter_can_hear_all_at_once() {
    require_instances!();
    let (port, behind) = (free_port(), free_port());
    let instance = server(port, behind).set("smtpd_proxy_options", "speed_adjust").start();
    let mut session = Session::hello(port);
    session.ask("MAIL FROM:<a@b.example> SIZE=6000", "250");
    session.ask("RCPT TO:<x@local.example>", "250 2.1.5 Ok");
    session.ask("DATA", "354");
    assert_eq!(session.say("x\r\n."), "552 5.3.4 Message size exceeds fixed limit");
    let reply = session.deliver("a@b.example", &["x@local.example"], "Subject: x\r\n\r\n..dot\r\n");
    assert!(reply.starts_with("250 2.0.0 Ok: queued as "), "{reply}");
    assert!(only_message(&instance).contains(&"N .dot".into()));
    session.quit();
}

#[test]
fn a_filter_that_is_not_there_refuses_for_now() {
    require_instances!();
    let port = free_port();
    let instance = server(port, free_port())
        .service(&format!("127.0.0.1:{port} inet n - n - - smtpd -o smtpd_proxy_filter=127.0.0.1:1"))
        .start();
    let mut session = Session::hello(port);
    session.ask("MAIL FROM:<a@b.example>", "250");
    session.ask("RCPT TO:<x@local.example>", "451 4.3.0 Error: queue file write error");
    instance.wait_for_log(&["warning: connect to proxy filter 127.0.0.1:1: Connection refused"]);
    session.quit();
}

/// A filter that gives these replies, one to each line, and notes the lines.
fn scripted(replies: &'static [&'static str]) -> (u16, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let talk = move |stream: TcpStream| {
        let mut output = stream.try_clone().expect("a socket");
        let mut lines = Vec::new();
        let mut input = BufReader::new(stream).lines();
        for reply in replies {
            let _ = output.write_all(format!("{reply}\r\n").as_bytes());
            match input.next() {
                Some(Ok(line)) => lines.push(line),
                _ => break,
            }
        }
        lines
    };
    (port, std::thread::spawn(move || talk(listener.accept().expect("a client").0)))
}

#[test]
fn a_filter_is_told_where_mail_comes_from() {
    require_instances!();
    let (behind, filter) = scripted(&[
        "220 filter",
        "250-filter\r\n250-XFORWARD NAME ADDR PROTO HELO SOURCE PORT\r\n250 DSN",
        "250 ok",
        "250 ok",
        "550 5.1.1 not you",
        "250-all\r\n250 fine",
        "354 go",
    ]);
    let port = free_port();
    let instance = server(port, free_port())
        .service(&format!("127.0.0.1:{port} inet n - n - - smtpd -o smtpd_proxy_filter=127.0.0.1:{behind}"))
        .start();
    let mut session = Session::hello(port);
    session.ask("MAIL FROM:<a@b.example>  BODY=8BITMIME", "250");
    session.ask("RCPT TO:<x@local.example>", "550 5.1.1 not you");
    session.ask("RCPT TO:<y@local.example>", "250 2.1.5 Ok");
    session.ask("DATA", "354 End data with <CR><LF>.<CR><LF>");
    drop(session);
    let lines = filter.join().expect("a filter");
    assert_eq!(lines[0], "EHLO mail.example.com");
    let words: Vec<&str> = lines[1].split(' ').collect();
    assert_eq!(words[..3], ["XFORWARD", "NAME=[UNAVAILABLE]", "ADDR=127.0.0.1"], "{lines:?}");
    assert_eq!(words[4..], ["HELO=client.example", "PROTO=ESMTP", "SOURCE=LOCAL"], "{lines:?}");
    assert_eq!(
        lines[2..6],
        ["MAIL FROM:<a@b.example>  BODY=8BITMIME", "RCPT TO:<x@local.example>", "RCPT TO:<y@local.example>", "DATA"]
    );
    instance.wait_for_log(&[&format!(
        "warning: proxy 127.0.0.1:{behind} rejected \"RCPT TO:<x@local.example>\": \"550 5.1.1 not you\""
    )]);
}

#[test]
fn the_postmaster_hears_of_errors() {
    require_instances!();
    let port = free_port();
    let instance = server(port, free_port())
        .service(&format!("127.0.0.1:{port} inet n - n - - smtpd"))
        .set("notify_classes", "protocol")
        .set("error_notice_recipient", "boss@local.example")
        .start();
    let mut session = Session::hello(port);
    session.ask("FOO", "500");
    session.quit();
    let message =
        || instance.queue("incoming").first().map(|file| records::texts(&std::fs::read(file).unwrap_or_default()));
    let records = wait::until(
        "a notice",
        || message().filter(|records| records.last().is_some_and(|record| record == "E ")),
        || instance.log(),
    );
    let text: Vec<&str> = records.iter().filter_map(|record| record.strip_prefix("N ")).collect();
    let text = text.join("\n");
    assert!(records.contains(&"R boss@local.example".into()), "{records:#?}");
    for expected in [
        "From: Mail Delivery System <MAILER-DAEMON",
        "To: Postmaster <boss@local.example",
        "Subject: Postfix SMTP server: errors from unknown[127.0.0.1]",
        "\nTranscript of session follows.\n\n Out: 220 mail.example.com ESMTP Postfix\n In:  EHLO client.example\n Out: 250-mail.example.com\n",
        " In:  FOO\n Out: 500 5.5.2 Error: command not recognized\n In:  QUIT\n Out: 221 2.0.0 Bye\n\n\nFor other details, see the local mail logfile",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}
