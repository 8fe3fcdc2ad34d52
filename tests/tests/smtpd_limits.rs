//! How much a client may do, and what it may not do to the server (smtpd §3, §4.5; anvil: master-ipc §13.4).

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use tests::smtp::{Session, free_port};
use tests::{Builder, Instance, require_instances, wait};

fn server(port: u16) -> Builder {
    tests::smtp::server(port).set("smtpd_client_event_limit_exceptions", "127.0.0.1")
}

#[test]
fn too_many_errors_end_a_session() {
    require_instances!();
    let port = free_port();
    let instance = server(port).set("smtpd_hard_error_limit", "3").start();
    let mut session = Session::hello(port);
    for _ in 0..3 {
        session.ask("FOO", "500 5.5.2");
    }
    session.expect("421 4.7.0 mail.example.com Error: too many errors");
    session.expect_close();
    instance.wait_for_log(&["too many errors after UNKNOWN from unknown[127.0.0.1]"]);
    instance.wait_for_log(&["disconnect from unknown[127.0.0.1] ehlo=1 unknown=0/3 commands=1/4"]);
}

#[test]
fn an_accepted_message_makes_up_for_errors() {
    require_instances!();
    let port = free_port();
    let _instance = server(port).set("smtpd_hard_error_limit", "3").start();
    let mut session = Session::hello(port);
    for _ in 0..3 {
        session.ask("FOO", "500 5.5.2");
        session.ask("FOO", "500 5.5.2");
        assert!(session.deliver("a@b.example", &["x@local.example"], "x\r\n").starts_with("250 "));
    }
    session.quit();
}

#[test]
fn a_source_of_load_is_served() {
    require_instances!();
    let port = free_port();
    let instance = server(port).start();
    Session::open(port).quit();
    let server = format!("127.0.0.1:{port}");
    let arguments =
        ["-c", "-d", "-s", "3", "-m", "20", "-l", "500", "-f", "a@b.example", "-t", "x@local.example", &server];
    let output = instance.run("smtp-source", &arguments);
    assert_eq!(output.status, 0, "{output:?}");
    assert!(output.stdout.contains("20"), "{output:?}");
    assert_eq!(instance.queue("incoming").len(), 20);
    let output = instance.run("smtp-source", &["-f", "a@b.example", "-t", "<", &server]);
    assert_eq!(output.status, 1, "{output:?}");
    assert!(output.stderr.contains("fatal: recipient rejected: "), "{output:?}");
}

#[test]
fn junk_is_an_error_in_the_long_run() {
    require_instances!();
    let port = free_port();
    let _instance = server(port).set("smtpd_junk_command_limit", "5").set("smtpd_hard_error_limit", "1").start();
    let mut session = Session::open(port);
    for _ in 0..7 {
        session.ask("NOOP", "250 2.0.0 Ok");
    }
    session.expect("421 4.7.0 mail.example.com Error: too many errors");
}

#[test]
fn recipients_are_limited() {
    require_instances!();
    let port = free_port();
    let instance = server(port)
        .set("smtpd_recipient_limit", "2")
        .set("smtpd_recipient_overshoot_limit", "1")
        .set("smtpd_hard_error_limit", "1")
        .start();
    let mut session = Session::hello(port);
    session.ask("MAIL FROM:<a@b.example>", "250");
    session.ask("RCPT TO:<1@local.example>", "250");
    session.ask("RCPT TO:<2@local.example>", "250");
    session.ask("RCPT TO:<3@local.example>", "452 4.5.3 Error: too many recipients");
    session.ask("RCPT TO:<4@local.example>", "452 4.5.3 Error: too many recipients");
    session.expect("421 4.7.0");
    instance.wait_for_log(&["rcpt=3/4"]);
}

#[test]
fn silence_ends_a_session() {
    require_instances!();
    let port = free_port();
    let instance = server(port).set("smtpd_timeout", "1s").start();
    let mut session = Session::hello(port);
    session.expect("421 4.4.2 mail.example.com Error: timeout exceeded");
    session.expect_close();
    instance.wait_for_log(&["timeout after EHLO from unknown[127.0.0.1]"]);
}

#[test]
fn a_request_can_have_a_deadline() {
    require_instances!();
    let port = free_port();
    let instance = server(port).set("smtpd_timeout", "1s").set("smtpd_per_request_deadline", "yes").start();
    let mut session = Session::hello(port);
    for _ in 0..100 {
        session.send("x");
        if session.hears_within(Duration::from_millis(100)) {
            break;
        }
    }
    session.expect("421 4.4.2 mail.example.com Error: timeout exceeded");
    instance.wait_for_log(&["timeout after EHLO from unknown[127.0.0.1]"]);
}

