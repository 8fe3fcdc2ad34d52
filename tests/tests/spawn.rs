//! Commands that talk to a client over the connection (delivery-agents §5, checklist §8 item 51).

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use tests::subject::Subject;
use tests::{Builder, Instance, require_instances, wait};

fn instance(attributes: &str, script: &str) -> Builder {
    Instance::builder().service(&format!("run unix n n n - 0 spawn {attributes}")).file("run", script)
}

fn start(builder: Builder) -> Instance {
    let instance = builder.build();
    fs::set_permissions(instance.path("run"), Permissions::from_mode(0o755)).expect("permissions");
    instance.start();
    instance
}

fn connect(instance: &Instance) -> UnixStream {
    let path = instance.path("q/public/run");
    wait::until("the service listens", || path.exists().then_some(()), || instance.log());
    UnixStream::connect(path).expect("a connection")
}

/// Says something, and hears all that the command says.
fn talk(instance: &Instance, text: &str) -> String {
    let mut stream = connect(instance);
    stream.write_all(text.as_bytes()).expect("the command reads");
    stream.shutdown(std::net::Shutdown::Write).expect("half a close");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn the_command_has_the_connection_for_input_output_and_errors() {
    require_instances!();
    let script = "#!/bin/sh\nread word; echo \"<$word>\"; echo err >&2\n";
    let instance = start(instance("user=nobody argv={dir}/run", script));
    for _ in 0..3 {
        assert_eq!(talk(&instance, "hello\n"), "<hello>\nerr\n");
    }
}

#[test]
fn the_command_has_little_else() {
    require_instances!();
    let script = "#!/bin/sh\nid -un; id -Gn; pwd; echo $#:$1; ls /proc/self/fd | tr '\\n' ' '; echo\n\
                  env | sed 's/=.*//' | sort\n";
    let words = "user=nobody:mail argv={dir}/run $$x";
    let instance = start(instance(words, script).set("export_environment", "MAIL_CONFIG FOO=bar LD_LIBRARY_PATH"));
    let answer = talk(&instance, "");
    let lines: Vec<&str> = answer.lines().collect();
    assert_eq!(lines[..4], ["nobody", "mail", &instance.path("q").display().to_string(), "1:$$x"]);
    // The fourth is the directory that ls reads.
    assert_eq!(lines[4].trim(), "0 1 2 3");
    // The shell's own, and what the control's programs need.
    let own = ["PWD", "SHLVL", "_", "OLDPWD", "LD_LIBRARY_PATH"];
    let given: Vec<&&str> = lines[5..].iter().filter(|name| !own.contains(name)).collect();
    assert_eq!(given, [&"FOO", &"MAIL_CONFIG", &"PATH"]);
}

#[test]
fn a_bad_end_is_logged() {
    require_instances!();
    let script = "#!/bin/sh\nread word; case $word in kill) kill -9 $$;; *) exit 3;; esac\n";
    let instance = start(instance("user=nobody argv={dir}/run", script));
    let name = instance.path("run").display().to_string();
    talk(&instance, "exit\n");
    instance.wait_for_log(&["postfix/spawn[", &format!("warning: command {name} exit status 3")]);
    talk(&instance, "kill\n");
    instance.wait_for_log(&["postfix/spawn[", &format!("warning: command {name} killed by signal 9")]);
}

#[test]
fn a_command_that_is_not_there_is_logged() {
    require_instances!();
    let instance = start(instance("user=nobody argv={dir}/missing", ""));
    let name = instance.path("missing").display().to_string();
    let _ = connect(&instance).read(&mut [0]);
    instance.wait_for_log(&[&format!("fatal: spawn_comand: execvp {name}: No such file or directory")]);
    instance.wait_for_log(&[&format!("warning: command {name} exit status 1")]);
}

#[test]
fn a_slow_command_is_killed_with_its_children() {
    require_instances!();
    // Postfix 3.7 kills with the mail owner's rights, which are not enough, and waits on; 3.12 has mended that.
    let kills = !Subject::from_environment().is_genuine("spawn");
    let script = format!("#!/bin/sh\nsleep {} & echo $!; wait\n", if kills { 1000 } else { 3 });
    let instance = start(instance("user=nobody argv={dir}/run", &script).set("run_time_limit", "1"));
    let mut answer = String::new();
    connect(&instance).read_to_string(&mut answer).expect("the end of the connection");
    let name = instance.path("run").display().to_string();
    instance.wait_for_log(&[&format!("warning: {name}: process id "), ": command time limit exceeded"]);
    if kills {
        instance.wait_for_log(&[&format!("warning: command {name} killed by signal 9")]);
    }
    assert!(answer.trim().parse::<u32>().is_ok(), "{answer}");
}

#[test]
fn bad_attributes_are_fatal() {
    require_instances!();
    let cases = [
        ("user=root argv=/bin/true", "request to deliver as root"),
        ("user=postfix argv=/bin/true", "request to deliver as mail system owner"),
        ("user=nobody:root argv=/bin/true", "request to use privileged group id 0"),
        ("user=nobody:postfix argv=/bin/true", "request to use mail system owner group id "),
        ("user=no-such argv=/bin/true", "unknown user name: no-such"),
        ("user=nobody:no-such argv=/bin/true", "unknown group name: no-such"),
        ("flags=R user=nobody argv=/bin/true", "unknown attribute name: flags=R"),
        ("argv=/bin/true", "missing user= attribute"),
        ("user=nobody", "missing argv= attribute"),
    ];
    let mut builder = Instance::builder();
    for (index, (attributes, _)) in cases.iter().enumerate() {
        builder = builder.service(&format!("s{index} unix n n n - 0 spawn {attributes}"));
    }
    let instance = builder.start();
    for (index, (_, text)) in cases.iter().enumerate() {
        let path = instance.path(&format!("q/public/s{index}"));
        wait::until("the service listens", || path.exists().then_some(()), || instance.log());
        let _stream = UnixStream::connect(path).expect("a connection");
        instance.wait_for_log(&["postfix/spawn[", "fatal: ", text]);
    }
}
