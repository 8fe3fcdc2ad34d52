//! What Postfix 3.8 to 3.12 added. The control is older, so these run on Posthorn alone.

use std::os::unix::fs::PermissionsExt;

use tests::name_server::Zone;
use tests::sink::{Behaviour, Sink};
use tests::smtp::{Session, free_port, server};
use tests::{Instance, NameServer, Subject, require_instances, skip};

fn is_ours() -> bool {
    Subject::from_environment() == Subject::Posthorn
}

macro_rules! require_ours {
    () => {
        require_instances!();
        if !is_ours() {
            skip!("newer than the control");
        }
    };
}

/// Since 3.8 (smtpd §3).
#[test]
fn clients_of_a_network_are_counted_together() {
    require_ours!();
    let port = free_port();
    let instance = server(port)
        .set("smtpd_client_connection_count_limit", "1")
        .set("smtpd_client_event_limit_exceptions", "")
        .set("smtpd_client_ipv4_prefix_length", "24")
        .start();
    let first = Session::open(port);
    let mut second = Session::connect_from("127.0.0.2", port);
    second.expect("421 4.7.0 mail.example.com Error: too many connections from 127.0.0.2");
    Session::connect_from("127.0.1.1", port).expect("220 ");
    first.quit();
    instance.wait_for_log(&["Connection concurrency limit exceeded: 2 from unknown[127.0.0.2]"]);
}

/// Since 3.10 (smtpd §8.2).
#[test]
fn a_client_can_be_hidden() {
    require_ours!();
    let port = free_port();
    let instance = server(port).set("smtpd_hide_client_session", "yes").start();
    let mut session = Session::hello(port);
    assert!(session.deliver("a@b.example", &["x@local.example"], "Subject: x\r\n\r\nx\r\n").starts_with("250 "));
    let id = instance.only_id("incoming");
    let lines = instance.run("postcat", &["-qh", &id]).success().stdout;
    let by = format!("Received: by mail.example.com (Postfix) id {id}\n\tfor <x@local.example>; ");
    assert!(lines.starts_with(&by.replace("Postfix", &mail_name(&instance))), "{lines}");
    assert!(!lines.contains("127.0.0.1") && !lines.contains("ESMTP"), "{lines}");
}

fn mail_name(instance: &Instance) -> String {
    instance.run("postconf", &["-h", "mail_name"]).success().stdout.trim_end().to_owned()
}

/// Since 3.11 (smtpd §5.3).
#[test]
fn rejections_are_replaced() {
    require_ours!();
    let port = free_port();
    let table = "/^554 5.5.1 Error: no valid/ 450 4.5.1 Try later\n/^500 5.5.2/ 250 2.0.0 Fine\n";
    let instance = server(port)
        .file("etc/filter", table)
        .set("smtpd_reject_filter_maps", "regexp:{dir}/etc/filter")
        .set("smtpd_reject_footer", "call us")
        .start();
    let mut session = Session::hello(port);
    session.ask("MAIL FROM:<a@b.example>", "250");
    session.ask("DATA", "450-4.5.1 Try later\n450 4.5.1 call us");
    session.ask("FOO BAR", "500-5.5.2 ");
    session.quit();
    instance.wait_for_log(&["NOQUEUE: reply filter in: 554 5.5.1 Error: no valid recipients"]);
    instance.wait_for_log(&["NOQUEUE: reply filter out: 450 4.5.1 Try later"]);
    instance.wait_for_log(&["NOQUEUE: ignoring invalid reject filter result: 250 2.0.0 Fine"]);
}

/// Since 3.12 (tables §4.16).
#[test]
fn a_socketmap_is_not_asked_for_long_keys() {
    require_ours!();
    let instance = Instance::builder().set("socketmap_max_query_size", "5").build();
    let query = |key: &str| {
        instance.run("postmap", &["-c", &instance.expand("{dir}/etc"), "-q", key, "socketmap:unix:/nonexistent:x"])
    };
    let output = query("abcdef");
    assert_eq!(output.status, 1, "{output:?}");
    assert!(output.stderr.contains("query too large: 'abcdef', returning 'not found'"), "{output:?}");
    assert!(query("abcde").stderr.contains("lookup error"));
}

/// Since 3.9 (config §12.3).
#[test]
fn a_log_file_has_the_permissions_that_it_should() {
    require_ours!();
    for (value, expected) in [("0640", 0o640), ("644", 0o644), ("0666", 0o600)] {
        let instance = Instance::builder().set("maillog_file_permissions", value).build();
        instance.run("postlog", &["hello"]).success();
        let mode = std::fs::metadata(instance.path("log/mail.log")).expect("a log").permissions().mode();
        assert_eq!(mode & 0o777, expected, "{value}");
        let warned = instance.log().contains("warning: ignoring bad permissions: maillog_file_permissions = 0666");
        assert_eq!(warned, value == "0666", "{}", instance.log());
    }
}

/// Since 3.8 (smtp-client §4.5).
#[test]
fn servers_are_found_by_service() {
    require_ours!();
    let sink = Sink::start(Behaviour::offering(&["PIPELINING"]));
    let address = sink.address.expect("an address");
    let server = NameServer::start(Zone::default().with(&format!(
        "_submission._tcp.d.example SRV 10 5 {} a.example
         a.example A {}
         e.example MX 10 nowhere.example",
        address.port(),
        address.ip()
    )));
    let instance = Instance::builder()
        .service("smtp      unix  -       -       n       -       -       smtp")
        .set(
            "transport_maps",
            "inline:{ {d.example=smtp:d.example:submission}, {e.example=smtp:e.example:submission} }",
        )
        .set("smtp_tls_security_level", "")
        .set("use_srv_lookup", "submission")
        .resolv_conf(&server.resolv_conf())
        .start();
    instance.send(&["-f", "s@local.example", "u@d.example"], "Subject: x\n\nbody\n");
    instance.wait_for_log(&[
        "to=<u@d.example>",
        &format!("relay=a.example[{}]:{}", address.ip(), address.port()),
        "status=sent",
    ]);
    instance.send(&["-f", "s@local.example", "u@e.example"], "Subject: x\n\nbody\n");
    instance.wait_for_log(&["to=<u@e.example>", "dsn=5.4.4", "name=_submission._tcp.e.example type=SRV"]);
}

/// Since 3.11 (config §2.6).
#[test]
fn values_convert_domains() {
    require_ours!();
    let instance = Instance::builder().set("user_domain", "b\u{fc}cher.example").build();
    let expand = |text: &str| {
        let setting = format!("relayhost={text}");
        let output =
            instance.run("postconf", &["-c", &instance.expand("{dir}/etc"), "-xh", "-o", &setting, "relayhost"]);
        (output.status, output.stdout, output.stderr)
    };
    assert_eq!(expand("${domain_to_ascii{$user_domain}}").1, "xn--bcher-kva.example\n");
    assert_eq!(expand("${domain_to_utf8{xn--bcher-kva.example}}").1, "b\u{fc}cher.example\n");
    let (status, _, said) = expand("${domain_to_ascii{\u{fc}-}}");
    assert!(status == 1 && said.contains("bad domain argument in: 'domain_to_ascii{"), "{said}");
}
