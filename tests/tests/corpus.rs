//! Messages that nobody should write go through the whole system, by sendmail and by SMTP, and arrive as the control would have them
//! arrive, byte for byte (cleanup-rewrite, queue-files §9, smtpd §7).
//!
//! `POSTHORN_CORPUS` says how many; `POSTHORN_TEST_SEED` which.

use std::collections::BTreeMap;
use std::fs;

use tests::numbers::Numbers;
use tests::smtp::{Session, free_port};
use tests::{Instance, Subject, USERS, require_instances, skip, subject, wait};

const USER: &str = USERS[0];

/// Lines, or what looks like lines, of headers and bodies.
const PIECES: [&[u8]; 40] = [
    b"Subject: hello\n",
    b"From: somebody <joe>\n",
    b"To: ann, (x) bob@b.example,,\"c d\"@e.example\n",
    b"Cc: undisclosed:;\n",
    b"Bcc: secret@x.example\n",
    b"Resent-To: late@x.example\n",
    b"Received: by somebody; long ago\n",
    b"Message-Id: <1@x.example>\n",
    b"Date: yesterday\n",
    b"X-Folded: a\n b\n\tc\n",
    b"no colon here\n",
    b": no name\n",
    b"A B: blank in name\n",
    b"Spaced : x\n",
    b" starts with a blank\n",
    b"Content-Type: multipart/mixed; boundary=b\n",
    b"Content-Type: text/plain; charset=\"iso-8859-1\"\n",
    b"Content-Type: message/rfc822\n",
    b"Content-Transfer-Encoding: 8bit\n",
    b"Content-Transfer-Encoding: base64\n",
    b"MIME-Version: 1.0\n",
    b"Return-Path: <x@y.example>\n",
    b"Content-Length: 5\n",
    b"\n",
    b"\n\n",
    b"--b\n",
    b"--b--\n",
    b"From somebody Thu Jan  1 00:00:00 1970\n",
    b">From quoted\n",
    b".\n",
    b"..\n",
    b".x\n",
    b"bare\rreturn\n",
    b"return at end\r\n",
    b"nul \0 inside\n",
    b"caf\xe9\n",
    b"caf\xc3\xa9\n",
    b"\x01\x7f\xff control\n",
    b"= equals =20 \n",
    b"no end",
];

fn content(numbers: &mut Numbers) -> Vec<u8> {
    let mut text = Vec::new();
    for _ in 0..numbers.below(14) {
        text.extend_from_slice(PIECES[numbers.below(PIECES.len())]);
        match numbers.below(40) {
            0 => text.extend([b'x'; 5000]),
            1 => text.extend(b"X-Long: ".iter().copied().chain(std::iter::repeat_n(b'y', 9000)).chain([b'\n'])),
            2 => text.extend(b"To: ".iter().copied().chain(b"someone@x.example, ".repeat(300)).chain([b'\n'])),
            _ => {}
        }
    }
    if numbers.below(100) == 0 {
        text.extend(std::iter::repeat_n(b'z', 1 << 20));
    }
    text
}

/// A system that keeps each message in a file of its own.
fn start(subject: Subject, port: u16) -> Instance {
    Instance::builder()
        .subject(subject)
        .set("mail_spool_directory", "{dir}/mail/")
        .set("recipient_delimiter", "+")
        .set("local_recipient_maps", "")
        .set("smtpd_peername_lookup", "no")
        .set("smtpd_recipient_restrictions", "permit_mynetworks, reject")
        .service(&format!("{port} inet n - n - 1 smtpd"))
        .start()
}

/// What the sender hears of a message that it hands to sendmail.
fn by_sendmail(instance: &Instance, address: &str, text: &[u8], ignore_dots: bool) -> String {
    let arguments: &[&str] = if ignore_dots { &["-i", "-f", "s@x.example"] } else { &["-f", "s@x.example"] };
    let output = instance.run_with("sendmail", &[arguments, &[address]].concat(), text);
    format!("{} {}", output.status, output.stderr)
}

/// What the sender hears of a message that it sends by SMTP.
fn by_smtp(session: &mut Session, address: &str, text: &[u8]) -> String {
    session.ask("MAIL FROM:<s@x.example> BODY=8BITMIME", "250");
    session.ask(&format!("RCPT TO:<{address}@test.example.com>"), "250");
    session.ask("DATA", "354");
    let mut lines: Vec<u8> = Vec::new();
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        if line.starts_with(b".") {
            lines.push(b'.');
        }
        lines.extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
        lines.extend_from_slice(b"\r\n");
    }
    session.send([&lines, &b".\r\n"[..]].concat());
    let reply = session.reply();
    reply.unwrap_or_default().split(" queued as").next().unwrap_or_default().to_owned()
}

