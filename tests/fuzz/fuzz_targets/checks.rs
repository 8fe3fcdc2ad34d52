//! Results of content checks.
#![no_main]

use libfuzzer_sys::fuzz_target;
use text::checks::{Subject, parse};

fuzz_target!(|data: &[u8]| {
    let _ = (parse("header_checks", Subject::Header, data), parse("body_checks", Subject::Body, data));
    let _ = text::unescape(data);
});
