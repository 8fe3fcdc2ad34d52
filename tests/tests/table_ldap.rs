//! Tables in directories (tables §5.5, checklist 42 to 44).

use tests::lookup::ProxyMap;
use tests::servers::{Certificate, Server};
use tests::{Builder, Instance, require_instances};

const ENTRIES: &str = "\
dn: dc=example,dc=com
objectClass: organization
objectClass: dcObject
dc: example
o: Example

dn: ou=people,dc=example,dc=com
objectClass: organizationalUnit
ou: people

dn: cn=ann,ou=people,dc=example,dc=com
objectClass: mailthing
cn: ann
mailacceptinggeneralid: ann@example.com
maildrop: ann@host
maildrop: ann@other

dn: cn=bob,ou=people,dc=example,dc=com
objectClass: mailthing
cn: bob
mailacceptinggeneralid: bob@example.com
maildrop: bob

dn: cn=list,ou=people,dc=example,dc=com
objectClass: mailthing
cn: list
mailacceptinggeneralid: list@example.com
member: cn=ann,ou=people,dc=example,dc=com
member: cn=gone,ou=people,dc=example,dc=com
member: cn=bob,ou=people,dc=example,dc=com
mail: list@leaf

dn: cn=url,ou=people,dc=example,dc=com
objectClass: mailthing
cn: url
mailacceptinggeneralid: url@example.com
mailurl: ldap:///ou=people,dc=example,dc=com?maildrop?sub?(cn=b*)

dn: cn=loop,ou=people,dc=example,dc=com
objectClass: mailthing
cn: loop
mailacceptinggeneralid: loop@example.com
maildrop: me
member: cn=loop,ou=people,dc=example,dc=com

dn: cn=odd \\28x\\29\\2C,ou=people,dc=example,dc=com
objectClass: mailthing
cn: odd (x),
mailacceptinggeneralid: odd*(x)\\@example.com
maildrop: quoted

dn: cn=alias,ou=people,dc=example,dc=com
objectClass: mailthing
cn: alias
mailacceptinggeneralid: alias@other.example
maildrop: phtest1@local.example
";

/// Where to search, without saying who asks.
fn place(server: &Server) -> String {
    format!("server_host = ldap://{}\nsearch_base = dc=example,dc=com\nbind = no\n", server.address())
}

fn files(builder: Builder, common: &str, list: &[(&str, &str)]) -> Builder {
    list.iter()
        .fold(builder, |builder, (name, lines)| builder.file(&format!("t/{name}"), &format!("{common}{lines}\n")))
}

/// Checklist 42 to 44, and quoting.
#[test]
fn entries_are_found_by_keys() {
    require_instances!("ldap");
    let Some(server) = Server::openldap(ENTRIES, None) else { return };
    let list = [
        ("plain", ""),
        ("domain", "query_filter = (|(cn=ann)(cn=%s))\ndomain = example.com"),
        ("limit", "expansion_limit = 1"),
        ("size", "query_filter = (|(cn=ann)(cn=%u)(cn=bob))\nsize_limit = 1"),
        ("format", "result_format = <%u>%U at %D"),
        ("old", "result_filter = <%s>"),
        ("labels", "query_filter = (cn=%2)"),
        ("bare", "query_filter = cn=%u"),
        ("complex", "query_filter = (& (cn=%u*) (!(cn=x)) (|(objectClass=*)(cn>=a)) (cn:caseExactMatch:=%u))"),
        ("many", "query_filter = (|(cn=ann)(cn=bob)(cn=%u))"),
        ("broken", "query_filter = (cn=%s"),
        ("one", "scope = one"),
        ("scope", "scope = x\ndereference = 4\nversion = 4"),
        ("other", "result_attribute = nothing"),
    ];
    let instance = files(Instance::builder(), &place(&server), &list).build();
    let table = |name: &str| format!("ldap:{{dir}}/t/{name}");
    instance.assert_found(&table("plain"), "Ann@Example.com", "ann@host,ann@other");
    instance.assert_found(&table("plain"), "odd*(x)\\@example.com", "quoted");
    for key in ["none@example.com", "ann*@example.com", "*", "ann@example.com)(cn=*", "ann@example.com\\"] {
        instance.assert_nothing(&table("plain"), key);
    }
    instance.assert_found(&table("domain"), "x@example.com", "ann@host,ann@other");
    for key in ["x@other", "x", "@example.com"] {
        instance.assert_nothing(&table("domain"), key);
    }
    let limit = "dict_ldap_get_values[1]: {dir}/t/limit: Expansion limit exceeded for key: 'ann@example.com'";
    instance.assert_fails(&table("limit"), "ann@example.com", limit);
    instance.assert_fails(&table("size"), "x", "dict_ldap_lookup: Search error 4: Size limit exceeded ");
    instance.assert_found(&table("format"), "ann@example.com", "<ann>ann at example.com,<ann>ann at example.com");
    instance.assert_found(&table("old"), "bob@example.com", "<bob>");
    instance.assert_found(&table("labels"), "u@bob.com", "bob");
    instance.assert_nothing(&table("labels"), "u@com");
    for name in ["bare", "complex"] {
        instance.assert_found(&table(name), "bob", "bob");
    }
    instance.assert_found(&table("many"), "x", "ann@host,ann@other,bob");
    instance.assert_fails(&table("broken"), "x", "dict_ldap_lookup: Search error -7: Bad search filter ");
    for name in ["one", "other"] {
        instance.assert_nothing(&table(name), "ann@example.com");
    }
    let output = instance.ask(&table("scope"), "bob@example.com").success();
    for warning in [
        "dict_ldap_open: {dir}/t/scope: Unrecognized value x specified for scope; using sub",
        "dict_ldap_open: {dir}/t/scope Unrecognized value 4 specified for dereference; using 0",
        "dict_ldap_open: {dir}/t/scope Unknown version 4, using 3.",
    ] {
        assert!(output.stderr.contains(&instance.expand(warning)), "{output:?}");
    }
}

