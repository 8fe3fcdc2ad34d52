//! What is said to which command, without I/O (smtpd §15.1).

use bstr::{BString, ByteSlice};

use crate::options::Options;
use crate::verb::Verb;

/// What a client has said about a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// `SMTP`, `ESMTP` or `LMTP`.
    pub protocol: &'static str,
    /// What stands behind HELO.
    pub helo: BString,
    /// What stands behind `MAIL FROM:`.
    pub mail: BString,
    /// What stands behind each `RCPT TO:`.
    pub recipients: Vec<BString>,
}

/// What a command leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The command; `None` for one that is not known.
    pub verb: Option<Verb>,
    /// What is said; lines end in CR LF.
    pub text: BString,
    /// What happens then.
    pub then: Then,
}

/// What happens after a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The next command.
    Go,
    /// The content of a message.
    Content,
    /// The connection ends.
    Close,
}

/// One conversation.
#[derive(Clone, Debug)]
pub struct Dialogue<'a> {
    options: &'a Options,
    envelope: Envelope,
    has_sender: bool,
}

impl<'a> Dialogue<'a> {
    /// At the beginning.
    pub fn new(options: &'a Options) -> Self {
        let protocol = if options.lmtp { "LMTP" } else { "SMTP" };
        Dialogue { options, envelope: Envelope { protocol, ..Envelope::default() }, has_sender: false }
    }

    /// What is known about the message that comes.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// What is said first.
    pub fn greeting(&self) -> Answer {
        let text = match (self.options.masked, self.options.no_esmtp) {
            (true, _) => "220 ********".into(),
            (_, true) => format!("220 {}", text::show(&self.options.host_name)),
            _ => format!("220 {} ESMTP", text::show(&self.options.host_name)),
        };
        self.answer(Verb::Connect, line(&text), Then::Go)
    }

    /// Takes a command line, without its end.
    pub fn take(&mut self, text: &[u8]) -> Answer {
        let trimmed = text::space::trim_start(text);
        let end = trimmed.find_byteset(" \t").unwrap_or(trimmed.len());
        let (word, arguments) = (&trimmed[..end], text::space::trim(&trimmed[end..]));
        if word.is_empty() {
            return unknown("500 5.5.2 Error: unknown command");
        }
        match Verb::from_name(word).filter(|verb| self.is_enabled(*verb)) {
            Some(verb) => self.obey(verb, arguments),
            None => unknown("500 5.5.1 Error: unknown command"),
        }
    }

    fn is_enabled(&self, verb: Verb) -> bool {
        let options = self.options;
        match verb {
            Verb::Connect => false,
            Verb::Helo => !options.lmtp,
            Verb::Ehlo => !options.lmtp && !options.no_esmtp,
            Verb::Lhlo => options.lmtp,
            Verb::Xclient => !options.no_xclient,
            Verb::Xforward => !options.no_xforward,
            _ => true,
        }
    }

    fn obey(&mut self, verb: Verb, arguments: &[u8]) -> Answer {
        if let Some(refusal) = self.refusal(verb) {
            return refusal;
        }
        let mut then = Then::Go;
        let reply = match verb {
            Verb::Helo | Verb::Ehlo | Verb::Lhlo => return self.hello(verb, arguments),
            Verb::Mail if self.has_sender => line("503 5.5.1 Error: nested MAIL command"),
            Verb::Mail => {
                self.has_sender = true;
                self.envelope.mail = behind_colon(arguments);
                self.envelope.recipients.clear();
                line("250 2.1.0 Ok")
            }
            Verb::Rcpt if !self.has_sender => line("503 5.5.1 Error: need MAIL command"),
            Verb::Rcpt => {
                self.envelope.recipients.push(behind_colon(arguments));
                line("250 2.1.5 Ok")
            }
            Verb::Data if self.envelope.recipients.is_empty() => line("503 5.5.1 Error: need RCPT command"),
            Verb::Data => {
                then = Then::Content;
                line("354 End data with <CR><LF>.<CR><LF>")
            }
            Verb::Rset => {
                self.reset();
                line("250 2.1.0 Ok")
            }
            Verb::Quit => {
                then = Then::Close;
                line("221 Bye")
            }
            _ => line("250 2.0.0 Ok"),
        };
        Answer { verb: Some(verb), text: reply, then }
    }

    fn hello(&mut self, verb: Verb, arguments: &[u8]) -> Answer {
        self.reset();
        self.envelope.helo = arguments.into();
        if verb == Verb::Ehlo {
            self.envelope.protocol = "ESMTP";
        }
        let name = text::show(&self.options.host_name);
        if verb == Verb::Helo {
            return self.answer(verb, line(&format!("250 {name}")), Then::Go);
        }
        let options = self.options;
        let features = [
            (options.no_pipelining, "PIPELINING"),
            (options.no_8bitmime, "8BITMIME"),
            (options.no_auth, "AUTH PLAIN LOGIN"),
            (options.no_xclient, "XCLIENT NAME HELO"),
            (options.no_xforward, "XFORWARD NAME ADDR PROTO HELO"),
            (options.no_statuses, "ENHANCEDSTATUSCODES"),
            (options.no_dsn, "DSN"),
        ];
        let mut text = line(&format!("250-{name}"));
        for (_, feature) in features.iter().filter(|(off, _)| !off) {
            text.extend_from_slice(&line(&format!("250-{feature}")));
        }
        text.extend_from_slice(&line("250 "));
        self.answer(verb, text, Then::Go)
    }

