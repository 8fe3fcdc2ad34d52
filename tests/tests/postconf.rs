//! main.cf as programs read it, and postconf (config §1 to §8, checklist §14).

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use tests::{Instance, Output, Subject, require_instances};

/// A configuration directory of its own, with these files.
fn directory(main_cf: &str, master_cf: &str) -> Instance {
    let instance = Instance::builder().file("conf/main.cf", main_cf).file("conf/master.cf", master_cf).build();
    // A file that is being edited is read again and again.
    age(&instance.path("conf/main.cf"));
    instance
}

fn age(path: &Path) {
    let past = SystemTime::now() - Duration::from_secs(3600);
    File::options().write(true).open(path).and_then(|file| file.set_modified(past)).expect("a time stamp");
}

fn postconf(instance: &Instance, arguments: &[&str]) -> Output {
    let directory = instance.expand("{dir}/conf");
    instance.run("postconf", &[&["-c", &directory], arguments].concat())
}

/// The value of one parameter in this main.cf.
fn value(main_cf: &str, arguments: &[&str]) -> String {
    postconf(&directory(main_cf, ""), &[&["-h"], arguments].concat()).success().stdout
}

/// What a main.cf is wrong with, to any program.
fn complaint(line: &str) -> String {
    let instance = directory(&format!("compatibility_level = 3.6\n{line}\n"), "");
    let output = instance.run("postmap", &["-c", &instance.expand("{dir}/conf"), "-q", "x", "static:y"]);
    assert_eq!(output.status, 1, "{line}: {output:?}");
    output.stderr
}

/// Checklist 1 to 4.
#[test]
fn lines_are_logical_lines() {
    require_instances!();
    assert_eq!(value("smtpd_banner = 1\n#x\n b\n", &["smtpd_banner"]), "1 b\n");
    let output = postconf(&directory(" x = 1\n", ""), &["-n"]).success();
    assert!(output.stderr.contains("logical line must not start with whitespace: \" x = 1\""), "{output:?}");
    for (text, error) in
        [("foo\n", "line 1: missing '=' after attribute name: \"foo\""), ("= 1\n", "missing attribute name")]
    {
        let output = postconf(&directory(text, ""), &["-n"]);
        assert_eq!(output.status, 1);
        assert!(output.stderr.contains(error), "{output:?}");
    }
}

/// Checklist 5 and 6.
#[test]
fn the_last_of_two_settings_counts() {
    require_instances!();
    let output = postconf(&directory("myorigin = a\nmyorigin = b\n", ""), &["-h", "myorigin"]).success();
    assert_eq!(output.stdout, "b\n");
    assert!(output.stderr.contains("line 2: overriding earlier entry: myorigin=a"), "{output:?}");
    assert_eq!(postconf(&directory("myorigin = a\nmyorigin = a\n", ""), &["myorigin"]).success().stderr, "");
    let empty = directory("mydestination =\n", "");
    assert_eq!(postconf(&empty, &["mydestination"]).success().stdout, "mydestination =\n");
    assert_eq!(postconf(&empty, &["-h", "mydestination"]).success().stdout, "\n");
    assert!(postconf(&empty, &["-n"]).success().stdout.contains("mydestination =\n"));
}

/// Checklist 7 to 11.
#[test]
fn values_are_expanded() {
    require_instances!();
    let output = postconf(&directory("mydestination = $mydestination\n", ""), &["-x", "mydestination"]);
    assert_eq!(output.status, 1);
    assert!(output.stderr.contains("unreasonable macro call nesting: \"mydestination\""), "{output:?}");
    let cases = [
        ("${mydomain?{a}:{b}}", "a"),
        ("${nosuch?{a}:{b}}", "b"),
        ("${mydomain:x}", ""),
        ("${nosuch:x}", "x"),
        ("${{12} < {9}?yes}", ""),
        ("${{12} < {9a}?yes}", "yes"),
        ("${{3.10} >level {3.9}?yes}", "yes"),
        ("${{} == {}?yes}", "yes"),
        ("$$x", "$x"),
    ];
    for (text, expected) in cases {
        assert_eq!(
            value(&format!("smtpd_banner = {text}\n"), &["-x", "smtpd_banner"]),
            format!("{expected}\n"),
            "{text}"
        );
    }
    for (text, error) in [("${{a} ==foo {b}}", "bad operator suffix at: \"...==>>>foo"), ("x$", "empty macro name")] {
        let output = postconf(&directory(&format!("smtpd_banner = {text}\n"), ""), &["-x", "smtpd_banner"]);
        assert!(output.status == 1 && output.stderr.contains(error), "{text}: {output:?}");
    }
}

