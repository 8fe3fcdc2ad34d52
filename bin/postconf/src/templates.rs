//! Bounce templates, which the bounce daemon knows (config §8.10).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use bstr::ByteSlice;
use config::{Config, params};
use logging::fatal;
use text::show;

use crate::options::{Mode, Options};
use crate::or_fatal::OrFatal;

/// Becomes the bounce daemon, which shows its templates.
pub fn show_templates(options: &Options) {
    if options.operands.len() > 1 {
        fatal!("options -b and -t require at most one template file");
    }
    let config = Config::load("postconf", &options.overrides()).or_fatal();
    let os = |text: &[u8]| OsStr::from_bytes(text).to_owned();
    let program = [config.get(params::DAEMON_DIRECTORY).as_bytes(), b"/bounce"].concat();
    let mut command = Command::new(os(&program));
    command.arg(if options.mode == Mode::Templates { "-SVnexpand_templates" } else { "-SVndump_templates" });
    if let Some(file) = options.operands.first() {
        command.arg("-o").arg(os(&[b"bounce_template_file=", file.as_slice()].concat()));
    }
    let error = command.args(["-o", "queue_directory=."]).exec();
    fatal!("execute {}: {}", show(&program), sys::reason(&error));
}
