//! Whose mail has its headers completed, and how (cleanup-rewrite §13.5; access-milter-postscreen §2.11).

use std::fmt::Write as _;

use tests::smtp::{Session, free_port, server};
use tests::{Instance, records, require_instances};

/// What is sent, and what becomes of it.
struct Case {
    clients: &'static str,
    is_local: bool,
}

const fn case(clients: &'static str, is_local: bool) -> Case {
    Case { clients, is_local }
}

const CASES: [Case; 12] = [
    case("", false),
    case("permit_inet_interfaces", true),
    case("permit_mynetworks", false),
    case("permit_mynetworks, permit_inet_interfaces", true),
    case("PERMIT_INET_INTERFACES", true),
    case("check_address_map inline:{127.0.0.1=x}", true),
    case("check_address_map inline:{127.0.0.2=x}", false),
    case("inline:{127.0.0.2=x}, cidr:{dir}/etc/clients", true),
    case("permit_sasl_authenticated, permit_tls_clientcerts, permit_tls_all_clientcerts", false),
    case("permit_nobody", false),
    case("permit_nobody permit_inet_interfaces", true),
    case("!permit_inet_interfaces", false),
];

/// An instance with one server for each case.
fn start(remote_domain: &str, ports: &[u16]) -> Instance {
    let mut services = String::new();
    for (port, case) in ports.iter().zip(&CASES) {
        let _ = writeln!(
            services,
            "127.0.0.1:{port} inet n - n - - smtpd -o {{local_header_rewrite_clients={}}} -o mynetworks=192.0.2.0/24",
            case.clients
        );
    }
    server(free_port())
        .set("remote_header_rewrite_domain", remote_domain)
        .set("myorigin", "example.com")
        .set("append_dot_mydomain", "yes")
        .set("mydomain", "example.com")
        .set("mydestination", "example.com")
        .file("etc/clients", "127.0.0.0/8 x\n")
        .service(services.trim_end())
        .start()
}

/// The records of a message that was sent to a server.
fn deliver(instance: &Instance, port: u16) -> Vec<String> {
    let mut session = Session::hello(port);
    let reply = session.deliver("s@x.example", &["bob"], "To: ann, carl@host\r\nSubject: x\r\n\r\nx\r\n");
    session.quit();
    let id = reply.rsplit(' ').next().unwrap_or_default();
    records::texts(
        &std::fs::read(instance.path("q/incoming").join(id)).unwrap_or_else(|error| panic!("{reply}: {error}")),
    )
}

fn check(remote_domain: &str, remote_header: &str) {
    let ports = CASES.map(|_| free_port());
    let instance = start(remote_domain, &ports);
    for (port, Case { clients, is_local }) in ports.into_iter().zip(CASES) {
        let records = deliver(&instance, port);
        let (context, header) = match is_local {
            true => ("local", "To: ann@example.com, carl@host.example.com"),
            false => ("remote", remote_header),
        };
        let has = |text: String| assert!(records.contains(&text), "{clients}: {text} in {records:?}");
        has(format!("A rewrite_context={context}"));
        has(format!("N {header}"));
        // The envelope is always ours.
        has("R bob@example.com".into());
        let is_completed = is_local || !remote_domain.is_empty();
        assert_eq!(records.iter().any(|text| text.starts_with("N Message-Id:")), is_completed, "{clients}");
    }
    instance.wait_for_log(&["warning: parameter local_header_rewrite_clients: invalid request: permit_nobody"]);
}

#[test]
fn headers_of_others_stay_as_they_are() {
    require_instances!();
    check("", "To: ann, carl@host");
}

#[test]
fn headers_of_others_are_completed_with_a_domain_that_is_not_ours() {
    require_instances!();
    check("domain.invalid", "To: ann@domain.invalid, carl@host.domain.invalid");
}

#[test]
fn a_table_that_fails_is_a_reason_to_come_back() {
    require_instances!();
    let (port, other) = (free_port(), free_port());
    let instance = server(port)
        .set("local_header_rewrite_clients", "fail:x")
        .service(&format!(
            "127.0.0.1:{other} inet n - n - - smtpd -o {{local_header_rewrite_clients=inline:{{127.0.0.1=}}}}"
        ))
        .start();
    for (port, reply) in [(port, "451 4.3.0 Temporary lookup error"), (other, "451 4.3.5 Server configuration error")] {
        let mut session = Session::hello(port);
        session.ask("MAIL FROM:<s@x.example>", reply);
        session.quit();
    }
    instance.wait_for_log(&["postfix/smtpd[", "warning: fail:x lookup error for \"127.0.0.1\""]);
}