/// Checklist 12 to 20.
#[test]
fn bad_values_stop_every_program() {
    require_instances!();
    let cases = [
        ("soft_bounce = true", "bad boolean configuration: soft_bounce = true"),
        ("line_length_limit = 5", "invalid line_length_limit parameter value 5 < 512"),
        ("max_idle = 0", "invalid max_idle: 0 (min 1)"),
        ("max_idle = 5x", "parameter max_idle: bad time value or unit:"),
        ("default_verp_delimiters = +", "bad string length 1 < 2: default_verp_delimiters = +"),
        (
            "myhostname = h.example\nrelayhost = H.EXAMPLE",
            "myhostname and relayhost parameter settings must not be identical: h.example",
        ),
        ("max_idle = 5 s", "parameter max_idle: bad time value or unit:"),
        ("default_privs = postfix", "parameters default_privs and mail_owner specify the same user postfix"),
        ("inet_interfaces = 192.0.2.7", "parameter inet_interfaces: no local interface found for 192.0.2.7"),
        ("maillog_file = /tmp/x", "maillog_file value '/tmp/x' does not match any prefix in maillog_file_prefixes"),
    ];
    std::thread::scope(|scope| {
        for (line, error) in cases {
            scope.spawn(move || {
                let said = complaint(line);
                assert!(said.contains(error), "{line}: {said}");
            });
        }
    });
}

/// Checklist 12 and 14.
#[test]
fn odd_values_that_are_good_stop_no_program() {
    require_instances!();
    for line in ["message_size_limit = -5", "soft_bounce = YES", "fork_delay = 1d12h"] {
        let instance = directory(&format!("compatibility_level = 3.6\n{line}\n"), "");
        let output = instance.run("postmap", &["-c", &instance.expand("{dir}/conf"), "-q", "x", "static:y"]);
        assert_eq!((output.status, output.stdout.as_str()), (0, "y\n"), "{line}: {output:?}");
    }
}

/// Checklist 21: a program that has more rights than its caller reads no configuration that the caller has made. The control's
/// program finds no libraries in that case, and so is left out.
#[test]
fn a_stranger_cannot_bring_his_own_configuration() {
    require_instances!();
    if Subject::from_environment().is_genuine("postdrop") {
        tests::skip!("the control finds no libraries with more rights than its caller");
    }
    let instance = directory("compatibility_level = 3.6\n", "");
    let program = instance.path("postdrop");
    // Another program makes the copy: a test beside this one could start a child while the file is still open here.
    let mut install = std::process::Command::new("install");
    install.args(["-o", "root", "-g", "postdrop", "-m", "2755"]).arg(tests::subject::ours("postdrop")).arg(&program);
    assert_eq!(Output::of(&mut install, b"").status, 0);
    let account = sys::privilege::account(tests::USERS[0]).ok().flatten().expect("an account");
    let conf = instance.expand("{dir}/conf");
    let mut command = std::process::Command::new(&program);
    command.env_clear().args(["-c", &conf]).uid(account.uid).gid(account.gid);
    let output = Output::of(&mut command, b"");
    assert_eq!(output.status, 1, "{output:?}");
    if Path::new("/etc/postfix/main.cf").exists() {
        let (first, second) = (
            format!("postdrop: error: unauthorized configuration directory name: {conf}\n"),
            format!(
                "postdrop: fatal: specify \"alternate_config_directories = {conf}\" or \"multi_instance_directories = {conf}\" \
                 in /etc/postfix/main.cf\n"
            ),
        );
        assert_eq!(output.stderr, first + &second);
    } else {
        assert!(output.stderr.contains("postdrop: fatal: open file /etc/postfix/main.cf: "), "{output:?}");
    }
}

