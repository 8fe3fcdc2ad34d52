//! The table types from the outside (tables §4, §10, §11).

use std::path::Path;

use table::{Change, Error, Flags, Mode, Owner, Settings, Tables};

fn tables() -> Tables {
    Tables::new(Settings::default())
}

fn ask(name: &str, key: &str) -> Option<String> {
    let table = tables().try_open(name.as_bytes(), Flags::LIST, Mode::ReadOnly).unwrap();
    table.lookup(key.as_bytes()).unwrap().map(|value| value.to_string())
}

fn open_error(name: &str) -> String {
    tables().try_open(name.as_bytes(), Flags::LIST, Mode::ReadOnly).unwrap_err().to_string()
}

fn build(kind: &str, path: &Path, flags: Flags, entries: &[(&str, &str)]) -> Result<(), Error> {
    let name = format!("{kind}:{}", path.display());
    let table = tables().create(name.as_bytes(), flags | Flags::FOLD_FIX, Mode::Truncate).unwrap();
    for (key, value) in entries {
        table.update(key.as_bytes(), value.as_bytes())?;
    }
    table.finish()
}

#[test]
fn indexed_files_are_found_with_and_without_nul() {
    let directory = tempfile::tempdir().unwrap();
    for kind in ["hash", "btree", "lmdb", "cdb"] {
        for flags in [Flags::WARN_DUP, Flags::TRY_WITH_NUL, Flags::TRY_WITHOUT_NUL] {
            let path = directory.path().join(kind);
            build(kind, &path, flags, &[("Foo", "bar  more"), ("a", "b")]).unwrap();
            let name = format!("{kind}:{}", path.display());
            assert_eq!(ask(&name, "FOO").as_deref(), Some("bar  more"), "{kind} {flags}");
            assert_eq!(ask(&name, "c"), None);
        }
    }
}

#[test]
fn duplicates_are_what_the_flags_say() {
    let directory = tempfile::tempdir().unwrap();
    let entries = [("a", "1"), ("A", "2")];
    for kind in ["hash", "btree", "lmdb", "cdb"] {
        let path = directory.path().join(kind);
        let name = format!("{kind}:{}", path.display());
        build(kind, &path, Flags::IGNORE_DUP, &entries).unwrap();
        assert_eq!(ask(&name, "a").as_deref(), Some("1"));
        build(kind, &path, Flags::REPLACE, &entries).unwrap();
        assert_eq!(ask(&name, "a").as_deref(), Some("2"));
        let error = build(kind, &path, Flags::NONE, &entries).unwrap_err().to_string();
        assert!(error.ends_with(": duplicate entry: \"a\""), "{error}");
    }
}

#[test]
fn caches_are_updated_listed_and_cleaned() {
    let directory = tempfile::tempdir().unwrap();
    for kind in ["hash", "btree", "lmdb"] {
        let name = format!("{kind}:{}", directory.path().join(kind).display());
        let flags = Flags::LOCK | Flags::REPLACE | Flags::SYNC_UPDATE;
        let cache = tables().try_open(name.as_bytes(), flags, Mode::Create).unwrap();
        for n in 0..500 {
            assert_eq!(cache.update(format!("key{n}").as_bytes(), b"value").unwrap(), Change::Done);
        }
        let (mut count, mut restart) = (0, true);
        while let Some((key, value)) = cache.sequence(restart).unwrap() {
            assert_eq!(value, "value");
            assert_eq!(cache.delete(&key).unwrap(), Change::Done);
            (count, restart) = (count + 1, false);
        }
        assert_eq!(count, 500);
        assert_eq!(cache.delete(b"key1").unwrap(), Change::Nothing);
    }
}

#[test]
fn a_changed_file_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("t");
    let name = format!("hash:{}", path.display());
    build("hash", &path, Flags::WARN_DUP, &[("a", "1")]).unwrap();
    let open = tables();
    open.maps("test_maps", name.as_bytes(), Flags::LIST);
    assert_eq!(open.changed(), None);
    std::thread::sleep(std::time::Duration::from_millis(20));
    build("hash", &path, Flags::WARN_DUP, &[("a", "2")]).unwrap();
    assert_eq!(open.changed(), Some(format!("{name}(0,lock|fold_fix|utf8_request)")));
}

