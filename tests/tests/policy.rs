//! Policy servers: what they are asked, and what their answers do (access-milter-postscreen §6).

use tests::policy::{Answer, PolicyServer};
use tests::smtp::{Session, free_port};
use tests::{Builder, Instance, require_instances};

fn server(port: u16, policy: &PolicyServer) -> Builder {
    Instance::builder()
        .set("local_recipient_maps", "")
        .set("smtpd_error_sleep_time", "0")
        .set("notify_classes", "")
        .set("policy", &format!("check_policy_service inet:127.0.0.1:{}", policy.port))
        .set("smtpd_recipient_restrictions", "$policy")
        .service(&format!("127.0.0.1:{port} inet n - n - - smtpd"))
        .service("anvil unix - - n - 1 anvil")
}

fn value<'a>(request: &'a [String], name: &str) -> &'a str {
    let line = request.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    line.unwrap_or_else(|| panic!("no {name} in {request:?}"))
}

#[test]
fn the_request() {
    require_instances!();
    let policy = PolicyServer::start(|_, _| Answer::action("DUNNO"));
    let port = free_port();
    let instance = server(port, &policy)
        .set("smtpd_policy_service_policy_context", "some context")
        .set("smtpd_authorized_xclient_hosts", "127.0.0.1")
        .start();
    let mut session = Session::open(port);
    session.ask("XCLIENT NAME=h.example ADDR=192.0.2.1 PORT=1234 REVERSE_NAME=r.example", "220");
    session.ask("EHLO client.example", "250");
    session.ask("MAIL FROM:<\"a b\"@other.example> SIZE=123", "250");
    session.ask("RCPT TO:<phtest1@local.example>", "250");
    let (_, request) = policy.requests().remove(0);
    let instance_name = value(&request, "instance");
    let parts: Vec<&str> = instance_name.split('.').collect();
    assert!(parts.len() == 4 && parts.iter().all(|part| u64::from_str_radix(part, 16).is_ok()), "{instance_name}");
    let expected = format!(
        "request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\nclient_address=192.0.2.1\n\
         client_name=h.example\nclient_port=1234\nreverse_client_name=r.example\nserver_address=127.0.0.1\n\
         server_port={port}\nhelo_name=client.example\nsender=a b@other.example\nrecipient=phtest1@local.example\n\
         recipient_count=0\nqueue_id=\ninstance={instance_name}\nsize=123\netrn_domain=\nstress=\nsasl_method=\nsasl_username=\n\
         sasl_sender=\nccert_subject=\nccert_issuer=\nccert_fingerprint=\nccert_pubkey_fingerprint=\nencryption_protocol=\n\
         encryption_cipher=\nencryption_keysize=0\npolicy_context=some context"
    );
    assert_eq!(request.join("\n"), expected, "{}", instance.log());
    session.quit();
}

