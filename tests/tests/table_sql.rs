//! Tables in SQL databases (tables §5.4, checklist 42 to 44).

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use rusqlite::Connection;
use tests::lookup::ProxyMap;
use tests::servers::{Certificate, Server};
use tests::subject::Subject;
use tests::{Builder, Instance, require_instances, wait};

/// One statement on each line, for all three.
const STATEMENTS: &str = "\
CREATE TABLE a (u VARCHAR(80), d VARCHAR(80), dst VARCHAR(80), n INT)
INSERT INTO a VALUES ('ann', 'x.org', 'one', 1), ('ann', 'x.org', 'two', 2), ('o''neil', 'x.org', 'neil', NULL)
INSERT INTO a VALUES ('empty', 'x.org', '', NULL), ('part', 'x.org', 'user@place', NULL), ('com', 'org', 'labels', 3)
INSERT INTO a VALUES ('alias@other.example', '', 'phtest1@local.example', NULL), ('v.example', '', 'v/file', 8765)
";

/// Configuration files: each with the lines that say where the database is, and its own.
fn files(builder: Builder, place: &str, list: &[(&str, &str)]) -> Builder {
    list.iter().fold(builder, |builder, (name, lines)| builder.file(&format!("t/{name}"), &format!("{place}{lines}\n")))
}

/// What is the same for all.
const COMMON: [(&str, &str); 10] = [
    ("plain", "query = SELECT dst FROM a WHERE u='%u' AND d='%d'"),
    ("whole", "query = SELECT dst FROM a WHERE u='%s'"),
    ("domain", "query = SELECT dst FROM a WHERE u='ann'\ndomain = example.com, x.org"),
    ("limit", "query = SELECT dst FROM a WHERE u='%u'\nexpansion_limit = 1"),
    ("format", "query = SELECT dst FROM a WHERE u='%u'\nresult_format = <%s>%U at %D"),
    ("parts", "query = SELECT dst FROM a WHERE u='%u'\nresult_format = %d+%u"),
    ("labels", "query = SELECT dst FROM a WHERE u='%1' AND d='%3'"),
    ("old", "table = a\nselect_field = dst\nwhere_field = u\nadditional_conditions = AND d='x.org' ORDER BY n"),
    ("percent", "query = SELECT '100%%' FROM a WHERE u='%s'"),
    ("incomplete", "table = a"),
];

/// Checklist 42 to 44, and quoting.
fn check_common(instance: &Instance, kind: &str) {
    let table = |name: &str| format!("{kind}:{{dir}}/t/{name}");
    instance.assert_found(&table("plain"), "Ann@X.org", "one,two");
    instance.assert_found(&table("plain"), "O'Neil@x.org", "neil");
    for key in ["ann", "@x.org", "ann@", "none@x.org", "x' OR '1'='1@x.org", "\\' OR 1=1 -- @x.org", "ann@x.org'"] {
        instance.assert_nothing(&table("plain"), key);
    }
    instance.assert_nothing(&table("whole"), "' UNION SELECT 'attack");
    instance.assert_nothing(&table("whole"), "\\' UNION SELECT 'attack' -- ");
    let output = instance.ask(&table("plain"), "empty@x.org");
    let warning = "empty lookup result for: \"empty@x.org\" -- ignored";
    assert!(output.stderr.contains(warning) && output.status == 1, "{output:?}");
    let output = instance.ask(&table("plain"), "");
    let warning = instance.expand(&format!("table \"{}\": empty query string -- ignored", table("plain")));
    assert!(output.stderr.contains(&warning) && output.status == 1, "{output:?}");

    instance.assert_found(&table("domain"), "any@example.com", "one,two");
    for key in ["ann@other", "ann@sub.x.org", "ann", "@x.org", "@example.com"] {
        instance.assert_nothing(&table("domain"), key);
    }
    instance.assert_fails(&table("limit"), "ann@x.org", "Expansion limit exceeded for key");
    instance.assert_found(&table("limit"), "part@x.org", "user@place");
    instance.assert_found(&table("format"), "ann@x.org", "<one>ann at x.org,<two>ann at x.org");
    instance.assert_nothing(&table("format"), "ann");
    instance.assert_found(&table("parts"), "part@x.org", "place+user");
    instance.assert_nothing(&table("parts"), "ann@x.org");
    instance.assert_found(&table("labels"), "u@org.example.com", "labels");
    for key in ["u@example.com", "u@com", "u@org..com", "u"] {
        instance.assert_nothing(&table("labels"), key);
    }
    instance.assert_found(&table("old"), "ANN", "one,two");
    instance.assert_nothing(&table("percent"), "none");
    instance.assert_unusable(&table("incomplete"), "{dir}/t/incomplete: bad string length 0 < 1: select_field = ");
    instance.assert_unusable(&table("nowhere"), "open {dir}/t/nowhere: No such file or directory");
    for (option, problem) in
        [("-d", "map requires O_RDONLY access mode"), ("-s", "sequence operation is not supported")]
    {
        let arguments = [option, &instance.expand(&table("plain"))];
        let arguments = if option == "-d" { vec!["-d", "key", arguments[1]] } else { arguments.to_vec() };
        let output = instance.run("postmap", &arguments);
        assert!(output.stderr.contains(problem), "{output:?}");
    }
}

