//! The SMTP server when something else goes wrong, or comes another way (smtpd §1, §2.3, §8; master-ipc §12.1).

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;

use sys::signal::Signal;
use tests::smtp::{Session, free_port};
use tests::{Builder, Instance, require_instances, wait};

fn server(port: u16) -> Builder {
    tests::smtp::server(port)
        .set("service_throttle_time", "1s")
        .service("passed    pass  -       -       n       -       -       smtpd")
}

#[test]
fn a_message_whose_cleanup_dies_is_not_accepted() {
    require_instances!();
    let port = free_port();
    let instance = server(port).start();
    let mut session = Session::hello(port);
    for chunks in [false, true] {
        session.ask("MAIL FROM:<a@b.example>", "250");
        session.ask("RCPT TO:<x@local.example>", "250");
        if !chunks {
            session.ask("DATA", "354");
        }
        for pid in instance.processes_named("cleanup") {
            sys::signal::send(pid, Signal::SIGKILL).expect("a process to kill");
        }
        wait::until("no cleanup", || instance.processes_named("cleanup").is_empty().then_some(()), || instance.log());
        if chunks {
            session.send("BDAT 12 LAST\r\nSubject: x\r\n");
        } else {
            session.send("Subject: x\r\n\r\nbody\r\n.\r\n");
        }
        session.expect("451 4.3.0 Error: queue file write error");
    }
    let accepted =
        |session: &mut Session| session.deliver("a@b.example", &["x@local.example"], "x\r\n").starts_with("250 ");
    assert!(accepted(&mut session));
    session.quit();
}

/// Whatever is killed, whenever: what was accepted is in the queue.
#[test]
fn what_is_accepted_is_there() {
    require_instances!();
    let port = free_port();
    let instance = server(port).start();
    let mut accepted = Vec::new();
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut turn = 0;
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                turn += 1;
                let program = if turn % 4 == 0 { "smtpd" } else { "cleanup" };
                for pid in instance.processes_named(program) {
                    let _ = sys::signal::send(pid, Signal::SIGKILL);
                }
                std::thread::sleep(std::time::Duration::from_millis(60));
            }
        });
        let deadline = std::time::Instant::now() + wait::LIMIT;
        for _ in 0..40 {
            let mut session = Session::connect(port);
            session.send(
                "EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<x@local.example>\r\nBDAT 14 LAST\r\nSubject: x\r\n\r\n",
            );
            while let Some(reply) = session.reply() {
                if let Some((_, id)) = reply.split_once("queued as ") {
                    accepted.push(id.to_owned());
                    break;
                }
                if reply.starts_with('4') || reply.starts_with('5') {
                    break;
                }
            }
            if std::time::Instant::now() > deadline {
                break;
            }
        }
        over.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert!(!accepted.is_empty(), "nothing was accepted\n{}", instance.log());
    for id in accepted {
        assert!(instance.path("q/incoming").join(&id).exists(), "{id} is lost\n{}", instance.log());
    }
}

#[test]
fn the_server_works_in_a_jail() {
    require_instances!();
    let port = free_port();
    let instance = server(port).service(&format!("127.0.0.1:{port} inet n - y - - smtpd")).start();
    let mut session = Session::hello(port);
    let reply = session.deliver("a@b.example", &["x@local.example"], "Subject: x\r\n");
    assert!(reply.starts_with("250 2.0.0 Ok: queued as "), "{reply}");
    session.quit();
    instance.wait_for_log(&["disconnect from unknown[127.0.0.1] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5"]);
}

#[test]
fn a_full_disk_takes_no_mail() {
    require_instances!();
    let port = free_port();
    let instance = server(port).set("queue_minfree", "9000000000000000000").start();
    let mut session = Session::hello(port);
    session.ask("MAIL FROM:<a@b.example>", "452 4.3.1 Insufficient system storage");
    session.quit();
    instance.wait_for_log(&["NOQUEUE: reject: MAIL from unknown[127.0.0.1]: 452 4.3.1 Insufficient system storage; proto=ESMTP helo=<client.example>"]);
    instance.wait_for_log(&["warning: not enough free space in mail queue: "]);
}

