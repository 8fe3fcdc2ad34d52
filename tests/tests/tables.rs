//! Lookup tables through postmap and postalias (tables §2 to §4, checklist §11).

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

use tests::{Instance, Output, Subject, require_instances};

const SOURCE: &str = "# comment\n\n   \n# more\n\nkey one\n# between\n  value\nUPPER case\nkey second\n";

fn instance() -> Instance {
    Instance::builder().file("t/source", SOURCE).build()
}

/// Runs postmap on a table of this type whose source is `t/<name>`.
fn postmap(instance: &Instance, options: &[&str], kind: &str, name: &str) -> Output {
    let table = instance.expand(&format!("{kind}:{{dir}}/t/{name}"));
    instance.run("postmap", &[options, &[&table]].concat())
}

/// Asks for a key that is there.
fn found(instance: &Instance, table: &str, key: &str) -> String {
    instance.ask(table, key).success().stdout
}

/// Checklist 1.
#[test]
fn unknown_types_are_fatal() {
    require_instances!();
    let output = instance().ask("nosuch:name", "x");
    assert_eq!(output.status, 1);
    assert!(output.stderr.starts_with("postmap: fatal: unsupported dictionary type: nosuch"), "{output:?}");
}

/// Checklist 9 to 15, 17 and 20.
#[test]
fn a_table_is_built_asked_changed_and_listed() {
    require_instances!();
    let instance = instance();
    let built = postmap(&instance, &[], "hash", "source").success();
    assert!(built.stderr.contains("duplicate entry: \"key\""), "{built:?}");
    for kind in ["hash", "texthash"] {
        let table = format!("{kind}:{{dir}}/t/source");
        assert_eq!(found(&instance, &table, "key"), "one  value\n");
        assert_eq!(found(&instance, &table, "upper"), "case\n");
        assert_eq!(found(&instance, &table, "UPPER"), "case\n");
        let output = instance.ask(&table, "nothing");
        assert_eq!((output.status, output.stdout.as_str()), (1, ""));
    }
    let added = instance.run_with("postmap", &["-i", &instance.expand("hash:{dir}/t/source")], "third 3\nupper no\n");
    assert!(added.success().stderr.contains("duplicate entry: \"upper\""));
    let listed = postmap(&instance, &["-s"], "hash", "source").success().stdout;
    let mut lines: Vec<_> = listed.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["key\tone  value", "third\t3", "upper\tcase"]);
    assert_eq!(postmap(&instance, &["-d", "third"], "hash", "source").status, 0);
    assert_eq!(postmap(&instance, &["-d", "third"], "hash", "source").status, 1);
}

/// Checklist 13.
#[test]
fn duplicates_warn_or_replace() {
    require_instances!();
    let instance = instance();
    assert_eq!(postmap(&instance, &["-w"], "hash", "source").success().stderr, "");
    assert_eq!(found(&instance, "hash:{dir}/t/source", "key"), "one  value\n");
    assert_eq!(postmap(&instance, &["-r"], "hash", "source").success().stderr, "");
    assert_eq!(found(&instance, "hash:{dir}/t/source", "key"), "second\n");
}

/// Checklist 2 and 3.
#[test]
fn keys_with_and_without_a_null_byte_are_found() {
    require_instances!();
    for option in ["-N", "-n"] {
        let instance = instance();
        postmap(&instance, &["-w", option], "hash", "source").success();
        assert_eq!(found(&instance, "hash:{dir}/t/source", "key"), "one  value\n", "{option}");
    }
}

/// Checklist 6 to 8.
#[test]
fn index_files_take_after_their_source() {
    require_instances!();
    let instance = instance();
    let (source, index) = (instance.path("t/source"), instance.path("t/source.db"));
    fs::set_permissions(&source, Permissions::from_mode(0o640)).expect("permissions");
    let owner = sys::privilege::account(tests::USERS[0]).ok().flatten().expect("an account");
    chown(&source, Some(owner.uid), Some(owner.gid)).expect("ownership");
    fs::set_permissions(instance.path("t"), Permissions::from_mode(0o777)).expect("permissions");
    postmap(&instance, &["-w"], "hash", "source").success();
    let first = index.metadata().expect("the index");
    assert_eq!((first.mode() & 0o777, first.uid(), first.gid()), (0o640, owner.uid, owner.gid));
    postmap(&instance, &["-w"], "hash", "source").success();
    assert_eq!(index.metadata().expect("the index").ino(), first.ino());
    fs::remove_file(&index).expect("the index");
    postmap(&instance, &["-w", "-p", "-o"], "hash", "source").success();
    let metadata = index.metadata().expect("the index");
    assert_eq!((metadata.mode() & 0o777, metadata.uid()), (0o644, 0));
}