#[test]
fn entries_lead_to_others() {
    require_instances!("ldap");
    let Some(server) = Server::openldap(ENTRIES, None) else { return };
    let list = [
        ("special", "special_result_attribute = member, mailurl"),
        ("leaf", "special_result_attribute = member\nleaf_result_attribute = mail\nresult_attribute = cn"),
        ("lone-leaf", "leaf_result_attribute = mail\nresult_attribute = cn"),
        ("terminal", "special_result_attribute = member\nterminal_result_attribute = maildrop\nresult_attribute = cn"),
        ("first", "special_result_attribute = member\nterminal_result_attribute = mail"),
        ("depth", "special_result_attribute = member\nrecursion_limit = 1"),
        ("limit", "special_result_attribute = member\nexpansion_limit = 2"),
        ("attribute", "special_result_attribute = mailurl\nresult_attribute = cn"),
        ("wrong", "special_result_attribute = mail"),
    ];
    let instance = files(Instance::builder(), &place(&server), &list).build();
    let find = |name: &str, key: &str| instance.ask(&format!("ldap:{{dir}}/t/{name}"), key);
    let output = find("special", "list@example.com").success();
    assert_eq!(output.stdout, "ann@host,ann@other,bob\n");
    let gone = "dict_ldap_get_values[1]: DN cn=gone,ou=people,dc=example,dc=com not found, skipping ";
    assert!(output.stderr.contains(gone), "{output:?}");
    assert_eq!(find("special", "url@example.com").success().stdout, "bob\n");
    assert_eq!(find("leaf", "list@example.com").success().stdout, "list,ann,bob\n");
    assert_eq!(find("lone-leaf", "list@example.com").success().stdout, "list,list@leaf\n");
    assert_eq!(find("terminal", "list@example.com").success().stdout, "list,ann@host,ann@other,bob\n");
    assert_eq!(find("first", "list@example.com").success().stdout, "list@leaf\n");
    assert_eq!(find("attribute", "url@example.com").success().stdout, "url\n");
    let recursion = "Recursion limit exceeded for special attribute member=cn=";
    for (name, key, problem) in [
        ("special", "loop@example.com", format!("dict_ldap_get_values[1000]: {{dir}}/t/special: {recursion}loop")),
        ("depth", "list@example.com", format!("dict_ldap_get_values[1]: {{dir}}/t/depth: {recursion}ann")),
        (
            "limit",
            "list@example.com",
            "dict_ldap_get_values[2]: {dir}/t/limit: Expansion limit exceeded for key".into(),
        ),
        ("wrong", "list@example.com", "dict_ldap_get_values[1]: search error 34: Invalid DN syntax ".into()),
    ] {
        instance.assert_fails(&format!("ldap:{{dir}}/t/{name}"), key, &problem);
    }
}

