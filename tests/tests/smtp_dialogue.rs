//! Random sessions, good, nearly good and hostile, held with the control and with the subject side by side: replies, log lines and queue
//! files must be the same (smtpd).
//!
//! `POSTHORN_DIALOGUES` is the number of sessions (150), `POSTHORN_DIALOGUE_SEED` the first seed. Commands that later releases than
//! 3.7.11 take otherwise, and this server with them, are left out: HELP, and commands longer than `line_length_limit`.

use std::collections::BTreeMap;

use tests::records;
use tests::smtp::{Session, free_port};
use tests::subject::{Subject, genuine};
use tests::{Builder, Instance, require_instances, skip, wait};

/// A small generator of random numbers, the same everywhere (xorshift64*).
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn one_in(&mut self, odds: usize) -> bool {
        self.below(odds) == 0
    }

    fn pick<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len())]
    }
}

/// One thing that a client does.
#[derive(Clone)]
enum Step {
    /// Sends commands at once, and reads a reply to each. The cut is where the bytes are parted in two writes.
    Commands { lines: Vec<Vec<u8>>, cut: usize },
    /// Sends DATA, and, if that is accepted, content.
    Data(Vec<u8>),
    /// Sends a chunk, with its content.
    Chunk { command: String, content: Vec<u8> },
    /// Closes.
    Vanish,
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = |bytes: &[u8]| {
            bytes
                .escape_ascii()
                .to_string()
                .replace(&"x".repeat(50), "~")
                .replace("A line of some length that adds up in the end.\\r\\n", "~")
        };
        match self {
            Step::Commands { lines, cut } => write!(f, "{} cut at {cut}", shown(&lines.concat())),
            Step::Data(content) => write!(f, "DATA {}", shown(content)),
            Step::Chunk { command, content } => write!(f, "{command:?} {}", shown(content)),
            Step::Vanish => f.write_str("end"),
        }
    }
}

const NAMES: [&str; 9] = [
    "client.example",
    "[127.0.0.1]",
    "a b",
    "localhost",
    "<x>",
    "under_score.example",
    "é.example",
    "\"q\"",
    "1.2.3.4",
];

const SENDERS: [&str; 22] = [
    "<a@other.example>",
    "<>",
    " <b@other.example>",
    "<a@other.example",
    "a@other.example",
    "<@x.example:c@other.example>",
    "<\"a b\"@other.example>",
    "<\"a\\\"b\"@other.example>",
    "<a@other.example> <b@other.example>",
    "<a@[1.2.3.4]>",
    "<a@[bad]>",
    "<a@b..c>",
    "<a@>",
    "<a>",
    "<a,b@c.example>",
    "<a@b(c)d>",
    "(x)<a@other.example>",
    "",
    "<a b@other.example>",
    "<a@é.example>",
    "<ü@other.example>",
    "<-x@other.example>",
];

const MAIL_OPTIONS: [&str; 24] = [
    "",
    "",
    "",
    " SIZE=1000",
    " SIZE=100000000",
    " SIZE=x",
    " SIZE=",
    " SIZE=99999999999999999999999",
    " BODY=8BITMIME",
    " body=7bit",
    " BODY=BINARYMIME",
    " SMTPUTF8",
    " RET=FULL",
    " RET=HDRS ENVID=abc+20d",
    " RET=X",
    " RET=FULL RET=FULL",
    " ENVID=+0",
    " ENVID=é",
    " FOO",
    " FOO=BAR",
    " XVERP",
    " XVERP=+=",
    " XVERP=ab",
    " SMTPUTF8=1",
];

const RECIPIENTS: [&str; 22] = [
    "<phtest1@local.example>",
    "<phtest2@local.example>",
    "<phtest1@localhost>",
    "<postmaster>",
    "<PostMaster>",
    "<nobody-here@local.example>",
    "<x@elsewhere.example>",
    "<>",
    "phtest1@local.example",
    "<phtest1@local.example",
    "<@a.example,@b.example:phtest1@local.example>",
    "<\"phtest1\"@local.example>",
    "<\"ph test\"@local.example>",
    "<phtest1%elsewhere.example@local.example>",
    "<elsewhere.example!phtest1@local.example>",
    "<phtest1@local.example> x",
    "<é@local.example>",
    "<phtest1@é.example>",
    "<phtest1@[127.0.0.1]>",
    "<phtest1>",
    "<phtest1@mail.example.com.>",
    "<a@b@local.example>",
];

