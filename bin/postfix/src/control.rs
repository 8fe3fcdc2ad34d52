//! Starting and stopping (master-ipc §15.2).

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus, exit};
use std::thread::sleep;
use std::time::Duration;

use config::{Config, params};
use logging::fatal;
use sys::signal::Signal;

use crate::check;
use crate::paths::Paths;

/// A file in the queue directory that makes the next start skip its checks.
const QUICK_START: &str = "quick-start";
/// How often a stop looks whether master is gone, once a second.
const STOP_ATTEMPTS: u32 = 5;

pub fn start(paths: &Paths) {
    prepare_start(paths);
    log::info!("starting the Postfix mail system");
    if !run(Command::new(paths.master()).arg("-w")).success() {
        fatal!("mail system startup failed");
    }
}

pub fn start_in_foreground(config: &Config, paths: &Paths) -> ! {
    if !config.get(params::MULTI_INSTANCE_DIRECTORIES).is_empty() {
        fatal!("start-fg does not support multi_instance_directories");
    }
    prepare_start(paths);
    log::info!("starting the Postfix mail system");
    let option = if std::process::id() == 1 { "-i" } else { "-s" };
    let error = Command::new(paths.master()).arg(option).exec();
    fatal!("cannot start-fg the master daemon: {}", sys::reason(&error));
}

fn prepare_start(paths: &Paths) {
    if is_running(paths) {
        fatal!("the Postfix mail system is already running");
    }
    if Path::new(QUICK_START).exists() {
        if let Err(error) = fs::remove_file(QUICK_START) {
            log::warn!("remove {QUICK_START}: {}", sys::reason(&error));
        }
        return;
    }
    if let Err(problem) = check::check_fatal(paths) {
        logging::record(logging::Severity::Fatal, problem.as_bytes());
        fatal!("Postfix integrity check failed!");
    }
    check::check_warn(paths);
}

pub fn stop(paths: &Paths) {
    let pid = running_master(paths);
    log::info!("stopping the Postfix mail system");
    signal(pid, Signal::SIGTERM);
    for _ in 0..STOP_ATTEMPTS {
        if !is_running(paths) {
            return;
        }
        log::info!("waiting for the Postfix mail system to terminate");
        sleep(Duration::from_secs(1));
    }
    if is_running(paths) {
        log::warn!("stopping the Postfix mail system with force");
        // The group may be gone by now.
        let _ = sys::signal::send_group(pid, Signal::SIGKILL);
    }
}

pub fn quick_stop(paths: &Paths) {
    stop(paths);
    if let Err(error) = fs::write(QUICK_START, "") {
        fatal!("{QUICK_START}: {}", sys::reason(&error));
    }
}

pub fn drain(paths: &Paths) {
    let pid = running_master(paths);
    log::info!("stopping the Postfix mail system");
    signal(pid, Signal::SIGKILL);
}

pub fn abort(paths: &Paths) {
    let pid = running_master(paths);
    log::info!("aborting the Postfix mail system");
    signal(pid, Signal::SIGTERM);
}

pub fn reload(paths: &Paths) {
    let pid = running_master(paths);
    log::info!("refreshing the Postfix mail system");
    run(Command::new(paths.command("postsuper")).arg("active"));
    signal(pid, Signal::SIGHUP);
    // The rest of the queue is looked after while mail flows again.
    if let Err(error) = Command::new(paths.command("postsuper")).spawn() {
        log::warn!("postsuper: {}", sys::reason(&error));
    }
}

pub fn flush(paths: &Paths) -> ! {
    let error = Command::new(paths.command("postqueue")).arg("-f").exec();
    fatal!("postqueue: {}", sys::reason(&error));
}

/// Becomes another program, in this environment.
pub fn run_program(program: &[u8], arguments: &[&[u8]]) -> ! {
    let arguments = arguments.iter().map(|word| OsStr::from_bytes(word));
    let error = Command::new(OsStr::from_bytes(program)).args(arguments).exec();
    fatal!("{}: {}", text::show(program), sys::reason(&error));
}

pub fn status(paths: &Paths) {
    if is_running(paths) {
        log::info!("the Postfix mail system is running: PID: {}", master_pid().unwrap_or_default());
    } else {
        log::info!("the Postfix mail system is not running");
        exit(1);
    }
}

/// Whether a master runs here. master itself knows: its lock says so.
pub fn is_running(paths: &Paths) -> bool {
    !run(Command::new(paths.master()).arg("-t")).success()
}

fn running_master(paths: &Paths) -> i32 {
    match master_pid().filter(|_| is_running(paths)) {
        Some(pid) => pid,
        None => fatal!("the Postfix mail system is not running"),
    }
}

pub fn master_pid() -> Option<i32> {
    fs::read_to_string("pid/master.pid").ok()?.trim().parse().ok().filter(|pid| *pid > 1)
}

fn signal(pid: i32, signal: Signal) {
    if let Err(error) = sys::signal::send(pid, signal) {
        fatal!("kill {pid}: {}", sys::reason(&error));
    }
}

pub fn run(command: &mut Command) -> ExitStatus {
    let program = command.get_program().display().to_string();
    command.status().unwrap_or_else(|error| fatal!("{program}: {}", sys::reason(&error)))
}
