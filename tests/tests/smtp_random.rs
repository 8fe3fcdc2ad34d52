//! Servers that do all kinds of things: the client under test and the control say the same to them, and report the same (smtp-client §7 to §15).

use tests::numbers::Numbers;
use tests::sink::{Act, Behaviour, Session, Sink};
use tests::{Builder, Instance, Subject, require_instances, subject, wait};

const CASES: usize = 25;
const SENDER: &str = "phtest1@local.example";

const FEATURES: [&str; 12] = [
    "PIPELINING",
    "PIPELINING",
    "8BITMIME",
    "8bitmime",
    "SIZE 1000",
    "SIZE",
    "SIZE=x",
    "DSN",
    "SMTPUTF8",
    "XFORWARD NAME ADDR",
    "AUTH LOGIN",
    "ENHANCEDSTATUSCODES",
];
const PLACES: [&str; 15] = [
    "greeting",
    "XFORWARD",
    "EHLO",
    "LHLO",
    "HELO",
    "MAIL",
    "RCPT",
    "RCPT TO:<a",
    "RCPT TO:<a",
    "RCPT TO:<b",
    "DATA",
    "dot",
    "dot",
    "RSET",
    "QUIT",
];
const REPLIES: [&str; 24] = [
    "220 ****************",
    "250-test.example.com me\r\n250-8BITMIME\r\n250 SIZE=500",
    "250 2.0.0 ok",
    "220 ESMTP",
    "220 test.example.com ESMTP",
    "450 4.2.1 later",
    "450",
    "451 5.1.1 class",
    "421 4.3.2 bye",
    "550 5.1.1 no",
    "550 no",
    "552 5.2.2 full",
    "554 5.7.1 refused\t<tab>",
    "500 5.5.1 what",
    "503 5.5.1 order",
    "555 5.5.4 parameter",
    "354 go on",
    "600 strange",
    "199 early",
    "250-one\r\n250-2.1.0 two\r\n250 2.2.0 three",
    "550-5.1.1 one\r\n550 4.2.2 two",
    "hello\r\n550 5.1.3 after nonsense",
    "55 5.1.1\r\n5500 x\r\n250 2.1.5 fine",
    "550 5.1.1 caf\u{e9}",
];
const BODIES: [&str; 6] = [
    "Subject: x\n\nbody\n",
    "Subject: x\n\n.\n..\n.dot\nend",
    "Subject: caf\u{e9}\nMIME-Version: 1.0\nContent-Type: text/plain\nContent-Transfer-Encoding: 8bit\n\ncaf\u{e9} =\n",
    "Subject: x\nContent-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: 8bit\n\n--b\n\
     Content-Transfer-Encoding: 8bit\n\n\u{e9}\n--b--\n",
    "Subject: x\n\nLONG\n",
    "Subject: x\n\nBIG\n",
];

/// One server, or two, and a message for them.
#[derive(Clone, Debug)]
struct Case {
    servers: Vec<Behaviour>,
    recipients: Vec<&'static str>,
    body: String,
    options: Vec<&'static str>,
}

fn behaviour(numbers: &mut Numbers, lmtp: bool) -> Behaviour {
    let features: Vec<&str> = (0..numbers.below(6)).map(|_| numbers.one(&FEATURES)).collect();
    let mut behaviour = Behaviour::offering(&features);
    if lmtp {
        behaviour = behaviour.lmtp();
    }
    for _ in 0..numbers.below(3) {
        let (place, reply) = (numbers.one(&PLACES), numbers.one(&REPLIES));
        let act = match numbers.below(10) {
            0 => Act::Close,
            1 => Act::SayAndClose(reply.into()),
            _ => Act::Say(reply.into()),
        };
        behaviour = behaviour.on(place, act);
    }
    behaviour
}

fn cases(numbers: &mut Numbers, lmtp: bool) -> Vec<Case> {
    let mut all = Vec::new();
    for _ in 0..CASES {
        let servers = (0..=numbers.below(2)).map(|_| behaviour(numbers, lmtp)).collect();
        let recipients = vec!["a", "b", "c"][..=numbers.below(3)].to_vec();
        let (long, big) = (format!(".{}", "x".repeat(2500)), "0123456789\n".repeat(200));
        let body = numbers.one(&BODIES).replace("LONG", &long).replace("BIG", &big);
        let options: &[&[&str]] =
            &[&[], &[], &[], &["-B", "8BITMIME"], &["-bv"], &["-N", "success,failure"], &["-V", "id=x"]];
        let mut options = options[numbers.below(options.len())].to_vec();
        if options.first() == Some(&"-V") {
            options = vec!["-N", "never"];
        }
        all.push(Case { servers, recipients, body, options });
    }
    all
}

