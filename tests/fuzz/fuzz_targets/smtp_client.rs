//! What an SMTP server answers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smtp_protocol::client::{Discard, Features, Greeting, Progress, ReplyReader};

fuzz_target!(|data: &[u8]| {
    let mut reader = ReplyReader::new(2048);
    for line in data.split(|&byte| byte == b'\n') {
        if let (Progress::Complete(reply), _) = reader.take(line) {
            let _ = (reply.one_line(), Features::read(&reply, Discard::default()), Greeting::read(&reply, b"host.example"));
        }
    }
});
