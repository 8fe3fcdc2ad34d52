//! What is said to a policy server and what it answers, without I/O (access-milter-postscreen §6.2).

use bstr::BString;
use text::xtext;

use crate::facts::{Facts, Stage};

/// The longest answer, in bytes.
const LIMIT: usize = 64 * 1024;

/// The request: lines `name=value`, and an empty line.
pub(crate) fn request(
    stage: Stage,
    facts: &Facts,
    recipient: Option<&BString>,
    stress: &[u8],
    context: &[u8],
) -> Vec<u8> {
    let mut lines = Lines::default();
    let client = &facts.client;
    lines.put("request", "smtpd_access_policy");
    lines.put("protocol_state", stage.policy_name());
    lines.put("protocol_name", facts.protocol.name());
    lines.put("client_address", &client.address);
    lines.put("client_name", &client.name);
    lines.put("client_port", &client.port);
    lines.put("reverse_client_name", &client.reverse_name);
    lines.put("server_address", &facts.server.address);
    lines.put("server_port", &facts.server.port);
    lines.put_some("helo_name", facts.helo.as_ref());
    lines.put_some("sender", facts.sender.as_ref());
    lines.put_some("recipient", recipient);
    let count = if stage.is_after_recipients() { facts.recipient_count } else { 0 };
    lines.put("recipient_count", count.to_string());
    lines.put_some("queue_id", facts.queue_id.as_ref());
    lines.put("instance", &facts.instance);
    lines.put("size", facts.size().to_string());
    lines.put_some("etrn_domain", facts.etrn_domain.as_ref());
    lines.put("stress", stress);
    let sasl = facts.sasl.as_ref();
    lines.put_some("sasl_method", sasl.map(|sasl| &sasl.method));
    lines.put_some("sasl_username", sasl.map(|sasl| &sasl.username));
    lines.put_some("sasl_sender", sasl.map(|sasl| &sasl.sender));
    put_tls(&mut lines, facts);
    lines.put("policy_context", context);
    lines.0.push(b'\n');
    lines.0
}

fn put_tls(lines: &mut Lines, facts: &Facts) {
    let certificate = facts.certificate();
    let trusted = certificate.filter(|certificate| certificate.is_trusted);
    let names = |name: &BString| xtext::encode(name, b"+=");
    lines.put_some("ccert_subject", trusted.map(|certificate| names(&certificate.subject)).as_ref());
    lines.put_some("ccert_issuer", trusted.map(|certificate| names(&certificate.issuer)).as_ref());
    lines.put_some("ccert_fingerprint", certificate.map(|certificate| &certificate.fingerprint));
    lines.put_some("ccert_pubkey_fingerprint", certificate.map(|certificate| &certificate.public_key_fingerprint));
    let tls = facts.tls.as_ref();
    lines.put_some("encryption_protocol", tls.map(|tls| &tls.protocol));
    lines.put_some("encryption_cipher", tls.map(|tls| &tls.cipher));
    lines.put("encryption_keysize", tls.map_or(0, |tls| tls.key_size).to_string());
}

#[derive(Default)]
struct Lines(Vec<u8>);

impl Lines {
    /// A value that would break the line protocol ends where it does.
    fn put(&mut self, name: &str, value: impl AsRef<[u8]>) {
        let value = value.as_ref();
        let end = value.iter().position(|byte| matches!(byte, b'\n' | 0)).unwrap_or(value.len());
        for part in [name.as_bytes(), b"=", &value[..end], b"\n"] {
            self.0.extend_from_slice(part);
        }
    }

    fn put_some(&mut self, name: &str, value: Option<&BString>) {
        self.put(name, value.map_or(b"".as_slice(), |value| value.as_slice()));
    }
}

/// What the bytes of an answer are so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// More is to come.
    Incomplete,
    /// The action, and how long the answer is in bytes.
    Action {
        /// The value of `action`.
        action: BString,
        /// The length of the answer.
        taken: usize,
    },
    /// The answer ended without an action.
    NoAction,
    /// A line without `=`.
    Malformed,
    /// No end in sight.
    TooLong,
}

