//! Delivery to commands of master.cf (delivery-agents §4, checklist §8 items 45 to 50).

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use tests::{Builder, Instance, require_instances, wait};

/// Writes its arguments, one a line in brackets, and its input.
const DUMP: &str = "#!/bin/sh\nfor word; do echo \"[$word]\"; done >{dir}/out/args\ncat >{dir}/out/message.new\n\
                    mv {dir}/out/message.new {dir}/out/message\n";

/// All mail for x.test goes to the service `foo`.
fn instance(attributes: &str, script: &str) -> Builder {
    Instance::builder()
        .set("transport_maps", "inline:{ x.test=foo:NextHop }")
        .set("recipient_delimiter", "+")
        .service(&format!("foo unix - n n - 1 pipe {attributes}"))
        .file("run", script)
        .file("out/keep", "")
}

fn start(builder: Builder) -> Instance {
    let instance = builder.build();
    fs::set_permissions(instance.path("run"), Permissions::from_mode(0o755)).expect("permissions");
    fs::set_permissions(instance.path("out"), Permissions::from_mode(0o777)).expect("permissions");
    instance.start();
    instance
}

/// Waits for the outcome of a delivery.
fn status(instance: &Instance, texts: &[&str]) -> String {
    let mut all = vec!["postfix/pipe[", "relay=foo"];
    all.extend(texts);
    instance.wait_for_log(&all)
}

fn message(instance: &Instance) -> String {
    wait::until("the command has its input", || instance.path("out/message").exists().then_some(()), || instance.log());
    instance.read("out/message")
}

fn arguments(instance: &Instance) -> Vec<String> {
    message(instance);
    instance.read("out/args").lines().map(|line| line.trim_matches(['[', ']']).to_owned()).collect()
}

/// Checklist 46, and the worked example of §7.
#[test]
fn arguments_are_repeated_for_each_recipient() {
    require_instances!();
    let words = "flags=q user=nobody argv={dir}/run -f ${sender} -- ${user}@x ${recipient} $$x $(size) ${nexthop} ${client_helo}";
    let instance = start(instance(words, DUMP));
    instance.send(&["-f", "", "\"a b\"@x.test", "c+d@x.test"], "Subject: x\n\nhi\n");
    status(&instance, &["to=<c+d@x.test>", "dsn=2.0.0, status=sent (delivered via foo service)"]);
    let found = arguments(&instance);
    assert_eq!(found[..7], ["-f", "MAILER-DAEMON", "--", "a b@x", "c@x", "\"a b\"@x.test", "c+d@x.test"]);
    assert_eq!((found[7].as_str(), found[9].as_str(), found[10].as_str()), ("$x", "NextHop", ""));
    assert!(found[8].parse::<u32>().is_ok_and(|size| size > 0), "{found:?}");
}

#[test]
fn flags_h_and_u_fold_case() {
    require_instances!();
    let words = "flags=hu user=nobody argv={dir}/run ${recipient} ${original_recipient} ${user} ${extension} ${mailbox} \
                 ${domain} ${nexthop} ${sender}";
    let instance = start(instance(words, DUMP));
    instance.send(&["-f", "Joe@Local.Example", "Us+Ex@X.Test"], "\nhi\n");
    let expected = ["us+ex@x.test", "us+ex@x.test", "us", "ex", "us+ex", "x.test", "nexthop", "Joe@Local.Example"];
    assert_eq!(arguments(&instance), expected);
}

/// Checklist 48: prepended headers too.
#[test]
fn a_message_looks_as_the_flags_say() {
    require_instances!();
    let words = "flags=BDFOR.> eol=\\r\\n user=nobody argv={dir}/run";
    let instance = start(instance(words, DUMP).set("foo_destination_recipient_limit", "1"));
    instance.send(&["-f", "\"a b\"@local.example", "U@x.test"], "Subject: x\n\nFrom me\n.dot\nlast");
    let text = message(&instance);
    assert!(!text.replace("\r\n", "").contains(['\r', '\n']), "{text:?}");
    assert!(text.starts_with("From \"a b\"@local.example  "), "{text:?}");
    let headers =
        "\r\nReturn-Path: <\"a b\"@local.example>\r\nX-Original-To: U@x.test\r\nDelivered-To: U@x.test\r\nReceived: ";
    assert!(text.contains(headers), "{text:?}");
    assert!(text.ends_with("\r\n\r\n>From me\r\n..dot\r\nlast\r\n\r\n"), "{text:?}");
}

#[test]
fn the_null_sender_has_a_name_or_none() {
    require_instances!();
    for (attribute, sender) in [("", "MAILER-DAEMON"), ("null_sender=", ""), ("null_sender=no.body", "no.body")] {
        let instance = start(instance(&format!("flags=FR {attribute} user=nobody argv={{dir}}/run $sender"), DUMP));
        instance.send(&["-f", "", "u@x.test"], "\nhi\n");
        let text = message(&instance);
        assert!(
            text.starts_with(&format!("From {}  ", if sender.is_empty() { "MAILER-DAEMON" } else { sender })),
            "{text}"
        );
        assert!(text.contains(&format!("\nReturn-Path: <{sender}>\n")), "{text}");
        assert_eq!(arguments(&instance), [sender]);
    }
}