/// An instance, the servers of each case, and what became of it. Each message is sent so often, one after the other.
fn observe(builder: Builder, client: &str, cases: &[Case], rounds: usize) -> Vec<String> {
    let sinks: Vec<Vec<Sink>> =
        cases.iter().map(|case| case.servers.iter().map(|server| Sink::start(server.clone())).collect()).collect();
    let entry = |(number, sinks): (usize, &Vec<Sink>)| {
        let hops: Vec<String> = sinks.iter().map(Sink::nexthop).collect();
        format!("{{d{number}.example = {client}:{}}}", hops.join(","))
    };
    let entries: Vec<String> = sinks.iter().enumerate().map(entry).collect();
    let mut builder = builder
        .set("transport_maps", &format!("inline:{{ {} }}", entries.join(", ")))
        .set(&format!("{client}_rset_timeout"), "1s")
        .set(&format!("{client}_quit_timeout"), "1s");
    for stage in ["mail", "rcpt", "data_init", "data_xfer", "data_done", "xforward"] {
        builder = builder.set(&format!("{client}_{stage}_timeout"), "10s");
    }
    let instance = builder.start();
    for _ in 0..rounds {
        for (number, case) in cases.iter().enumerate() {
            let recipients: Vec<String> =
                case.recipients.iter().map(|user| format!("{user}@d{number}.example")).collect();
            let mut arguments = vec!["-f", SENDER];
            arguments.extend(&case.options);
            arguments.extend(recipients.iter().map(String::as_str));
            instance.send(&arguments, &case.body);
        }
        let is_idle = || ["maildrop", "incoming", "active"].iter().all(|name| instance.queue(name).is_empty());
        wait::until("an idle queue", || is_idle().then_some(()), || instance.log());
    }
    (0..cases.len()).map(|number| story(&instance, number, client, &sinks[number])).collect()
}

/// All that is known of one case.
fn story(instance: &Instance, number: usize, client: &str, sinks: &[Sink]) -> String {
    let domain = format!("@d{number}.example");
    let log = instance.log();
    let id = |line: &&str| line.split("]: ").nth(1)?.split(':').next().map(str::to_owned);
    let is_result = |line: &&str| line.contains(&format!("postfix/{client}[")) && line.contains(&domain);
    let ids: Vec<String> = log.lines().filter(is_result).filter_map(|line| id(&line)).collect();
    let ports: Vec<String> = sinks
        .iter()
        .filter_map(|sink| sink.address)
        .map(|address| format!("127.0.0.1[127.0.0.1]:{}", address.port()))
        .collect();
    let belongs = |line: &&str| {
        let is_client = line.contains(&format!("postfix/{client}["));
        is_client
            && (ids.iter().any(|id| line.contains(&format!("]: {id}: ")))
                || ports.iter().any(|port| line.contains(port)))
    };
    let mut text = String::new();
    for line in log.lines().filter(belongs) {
        let line = line.split_once("]: ").unwrap_or_default().1;
        let (start, rest) = line.split_once(" delay=").unwrap_or((line, ""));
        let rest = rest.split_once(", dsn=").map_or("", |(_, rest)| rest);
        text.push_str(&format!("{start} {rest}\n"));
    }
    for sink in sinks {
        for session in sink.sessions() {
            text.push_str(&said(&session));
        }
    }
    for id in &ids {
        text = text.replace(id, "ID");
    }
    for (at, sink) in sinks.iter().enumerate() {
        let port = sink.address.expect("a network address").port();
        text = text.replace(&format!(":{port}"), &format!(":PORT{at}"));
    }
    text
}

/// What a client said, without what depends on the moment.
fn said(session: &Session) -> String {
    let mut text = format!("session {:?}\n", session.commands);
    for content in &session.contents {
        let content = String::from_utf8_lossy(content);
        let lines = content
            .split("\r\n")
            .filter(|line| !["\tid ", "Date: ", "Message-Id: "].iter().any(|start| line.starts_with(start)));
        text.push_str(&format!("content {:?}\n", lines.collect::<Vec<_>>()));
    }
    text
}

