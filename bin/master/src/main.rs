//! Starts the daemons of master.cf on demand, and looks after them (master-ipc §2-7).
//!
//! master makes the sockets that clients connect to, and watches those of services that have no idle process. When one has
//! a client, it forks a daemon, which accepts; master itself never reads what clients send. Daemons tell it over a status channel
//! when they are busy. It keeps root's rights, so it does little: no parser of outside bytes runs here but those of main.cf, master.cf, and the
//! 12-byte status messages.
#![forbid(unsafe_code)]

mod disable;
mod listen;
mod lock_file;
mod master;
mod monitor;
mod options;
mod reap;
mod reload;
mod service;
mod spawn;
mod start;
mod status;
mod stress;
mod wakeup;

fn main() {
    let options = start::read_command_line();
    if options.test {
        lock_file::test_and_exit();
    }
    let monitor = options.wait.then(monitor::fork_master);
    start::detach(&options);
    let mut master = start::start(&options);
    if let Some(monitor) = monitor {
        monitor.report_success();
    }
    master.run(options.exit_time)
}