/// Checklist 22 to 24, 26 to 28, and 31.
#[test]
fn parameters_are_listed() {
    require_instances!();
    let all = postconf(&directory("", ""), &["-d"]).success().stdout;
    let lines: Vec<&str> = all.lines().collect();
    assert!(lines.len() > 800 && lines.is_sorted_by_key(|line| line.split(' ').next()), "{}", lines.len());
    let instance = directory("bogus = 1\nmyorigin = a  b\n  c\n", "");
    let output = postconf(&instance, &["-n"]).success();
    assert!(
        output.stdout.contains("config_directory = ") && output.stdout.contains("myorigin = a b c\n"),
        "{output:?}"
    );
    assert!(output.stderr.contains("unused parameter: bogus=1"), "{output:?}");
    let output = postconf(&directory("bogus = 1\nmyorigin = $bogus\n", ""), &["-n"]).success();
    assert!(output.stdout.contains("bogus = 1\n") && !output.stderr.contains("unused"), "{output:?}");
    let output = postconf(&instance, &["nosuch"]).success();
    assert!(output.stderr.contains("warning: nosuch: unknown parameter"), "{output:?}");
    let output = postconf(&directory("mynetworks = $zork\n", ""), &["-n"]).success();
    assert!(output.stderr.contains("undefined parameter: zork"), "{output:?}");
    let output = postconf(&instance, &["-M", "-d"]);
    assert!(output.status == 1 && output.stderr.contains("with option -M, do not specify -d"), "{output:?}");
}

/// Checklist 32 to 35.
#[test]
fn main_cf_is_edited_in_place() {
    require_instances!();
    let instance = directory("# comment\nmyorigin = 1\n\nmydomain = x\n  y\nmyorigin = 2\n", "");
    let output = postconf(&instance, &["-e", "myorigin=9", "relayhost = [r]"]).success();
    assert!(output.stderr.contains("multiple entries"), "{output:?}");
    let text = instance.read("conf/main.cf");
    assert_eq!(text, "# comment\nmyorigin = 9\n\nmydomain = x\n  y\nmyorigin = 9\nrelayhost = [r]\n");
    let path = instance.path("conf/main.cf");
    assert_eq!(fs::metadata(&path).expect("main.cf").permissions().mode() & 0o777, 0o644);
    assert!(!instance.path("conf/main.cf.tmp").exists());
    postconf(&instance, &["-#", "mydomain"]).success();
    assert!(instance.read("conf/main.cf").contains("#mydomain = x\n#  y\n"));
    postconf(&instance, &["-X", "myorigin"]).success();
    assert!(!instance.read("conf/main.cf").contains("myorigin"));
    let output = postconf(&instance, &["-e", "relayhost=1", "relayhost=2"]).success();
    assert!(output.stderr.contains("ignoring earlier request: 'relayhost = 1'"), "{output:?}");
}

/// Checklist 36 to 41.
#[test]
fn master_cf_is_shown_and_edited() {
    require_instances!();
    let text = "relay unix - - n - - smtp\n  -o syslog_name=postfix/$service_name\nc unix - - n - - y\n";
    let instance = directory("", text);
    let line = "relay      unix  -       -       n       -       -       smtp";
    let output = postconf(&instance, &["-M", "relay"]).success();
    assert_eq!(output.stdout, format!("{line} -o syslog_name=postfix/$service_name\n"));
    let output = postconf(&instance, &["-Mf", "relay"]).success();
    assert_eq!(output.stdout, format!("{line}\n    -o syslog_name=postfix/$service_name\n"));
    let output = postconf(&instance, &["-Px", "relay/unix/syslog_name"]).success();
    assert_eq!(output.stdout, "relay/unix/syslog_name = postfix/relay\n");
    postconf(&instance, &["-Fe", "relay/unix/chroot=y"]).success();
    assert_eq!(postconf(&instance, &["-Fh", "relay/unix/chroot"]).success().stdout, "y\n");
    let output = postconf(&instance, &["-Fe", "relay/unix/wakeup=z"]);
    assert!(output.status == 1 && output.stderr.contains("invalid wakeup field \"z\" in \"z\""), "{output:?}");
    postconf(&instance, &["-MX", "c/unix"]).success();
    assert_eq!(postconf(&instance, &["-M"]).success().stdout.lines().count(), 1);
    assert_eq!(postconf(&instance, &["-MX", "nosuch/unix"]).success().stderr, "");
    let output = postconf(&directory("", "a unix - - n - -\n"), &["-M"]);
    assert!(output.status == 1 && output.stderr.contains("line 1: bad field count"), "{output:?}");
}