/// Checklist 11 and 16.
#[test]
fn bad_lines_are_named_and_many_keys_asked_at_once() {
    require_instances!();
    let instance = Instance::builder().file("t/bad", "  first\na 1\nlonely\nb 2\n").build();
    let output = postmap(&instance, &[], "hash", "bad").success();
    let path = instance.expand("{dir}/t/bad");
    assert!(
        output.stderr.contains(&format!("postmap: warning: {path}: logical line must not start with whitespace")),
        "{output:?}"
    );
    assert!(
        output.stderr.contains(&format!("warning: {path}, line 3: expected format: key whitespace value")),
        "{output:?}"
    );
    let output = instance.run_with("postmap", &["-q", "-", &instance.expand("hash:{dir}/t/bad")], "a\nx\nb\n");
    assert_eq!((output.status, output.stdout.as_str()), (0, "a\t1\nb\t2\n"));
}

/// Checklist 18, 21 to 23 and 33.
#[test]
fn tables_without_files_answer() {
    require_instances!();
    let instance = instance();
    assert_eq!(found(&instance, "static:{ a b }", "x"), "a b\n");
    assert_eq!(found(&instance, "inline:{ {a=1} b=2 }", "b"), "2\n");
    let empty = instance.ask("inline:{x=}", "x");
    assert_eq!((empty.status, empty.stdout.as_str()), (0, "\n"));
    assert_eq!(empty.stderr.matches("warning: table inline:").count(), 2, "{empty:?}");
    assert_eq!(found(&instance, "unionmap:{static:a,static:b}", "x"), "a,b\n");
    assert_eq!(found(&instance, "pipemap:{inline:{x=y},inline:{y=z}}", "x"), "z\n");
    assert_eq!(instance.ask("pipemap:{inline:{q=y},inline:{y=z}}", "x").status, 1);
    let output = instance.ask("fail:x", "y");
    assert_eq!(output.status, 1);
    assert!(output.stderr.contains("fatal: table fail:x: query error: "), "{output:?}");
    let output = instance.run("postmap", &["-q", "b", "inline:{a=1}", "inline:{b=2}"]).success();
    assert_eq!(output.stdout, "2\n");
    assert_eq!(found(&instance, "unix:passwd.byname", "root").trim_end().split(':').count(), 7);
}

/// Checklist 24 to 28.
#[test]
fn regular_expressions_match() {
    require_instances!();
    let rules = "/^a(b)?(.)/ got $1-$2\n/^Case/i upper\nif /^in/\n/x$/ inner\nendif\nif !/^no/\n/^y/ yes\nendif\n/line.two/ lf\n";
    let instance = Instance::builder().file("t/re", rules).file("t/zero", "/^(a)/ $0\n").build();
    let table = "regexp:{dir}/t/re";
    for (key, value) in [
        ("acd", "got -c\n"),
        ("abd", "got b-d\n"),
        ("Case", "upper\n"),
        ("inx", "inner\n"),
        ("y", "yes\n"),
        ("line\ntwo", "lf\n"),
    ] {
        assert_eq!(found(&instance, table, key), value, "{key}");
    }
    assert_eq!(instance.ask(table, "case").status, 1);
    assert!(instance.ask("regexp:{dir}/t/zero", "a").stderr.contains("out-of-range replacement index \"0\""));
}

/// Checklist 30 and 31.
#[test]
fn networks_match_addresses() {
    require_instances!();
    let rules = "192.0.2.0/24 net\n[::1]/128 one\n[2001:db8::/32] doc\n0.0.0.0/0 all\n";
    let instance = Instance::builder().file("t/cidr", rules).build();
    for (key, value) in [("192.0.2.7", "net\n"), ("::1", "one\n"), ("2001:db8::5", "doc\n"), ("10.0.0.1", "all\n")] {
        assert_eq!(found(&instance, "cidr:{dir}/t/cidr", key), value, "{key}");
    }
    assert_eq!(instance.ask("cidr:{dir}/t/cidr", "host.example").status, 1);
}

/// Checklist 46 and 47.
#[test]
fn alias_databases_are_built() {
    require_instances!();
    let instance =
        Instance::builder().file("t/aliases", "postmaster: root\nu@dom: x\nlist: a,\n  b@x, |\"/bin/cmd x\"\n").build();
    instance.run("newaliases", &[]).success();
    let table = instance.expand("hash:{dir}/t/aliases");
    let output = instance.run("postalias", &[&table]).success();
    assert!(output.stderr.contains("line 2: name must be local"), "{output:?}");
    let asked = instance.run("postalias", &["-q", "list", &table]).success();
    assert_eq!(asked.stdout, "a, b@x, |\"/bin/cmd x\"\n");
}

