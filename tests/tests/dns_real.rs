//! A real name server (NSD of Debian): compressed names, truncation, aliases, wildcards, names without data. What we make of its
//! replies must be what the control makes of them.

use std::fs;
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tests::name_server::free_address;
use tests::sink::{Behaviour, Sink};
use tests::smtp::{Session, free_port};
use tests::{Builder, Instance, require_instances, subject, wait};

/// The server; it ends when it is dropped.
struct Nsd {
    process: Child,
    address: Ipv4Addr,
    _directory: TempDir,
}

impl Nsd {
    /// Starts it with a zone `example` and the reverse zone of 127/8, if it can be had.
    fn start(example: &str, reverse: &str) -> Option<Self> {
        let program = subject::control().join("usr/sbin/nsd");
        program.exists().then_some(())?;
        let (directory, address) = (tempfile::tempdir().ok()?, free_address());
        let place = directory.path().display();
        let head = "$TTL 60\n@ SOA ns.example. admin.example. 1 60 60 60 60\n@ NS ns.example.\n";
        for (name, zone) in [("example", example), ("reverse", reverse)] {
            fs::write(directory.path().join(name), format!("{head}{zone}\n")).ok()?;
        }
        let settings = format!(
            "server:\n ip-address: {address}\n username: \"\"\n zonesdir: {place}\n database: \"\"\n pidfile: {place}/pid\n \
             xfrdfile: {place}/xfrd\n xfrdir: {place}\n zonelistfile: {place}/list\n logfile: {place}/log\n server-count: 1\n\
             remote-control:\n control-enable: no\n\
             zone:\n name: example\n zonefile: example\nzone:\n name: 127.in-addr.arpa\n zonefile: reverse\n"
        );
        fs::write(directory.path().join("nsd.conf"), settings).ok()?;
        let process = Command::new(program)
            .args(["-d", "-c"])
            .arg(directory.path().join("nsd.conf"))
            .env("LD_LIBRARY_PATH", subject::control_libraries())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let server = Self { process, address, _directory: directory };
        let listens = || std::net::TcpStream::connect((server.address, 53)).ok();
        wait::until("the name server listens", listens, String::new);
        Some(server)
    }

    fn instance(&self) -> Builder {
        Instance::builder()
            .service("smtp      unix  -       -       n       -       -       smtp")
            .set("default_transport", "smtp")
            .set("smtp_tls_security_level", "")
            .resolv_conf(&format!("nameserver {}\n", self.address))
    }
}

impl Drop for Nsd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

macro_rules! require {
    ($server:expr) => {
        match $server {
            Some(server) => server,
            None => {
                println!("skipped: NSD cannot be had");
                return;
            }
        }
    };
}

fn mail_server() -> (Sink, Ipv4Addr) {
    let sink = Sink::on_port_25(Behaviour::offering(&["PIPELINING"]));
    let std::net::IpAddr::V4(address) = sink.address.expect("an address").ip() else { panic!("not IPv4") };
    (sink, address)
}

