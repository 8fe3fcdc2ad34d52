//! The command line.

use bstr::{BString, ByteSlice};
use command::Invocation;
use text::getopt::Getopt;

/// What to show, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `-b`: the message body.
    pub body: bool,
    /// `-c`: where main.cf is.
    pub config_directory: Option<BString>,
    /// `-d`: the decimal type in front of each record.
    pub types: bool,
    /// `-e`: the envelope.
    pub envelope: bool,
    /// `-h`: the message header.
    pub header: bool,
    /// `-o`: the offset in front of each record.
    pub offsets: bool,
    /// `-q`: the operands are queue IDs.
    pub by_id: bool,
    /// `-r`: with `-v`, the records as they stand in the file.
    pub raw: bool,
    /// `-s`: where to start, in bytes.
    pub start: u64,
    /// `-v`: pointers and padding too.
    pub verbose: u32,
    /// Files or queue IDs; none: standard input.
    pub operands: Vec<BString>,
}

impl Options {
    /// Reads the command line; ends the program when it makes no sense.
    pub fn parse(invocation: &Invocation) -> Options {
        let mut options = Options::default();
        let mut words = Getopt::new(&invocation.args, "bc:dehoqrs:v");
        for word in words.by_ref() {
            let option = word.unwrap_or_else(|error| usage(invocation, error));
            match option.letter {
                b'b' => options.body = true,
                b'c' => options.config_directory = Some(option.value.into()),
                b'd' => options.types = true,
                b'e' => options.envelope = true,
                b'h' => options.header = true,
                b'o' => options.offsets = true,
                b'q' => options.by_id = true,
                b'r' => options.raw = true,
                b's' => options.start = offset(option.value),
                _ => options.verbose += 1,
            }
        }
        options.operands = words.operands().to_vec();
        logging::set_verbosity(options.verbose);
        if !(options.body || options.envelope || options.header) {
            (options.body, options.envelope, options.header) = (true, true, true);
        }
        options
    }
}

fn offset(text: &[u8]) -> u64 {
    match text.to_str().ok().and_then(|text| text.parse().ok()) {
        Some(offset) => offset,
        None => logging::fatal!("bad offset: {}", text::show(text)),
    }
}

fn usage(invocation: &Invocation, error: text::getopt::Error) -> ! {
    invocation.report(error);
    logging::fatal!(
        "usage: {} [-b (body text)] [-c config_dir] [-d (decimal record type)] [-e (envelope records)] \
         [-h (header text)] [-q (access queue)] [-v] [file(s)...]",
        text::show(&invocation.name)
    );
}