    fn reset(&mut self) {
        self.has_sender = false;
        self.envelope.mail.clear();
        self.envelope.recipients.clear();
    }

    /// The message is complete: one reply, or one for each recipient.
    pub fn end_of_content(&mut self) -> Answer {
        let count = if self.options.lmtp { self.envelope.recipients.len() } else { 1 };
        self.reset();
        if let Some(refusal) = self.refusal(Verb::Dot) {
            return Answer {
                text: refusal.text.repeat(if refusal.then == Then::Go { count } else { 1 }).into(),
                ..refusal
            };
        }
        let reply = line(if self.options.lmtp { "250 2.2.0 Ok" } else { "250 2.0.0 Ok" });
        self.answer(Verb::Dot, reply.repeat(count).into(), Then::Go)
    }

    fn answer(&self, verb: Verb, text: BString, then: Then) -> Answer {
        match verb {
            Verb::Connect => self.refusal(verb).unwrap_or(Answer { verb: Some(verb), text, then }),
            _ => Answer { verb: Some(verb), text, then },
        }
    }

    /// What the command line wants said to a command instead.
    fn refusal(&self, verb: Verb) -> Option<Answer> {
        let options = self.options;
        let (text, then) = if options.drop.has(verb) {
            (BString::default(), Then::Close)
        } else if options.goodbye.has(verb) {
            (line("421 4.0.0 Server closing connection"), Then::Close)
        } else if options.hard.has(verb) {
            (line(&text::show(&options.hard_reply).to_string()), Then::Go)
        } else if options.soft.has(verb) {
            (line(&text::show(&options.soft_reply).to_string()), Then::Go)
        } else {
            return None;
        };
        Some(Answer { verb: Some(verb), text, then })
    }
}

fn unknown(text: &str) -> Answer {
    Answer { verb: None, text: line(text), then: Then::Go }
}

fn line(text: &str) -> BString {
    format!("{text}\r\n").into()
}

/// The address and parameters behind `FROM:` or `TO:`.
fn behind_colon(arguments: &[u8]) -> BString {
    let rest = arguments.split_once_str(":").map_or(&b""[..], |(_, rest)| rest);
    text::space::trim(rest).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn talk(options: &Options, lines: &[&str]) -> Vec<String> {
        let mut dialogue = Dialogue::new(options);
        lines
            .iter()
            .map(|line| {
                dialogue
                    .take(line.as_bytes())
                    .text
                    .trim_end_with(|char| char.is_whitespace())
                    .to_str_lossy()
                    .into_owned()
            })
            .collect()
    }

    #[test]
    fn a_conversation() {
        let said = talk(
            &Options::default(),
            &[
                "HELO x",
                "RCPT TO:<a>",
                "mail FROM:<a> X",
                "MAIL FROM:<b>",
                "DATA",
                "RCPT TO:<c>",
                "DATA",
                "",
                "FOO",
                "LHLO x",
            ],
        );
        let expected = [
            "250 smtp-sink",
            "503 5.5.1 Error: need MAIL command",
            "250 2.1.0 Ok",
            "503 5.5.1 Error: nested MAIL command",
            "503 5.5.1 Error: need RCPT command",
            "250 2.1.5 Ok",
            "354 End data with <CR><LF>.<CR><LF>",
            "500 5.5.2 Error: unknown command",
            "500 5.5.1 Error: unknown command",
            "500 5.5.1 Error: unknown command",
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn lmtp_answers_for_each_recipient() {
        let options = Options { lmtp: true, ..Options::default() };
        let mut dialogue = Dialogue::new(&options);
        for line in ["LHLO x", "MAIL FROM:<a>", "RCPT TO:<b>", "RCPT TO:<c>"] {
            assert!(dialogue.take(line.as_bytes()).text.starts_with(b"250"));
        }
        assert_eq!(dialogue.envelope().recipients, ["<b>", "<c>"]);
        assert_eq!(dialogue.end_of_content().text, "250 2.2.0 Ok\r\n250 2.2.0 Ok\r\n");
    }

    proptest::proptest! {
        #[test]
        fn any_line_has_an_answer(lines: Vec<Vec<u8>>) {
            let options = Options::default();
            let mut dialogue = Dialogue::new(&options);
            for line in lines {
                assert!(dialogue.take(&line).text.ends_with(b"\r\n"));
            }
        }
    }
}