fn make_sqlite(path: &Path) {
    let database = Connection::open(path).expect("a database");
    database.execute_batch(&STATEMENTS.replace('\n', ";\n")).expect("statements");
    database
        .execute_batch("CREATE TABLE v (k, x, y); INSERT INTO v VALUES ('k', 1.5, 2), ('k', 1e20, 3), ('k', NULL, 4);")
        .expect("values");
}

#[test]
fn sqlite() {
    require_instances!("sqlite");
    let place = "dbpath = {dir}/database\n";
    let instance = files(Instance::builder(), place, &COMMON)
        .file("t/values", &format!("{place}query = SELECT x, y FROM v WHERE k='%s'\n"))
        .file("t/wrong", &format!("{place}query = SELEKT '%s'\n"))
        .file("t/two", &format!("{place}query = SELECT 'a' WHERE '%s' = 'k'; SELECT 'b'\n"))
        .file("t/nowhere2", "dbpath = /nowhere/database\nquery = SELECT 1\n")
        .file("t/without", "query = SELECT 1\n")
        .set("main_dbpath", "{dir}/database")
        .set("main_query", "SELECT dst FROM $name WHERE u='%u'")
        .set("name", "a")
        .build();
    make_sqlite(&instance.path("database"));
    check_common(&instance, "sqlite");
    instance.assert_found("sqlite:{dir}/t/values", "k", "1.5,1.0e+20");
    instance.assert_found("sqlite:{dir}/t/two", "k", "a");
    instance.assert_found("sqlite:main", "ann", "one,two");
    let output = instance.ask("sqlite:{dir}/t/wrong", "k");
    let problem = "fatal: dict_sqlite_lookup: {dir}/t/wrong: SQL prepare failed: near \"SELEKT\": syntax error";
    assert!(output.stderr.contains(&instance.expand(problem)), "{output:?}");
    instance.assert_unusable("sqlite:{dir}/t/nowhere2", "sqlite:{dir}/t/nowhere2: ");
    instance.assert_unusable("sqlite:{dir}/t/without", "{dir}/t/without: bad string length 0 < 1: dbpath = ");
}

/// A host that is down is passed over, in whichever order they come.
fn check_failover(instance: &Instance, kind: &str) {
    for _ in 0..4 {
        let output = instance.ask(&format!("{kind}:{{dir}}/t/over"), "part@x.org").success();
        assert_eq!(output.stdout, "user@place\n");
    }
}

