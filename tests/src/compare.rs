//! Comparing what two cleanup services make of the same records.

use std::fmt::Write as _;

use crate::cleanup::{Verdict, message, submit};
use crate::instance::Builder;
use crate::{Instance, Subject, subject};

/// Without a queue manager: files stay where they are.
const SERVICES: &str = "\
cleanup   unix  n       -       n       -       0       cleanup
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
verify    unix  -       -       n       -       1       verify
postlog   unix-dgram n  -       n       -       1       postlogd
";

/// A message after all others, to know that they have been logged.
const LAST: &str = "T 1\nS x\nR last\nM\nN Received: x\nX\nE";

/// An instance of cleanup and what it needs, with these parameters.
pub fn builder(parameters: &[(&str, &str)]) -> Builder {
    let mut builder = Instance::builder().master_cf(SERVICES).set("in_flow_delay", "0").set("recipient_delimiter", "+");
    for (name, value) in parameters {
        builder = builder.set(name, value);
    }
    builder
}

/// Log lines that come or not as time falls: the wakeup of the queue manager, of which there is none, and clocks that a second's turn divides.
const CHANCE: [&str; 3] =
    ["unable to look up public/qmgr", "warning: file system clock is ", "warning: resetting file time stamps"];

/// All that cleanup shows of some messages, each with its flags: answers, files, log lines. Queue IDs and times are made equal.
///
/// # Panics
/// When cleanup does not keep to its protocol.
pub fn observe(instance: &Instance, cases: &[(i32, &str)]) -> String {
    let mut seen = String::new();
    let mut ids = Vec::new();
    for (number, (flags, records)) in cases.iter().enumerate() {
        let Verdict { id, status, reason } = submit(instance, *flags, records);
        let _ = writeln!(seen, "case {number}: status={status} reason={reason}");
        for directory in ["incoming", "hold"] {
            if let Some(lines) = message(instance, directory, &id) {
                let _ = writeln!(seen, "{directory}:\n  {}", lines.join("\n  "));
            }
        }
        ids.push(id);
    }
    let last = submit(instance, 32, LAST).id;
    instance.wait_for_log(&[&last]);
    let is_said = |line: &&str| line.contains("postfix/cleanup[") && !CHANCE.iter().any(|text| line.contains(text));
    for line in instance.log().lines().filter(is_said) {
        let _ = writeln!(seen, "log: {}", line.split_once("]: ").unwrap_or_default().1);
    }
    ids.push(last);
    for (number, id) in ids.iter().enumerate() {
        seen = seen.replace(id.as_str(), &format!("ID{number}"));
    }
    without_times(&seen).replace(&instance.directory().display().to_string(), "{dir}")
}

/// The text without what depends on the clock.
fn without_times(text: &str) -> String {
    let mut clean = String::new();
    for line in text.lines() {
        let line = match line.split_once("create_time=") {
            Some((before, _)) => format!("{before}create_time=NOW"),
            None => line.to_owned(),
        };
        let line = match line.split_once(".ID") {
            Some((before, after)) if before.len() >= 14 && before.ends_with(|last: char| last.is_ascii_digit()) => {
                format!("{}NOW.ID{after}", &before[..before.len() - 14])
            }
            _ => line,
        };
        let line = match line.split_once(" delay=") {
            Some((before, after)) => format!("{before} delay=X{}", &after[after.find(", dsn=").unwrap_or(0)..]),
            None => line,
        };
        clean += &line;
        clean.push('\n');
    }
    clean
}

/// The first difference, with the message that made it.
pub fn difference(ours: &str, genuine: &str, cases: &[(i32, &str)]) -> String {
    let (ours, genuine): (Vec<_>, Vec<_>) = (ours.lines().collect(), genuine.lines().collect());
    let at = ours.iter().zip(&genuine).take_while(|(one, two)| one == two).count();
    let around = |lines: &[&str]| lines[at.saturating_sub(8).min(lines.len())..(at + 12).min(lines.len())].join("\n");
    let number = ours[..at].iter().filter(|line| line.starts_with("case ")).count().saturating_sub(1);
    let named = ours.get(at).and_then(|line| line.strip_prefix("log: ID")?.split(':').next()?.parse().ok());
    let case = cases.get(named.unwrap_or(number)).map_or("", |(_, text)| *text);
    format!("--- records\n{case}\n--- subject\n{}\n--- control\n{}", around(&ours), around(&genuine))
}

/// Compares the subject with the control.
///
/// # Panics
/// When they differ, with the first difference.
pub fn compare(parameters: &[(&str, &str)], cases: &[(i32, &str)]) {
    compare_with(parameters, &[], cases);
}

/// As [`compare`], with these files in the instance's directory.
///
/// # Panics
/// When they differ, with the first difference.
pub fn compare_with(parameters: &[(&str, &str)], files: &[(&str, &str)], cases: &[(i32, &str)]) {
    crate::require_instances!();
    if !subject::genuine("master").exists() {
        crate::skip!("there is no control to compare with");
    }
    if Subject::from_environment() == Subject::Control {
        return;
    }
    let prepared = || files.iter().fold(builder(parameters), |builder, (name, text)| builder.file(name, text));
    let ours = observe(&prepared().start(), cases);
    let genuine = observe(&prepared().subject(Subject::Control).start(), cases);
    assert!(ours == genuine, "{}", difference(&ours, &genuine, cases));
}