/// Checklist 42.
#[test]
fn a_missing_main_cf_matters_only_to_its_values() {
    require_instances!();
    let instance = Instance::builder().file("conf/other", "").build();
    assert_eq!(postconf(&instance, &["-n"]).status, 1);
    assert!(postconf(&instance, &["-d", "mydomain"]).success().stdout.starts_with("mydomain = "));
}

/// Whether postconf is Posthorn's, which can do more.
fn is_ours() -> bool {
    !Subject::from_environment().is_genuine("postconf")
}

/// `-j`, checklist 43.
#[test]
fn objects_are_printed_for_programs() {
    require_instances!();
    if !is_ours() {
        return;
    }
    let services = "relay unix - - n - - smtp -o other=\"x\\y\" a\n";
    let instance = directory("smtpd_banner = a  \"b\"\n  c\n", services);
    let output = postconf(&instance, &["-jn", "smtpd_banner", "mydomain"]).success();
    assert_eq!(output.stdout, "{\"smtpd_banner\": \"a  \\\"b\\\"  c\"}\n");
    for (option, expected) in [
        ("-jM", "{\"relay/unix\": \"relay unix - - n - - smtp -o other=\\\"x\\\\y\\\" a\"}\n"),
        ("-jF", "{\"relay/unix/command\": \"smtp -o other=\\\"x\\\\y\\\" a\"}\n"),
        ("-jP", "{\"relay/unix/other\": \"\\\"x\\\\y\\\"\"}\n"),
    ] {
        assert!(postconf(&instance, &[option]).success().stdout.ends_with(expected), "{option}");
    }
    assert!(
        postconf(&instance, &["-jd"])
            .success()
            .stdout
            .lines()
            .all(|line| line.starts_with("{\"") && line.ends_with("\"}"))
    );
    let output = postconf(&instance, &["-jh"]);
    assert!(output.status == 1 && output.stderr.contains("with option -j, do not specify -h"), "{output:?}");
}

/// Since 3.9, `-q`, and what will be removed.
#[test]
fn names_that_will_be_removed_are_told() {
    require_instances!();
    if !is_ours() {
        return;
    }
    let services = "smtp inet n - n - - smtpd -o smtpd_use_tls=yes\n";
    let main_cf = "virtual_maps = x\nsmtp_cname_overrides_servername = no\nbogus = 1\nmynetworks = a #b c\n";
    let instance = directory(main_cf, services);
    let said = postconf(&instance, &["-n"]).success().stderr;
    for text in [
        "main.cf: support for parameter \"smtp_cname_overrides_servername\" will be removed; instead, do not specify\n",
        "main.cf: support for parameter \"virtual_maps\" will be removed; instead, specify \"virtual_alias_maps\"\n",
        "master.cf: support for parameter \"smtpd_use_tls\" will be removed; instead, specify \"smtpd_tls_security_level\"\n",
        "warning: See https://www.postfix.org/DEPRECATION_README.html for details\n",
        "main.cf: unused parameter: bogus=1\n",
        "main.cf: #comment after other text is not allowed: #b c...\n",
    ] {
        assert!(said.contains(text), "{text}: {said}");
    }
    let said = postconf(&instance, &["-nq"]).success().stderr;
    assert!(!said.contains("support for") && !said.contains("unused") && said.contains("#comment"), "{said}");
    let said = postconf(&instance, &["-M"]).success().stderr;
    assert!(!said.contains("virtual_maps") && said.contains("smtpd_use_tls"), "{said}");
}