const RCPT_OPTIONS: [&str; 16] = [
    "",
    "",
    "",
    "",
    " NOTIFY=NEVER",
    " NOTIFY=SUCCESS,FAILURE,DELAY",
    " NOTIFY=NEVER,DELAY",
    " NOTIFY=",
    " NOTIFY=WHEN",
    " NOTIFY=SUCCESS NOTIFY=SUCCESS",
    " ORCPT=rfc822;a+2Bb@c.example",
    " ORCPT=rfc822",
    " ORCPT=;x",
    " ORCPT=utf-8;\\x{E9}@c.example",
    " ORCPT=rfc822;a+2",
    " FOO=1",
];

const ODDITIES: [&str; 34] = [
    "",
    "   ",
    "NOOP",
    "NOOP with words",
    "RSET",
    "RSET x",
    "rset",
    "VRFY",
    "VRFY phtest1@local.example",
    "VRFY nobody-here@local.example",
    "VRFY <phtest1@local.example> SMTPUTF8",
    "VRFY a@b..c",
    "ETRN",
    "ETRN later.example",
    "ETRN @other.example",
    "ETRN #x y",
    "ETRN _ _",
    "ETRN -bad-",
    "EXPN list",
    "FOO",
    "foo bar",
    "STARTTLS",
    "STARTTLS x",
    "AUTH PLAIN AAA=",
    "AUTH",
    "DATA x",
    "MAIL",
    "MAIL FROM <a@b.example>",
    "MAIL TO:<a@b.example>",
    "RCPT",
    "RCPT FROM:<x>",
    "QUIT",
    "\u{1}\u{2}",
    "XYZZY é",
];

const RARE: [&str; 8] = [
    "GET / HTTP/1.0",
    "Subject: hello",
    "POST x",
    "CONNECT y",
    "BDAT",
    "BDAT x LAST",
    "BDAT 5 FIRST",
    "BDAT 99999999999999999999",
];

const TRUSTED: [&str; 26] = [
    "XCLIENT",
    "XCLIENT NAME=spike.example ADDR=198.51.100.9 PROTO=ESMTP HELO=spike LOGIN=alice",
    "XCLIENT NAME=[UNAVAILABLE] ADDR=192.0.2.7",
    "XCLIENT NAME=[TEMPUNAVAIL] REVERSE_NAME=rev.example",
    "XCLIENT ADDR=IPv6:2001:db8::1",
    "XCLIENT ADDR=999.1.1.1",
    "XCLIENT NAME=-bad-",
    "XCLIENT PORT=123 DESTADDR=192.0.2.9 DESTPORT=2525",
    "XCLIENT PORT=abc",
    "XCLIENT PROTO=LMTP",
    "XCLIENT FOO=bar",
    "XCLIENT HELO",
    "XCLIENT HELO=",
    "XCLIENT HELO=a+20<b> ADDR=127.0.0.1 NAME=localhost",
    "XCLIENT LOGIN=bob ADDR=127.0.0.1",
    "XCLIENT ADDR=127.0.0.1 NAME=localhost PROTO=ESMTP",
    "XFORWARD",
    "XFORWARD NAME=mx.example ADDR=192.0.2.1 PORT=1000 HELO=mx PROTO=ESMTP SOURCE=REMOTE IDENT=ABC",
    "XFORWARD NAME=mx.example",
    "XFORWARD ADDR=[UNAVAILABLE] NAME=[UNAVAILABLE]",
    "XFORWARD SOURCE=LOCAL",
    "XFORWARD SOURCE=MARS",
    "XFORWARD IDENT=a+20b",
    "XFORWARD PORT=123456",
    "XFORWARD FOO=1",
    "XFORWARD PROTO=a+40b HELO=[UNAVAILABLE]",
];

const LINES: [&[u8]; 24] = [
    b"Subject: x\r\n",
    b"From: someone@other.example\r\n",
    b"\r\n",
    b"body\r\n",
    b"..dot\r\n",
    b".x\r\n",
    b"...\r\n",
    b" leading blank\r\n",
    b"From nobody Mon\r\n",
    b">From nobody\r\n",
    b"bare\n",
    b".\n",
    b"\n",
    b"two\r\r\n",
    b"a\rb\r\n",
    b"nul\0in\r\n",
    b"\xe4\xf6\xfc\r\n",
    "é\r\n".as_bytes(),
    b"\ttab\r\n",
    b"bad header line\r\n",
    b"X-Long: value\r\n continued\r\n",
    b".\r\r\n",
    b"Message-Id: <1@x>\r\n",
    b"Received: by x\r\n",
];

