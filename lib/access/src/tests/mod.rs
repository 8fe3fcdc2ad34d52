//! Decisions with everything outside made up.

mod fakes;

use std::time::Duration;

use config::Config;
use dns::ErrorKind;
use dns::{Data, Type, Zone};
use ipc::verify;
use proptest::prelude::*;
use table::{Settings, Tables};

use crate::{Access, Certificate, Facts, NameStatus, Sasl, Stage, Tls, Verdict};

use fakes::World;

const RELAY: (&str, &str) = ("smtpd_relay_restrictions", "permit_mynetworks, reject_unauth_destination");

/// A decision-maker with these parameters, in this world.
fn access_in(world: &World, parameters: &[(&str, &str)]) -> Access {
    let mut all =
        vec![("compatibility_level", "3.6"), RELAY, ("local_recipient_maps", ""), ("mydestination", "local.example")];
    all.extend(parameters);
    let config = Config::for_tests(&all);
    Access::with_doors(&config, &Tables::new(Settings::default()), world.doors()).unwrap()
}

fn access(parameters: &[(&str, &str)]) -> Access {
    access_in(&World::default(), parameters)
}

fn facts() -> Facts {
    let mut facts = Facts {
        helo: Some("pc.example".into()),
        sender: Some("a@b.example".into()),
        recipient: Some("u@local.example".into()),
        ..Facts::default()
    };
    facts.client.address = "192.0.2.9".into();
    facts.client.namaddr = "unknown[192.0.2.9]".into();
    facts
}

/// The reply; empty when the request is accepted.
fn reply(access: &mut Access, stage: Stage, facts: &Facts) -> String {
    match access.check(stage, facts).unwrap() {
        Verdict::Accept => String::new(),
        Verdict::Reject(reply) => reply.text.to_string(),
        Verdict::HangUp => "hangup".into(),
    }
}

fn at_rcpt(parameters: &[(&str, &str)], facts: &Facts) -> String {
    reply(&mut access(parameters), Stage::Rcpt, facts)
}

#[test]
fn relaying_is_denied() {
    let foreign = Facts { recipient: Some("x@far.example".into()), ..facts() };
    assert_eq!(at_rcpt(&[], &foreign), "554 5.7.1 <x@far.example>: Relay access denied");
    assert_eq!(at_rcpt(&[], &facts()), "");
    let mut ours = foreign.clone();
    ours.client.address = "127.0.0.1".into();
    assert_eq!(at_rcpt(&[("mynetworks", "127.0.0.0/8")], &ours), "");
    let routed = Facts { recipient: Some("x%far.example@local.example".into()), ..facts() };
    assert!(at_rcpt(&[], &routed).ends_with("Relay access denied"));
    assert_eq!(at_rcpt(&[("allow_untrusted_routing", "yes")], &routed), "");
}

#[test]
fn a_relay_that_is_open_does_not_start() {
    let open = |relay: &str, recipient: &str| {
        let config = Config::for_tests(&[
            ("compatibility_level", "3.6"),
            ("local_recipient_maps", ""),
            ("smtpd_relay_restrictions", relay),
            ("smtpd_recipient_restrictions", recipient),
        ]);
        Access::with_doors(&config, &Tables::new(Settings::default()), World::default().doors()).map(|_| ())
    };
    assert!(open("", "permit_mynetworks").unwrap_err().starts_with("in parameter smtpd_relay_restrictions or "));
    assert_eq!(open("", "permit_mynetworks, reject"), Ok(()));
}

#[test]
fn recipients_are_looked_for() {
    let parameters = [("local_recipient_maps", "inline:{ {u = x} }")];
    assert_eq!(at_rcpt(&parameters, &facts()), "");
    let nobody = Facts { recipient: Some("v@local.example".into()), ..facts() };
    let expected = "550 5.1.1 <v@local.example>: Recipient address rejected: User unknown in local recipient table";
    assert_eq!(at_rcpt(&parameters, &nobody), expected);
    let alias = Facts { recipient: Some("v@alias.example".into()), ..facts() };
    let expected = "550 5.1.1 <v@alias.example>: Recipient address rejected: User unknown in virtual alias table";
    assert_eq!(at_rcpt(&[], &alias), expected);
}

