//! The SMTP server: commands and their replies, and what reaches the queue (smtpd §5, §7, §8).

use tests::smtp::{Session, free_port};
use tests::{Builder, Instance, require_instances};

/// An instance with a server on a port; mail stays in the queue as cleanup wrote it.
fn server(port: u16) -> Builder {
    Instance::builder()
        .set("myhostname", "mail.example.com")
        .set("mydestination", "$myhostname, localhost, local.example")
        .set("local_recipient_maps", "")
        .set("in_flow_delay", "0")
        .service(&format!("127.0.0.1:{port} inet n - n - - smtpd"))
        .service("anvil unix - - n - 1 anvil")
}

#[test]
fn a_message_is_delivered() {
    require_instances!();
    let port = free_port();
    let instance = server(port).start();
    let mut session = Session::hello(port);
    let reply = session.deliver("a@other.example", &["phtest1@local.example"], "Subject: hello\r\n\r\n..body\r\n");
    assert!(reply.starts_with("250 2.0.0 Ok: queued as "), "{reply}");
    session.quit();
    let mail = instance.wait_for_mail("phtest1", 1).remove(0);
    assert!(mail.contains("\nSubject: hello\n") && mail.contains("\n\n.body\n"), "{mail}");
    let id = reply.rsplit(' ').next().unwrap();
    assert!(
        mail.contains(&format!(
            "\nReceived: from client.example (localhost [127.0.0.1])\n\tby mail.example.com (Postfix) with ESMTP id {id}\n\tfor <phtest1@local.example>; "
        )),
        "{mail}"
    );
    instance.wait_for_log(&[&format!("{id}: client=localhost[127.0.0.1]")]);
    instance.wait_for_log(&["disconnect from localhost[127.0.0.1] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5"]);
}
