//! The QMQP server (smtpd §14).

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use tests::smtp::free_port;
use tests::{Builder, Instance, records, require_instances, wait};

fn server(port: u16) -> Builder {
    Instance::builder()
        .set("myhostname", "mail.example.com")
        .set("in_flow_delay", "0")
        .set("qmqpd_authorized_clients", "127.0.0.1")
        .set("qmqpd_error_delay", "0")
        .master_cf(&format!(
            "cleanup   unix  n       -       n       -       0       cleanup\n\
             rewrite   unix  -       -       n       -       -       trivial-rewrite\n\
             bounce    unix  -       -       n       -       0       bounce\n\
             postlog   unix-dgram n  -       n       -       1       postlogd\n\
             127.0.0.1:{port} inet n - n - - qmqpd\n"
        ))
}

/// Sends bytes, and returns what comes back.
fn ask(port: u16, request: &[u8]) -> String {
    let connect = || TcpStream::connect(("127.0.0.1", port)).ok();
    let mut stream = wait::until("a server", connect, || format!("port {port}"));
    stream.set_read_timeout(Some(wait::LIMIT)).expect("a time limit");
    stream.write_all(request).expect("the server reads");
    let _ = stream.shutdown(Shutdown::Write);
    let mut reply = Vec::new();
    let _ = stream.read_to_end(&mut reply);
    String::from_utf8_lossy(&reply).into_owned()
}

fn request(message: &str, sender: &str, recipients: &[&str]) -> Vec<u8> {
    let netstring = |text: &str| format!("{}:{text},", text.len());
    let inner: String = [message, sender].iter().chain(recipients).map(|text| netstring(text)).collect();
    netstring(&inner).into_bytes()
}

#[test]
fn a_request_becomes_a_message() {
    require_instances!();
    let port = free_port();
    let instance = server(port).start();
    let reply = ask(port, &request("Subject: x\n\n y\nlast", "list-@other.example-@[]", &["b@example.com"]));
    let id = reply.strip_prefix("29:KOk: queued as ").or_else(|| reply.split_once("KOk: queued as ").map(|(_, id)| id));
    let id = id.expect(&reply).trim_end_matches(',');
    let records = records::texts(&std::fs::read(instance.path("q/incoming").join(id)).expect("a message"));
    for expected in [
        "S list@other.example",
        "V -=",
        "A log_protocol_name=QMQP",
        "A client_address=127.0.0.1",
        "R b@example.com",
        "N Received: from localhost (localhost [127.0.0.1])",
        "N Subject: x",
        "N  y",
        "L last",
    ] {
        assert!(records.iter().any(|record| record == expected), "{expected}: {records:#?}");
    }
    assert!(records.contains(&format!("N \tby mail.example.com (Postfix) with QMQP id {id}")), "{records:#?}");
    instance.wait_for_log(&[&format!("{id}: client=localhost[127.0.0.1]")]);
    instance.wait_for_log(&["disconnect from localhost[127.0.0.1]"]);
}

#[test]
fn bad_requests_have_their_replies() {
    require_instances!();
    let port = free_port();
    let instance = server(port).set("message_size_limit", "5000").start();
    assert!(ask(port, b"hello").contains(":Dnetstring format error while receiving QMQP packet header,"));
    assert!(
        ask(port, b"10000:9000:").contains("Dnetstring length exceeds storage limit while receiving message content")
    );
    assert!(
        ask(port, &request("x\n", "list#@a.example-@[]", &["b@example.com"]))
            .contains("DError: Invalid VERP delimiters: \"#=\"")
    );
    assert!(ask(port, &request("x\n", "a@b.example", &[])).contains("DError: no recipients specified"));
    assert_eq!(ask(port, b"100:5:ab"), "");
    instance.wait_for_log(&[": localhost[127.0.0.1]: lost connection while receiving message content"]);
    wait::until("an empty queue", || instance.queue("incoming").is_empty().then_some(()), || instance.log());
}

#[test]
fn a_source_of_load_is_served() {
    require_instances!();
    let port = free_port();
    let instance = server(port).start();
    // The server is there once this has been answered.
    assert!(ask(port, &request("x\n", "a@b.example", &["b@example.com"])).contains("KOk"));
    let server = format!("127.0.0.1:{port}");
    let arguments = ["-s", "3", "-m", "5", "-r", "2", "-l", "500", "-f", "a@b.example", "-t", "x@example.com", &server];
    instance.run("qmqp-source", &arguments).success();
    let records: Vec<String> = instance
        .queue("incoming")
        .iter()
        .flat_map(|file| records::texts(&std::fs::read(file).expect("a message")))
        .collect();
    for recipient in ["R 0x@example.com", "R 1x@example.com"] {
        assert_eq!(records.iter().filter(|record| *record == recipient).count(), 5, "{recipient}");
    }
}

#[test]
fn strangers_are_refused() {
    require_instances!();
    let port = free_port();
    let _instance = server(port).set("qmqpd_authorized_clients", "!127.0.0.1, 10.0.0.0/8").start();
    let reply = ask(port, b"");
    assert!(reply.contains("DError: localhost[127.0.0.1] is not authorized to use this service"), "{reply}");
}