#[test]
fn effects_add_up_until_the_end_of_the_transaction() {
    let results = "check_sender_access static:HOLD, static:{BCC a@b}, static:{BCC c@d}, static:{FILTER x:y}, \
                   static:{REDIRECT e@f}, static:{PREPEND X: y}";
    let mut access = access(&[("smtpd_recipient_restrictions", results)]);
    assert_eq!(reply(&mut access, Stage::Rcpt, &facts()), "");
    let effects = access.effects().clone();
    assert!(effects.hold && !effects.discard);
    assert_eq!(effects.bcc, ["a@b", "c@d"]);
    assert_eq!((effects.filter.unwrap(), effects.redirect.unwrap()), ("x:y".into(), "e@f".into()));
    assert_eq!(effects.prepend, ["X: y"]);
    access.end_transaction();
    assert_eq!(*access.effects(), crate::Effects::default());
}

#[test]
fn nothing_is_asked_about_mail_that_is_thrown_away() {
    let mut access =
        access(&[("smtpd_recipient_restrictions", "static:DISCARD"), ("smtpd_end_of_data_restrictions", "reject")]);
    assert_eq!(reply(&mut access, Stage::Rcpt, &facts()), "");
    assert!(access.effects().discard);
    assert_eq!(reply(&mut access, Stage::EndOfMessage, &facts()), "");
    access.end_transaction();
    let one = Facts { recipient_count: 1, ..facts() };
    assert_eq!(
        reply(&mut access, Stage::EndOfMessage, &one),
        "554 5.7.1 <END-OF-MESSAGE>: End-of-data rejected: Access denied"
    );
}

#[test]
fn stages_wait_for_the_recipient() {
    let lists = [("smtpd_client_restrictions", "reject"), ("smtpd_delay_reject", "yes")];
    let mut delayed = access(&lists);
    for stage in [Stage::Connect, Stage::Helo, Stage::Mail] {
        assert_eq!(reply(&mut delayed, stage, &facts()), "");
    }
    let rejected = "554 5.7.1 <unknown[192.0.2.9]>: Client host rejected: Access denied";
    assert_eq!(reply(&mut delayed, Stage::Rcpt, &facts()), rejected);
    let mut at_once = access(&[lists[0], ("smtpd_delay_reject", "no")]);
    assert_eq!(reply(&mut at_once, Stage::Connect, &facts()), rejected);
    assert_eq!(reply(&mut at_once, Stage::Rcpt, &facts()), "");
}

#[test]
fn deferrals_cross_stages_unless_something_rejects() {
    let parameters = [("smtpd_delay_reject", "no"), ("smtpd_client_restrictions", "defer_if_permit")];
    let mut waiting = access(&parameters);
    assert_eq!(reply(&mut waiting, Stage::Connect, &facts()), "");
    assert_eq!(reply(&mut waiting, Stage::Helo, &facts()), "");
    assert_eq!(reply(&mut waiting, Stage::Mail, &facts()), "");
    let deferred = "450 4.7.0 <unknown[192.0.2.9]>: Client host rejected: defer_if_permit requested";
    assert_eq!(reply(&mut waiting, Stage::Rcpt, &facts()), deferred);
    assert_eq!(reply(&mut waiting, Stage::Rcpt, &facts()), deferred);
    assert_eq!(reply(&mut waiting, Stage::Data, &facts()), "");
    waiting.end_session();
    assert_eq!(reply(&mut waiting, Stage::Rcpt, &facts()), "");
}