/// The messages that arrived, by the number in their address; IDs and times are made equal.
fn arrived(instance: &Instance) -> BTreeMap<String, String> {
    let directory = instance.path("mail").join(USER).join("new");
    let mut messages = BTreeMap::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let mut text = fs::read(entry.path()).expect("a message").escape_ascii().to_string();
        if let Some(id) = queue_id(&text) {
            text = text.replace(&id, "ID");
        }
        let text = without_times(&text.replace("\\n", "\n"));
        let number = text.lines().find_map(|line| line.strip_prefix("X-Original-To: ")).expect("an address").to_owned();
        messages.insert(number, text);
    }
    messages
}

/// The queue ID that our own Received: header names; it stands among the first lines.
fn queue_id(text: &str) -> Option<String> {
    let head = &text[..text.len().min(1000)];
    let at = head
        .match_indices("id ")
        .map(|(at, _)| at)
        .find(|&at| head[..at].ends_with(" ") || head[..at].ends_with("\\t"))?;
    Some(head[at + 3..].chars().take_while(char::is_ascii_alphanumeric).collect())
}

/// Dates in the form of this system, and the times in message IDs, become `NOW`.
fn without_times(text: &str) -> String {
    /// As in `Tue, 24 Nov 2026 12:27:52`.
    const DATE: usize = 25;
    /// As in `20261124122752`.
    const TIME: usize = 14;
    let without = |line: &str, mark: &str, length: usize| match line.find(mark) {
        Some(at) if at >= length && line.is_char_boundary(at - length) => {
            format!("{}NOW{}", &line[..at - length], &line[at..])
        }
        _ => line.to_owned(),
    };
    text.lines().map(|line| without(&without(line, " +0000 (UTC)", DATE), ".ID@", TIME)).collect::<Vec<_>>().join("\n")
}

/// Sends all messages; what the senders heard, and what arrived.
fn run(subject: Subject, messages: &[Vec<u8>]) -> (Vec<String>, BTreeMap<String, String>) {
    let port = free_port();
    let instance = start(subject, port);
    let mut session = Session::hello(port);
    let mut heard = Vec::new();
    for (number, text) in messages.iter().enumerate() {
        let address = format!("{USER}+{number:05}");
        heard.push(match number % 3 {
            0 => by_smtp(&mut session, &address, text),
            kind => by_sendmail(&instance, &address, text, kind == 1),
        });
    }
    session.ask("QUIT", "221");
    let expected = heard.iter().filter(|said| said.starts_with("0 ") || said.starts_with("250")).count();
    let delivered = || (instance.log_lines("status=sent (delivered to maildir)").len() >= expected).then_some(());
    wait::until_within(wait::LIMIT * 5, "all messages", delivered, || instance.log());
    instance.wait_for_empty_queue();
    let host = |text: String| text.replace(&instance.directory().display().to_string(), "{dir}");
    (heard.into_iter().map(host).collect(), arrived(&instance))
}

#[test]
fn strange_messages_arrive_as_the_control_delivers_them() {
    require_instances!();
    if !subject::genuine("master").exists() {
        skip!("there is no control to compare with");
    }
    let ours = Subject::from_environment();
    if ours == Subject::Control {
        return;
    }
    let count = std::env::var("POSTHORN_CORPUS").ok().and_then(|text| text.parse().ok()).unwrap_or(150);
    let mut numbers = Numbers::seeded();
    let messages: Vec<Vec<u8>> = (0..count).map(|_| content(&mut numbers)).collect();
    let (heard, arrived) = run(ours, &messages);
    let (heard_of_control, arrived_of_control) = run(Subject::Control, &messages);
    for number in 0..count {
        let shown = messages[number].escape_ascii();
        assert_eq!(heard[number], heard_of_control[number], "message {number}: {shown}");
        let address = format!("{USER}+{number:05}");
        let (one, other) = (arrived.get(&address), arrived_of_control.get(&address));
        assert!(one == other, "message {number}: {shown}\n--- subject\n{one:?}\n--- control\n{other:?}");
    }
}
