//! Sessions with an SMTP server, written down in a file: what is configured, what is said, what is answered and logged.
//!
//! ```text
//! [a name]
//! smtpd_recipient_restrictions = reject
//! > RCPT TO:<x@y.example>
//! < 554 5.7.1 <x@y.example>: Recipient address rejected: Access denied
//! | NOQUEUE: reject: RCPT from localhost[127.0.0.1]: ...
//! ```
//!
//! HELO and MAIL are said before RCPT, DATA and VRFY if the script does not say them; `.` sends a message's content. Each section gets a server
//! of its own, with its parameters, in one instance. `{dir}` is the instance's directory.

use std::time::Duration;

use crate::smtp::{Session, free_port};
use crate::{Builder, Instance, wait};

/// One section of a file.
#[derive(Clone, Debug, Default)]
pub struct Section {
    /// The name in brackets.
    pub name: String,
    parameters: Vec<(String, String)>,
    lines: Vec<String>,
    port: u16,
}

/// Reads a file of sections.
///
/// # Panics
/// When it is not one.
pub fn sections(text: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            sections.push(Section { name: name.into(), port: free_port(), ..Section::default() });
            continue;
        }
        let section = sections.last_mut().unwrap_or_else(|| panic!("no section: {line}"));
        if line.starts_with(['>', '<', '|', '.']) {
            section.lines.push(line.into());
        } else {
            let (name, value) = line.split_once('=').unwrap_or_else(|| panic!("no parameter: {line}"));
            section.parameters.push((name.trim().into(), value.trim().into()));
        }
    }
    sections
}

impl Section {
    fn tag(&self) -> String {
        format!("s{}", self.port)
    }

    /// The line of master.cf.
    fn service(&self) -> String {
        let options = self.parameters.iter().map(|(name, value)| format!(" -o {{ {name} = {value} }}"));
        let options: String = options.collect();
        format!("127.0.0.1:{} inet n - n - - smtpd -o syslog_name={}{options}", self.port, self.tag())
    }

    /// What is said, with what the section leaves out.
    fn script(&self) -> Vec<(bool, String)> {
        let said: Vec<&str> =
            self.lines.iter().filter(|line| line.starts_with(['>', '.'])).map(|line| &**line).collect();
        let has = |verb: &str| said.iter().any(|line| line.get(2..).is_some_and(|rest| rest.starts_with(verb)));
        let mut script = Vec::new();
        if !has("HELO") && !has("EHLO") && !has("XCLIENT") {
            script.push((false, "> HELO pc".to_owned()));
        }
        if !has("MAIL") && (has("RCPT") || has("DATA")) && !has("XCLIENT") {
            script.push((false, "> MAIL FROM:<a@b.example>".to_owned()));
        }
        script.extend(said.into_iter().map(|line| (true, line.to_owned())));
        script
    }

    /// The section as it should be.
    pub fn expected(&self) -> Vec<String> {
        self.lines.clone()
    }

    /// The section as it is: what is said, what is answered, and, at the end, what is logged.
    pub fn observe(&self, instance: &Instance) -> Vec<String> {
        let mut seen = Vec::new();
        let mut session = Session::connect(self.port);
        let answer = |seen: &mut Vec<String>, reply: Option<String>| match reply {
            Some(reply) => seen.extend(reply.lines().map(|line| format!("< {}", without_ids(line)))),
            None => seen.push("< end".into()),
        };
        let mut died = false;
        while !died && !session.hears_within(Duration::from_millis(20)) {
            died = self.log(instance).iter().any(|line| line.starts_with("fatal: "));
        }
        if died {
            self.add_log(instance, &mut seen);
            return seen;
        }
        let greeting = session.reply();
        if !greeting.as_ref().is_some_and(|greeting| greeting.starts_with("220 ")) {
            answer(&mut seen, greeting);
        }
        for (is_shown, line) in self.script() {
            match line.strip_prefix("> ") {
                Some(command) => session.line(command),
                None => session.send("Subject: x\r\n\r\n.\r\n"),
            }
            let reply = session.reply();
            if is_shown {
                seen.push(line);
                answer(&mut seen, reply);
            }
        }
        session.line("QUIT");
        while session.reply().is_some() {}
        self.add_log(instance, &mut seen);
        seen
    }

    /// What this section's server has logged.
    fn log(&self, instance: &Instance) -> Vec<String> {
        let tag = format!(" {}/smtpd[", self.tag());
        let log = instance.log();
        let ours = log.lines().filter(|line| line.contains(&tag));
        ours.filter_map(|line| Some(line.split_once("]: ")?.1.to_owned())).collect()
    }

    fn add_log(&self, instance: &Instance, seen: &mut Vec<String>) {
        let lines = || self.log(instance);
        let done = |lines: &[String]| {
            lines.iter().any(|line| line.starts_with("disconnect from ") || line.starts_with("fatal: "))
        };
        wait::until("the end of the session", || done(&lines()).then_some(()), || instance.log());
        for line in lines() {
            let is_frame = ["connect from ", "disconnect from ", "lost connection after "];
            if !is_frame.iter().any(|begin| line.starts_with(begin)) && !line.contains(": client=") {
                seen.push(format!("| {}", without_ids(&line)));
            }
        }
    }
}

/// Queue IDs differ from run to run.
fn without_ids(line: &str) -> String {
    if let Some((begin, _)) = line.split_once(" queued as ") {
        return format!("{begin} queued as ID");
    }
    match line.split_once(": ") {
        Some((id, rest)) if id.len() > 5 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F')) => {
            format!("ID: {rest}")
        }
        _ => line.into(),
    }
}

/// Holds all sessions of a file with one instance, which has these parameters besides, and compares. The actual sections are printed when
/// they are not as expected.
///
/// # Panics
/// When a section is not as expected.
pub fn hold(mut builder: Builder, text: &str) {
    let sections = sections(text);
    for section in &sections {
        builder = builder.service(&section.service());
    }
    let instance = builder.start();
    let mut wrong = Vec::new();
    for section in &sections {
        let seen = section.observe(&instance);
        let expected: Vec<String> = section.expected().iter().map(|line| instance.expand(line)).collect();
        if seen != expected {
            let shown: Vec<String> = seen.iter().map(|line| line.replace(&instance.expand("{dir}"), "{dir}")).collect();
            wrong.push(format!("[{}]\n{}\n", section.name, shown.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "{} of {} sections are otherwise:\n\n{}", wrong.len(), sections.len(), wrong.join("\n"));
}