#[test]
fn lists_of_the_dns_are_asked_once() {
    let zone = Zone::default().a("9.2.0.192.rbl.example", "127.0.0.4").record(
        "9.2.0.192.rbl.example",
        Type::TXT,
        Data::Txt("why".into()),
    );
    let world = World::with_zone(zone);
    let lists = "reject_rbl_client rbl.example=127.0.0.2, reject_rbl_client rbl.example=127.0.0.[3..5]";
    let mut access = access_in(&world, &[("smtpd_client_restrictions", lists)]);
    let expected = "554 5.7.1 Service unavailable; Client host [192.0.2.9] blocked using rbl.example; why";
    assert_eq!(reply(&mut access, Stage::Rcpt, &facts()), expected);
    assert_eq!(reply(&mut access, Stage::Rcpt, &facts()), expected);
    assert_eq!(world.questions(), 2);
    let fatal = access_in(&world, &[("smtpd_client_restrictions", "reject_rbl_client rbl.example=1.2")])
        .check(Stage::Rcpt, &facts())
        .unwrap_err();
    assert_eq!(fatal.to_string(), "RBL reply error: need \".\" at \"1.2><\"");
}

#[test]
fn domains_that_do_not_exist() {
    let zone = Zone::default()
        .mx("b.example", 10, "mx.b.example")
        .fail("null.example", Type::MX, ErrorKind::NullMx)
        .fail("temp.example", Type::A, ErrorKind::TryAgain)
        .fail("bad.example", Type::MX, ErrorKind::Invalid);
    let world = World::with_zone(zone);
    let mut access = access_in(&world, &[("smtpd_sender_restrictions", "reject_unknown_sender_domain")]);
    let mut from = |sender: &str| reply(&mut access, Stage::Rcpt, &Facts { sender: Some(sender.into()), ..facts() });
    assert_eq!(from("a@b.example"), "");
    assert_eq!(from(""), "");
    assert_eq!(from("a@none.example"), "450 4.1.8 <a@none.example>: Sender address rejected: Domain not found");
    assert_eq!(from("a@temp.example"), "450 4.1.8 <a@temp.example>: Sender address rejected: Domain not found");
    assert!(from("a@null.example").starts_with("550 5.7.27 "));
    assert!(from("a@bad.example").ends_with("Malformed DNS server reply"));
}

#[test]
fn too_many_addresses_of_servers_are_ignored() {
    let mut zone = Zone::default().mx("b.example", 10, "mx.b.example");
    for number in 0..120 {
        zone = zone.a("mx.b.example", &format!("10.0.0.{number}"));
    }
    let world = World::with_zone(zone);
    let reject = |address: &str| {
        let list = format!("check_sender_mx_access inline:{{ {{{address} = REJECT}} }}");
        reply(&mut access_in(&world, &[("smtpd_sender_restrictions", &list)]), Stage::Rcpt, &facts())
    };
    assert!(reject("10.0.0.99").starts_with("554"));
    assert_eq!(reject("10.0.0.100"), "");
}

#[test]
fn probes_find_out_about_addresses() {
    let check = |answers: &[(i32, i32)], parameters: &[(&str, &str)]| {
        let world = World::default();
        world.verify_answers(answers);
        let mut all = vec![("smtpd_recipient_restrictions", "reject_unverified_recipient")];
        all.extend(parameters);
        let reply = reply(&mut access_in(&world, &all), Stage::Rcpt, &facts());
        (reply, world.slept())
    };
    let second = Duration::from_secs(3);
    assert_eq!(check(&[(0, verify::OK)], &[]), (String::new(), Duration::ZERO));
    assert_eq!(check(&[(0, verify::TODO), (0, verify::OK)], &[]), (String::new(), second));
    let (text, slept) = check(&[(0, verify::TODO), (0, verify::TODO), (0, verify::TODO)], &[]);
    assert_eq!(text, "450 4.1.1 <u@local.example>: Recipient address rejected: unverified address: why");
    assert_eq!(slept, 2 * second);
    let (text, _) = check(&[(0, verify::BOUNCE)], &[("unverified_recipient_reject_code", "550")]);
    assert_eq!(text, "550 5.1.1 <u@local.example>: Recipient address rejected: undeliverable address: why");
    let (text, _) = check(&[(0, verify::BOUNCE)], &[("unverified_recipient_reject_code", "250")]);
    assert_eq!(text, "");
    let (text, _) = check(&[(-1, 0)], &[]);
    assert_eq!(text, "450 4.1.1 <u@local.example>: Recipient address rejected: address verification problem");
}

