//! XCLIENT: a trusted client says on whose behalf it talks (smtpd §9.1).

use bstr::BString;
use config::params;
use smtp_protocol::peer::{NameStatus, UNKNOWN};
use smtp_protocol::server::identity::Attribute;
use smtp_protocol::server::reply::Refusal;
use smtp_protocol::server::words::Word;

use crate::session::{End, Login, Outcome, Session};

/// What one command has given, beside the client's identity.
#[derive(Debug, Default)]
struct Given {
    helo: bool,
    protocol: bool,
    login: bool,
}

impl Session<'_> {
    /// XCLIENT. Nothing: the client is another now, and is greeted.
    pub fn xclient(&mut self, arguments: &[Word]) -> Result<Option<Outcome>, End> {
        if let Some(refusal) = self.refuse_identity("XCLIENT", arguments, self.xclient_allowed)? {
            return Ok(Some(self.refuse(refusal)?));
        }
        let mut given = Given::default();
        let utf8 = self.config.get(params::SMTPUTF8_ENABLE);
        for word in arguments {
            let taken = match Attribute::parse(&word.text, utf8) {
                Ok(attribute) => self.take_identity(&attribute, &mut given),
                Err(text) => Err(text.into()),
            };
            if let Err(text) = taken {
                return Ok(Some(self.refuse(Refusal::protocol(text))?));
            }
        }
        self.become_another(&given);
        Ok(None)
    }

    /// What is wrong with XCLIENT or XFORWARD now.
    ///
    /// # Errors
    /// The list of trusted clients cannot be searched.
    pub fn refuse_identity(
        &mut self,
        verb: &str,
        arguments: &[Word],
        allowed: Option<bool>,
    ) -> Result<Option<Refusal>, End> {
        if self.transaction.is_some() {
            return Ok(Some(Refusal::protocol("503 5.5.1 Error: MAIL transaction in progress")));
        }
        if arguments.is_empty() {
            return Ok(Some(Refusal::protocol(format!("501 5.5.4 Syntax: {verb} attribute=value..."))));
        }
        match allowed {
            Some(true) => Ok(None),
            Some(false) => Ok(Some(Refusal::policy("550 5.7.0 Error: insufficient authorization"))),
            None => {
                let client = text::show(&self.peer.namaddr);
                log::warn!("don't know if command {verb} should be allowed from {client}");
                Err(self.data_error())
            }
        }
    }

    /// Takes over one attribute. The error is the reply.
    fn take_identity(&mut self, attribute: &Attribute, given: &mut Given) -> Result<(), BString> {
        let protocols = self.config.protocols();
        let none = attribute.is_unavailable();
        let peer = &mut self.peer;
        match attribute.name.as_slice() {
            b"NAME" => {
                (peer.name, peer.name_status) = host_name(attribute)?;
                if peer.name_status == NameStatus::Known {
                    (peer.reverse_name, peer.reverse_status) = (peer.name.clone(), NameStatus::Known);
                }
            }
            b"REVERSE_NAME" => (peer.reverse_name, peer.reverse_status) = host_name(attribute)?,
            b"ADDR" if none => {
                (peer.address, peer.rfc_address, peer.family) = (UNKNOWN.into(), UNKNOWN.into(), 0);
            }
            b"ADDR" => peer.set_address(attribute.harmless().address(|address| protocols.allow(address))?),
            b"PORT" if none => peer.port = UNKNOWN.into(),
            b"PORT" => peer.port = attribute.port()?,
            b"DESTADDR" if none => peer.server_address = UNKNOWN.into(),
            b"DESTADDR" => {
                peer.server_address =
                    attribute.harmless().address(|address| protocols.allow(address))?.to_string().into();
            }
            b"DESTPORT" if none => peer.server_port = UNKNOWN.into(),
            b"DESTPORT" => peer.server_port = attribute.port()?,
            b"HELO" => {
                self.helo = (!none).then(|| attribute.neutered());
                given.helo = true;
            }
            b"PROTO" => {
                self.extended = match attribute.value.to_ascii_uppercase().as_slice() {
                    b"SMTP" => false,
                    b"ESMTP" => true,
                    _ => return Err(attribute.bad()),
                };
                given.protocol = true;
            }
            b"LOGIN" => {
                let login = || Login { method: "XCLIENT".into(), user: attribute.value.clone() };
                self.login = (!none).then(login);
                given.login = true;
            }
            name => return Err([b"501 5.5.4 Bad XCLIENT attribute name: ", name].concat().into()),
        }
        Ok(())
    }

    fn become_another(&mut self, given: &Given) {
        self.peer = self.peer.clone().named();
        if !given.helo {
            self.helo = None;
        }
        if !given.protocol {
            self.extended = false;
        }
        if !given.login {
            self.login = None;
        }
        self.denied = None;
        self.xclient_allowed = self.is_permitted(|site| &site.xclient_hosts);
        self.choose_newlines();
        self.flush_transcript(0, None);
        self.end_transaction();
        self.end_decisions();
    }
}

fn host_name(attribute: &Attribute) -> Result<(BString, NameStatus), BString> {
    if attribute.is_unavailable() {
        return Ok((UNKNOWN.into(), NameStatus::Permanent));
    }
    if attribute.is_temporarily_unavailable() {
        return Ok((UNKNOWN.into(), NameStatus::Temporary));
    }
    Ok((attribute.host_name()?, NameStatus::Known))
}
