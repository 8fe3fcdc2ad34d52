use config::{Config, Protocols};
use dns::Zone;

use super::*;
use crate::mode::Mode;

const BOTH: Protocols = Protocols { ipv4: true, ipv6: true };

fn with<T>(zone: &Zone, pairs: &[(&str, &str)], work: impl FnOnce(&Lookup<'_>) -> T) -> T {
    let mut all = vec![("smtp_randomize_addresses", "no")];
    all.extend(pairs);
    let settings = Settings::read(Mode::Smtp, &Config::for_tests(&all));
    let is_own = |address: IpAddr| address.to_string() == "192.0.2.99";
    work(&Lookup { settings: &settings, protocols: BOTH, resolver: zone, is_own: &is_own })
}

fn domain(zone: &Zone, pairs: &[(&str, &str)], name: &str) -> Result<Vec<String>, String> {
    let found = with(zone, pairs, |lookup| lookup.domain(name.as_bytes()));
    match found.why {
        Some(why) => Err(format!("{} {}", why.status, why.reason)),
        None => Ok(found.targets.iter().map(|target| format!("{}[{}]", target.host, target.address)).collect()),
    }
}

fn zone() -> Zone {
    Zone::default()
        .mx("d.example", 20, "b.example")
        .mx("d.example", 10, "a.example")
        .a("a.example", "192.0.2.1")
        .aaaa("a.example", "2001:db8::1")
        .a("b.example", "192.0.2.2")
        .a("me.example", "192.0.2.99")
        .mx("mine.example", 10, "me.example")
        .mx("backup.example", 10, "a.example")
        .mx("backup.example", 20, "me.example")
        .mx("backup.example", 30, "b.example")
        .mx("gone.example", 10, "nowhere.example")
        .mx("gone.example", 20, "me.example")
        .mx("none.example", 10, "nowhere.example")
        .fail("null.example", Type::MX, ErrorKind::NullMx)
        .fail("busy.example", Type::MX, ErrorKind::TryAgain)
        .a("busy.example", "192.0.2.3")
        .fail("slow.example", Type::A, ErrorKind::TryAgain)
        .mx("mixed.example", 10, "slow.example")
        .mx("mixed.example", 20, "nowhere.example")
}

#[test]
fn servers_come_by_preference() {
    let expected = ["a.example[192.0.2.1]", "a.example[2001:db8::1]", "b.example[192.0.2.2]"];
    assert_eq!(domain(&zone(), &[], "d.example").unwrap(), expected);
    let ipv6 = domain(&zone(), &[("smtp_address_preference", "ipv6")], "d.example").unwrap();
    assert_eq!(ipv6[0], "a.example[2001:db8::1]");
}

#[test]
fn a_host_without_mx_is_its_own_server() {
    assert_eq!(domain(&zone(), &[], "b.example").unwrap(), ["b.example[192.0.2.2]"]);
    assert_eq!(domain(&zone(), &[], "192.0.2.7").unwrap(), ["192.0.2.7[192.0.2.7]"]);
    let error = domain(&zone(), &[], "other.example").unwrap_err();
    assert_eq!(
        error,
        "5.4.4 Host or domain name not found. Name service error for name=other.example type=AAAA: Host not found"
    );
}

#[test]
fn failures_of_mx_lookups() {
    assert_eq!(
        domain(&zone(), &[], "null.example").unwrap_err(),
        "5.1.0 Domain null.example does not accept mail (nullMX)"
    );
    assert!(domain(&zone(), &[], "busy.example").unwrap_err().starts_with("4.4.3 "));
    let ignoring = [("ignore_mx_lookup_error", "yes")];
    assert_eq!(domain(&zone(), &ignoring, "busy.example").unwrap(), ["busy.example[192.0.2.3]"]);
    assert!(domain(&zone(), &[], "none.example").unwrap_err().starts_with("5.4.4 "));
    let patient = [("smtp_defer_if_no_mx_address_found", "yes")];
    assert!(domain(&zone(), &patient, "none.example").unwrap_err().starts_with("4.4.4 "));
    assert!(domain(&zone(), &[], "mixed.example").unwrap_err().starts_with("4.4.4 "));
}

#[test]
fn mail_does_not_come_back_to_this_machine() {
    assert_eq!(domain(&zone(), &[], "mine.example").unwrap_err(), "5.4.6 mail for mine.example loops back to myself");
    assert_eq!(domain(&zone(), &[], "me.example").unwrap_err(), "5.4.6 mail for me.example loops back to myself");
    assert_eq!(
        domain(&zone(), &[], "gone.example").unwrap_err(),
        "4.4.4 unable to find primary relay for gone.example"
    );
    let found = with(&zone(), &[], |lookup| lookup.domain(b"backup.example"));
    assert!(found.is_last_hop);
    assert!(found.targets.iter().all(|target| target.host == "a.example"));
}

#[test]
fn both_families_get_a_chance() {
    let target = |text: &str| Target { host: "h".into(), address: text.parse().unwrap(), preference: 0, port: None };
    let count = |v6: usize, v4: usize, limit: usize| {
        let mut targets: Vec<Target> = (0..v6).map(|number| target(&format!("2001:db8::{number}"))).collect();
        targets.extend((0..v4).map(|number| target(&format!("192.0.2.{number}"))));
        balance(&mut targets, limit);
        let v6 = targets.iter().filter(|target| target.address.is_ipv6()).count();
        (v6, targets.len() - v6)
    };
    assert_eq!(count(10, 2, 5), (3, 2));
    assert_eq!(count(10, 10, 5), (3, 2));
    assert_eq!(count(1, 10, 5), (1, 4));
    assert_eq!(count(10, 0, 5), (10, 0));
    assert_eq!(count(2, 2, 5), (2, 2));
}

#[test]
fn servers_of_a_service_have_their_own_ports() {
    let srv = |priority, port, host: &str| Data::Srv { priority, weight: 0, port, target: host.into() };
    let zone = zone()
        .record("_submission._tcp.d.example", Type::SRV, srv(20, 587, "b.example"))
        .record("_submission._tcp.d.example", Type::SRV, srv(10, 465, "a.example"))
        .record("_submission._tcp.gone.example", Type::SRV, srv(0, 1, "nowhere.example"))
        .fail("_submission._tcp.busy.example", Type::SRV, ErrorKind::TryAgain);
    let service = |pairs: &[(&str, &str)], name: &str| {
        let found = with(&zone, pairs, |lookup| lookup.service(b"submission", name.as_bytes()))?;
        Some(match found.why {
            Some(why) => why.status.to_string(),
            None => {
                let shown = |target: &Target| format!("{}:{}", target.address, target.port.unwrap_or_default());
                found.targets.iter().map(shown).collect::<Vec<_>>().join(" ")
            }
        })
    };
    assert_eq!(service(&[], "d.example").unwrap(), "192.0.2.1:465 2001:db8::1:465 192.0.2.2:587");
    assert_eq!(service(&[], "other.example").unwrap(), "5.4.4");
    assert_eq!(service(&[], "gone.example").unwrap(), "5.4.4");
    assert_eq!(service(&[], "busy.example").unwrap(), "4.4.3");
    let ignore = [("ignore_srv_lookup_error", "yes")];
    assert_eq!(service(&ignore, "busy.example"), None);
    assert_eq!(service(&ignore, "other.example").unwrap(), "5.4.4");
    let allow = [("allow_srv_lookup_fallback", "yes")];
    assert_eq!(service(&allow, "gone.example"), None);
    assert_eq!(service(&allow, "other.example"), None);
}