#[test]
fn logins_own_addresses() {
    let maps = ("smtpd_sender_login_maps", "inline:{ {a@b.example = joe, ann} }");
    let check = |rule: &str, login: Option<&str>, sender: &str| {
        let parameters = [("smtpd_sasl_auth_enable", "yes"), maps, ("smtpd_sender_restrictions", rule)];
        let sasl = login.map(|name| Sasl { method: "PLAIN".into(), username: name.into(), ..Sasl::default() });
        at_rcpt(&parameters, &Facts { sasl, sender: Some(sender.into()), ..facts() })
    };
    let not_owned = "553 5.7.1 <a@b.example>: Sender address rejected: not owned by user eve";
    let not_logged_in = "553 5.7.1 <a@b.example>: Sender address rejected: not logged in";
    assert_eq!(check("reject_sender_login_mismatch", Some("Ann"), "a@b.example"), "");
    assert_eq!(check("reject_sender_login_mismatch", Some("eve"), "a@b.example"), not_owned);
    assert_eq!(check("reject_sender_login_mismatch", None, "a@b.example"), not_logged_in);
    assert_eq!(check("reject_sender_login_mismatch", None, "x@b.example"), "");
    assert!(check("reject_authenticated_sender_login_mismatch", Some("eve"), "x@b.example").contains("not owned"));
    assert_eq!(check("reject_known_sender_login_mismatch", Some("eve"), "x@b.example"), "");
    assert_eq!(check("reject_known_sender_login_mismatch", None, "a@b.example"), not_logged_in);
    assert_eq!(check("reject_unauthenticated_sender_login_mismatch", Some("eve"), "a@b.example"), "");
}

#[test]
fn certificates_open_doors() {
    let certificate = Certificate {
        is_trusted: false,
        subject: "cn".into(),
        fingerprint: "AA".into(),
        public_key_fingerprint: "BB".into(),
        ..Certificate::default()
    };
    let foreign = |certificate: Option<Certificate>| Facts {
        recipient: Some("x@far.example".into()),
        tls: Some(Tls { certificate, ..Tls::default() }),
        ..facts()
    };
    let relay = |rule: &str, facts: &Facts| {
        let relay = format!("{rule}, reject_unauth_destination");
        let maps = ("relay_clientcerts", "inline:{BB=x}");
        at_rcpt(&[("smtpd_relay_restrictions", &relay), maps, ("smtpd_reject_unlisted_recipient", "no")], facts)
    };
    assert_eq!(relay("permit_tls_clientcerts", &foreign(Some(certificate.clone()))), "");
    let other = Certificate { public_key_fingerprint: "CC".into(), is_trusted: true, ..certificate.clone() };
    assert!(relay("permit_tls_clientcerts", &foreign(Some(other.clone()))).starts_with("554"));
    assert_eq!(relay("permit_tls_all_clientcerts", &foreign(Some(other))), "");
    assert!(relay("permit_tls_all_clientcerts", &foreign(None)).starts_with("554"));

    let table = "check_ccert_access inline:{ {AA = DUNNO} {BB = REJECT key} }";
    let expected = "554 5.7.1 <cn>: Client certificate rejected: key";
    let ours = Facts { tls: foreign(Some(certificate.clone())).tls, ..facts() };
    assert_eq!(at_rcpt(&[("smtpd_client_restrictions", table)], &ours), expected);
    let table = "check_ccert_access { inline:{ {AA = DUNNO} {BB = REJECT key} }, { search_order = cert_fingerprint } }";
    assert_eq!(at_rcpt(&[("smtpd_client_restrictions", table)], &ours), "");
    let table = "check_ccert_access { static:OK, { search_order = issuer_cn } }";
    assert_eq!(at_rcpt(&[("smtpd_client_restrictions", table)], &ours), "451 4.3.5 Server configuration error");
    let table = "check_sasl_access static:{REJECT login}";
    let parameters = [("smtpd_sasl_auth_enable", "yes"), ("smtpd_client_restrictions", table)];
    let sasl = Some(Sasl { method: "PLAIN".into(), username: "j\tx".into(), ..Sasl::default() });
    let expected = "554 5.7.1 <j_x>: SASL login name rejected: login";
    assert_eq!(at_rcpt(&parameters, &Facts { sasl, ..facts() }), expected);
}

