//! Access restrictions, as SMTP clients and the log show them (access-milter-postscreen §2 to §6).

use tests::{Builder, Instance, require_instances, script};

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