#[test]
fn regular_expressions() {
    for kind in ["regexp", "pcre"] {
        let table =
            format!("{kind}:{{{{/^(a)(b)?c$/ x$1-${{2}}-$(1)$$}}, {{if /^q/}}, {{/qq/ two}}, {{endif}}, {{!/z/ n}}}}");
        for (key, value) in [("ac", Some("xa--a$")), ("ABC", Some("xA-B-A$")), ("qqz", Some("two")), ("zqq", None)] {
            assert_eq!(ask(&table, key).as_deref(), value, "{kind} {key}");
        }
    }
    assert_eq!(ask("regexp:{{/a/!/b/ yes}}", "a").as_deref(), Some("yes"));
    assert_eq!(ask("regexp:{{/a/!/b/ yes}}", "ab"), None);
    let paranoid = tables().try_open(b"regexp:{{/(.)/ $1}, {/./ x}}", Flags::PARANOID, Mode::ReadOnly).unwrap();
    assert_eq!(paranoid.lookup(b"a").unwrap().unwrap(), "x");
}

#[test]
fn networks() {
    let table = "cidr:{{1.2.3.0/24 net}, {if ::/0}, {!2001:db8::/32 notdoc}, {endif}, {if !10.0.0.0/8}, {0.0.0.0/0 any}, {endif}}";
    for (key, value) in [
        ("1.2.3.4", Some("net")),
        ("::1", Some("notdoc")),
        ("2001:db8::1", None),
        ("9.9.9.9", Some("any")),
        ("10.1.1.1", None),
        ("host", None),
    ] {
        assert_eq!(ask(table, key).as_deref(), value, "{key}");
    }
}

#[test]
fn tables_made_of_tables_and_of_nothing() {
    assert_eq!(ask("unionmap:{static:a, inline:{x=b}, inline:{k=c}}", "x").as_deref(), Some("a,b"));
    assert_eq!(ask("pipemap:{inline:{a=b}, inline:{b=c}}", "a").as_deref(), Some("c"));
    assert_eq!(ask("pipemap:{inline:{a=b}, fail:x}", "c"), None);
    assert_eq!(ask("randmap:{one}", "a").as_deref(), Some("one"));
    assert_eq!(ask("static:{ a b }", "x").as_deref(), Some("a b"));
    assert_eq!(ask("unix:passwd.byname", "root").unwrap().split(':').count(), 7);
    let fail = tables().try_open(b"fail:x", Flags::NONE, Mode::ReadOnly).unwrap();
    assert_eq!(fail.lookup(b"x"), Err(Error::RETRY));
}

#[test]
fn names_that_cannot_be_opened() {
    assert_eq!(open_error("nosuch:x"), "unsupported dictionary type: nosuch");
    assert_eq!(open_error("x"), "open dictionary: expecting \"type:name\" form instead of \"x\"");
    assert_eq!(open_error("hash:/no/such"), "open database /no/such.db: No such file or directory");
    assert_eq!(open_error("inline:{}"), "bad syntax: \"inline:{}\"; need \"inline:{name=value...}\"");
    let writable = tables().try_open(b"cidr:{}", Flags::NONE, Mode::ReadWrite).unwrap_err();
    assert_eq!(writable.to_string(), "cidr:{} map requires O_RDONLY access mode");
    let error = tables().create(b"regexp:x", Flags::NONE, Mode::Truncate).unwrap_err();
    assert_eq!(error.to_string(), "unsupported dictionary type: regexp does not support bulk-mode creation.");
}

#[test]
fn a_surrogate_fails_softly() {
    let table = tables().open(b"hash:/no/such", Flags::LIST, Mode::ReadOnly);
    assert_eq!((table.is_fixed(), table.owner()), (false, Owner::Trusted));
    assert_eq!(table.lookup(b"x"), Err(Error::RETRY));
    let maps = tables().maps("test_maps", b"static:a hash:/no/such", Flags::LIST);
    assert_eq!(maps.find(b"x").unwrap().unwrap(), "a");
    assert!(tables().maps("test_maps", b"hash:/no/such static:a", Flags::LIST).find(b"x").is_err());
}

#[test]
fn text_that_is_not_utf8() {
    let table = tables().try_open(b"static:x", Flags::LIST, Mode::ReadOnly).unwrap();
    assert_eq!(table.lookup(b"\xff"), Ok(None));
    let unchecked = tables().try_open(b"static:x", Flags::LOCK, Mode::ReadOnly).unwrap();
    assert_eq!(unchecked.lookup(b"\xff").unwrap().unwrap(), "x");
    let bad_value = tables().try_open(b"static:\xff", Flags::LIST, Mode::ReadOnly).unwrap();
    assert_eq!(bad_value.lookup(b"x"), Err(Error::Config));
}
