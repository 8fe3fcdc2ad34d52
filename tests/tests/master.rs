//! The process manager, and the commands that talk to it (master-ipc §2 to §7, §14, §15, checklist §16).

use std::fs::{self, Permissions};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;

use sys::signal::Signal;
use tests::{Builder, Instance, Output, USERS, require_instances, wait};

const USER: &str = USERS[0];

/// Services that every instance here has.
const LOG_SERVICE: &str = "postlog   unix-dgram n  -       n       -       1       postlogd\n";

/// Writes a status message in one piece; the shell's printf does not, when there is a newline among the bytes.
const WHOLE: &str = "dd bs=12 count=1 iflag=fullblock status=none";

/// A daemon that writes down how it was started, and then does what the rest of the script says.
fn probe(rest: &str) -> String {
    format!("#!/bin/bash\necho \"$*|$GENERATION|$(cd /proc/$$/fd && echo [3-9])\" >>{{dir}}/probe.log\n{rest}\n")
}

/// An instance whose master.cf has these lines, for the daemon `probe`.
fn probing(master_cf: &str, rest: &str) -> Instance {
    start(Instance::builder().master_cf(&format!("{master_cf}\n{LOG_SERVICE}")), rest)
}

fn start(builder: Builder, rest: &str) -> Instance {
    let instance = builder.file("libexec/probe", &probe(rest)).build();
    fs::set_permissions(instance.path("libexec/probe"), Permissions::from_mode(0o755)).expect("permissions");
    fs::set_permissions(instance.directory(), Permissions::from_mode(0o777)).expect("permissions");
    instance.start();
    instance
}

fn connect(instance: &Instance, socket: &str) -> UnixStream {
    UnixStream::connect(instance.path("q").join(socket)).expect("a connection")
}