#[test]
fn mariadb() {
    require_instances!("mysql");
    let procedures = "\
        CREATE DEFINER='reader'@'%' PROCEDURE one() SELECT 'x' UNION SELECT 'y';\n\
        CREATE DEFINER='reader'@'%' PROCEDURE several() BEGIN SELECT 'x'; SELECT 'y'; END;";
    let statements = format!("{}{procedures}", STATEMENTS.replace('\n', ";\n"));
    let Some(server) = Server::mariadb(&statements, None) else { return };
    let address = server.address();
    let login = "user = reader\npassword = secret\ndbname = mail\n";
    let place = format!("hosts = inet:{address}\n{login}");
    let query = "query = SELECT dst FROM a WHERE u='%u' AND d='%d'\n";
    let instance = files(Instance::builder(), &place, &COMMON)
        .file("t/columns", &format!("{place}query = SELECT dst, n FROM a WHERE u='%u'\n"))
        .file("t/socket", &format!("hosts = unix:{}/socket\n{login}{query}", server.directory().display()))
        .file("t/over", &format!("hosts = inet:127.0.0.1:1 inet:{address}\n{login}{query}"))
        .file("t/wrong", &format!("{place}query = SELEKT '%s'\n"))
        .file("t/two", &format!("{place}query = SELECT 1; SELECT 2\n"))
        .file("t/one", &format!("{place}query = CALL one()\n"))
        .file("t/both", &format!("{place}query = CALL several()\n"))
        .file("t/none", &format!("{place}query = DO 1\n"))
        .file("t/allowed", &format!("{place}query = DO 1\nrequire_result_set = no\n"))
        .file("t/password", &format!("hosts = inet:{address}\nuser = reader\npassword = x\ndbname = mail\n{query}"))
        .file("t/database", &format!("hosts = inet:{address}\nuser = reader\npassword = secret\ndbname = x\n{query}"))
        .file("t/down", &format!("hosts = inet:127.0.0.1:1\n{login}{query}"))
        .file("t/boolean", &format!("{place}{query}require_result_set = x\n"))
        .file(
            "t/options",
            &format!("hosts = inet:{address}\npassword = secret\ndbname = mail\noption_file = {{dir}}/my.cnf\n{query}"),
        )
        .file("my.cnf", "[other]\nuser = x\n[client]\nuser = \"reader\"\n")
        .build();
    check_common(&instance, "mysql");
    check_failover(&instance, "mysql");
    instance.assert_found("mysql:{dir}/t/columns", "ann", "one,1,two,2");
    instance.assert_found("mysql:{dir}/t/columns", "part", "user@place");
    instance.assert_found("mysql:{dir}/t/socket", "ann@x.org", "one,two");
    instance.assert_found("mysql:{dir}/t/one", "ann", "x,y");
    instance.assert_found("mysql:{dir}/t/options", "ann@x.org", "one,two");
    instance.assert_nothing("mysql:{dir}/t/allowed", "ann@x.org");
    let access = "Access denied for user 'reader'@'127.0.0.1' (using password: YES)";
    for (table, problem) in [
        ("wrong", "mysql:{dir}/t/wrong: query failed: You have an error in your SQL syntax"),
        ("two", "mysql:{dir}/t/two: query failed: You have an error in your SQL syntax"),
        ("both", "mysql:{dir}/t/both: query failed: multiple result sets returning data are not supported"),
        ("none", "mysql:{dir}/t/none: query failed: query returned no result set(require_result_set = yes)"),
        ("password", &format!("connect to mysql server inet:{address}: {access}")),
        ("database", "to database 'x'"),
        ("down", "connect to mysql server inet:127.0.0.1:1: Can't connect to server on '127.0.0.1' (115)"),
    ] {
        instance.assert_fails(&format!("mysql:{{dir}}/t/{table}"), "ann@x.org", problem);
    }
    instance
        .assert_unusable("mysql:{dir}/t/boolean", "{dir}/t/boolean: bad boolean configuration: require_result_set = x");
}