#[test]
fn servers_and_logins() {
    require_instances!("ldap");
    let Some(server) = Server::openldap(ENTRIES, None) else { return };
    let (host, port) = (server.address().ip(), server.address().port());
    let base = "search_base = dc=example,dc=com\n";
    let here = format!("server_host = {host}:{port}\n{base}");
    let path = server.directory().join("socket").display().to_string().replace('/', "%2F");
    let socket = format!("server_host = ldapi://{path}\n");
    let admin = "bind_dn = cn=admin,dc=example,dc=com\nbind_pw = ";
    let down = "server_host = ldap://127.0.0.1:1\n";
    let instance = Instance::builder()
        .file("t/port", &format!("server_host = {host}\nserver_port = {port}\n{base}"))
        .file("t/hosts", &format!("server_host = 127.0.0.1:1, {host}:{port}\n{base}bind = none\n"))
        .file("t/socket", &format!("{socket}{base}"))
        .file("t/sasl", &format!("{socket}{base}bind = sasl\nsasl_mechs = EXTERNAL\n"))
        .file("t/admin", &format!("{here}{admin}secret\nbind = simple\n"))
        .file("t/version", &format!("{here}{admin}secret\nversion = 2\n"))
        .file("t/password", &format!("{here}{admin}wrong\n"))
        .file("t/bind", &format!("{here}bind = x\n"))
        .file("t/down", &format!("{down}{base}bind = no\n"))
        .file("t/down-bind", &format!("{down}{base}"))
        .file("t/base", &format!("server_host = {host}:{port}\nsearch_base = dc=none,dc=com\n"))
        .file("t/dynamic", &format!("server_host = {host}:{port}\nsearch_base = ou=%u,dc=example,dc=com\nquery_filter = (|(cn=ann)(cn=%u))\n"))
        .file("t/name", &format!("server_host = {host}:{port}\nsearch_base = cn=%s,ou=people,dc=example,dc=com\nquery_filter = (|(objectClass=mailthing)(cn=%s))\nscope = base\n"))
        .file("t/recursion", &format!("{here}recursion_limit = 0\n"))
        .file("t/tls", &format!("{here}start_tls = yes\nversion = 2\n"))
        .build();
    for name in ["port", "hosts", "socket", "sasl", "admin"] {
        instance.assert_found(&format!("ldap:{{dir}}/t/{name}"), "bob@example.com", "bob");
    }
    instance.assert_nothing("ldap:{dir}/t/dynamic", "x");
    let output = instance.ask("ldap:{dir}/t/dynamic", "people").success();
    assert_eq!(output.stdout, "ann@host,ann@other\n");
    instance.assert_found("ldap:{dir}/t/name", "odd (x),", "quoted");
    instance.assert_nothing("ldap:{dir}/t/name", "ann,ou=people");
    let refused = "dict_ldap_connect: Unable to bind to server ldap://";
    let dn = "with dn cn=admin,dc=example,dc=com";
    for (name, problem) in [
        ("password", format!("{refused}{host}:{port} {dn}: 49 (Invalid credentials)")),
        ("version", format!("{refused}{host}:{port} {dn}: 2 (Protocol error)")),
        ("down", "dict_ldap_lookup: Search error -1: Can't contact LDAP server ".into()),
        ("down", "query error: Transport endpoint is not connected".into()),
        ("down-bind", format!("{refused}127.0.0.1:1 with dn empty or implicit: -1 (Can't contact LDAP server)")),
        ("base", "dict_ldap_lookup: {dir}/t/base: Search base 'dc=none,dc=com' not found: 32: No such object".into()),
        ("tls", "warning: dict_ldap_open: {dir}/t/tls start_tls requires protocol version 3".into()),
        ("tls", "error: dict_ldap_connect: Unable to set STARTTLS: 2: Protocol error".into()),
    ] {
        instance.assert_fails(&format!("ldap:{{dir}}/t/{name}"), "ann@example.com", &problem);
    }
    instance.assert_unusable("ldap:{dir}/t/bind", "{dir}/t/bind: unsupported parameter value: bind = x");
    instance
        .assert_unusable("ldap:{dir}/t/recursion", "{dir}/t/recursion: invalid recursion_limit parameter value 0 < 1");
}