fn content(random: &mut Random) -> Vec<u8> {
    let mut content = Vec::new();
    if !random.one_in(4) {
        content.extend_from_slice(b"Subject: t\r\n\r\n");
    }
    // Long lines come first: when the content ends early, what follows is taken for commands.
    if random.one_in(4) {
        content.extend(vec![b'x'; 2000 + random.below(3000)]);
        content.extend_from_slice(b"\r\n");
    }
    if random.one_in(15) {
        content.extend((0..400).flat_map(|_| b"A line of some length that adds up in the end.\r\n".iter().copied()));
    }
    for _ in 0..random.below(7) {
        content.extend_from_slice(random.pick(&LINES));
    }
    content
}

/// One command, or two. With `options`, MAIL has some, and RSET before it: what is left of a MAIL that fails is no model for anybody.
fn command(random: &mut Random, options: bool) -> Vec<Vec<u8>> {
    let text = match random.below(20) {
        2..=6 if options => {
            let line = format!("MAIL FROM:{}{}\r\n", random.pick(&SENDERS), random.pick(&MAIL_OPTIONS));
            return vec![b"RSET\r\n".to_vec(), line.into_bytes()];
        }
        0..=1 => format!("{} {}", random.pick(&["EHLO", "HELO", "ehlo"]), random.pick(&NAMES)),
        2..=6 => format!("MAIL FROM:{}", random.pick(&SENDERS)),
        7..=13 => format!("RCPT TO:{}{}", random.pick(&RECIPIENTS), random.pick(&RCPT_OPTIONS)),
        14 => random.pick(&["EHLO", "HELO", "EHLO x y z"]).to_owned(),
        15 => random.pick(&TRUSTED).to_owned(),
        16 if random.one_in(4) => random.pick(&RARE).to_owned(),
        _ => random.pick(&ODDITIES).to_owned(),
    };
    let mut line = text.into_bytes();
    // What is left of an XCLIENT that goes wrong in the middle is no model for anybody.
    if random.one_in(40) && !line.starts_with(b"XCLIENT") {
        let at = random.below(line.len() + 1);
        line.insert(at, [0, 7, b'\\', b'"', b'<', 0xff, b'\r', b'\t'][random.below(8)]);
    }
    line.extend_from_slice(if random.one_in(25) { b"\n" } else { b"\r\n" });
    vec![line]
}

fn good(random: &mut Random, options: bool) -> Vec<Vec<u8>> {
    let mut lines = if options { vec![b"RSET\r\n".to_vec()] } else { Vec::new() };
    lines.push(format!("MAIL FROM:{}\r\n", random.pick(&["<a@other.example>", "<>"])).into_bytes());
    for _ in 0..=random.below(2) {
        lines.push(b"RCPT TO:<phtest1@local.example>\r\n".to_vec());
    }
    lines
}

fn session(seed: u64) -> Vec<Step> {
    let mut random = Random::new(seed);
    let mut steps = Vec::new();
    let options = random.one_in(2);
    if !random.one_in(8) {
        steps.push(Step::Commands { lines: vec![b"EHLO client.example\r\n".to_vec()], cut: 0 });
    }
    for _ in 0..2 + random.below(10) {
        let lines = match random.below(8) {
            0..=2 => command(&mut random, options),
            3 => (0..2 + random.below(4)).flat_map(|_| command(&mut random, options)).collect(),
            4..=5 => good(&mut random, options),
            6 => {
                steps.push(Step::Data(content(&mut random)));
                continue;
            }
            _ => {
                let mut content = content(&mut random);
                content.truncate(random.below(content.len() + 1));
                let last = if random.one_in(2) { " LAST" } else { "" };
                steps.push(Step::Chunk { command: format!("BDAT {}{last}\r\n", content.len()), content });
                if last.is_empty() {
                    continue;
                }
                // In the control, recipients outlive a last chunk that was thrown away.
                vec![b"RSET\r\n".to_vec()]
            }
        };
        let bytes = lines.concat();
        let cut = if random.one_in(3) { random.below(bytes.len()) } else { 0 };
        // Whether a server sees what comes behind a whole line is a matter of time.
        let cut = if bytes[..cut].ends_with(b"\n") { 0 } else { cut };
        steps.push(Step::Commands { cut, lines });
    }
    steps.push(if random.one_in(4) {
        Step::Vanish
    } else {
        Step::Commands { lines: vec![b"QUIT\r\n".to_vec()], cut: 0 }
    });
    steps
}

