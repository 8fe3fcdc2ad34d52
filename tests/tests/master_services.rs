//! Services as master runs them, and `postfix` (master-ipc §4, §7, §15, checklist §16 items 15 to 24, 46, 49, 50).

use std::fs::{self, Permissions};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;

use sys::signal::Signal;
use tests::{Builder, Instance, require_instances, wait};

/// Services that every instance here has.
const LOG_SERVICE: &str = "postlog   unix-dgram n  -       n       -       1       postlogd\n";

/// An instance with a daemon `probe` that writes down its arguments, says that it is busy, and stays.
fn probing(builder: Builder) -> Instance {
    let word =
        r#"word() { printf "\\x%02x\\x%02x\\x%02x\\x%02x" $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) 0; }"#;
    // In one piece, whatever bytes it has.
    let busy =
        "printf \"$(word $$)$(word $((8#$GENERATION)))$(word 0)\" | dd bs=12 count=1 iflag=fullblock status=none >&5";
    let script = format!("#!/bin/bash\necho \"$$ $*\" >>{{dir}}/probe.log\n{word}\n{busy}\nexec sleep 1000\n");
    let instance = builder.file("libexec/probe", &script).build();
    fs::set_permissions(instance.path("libexec/probe"), Permissions::from_mode(0o755)).expect("permissions");
    fs::set_permissions(instance.directory(), Permissions::from_mode(0o777)).expect("permissions");
    instance.start();
    instance
}

/// The arguments of at least so many probes, in order of their start; the process ID comes first.
fn probed(instance: &Instance, count: usize) -> Vec<String> {
    let find = || {
        let lines: Vec<_> = fs::read_to_string(instance.path("probe.log")).ok()?.lines().map(str::to_owned).collect();
        (lines.len() >= count).then_some(lines)
    };
    wait::until("probes", find, || instance.log())
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}

/// Checklist 15.
#[test]
fn a_service_at_its_limit_is_under_stress() {
    require_instances!();
    let port = free_port();
    let services = format!("{port} inet n - n - 2 probe\n{LOG_SERVICE}");
    let instance = probing(Instance::builder().set("inet_interfaces", "all").master_cf(&services));
    let connect = || TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    let _first = connect();
    let lines = probed(&instance, 1);
    assert!(lines[0].contains(" -o stress="), "{lines:?}");
    let _second = connect();
    let full = format!(
        "warning: service \"{port}\" ({port}) has reached its process limit \"2\": new clients may experience noticeable delays"
    );
    instance.wait_for_log(&[&full]);
    instance.wait_for_log(&["warning: to avoid this condition, increase the process count in master.cf or reduce the service time per client"]);
    instance.wait_for_log(&["STRESS_README.html for examples of stress-adapting configuration settings"]);
    let known = probed(&instance, 2);
    // A process that is gone makes room for another.
    let pid = known[1].split(' ').next().and_then(|pid| pid.parse().ok()).expect("a process ID");
    sys::signal::send(pid, Signal::SIGKILL).expect("a signal");
    let stressed = || probed(&instance, known.len()).iter().any(|line| line.contains(" -o stress=yes")).then_some(());
    wait::until("a process under stress", stressed, || instance.log() + &probed(&instance, 1).join("\n"));
    assert_eq!(instance.log_lines("has reached its process limit").len(), 1, "{}", instance.log());
}

/// Checklist 16: a service with a question mark behind its wakeup time sleeps until it is first used.
#[test]
fn services_are_woken_unless_they_were_never_used() {
    require_instances!();
    let services = format!("p unix n - n 1000 - probe\nq unix n - n 1000? - probe\n{LOG_SERVICE}");
    let instance = probing(Instance::builder().master_cf(&services));
    probed(&instance, 1);
    let before = instance.log_lines("reload -- version").len();
    sys::signal::send(instance.master_pid().expect("a master"), Signal::SIGHUP).expect("a signal");
    let reloaded = || (instance.log_lines("reload -- version").len() > before).then_some(());
    wait::until("a reload", reloaded, || instance.log());
    let lines = probed(&instance, 1);
    assert!(lines.iter().all(|line| line.contains("-n p ")), "{lines:?}");
}

/// Checklist 24.
#[test]
fn braces_keep_an_argument_together() {
    require_instances!();
    let services = format!("p unix n - n 1000 - probe -o {{ a = b c }} -o {{x=y}} {{ z }}\n{LOG_SERVICE}");
    let instance = probing(Instance::builder().master_cf(&services));
    let lines = probed(&instance, 1);
    assert!(lines[0].contains("-o a = b c -o x=y z"), "{lines:?}");
}

/// Checklist 49 and 50.
#[test]
fn postfix_says_what_it_cannot_do() {
    require_instances!();
    let instance = Instance::builder().build();
    let status = instance.run("postfix", &["status"]);
    assert_eq!(status.status, 1);
    assert!(
        status.stderr.contains("the Postfix mail system is not running") || instance.log().contains("is not running")
    );
    let unknown = instance.run("postfix", &["foo"]);
    assert_eq!(unknown.status, 1);
    let said = unknown.stderr + &instance.log();
    assert!(said.contains("unknown command: 'foo'. Usage: postfix start (or stop, reload, abort, flush, check, status, set-permissions"), "{said}");
}
