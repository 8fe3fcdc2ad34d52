//! Records of queue files: read one by one, and with pointers followed.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use queue::Reader;
use queue::record::{Decoded, decode, write};

fuzz_target!(|data: &[u8]| {
    if let Ok(Decoded::Record { record_type, payload, size }) = decode(data, 0) {
        let mut again = Vec::new();
        write(&mut again, record_type, payload).expect("memory can be written");
        let Ok(Decoded::Record { payload: other, .. }) = decode(&again, 0) else { panic!("a record that is none") };
        assert!(payload == other && size <= data.len());
    }
    let mut reader = Reader::new(Cursor::new(data), "fuzz", 2048);
    // Each byte can be visited once per reverse jump at most, and those are counted.
    while let Ok(Some(_)) = reader.next_cooked() {}
});
