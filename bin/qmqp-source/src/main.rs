//! Sends mail over QMQP, in many sessions at a time, to measure or try a server: qmqp-source(1) (smtpd §15.4).
#![forbid(unsafe_code)]

use std::time::{Duration, SystemTime};

use bstr::BString;
use command::Invocation;
use logging::{Audience, fatal};
use smtp_protocol::load::{Endpoint, Load, Progress, filler};
use smtp_protocol::netstring::{Trouble, netstring, read};
use smtp_protocol::stream::Stream;
use text::getopt::Getopt;

const LETTERS: &str = "46cC:f:l:m:M:r:R:s:t:T:vw:";
/// How long a server may take.
const LIMIT: Duration = Duration::from_secs(300);
/// The longest reply, in bytes.
const REPLY_LIMIT: u64 = 10_000;

/// What is wanted.
struct Work {
    load: Load,
    endpoint: Endpoint,
    host: BString,
    sender: BString,
    recipient: BString,
    progress: Progress,
}

fn main() {
    let invocation = Invocation::of_process();
    command::begin(invocation.name.as_ref(), Audience::User);
    command::ignore_broken_pipes();
    let work = Work::parse(&invocation).unwrap_or_else(|problem| fatal!("{problem}"));
    std::thread::scope(|scope| {
        for number in 0..work.load.sessions {
            let work = &work;
            scope.spawn(move || work.run(number as u64));
        }
    });
    work.progress.finish();
}

impl Work {
    fn parse(invocation: &Invocation) -> Result<Self, String> {
        let mut load = Load::default();
        let mut words = Getopt::new(&invocation.args, LETTERS);
        for option in &mut words {
            let option = option.map_err(|error| {
                invocation.report(error);
                usage(invocation)
            })?;
            if !load.take(option.letter, option.value)? {
                return Err(usage(invocation));
            }
        }
        let [endpoint] = words.operands() else { return Err(usage(invocation)) };
        let host = load.host();
        let default = || BString::from([b"foo@", host.as_slice()].concat());
        Ok(Self {
            endpoint: Endpoint::parse(endpoint, "628")?,
            sender: load.sender.clone().unwrap_or_else(default),
            recipient: load.recipient.clone().unwrap_or_else(default),
            progress: Progress::new(&load),
            host,
            load,
        })
    }

    /// Sends messages, each over a connection of its own, until none is left.
    fn run(&self, number: u64) {
        let mut chance = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ u64::from(std::process::id());
        while self.progress.take().is_some() {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            self.send_one();
            self.progress.count();
            if self.progress.has_more() {
                self.load.pause(chance >> 33);
            }
        }
    }

    fn send_one(&self) {
        let socket =
            self.load.connect(&self.endpoint).unwrap_or_else(|error| fatal!("connect: {}", sys::reason(&error)));
        let mut stream = Stream::over_socket(socket, LIMIT);
        let mut request = [netstring(&self.message()), netstring(&self.sender)].concat();
        for number in 0..self.load.recipients {
            let number = if self.load.recipients > 1 { number.to_string() } else { String::new() };
            request.extend(netstring(&[number.as_bytes(), &self.recipient].concat()));
        }
        let sent = stream.write(&netstring(&request)).and_then(|()| stream.flush());
        match sent.map_err(Trouble::from).and_then(|()| read(&mut stream, REPLY_LIMIT)) {
            Ok(reply) => judge(&reply),
            Err(trouble) => fatal!("{} while talking to the server", trouble.text()),
        }
    }

    fn message(&self) -> Vec<u8> {
        let date = text::date::header_date(SystemTime::now());
        let mut message = [
            b"From: <",
            self.sender.as_slice(),
            b">\nTo: <",
            &self.recipient,
            b">\nDate: ",
            date.as_bytes(),
            b"\nMessage-Id: <",
            format!("{:04x}@", std::process::id()).as_bytes(),
            &self.host,
            b">\n\n",
        ]
        .concat();
        match self.load.length {
            Some(length) => message.extend(filler(length.saturating_sub(message.len()), b"\n")),
            None => message
                .extend_from_slice(b"La de da de da 1.\nLa de da de da 2.\nLa de da de da 3.\nLa de da de da 4.\n"),
        }
        message
    }
}

fn usage(invocation: &Invocation) -> String {
    format!(
        "usage: {} -cv -s sess -l msglen -m msgs -C count -M myhostname -f from -t to -R delay -w delay host[:port]",
        text::show(&invocation.name)
    )
}

fn judge(reply: &[u8]) {
    let (letter, text) = reply.split_first().map_or((b' ', reply), |(letter, text)| (*letter, text));
    let text = text::show(text);
    match letter {
        b'K' => {}
        b'Z' => fatal!("recoverable error: {text}"),
        b'D' => fatal!("unrecoverable error: {text}"),
        _ => fatal!("unknown error: {}", text::show(reply)),
    }
}