#[test]
fn a_server_sends_us_to_another() {
    require_instances!("ldap");
    let Some(server) = Server::openldap(ENTRIES, None) else { return };
    let referral = |name: &str| {
        format!(
            "dn: ou={name},dc=example,dc=com\nobjectClass: referral\nobjectClass: extensibleObject\nou: {name}\n\
             ref: ldap://{}/ou={name},dc=example,dc=com\n\n",
            server.address()
        )
    };
    let top = "dn: dc=example,dc=com\nobjectClass: organization\nobjectClass: dcObject\ndc: example\no: Example\n\n";
    let good = format!("{top}{}", referral("people"));
    let Some(other) = Server::openldap(&good, None) else { return };
    let Some(broken) = Server::openldap(&format!("{good}{}", referral("gone")), None) else { return };
    let ask = |server: &Server, base: &str| format!("server_host = {}\nsearch_base = {base}\n", server.address());
    let (all, people, chase) = ("dc=example,dc=com", "ou=people,dc=example,dc=com", "chase_referrals = yes\n");
    let instance = Instance::builder()
        .file("t/below", &format!("{}{chase}", ask(&other, all)))
        .file("t/there", &format!("{}{chase}", ask(&other, people)))
        .file("t/broken", &format!("{}{chase}", ask(&broken, all)))
        .file("t/ignored", &ask(&other, all))
        .file("t/refused", &ask(&other, people))
        .build();
    for name in ["below", "there"] {
        let output = instance.ask(&format!("ldap:{{dir}}/t/{name}"), "bob@example.com").success();
        assert_eq!(output.stdout, "bob\n");
    }
    instance.assert_nothing("ldap:{dir}/t/ignored", "bob@example.com");
    instance.assert_fails("ldap:{dir}/t/broken", "bob@example.com", "not found: 32: No such object");
    instance.assert_fails("ldap:{dir}/t/refused", "bob@example.com", "dict_ldap_lookup: Search error 10: Referral ");
}

#[test]
fn encrypted_sessions() {
    require_instances!("ldap");
    let Some(certificate) = Certificate::make() else { return };
    let Some(server) = Server::openldap(ENTRIES, Some(&certificate)) else { return };
    let start = format!("{}start_tls = yes\n", place(&server));
    let Some(stranger) = Certificate::make() else { return };
    let (issuer, other) = (certificate.issuer(), stranger.issuer());
    let instance = Instance::builder()
        .file("t/any", &start)
        .file("t/good", &format!("{start}tls_require_cert = yes\ntls_ca_cert_file = {}\n", issuer.display()))
        .file("t/bad", &format!("{start}tls_require_cert = yes\ntls_ca_cert_file = {}\n", other.display()))
        .build();
    for name in ["any", "good"] {
        instance.assert_found(&format!("ldap:{{dir}}/t/{name}"), "bob@example.com", "bob");
    }
    instance.assert_fails(
        "ldap:{dir}/t/bad",
        "bob@example.com",
        "error: dict_ldap_connect: Unable to set STARTTLS: -11: ",
    );
}

#[test]
fn a_server_that_dies_and_comes_back() {
    require_instances!("ldap");
    let Some(mut server) = Server::openldap(ENTRIES, None) else { return };
    let instance = Instance::builder()
        .set("virtual_alias_maps", "proxy:ldap:{dir}/t/aliases")
        .file("t/aliases", &place(&server))
        .start();
    instance.send(&["alias@other.example"], "\nhello\n");
    instance.wait_for_mail("phtest1", 1);
    let mut proxy = ProxyMap::connect(&instance);
    let good = ("0".to_owned(), "phtest1@local.example".to_owned());
    let mut lookup = || proxy.lookup("ldap:{dir}/t/aliases", "alias@other.example");
    assert_eq!(lookup(), good);
    // A session that is lost is opened again at once.
    server.restart();
    assert_eq!(lookup(), good);
    server.kill();
    assert_eq!(lookup().0, "2");
    instance.wait_for_log(&["proxymap[", "warning: dict_ldap_lookup: Search error -1: Can't contact LDAP server"]);
    server.restart();
    assert_eq!(lookup(), good);
}
