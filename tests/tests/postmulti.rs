//! Several instances on one machine: postmulti(1) (config §9, checklist 44 and 45).
//!
//! The first instance lives in /etc/postfix. Each command here runs in a mount name space of its own, in which that is a directory of the
//! test's.

use tests::{Instance, Output, Subject, require_instances, skip};

/// Runs postmulti(1) where the instance's configuration is that of the machine.
fn postmulti(instance: &Instance, arguments: &[&str]) -> Output {
    let script = "mount --make-rprivate / 2>/dev/null
        if [ ! -d /etc/postfix ]; then
            mkdir -p \"$1/over/new\" \"$1/over/work\"
            mount -t overlay overlay -o \"lowerdir=/etc,upperdir=$1/over/new,workdir=$1/over/work\" /etc && mkdir /etc/postfix
        fi
        mount --bind \"$1/etc\" /etc/postfix || exit 99
        program=$1/sbin/postmulti
        shift
        exec \"$program\" \"$@\"";
    let mut command = instance.command("postmulti");
    let environment: Vec<_> =
        command.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect();
    command = std::process::Command::new("unshare");
    command.args(["-m", "sh", "-c", script, "sh"]).arg(instance.directory()).args(arguments);
    for (name, value) in environment.iter().filter(|(name, _)| name != "MAIL_CONFIG") {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.env_remove("MAIL_CONFIG");
    Output::of(&mut command, b"")
}

/// Whether the genuine postmulti(1) has the script that makes its changes: among programs of Posthorn it has none.
fn has_script(instance: &Instance) -> bool {
    !Subject::from_environment().is_genuine("postmulti") || instance.path("libexec/postmulti-script").exists()
}

fn primary() -> Instance {
    let instance = Instance::builder().build();
    instance.write("etc/main.cf.proto", instance.read("etc/main.cf"));
    instance.write("etc/master.cf.proto", instance.read("etc/master.cf"));
    instance.write("etc/postfix-files", "");
    instance
}

/// What the log has last; that of a new instance is the same file.
fn complaint(instance: &Instance, arguments: &[&str]) -> String {
    let output = postmulti(instance, arguments);
    assert_eq!(output.status, 1, "{arguments:?}: {output:?} {}", instance.log());
    let log = instance.log();
    log.lines().last().unwrap_or_default().split_once(": fatal: ").map_or(log.clone(), |(_, text)| text.to_owned())
}

/// Checklist 44.
#[test]
fn one_instance_is_listed() {
    require_instances!();
    let instance = primary();
    let output = postmulti(&instance, &["-l"]);
    let line = "-               -               y         /etc/postfix\n";
    assert_eq!((output.status, output.stdout.as_str(), output.stderr.as_str()), (0, line, ""), "{}", instance.log());
    assert_eq!(postmulti(&instance, &["-l", "-i", "-"]).stdout, line);
    assert_eq!(postmulti(&instance, &["-l", "-g", "none"]).stdout, "");
}

/// Checklist 45, and other command lines that are none.
#[test]
fn bad_command_lines_are_refused() {
    require_instances!();
    let instance = primary();
    for (arguments, expected) in [
        (&["-e", "create", "-I", "x"][..], "New instance name must start with 'postfix-'"),
        (&["-e", "create", "-I", "postfix-a b"], "Unsafe characters in new instance name: 'postfix-a b'"),
        (&["-l", "-p", "x"], "Specify exactly one of '-e', '-l', '-p', '-x'"),
        (&["-l", "-a", "-i", "x"], "Specity no more than one of '-a', '-g', '-i'"),
        (&["-p"], "Command required with '-p' or '-x' option"),
        (&["-e", "enable"], "Select an instance via '-i name'"),
        (&["-e", "enable", "-i", "nosuch"], "No instance named nosuch"),
        (&["-x", "-i", "nosuch", "true"], "No matching instances"),
    ] {
        assert_eq!(complaint(&instance, arguments), expected, "{arguments:?}");
    }
    if !has_script(&instance) {
        skip!("the genuine postmulti is without its script");
    }
    let data = instance.expand("data_directory={dir}/other/data");
    let create = ["-e", "create", "-I", "postfix-a", &data];
    assert_eq!(complaint(&instance, &create), "multi_instance_wrapper is empty, run 'postmulti -e init' first.");
    let taken = complaint(&instance, &[&create[..], &["config_directory=/etc/postfix"]].concat());
    assert_eq!(
        taken,
        "new config_directory=/etc/postfix is already in use by instance /etc/postfix, config_directory=/etc/postfix"
    );
    let queue = instance.expand("queue_directory={dir}/q");
    let taken = complaint(&instance, &[&create[..], &[&queue]].concat());
    let place = instance.expand("queue_directory={dir}/q");
    assert_eq!(taken, format!("instance /etc/postfix-a, {place} conflicts with instance /etc/postfix, {place}"));
}

/// An instance is made, used, and removed.
#[test]
fn an_instance_comes_and_goes() {
    require_instances!();
    let instance = primary();
    if !has_script(&instance) {
        skip!("the genuine postmulti is without its script");
    }
    let done = |arguments: &[&str]| {
        let output = postmulti(&instance, arguments);
        assert_eq!(output.status, 0, "{arguments:?}: {output:?} {}", instance.log());
        output.stdout
    };
    done(&["-e", "init"]);
    assert!(instance.read("etc/main.cf").contains("multi_instance_enable = yes\n"));
    let directories =
        ["config", "queue", "data"].map(|what| instance.expand(&format!("{what}_directory={{dir}}/b/{what}")));
    let [config, queue, data] = directories.each_ref().map(String::as_str);
    done(&["-e", "create", "-I", "postfix-b", "-G", "group", config, queue, data]);
    let main_cf = instance.read("b/config/main.cf");
    for line in
        ["queue_directory = {dir}/b/queue\n", "multi_instance_name = postfix-b\n", "master_service_disable = inet\n"]
    {
        assert!(main_cf.contains(&instance.expand(line)), "{line}: {main_cf}");
    }
    assert!(instance.path("b/queue").is_dir() && instance.path("b/data").is_dir());
    let directory = instance.expand("{dir}/b/config");
    let (first, second) = (
        "-               -               y         /etc/postfix\n",
        format!("postfix-b       group           n         {directory}\n"),
    );
    assert_eq!(done(&["-l"]), format!("{first}{second}"));
    assert_eq!(done(&["-l", "-R"]), format!("{second}{first}"));
    assert_eq!(done(&["-l", "-i", "b"]), second);
    let show = "echo $multi_instance_name $MAIL_CONFIG $multi_instance_enable";
    assert_eq!(done(&["-x", "-g", "group", "sh", "-c", show]), format!("postfix-b {directory} no\n"));
    assert_eq!(postmulti(&instance, &["-x", "sh", "-c", "test -n \"$multi_instance_name\""]).status, 1);
    done(&["-e", "enable", "-i", "postfix-b"]);
    assert_eq!(complaint(&instance, &["-e", "destroy", "-i", "postfix-b"]), "Cannot remove enabled instances");
    done(&["-e", "assign", "-i", "b", "-I", "postfix-c", "-G", "-"]);
    assert!(done(&["-l", "-i", "c"]).starts_with("postfix-c       -               y         "));
    done(&["-e", "disable", "-i", "c"]);
    done(&["-e", "deport", "-i", "c"]);
    assert_eq!(done(&["-l"]), first);
    assert!(instance.read("etc/main.cf").contains(&format!("alternate_config_directories = {directory}\n")));
    done(&["-e", "import", config]);
    assert!(!instance.read("etc/main.cf").contains(&format!("alternate_config_directories = {directory}\n")));
    done(&["-e", "destroy", "-i", "c"]);
    assert!(!instance.path("b/config").exists() && !instance.path("b/queue").exists());
    assert_eq!(done(&["-l"]), first);
    assert_eq!(complaint(&instance, &["-e", "destroy", "-i", "-"]), "Cannot remove the primary instance");
}
