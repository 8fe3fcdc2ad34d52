//! `postfix check`, `set-permissions`, `upgrade-configuration`, `post-install` (config §10.3, master-ipc §15, config checklist 51, 53, 54).

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::time::{Duration, SystemTime};

use tests::{Instance, Output, Subject, require_instances, skip};

/// What the control is told its queue has; Posthorn knows.
const FILES: &str = "$queue_directory:d:root:-:755:uc\n\
                     $queue_directory/active:d:$mail_owner:-:700:ucr\n\
                     $queue_directory/deferred:d:$mail_owner:-:700:ucr\n\
                     $queue_directory/trace:d:$mail_owner:-:700:ucr\n\
                     $queue_directory/public:d:$mail_owner:$setgid_group:710:uc\n\
                     $queue_directory/maildrop:d:$mail_owner:$setgid_group:730:uc\n";

/// Whether the genuine postfix(1) has the script that does its work: among programs of Posthorn it has none.
fn has_script(instance: &Instance) -> bool {
    !Subject::from_environment().is_genuine("postfix") || instance.path("libexec/postfix-script").exists()
}

fn postfix(instance: &Instance, arguments: &[&str]) -> Output {
    instance.run("postfix", &[&["-c", &instance.expand("{dir}/etc")], arguments].concat())
}

/// What a command said, wherever.
fn said(instance: &Instance, output: &Output) -> String {
    format!("{}{}{}", output.stdout, output.stderr, instance.log())
}

/// Config checklist 51.
#[test]
fn old_defaults_are_told_by_every_command() {
    require_instances!();
    let hint = "To disable backwards compatibility use \"postconf compatibility_level=3.6\" and \"postfix reload\"";
    for (level, expected) in [("0", true), ("3.6", false)] {
        let instance = Instance::builder().set("compatibility_level", level).set("mynetworks_style", "host").build();
        let output = postfix(&instance, &["check"]);
        let said = said(&instance, &output);
        for line in [
            "Postfix is using backwards-compatible default settings",
            "See http://www.postfix.org/COMPATIBILITY_README.html for details",
            hint,
        ] {
            assert_eq!(said.contains(line), expected, "{level}: {line}: {said}");
        }
    }
}

/// Config checklist 53.
#[test]
fn permissions_are_mended_and_files_of_the_queue_keep_theirs() {
    require_instances!();
    let instance = Instance::builder().build();
    if !has_script(&instance) {
        skip!("the genuine postfix is without its script");
    }
    instance.write("etc/postfix-files", FILES);
    instance.write("q/deferred/file", "x");
    fs::set_permissions(instance.path("q/deferred/file"), fs::Permissions::from_mode(0o640)).expect("permissions");
    chown(instance.path("q/active"), Some(0), Some(0)).expect("an owner");
    fs::set_permissions(instance.path("q/public"), fs::Permissions::from_mode(0o777)).expect("permissions");
    fs::remove_dir(instance.path("q/trace")).expect("an empty directory");
    let output = postfix(&instance, &["set-permissions"]);
    assert_eq!(output.status, 0, "{}", said(&instance, &output));
    let owner = sys::privilege::account("postfix").ok().flatten().expect("an account").uid;
    let group = sys::privilege::group("postdrop").ok().flatten().expect("a group");
    let seen = |name: &str| {
        let metadata = fs::metadata(instance.path("q").join(name)).expect("a file");
        (metadata.uid(), metadata.gid(), metadata.mode() & 0o7777)
    };
    assert_eq!((seen("active").0, seen("active").2), (owner, 0o700));
    assert_eq!((seen("trace").0, seen("trace").2), (owner, 0o700));
    assert_eq!(seen("public"), (owner, group, 0o710));
    assert_eq!(seen("deferred/file").2, 0o640);
}

/// Config checklist 54.
#[test]
fn a_configuration_is_brought_up_to_date_once() {
    require_instances!();
    let old = "smtp inet n - n - - smtpd\npickup fifo n n n 60 1 pickup\ncleanup unix - - n - 0 cleanup\n\
               # a comment\nflush unix - - n 1000? 0 flush\n  -v\nverify unix - - n - 0 verify\n\
               proxywrite unix - - n - - proxymap\ntlsmgr fifo - - n 300 1 tlsmgr\n";
    let instance = Instance::builder().set("hash_queue_names", "incoming").build();
    if !has_script(&instance) {
        skip!("the genuine postfix is without its script");
    }
    instance.write("etc/postfix-files", FILES);
    instance.write("etc/master.cf", old);
    let output = postfix(&instance, &["upgrade-configuration"]);
    assert_eq!(output.status, 0, "{}", said(&instance, &output));
    let path = instance.expand("{dir}/etc/master.cf");
    for note in [
        "adding missing entry for relay service",
        "setting verify process limit to 1",
        "making the pickup service unprivileged",
        "making the cleanup service public",
        "making the flush service public",
        "updating the tlsmgr from fifo to unix service",
        "setting proxywrite process limit to 1",
        "adding missing entry for postlog unix-domain datagram service",
        "adding missing entry for tlsproxy unix-domain service",
    ] {
        assert!(output.stdout.contains(&format!("Editing {path}, {note}\n")), "{note}: {output:?}");
    }
    assert!(output.stdout.contains("fixing main.cf hash_queue_names for missing defer deferred\n"), "{output:?}");
    let text = instance.read("etc/master.cf");
    let changed = "smtp inet n - n - - smtpd\npickup fifo n - n 60 1 pickup\ncleanup unix n - n - 0 cleanup\n\
                   # a comment\nflush unix n - n 1000? 0 flush\n  -v\nverify unix - - n - 1 verify\n\
                   proxywrite unix - - n - 1 proxymap\ntlsmgr unix - - n 300? 1 tlsmgr\nrelay";
    assert!(text.starts_with(changed), "{text}");
    assert_eq!(text.matches("\npostlog ").count(), 1, "{text}");
    assert!(instance.read("etc/main.cf").contains("hash_queue_names = incoming defer deferred\n"));
    let output = postfix(&instance, &["upgrade-configuration"]);
    assert_eq!((output.status, output.stdout.as_str()), (0, ""), "{output:?}");
    assert_eq!(instance.read("etc/master.cf"), text);
}

