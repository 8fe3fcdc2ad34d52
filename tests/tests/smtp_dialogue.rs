//! Random sessions, good, nearly good and hostile, held with the control and with the subject side by side: replies, log lines and queue
//! files must be the same (smtpd).
//!
//! `POSTHORN_DIALOGUES` is the number of sessions (150), `POSTHORN_DIALOGUE_SEED` the first seed.

use std::collections::BTreeMap;

use tests::dialogue::{hold, session};
use tests::records;
use tests::smtp::free_port;
use tests::subject::{Subject, genuine};
use tests::{Builder, Instance, require_instances, skip, wait};

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
