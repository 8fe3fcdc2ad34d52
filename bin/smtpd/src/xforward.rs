//! XFORWARD: a trusted client says where a message comes from, for the log (smtpd §9.2).

use bstr::BString;
use config::params;
use smtp_protocol::peer::{Peer, UNKNOWN, rfc_address};
use smtp_protocol::server::identity::Attribute;
use smtp_protocol::server::reply::Refusal;
use smtp_protocol::server::words::Word;

use crate::session::{End, Outcome, Session};

/// What XFORWARD said about one message.
#[derive(Clone, Debug, Default)]
pub struct Forwarded {
    /// The client that the message comes from. What was not said of it is unknown.
    pub client: Option<ForwardedClient>,
    /// The queue ID that the message has there.
    pub ident: Option<BString>,
    /// `local` or `remote`: whether the message comes from within.
    pub context: Option<&'static str>,
}

/// The client that a message comes from.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "each is the attribute of that name")]
pub struct ForwardedClient {
    pub name: BString,
    pub address: BString,
    pub rfc_address: BString,
    pub port: BString,
    pub helo: Option<BString>,
    pub protocol: BString,
}

impl Default for ForwardedClient {
    fn default() -> Self {
        let unknown = || BString::from(UNKNOWN);
        Self {
            name: unknown(),
            address: unknown(),
            rfc_address: unknown(),
            port: unknown(),
            helo: None,
            protocol: unknown(),
        }
    }
}

impl Forwarded {
    /// Whether anything was said.
    pub fn is_any(&self) -> bool {
        self.client.is_some() || self.ident.is_some() || self.context.is_some()
    }

    /// The client that the message comes from, as the log shows it.
    pub fn namaddr(&self, peer: &Peer) -> Option<BString> {
        let client = self.client.as_ref()?;
        Some(peer.forwarded_namaddr(&client.name, &client.address, &client.port))
    }
}

impl Session<'_> {
    /// XFORWARD.
    pub fn xforward(&mut self, arguments: &[Word]) -> Result<Outcome, End> {
        if let Some(refusal) = self.refuse_identity("XFORWARD", arguments, self.xforward_allowed)? {
            return self.refuse(refusal);
        }
        let utf8 = self.config.get(params::SMTPUTF8_ENABLE);
        for word in arguments {
            let taken = match Attribute::parse(&word.text, utf8) {
                Ok(attribute) => self.take_origin(&attribute),
                Err(text) => Err(text.into()),
            };
            if let Err(text) = taken {
                return self.refuse(Refusal::protocol(text));
            }
        }
        self.accept("250 2.0.0 Ok")
    }

    /// Takes over one attribute. The error is the reply.
    fn take_origin(&mut self, attribute: &Attribute) -> Result<(), BString> {
        let none = attribute.is_unavailable();
        match attribute.name.as_slice() {
            b"IDENT" => self.forwarded.ident = (!none).then(|| attribute.neutered()),
            b"SOURCE" => {
                self.forwarded.context = Some(match attribute.value.to_ascii_uppercase().as_slice() {
                    b"LOCAL" | b"[UNAVAILABLE]" => "local",
                    b"REMOTE" => "remote",
                    _ => return Err(attribute.bad()),
                });
            }
            b"NAME" | b"ADDR" | b"PORT" | b"HELO" | b"PROTO" => self.take_origin_client(attribute)?,
            name => return Err([b"501 5.5.4 Bad XFORWARD attribute name: ", name].concat().into()),
        }
        Ok(())
    }

    fn take_origin_client(&mut self, attribute: &Attribute) -> Result<(), BString> {
        let protocols = self.config.protocols();
        let mut client = self.forwarded.client.clone().unwrap_or_default();
        let unknown = || BString::from(UNKNOWN);
        let none = attribute.is_unavailable();
        match attribute.name.as_slice() {
            b"NAME" => client.name = if none { unknown() } else { attribute.harmless().host_name()? },
            b"ADDR" if none => (client.address, client.rfc_address) = (unknown(), unknown()),
            b"ADDR" => {
                let address = attribute.harmless().address(|address| protocols.allow(address))?;
                (client.address, client.rfc_address) = (address.to_string().into(), rfc_address(address));
            }
            b"PORT" => client.port = if none { unknown() } else { attribute.port()? },
            b"HELO" => client.helo = (!none).then(|| attribute.neutered()),
            _ => client.protocol = if none { unknown() } else { attribute.forwarded_protocol()? },
        }
        self.forwarded.client = Some(client);
        Ok(())
    }
}