#[test]
fn where_things_are_can_be_changed_by_the_way() {
    require_instances!();
    let instance = Instance::builder().build();
    if !has_script(&instance) {
        skip!("the genuine postfix is without its script");
    }
    instance.write("etc/postfix-files", FILES);
    let readme = instance.expand("readme_directory={dir}/readme");
    let output = postfix(&instance, &["set-permissions", &readme]);
    assert_eq!(output.status, 0, "{}", said(&instance, &output));
    assert!(instance.read("etc/main.cf").contains(&instance.expand("readme_directory = {dir}/readme\n")));
    let output = postfix(&instance, &["set-permissions", "a b"]);
    assert_eq!(output.status, 1, "{output:?}");
    let whitespace = "post-install: Error: argument contains whitespace: 'a b'";
    assert!(format!("{}{}", output.stdout, output.stderr).contains(whitespace), "{output:?}");
    let output = postfix(&instance, &["post-install", "nonsense"]);
    assert!(output.status == 1 && output.stderr.contains("Usage"), "{output:?}");
    let output = postfix(&instance, &["/bin/sh", "-c", "echo $queue_directory"]);
    assert_eq!(output.stdout, instance.expand("{dir}/q\n"), "{output:?}");
}

#[test]
fn a_log_file_needs_its_service() {
    require_instances!();
    let instance = Instance::builder().master_cf("pickup unix n - n 60 1 pickup\n").build();
    if !has_script(&instance) {
        skip!("the genuine postfix is without its script");
    }
    instance.write("etc/postfix-files", FILES);
    let output = postfix(&instance, &["check"]);
    assert_eq!(output.status, 1, "{output:?}");
    let said = said(&instance, &output);
    assert!(said.contains("missing 'postlog' service in master.cf - run 'postfix upgrade-configuration'"), "{said}");
}

/// `postfix check` says what in main.cf and master.cf cannot work as it was meant; the control does not.
#[test]
fn what_cannot_work_is_found_by_a_check() {
    require_instances!();
    if Subject::from_environment() != Subject::Posthorn {
        skip!("only Posthorn does");
    }
    let instance = Instance::builder()
        .set("smtpd_recipient_restrictions", "permit_mynetworks, reject, check_sender_access static:x")
        .set("virtual_alias_maps", "texthash:{dir}/nosuch")
        .set("canonical_maps", "hash:{dir}/etc/old")
        .set("relay_domain", "x")
        .set("relayhost", "${nosuch}")
        .set("virtual_maps", "static:x")
        .service(
            "10025 inet n - n - - smtpd\n  -o smtpd_client_restrictions=permit,reject -o mynetworks=cidr:{dir}/none",
        )
        .file("etc/old", "a b\n")
        .file("etc/old.db", "")
        .build();
    let past = SystemTime::now() - Duration::from_secs(3600);
    let table = fs::File::options().write(true).open(instance.path("etc/old.db")).expect("a file");
    table.set_modified(past).expect("a time");
    let output = postfix(&instance, &["check"]);
    let said = said(&instance, &output);
    for (file, text) in [
        (
            "main.cf",
            ": smtpd_recipient_restrictions: check_sender_access is never reached, because reject comes before it",
        ),
        ("main.cf", ": virtual_alias_maps: cannot read "),
        ("main.cf", "/etc/old: its table of type hash must be made anew"),
        ("main.cf", ": unused parameter: relay_domain=x"),
        ("main.cf", ": undefined parameter: nosuch"),
        ("main.cf", ": support for parameter \"virtual_maps\" will be removed"),
        (
            "master.cf",
            ": 10025/inet: smtpd_client_restrictions: reject is never reached, because permit comes before it",
        ),
        ("master.cf", ": 10025/inet: mynetworks: cannot read "),
    ] {
        let named = |line: &&str| line.contains(&format!("{file}, line ")) && line.contains(text);
        assert_eq!(said.lines().filter(named).count(), 1, "{text}: {said}");
    }
    assert_eq!(output.status, 0);
}