/// Checklist 45.
#[test]
fn some_flags_are_for_one_recipient_only() {
    require_instances!();
    for flag in ["D", "O"] {
        let instance = start(instance(&format!("flags={flag} user=nobody argv={{dir}}/run"), DUMP));
        instance.send(&["a@x.test", "b@x.test"], "\nhi\n");
        for name in ["a", "b"] {
            let to = format!("to=<{name}@x.test>");
            status(&instance, &[&to, "dsn=4.3.5, status=deferred (mail system configuration error)"]);
        }
        instance.wait_for_log(&[&format!("warning: pipe flag `{flag}' requires foo_destination_recipient_limit = 1")]);
    }
}

#[test]
fn a_message_does_not_go_where_it_has_been() {
    require_instances!();
    let instance = start(instance("flags=D user=nobody argv={dir}/run", DUMP));
    instance.send(&["-f", "", "u@x.test"], "Delivered-To: U@X.test\nSubject: x\n\nhi\n");
    status(&instance, &["dsn=5.4.6, status=bounced (mail forwarding loop for u@x.test)"]);
    assert!(!instance.path("out/message").exists());
}

/// Checklist 50.
#[test]
fn a_message_can_be_too_large() {
    require_instances!();
    let instance = start(instance("size=1000 user=nobody argv={dir}/run", DUMP));
    instance.send(&["-f", "", "u@x.test"], format!("Subject: x\n\n{}", "a line of the text\n".repeat(110)));
    status(&instance, &["dsn=5.2.3, status=bounced (message too large)"]);
    instance.send(&["-f", "", "u@x.test"], "Subject: x\n\nhi\n");
    status(&instance, &["status=sent"]);
}

/// Checklist 47.
#[test]
fn output_of_success_is_logged() {
    require_instances!();
    let instance = start(instance("user=nobody argv={dir}/run", "#!/bin/sh\necho 'ok  '\necho\n"));
    instance.send(&["u@x.test"], "\nhi\n");
    status(&instance, &["status=sent (delivered via foo service (ok))"]);
}

/// The table of §1.7, for a command of this agent.
#[test]
fn commands_fail_in_many_ways() {
    require_instances!();
    let script = "#!/bin/sh\ncase $1 in\n67) echo no such; exit 67;;\n75) exit 75;;\ncode) echo 5.7.9 go away; exit 1;;\n\
                  wait) echo 4.2.2 full; exit 1;;\nthree) exit 3;;\nkill) kill -9 $$;;\nesac\n";
    let instance = start(instance("user=nobody argv={dir}/run ${user}", script));
    let name = instance.path("run").display().to_string();
    let cases = [
        ("67", "dsn=5.1.1, status=bounced (user unknown. Command output: no such )".to_owned()),
        ("75", "dsn=4.3.0, status=deferred (temporary failure)".into()),
        ("code", "dsn=5.7.9, status=bounced (go away )".into()),
        ("wait", "dsn=4.2.2, status=deferred (full )".into()),
        ("three", format!("dsn=5.3.0, status=bounced (Command died with status 3: \"{name}\")")),
        ("kill", format!("dsn=4.3.0, status=deferred (Command died with signal 9: \"{name}\")")),
    ];
    for (user, expected) in &cases {
        instance.send(&["-f", "", &format!("{user}@x.test")], "\nhi\n");
        status(&instance, &[&format!("to=<{user}@x.test>"), expected]);
    }
}

#[test]
fn a_command_that_is_not_there_defers() {
    require_instances!();
    let instance = start(instance("user=nobody argv={dir}/missing", DUMP));
    instance.send(&["u@x.test"], "\nhi\n");
    let reason = format!(
        "dsn=4.3.0, status=deferred (temporary failure. Command output: pipe: fatal: pipe_command: execvp {}: No such file or \
         directory )",
        instance.path("missing").display()
    );
    status(&instance, &[&reason]);
}

#[test]
fn a_slow_command_is_killed() {
    require_instances!();
    let script = "#!/bin/sh\nsleep 1000 & echo $! >{dir}/out/child\nwait\n";
    let instance = start(instance("user=nobody argv={dir}/run", script).set("foo_time_limit", "1"));
    instance.send(&["-f", "", "u@x.test"], "\nhi\n");
    status(&instance, &["dsn=5.3.0, status=bounced (Command time limit exceeded: "]);
    let child = instance.read("out/child");
    let state = || fs::read_to_string(format!("/proc/{}/stat", child.trim())).unwrap_or_else(|_| "gone) Z".into());
    wait::until("the whole process group is gone", || state().contains(") Z").then_some(()), || instance.log());
}

