//! What SMTP clients and proxies send: commands, options, content, chunks, headers of proxies.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smtp_protocol::server::address::{Strictness, extract};
use smtp_protocol::server::content::{Chunks, Data};
use smtp_protocol::server::haproxy::{Families, parse};
use smtp_protocol::server::identity::Attribute;
use smtp_protocol::server::newline::Newlines;
use smtp_protocol::server::options::{Allowed, mail, rcpt};
use smtp_protocol::server::reply::{lines, with_footer};
use smtp_protocol::server::words::split;
use smtp_protocol::stream::{Ending, Line};

fuzz_target!(|data: &[u8]| {
    let words = split(data);
    for word in &words {
        for strict in [false, true] {
            let _ = extract(&word.text, Strictness { strict, empty: true });
        }
        if let Ok(attribute) = Attribute::parse(&word.text, true) {
            let _ = (attribute.host_name(), attribute.address(|_| true), attribute.port());
        }
    }
    let texts = || words.iter().map(|word| word.text.as_slice());
    let allowed = Allowed { smtputf8: true, dsn: true, auth: true, verp: true, ..Allowed::default() };
    let _ = (mail(texts(), &allowed), rcpt(texts(), true));
    let _ = parse(data, Families { ipv4: true, ipv6: true });
    let _ = (with_footer(data, b"\\c x\\ny"), lines(data, true));
    for newlines in [Newlines::Lenient, Newlines::Reject] {
        let mut content = Data::new(newlines, false);
        for text in data.split(|byte| *byte == b'\n') {
            let ending = if text.ends_with(b"\r") { Ending::CrLf } else { Ending::Lf };
            content.take(&Line { text: text.to_vec(), ending }, &mut |_| {});
        }
        let mut chunks = Chunks::new(newlines, 10);
        let (head, tail) = data.split_at(data.len() / 2);
        chunks.take(head, &mut |_, _| {});
        chunks.take(tail, &mut |_, _| {});
        chunks.finish(&mut |_, _| {});
    }
});
