//! `-D` and `MAIL_DEBUG`: a debugger that looks at this process (master-ipc §8.2).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use config::{Config, params};

/// How long the debugger has to attach.
const PAUSE: Duration = Duration::from_secs(5);

/// Runs `debugger_command` through the shell, in the background, and gives it a moment.
///
/// # Errors
/// The text of the fatal error: there is no command, or no shell.
pub fn run_debugger(config: &Config) -> Result<(), String> {
    let command = config.get(params::DEBUGGER_COMMAND);
    if command.is_empty() {
        return Err("no debugger_command variable set up".into());
    }
    log::info!("running: {}", text::show(command));
    Command::new("/bin/sh")
        .arg("-c")
        .arg(OsStr::from_bytes(command))
        .stdin(Stdio::null())
        .spawn()
        .map_err(|error| format!("/bin/sh: {}", sys::reason(&error)))?;
    sleep(PAUSE);
    Ok(())
}