#[test]
fn unknown_macros_defer() {
    require_instances!();
    for name in ["recipients", "recipient?yes"] {
        let instance = start(instance(&format!("user=nobody argv={{dir}}/run ${{{name}}}"), DUMP));
        instance.send(&["u@x.test"], "\nhi\n");
        status(&instance, &["dsn=4.3.5, status=deferred (mail system configuration error)"]);
        let warning = format!("/master.cf: service foo: unknown macro name: \"{name}\"");
        instance.wait_for_log(&["warning: file ", &warning]);
    }
}

/// Checklist 49, and other mistakes in master.cf.
#[test]
fn bad_attributes_are_fatal() {
    require_instances!();
    let cases = [
        ("user=root argv=/bin/true", "user= command-line attribute specifies root privileges"),
        ("user=postfix argv=/bin/true", "user= command-line attribute specifies mail system owner postfix"),
        ("user=nobody:root argv=/bin/true", "user= command-line attribute specifies privileged group id 0"),
        (
            "user=nobody:postdrop argv=/bin/true",
            "user= command-line attribute specifies mail system postdrop group id ",
        ),
        ("user=no-such argv=/bin/true", "get_service_attr: unknown username: no-such"),
        ("user=nobody:no-such argv=/bin/true", "get_service_attr: unknown group: no-such"),
        ("flags=Z user=nobody argv=/bin/true", "unknown flag: Z (ignored)"),
        ("size=x user=nobody argv=/bin/true", "get_service_attr: bad size= value: x"),
        ("usr=nobody argv=/bin/true", "unknown attribute name: usr=nobody"),
        ("argv=/bin/true", "missing user= command-line attribute"),
        ("user=nobody", "missing argv= command-line attribute"),
    ];
    let services: Vec<String> = (0..cases.len()).map(|index| format!("x{index}.test=s{index}:")).collect();
    let mut builder = Instance::builder().set("transport_maps", &format!("inline:{{ {} }}", services.join(", ")));
    for (index, (attributes, _)) in cases.iter().enumerate() {
        builder = builder.service(&format!("s{index} unix - n n - 1 pipe {attributes}"));
    }
    let instance = builder.start();
    let recipients: Vec<String> = (0..cases.len()).map(|index| format!("u@x{index}.test")).collect();
    instance.send(&recipients.iter().map(String::as_str).collect::<Vec<_>>(), "\nhi\n");
    for (_, text) in cases {
        instance.wait_for_log(&["postfix/pipe[", "fatal: ", text]);
    }
}

#[test]
fn a_probe_runs_nothing() {
    require_instances!();
    let instance = start(instance("user=nobody argv={dir}/run ${user}", DUMP));
    instance.send(&["-bv", "u@x.test"], "");
    let name = instance.path("run").display().to_string();
    status(&instance, &[&format!("dsn=2.0.0, status=deliverable (delivers to command: {name})")]);
    assert!(!instance.path("out/args").exists());
}

#[test]
fn a_command_runs_with_the_rights_and_in_the_place_that_are_asked_for() {
    require_instances!();
    let script = "#!/bin/sh\nid -un >{dir}/out/who; id -Gn >>{dir}/out/who; pwd >>{dir}/out/who; env | sed 's/=.*//' | sort >{dir}/out/env\n\
                  cut -d' ' -f6 /proc/$$/stat >{dir}/out/sid; echo $$ >>{dir}/out/sid\n";
    let words = "directory={dir}/out user=nobody:mail argv={dir}/run";
    let instance = start(instance(words, script).set("export_environment", "MAIL_CONFIG FOO=bar LD_LIBRARY_PATH"));
    instance.send(&["u@x.test"], "\nhi\n");
    status(&instance, &["status=sent"]);
    assert_eq!(instance.read("out/who"), format!("nobody\nmail\n{}\n", instance.path("out").display()));
    let variables = instance.read("out/env");
    // The shell's own, and what the control's programs need.
    let own = ["PWD", "SHLVL", "_", "OLDPWD", "LD_LIBRARY_PATH"];
    let given: Vec<&str> = variables.lines().filter(|name| !own.contains(name)).collect();
    assert_eq!(given, ["FOO", "MAIL_CONFIG", "PATH"]);
    let session = instance.read("out/sid");
    let numbers: Vec<&str> = session.split_whitespace().collect();
    assert_eq!(numbers.len(), 2, "{session}");
    assert_eq!(numbers[0], numbers[1]);
}

#[test]
fn a_status_filter_has_the_last_word() {
    require_instances!();
    let filter = "regexp:{{/^5.1.1 user unknown$$/ 4.1.1 perhaps later}}";
    let instance = start(
        instance("user=nobody argv={dir}/run", "#!/bin/sh\nexit 67\n").set("pipe_delivery_status_filter", filter),
    );
    instance.send(&["u@x.test"], "\nhi\n");
    status(&instance, &["dsn=4.1.1, status=deferred (perhaps later)"]);
}