#[test]
fn what_is_cut_short_leaves_nothing() {
    require_instances!();
    let port = free_port();
    let instance = server(port).start();
    drop(Session::open(port));
    instance.wait_for_log(&["lost connection after CONNECT from unknown[127.0.0.1]"]);
    instance.wait_for_log(&["disconnect from unknown[127.0.0.1] commands=0/0"]);
    let mut session = Session::hello(port);
    session.ask("MAIL FROM:<a@b.example>", "250");
    session.ask("RCPT TO:<x@local.example>", "250");
    session.ask("DATA", "354");
    session.send("Subject: x\r\n\r\nunfinished");
    session.half_close();
    session.expect_close();
    instance.wait_for_log(&["lost connection after DATA (14 bytes) from unknown[127.0.0.1]"]);
    let mut session = Session::hello(port);
    session.send("MAIL FROM:<a@b.example>\r\nRCPT TO:<x@local.example>\r\nBDAT 100\r\nSubject: x\r\nunfinished");
    session.half_close();
    while session.reply().is_some() {}
    instance.wait_for_log(&["lost connection after BDAT (22 bytes) from unknown[127.0.0.1]"]);
    let mut session = Session::hello(port);
    session.send("MAIL FROM:<a@b.exa");
    session.half_close();
    session.expect_close();
    instance.wait_for_log(&["lost connection after EHLO from unknown[127.0.0.1]"]);
    wait::until("an empty queue", || instance.queue("incoming").is_empty().then_some(()), || instance.log());
}

#[test]
fn connections_are_limited_per_client() {
    require_instances!();
    let port = free_port();
    let instance = server(port)
        .set("smtpd_client_connection_count_limit", "1")
        .set("smtpd_client_connection_rate_limit", "2")
        .start();
    let mut first = Session::connect_from("127.0.0.8", port);
    first.expect("220");
    let mut second = Session::connect_from("127.0.0.8", port);
    second.expect("421 4.7.0 mail.example.com Error: too many connections from 127.0.0.8");
    second.expect_close();
    let warning = format!("for service 127.0.0.1:{port}");
    instance.wait_for_log(&["warning: Connection concurrency limit exceeded: 2 from unknown[127.0.0.8]", &warning]);
    first.quit();
    let mut other = Session::connect_from("127.0.0.9", port);
    other.expect("220");
    wait::until(
        "the end of both",
        || (instance.log_lines("disconnect from unknown[127.0.0.8]").len() == 2).then_some(()),
        || instance.log(),
    );
    let mut third = Session::connect_from("127.0.0.8", port);
    third.expect("421 4.7.0 mail.example.com Error: too many connections from 127.0.0.8");
    instance.wait_for_log(&["warning: Connection rate limit exceeded: 3 from unknown[127.0.0.8]", &warning]);
    // An exception is not counted.
    for _ in 0..3 {
        Session::open(port).quit();
    }
}

#[test]
fn messages_and_recipients_are_limited_per_client() {
    require_instances!();
    let port = free_port();
    let instance =
        server(port).set("smtpd_client_message_rate_limit", "2").set("smtpd_client_recipient_rate_limit", "3").start();
    let mut session = Session::connect_from("127.0.0.8", port);
    session.expect("220");
    session.ask("EHLO x", "250");
    for _ in 0..2 {
        session.ask("MAIL FROM:<a@b.example>", "250");
        session.ask("RCPT TO:<1@local.example>", "250");
        session.ask("RSET", "250");
    }
    session.ask("MAIL FROM:<a@b.example>", "450 4.7.1 Error: too much mail from 127.0.0.8");
    instance.wait_for_log(&["warning: Message delivery request rate limit exceeded: 3 from unknown[127.0.0.8]"]);
    session.ask("VRFY 1@local.example", "252");
    session.ask("VRFY 1@local.example", "450 4.7.1 Error: too many recipients from 127.0.0.8");
    instance.wait_for_log(&["warning: Recipient address rate limit exceeded: 4 from unknown[127.0.0.8]"]);
    session.quit();
}

/// Asks anvil, and returns its answer.
fn anvil(stream: &mut UnixStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).expect("anvil reads");
    answer(stream)
}

fn answer(stream: &mut UnixStream) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\n\n") {
        stream.read_exact(&mut byte).expect("anvil answers");
        text.push(byte[0]);
    }
    String::from_utf8(text).expect("text")
}

fn connect(instance: &Instance) -> UnixStream {
    let path = instance.path("q/private/anvil");
    let mut stream = wait::until("anvil", || UnixStream::connect(&path).ok(), || instance.log());
    stream.set_read_timeout(Some(wait::LIMIT)).expect("a time limit");
    assert_eq!(answer(&mut stream), "protocol=anvil_protocol\n\n");
    stream
}