/// Holds a session; its replies.
fn hold(port: u16, steps: &[Step]) -> Vec<String> {
    let mut session = Session::connect(port);
    let mut replies = Vec::new();
    let mut open = take_one(&mut session, &mut replies);
    for step in steps {
        if !open {
            break;
        }
        open = match step {
            Step::Commands { lines, cut } => {
                let bytes = lines.concat();
                if *cut > 0 {
                    session.send(&bytes[..*cut]);
                }
                session.send(&bytes[*cut..]);
                (0..lines.len()).all(|_| take_one(&mut session, &mut replies))
            }
            Step::Data(content) => {
                session.send("DATA\r\n");
                match session.reply() {
                    Some(reply) if reply.starts_with("354") => {
                        session.send([content.as_slice(), b"\r\n.\r\n"].concat());
                        // Content may have ended before; what follows are commands then.
                        session.send("NOOP\r\n");
                        drain_to_noop(&mut session, &mut replies)
                    }
                    Some(reply) => {
                        replies.push(reply);
                        true
                    }
                    None => false,
                }
            }
            Step::Chunk { command, content } => {
                session.send([command.as_bytes(), content].concat());
                take_one(&mut session, &mut replies)
            }
            Step::Vanish => break,
        };
    }
    replies
}

fn take_one(session: &mut Session, replies: &mut Vec<String>) -> bool {
    let reply = session.reply();
    let open = reply.is_some();
    replies.extend(reply);
    open
}

/// Reads up to the reply to NOOP, which is like no other here.
fn drain_to_noop(session: &mut Session, replies: &mut Vec<String>) -> bool {
    while take_one(session, replies) {
        if replies.last().is_some_and(|reply| reply == "250 2.0.0 Ok") {
            return true;
        }
    }
    false
}

struct Side {
    instance: Instance,
    port: u16,
    may_crash: bool,
}

impl Side {
    fn start(subject: Subject, set: impl Fn(Builder) -> Builder) -> Self {
        let port = free_port();
        let may_crash = subject == Subject::Control;
        let builder = Instance::builder()
            .subject(subject)
            .set("myhostname", "mail.example.com")
            .set("in_flow_delay", "0")
            .set("smtpd_error_sleep_time", "0")
            .set("smtpd_peername_lookup", "no")
            .set("smtpd_authorized_xclient_hosts", "127.0.0.1")
            .set("smtpd_authorized_xforward_hosts", "127.0.0.1, 198.51.100.9")
            .set("smtpd_authorized_verp_clients", "127.0.0.1")
            .set("fast_flush_domains", "")
            .set("message_size_limit", "20000")
            .set("notify_classes", "")
            // The control looks at the address of the socket, which XCLIENT does not change.
            .set("local_header_rewrite_clients", "permit_mynetworks")
            .set("local_recipient_maps", "inline:{phtest1=x, phtest2=x}")
            .set("inet_protocols", "all")
            .set("smtpd_recipient_limit", "3")
            .master_cf(&format!(
                "cleanup   unix  n       -       n       -       0       cleanup\n\
                 rewrite   unix  -       -       n       -       -       trivial-rewrite\n\
                 bounce    unix  -       -       n       -       0       bounce\n\
                 flush     unix  n       -       n       1000?   0       flush\n\
                 proxymap  unix  -       -       n       -       -       proxymap\n\
                 anvil     unix  -       -       n       -       1       anvil\n\
                 postlog   unix-dgram n  -       n       -       1       postlogd\n\
                 127.0.0.1:{port} inet n - n - 1 smtpd\n"
            ));
        Self { instance: set(builder).start(), port, may_crash }
    }

    /// The log lines of the server, without what differs from run to run; once all sessions are over.
    fn log(&self, sessions: usize) -> Vec<String> {
        // The control has been seen to crash.
        let is_end = |line: &String| {
            line.contains("]: disconnect from") || (self.may_crash && line.contains("killed by signal"))
        };
        let over =
            || (self.instance.log_lines("").iter().filter(|line| is_end(line)).count() >= sessions).then_some(());
        wait::until("the end of all sessions", over, || self.instance.log());
        let mut names = BTreeMap::new();
        let lines = self.instance.log_lines("/smtpd[");
        let texts = lines.iter().filter_map(|line| line.split_once("]: ")).map(|(_, text)| text.to_owned());
        let masked = |text: String| {
            if text.starts_with("connect from") {
                names.clear();
            }
            mask(&text, &mut names)
        };
        texts.map(masked).collect()
    }

