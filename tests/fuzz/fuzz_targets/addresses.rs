//! Addresses and lists of addresses, from envelopes and headers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use text::address::{Address, addresses, external, internal, parse_list, quote, scan, unquote};

fuzz_target!(|data: &[u8]| {
    let list = parse_list(scan(data, None));
    let _ = (internal(&list), external(&list), addresses(data));
    let single = Address::single(data);
    let _ = (single.internal(), single.external(), single.unresolved());
    let _ = unquote(&quote(data));
});