#[test]
fn what_is_known_when() {
    require_instances!();
    let policy = PolicyServer::start(|_, _| Answer::action("DUNNO"));
    let port = free_port();
    let all = ["client", "helo", "sender", "data", "end_of_data", "etrn"];
    let mut builder = server(port, &policy).set("smtpd_delay_reject", "no").set("fast_flush_domains", "");
    for list in all {
        builder = builder.set(&format!("smtpd_{list}_restrictions"), "$policy");
    }
    let _instance = builder.start();
    let mut session = Session::open(port);
    session.ask("ETRN x.example", "459");
    session.ask("HELO pc", "250");
    let reply = session.deliver("a@b.example", &["phtest1@local.example"], "\r\nhi\r\n");
    assert!(reply.starts_with("250"), "{reply}");
    session.ask("EHLO pc", "250");
    session.ask("MAIL FROM:<> SIZE=99", "250");
    session.ask("RCPT TO:<phtest1@local.example>", "250");
    session.ask("RCPT TO:<phtest2@local.example>", "250");
    session.ask("VRFY phtest1@local.example", "252");
    session.ask("RSET", "250");
    session.ask("MAIL FROM:<> SIZE=99", "250");
    session.ask("RCPT TO:<phtest1@local.example>", "250");
    session.ask("RCPT TO:<phtest2@local.example>", "250");
    session.line("BDAT 4 LAST");
    session.send("\r\nx\n");
    session.expect("250");
    session.quit();
    let seen: Vec<String> = policy
        .requests()
        .iter()
        .map(|(connection, request)| {
            assert_eq!(*connection, 0);
            let given = |name| if value(request, name).is_empty() { "-" } else { "+" };
            let shown = |name| match value(request, name) {
                "" => "-".to_owned(),
                value => value.to_owned(),
            };
            format!(
                "{} {} {} from={} to={} count={} queue_id={} instance={} size={} etrn={}",
                value(request, "protocol_state"),
                value(request, "protocol_name"),
                shown("helo_name"),
                shown("sender"),
                shown("recipient"),
                value(request, "recipient_count"),
                given("queue_id"),
                given("instance"),
                value(request, "size"),
                shown("etrn_domain"),
            )
        })
        .collect();
    let expected = [
        "CONNECT SMTP - from=- to=- count=0 queue_id=- instance=- size=0 etrn=-",
        "ETRN SMTP - from=- to=- count=0 queue_id=- instance=- size=0 etrn=x.example",
        "HELO SMTP pc from=- to=- count=0 queue_id=- instance=- size=0 etrn=-",
        "MAIL SMTP pc from=a@b.example to=- count=0 queue_id=- instance=- size=0 etrn=-",
        "RCPT SMTP pc from=a@b.example to=phtest1@local.example count=0 queue_id=- instance=+ size=0 etrn=-",
        "DATA SMTP pc from=a@b.example to=phtest1@local.example count=1 queue_id=+ instance=+ size=0 etrn=-",
        "END-OF-MESSAGE SMTP pc from=a@b.example to=phtest1@local.example count=1 queue_id=+ instance=+ size=6 etrn=-",
        "EHLO SMTP pc from=- to=- count=0 queue_id=- instance=- size=0 etrn=-",
        "MAIL ESMTP pc from=- to=- count=0 queue_id=- instance=- size=99 etrn=-",
        "RCPT ESMTP pc from=- to=phtest1@local.example count=0 queue_id=- instance=+ size=99 etrn=-",
        "RCPT ESMTP pc from=- to=phtest2@local.example count=0 queue_id=+ instance=+ size=99 etrn=-",
        "VRFY ESMTP pc from=- to=phtest1@local.example count=0 queue_id=+ instance=+ size=99 etrn=-",
        "MAIL ESMTP pc from=- to=- count=0 queue_id=- instance=- size=99 etrn=-",
        "RCPT ESMTP pc from=- to=phtest1@local.example count=0 queue_id=- instance=+ size=99 etrn=-",
        "RCPT ESMTP pc from=- to=phtest2@local.example count=0 queue_id=+ instance=+ size=99 etrn=-",
        "DATA ESMTP pc from=- to=- count=2 queue_id=+ instance=+ size=99 etrn=-",
        "END-OF-MESSAGE ESMTP pc from=- to=- count=2 queue_id=+ instance=+ size=5 etrn=-",
    ];
    assert_eq!(seen, expected);
}

