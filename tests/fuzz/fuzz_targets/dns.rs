//! Replies of name servers.
#![no_main]

use dns::{Type, read_reply};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for rtype in [Type::A, Type::AAAA, Type::MX, Type::TXT, Type::PTR, Type::SRV, Type::TLSA, Type::CNAME] {
        match read_reply(b"a.example", rtype, data) {
            Some(Ok(records)) => {
                assert!(records.len() <= dns::RECORD_LIMIT);
                for record in records {
                    let _ = record.to_string();
                }
            }
            Some(Err(error)) => {
                let _ = error.to_string();
            }
            None => {}
        }
    }
});
