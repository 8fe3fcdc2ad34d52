//! A conversation with cleanup: a message as records, and what became of it (cleanup-rewrite §10).

use std::fs;

use crate::records::{self, record};
use crate::wire::Client;
use crate::{Builder, Instance};

/// The flags of cleanup's protocol that the tests use.
pub const BOUNCE: u32 = 1;
/// Header and body checks, and Milters.
pub const FILTER: u32 = 2;
/// Automatic copies.
pub const BCC: u32 = 16;
/// Address mappings.
pub const MAP: u32 = 32;
/// All that may be done to new mail.
pub const ALL: u32 = FILTER | BCC | MAP;

/// Nothing but cleanup and what it needs, so that the file stays in `incoming`.
pub fn instance() -> Builder {
    Instance::builder()
        .set("myhostname", "mail.example.com")
        .set("mydomain", "example.com")
        .set("myorigin", "example.com")
        .set("delay_warning_time", "0")
        // No queue manager takes the mail away, and cleanup would wait for it before each message.
        .set("in_flow_delay", "0")
        .master_cf(
            "cleanup   unix  n       -       n       -       0       cleanup\n\
             rewrite   unix  -       -       n       -       -       trivial-rewrite\n\
             bounce    unix  -       -       n       -       0       bounce\n\
             trace     unix  -       -       n       -       0       bounce\n\
             postlog   unix-dgram n  -       n       -       1       postlogd\n",
        )
}

/// A client that was greeted, and the queue ID that the greeting named.
///
/// # Panics
/// When cleanup is not there.
pub fn connect(instance: &Instance, flags: u32) -> (Client, String) {
    let mut client = Client::connect(&instance.path("q/public/cleanup"));
    let greeting = client.map();
    assert_eq!(greeting["protocol"], "cleanup_protocol");
    client.send(&[("flags", &flags.to_string())]);
    (client, greeting["queue_id"].clone())
}

/// What became of a message.
#[derive(Debug)]
pub struct Outcome {
    /// The queue ID.
    pub id: String,
    /// The status of cleanup's reply.
    pub status: u32,
    /// The reason of cleanup's reply.
    pub reason: String,
    /// The records of the file in `incoming`; none when there is no file.
    pub records: Vec<String>,
}

impl Outcome {
    /// The lines of the content behind the first.
    pub fn content(&self) -> Vec<&str> {
        let inside = self.records.iter().map(String::as_str).skip_while(|text| *text != "M ").skip(2);
        inside.take_while(|text| *text != "X ").map(|text| text.split_once(' ').map_or("", |(_, rest)| rest)).collect()
    }

    /// The records that begin like this.
    pub fn starting_with(&self, begin: &str) -> Vec<&str> {
        self.records.iter().map(String::as_str).filter(|text| text.starts_with(begin)).collect()
    }

    /// The recipients, in order.
    pub fn recipients(&self) -> Vec<&str> {
        self.starting_with("R ").into_iter().map(|text| &text[2..]).collect()
    }
}

/// Sends the records of one message.
///
/// # Panics
/// When cleanup does not answer.
pub fn post(instance: &Instance, flags: u32, message: &[(u8, &str)]) -> Outcome {
    let (mut client, id) = connect(instance, flags);
    let bytes: Vec<u8> = message.iter().flat_map(|(kind, payload)| record(*kind, payload)).collect();
    client.send_bytes(&bytes);
    let reply = client.map();
    let file = instance.path("q/incoming").join(&id);
    let records = fs::read(&file).map(|bytes| records::texts(&bytes)).unwrap_or_default();
    Outcome { id, status: reply["status"].parse().expect("a number"), reason: reply["reason"].clone(), records }
}

/// Mail of this machine.
pub const CONTEXT: (u8, &str) = (b'A', "rewrite_context=local");
/// Mail of another machine.
pub const REMOTE: (u8, &str) = (b'A', "rewrite_context=remote");

/// Each client of cleanup begins the content with a header of its own.
pub const RECEIVED: (u8, &str) = (b'N', "Received: by x");

/// A whole message with this part of the envelope and this content.
pub fn message<'a>(envelope: &[(u8, &'a str)], lines: &[&'a str]) -> Vec<(u8, &'a str)> {
    let mut all = vec![(b'T', "1795499046 0")];
    all.extend(envelope);
    all.extend([(b'M', ""), RECEIVED]);
    all.extend(lines.iter().map(|line| (b'N', *line)));
    all.extend([(b'X', ""), (b'E', "")]);
    all
}

/// Posts a message with this part of the envelope.
pub fn envelope(instance: &Instance, flags: u32, records: &[(u8, &str)]) -> Outcome {
    post(instance, flags, &message(records, &["Subject: x", "", "body"]))
}

/// Posts a message with this content.
pub fn content(instance: &Instance, context: (u8, &'static str), lines: &[&str]) -> Outcome {
    post(instance, ALL, &message(&[context, (b'S', "s@x.example"), (b'R', "bob@example.com")], lines))
}