    fn message(&self, id: &str) -> Vec<String> {
        let bytes = std::fs::read(self.instance.path("q/incoming").join(id)).unwrap_or_default();
        let mut names = BTreeMap::from([(id.to_owned(), "ID".to_owned())]);
        records::texts(&bytes).iter().map(|text| mask(text, &mut names)).collect()
    }
}

/// Puts names in place of queue IDs, and hides times, process IDs, ports.
fn mask(text: &str, names: &mut BTreeMap<String, String>) -> String {
    let text = text.find("pipelining after ").map_or(text, |at| &text[..at]);
    let mut out = String::new();
    let mut word = String::new();
    for character in text.chars().chain([' ']) {
        if character.is_ascii_alphanumeric() {
            word.push(character);
            continue;
        }
        let is_id =
            (9..=12).contains(&word.len()) && word.chars().all(|c| c.is_ascii_digit() || ('A'..='F').contains(&c));
        if word.len() == 14 && word.bytes().all(|byte| byte.is_ascii_digit()) {
            word = "TIME".into();
        }
        if is_id && word.chars().any(|c| c.is_ascii_digit()) {
            let next = format!("ID{}", names.len());
            out.push_str(names.entry(std::mem::take(&mut word)).or_insert(next));
        } else {
            out.push_str(&word);
        }
        word.clear();
        out.push(character);
    }
    for mark in ["create_time=", "client_port=", "server_port=", "T ", "C "] {
        if let Some(at) = out.find(mark).filter(|at| *at < 40 || mark.len() > 10) {
            out.truncate(at + mark.len());
        }
    }
    match out.split_once("; ") {
        // The date of a Received: header.
        Some((head, tail)) if tail.contains(" +0000 (UTC)") => format!("{head}; DATE"),
        _ if out.contains(" +0000 (UTC)") => "DATE".into(),
        _ => out.trim_end().to_owned(),
    }
}

fn masked(replies: &[String]) -> Vec<String> {
    let mut names = BTreeMap::new();
    replies.iter().map(|reply| mask(reply, &mut names)).collect()
}