/// Checklist 48: newer than the control.
#[test]
fn entries_are_printed_as_json() {
    require_instances!();
    if Subject::from_environment().is_genuine("postmap") {
        return;
    }
    let instance = Instance::builder().file("t/source", "Key  a \"value\"\nb\\\\x y\n").build();
    postmap(&instance, &[], "cdb", "source").success();
    assert_eq!(
        postmap(&instance, &["-j", "-s"], "cdb", "source").success().stdout,
        "{\"key\": \"a \\\"value\\\"\"}\n{\"b\\\\\\\\x\": \"y\"}\n"
    );
    let output = postmap(&instance, &["-j", "-q", "KEY"], "cdb", "source").success();
    assert_eq!(output.stdout, "{\"KEY\": \"a \\\"value\\\"\"}\n");
    let output = postmap(&instance, &["-j"], "cdb", "source");
    assert_eq!(output.stderr, "postmap: fatal: option -j requires -q or -s\n");
}

/// Checklist 19.
#[test]
fn an_error_is_told_from_a_key_that_is_not_there() {
    require_instances!();
    let instance = instance();
    instance.assert_fails("fail:x", "key", "postmap: fatal: table fail:x: query error: ");
    instance.assert_nothing("inline:{a=b}", "key");
    let output = instance.run("postalias", &["-q", "key", "fail:x"]);
    assert!(
        output.stderr.contains("postalias: fatal: table fail:x: query error: ") && output.status == 1,
        "{output:?}"
    );
}

/// Checklist 32.
#[test]
fn accounts_of_the_system_are_tables() {
    require_instances!();
    let instance = instance();
    let line = found(&instance, "unix:passwd.byname", "phtest1");
    let fields: Vec<_> = line.trim_end().split(':').collect();
    assert_eq!(fields.len(), 7, "{line}");
    assert_eq!((fields[0], fields[6]), ("phtest1", "/bin/sh"));
    let line = found(&instance, "unix:group.byname", "postdrop");
    assert_eq!(line.trim_end().split(':').count(), 4, "{line}");
    instance.assert_nothing("unix:passwd.byname", "nobody.of.that.name");
    instance.assert_unusable("unix:x", "unknown table: unix:x");
}

/// Checklist 36.
#[test]
fn keys_that_are_no_text() {
    require_instances!();
    let instance = Instance::builder().build();
    instance.write("t/bytes", b"k\xe9y value\nother \xe9\n");
    let built = postmap(&instance, &["-u"], "hash", "bytes").success();
    assert_eq!(built.stderr, "");
    let table = instance.expand("hash:{dir}/t/bytes");
    let ask = |options: &[&str], key: &[u8]| {
        let key = std::os::unix::ffi::OsStrExt::from_bytes(key);
        let words = options.iter().map(std::ffi::OsStr::new).chain(["-q".as_ref(), key, table.as_ref()]);
        Output::of(instance.command("postmap").args(words), b"")
    };
    let output = ask(&[], b"k\xe9y");
    let warning =
        format!("postmap: warning: {}/t/bytes: non-UTF-8 key \"k?y\": malformed UTF-8", instance.expand("hash:{dir}"));
    assert!(output.stderr.replace("bytes.db", "bytes").starts_with(&warning), "{output:?}");
    assert_eq!((output.status, output.stdout.as_str()), (1, ""));
    assert_eq!(ask(&["-u"], b"k\xe9y").success().stdout, "value\n");
    let output = ask(&[], b"other");
    assert!(output.stderr.contains("non-UTF-8 value \"?\": malformed UTF-8"), "{output:?}");
    assert!(output.stderr.ends_with("query error\n") && output.status == 1, "{output:?}");
}

/// Checklist 38.
#[test]
fn a_source_that_is_newer_is_told_of() {
    require_instances!();
    let instance = instance();
    for kind in ["hash", "lmdb"] {
        postmap(&instance, &[], kind, "source").success();
    }
    let index = |name: &str| instance.path(&format!("t/source.{name}"));
    for (name, kind) in [("db", "hash"), ("lmdb", "lmdb")] {
        tests::place::set_mtime(&index(name), -500);
        let table = format!("{kind}:{{dir}}/t/source");
        assert_eq!(instance.ask(&table, "upper").success().stderr, "", "the source has just been written");
        tests::place::set_mtime(&instance.path("t/source"), -200);
        let warning = format!("database {} is older than source file ", index(name).display());
        let output = instance.ask(&table, "upper").success();
        assert!(output.stderr.contains(&warning), "{output:?}");
        tests::place::set_mtime(&instance.path("t/source"), 0);
    }
}

/// Checklist 46.
#[test]
fn there_may_be_no_alias_database() {
    require_instances!();
    let output = Instance::builder().set("alias_database", "").build().run("newaliases", &[]);
    assert_eq!((output.status, output.stdout.as_str(), output.stderr.as_str()), (0, "", ""));
}