#[test]
fn anvil_counts() {
    require_instances!();
    let instance = server(free_port()).set("anvil_status_update_time", "1s").start();
    let mut one = connect(&instance);
    let ident = "ident=smtpd:192.0.2.1\n\n";
    assert_eq!(anvil(&mut one, &format!("request=connect\n{ident}")), "status=0\ncount=1\nrate=1\n\n");
    let mut two = connect(&instance);
    assert_eq!(anvil(&mut two, &format!("request=connect\n{ident}")), "status=0\ncount=2\nrate=2\n\n");
    assert_eq!(anvil(&mut two, &format!("request=message\n{ident}")), "status=0\nrate=1\n\n");
    assert_eq!(anvil(&mut two, &format!("request=recipient\n{ident}")), "status=0\nrate=1\n\n");
    assert_eq!(anvil(&mut two, &format!("request=auth\n{ident}")), "status=0\nrate=1\n\n");
    assert_eq!(anvil(&mut two, &format!("request=newtls\n{ident}")), "status=0\nrate=1\n\n");
    assert_eq!(anvil(&mut two, &format!("request=newtls_status\n{ident}")), "status=0\nrate=1\n\n");
    let all = "status=0\ncount=2\nrate=2\nmail=1\nrcpt=1\nnewtls=1\nauth=1\n\n";
    assert_eq!(anvil(&mut two, &format!("request=lookup\n{ident}")), all);
    assert_eq!(anvil(&mut two, &format!("request=disconnect\n{ident}")), "status=0\n\n");
    // A connection that closes takes its client with it.
    drop(one);
    wait::until(
        "no connection",
        || anvil(&mut two, &format!("request=lookup\n{ident}")).contains("count=0\n").then_some(()),
        || instance.log(),
    );
    assert_eq!(anvil(&mut two, &format!("request=fly\n{ident}")), "status=4294967295\n\n");
    instance.wait_for_log(&["warning: unrecognized request: \"fly\", ignored"]);
    instance.wait_for_log(&["statistics: max connection rate 2/60s for (smtpd:192.0.2.1) at "]);
    instance.wait_for_log(&["statistics: max message rate 1/60s for (smtpd:192.0.2.1) at "]);
    instance.wait_for_log(&["statistics: max cache size 1 at "]);
    // What is never said is still not known.
    assert_eq!(
        anvil(&mut two, "request=lookup\nident=x:y\n\n"),
        "status=0\ncount=0\nrate=0\nmail=0\nrcpt=0\nnewtls=0\nauth=0\n\n"
    );
}

/// The greatest resident size of the servers, in kilobytes.
fn memory(instance: &Instance) -> u64 {
    let sizes = instance.processes_named("smtpd").into_iter().filter_map(|pid| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    });
    sizes.max().unwrap_or(0)
}

#[test]
fn hostile_clients_do_no_harm() {
    require_instances!();
    let port = free_port();
    let instance = server(port).set("message_size_limit", "1000000").start();
    let idle: Vec<Session> = (0..60).map(|_| Session::connect(port)).collect();
    let mut random = 12345u64;
    let mut noise = || {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (random >> 33) as u8
    };
    for _ in 0..5 {
        let mut session = Session::connect(port);
        session.send((0..50_000).map(|_| noise()).collect::<Vec<u8>>());
        session.half_close();
        while session.reply().is_some() {}
    }
    // One command of ten million bytes, then content in a line of ten million bytes.
    let mut session = Session::hello(port);
    session.send(vec![b'x'; 10_000_000]);
    session.half_close();
    while session.reply().is_some() {}
    let mut session = Session::hello(port);
    session.ask("MAIL FROM:<a@b.example>", "250");
    session.ask("RCPT TO:<x@local.example>", "250");
    session.ask("DATA", "354");
    session.send(vec![b'x'; 10_000_000]);
    session.send("\r\n.\r\n");
    session.expect("552 5.3.4 Error: message file too big");
    session.ask("MAIL FROM:<a@b.example>", "250");
    session.ask("RCPT TO:<x@local.example>", "250");
    session.send(b"\0\0\0\r\n");
    session.expect("500 5.5.2 Error: bad syntax");
    session.send(b"BDAT 8 LAST\r\n\0\0\n\0\r\n\0\0");
    session.expect("250 2.0.0 Ok: ");
    session.quit();
    assert!(memory(&instance) < 100_000, "{} kB", memory(&instance));
    drop(idle);
    let problems: Vec<String> =
        ["panic", "killed by", "exit status", "fatal:"].iter().flat_map(|text| instance.log_lines(text)).collect();
    assert!(problems.is_empty(), "{problems:?}");
    Session::hello(port).quit();
}