/// Reads an answer: lines `name=value` up to an empty one. The first `action` counts.
pub(crate) fn answer(received: &[u8]) -> Answer {
    let mut action = None;
    let mut at = 0;
    while let Some(length) = received[at..].iter().position(|&byte| byte == b'\n') {
        let line = &received[at..at + length];
        at += length + 1;
        if line.is_empty() {
            return action.map_or(Answer::NoAction, |action| Answer::Action { action, taken: at });
        }
        match line.iter().position(|&byte| byte == b'=') {
            Some(end) if &line[..end] == b"action" => {
                action.get_or_insert_with(|| BString::from(&line[end + 1..]));
            }
            Some(_) => {}
            None => return Answer::Malformed,
        }
    }
    if received.len() > LIMIT { Answer::TooLong } else { Answer::Incomplete }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Certificate, Client, Protocol, Tls};
    use proptest::prelude::*;

    #[test]
    fn the_order_of_attributes() {
        let facts = Facts {
            client: Client { address: "192.0.2.1".into(), port: "1234".into(), ..Client::default() },
            helo: Some("h".into()),
            protocol: Protocol::Esmtp,
            sender: Some("a@b.example".into()),
            recipient_count: 2,
            declared_size: 10,
            tls: Some(Tls {
                protocol: "TLSv1.3".into(),
                cipher: "C".into(),
                key_size: 256,
                certificate: Some(Certificate {
                    is_trusted: true,
                    subject: "a b".into(),
                    fingerprint: "AA".into(),
                    ..Certificate::default()
                }),
            }),
            ..Facts::default()
        };
        let request = request(Stage::Bdat, &facts, None, b"", b"ctx");
        let text = BString::from(request).to_string();
        let expected = "request=smtpd_access_policy\nprotocol_state=DATA\nprotocol_name=ESMTP\nclient_address=192.0.2.1\n\
            client_name=unknown\nclient_port=1234\nreverse_client_name=unknown\nserver_address=\nserver_port=\nhelo_name=h\n\
            sender=a@b.example\nrecipient=\nrecipient_count=2\nqueue_id=\ninstance=\nsize=10\netrn_domain=\nstress=\n\
            sasl_method=\nsasl_username=\nsasl_sender=\nccert_subject=a+20b\nccert_issuer=\nccert_fingerprint=AA\n\
            ccert_pubkey_fingerprint=\nencryption_protocol=TLSv1.3\nencryption_cipher=C\nencryption_keysize=256\n\
            policy_context=ctx\n\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn answers() {
        let action = |action: &str, taken| Answer::Action { action: action.into(), taken };
        assert_eq!(answer(b"action=DUNNO\n\nrest"), action("DUNNO", 14));
        assert_eq!(answer(b"x=y\naction=a=b\naction=c\n\n"), action("a=b", 25));
        assert_eq!(answer(b"action=DUNNO\n"), Answer::Incomplete);
        assert_eq!(answer(b"\n"), Answer::NoAction);
        assert_eq!(answer(b"hello\n\n"), Answer::Malformed);
        assert_eq!(answer(&[b'x'; LIMIT + 1]), Answer::TooLong);
    }

    proptest! {
        #[test]
        fn any_answer_is_read_without_panic(received in proptest::collection::vec(any::<u8>(), 0..100)) {
            if let Answer::Action { taken, .. } = answer(&received) {
                prop_assert!(taken <= received.len());
            }
        }

        #[test]
        fn an_action_comes_back(action in "[ -~]{0,40}") {
            let wire = format!("action={action}\n\n");
            let expected = Answer::Action { action: action.as_str().into(), taken: wire.len() };
            prop_assert_eq!(answer(wire.as_bytes()), expected);
        }
    }
}
