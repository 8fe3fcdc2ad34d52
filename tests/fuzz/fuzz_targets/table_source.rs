//! The text that lookup tables and alias databases are made of.
#![no_main]

use libfuzzer_sys::fuzz_target;
use table::source::{AliasEntries, Entries};

fuzz_target!(|data: &[u8]| {
    for utf8 in [false, true] {
        for (_, key, value) in Entries::new(data, utf8).flatten() {
            assert!(!key.is_empty() && !value.is_empty());
        }
        AliasEntries::new(data, utf8).flatten().for_each(drop);
    }
});
