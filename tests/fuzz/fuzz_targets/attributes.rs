//! Attribute lists, as the daemons read them from each other and from policy servers.
#![no_main]

use ipc::attr::Slice;
use ipc::{Encoding, Message, bounce, rewrite};
use libfuzzer_sys::fuzz_target;

fn take<M: Message + PartialEq + std::fmt::Debug>(data: &[u8]) {
    for encoding in [Encoding::Null, Encoding::Plain, Encoding::Base64] {
        if let Ok(message) = M::take(&mut Slice::new(data, "fuzz"), encoding) {
            let again = M::take(&mut Slice::new(&message.to_bytes(), "again"), Encoding::Null);
            assert_eq!(again.expect("what was written can be read"), message);
        }
    }
}

fuzz_target!(|data: &[u8]| {
    take::<bounce::Request>(data);
    take::<rewrite::Resolved>(data);
});