fn probed(instance: &Instance, count: usize) -> Vec<String> {
    let find = || {
        let lines: Vec<_> = instance.read("probe.log").lines().map(str::to_owned).collect();
        (lines.len() >= count).then_some(lines)
    };
    wait::until("the probe to be started", find, || instance.log())
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

fn signal(instance: &Instance, signal: Signal) {
    sys::signal::send(instance.master_pid().expect("a master"), signal).expect("a signal");
}

fn reload(instance: &Instance) {
    let before = instance.log_lines("reload -- version").len();
    signal(instance, Signal::SIGHUP);
    let more = || (instance.log_lines("reload -- version").len() > before).then_some(());
    wait::until("a reload", more, || instance.log());
}

fn pids_of(instance: &Instance, program: &str) -> Vec<i32> {
    let named = |command: &str| command.split(' ').next().is_some_and(|word| word.ends_with(program));
    instance.processes().into_iter().filter(|(_, command)| named(command)).map(|(pid, _)| pid).collect()
}

/// Checklist 1, 2 and 4.
#[test]
fn only_one_master_runs_and_its_lock_says_so() {
    require_instances!();
    let instance = Instance::builder().build();
    let test = || Output::of(instance.daemon("master").arg("-t"), b"").status;
    assert_eq!(test(), 0);
    assert!(!instance.path("q/pid/master.pid").exists());
    instance.start();
    assert_eq!(test(), 1);
    let pid = instance.master_pid().expect("a master");
    assert_eq!(instance.read("q/pid/master.pid"), format!("{pid:>32}\n"));
    let output = Output::of(instance.daemon("master").arg("-d"), b"");
    assert_eq!(output.status, 1);
    assert_eq!(instance.master_pid(), Some(pid));
    instance.stop();
    assert_eq!(test(), 0);
}

/// Checklist 3.
#[test]
fn a_data_directory_is_for_one_instance() {
    require_instances!();
    let first = Instance::builder().start();
    let data = first.path("data").display().to_string();
    let pid = first.master_pid().expect("a master");
    assert_eq!(first.read("data/master.lock"), format!("{pid:>32}\n"));
    let second = Instance::builder().set("data_directory", &data).build();
    let output = Output::of(second.daemon("master").args(["-w"]), b"");
    assert_eq!(output.status, 1);
}

/// Checklist 5.
#[test]
fn a_bad_master_cf_ends_the_start() {
    require_instances!();
    let instance = Instance::builder().master_cf("x nosuch n - n - - probe\n").build();
    assert_eq!(Output::of(instance.daemon("master").args(["-w"]), b"").status, 1);
}

/// Checklist 22, and other errors of master.cf. What master says then may be lost with its logging daemon.
#[test]
fn a_bad_master_cf_ends_a_running_system() {
    require_instances!();
    let cases = [
        "smtp inet - - n - - smtpd",
        "x nosuch n - n - - probe",
        "x unix n - n - -",
        "x unix yes - n - - probe",
        "x - n - n - - probe",
        "x unix n - n - - probe -o { a=b",
    ];
    std::thread::scope(|scope| {
        for text in cases {
            scope.spawn(move || {
                let instance = Instance::builder().master_cf(LOG_SERVICE).start();
                instance.wait_for_log(&["daemon started"]);
                instance.write("etc/master.cf", format!("{LOG_SERVICE}{text}\n"));
                signal(&instance, Signal::SIGHUP);
                wait::until("the end", || instance.processes().is_empty().then_some(()), || instance.log());
            });
        }
    });
}

#[test]
fn options_of_master_are_checked() {
    require_instances!();
    let instance = Instance::builder().build();
    for arguments in [&["-t", "-w"][..], &["-i"], &["-x"], &["operand"]] {
        let output = Output::of(instance.daemon("master").args(arguments), b"");
        assert_eq!(output.status, 1, "{arguments:?}");
    }
    assert!(!instance.path("q/pid/master.pid").exists());
}

/// Checklist 6 to 9.
#[test]
fn children_get_their_orders_as_arguments() {
    require_instances!();
    let port = free_port();
    let instance = probing(
        &format!(
            "one pass n - n - 5 probe\ntwo unix n n n - 0 probe -o {{ a = b c }} x\nprobe unix - - y - 1 probe\n\
             127.0.0.1:{port} inet n - n - 10 probe"
        ),
        "exec sleep 1000",
    );
    let mut connections = Vec::new();
    for (number, socket) in ["public/one", "public/two", "private/probe"].iter().enumerate() {
        connections.push(connect(&instance, socket));
        probed(&instance, number + 1);
    }
    let _stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    let lines = probed(&instance, 4);
    let arguments: Vec<_> = lines.iter().map(|line| line.split('|').next().unwrap_or_default()).collect();
    assert_eq!(
        arguments,
        [
            "-n one -t pass -u -o stress=",
            "-z -n two -t unix -o a = b c x",
            "-l -t unix -u -c",
            &format!("-n 127.0.0.1:{port} -t inet -u"),
        ]
    );
    let mut generations: Vec<_> = lines.iter().map(|line| line.split('|').nth(1).unwrap_or_default()).collect();
    assert!(generations.iter().all(|text| u32::from_str_radix(text, 8).is_ok()), "{generations:?}");
    generations.sort_unstable();
    generations.dedup();
    assert_eq!(generations.len(), 4);
    assert!(lines.iter().all(|line| line.contains("|3 4 5 6 ")), "{lines:?}");
}

/// Checklist 10 and 11.
#[test]
fn strange_status_messages_are_reported() {
    require_instances!();
    let word =
        r#"word() { printf "\\x%02x\\x%02x\\x%02x\\x%02x" $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) 0; }"#;
    let rest = format!(
        "{word}\nprintf hello >&5\nsleep 0.5\nprintf \"$(word $$)$(word 77777)$(word 1)\" | {WHOLE} >&5\nexec sleep 1000"
    );
    let instance = probing("p unix n - n - 1 probe", &rest);
    let _connection = connect(&instance, "public/p");
    instance.wait_for_log(&["warning: service p(public/p): child (pid ", "sent partial status update (5 bytes)"]);
    instance.wait_for_log(&["ignoring status update from child pid", "generation 77777"]);
}

/// Checklist 12.
#[test]
fn a_service_that_fails_at_once_is_throttled() {
    require_instances!();
    let instance = probing("p unix n - n - - probe", "exit 1");
    let path = instance.path("libexec/probe").display().to_string();
    let _connection = connect(&instance, "public/p");
    instance.wait_for_log(&["warning: process ", &path, "exit status 1"]);
    instance.wait_for_log(&[&format!("warning: {path}: bad command startup -- throttling")]);
    signal(&instance, Signal::SIGHUP);
    instance.wait_for_log(&["reload -- version"]);
    assert_eq!(probed(&instance, 1).len(), 1);
}

#[test]
fn a_program_that_is_not_there_is_told() {
    require_instances!();
    let instance = probing("p unix n - n - - nothing-like-that", "exit 1");
    let path = instance.path("libexec/nothing-like-that").display().to_string();
    let _connection = connect(&instance, "public/p");
    instance.wait_for_log(&[&format!("fatal: master_spawn: exec {path}: No such file or directory")]);
    instance.wait_for_log(&[&format!("warning: {path}: bad command startup -- throttling")]);
}

/// Checklist 13.
#[test]
fn a_failure_after_work_does_not_throttle() {
    require_instances!();
    let word =
        r#"word() { printf "\\x%02x\\x%02x\\x%02x\\x%02x" $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) 0; }"#;
    let say = |state: u8| {
        format!("printf \"$(word $$)$(word $((8#$GENERATION)))$(word {state})\" | {WHOLE} >&5\nsleep 0.1\n")
    };
    let rest = format!("{word}\n{}{}exit 1", say(0), say(1));
    let instance = probing("p unix n - n - - probe", &rest);
    let _connection = connect(&instance, "public/p");
    probed(&instance, 3);
    instance.wait_for_log(&["exit status 1"]);
    assert!(instance.log_lines("throttling").is_empty(), "{}", instance.log());
}

/// Checklist 14: a child that says nothing counts as idle, and gets no company.
#[test]
fn a_new_child_counts_as_idle() {
    require_instances!();
    let instance = probing("p unix n - n - 5 probe", "exec sleep 1000");
    let _connections = [connect(&instance, "public/p"), connect(&instance, "public/p")];
    probed(&instance, 1);
    reload(&instance);
    assert_eq!(probed(&instance, 1).len(), 1);
}

/// Checklist 17.
#[test]
fn idle_children_end_when_master_dies() {
    require_instances!();
    let instance = Instance::builder().start();
    instance.send(&[USER], "Subject: x\n\nhi\n");
    instance.wait_for_mail(USER, 1);
    instance.wait_for_empty_queue();
    assert!(!pids_of(&instance, "qmgr").is_empty());
    signal(&instance, Signal::SIGKILL);
    wait::until("the end", || instance.processes().is_empty().then_some(()), || format!("{:?}", instance.processes()));
}

/// Checklist 18.
#[test]
fn a_reload_replaces_processes_and_keeps_sockets() {
    require_instances!();
    let instance = Instance::builder().start();
    let inode = || instance.path("q/public/qmgr").metadata().expect("a socket").ino();
    let pids = || pids_of(&instance, "pickup");
    // A pickup that is about to start may miss the signal, so it has to show that it works.
    instance.send(&[USER], "Subject: x\n\nhi\n");
    instance.wait_for_mail(USER, 1);
    let old = wait::until("pickup", || pids().first().copied(), || instance.log());
    let before = inode();
    reload(&instance);
    let replaced = || pids().first().copied().filter(|pid| *pid != old && pids().len() == 1);
    wait::until("another pickup", replaced, || instance.log());
    assert_eq!(inode(), before);
    instance.send(&[USER], "Subject: x\n\nhi\n");
    instance.wait_for_mail(USER, 2);
}

/// Checklist 19.
#[test]
fn a_removed_service_ends() {
    require_instances!();
    let instance = probing("p unix n - n - - probe\nq unix n - n - - probe", "exec sleep 1000");
    let _connection = connect(&instance, "public/p");
    probed(&instance, 1);
    let pids = || pids_of(&instance, "sleep");
    wait::until("the probe", || (pids().len() == 1).then_some(()), || instance.log());
    instance.write("etc/master.cf", format!("q unix n - n - - probe\n{LOG_SERVICE}"));
    reload(&instance);
    wait::until("the end of the probe", || pids().is_empty().then_some(()), || instance.log());
    let refused = || UnixStream::connect(instance.path("q/public/p")).err();
    wait::until("a refusal", refused, || instance.log());
    assert!(instance.log_lines("killed by signal").is_empty(), "{}", instance.log());
}

/// Checklist 21.
#[test]
fn some_changes_need_a_restart() {
    require_instances!();
    let port = free_port();
    let instance = probing(&format!("{port} inet n - n - - probe"), "exec sleep 1000");
    let main_cf =
        instance.read("etc/main.cf").replace("inet_interfaces = 127.0.0.1\n", "inet_interfaces = localhost\n");
    instance.write("etc/main.cf", main_cf.replace("inet_protocols = ipv4\n", "inet_protocols = all\n"));
    instance.wait_for_log(&["daemon started"]);
    signal(&instance, Signal::SIGHUP);
    let texts = [
        "warning: ignoring inet_protocols parameter value change".to_owned(),
        "warning: old value: \"ipv4\", new value: \"all\"".to_owned(),
        "warning: to change inet_protocols, stop and start Postfix".to_owned(),
        format!("warning: service {port}: ignoring inet_interfaces change"),
        "warning: to change inet_interfaces, stop and start Postfix".to_owned(),
    ];
    for text in texts {
        instance.wait_for_log(&[&text]);
    }
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
}

/// Checklist 23, and config checklist 52.
#[test]
fn the_default_of_chroot_depends_on_the_compatibility_level() {
    require_instances!();
    let builder = Instance::builder()
        .set("compatibility_level", "0")
        .master_cf(&format!("p unix n - - - - probe\nq unix n - n - - probe\n{LOG_SERVICE}"));
    let instance = start(builder, "exec sleep 1000");
    let _connection = connect(&instance, "public/p");
    assert!(probed(&instance, 1)[0].starts_with("-n p -t unix -u -c|"));
    reload(&instance);
    let notice = instance.wait_for_log(&["using backwards-compatible default setting chroot=y"]);
    assert!(notice.contains("/etc/master.cf: line 1: "));
}

/// Checklist 25.
#[test]
fn the_last_of_two_equal_services_counts() {
    require_instances!();
    let instance = probing("p unix n - n - - probe first\np unix n - n - - probe last", "exec sleep 1000");
    let text = "warning: duplicate master.cf entry for service \"p\" (public/p) -- using the last entry";
    let _connection = connect(&instance, "public/p");
    assert!(probed(&instance, 1)[0].starts_with("-n p -t unix -u last|"));
    reload(&instance);
    instance.wait_for_log(&[text]);
}

/// Checklist 26.
#[test]
fn services_can_be_disabled() {
    require_instances!();
    let services = "p unix n - n - - probe\nq unix n - n - - probe\nr fifo n - n - - probe\n";
    for (patterns, expected) in [("P/unix, fifo", ["q"].as_slice()), ("!p/unix, unix", &["p", "r"])] {
        let builder =
            Instance::builder().set("master_service_disable", patterns).master_cf(&format!("{services}{LOG_SERVICE}"));
        let instance = start(builder, "exec sleep 1000");
        let mut found: Vec<_> =
            instance.queue("public").iter().filter_map(|path| path.file_name()?.to_str().map(str::to_owned)).collect();
        found.retain(|name| name != "postlog");
        assert_eq!(found, expected, "{patterns}");
    }
}

/// Checklist 27.
#[test]
fn processes_share_a_lock_unless_there_is_only_one() {
    require_instances!();
    let instance = Instance::builder().start();
    instance.send(&[USER], "Subject: x\n\nhi\n");
    instance.wait_for_mail(USER, 1);
    let path = instance.path("q/pid/unix.local");
    let mode = wait::until("a lock file", || path.metadata().ok(), || instance.log()).mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!instance.path("q/pid/unix.qmgr").exists());
}