#[test]
fn postgresql() {
    require_instances!("pgsql");
    let function = "CREATE FUNCTION f(text) RETURNS SETOF text LANGUAGE sql AS 'SELECT dst FROM a WHERE u = $1'\n";
    let Some(server) = Server::postgresql(&format!("{STATEMENTS}{function}"), None) else { return };
    let address = server.address();
    let login = "user = reader\npassword = secret\ndbname = mail\n";
    let place = format!("hosts = inet:{address}\n{login}");
    let query = "query = SELECT dst FROM a WHERE u='%u' AND d='%d'\n";
    let instance = files(Instance::builder(), &place, &COMMON)
        .file("t/columns", &format!("{place}query = SELECT dst, n FROM a WHERE u='%u'\n"))
        .file("t/function", &format!("{place}select_function = f\n"))
        .file(
            "t/uri",
            &format!("hosts = postgresql://reader:sec%72et@{address}/mail?sslmode=disable\ndbname = x\n{query}"),
        )
        .file("t/over", &format!("hosts = inet:127.0.0.1:1 inet:{address}\n{login}{query}"))
        .file("t/wrong", &format!("{place}query = SELEKT '%s'\n"))
        .file("t/two", &format!("{place}query = SELECT 1; SELECT 2\n"))
        .file("t/change", &format!("{place}query = UPDATE a SET n = 1 WHERE u = 'none'\n"))
        .file("t/password", &format!("hosts = inet:{address}\nuser = reader\npassword = x\ndbname = mail\n{query}"))
        .file("t/database", &format!("hosts = inet:{address}\nuser = reader\npassword = secret\ndbname = x\n{query}"))
        .file("t/down", &format!("hosts = inet:127.0.0.1:1\n{login}{query}"))
        .file("t/socket", &format!("hosts = unix:/nowhere\n{login}{query}"))
        .file(
            "t/tls",
            &format!("hosts = postgresql://reader:secret@{address}/mail?sslmode=require\ndbname = x\n{query}"),
        )
        .build();
    check_common(&instance, "pgsql");
    check_failover(&instance, "pgsql");
    instance.assert_found("pgsql:{dir}/t/columns", "ann", "one,1,two,2");
    instance.assert_found("pgsql:{dir}/t/function", "ann", "one,two");
    instance.assert_nothing("pgsql:{dir}/t/function", "') UNION SELECT ('attack");
    instance.assert_found("pgsql:{dir}/t/uri", "ann@x.org", "one,two");
    instance.assert_found("pgsql:{dir}/t/two", "ann@x.org", "2");
    instance.assert_nothing("pgsql:{dir}/t/change", "ann@x.org");
    let port = address.port();
    for (table, problem) in [
        (
            "wrong",
            &format!("pgsql query failed: fatal error from host inet:{address}: ERROR:  syntax error at or near"),
        ),
        ("password", &format!("\"127.0.0.1\", port {port} failed: FATAL:  password authentication failed for user")),
        ("database", &"FATAL:  database \"x\" does not exist".to_owned()),
        ("down", &"connection to server at \"127.0.0.1\", port 1 failed: Connection refused".to_owned()),
        ("socket", &"connection to server on socket \"/nowhere/.s.PGSQL.5432\" failed: No such file".to_owned()),
        ("tls", &"failed: server does not support SSL, but SSL was required".to_owned()),
    ] {
        instance.assert_fails(&format!("pgsql:{{dir}}/t/{table}"), "ann@x.org", problem);
    }
    // Later releases than 3.7 talk UTF-8, and take all they need from a URI.
    if !instance.subject().is_genuine("postmap") {
        instance.write("t/utf8", format!("{place}query = SELECT '%s' || chr(233)\n"));
        instance.assert_found("pgsql:{dir}/t/utf8", "caf\u{e9}", "caf\u{e9}\u{e9}");
        instance.write("t/latin", format!("{place}query = SELECT octet_length('%s')\nencoding = LATIN1\n"));
        instance.assert_found("pgsql:{dir}/t/latin", "\u{e9}", "4");
        instance.write("t/unsafe", format!("{place}query = SELECT '%s'\nencoding = SJIS\n"));
        instance.assert_unusable(
            "pgsql:{dir}/t/unsafe",
            "pgsql:{dir}/t/unsafe: unsupported parameter value: encoding = SJIS",
        );
    }
}

