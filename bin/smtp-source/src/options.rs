//! The command line.

use bstr::{BString, ByteSlice};
use command::Invocation;
use smtp_protocol::load::{Endpoint, Load, filler};
use text::getopt::Getopt;

const LETTERS: &str = "46AcC:df:F:l:Lm:M:Nor:R:s:S:t:T:vw:";
const DEFAULT_CONTENT: &[u8] = b"La de da de da 1.\r\nLa de da de da 2.\r\nLa de da de da 3.\r\nLa de da de da 4.\r\n";

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Options {
    /// Options that qmqp-source has, too.
    pub load: Load,
    /// `-A`: goes on after replies that are not as expected.
    pub tolerant: bool,
    /// `-d`: one session for many messages.
    pub keep: bool,
    /// `-L`: LMTP.
    pub lmtp: bool,
    /// `-N`: recipients are numbered.
    pub numbered: bool,
    /// `-o`: no greeting of ours, and no headers.
    pub old: bool,
    /// `-S`: the subject.
    pub subject: Option<BString>,
    /// `-F`: the content is a whole message.
    pub whole: bool,
    /// The content, with CR LF, dots stuffed.
    pub content: Vec<u8>,
    /// The server.
    pub endpoint: Endpoint,
    /// Our name.
    pub host: BString,
    /// The sender.
    pub sender: BString,
    /// The recipient.
    pub recipient: BString,
}

impl Options {
    /// Reads the command line.
    ///
    /// # Errors
    /// The text of the fatal error.
    pub fn parse(invocation: &Invocation) -> Result<Self, String> {
        let mut load = Load::default();
        let (mut tolerant, mut keep, mut lmtp, mut numbered, mut old) = (false, false, false, false, false);
        let (mut subject, mut file) = (None, None);
        let mut words = Getopt::new(&invocation.args, LETTERS);
        for option in &mut words {
            let option = option.map_err(|error| {
                invocation.report(error);
                usage(invocation)
            })?;
            match option.letter {
                b'A' => tolerant = true,
                b'd' => keep = true,
                b'L' => lmtp = true,
                b'N' => numbered = true,
                b'o' => old = true,
                b'S' => subject = Some(option.value.to_owned()),
                b'F' if load.length.is_none() => file = Some(option.value.to_owned()),
                b'l' if file.is_some() => return Err("-l option cannot be used with -F option".into()),
                b'F' => return Err("-l option cannot be used with -F option".into()),
                letter => {
                    if !load.take(letter, option.value)? {
                        return Err(usage(invocation));
                    }
                }
            }
        }
        let [endpoint] = words.operands() else { return Err(usage(invocation)) };
        let endpoint = Endpoint::parse(endpoint, "smtp")?;
        let host = load.host();
        let default = || BString::from([b"foo@", host.as_slice()].concat());
        let content = match (&file, load.length) {
            (Some(name), _) => message_of(name)?,
            (None, Some(length)) => filler(length, b"\r\n"),
            (None, None) => DEFAULT_CONTENT.to_vec(),
        };
        Ok(Self {
            sender: load.sender.clone().unwrap_or_else(default),
            recipient: load.recipient.clone().unwrap_or_else(default),
            whole: file.is_some(),
            load,
            tolerant,
            keep,
            lmtp,
            numbered,
            old,
            subject,
            content,
            endpoint,
            host,
        })
    }
}

fn usage(invocation: &Invocation) -> String {
    format!(
        "usage: {} -cdLNov -s sess -l msglen -m msgs -C count -M myhostname -f from -t to -r rcptcount -R delay -w delay host[:port]",
        text::show(&invocation.name)
    )
}

/// A file as a message goes over the wire.
fn message_of(name: &BString) -> Result<Vec<u8>, String> {
    let path = name.to_path_lossy();
    let bytes = std::fs::read(&path).map_err(|error| format!("open {}: {}", path.display(), sys::reason(&error)))?;
    let mut content = Vec::with_capacity(bytes.len() + bytes.len() / 16);
    for line in bytes.lines() {
        if line.starts_with(b".") {
            content.push(b'.');
        }
        content.extend_from_slice(line);
        content.extend_from_slice(b"\r\n");
    }
    // The genuine program ends a file with an empty line.
    content.extend_from_slice(b"\r\n");
    Ok(content)
}
