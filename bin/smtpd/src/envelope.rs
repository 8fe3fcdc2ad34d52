//! The records of a message's envelope (smtpd §8.1, §8.2).

use bstr::BString;
use config::params;
use ipc::cleanup::flag;
use logging::event::MessageClient;
use queue::{RecordType, attribute};
use smtp_protocol::server::reply::Refusal;

use crate::destination::Destination;
use crate::filter::Filter;
use crate::session::Session;

impl Session<'_> {
    /// Opens the destination of the message, and sends what is known so far. The error is the reply when a filter fails.
    pub fn open_destination(&mut self) -> Result<(), Refusal> {
        let Some(transaction) = &self.transaction else { return Ok(()) };
        if transaction.destination.is_some() {
            return Ok(());
        }
        let smtputf8 = transaction.options.smtputf8;
        let destination = if self.stand_alone {
            Destination::postdrop(self.config)
        } else if self.config.get(params::SMTPD_PROXY_FILTER).is_empty() {
            Destination::cleanup(self.config, smtputf8)
        } else {
            Destination::Filter(Box::new(Filter::open(self)?))
        };
        self.log_message_client(&destination);
        if let Some(transaction) = &mut self.transaction {
            transaction.destination = Some(destination);
        }
        if !self.is_filtered() {
            self.send_envelope();
        }
        Ok(())
    }

    /// Whether the message goes to a before-queue filter.
    pub fn is_filtered(&self) -> bool {
        !self.stand_alone && !self.config.get(params::SMTPD_PROXY_FILTER).is_empty()
    }

    fn log_message_client(&self, destination: &Destination) {
        let login = self.login.as_ref();
        let sender = self.transaction.as_ref().and_then(|transaction| transaction.options.auth.as_ref());
        let original = self.forwarded.namaddr(&self.peer);
        logging::emit(&MessageClient {
            queue_id: destination.queue_id().map(AsRef::as_ref),
            client: &self.peer.namaddr,
            sasl_method: login.map(|login| login.method.as_slice()),
            sasl_username: login.map(|login| login.user.as_slice()),
            sasl_sender: sender.map(|sender| sender.as_slice()),
            original_queue_id: self.forwarded.ident.as_ref().map(|ident| ident.as_slice()),
            original_client: original.as_ref().map(|original| original.as_slice()),
        });
    }

    fn send_envelope(&mut self) {
        let attributes = if self.stand_alone { Vec::new() } else { self.client_attributes() };
        let stand_alone = self.stand_alone;
        let filter = self.config.get(params::CONTENT_FILTER);
        let login = self.login.clone();
        let ident = self.forwarded.ident.clone();
        let context = self.forwarded.context;
        let Some(transaction) = &mut self.transaction else { return };
        let Some(destination) = &mut transaction.destination else { return };
        let options = &transaction.options;
        if !stand_alone {
            let time = queue::message::format_arrival_time(transaction.arrival);
            destination.put(RecordType::TIME, time.as_bytes());
            if !filter.is_empty() {
                destination.put(RecordType::FILTER, filter);
            }
            let ident = ident.or_else(|| destination.queue_id().map(ToOwned::to_owned)).unwrap_or_default();
            destination.attribute(attribute::LOG_IDENT, &ident);
            let context = context.unwrap_or(transaction.rewrite_context);
            destination.attribute(attribute::REWRITE_CONTEXT, context.as_bytes());
            if let Some(login) = &login {
                destination.attribute(attribute::SASL_METHOD, &login.method);
                destination.attribute(attribute::SASL_USERNAME, &login.user);
            }
            if let Some(sender) = &options.auth {
                destination.attribute(attribute::SASL_SENDER, sender);
            }
            if let Some(envid) = &options.envid {
                destination.attribute(attribute::ENVELOPE_ID, envid);
            }
            if let Some(ret) = options.ret {
                destination.attribute(attribute::RET_FLAGS, (ret as u8).to_string().as_bytes());
            }
        }
        destination.put(RecordType::SENDER, &transaction.sender);
        if let Some(encoding) = options.encoding {
            destination.attribute(attribute::ENCODING, encoding.as_bytes());
        }
        for (name, value) in attributes {
            destination.attribute(name, &value);
        }
        if let Some(delimiters) = &options.verp {
            destination.put(RecordType::VERP, delimiters);
        }
    }

    /// Who the client is: for the log, perhaps another that this client talks for; and in truth.
    fn client_attributes(&self) -> Vec<(&'static str, BString)> {
        let peer = &self.peer;
        let logged = self.forwarded.client.as_ref();
        let mut attributes: Vec<(&'static str, BString)> = Vec::with_capacity(15);
        let (name, address, port, helo, protocol) = match logged {
            Some(client) => (&client.name, &client.rfc_address, &client.port, &client.helo, client.protocol.clone()),
            None => (&peer.name, &peer.rfc_address, &peer.port, &self.helo, self.protocol().into()),
        };
        attributes.push((attribute::LOG_CLIENT_NAME, name.clone()));
        attributes.push((attribute::LOG_CLIENT_ADDRESS, address.clone()));
        attributes.push((attribute::LOG_CLIENT_PORT, port.clone()));
        let origin = self.forwarded.namaddr(peer).unwrap_or_else(|| peer.namaddr.clone());
        attributes.push((attribute::LOG_MESSAGE_ORIGIN, origin));
        attributes.extend(helo.clone().map(|helo| (attribute::LOG_HELO_NAME, helo)));
        attributes.push((attribute::LOG_PROTOCOL_NAME, protocol));
        attributes.push((attribute::CLIENT_NAME, peer.name.clone()));
        attributes.push((attribute::REVERSE_CLIENT_NAME, peer.reverse_name.clone()));
        attributes.push((attribute::CLIENT_ADDRESS, peer.address.clone()));
        attributes.push((attribute::CLIENT_PORT, peer.port.clone()));
        attributes.push((attribute::SERVER_ADDRESS, peer.server_address.clone()));
        attributes.push((attribute::SERVER_PORT, peer.server_port.clone()));
        attributes.extend(self.helo.clone().map(|helo| (attribute::HELO_NAME, helo)));
        attributes.push((attribute::PROTOCOL_NAME, self.protocol().into()));
        attributes.push((attribute::CLIENT_ADDRESS_TYPE, peer.family.to_string().into()));
        attributes
    }

    /// Bits of what restrictions want done with the message.
    fn action_flags(&self) -> i32 {
        let effects = self.site.effects();
        (if effects.hold { flag::HOLD } else { 0 }) | (if effects.discard { flag::DISCARD } else { 0 })
    }

    /// Ends the envelope, and sends our headers (§8.2).
    pub fn end_envelope(&mut self) {
        let flags = if self.stand_alone || self.is_filtered() { 0 } else { self.action_flags() };
        let prepended = self.site.effects().prepend;
        let received = if self.is_filtered() && self.forwarded.is_any() { Vec::new() } else { self.received_header() };
        let filtered = self.is_filtered();
        let Some(destination) = self.transaction.as_mut().and_then(|transaction| transaction.destination.as_mut())
        else {
            return;
        };
        if !filtered {
            if flags != 0 {
                destination.put(RecordType::FLAGS, flags.to_string().as_bytes());
            }
            destination.put(RecordType::MESSAGE, b"");
        }
        for header in prepended.iter().chain(&received) {
            destination.put(RecordType::TEXT, header);
        }
    }

    /// Sends what restrictions want done with the message, and ends it (§8.4).
    pub fn end_message(&mut self) {
        if self.is_filtered() {
            return;
        }
        let flags = if self.stand_alone { 0 } else { self.action_flags() };
        let effects = self.site.effects();
        let Some(destination) = self.transaction.as_mut().and_then(|transaction| transaction.destination.as_mut())
        else {
            return;
        };
        destination.put(RecordType::EXTRACTED, b"");
        if let Some(filter) = &effects.filter {
            destination.put(RecordType::FILTER, filter);
        }
        if let Some(address) = &effects.redirect {
            destination.put(RecordType::REDIRECT, address);
        }
        for address in &effects.bcc {
            destination.put(RecordType::RECIPIENT, address);
            destination.attribute(attribute::NOTIFY_FLAGS, b"1");
        }
        if flags != 0 {
            destination.put(RecordType::FLAGS, flags.to_string().as_bytes());
        }
        destination.put(RecordType::END, b"");
    }
}