/// Checklist 28.
#[test]
fn some_daemons_insist_on_their_place() {
    require_instances!();
    let cases = [
        ("qmgr unix n - n 300 2 qmgr", "postfix/qmgr[", "fatal: service qmgr requires a process limit of 1"),
        ("cleanup unix n - n - - cleanup", "postfix/cleanup[", "fatal: service cleanup requires a process limit of 0"),
        ("local unix - - n - - local", "postfix/local[", "fatal: service local requires privileged operation"),
    ];
    for (line, tag, text) in cases {
        let instance = Instance::builder().service(line).start();
        instance.run_with("sendmail", &[USER], "Subject: x\n\nhi\n");
        instance.wait_for_log(&[tag, text]);
    }
}

/// Checklist 29.
#[test]
fn daemons_are_not_run_by_hand() {
    require_instances!();
    let instance = Instance::builder().build();
    for name in ["cleanup", "qmgr", "local"] {
        let output = Output::of(&mut instance.daemon(name), b"");
        assert_ne!(output.status, 0, "{name}");
    }
}

/// Checklist 30.
#[test]
fn daemons_retire_after_their_time() {
    require_instances!();
    let instance = Instance::builder().set("max_idle", "1s").start();
    instance.send(&[USER], "Subject: x\n\nhi\n");
    instance.wait_for_mail(USER, 1);
    wait::until("no local", || pids_of(&instance, "local").is_empty().then_some(()), || instance.log());
    assert!(instance.log_lines("exit status").is_empty());
}