#[test]
fn encrypted_connections() {
    require_instances!("mysql", "pgsql");
    let Some(certificate) = Certificate::make() else { return };
    let statements = STATEMENTS.replace('\n', ";\n");
    let Some(mariadb) = Server::mariadb(&statements, Some(&certificate)) else { return };
    let Some(postgresql) = Server::postgresql(STATEMENTS, Some(&certificate)) else { return };
    let issuer = certificate.issuer();
    let other = certificate.file();
    let my = |lines: &str| {
        let (place, tail) =
            (format!("hosts = inet:{}\n", mariadb.address()), "dbname = mail\nuser = reader\npassword = secret\n");
        format!(
            "{place}{tail}query = SELECT variable_value FROM information_schema.session_status WHERE variable_name='ssl_version' AND '%s'='k'\n{lines}\n"
        )
    };
    let pg = |options: &str| {
        let hosts = format!("hosts = postgresql://reader:secret@{}/mail?{options}\n", postgresql.address());
        format!("{hosts}dbname = x\nquery = SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND '%s'='k'\n")
    };
    let instance = Instance::builder()
        .file("t/my", &my(&format!("tls_CAfile = {}\ntls_verify_cert = yes", issuer.display())))
        .file("t/my-other", &my(&format!("tls_CAfile = {}\ntls_verify_cert = yes", other.display())))
        .file("t/pg", &pg(&format!("sslmode=verify-full&sslrootcert={}", issuer.display())))
        .file("t/pg-any", &pg("sslmode=require"))
        .file("t/pg-usual", &pg("sslmode=prefer"))
        .file("t/pg-never", &pg("sslmode=disable"))
        .file("t/pg-other", &pg(&format!("sslmode=verify-ca&sslrootcert={}", other.display())))
        .build();
    let version = instance.ask("mysql:{dir}/t/my", "k").success().stdout;
    assert!(version.starts_with("TLSv1."), "{version}");
    instance.assert_fails("mysql:{dir}/t/my-other", "k", "connect to mysql server inet:");
    for table in ["pg", "pg-any", "pg-usual"] {
        instance.assert_found(&format!("pgsql:{{dir}}/t/{table}"), "k", "t");
    }
    instance.assert_found("pgsql:{dir}/t/pg-never", "k", "f");
    instance.assert_fails("pgsql:{dir}/t/pg-other", "k", "connect to pgsql server postgresql:");
}

/// An instance whose aliases are in a database, and a file whose table is looked up beside them.
fn with_aliases(server: &Server, kind: &str) -> Instance {
    let lines = format!(
        "hosts = inet:{}\nuser = reader\npassword = secret\ndbname = mail\nquery = SELECT dst FROM a WHERE u='%s'\n",
        server.address()
    );
    Instance::builder()
        .set("virtual_alias_maps", &format!("proxy:{kind}:{{dir}}/t/aliases"))
        .set("proxy_read_maps", &format!("$virtual_alias_maps proxy:{kind}:{{dir}}/t/other"))
        .file("t/aliases", &format!("{lines}retry_interval = 1\n"))
        .file("t/other", &lines)
        .start()
}

fn check_death(mut server: Server, kind: &str) {
    let instance = with_aliases(&server, kind);
    instance.send(&["alias@other.example"], "\nhello\n");
    let mail = instance.wait_for_mail("phtest1", 1);
    assert!(mail[0].contains("hello"), "{mail:?}");
    let (aliases, other) = (format!("{kind}:{{dir}}/t/aliases"), format!("{kind}:{{dir}}/t/other"));
    let mut proxy = ProxyMap::connect(&instance);
    let good = ("0".to_owned(), "phtest1@local.example".to_owned());
    assert_eq!(proxy.lookup(&aliases, "alias@other.example"), good);
    server.kill();
    assert_eq!(proxy.lookup(&aliases, "alias@other.example").0, "2");
    server.restart();
    // Hosts are remembered as dead for each table.
    assert_eq!(proxy.lookup(&other, "alias@other.example"), good);
    if !instance.subject().is_genuine("proxymap") {
        let found = || Some(proxy.lookup(&aliases, "alias@other.example")).filter(|answer| *answer == good);
        wait::until("an answer", found, || instance.log());
    }
}

