//! The commands in front of DATA (smtp-client §12).

use bstr::{BString, ByteSlice};
use ipc::bounce::{Recipient, notify, ret};
use ipc::delivery::utf8;
use smtp_protocol::client::{Command, Features, Stage, feature};
use text::address::{quote, quote_smtp};
use text::xtext;

use crate::delivery::Delivery;
use crate::mapping;

/// XFORWARD, MAIL and RCPT commands for all recipients. `converts`: 8-bit content will be converted, so that its size is not known.
pub fn commands(delivery: &mut Delivery<'_, '_>, features: &Features, converts: bool) -> Vec<Command> {
    let mut commands = forward(delivery, features);
    commands.push((Stage::Mail, mail(delivery, features, converts)));
    let recipients: Vec<(usize, Recipient)> =
        delivery.recipients().map(|(number, recipient)| (number, recipient.clone())).collect();
    for (number, recipient) in recipients {
        commands.push((Stage::Recipient(number), rcpt(delivery, features, &recipient)));
    }
    commands
}

/// An address as the commands have it.
fn address(delivery: &mut Delivery<'_, '_>, address: &[u8]) -> BString {
    let mapped = mapping::map_generic(delivery.site, delivery.services, address);
    match delivery.site.settings.quote_envelope && !mapped.is_empty() {
        true => quote_smtp(&mapped),
        false => mapped,
    }
}

fn mail(delivery: &mut Delivery<'_, '_>, features: &Features, converts: bool) -> BString {
    let sender = delivery.job.request.sender.clone();
    let mut text = BString::from([b"MAIL FROM:<", address(delivery, &sender).as_slice(), b">"].concat());
    let request = &delivery.job.request;
    let mut add = |parameter: &[u8]| {
        text.push(b' ');
        text.extend_from_slice(parameter);
    };
    if features.has(feature::SIZE) && !converts {
        add(format!("SIZE={}", request.data_size).as_bytes());
    }
    if features.has(feature::EIGHT_BIT_MIME) {
        match request.encoding.as_slice() {
            b"8bit" => add(b"BODY=8BITMIME"),
            b"7bit" => add(b"BODY=7BIT"),
            b"" => {}
            other => {
                log::warn!("{}: unknown content encoding: {}", text::show(&request.queue_id), text::show(other));
            }
        }
    }
    if features.has(feature::DSN) {
        if !request.envelope_id.is_empty() {
            add(&[b"ENVID=".as_slice(), &xtext::encode(&request.envelope_id, b"+=")].concat());
        }
        match request.ret {
            ret::FULL => add(b"RET=FULL"),
            ret::HDRS => add(b"RET=HDRS"),
            _ => {}
        }
    }
    if features.has(feature::SMTPUTF8) && request.smtputf8 & utf8::REQUESTED != 0 {
        add(b"SMTPUTF8");
    }
    let settings = &delivery.site.settings;
    if delivery.site.security.uses_sasl() && settings.send_dummy_mail_auth && features.has(feature::AUTH) {
        add(b"AUTH=<>");
    }
    text
}

fn rcpt(delivery: &mut Delivery<'_, '_>, features: &Features, recipient: &Recipient) -> BString {
    let mapped = address(delivery, &recipient.address);
    let mut text = BString::from([b"RCPT TO:<", mapped.as_slice(), b">"].concat());
    if !features.has(feature::DSN) {
        return text;
    }
    if let Some(original) = original_recipient(recipient, delivery.job.request.smtputf8) {
        text.extend_from_slice(b" ORCPT=");
        text.extend_from_slice(&original);
    }
    if recipient.notify != 0 {
        text.extend_from_slice(b" NOTIFY=");
        text.extend_from_slice(notifications(recipient.notify).as_bytes());
    }
    text
}