#[test]
fn clients_without_names() {
    let mut facts = facts();
    let rule = [("smtpd_client_restrictions", "reject_unknown_client_hostname"), ("unknown_client_reject_code", "550")];
    let text = "Client host rejected: cannot find your hostname, [192.0.2.9]";
    assert_eq!(at_rcpt(&rule, &facts), format!("550 5.7.25 {text}"));
    facts.client.name_status = NameStatus::Temporary;
    assert_eq!(at_rcpt(&rule, &facts), format!("450 4.7.25 {text}"));
}

#[test]
fn policy_servers_are_asked_once_for_each_connection_that_breaks() {
    let world = World::default();
    world.policy_answers(&["action=DUNNO\n\n", "", "action=REJECT by policy\n\n"]);
    let list = ("smtpd_recipient_restrictions", "check_policy_service inet:127.0.0.1:10040");
    let mut access = access_in(&world, &[list]);
    assert_eq!(reply(&mut access, Stage::Rcpt, &facts()), "");
    assert_eq!(
        reply(&mut access, Stage::Rcpt, &facts()),
        "554 5.7.1 <u@local.example>: Recipient address rejected: by policy"
    );
    assert_eq!((world.connects(), world.slept()), (2, Duration::from_secs(1)));
    assert_eq!(
        reply(&mut access, Stage::Rcpt, &facts()),
        "451 4.3.5 <u@local.example>: Recipient address rejected: Server configuration problem"
    );
}

#[test]
fn the_first_backup_is_not_the_primary() {
    let zone = Zone::default()
        .mx("backup.example", 10, "better.example")
        .mx("backup.example", 20, "mail.example.com")
        .mx("primary.example", 10, "mail.example.com")
        .a("better.example", "192.0.2.1")
        .a("mail.example.com", "127.0.0.1");
    let world = World::with_zone(zone);
    let check = |networks: &str, recipient: &str| {
        let parameters = [
            ("smtpd_relay_restrictions", "permit_mx_backup, reject"),
            ("permit_mx_backup_networks", networks),
            ("smtpd_reject_unlisted_recipient", "no"),
        ];
        reply(&mut access_in(&world, &parameters), Stage::Rcpt, &Facts { recipient: Some(recipient.into()), ..facts() })
    };
    assert_eq!(check("", "x@backup.example"), "");
    assert!(check("", "x@primary.example").starts_with("554"));
    assert_eq!(check("192.0.2.0/24", "x@backup.example"), "");
    assert!(check("10.0.0.0/8", "x@backup.example").starts_with("554"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_list_and_any_facts_lead_to_a_verdict(
        words in proptest::collection::vec("(permit|reject|defer_if_permit|defer_if_reject|warn_if_reject|sleep|0|reject_non_fqdn_sender|\
            reject_unverified_sender|reject_unlisted_recipient|check_helo_access|check_sender_mx_access|static:REJECT|static:DUNNO|\
            reject_rbl_client|rbl\\.example|permit_mx_backup|reject_unknown_helo_hostname|permit_dnswl_client|nonsense|\
            reject_invalid_helo_hostname|reject_sender_login_mismatch|check_ccert_access|permit_auth_destination)", 0..8),
        helo in "[a-z0-9.:\\[\\]-]{0,12}",
        sender in "([a-z%!\"\\\\]{1,4}(@[a-z.\\[\\]1]{0,6})?)?",
        recipient in "[a-z%!\"\\\\]{1,4}(@[a-z.\\[\\]1]{0,6})?",
        client in "[0-9a-f.:]{0,12}",
    ) {
        let list = words.join(" ");
        let mut access = access(&[("smtpd_recipient_restrictions", &list), ("smtpd_sender_restrictions", &list)]);
        let mut facts = Facts { helo: Some(helo.into()), sender: Some(sender.into()), recipient: Some(recipient.into()), ..facts() };
        facts.client.address = client.into();
        for stage in [Stage::Rcpt, Stage::Data, Stage::EndOfMessage, Stage::Etrn] {
            prop_assert!(access.check(stage, &facts).is_ok());
        }
    }
}