#[test]
fn a_mariadb_server_that_dies_and_comes_back() {
    require_instances!("mysql");
    let statements = STATEMENTS.replace("CREATE TABLE", "CREATE OR REPLACE TABLE").replace('\n', ";\n");
    let Some(server) = Server::mariadb(&statements, None) else { return };
    check_death(server, "mysql");
}

#[test]
fn a_postgresql_server_that_dies_and_comes_back() {
    require_instances!("pgsql");
    let Some(server) = Server::postgresql(STATEMENTS, None) else { return };
    check_death(server, "pgsql");
}

/// Checklist 41: what decides about rights is asked without proxymap.
#[test]
fn mailboxes_and_their_rights_are_in_a_database() {
    require_instances!("sqlite");
    let place = "dbpath = {dir}/database\nquery = SELECT";
    let instance = Instance::builder()
        .set("virtual_mailbox_domains", "v.example")
        .set("virtual_mailbox_base", "{dir}/vmail")
        .set("virtual_mailbox_maps", "sqlite:{dir}/t/mailboxes")
        .set("virtual_uid_maps", "proxy:sqlite:{dir}/t/users")
        .set("virtual_gid_maps", "static:8")
        .set("alias_maps", "sqlite:{dir}/t/aliases")
        .service("proxymap unix - - n - 0 /nowhere")
        .file("t/mailboxes", &format!("{place} dst FROM a WHERE u='%d'\n"))
        .file("t/users", &format!("{place} n FROM a WHERE u='%d'\n"))
        .file("t/aliases", &format!("{place} 'phtest1' WHERE '%s'='anna'\n"))
        .file("vmail/v/keep", "")
        .build();
    make_sqlite(&instance.path("database"));
    for name in ["vmail", "vmail/v"] {
        fs::set_permissions(instance.path(name), Permissions::from_mode(0o777)).expect("permissions");
    }
    instance.start();
    instance.send(&["file@v.example"], "\nhello\n");
    instance.wait_for_log(&["to=<file@v.example>", "status=sent (delivered to mailbox)"]);
    let owner = instance.path("vmail/v/file").metadata().expect("a mailbox").uid();
    assert_eq!(owner, 8765);
    instance.send(&["anna@local.example"], "\nhello\n");
    instance.wait_for_mail("phtest1", 1);
}

/// A daemon's table needs no `proxy:`, and its file may be for root alone.
#[test]
fn daemons_have_tables_in_databases() {
    require_instances!("sqlite");
    let subject = Subject::from_environment();
    // The genuine proxymap serves our programs too, but must be told, and reads what the mail owner can read.
    let is_mixed = subject.is_genuine("proxymap") && !subject.is_genuine("cleanup");
    let (approved, mode) = if is_mixed { ("proxy:$virtual_alias_maps", 0o644) } else { ("$virtual_alias_maps", 0o600) };
    let instance = Instance::builder()
        .set("virtual_alias_maps", "sqlite:{dir}/t/aliases")
        .set("proxy_read_maps", approved)
        .file("t/aliases", "dbpath = {dir}/database\nquery = SELECT dst FROM a WHERE u='%s'\n")
        .build();
    make_sqlite(&instance.path("database"));
    fs::set_permissions(instance.path("t/aliases"), Permissions::from_mode(mode)).expect("permissions");
    instance.start();
    instance.send(&["alias@other.example"], "\nhello\n");
    instance.wait_for_mail("phtest1", 1);
}