/// Checklist 47.
#[test]
fn the_log_file_must_be_in_an_expected_place() {
    require_instances!();
    let instance = Instance::builder().set("maillog_file_prefixes", "/var").build();
    let output = instance.run("postlog", &["x"]);
    assert_eq!(output.status, 1);
    let master = Output::of(instance.daemon("master").args(["-w"]), b"");
    assert_eq!(master.status, 1);
}

/// Checklist 48.
#[test]
fn the_log_file_is_private() {
    require_instances!();
    let instance = Instance::builder().start();
    let path = instance.path("log/mail.log");
    instance.wait_for_log(&["daemon started"]);
    // master wrote the first line itself, or its daemon did: both have the same rights.
    assert_eq!(path.metadata().expect("a log").mode() & 0o777, 0o600);
}

/// Checklist 51.
#[test]
fn a_locked_folder_cannot_be_locked_again() {
    require_instances!();
    let instance = Instance::builder().set("deliver_lock_attempts", "1").build();
    let folder = instance.path("folder").display().to_string();
    let output = instance.run("postlock", &[&folder, "/bin/sh", "-c", "exit 5"]);
    assert_eq!(output.status, 5, "{output:?}");
    let file = fs::File::options().append(true).open(&folder).expect("the folder");
    let (exclusive, lock) = (instance.path("folder.lock"), "");
    fs::write(exclusive, lock).expect("a lock file");
    let output = instance.run("postlock", &[&folder, "/bin/true"]);
    assert_eq!(output.status, 75, "{output:?}");
    drop(file);
}