/// Since 3.12, `-PP`.
#[test]
fn all_that_a_service_sees_is_shown() {
    require_instances!();
    if !is_ours() {
        return;
    }
    let services = "smtp inet n - n - - smtpd -o smtpd_banner=$service_name -o mine=1 -o relayhost=$mine\n\
                    other unix - - n - - /usr/bin/lmtp\n";
    let instance = directory("relayhost = r\nmydomain = d.example\n", services);
    let shown = postconf(&instance, &["-PPx", "smtp/inet"]).success().stdout;
    for line in [
        "smtp/inet/mine = 1",
        "smtp/inet/relayhost = 1",
        "smtp/inet/smtpd_banner = smtp",
        "smtp/inet/service_name = smtp",
        "smtp/inet/process_name = smtpd",
        "smtp/inet/smtpd_expansion_filter = \\t\\40!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\\\]^_`abcdefghijklmnopqrstuvwxyz{|}~",
        "smtp/inet/max_use = 100",
    ] {
        assert!(shown.lines().any(|found| found == line), "{line}: {shown}");
    }
    assert!(shown.lines().is_sorted_by_key(|line| line.split(' ').next()));
    let shown = postconf(&instance, &["-PP", "-C", "user"]).success().stdout;
    assert!(shown.contains("smtp/inet/mine = 1\n") && !shown.contains("max_use"), "{shown}");
    assert_eq!(postconf(&instance, &["-PPh", "other/*/relayhost"]).success().stdout, "r\n");
    let output = postconf(&instance, &["-PPe", "smtp/inet/a=b"]);
    assert!(output.status == 1 && output.stderr.contains("specify one of -e -PP"), "{output:?}");
}

/// `--explain`, and the names that are meant by others.
#[test]
fn parameters_are_explained() {
    require_instances!();
    if !is_ours() {
        return;
    }
    let services = "# none\nsmtp inet n - n - - smtpd -o smtpd_banner=x\n";
    let instance =
        directory("mydomain = a\nrelay_domain = z\nsmtpd_banner = b\n\nsmtpd_banner = b $mydomain\n", services);
    let output = postconf(&instance, &["--explain", "smtpd_banner", "max_idel"]).success();
    for line in [
        "smtpd_banner",
        "    type = text, at least 1 bytes long",
        "    default = $myhostname ESMTP $mail_name",
        "    value = b $mydomain",
        "    expanded = b a",
        &instance.expand("    set in = {dir}/conf/main.cf, line 3"),
        &instance.expand("    set in = {dir}/conf/main.cf, line 5"),
        &instance.expand("    set in = {dir}/conf/master.cf, line 2, for smtp/inet: x"),
        "    read by = postscreen, smtpd",
    ] {
        assert!(output.stdout.lines().any(|found| found == line), "{line}: {output:?}");
    }
    assert!(output.stderr.contains("max_idel: is it meant to be max_idle?"), "{output:?}");
    let output = postconf(&instance, &["-n"]).success();
    assert!(output.stderr.contains("unused parameter: relay_domain=z\n"), "{output:?}");
    assert!(output.stderr.contains("relay_domain: is it meant to be relay_domains?"), "{output:?}");
    let output = postconf(&instance, &["--explain"]);
    assert!(output.status == 1 && output.stderr.contains("--explain requires parameter names"), "{output:?}");
}

/// Checklist 25, 29, 30 and 38.
#[test]
fn long_values_fold_and_odd_names_are_found() {
    require_instances!();
    let list = ["reject_unauth_destination"; 5].join(", ");
    let instance = directory(&format!("process_id = 3\nvirtual_maps = x\nsmtpd_recipient_restrictions = {list}\n"), "");
    let output = postconf(&instance, &["-nf"]).success();
    let first = "smtpd_recipient_restrictions = reject_unauth_destination,\n    reject_unauth_destination, ";
    assert!(output.stdout.contains(first) && output.stdout.lines().all(|line| line.len() < 80), "{output:?}");
    assert!(output.stderr.contains("read-only parameter assignment: process_id=3"), "{output:?}");
    assert_ne!(postconf(&instance, &["-h", "process_id"]).success().stdout, "3\n");
    assert_eq!(postconf(&instance, &["-C", "user"]).success().stdout, "virtual_maps = x\n");
    let instance = directory("", "a unix - - n - - x\nb unix - - n - - x\nc unix - - n - - x\n");
    postconf(&instance, &["-Me", "a/unix=c unix - - n - - y"]).success();
    let services = postconf(&instance, &["-Fh", "*/*/service"]).success().stdout;
    assert_eq!(services, "c\nb\n");
}