#[test]
fn answers() {
    require_instances!();
    let answers = [
        "reject",
        "550 5.1.1 nobody",
        "DEFER_IF_PERMIT Service temporarily unavailable",
        "dunno",
        "static:x",
        "reject_unauth_destination, reject",
        "PREPEND X-Policy: yes",
    ];
    let policy = PolicyServer::start(move |before, _| Answer::action(answers.get(before).unwrap_or(&"OK")));
    let port = free_port();
    let instance = server(port, &policy).start();
    let mut session = Session::hello(port);
    session.ask("MAIL FROM:<a@b.example>", "250");
    let mut rcpt = |reply: &str| session.ask("RCPT TO:<phtest1@local.example>", reply);
    let rejected = "<phtest1@local.example>: Recipient address rejected:";
    rcpt(&format!("554 5.7.1 {rejected} Access denied"));
    rcpt(&format!("550 5.1.1 {rejected} nobody"));
    rcpt(&format!("450 4.7.1 {rejected} Service temporarily unavailable"));
    rcpt("250");
    rcpt("451 4.3.5 Server configuration error");
    instance
        .wait_for_log(&[&format!("access table inet:127.0.0.1:{} has entry with lookup table: static:x", policy.port)]);
    rcpt(&format!("554 5.7.1 {rejected} Access denied"));
    rcpt("250");
    session.ask("DATA", "354");
    session.send("\r\nhello\r\n");
    assert!(session.say(".").starts_with("250"));
    let mail = instance.wait_for_mail("phtest1", 1).remove(0);
    assert!(mail.contains("X-Policy: yes\nReceived: from "), "{mail}");
}

#[test]
fn a_server_that_closes_is_asked_again() {
    require_instances!();
    let policy = PolicyServer::start(|_, _| Answer::Last("action=DUNNO\n\n".into()));
    let port = free_port();
    let instance = server(port, &policy).start();
    let mut session = Session::hello(port);
    session.ask("MAIL FROM:<a@b.example>", "250");
    for _ in 0..3 {
        session.ask("RCPT TO:<phtest1@local.example>", "250");
    }
    let connections: Vec<usize> = policy.requests().iter().map(|(connection, _)| *connection).collect();
    assert_eq!(connections, [0, 1, 2]);
    session.quit();
    assert!(!instance.log().contains("warning: "), "{}", instance.log());
}

#[test]
fn answers_that_are_none() {
    require_instances!();
    let answers = ["result=x\n\n", "result=x\n\n", "", "", "nonsense\n\n", "nonsense\n\n"];
    let policy = PolicyServer::start(move |before, _| Answer::Last(answers.get(before).unwrap_or(&"").to_string()));
    let port = free_port();
    let instance = server(port, &policy).set("smtpd_policy_service_default_action", "WARN no policy").start();
    let mut session = Session::hello(port);
    session.ask("MAIL FROM:<a@b.example>", "250");
    for _ in 0..3 {
        session.ask("RCPT TO:<phtest1@local.example>", "250");
    }
    session.quit();
    instance.wait_for_log(&["disconnect from"]);
    let log = instance.log();
    let warnings: Vec<String> = log
        .lines()
        .filter(|line| line.contains("/smtpd[") && line.contains("warn"))
        .map(|line| line.split_once("]: ").expect("a text").1.replace(&policy.port.to_string(), "PORT"))
        .map(|line| {
            line.split(": RCPT from ")
                .next()
                .unwrap_or_default()
                .trim_start_matches(|c: char| c.is_ascii_hexdigit())
                .to_owned()
        })
        .collect();
    let problem = "warning: problem talking to server 127.0.0.1:PORT: Application error";
    let expected = [
        "warning: missing attribute action in input from 127.0.0.1:PORT",
        "warning: missing attribute action in input from 127.0.0.1:PORT",
        problem,
        "NOQUEUE: warn",
        problem,
        ": warn",
        problem,
        ": warn",
    ];
    assert_eq!(warnings, expected);
}

#[test]
fn requests_for_each_connection() {
    require_instances!();
    let policy = PolicyServer::start(|_, _| Answer::action("DUNNO"));
    let port = free_port();
    let _instance = server(port, &policy).set("smtpd_policy_service_request_limit", "2").start();
    let mut session = Session::hello(port);
    session.ask("MAIL FROM:<a@b.example>", "250");
    for _ in 0..5 {
        session.ask("RCPT TO:<phtest1@local.example>", "250");
    }
    session.quit();
    let connections: Vec<usize> = policy.requests().iter().map(|(connection, _)| *connection).collect();
    assert_eq!(connections, [0, 0, 1, 1, 2]);
}