/// Checklist 52, and config checklist 50.
#[test]
fn postlog_writes_what_scripts_say() {
    require_instances!();
    let instance = Instance::builder().start();
    instance.run("postlog", &["-p", "warn", "-t", "x/y", "hello", "you"]).success();
    instance.wait_for_log(&[" x/y[", "]: warning: hello you"]);
    instance.run_with("postlog", &["-i"], "one\ntwo\n").success();
    instance.wait_for_log(&[" postfix/postlog[", "]: one"]);
    instance.wait_for_log(&[" postfix/postlog[", "]: two"]);
    let output = instance.run("postlog", &["-p", "foo", "x"]);
    assert_eq!(output.status, 1);
}

/// Checklist 53.
#[test]
fn postkick_wakes_a_service() {
    require_instances!();
    let instance = Instance::builder().build();
    let output = instance.run("postkick", &["public", "qmgr", "A"]);
    assert_eq!(output.status, 1);
    let text = "warning: Cannot contact class public service qmgr - perhaps the mail system is down";
    assert!(output.stderr.contains(text), "{output:?}");
    instance.start();
    let status = instance.run("postkick", &["public", "qmgr", "A"]).status;
    // The genuine one may die of SIGPIPE when the server is quick.
    assert!(matches!(status, 0 | 141), "{status}");
}

#[test]
fn a_stop_takes_all_processes_along() {
    require_instances!();
    let instance = Instance::builder().start();
    instance.wait_for_log(&["daemon started"]);
    signal(&instance, Signal::SIGTERM);
    let gone = || instance.processes().is_empty().then_some(());
    wait::until("the end of all", gone, || format!("{:?}", instance.processes()));
}