#[test]
fn mail_finds_its_servers() {
    require_instances!();
    let (sink, address) = mail_server();
    // Forty servers do not fit a reply over UDP.
    let many: String = (0..40).map(|n| format!("many MX {} server-with-a-long-name-{n}.hosts\n", 50 - n)).collect();
    let zone = format!(
        "{many}server-with-a-long-name-39.hosts A {address}
         plain MX 10 mx\n mx A {address}
         alias CNAME plain\n *.wild MX 5 mx\n host A {address}\n text TXT \"no server\"
         null MX 0 .\n gone MX 10 nowhere\n mx6 AAAA ::1\n loop CNAME loop2\n loop2 CNAME loop"
    );
    let zone = zone.lines().map(str::trim).collect::<Vec<_>>().join("\n");
    let server = require!(Nsd::start(&zone, ""));
    let instance = server.instance().start();
    let not_found = |name: &str, kind: &str, why: &str| {
        format!("(Host or domain name not found. Name service error for name={name} type={kind}: {why})")
    };
    let relay = |host: &str| format!("relay={host}[{address}]:25, ");
    for (domain, texts) in [
        ("plain.example", [relay("mx.example"), "status=sent".into()]),
        ("PLAIN.example", [relay("mx.example"), "status=sent".into()]),
        ("alias.example", [relay("mx.example"), "status=sent".into()]),
        ("any.thing.wild.example", [relay("mx.example"), "status=sent".into()]),
        ("host.example", [relay("host.example"), "status=sent".into()]),
        ("many.example", [relay("server-with-a-long-name-39.hosts.example"), "status=sent".into()]),
        ("null.example", ["dsn=5.1.0".into(), "(Domain null.example does not accept mail (nullMX))".into()]),
        ("gone.example", ["status=bounced".into(), not_found("nowhere.example", "A", "Host not found")]),
        (
            "text.example",
            [
                "status=bounced".into(),
                not_found("text.example", "A", "Host found but no data record of requested type"),
            ],
        ),
        ("none.example", ["status=bounced".into(), not_found("none.example", "A", "Host not found")]),
        // The server does not know this one at all.
        ("other.test", ["status=deferred".into(), "Host not found, try again".into()]),
    ] {
        let recipient = format!("u@{domain}");
        instance.send(&["-f", "s@local.example", &recipient], "Subject: x\n\nbody\n");
        let line = instance.wait_for_log(&[&format!("to=<{recipient}>"), "status="]);
        for text in texts {
            assert!(line.contains(&text), "{text} is not in {line}\n{}", instance.log());
        }
    }
    assert_eq!(sink.sessions().len(), 6);
    instance.send(&["-f", "s@local.example", "u@loop.example"], "Subject: x\n\nbody\n");
    instance.wait_for_log(&["to=<u@loop.example>", "status="]);
}

#[test]
fn clients_have_names() {
    require_instances!();
    let zone =
        "client A 127.9.0.1\nliar A 127.9.0.99\n2.0.9.127.list A 127.0.0.2\n2.0.9.127.list TXT \"listed: see the list\"
                mx MX 0 client\nplain TXT x"
            .lines()
            .map(str::trim)
            .collect::<Vec<_>>()
            .join("\n");
    let server =
        require!(Nsd::start(&zone, "1.0.9 PTR client.example.\n2.0.9 PTR liar.example.\n3.0.9 PTR nowhere.example.\n"));
    let port = free_port();
    let instance = server
        .instance()
        .service(&format!("{port} inet n - n - - smtpd"))
        .set("mynetworks", "127.0.0.1")
        .set("smtpd_relay_restrictions", "reject_unauth_destination")
        .set("smtpd_recipient_restrictions", "reject_rbl_client list.example")
        .set("smtpd_sender_restrictions", "reject_unknown_sender_domain")
        .start();
    let say = |client: &str, sender: &str| {
        let mut session = Session::connect_from(client, port);
        session.expect("220 ");
        session.ask("EHLO client.example", "250");
        session.ask(&format!("MAIL FROM:<{sender}>"), "250 ");
        let reply = session.say("RCPT TO:<phtest1@local.example>");
        session.quit();
        reply
    };
    for (client, name) in [("127.9.0.1", "client.example"), ("127.9.0.3", "unknown"), ("127.9.0.4", "unknown")] {
        assert!(say(client, "a@mx.example").starts_with("250 "), "{}", instance.log());
        instance.wait_for_log(&[&format!(": connect from {name}[{client}]")]);
    }
    let reply = say("127.9.0.2", "a@mx.example");
    assert!(reply.contains("Client host [127.9.0.2] blocked using list.example; listed: see the list"), "{reply}");
    instance.wait_for_log(&[": connect from unknown[127.9.0.2]"]);
    for sender in ["a@plain.example", "a@nowhere.example"] {
        let reply = say("127.9.0.1", sender);
        assert!(reply.starts_with("450 4.1.8 ") && reply.contains("Domain not found"), "{reply}");
    }
    assert!(say("127.9.0.1", "a@client.example").starts_with("250 "));
}