/// The value of ORCPT: what the client gave, or else the original recipient.
fn original_recipient(recipient: &Recipient, smtputf8: i32) -> Option<BString> {
    let (kind, original) = match recipient.dsn_orig_rcpt.split_once_str(";") {
        Some((kind, original)) => (kind.as_bstr().to_owned(), BString::from(original)),
        None if recipient.original.is_empty() => return None,
        None => {
            let kind = if smtputf8 & utf8::ANY != 0 && !recipient.original.is_ascii() { "utf-8" } else { "rfc822" };
            (kind.into(), quote(&recipient.original))
        }
    };
    let encoded = match kind.eq_ignore_ascii_case(b"utf-8") {
        true => xtext::encode_unicode(&original, b"\\+=")?,
        false => xtext::encode(&original, b"="),
    };
    Some([kind.as_slice(), b";", &encoded].concat().into())
}

fn notifications(bits: i32) -> String {
    if bits & notify::NEVER != 0 {
        return "NEVER".into();
    }
    let names = [(notify::SUCCESS, "SUCCESS"), (notify::FAILURE, "FAILURE"), (notify::DELAY, "DELAY")];
    names.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| *name).collect::<Vec<_>>().join(",")
}

/// What is known about the original client, for a server that wants to hear it.
fn forward(delivery: &Delivery<'_, '_>, features: &Features) -> Vec<Command> {
    if !delivery.site.settings.send_xforward {
        return Vec::new();
    }
    let client = &delivery.job.request.client;
    let origin: &[u8] = if delivery.job.request.rewrite_context == "local" { b"LOCAL" } else { b"REMOTE" };
    let known = |value: &BString| !value.is_empty() && !value.eq_ignore_ascii_case(b"unknown");
    let first = [
        ("NAME", feature::XFORWARD_NAME, client.name.as_slice(), known(&client.name)),
        ("ADDR", feature::XFORWARD_ADDR, &client.address, known(&client.address)),
        ("PORT", feature::XFORWARD_PORT, &client.port, known(&client.port)),
    ];
    let second = [
        ("PROTO", feature::XFORWARD_PROTO, client.protocol.as_slice(), known(&client.protocol)),
        ("HELO", feature::XFORWARD_HELO, &client.helo, !client.helo.is_empty()),
        ("IDENT", feature::XFORWARD_IDENT, &client.ident, !client.ident.is_empty()),
        ("SOURCE", feature::XFORWARD_SOURCE, origin, true),
    ];
    let command = |stage, attributes: &[(&str, u32, &[u8], bool)]| {
        let mut text = BString::from("XFORWARD");
        let wanted = attributes.iter().filter(|(_, bit, _, known)| *known && features.has(*bit));
        for (name, _, value, _) in wanted.clone() {
            text.extend_from_slice(format!(" {name}=").as_bytes());
            text.extend_from_slice(&xtext::encode(value, b""));
        }
        (wanted.count() > 0).then_some((stage, text))
    };
    command(Stage::ForwardName, &first).into_iter().chain(command(Stage::ForwardProtocol, &second)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_original_recipient_is_kept_or_made() {
        let recipient = |original: &str, dsn: &str| Recipient {
            original: original.into(),
            dsn_orig_rcpt: dsn.into(),
            ..Recipient::default()
        };
        let made = |original: &str, dsn: &str, smtputf8| original_recipient(&recipient(original, dsn), smtputf8);
        assert_eq!(made("a@b", "rfc822;x+y@z", 0), Some("rfc822;x+2By@z".into()));
        assert_eq!(made("a b@c", "", 0), Some("rfc822;\"a+20b\"@c".into()));
        assert_eq!(made("é@c", "", 1), Some("utf-8;\\x{E9}@c".into()));
        assert_eq!(made("", "", 0), None);
    }

    #[test]
    fn wishes() {
        assert_eq!(notifications(notify::NEVER), "NEVER");
        assert_eq!(notifications(notify::SUCCESS | notify::DELAY), "SUCCESS,DELAY");
    }
}
