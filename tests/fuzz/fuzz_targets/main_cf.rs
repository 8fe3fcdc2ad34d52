//! main.cf.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for assignment in config::main_cf::assignments("main.cf", data).take(10_000) {
        if let Err(error) = assignment {
            let _ = error.to_string();
        }
    }
});