fn builder(client: &str, subject: Subject) -> Builder {
    Instance::builder()
        .subject(subject)
        .service(&format!("{client}      unix  -       -       n       -       -       {client}"))
        .service("scache    unix  -       -       n       -       1       scache")
        .set(&format!("{client}_tls_security_level"), "")
        .set("smtpd_tls_security_level", "")
        .set("notify_classes", "")
        .set("destination_concurrency_limit", "5")
        .set(if client == "smtp" { "smtp_helo_timeout" } else { "lmtp_lhlo_timeout" }, "10s")
}

fn compare(client: &str, rounds: usize, parameters: &[(&str, &str)]) {
    require_instances!();
    if Subject::from_environment() != Subject::Posthorn {
        return;
    }
    if !subject::genuine("master").exists() {
        tests::skip!("there is no control to compare with");
    }
    let cases = cases(&mut Numbers::seeded(), client == "lmtp");
    let observed = |subject: Subject| {
        let mut builder = builder(client, subject);
        for (name, value) in parameters {
            builder = builder.set(&name.replace("smtp_", &format!("{client}_")), value);
        }
        observe(builder, client, &cases, rounds)
    };
    // A connection that is found by its next hop has the port of another one in the log of 3.7, and its own in later releases.
    let observed = |subject| match rounds {
        1 => observed(subject),
        _ => observed(subject).iter().map(|story| story.replace(":PORT1", ":PORT0")).collect(),
    };
    let (theirs, ours) = (observed(Subject::Control), observed(Subject::Swap(vec!["smtp".into()])));
    let differ: Vec<usize> = (0..cases.len()).filter(|number| theirs[*number] != ours[*number]).collect();
    for number in &differ {
        let (case, theirs, ours) = (&cases[*number], &theirs[*number], &ours[*number]);
        eprintln!("=== {case:?}\n--- control\n{theirs}\n--- ours\n{ours}\n");
    }
    assert!(differ.is_empty(), "cases {differ:?} differ");
}

#[test]
fn strange_smtp_servers() {
    compare("smtp", 1, &[]);
}

#[test]
fn strange_lmtp_servers() {
    compare("lmtp", 1, &[]);
}

#[test]
fn strange_servers_and_other_habits() {
    let parameters = [
        ("soft_bounce", "yes"),
        ("smtp_skip_5xx_greeting", "no"),
        ("smtp_line_length_limit", "50"),
        ("smtp_mx_session_limit", "1"),
        ("smtp_skip_quit_response", "no"),
        ("smtp_quote_rfc821_envelope", "no"),
        ("smtp_address_verify_target", "data"),
        ("smtp_per_request_deadline", "yes"),
        ("smtp_discard_ehlo_keywords", "size, dsn"),
    ];
    compare("smtp", 1, &[&parameters[..], &[("smtp_always_send_ehlo", "no")]].concat());
}

#[test]
fn strange_servers_and_changed_mail() {
    let parameters = [
        ("smtp_send_xforward_command", "yes"),
        ("smtp_generic_maps", "inline:{ {phtest1@local.example = \"p 1\"@w.example}, {@d1.example = x@w.example} }"),
        (
            "smtp_header_checks",
            "regexp:{{/^Subject: (.*)/ PREPEND X-Subject: $$1}, {/^To:/ INFO seen}, {/^From/ STRIP}}",
        ),
        (
            "smtp_mime_header_checks",
            "regexp:{{/^Content-Type: (.*)/ REPLACE Content-Type: $$1; x=y}, {/^MIME/ IGNORE}}",
        ),
        (
            "smtp_body_checks",
            "regexp:{{/^body/ REPLACE other}, {/=C3/ WARN quoted}, {/^--b$$/ PREPEND before}, {/^end/ IGNORE}}",
        ),
        (
            "smtp_reply_filter",
            "regexp:{{/^450 4.2.1(.*)/ 550 5.2.1 filtered$$1}, {/^55 / 250-x}, {/^250-one/ 250-uno}}",
        ),
        ("smtp_delivery_status_filter", "regexp:{{/^5.1.1 (.*)/ 4.1.1 later: $$1}, {/^4.3.2 / 5.3.2 no more}}"),
    ];
    compare("smtp", 1, &parameters);
}

#[test]
fn strange_servers_and_kept_connections() {
    let parameters = [
        ("smtp_connection_cache_destinations", "static:all"),
        ("smtp_connection_cache_time_limit", "100s"),
        ("connection_cache_ttl_limit", "100s"),
        ("smtp_connection_reuse_count_limit", "2"),
    ];
    compare("smtp", 3, &parameters);
    compare("lmtp", 3, &parameters);
}
