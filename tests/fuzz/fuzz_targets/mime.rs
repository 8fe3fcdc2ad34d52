//! Message content: its structure, and its conversion to 7-bit text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use text::mime::{Block, End, HeadersEnd, Limits, Options, Sink, Structure, Trouble};

struct Nobody;

impl Sink for Nobody {
    fn header(&mut self, _: Block, _: &[u8]) {}
    fn headers_end(&mut self, _: Block, _: HeadersEnd) {}
    fn body(&mut self, _: &[u8], _: End, _: u64) {}
    fn trouble(&mut self, _: Trouble, _: &[u8]) {}
}

fuzz_target!(|data: &[u8]| {
    for downgrade in [false, true] {
        let limits = Limits { boundary_length: 70, nesting: 3 };
        let mut structure = Structure::new(Options { header_size_limit: 1000, downgrade, ..Options::plain(Some(limits)) });
        for line in data.split(|&byte| byte == b'\n') {
            let end = if line.ends_with(b"\r") { End::Piece } else { End::Line };
            structure.take(line, end, &mut Nobody);
        }
        structure.finish(&mut Nobody);
    }
});