#[test]
fn a_client_can_be_denied_from_the_start() {
    require_instances!();
    let port = free_port();
    let instance = server(port)
        .set("smtpd_delay_reject", "no")
        .set("smtpd_client_restrictions", "check_client_access inline:{{127.0.0.1=REJECT go away}}")
        .start();
    let mut session = Session::connect(port);
    session.expect("554 5.7.1 <unknown[127.0.0.1]>: Client host rejected: go away");
    session.ask("EHLO x", "503 5.7.0 Error: access denied for unknown[127.0.0.1]");
    session.quit();
    instance.wait_for_log(&["NOQUEUE: reject: CONNECT from unknown[127.0.0.1]: 554 5.7.1 <unknown[127.0.0.1]>: Client host rejected: go away; proto=SMTP"]);
}

#[test]
fn commands_can_be_replaced() {
    require_instances!();
    let port = free_port();
    let instance = server(port)
        .set("smtpd_command_filter", "pcre:{dir}/filter")
        .file("filter", "/^(FOO) (.*)$/ NOOP $2\n")
        .start();
    let mut session = Session::hello(port);
    session.ask("FOO bar", "250 2.0.0 Ok");
    session.quit();
    instance.wait_for_log(&["unknown[127.0.0.1]: replacing command \"FOO bar\" with \"NOOP bar\""]);
}

#[test]
fn a_list_that_cannot_be_searched_ends_the_session() {
    require_instances!();
    let port = free_port();
    let instance = server(port).set("smtpd_authorized_verp_clients", "fail:1").start();
    let mut session = Session::open(port);
    session.ask("EHLO x", "421 4.3.0 mail.example.com Server local data error");
    session.expect_close();
    instance.wait_for_log(&["warning: don't know if EHLO feature XVERP should be announced to unknown[127.0.0.1]"]);
    instance.wait_for_log(&[
        "NOQUEUE: reject: EHLO from unknown[127.0.0.1]: 421 4.3.0 mail.example.com Server local data error",
    ]);
}

#[test]
fn a_table_that_changes_makes_the_server_start_anew() {
    require_instances!();
    let port = free_port();
    let instance = server(port)
        .set("smtpd_client_restrictions", "check_client_access hash:{dir}/clients")
        .set("max_idle", "60s")
        .file("clients", "192.0.2.1 REJECT\n")
        .build();
    instance.run("postmap", &[&instance.expand("hash:{dir}/clients")]).success();
    instance.start();
    let mut session = Session::hello(port);
    session.ask("MAIL FROM:<a@b.example>", "250");
    session.ask("RCPT TO:<x@local.example>", "250");
    session.quit();
    instance.write("clients", "127.0.0.1 REJECT stranger\n");
    // A database whose time does not differ has not changed.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    instance.run("postmap", &[&instance.expand("hash:{dir}/clients")]).success();
    let mut session = Session::hello(port);
    session.ask("MAIL FROM:<a@b.example>", "250");
    session.ask("RCPT TO:<x@local.example>", "554 5.7.1 <unknown[127.0.0.1]>: Client host rejected: stranger");
    session.quit();
    instance.wait_for_log(&["table hash:", "has changed -- restarting"]);
}

/// Passes the server's end of a connection, with attributes, as postscreen does.
fn pass(instance: &Instance, attributes: &[(&str, &str)]) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let ours = TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
    let (theirs, _) = listener.accept().expect("a connection");
    let path = instance.path("q/private/passed");
    let mut socket = wait::until("a server", || UnixStream::connect(&path).ok(), || instance.log());
    sys::socket::send_descriptor(&socket, &theirs).expect("the server takes descriptors");
    let mut list: Vec<u8> =
        attributes.iter().flat_map(|(name, value)| format!("{name}\0{value}\0").into_bytes()).collect();
    list.push(0);
    socket.write_all(&list).expect("the server reads attributes");
    ours
}

#[test]
fn a_connection_can_be_passed() {
    require_instances!();
    let instance = server(free_port()).start();
    let client = pass(
        &instance,
        &[
            ("client_address", "192.0.2.77"),
            ("client_port", "40000"),
            ("server_address", "192.0.2.1"),
            ("server_port", "25"),
        ],
    );
    let mut session = Session::over(client);
    session.expect("220");
    session.ask("EHLO x", "250");
    session.quit();
    instance.wait_for_log(&["connect from unknown[192.0.2.77]"]);
    instance.wait_for_log(&["disconnect from unknown[192.0.2.77] ehlo=1 quit=1 commands=2"]);
}
