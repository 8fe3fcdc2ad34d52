//! master.cf.
#![no_main]

use config::master::{Defaults, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let level = text::level::Level::new(3, 6, 0);
    if let Err(error) = parse("master.cf", data, &Defaults { level, process_limit: 100 }) {
        let _ = error.to_string();
    }
});
