//! Tables that real servers of other makers answer (tables §5, checklist 42, 43 and 45).

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};

use tests::servers::Server;
use tests::{Instance, Subject, require_instances};

/// Sends a line, or more, to a server; the first line of the answer.
fn tell(server: SocketAddr, text: &str) -> String {
    let mut stream = TcpStream::connect(server).expect("a connection");
    stream.write_all(text.as_bytes()).expect("a request");
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).expect("a reply");
    line.trim_end().to_owned()
}

const REFUSED: &str = "query error: Connection refused";

/// Checklist 42, 43 and 45.
#[test]
fn memcached_is_asked_before_its_backup() {
    require_instances!();
    let Some(mut server) = Server::memcached() else { return };
    let place = format!("memcache = inet:{}\n", server.address());
    let instance = Instance::builder()
        .file("t/plain", &place)
        .file("t/cache", &format!("{place}backup = texthash:{{dir}}/t/table\ndomain = example.com\nttl = 100\n"))
        .file("t/label", &format!("{place}key_format = %2-%1\n"))
        .file("t/table", "a@example.com from the table\na@other no\n")
        .build();
    instance.assert_nothing("memcache:{dir}/t/plain", "a@example.com");
    instance.assert_found("memcache:{dir}/t/cache", "A@Example.com", "from the table");
    instance.assert_found("memcache:{dir}/t/plain", "a@example.com", "from the table");
    for key in ["a@other", "a", "@example.com"] {
        instance.assert_nothing("memcache:{dir}/t/cache", key);
    }
    assert_eq!(tell(server.address(), "set example-com 0 0 6\r\nlabels\r\n"), "STORED");
    instance.assert_found("memcache:{dir}/t/label", "u@mail.example.com", "labels");
    instance.assert_nothing("memcache:{dir}/t/label", "u@com");
    let delete = |key: &str| instance.run("postmap", &["-d", key, &instance.expand("memcache:{dir}/t/plain")]).status;
    assert_eq!((delete("a@example.com"), delete("a@example.com"), delete("a b")), (0, 1, 1));

    server.kill();
    instance.assert_fails("memcache:{dir}/t/plain", "example-com", REFUSED);
    instance.assert_found("memcache:{dir}/t/cache", "a@example.com", "from the table");
    server.restart();
    instance.assert_nothing("memcache:{dir}/t/plain", "example-com");
    instance.assert_found("memcache:{dir}/t/cache", "a@example.com", "from the table");
    instance.assert_found("memcache:{dir}/t/plain", "a@example.com", "from the table");
}

#[test]
fn parameters_that_are_wrong_or_in_main_cf() {
    require_instances!();
    let Some(server) = Server::memcached() else { return };
    let instance = Instance::builder()
        .set("cache_memcache", &format!("inet:{}", server.address()))
        .set("cache_key_format", "$prefix-%s")
        .set("prefix", "p")
        .file("t/line", "foo\n")
        .file("t/number", "ttl = zz\n")
        .file("t/code", "key_format = %q\n")
        .file("t/place", "memcache = foo:bar\n")
        .build();
    assert_eq!(tell(server.address(), "set p-key 0 0 5\r\nvalue\r\n"), "STORED");
    instance.assert_found("memcache:cache", "key", "value");
    for (file, problem) in [
        ("t/line", "{file}, line 1: missing '=' after attribute name: \"foo\""),
        ("t/number", "{file}: bad numerical configuration: ttl = zz"),
        ("t/code", "db_common_parse: {file}: Invalid query template: %q"),
        ("t/place", "invalid transport name: foo in service: foo:bar"),
        ("t/none", "open {file}: No such file or directory"),
    ] {
        let file = instance.expand(&format!("{{dir}}/{file}"));
        let output = instance.ask(&format!("memcache:{file}"), "key");
        assert_eq!(output.stderr, format!("postmap: fatal: {}\n", problem.replace("{file}", &file)));
    }
}

/// A type of our own.
#[test]
fn redis_is_asked() {
    require_instances!();
    if Subject::from_environment().is_genuine("postmap") {
        return;
    }
    let Some(mut server) = Server::redis("secret") else { return };
    let place = format!("redis = inet:{}\npassword = secret\ndbnum = 2\n", server.address());
    let instance = Instance::builder()
        .file("t/redis", &format!("{place}key_format = user:%s\nresult_format = <%s>\n"))
        .file("t/locked", &place.replace("secret", "wrong"))
        .build();
    let fill = "AUTH secret\r\nSELECT 2\r\nSET user:key value\r\n";
    assert_eq!(tell(server.address(), fill), "+OK");
    instance.assert_found("redis:{dir}/t/redis", "Key", "<value>");
    instance.assert_nothing("redis:{dir}/t/redis", "other");
    let output = instance.ask("redis:{dir}/t/locked", "key");
    assert!(output.stderr.contains("unexpected redis server reply: -WRONGPASS"), "{output:?}");
    server.kill();
    instance.assert_fails("redis:{dir}/t/redis", "key", REFUSED);
    server.restart();
    instance.assert_nothing("redis:{dir}/t/redis", "key");
}