fn queued(replies: &[String]) -> Vec<&str> {
    replies.iter().filter_map(|reply| reply.split_once("queued as ")).map(|(_, id)| id).collect()
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Cuts the log of all sessions at their beginnings.
fn by_session(log: &[String]) -> Vec<Vec<&str>> {
    let mut sessions: Vec<Vec<&str>> = Vec::new();
    for line in log {
        if line.starts_with("connect from") {
            sessions.push(Vec::new());
        }
        if let Some(session) = sessions.last_mut() {
            session.push(line);
        }
    }
    sessions
}

/// The lines that are not the same.
fn difference<T: AsRef<str>>(control: &[T], subject: &[T]) -> Option<String> {
    let text = |side: &[T], at: usize| side.get(at).map_or("(nothing)".to_owned(), |line| line.as_ref().to_owned());
    let length = control.len().max(subject.len());
    let different = (0..length).filter(|at| text(control, *at) != text(subject, *at));
    let lines: Vec<String> = different
        .map(|at| format!("  {at}: control: {}\n  {at}: subject: {}", text(control, at), text(subject, at)))
        .collect();
    (!lines.is_empty()).then(|| lines[..lines.len().min(3)].join("\n"))
}

/// What is not the same in a session, on both sides.
fn compare_session(
    sides: &[Side; 2],
    replies: &[Vec<String>; 2],
    control: &[&str],
    subject: &[&str],
) -> Option<String> {
    if let Some(difference) = difference(&masked(&replies[0]), &masked(&replies[1])) {
        return Some(format!("replies:\n{difference}"));
    }
    if let Some(difference) = difference(control, subject) {
        return Some(format!("log:\n{difference}"));
    }
    let messages = queued(&replies[0]).into_iter().zip(queued(&replies[1]));
    let differences = messages.filter_map(|(one, other)| difference(&sides[0].message(one), &sides[1].message(other)));
    differences.map(|difference| format!("queue file:\n{difference}")).next()
}

fn compare(part: u64, set: impl Fn(Builder) -> Builder) {
    let sides = [Side::start(Subject::Control, &set), Side::start(Subject::from_environment(), &set)];
    let count = number("POSTHORN_DIALOGUES", 150) / 4;
    let first = number("POSTHORN_DIALOGUE_SEED", 1) + part * 1_000_000;
    let mut held = Vec::new();
    for seed in first..first + count {
        let steps = session(seed);
        let replies = [hold(sides[0].port, &steps), hold(sides[1].port, &steps)];
        held.push((seed, steps, replies));
    }
    let logs = [sides[0].log(held.len()), sides[1].log(held.len())];
    let logs = by_session(&logs[0]).into_iter().zip(by_session(&logs[1]));
    let mut problems = Vec::new();
    for ((seed, steps, replies), (control, subject)) in held.iter().zip(logs) {
        if !control.last().is_some_and(|line| line.starts_with("disconnect from")) {
            eprintln!("seed {seed} crashes the control");
        } else if subject.iter().any(|line| line.contains("too much BDAT")) {
            // As later releases do, this server does not read without end.
            continue;
        } else if let Some(difference) = compare_session(&sides, replies, &control, &subject) {
            problems.push(format!("seed {seed}: {steps:#?}\n{difference}"));
        }
    }
    assert!(problems.is_empty(), "{} problems\n{}", problems.len(), problems[..problems.len().min(5)].join("\n\n"));
}

#[test]
fn dialogues_with_defaults() {
    require_instances!();
    if !genuine("smtpd").exists() {
        skip!("there is no control to compare with");
    }
    compare(0, |builder| builder);
}

#[test]
fn dialogues_with_defences() {
    require_instances!();
    if !genuine("smtpd").exists() {
        skip!("there is no control to compare with");
    }
    compare(1, |builder| {
        builder
            .set("smtpd_forbid_bare_newline", "reject")
            .set("smtpd_forbid_bare_newline_exclusions", "")
            .set("smtpd_forbid_unauth_pipelining", "yes")
            .set("smtpd_helo_required", "yes")
            .set("strict_rfc821_envelopes", "yes")
            .set("disable_vrfy_command", "yes")
            .set("smtpd_discard_ehlo_keywords", "dsn, xverp, etrn")
            .set("smtpd_delay_open_until_valid_rcpt", "no")
    });
}

#[test]
fn dialogues_with_other_settings() {
    require_instances!();
    if !genuine("smtpd").exists() {
        skip!("there is no control to compare with");
    }
    compare(2, |builder| {
        builder
            .set("smtpd_forbid_bare_newline", "normalize")
            .set("smtpd_forbid_bare_newline_exclusions", "")
            .set("smtputf8_enable", "no")
            .set("soft_bounce", "yes")
            .set("smtpd_reject_footer", "\\c. See http://x/$client_address?$recipient&$sender")
            .set("smtpd_client_port_logging", "no")
            .set("smtpd_noop_commands", "FOO")
            .set("smtpd_hard_error_limit", "6")
            .set("smtpd_junk_command_limit", "2")
            .set("mynetworks", "127.0.0.2/32")
    });
}

#[test]
fn dialogues_with_restrictions() {
    require_instances!();
    if !genuine("smtpd").exists() {
        skip!("there is no control to compare with");
    }
    compare(3, |builder| {
        builder
            .set("smtpd_delay_reject", "no")
            .set("mynetworks", "127.0.0.2/32")
            .set(
                "smtpd_client_restrictions",
                "check_client_access inline:{{198.51.100.9=REJECT not you}, {unknown=INFO hm}}",
            )
            .set("smtpd_helo_required", "yes")
            .set(
                "smtpd_helo_restrictions",
                "reject_invalid_helo_hostname, warn_if_reject reject_non_fqdn_helo_hostname",
            )
            .set(
                "smtpd_sender_restrictions",
                "check_sender_access inline:{{other.example=PREPEND X-Sender: other}, {b@other.example=HOLD}, \
                 {c@other.example=DISCARD gone}, {<>=WARN bounce}}, warn_if_reject reject_non_fqdn_sender",
            )
            .set("smtpd_relay_restrictions", "permit_mynetworks, reject_unauth_destination")
            .set(
                "smtpd_recipient_restrictions",
                "reject_non_fqdn_recipient, check_recipient_access inline:{{phtest2@=REDIRECT x@local.example}, \
                 {phtest1@localhost=BCC copy@local.example}, {nobody-here@local.example=DEFER_IF_REJECT soon}, \
                 {postmaster@=FILTER smtp:[127.0.0.1]}}",
            )
            .set("smtpd_data_restrictions", "reject_unauth_pipelining, reject_multi_recipient_bounce")
            .set("smtpd_end_of_data_restrictions", "check_sender_access inline:{{-x@other.example=REJECT 4.0.0 late}}")
            .set("smtpd_reject_unlisted_sender", "yes")
    });
}
