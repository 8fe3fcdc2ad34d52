//! Logs a record to the mail log (master-ipc §15.9).
#![forbid(unsafe_code)]

use std::io::{BufRead, Write};
use std::thread::sleep;
use std::time::Duration;

use bstr::{BString, ByteSlice};
use command::{Invocation, Trust};
use logging::{Audience, Severity, fatal};
use text::getopt::Getopt;

/// The longest line of standard input that is one record, in bytes; a longer line becomes several.
const LINE_LIMIT: u64 = 65536;

fn main() {
    let invocation = Invocation::of_process();
    command::begin("postlog".into(), Audience::LogAndTerminal);
    let options = parse(&invocation);
    if let Some(directory) = &options.config_directory {
        command::use_config_directory(directory);
    }
    let set_gid = sys::privilege::is_set_id();
    command::load("postlog", if set_gid { Trust::SetGid } else { Trust::Root });
    if let Some(tag) = &options.tag {
        logging::tag(tag);
    }
    if options.text.is_empty() {
        log_lines(options.severity, std::io::stdin().lock());
    } else {
        logging::record(options.severity, &options.text.join(&b' '));
    }
    if matches!(options.severity, Severity::Fatal | Severity::Panic) {
        sleep(Duration::from_secs(1));
    }
}

struct Options {
    config_directory: Option<BString>,
    severity: Severity,
    tag: Option<BString>,
    text: Vec<BString>,
}

fn parse(invocation: &Invocation) -> Options {
    let mut options = Options { config_directory: None, severity: Severity::Info, tag: None, text: Vec::new() };
    let mut parser = Getopt::new(&invocation.args, "c:ip:t:v");
    for option in parser.by_ref() {
        let option = option.unwrap_or_else(|error| {
            invocation.report(error);
            fatal!("usage: {} [-c config_dir] [-i] [-p priority] [-t tag] [-v] [text]", text::show(&invocation.name))
        });
        match option.letter {
            b'c' => options.config_directory = Some(option.value.into()),
            b'p' => {
                options.severity = Severity::from_name(option.value)
                    .unwrap_or_else(|| fatal!("bad severity: \"{}\"", text::show(option.value)));
            }
            b't' => options.tag = Some(option.value.into()),
            b'v' => logging::set_verbosity(logging::verbosity() + 1),
            // The process ID is always logged.
            _ => {}
        }
    }
    options.text = parser.operands().to_vec();
    options
}

fn log_lines(severity: Severity, mut input: impl BufRead) {
    loop {
        let mut line = Vec::new();
        match std::io::Read::take(&mut input, LINE_LIMIT).read_until(b'\n', &mut line) {
            Ok(0) => return,
            Ok(_) => logging::record(severity, line.trim_end_with(|c| c == '\n')),
            Err(error) => {
                // Nothing more can be read; what was read has been logged.
                let _ = writeln!(std::io::stderr(), "postlog: fatal: read stdin: {}", sys::reason(&error));
                std::process::exit(1)
            }
        }
    }
}
