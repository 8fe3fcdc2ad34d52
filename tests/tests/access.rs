//! Access restrictions, as SMTP clients and the log show them (access-milter-postscreen §2 to §6).

use tests::name_server::{Zone, rcode};
use tests::{Builder, Instance, NameServer, require_instances, script};

fn server() -> Builder {
    Instance::builder()
        .set("smtpd_relay_restrictions", "permit_mynetworks, reject_unauth_destination")
        .set("smtpd_authorized_xclient_hosts", "127.0.0.0/8")
        .set("smtpd_error_sleep_time", "0")
        .set("notify_classes", "")
        .set("smtpd_policy_service_retry_delay", "1")
        .set("virtual_alias_domains", "alias.example")
        .set("virtual_alias_maps", "inline:{ {known@alias.example = phtest1@local.example} }")
        .set("virtual_mailbox_domains", "mailbox.example")
        .set("virtual_mailbox_maps", "inline:{ {known@mailbox.example = x} }")
        .set("relay_domains", "relay.example")
        .set("relay_recipient_maps", "inline:{ {known@relay.example = x} }")
        .set("local_recipient_maps", "inline:{ {phtest1 = x} }")
        .set("recipient_delimiter", "+")
        .service("anvil unix - - n - 1 anvil")
}

#[test]
fn lists() {
    require_instances!();
    script::hold(server(), include_str!("access/lists.txt"));
}

#[test]
fn tables() {
    require_instances!();
    script::hold(server(), include_str!("access/tables.txt"));
}

#[test]
fn names_and_addresses() {
    require_instances!();
    script::hold(server(), include_str!("access/names.txt"));
}

#[test]
fn fatal_mistakes() {
    require_instances!();
    script::hold(server(), include_str!("access/fatal.txt"));
}

const ZONE: &str = "
    9.2.0.192.rbl.example A 127.0.0.4
    9.2.0.192.rbl.example TXT listed, see http://rbl.example/
    11.2.0.192.rbl.example A 127.0.0.2
    1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.rbl.example A 127.0.0.2
    9.2.0.192.dnswl.example A 127.0.0.2
    listed.example.rhsbl.example A 127.0.0.2
    listed.example.rhsbl.example TXT abcd
    good.example A 192.0.2.10
    listed.example A 192.0.2.13
    weird.example MX 10 good.example
    null.example MX 0 .
    mx.example MX 10 m1.mx.example
    mx.example MX 20 m2.mx.example
    m1.mx.example A 192.0.2.20
    m2.mx.example A 192.0.2.21
    ok.example MX 10 ok.example
    ok.example A 192.0.2.77
    dangling.example MX 10 nosuch.example
    dangling.example MX 20 m2.mx.example
    zone.example NS ns1.zone.example
    zone.example NS ns2.zone.example
    ns1.zone.example A 192.0.2.52
    ns2.zone.example A 192.0.2.53
    other.example NS ns2.other.example
    half.example A 192.0.2.30
    backup.example MX 10 m1.mx.example
    backup.example MX 20 us.example
    us.example A 127.0.0.1
    primary.example MX 10 us.example
    primary.example MX 20 m1.mx.example
    backupname.example MX 10 m1.mx.example
    backupname.example MX 20 test.example.com
    backup2.example MX 10 m2.mx.example
    backup2.example MX 20 us.example
    dangling2.example MX 10 nosuch.example
    dangling2.example MX 20 us.example
";

#[test]
fn names_in_the_dns() {
    require_instances!();
    let zone = ["MX", "A", "AAAA", "NS"]
        .into_iter()
        .fold(Zone::default().with(ZONE), |zone, kind| zone.failing("temp.example", kind, rcode::SERVER_FAILURE))
        .failing("12.2.0.192.rbl.example", "A", rcode::SERVER_FAILURE)
        .failing("12.2.0.192.dnswl.example", "A", rcode::SERVER_FAILURE)
        .failing("half.example", "MX", rcode::SERVER_FAILURE)
        .failing("nstemp.example", "NS", rcode::SERVER_FAILURE);
    let zone =
        ["MX", "A", "AAAA"].into_iter().fold(zone, |zone, kind| zone.failing("refused.example", kind, rcode::REFUSED));
    let server = NameServer::start(zone);
    script::hold(server_with(&server), include_str!("access/dns.txt"));
}

fn server_with(names: &NameServer) -> Builder {
    server().resolv_conf(&names.resolv_conf())
}
