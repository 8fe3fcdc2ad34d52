//! The command line (master-ipc §2.1).

use std::time::Duration;

use bstr::{BString, ByteSlice};
use text::getopt::Getopt;

/// What the command line says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    pub config_directory: Option<BString>,
    pub debugger: bool,
    pub stay: bool,
    pub exit_time: Option<Duration>,
    pub init: bool,
    pub keep_stdout: bool,
    pub test: bool,
    pub verbosity: u32,
    pub wait: bool,
}

/// What is wrong with a command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    Usage,
    InitNotFirst,
    TestAndWait,
    InitWithOthers,
}

impl Wrong {
    pub fn text(self, program: &str) -> String {
        match self {
            Self::Usage => format!(
                "usage: {program} [-c config_dir] [-D (debug)] [-d (don't detach from terminal)] [-e exit_time] \
                 [-t (test)] [-v] [-w (wait for initialization)]"
            ),
            Self::InitNotFirst => "-i is allowed only for PID 1 process".into(),
            Self::TestAndWait => "the -t and -w options cannot be used together".into(),
            Self::InitWithOthers => "the -i option cannot be used with -D, -d, or -w".into(),
        }
    }
}

impl Options {
    pub fn parse(words: &[BString], pid: u32) -> Result<Self, Wrong> {
        let mut options = Self::default();
        let mut parser = Getopt::new(words, "c:Dde:istvw");
        for option in parser.by_ref() {
            let option = option.map_err(|_| Wrong::Usage)?;
            match option.letter {
                b'c' => options.config_directory = Some(option.value.into()),
                b'D' => options.debugger = true,
                b'd' => options.stay = true,
                b'e' => options.exit_time = Some(seconds(option.value)?),
                b'i' if pid == 1 => options.init = true,
                b'i' => return Err(Wrong::InitNotFirst),
                b's' => options.keep_stdout = true,
                b't' => options.test = true,
                b'v' => options.verbosity += 1,
                b'w' => options.wait = true,
                _ => return Err(Wrong::Usage),
            }
        }
        match () {
            () if !parser.operands().is_empty() => Err(Wrong::Usage),
            () if options.test && options.wait => Err(Wrong::TestAndWait),
            () if options.init && (options.debugger || options.stay || options.wait) => Err(Wrong::InitWithOthers),
            () => Ok(options),
        }
    }
}

fn seconds(text: &[u8]) -> Result<Duration, Wrong> {
    text.to_str().ok().and_then(|text| text.parse().ok()).map(Duration::from_secs).ok_or(Wrong::Usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Options, Wrong> {
        Options::parse(&words.iter().map(|word| BString::from(*word)).collect::<Vec<_>>(), 99)
    }

    #[test]
    fn options_and_conflicts() {
        let options = parse(&["-c", "/etc/postfix", "-dvv", "-e", "5"]).unwrap();
        assert_eq!((options.stay, options.verbosity, options.exit_time), (true, 2, Some(Duration::from_secs(5))));
        assert_eq!(parse(&["-tw"]), Err(Wrong::TestAndWait));
        assert_eq!(parse(&["-i"]), Err(Wrong::InitNotFirst));
        assert_eq!(parse(&["x"]), Err(Wrong::Usage));
        assert_eq!(parse(&["-x"]), Err(Wrong::Usage));
    }
}
