//! Random SMTP sessions, good, nearly good and hostile: what a client does in them, and doing it.
//!
//! Commands that later releases than 3.7.11 take otherwise, and Posthorn with them, are left out: HELP, and commands longer than
//! `line_length_limit`.

use crate::smtp::Session;

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
pub enum Step {
    /// Sends commands at once, and reads a reply to each. The cut is where the bytes are parted in two writes.
    #[allow(missing_docs, reason = "the variant says it")]
    Commands { lines: Vec<Vec<u8>>, cut: usize },
    /// Sends DATA, and, if that is accepted, content.
    Data(Vec<u8>),
    /// Sends a chunk, with its content.
    #[allow(missing_docs, reason = "the variant says it")]
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

/// The session of a number, always the same.
pub fn session(seed: u64) -> Vec<Step> {
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
pub fn hold(port: u16, steps: &[Step]) -> Vec<String> {
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
