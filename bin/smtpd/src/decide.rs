//! Restrictions: the facts of the session in, a refusal out.

use access::{Cause, Client, Facts, NameStatus, Protocol, Sasl, Server, Stage, Verdict};
use bstr::{BStr, BString};
use config::params;
use logging::event::Decision;
use logging::fatal;
use smtp_protocol::peer;
use smtp_protocol::server::reply::{Class, Refusal};

use crate::session::{End, Session, positive};

impl Session<'_> {
    /// What restrictions say at a stage; `subject` is the HELO argument, the recipient, or the domain of ETRN. Nothing: the request is accepted.
    ///
    /// # Errors
    /// The client is to be hung up on.
    pub fn decide(&mut self, stage: Stage, subject: Option<&BString>) -> Result<Option<Refusal>, End> {
        let mut facts = self.facts();
        match stage {
            Stage::Helo | Stage::Ehlo => facts.helo = subject.cloned(),
            Stage::Rcpt | Stage::Vrfy => facts.recipient = subject.cloned(),
            Stage::Etrn => facts.etrn_domain = subject.cloned(),
            _ => {}
        }
        self.site.access.as_mut().map_or(Ok(None), |access| refusal(access.check(stage, &facts)))
    }

    /// Whether a message of the size that MAIL announces is too large. That goes for everybody.
    pub fn decide_size(&mut self, sender: &BStr, declared: u64) -> Result<Option<Refusal>, End> {
        let facts = self.facts_with_sender(sender, declared, &None);
        if let Some(access) = &mut self.site.access {
            return refusal(access.check_size(&facts));
        }
        let limit = positive(self.config.get(params::MESSAGE_SIZE_LIMIT));
        if limit == 0 || declared <= limit {
            return Ok(None);
        }
        let text = "552 5.3.4 Message size exceeds fixed limit";
        logging::emit(&Decision {
            queue_id: None,
            action: "reject",
            stage: self.stage,
            client: &self.peer.namaddr,
            text: text.as_bytes(),
            sender: Some(sender),
            recipient: None,
            protocol: self.protocol(),
            helo: self.helo.as_ref().map(|helo| helo.as_slice()),
        });
        Ok(Some(Refusal::policy(text)))
    }

    /// Whether the queue has room for another message.
    pub fn decide_space(&mut self) -> Result<Option<Refusal>, End> {
        let facts = self.facts();
        self.site.access.as_mut().map_or(Ok(None), |access| refusal(access.check_queue_space(&facts)))
    }

    /// What restrictions say about a sender, before the transaction begins.
    pub fn decide_sender(
        &mut self,
        sender: &BStr,
        declared: u64,
        login: &Option<BString>,
    ) -> Result<Option<Refusal>, End> {
        let facts = self.facts_with_sender(sender, declared, login);
        self.site.access.as_mut().map_or(Ok(None), |access| refusal(access.check(Stage::Mail, &facts)))
    }

    /// The session is over, or has another client now.
    pub fn end_decisions(&mut self) {
        if let Some(access) = &mut self.site.access {
            access.end_session();
        }
    }

    /// The address of our own probes, whatever its time stamp is, becomes the one without.
    pub fn without_probe_stamp(&mut self, address: BString) -> BString {
        match self.site.access.as_mut().map(|access| access.probe_sender(&address)) {
            Some(Ok(Some(plain))) => plain,
            Some(Err(error)) => fatal!("{error}"),
            Some(Ok(None)) | None => address,
        }
    }

    /// `local` or `remote`: how headers of this client's mail are completed.
    pub fn decide_context(&mut self, sender: &BStr) -> Result<Result<&'static str, Refusal>, End> {
        let facts = self.facts_with_sender(sender, 0, &None);
        let Some(access) = &mut self.site.access else { return Ok(Ok("local")) };
        match access.rewrite_context(&facts) {
            Ok(Ok(access::Context::Local)) => Ok(Ok("local")),
            Ok(Ok(access::Context::Remote)) => Ok(Ok("remote")),
            Ok(Err(verdict)) => Ok(refusal(Ok(verdict))?.map_or(Ok("remote"), Err)),
            Err(error) => fatal!("{error}"),
        }
    }

    fn facts_with_sender(&self, sender: &BStr, declared: u64, login: &Option<BString>) -> Facts {
        let mut facts = self.facts();
        facts.sender = Some(sender.to_owned());
        facts.declared_size = declared;
        facts.sasl = self.sasl(login.as_ref());
        facts
    }

    fn sasl(&self, sender: Option<&BString>) -> Option<Sasl> {
        let login = self.login.as_ref()?;
        Some(Sasl {
            method: login.method.clone(),
            username: login.user.clone(),
            sender: sender.cloned().unwrap_or_default(),
        })
    }

    /// All that is known now.
    fn facts(&self) -> Facts {
        let peer = &self.peer;
        let transaction = self.transaction.as_ref();
        Facts {
            client: Client {
                name: peer.name.clone(),
                name_status: status(peer.name_status),
                reverse_name: peer.reverse_name.clone(),
                reverse_name_status: status(peer.reverse_status),
                address: peer.address.clone(),
                port: peer.port.clone(),
                namaddr: peer.namaddr.clone(),
            },
            server: Server { address: peer.server_address.clone(), port: peer.server_port.clone() },
            helo: self.helo.clone(),
            protocol: if self.extended { Protocol::Esmtp } else { Protocol::Smtp },
            sender: transaction.map(|transaction| transaction.sender.clone()),
            recipient: transaction.and_then(|transaction| transaction.recipient.clone()),
            recipient_count: transaction.map_or(0, |transaction| transaction.accepted),
            etrn_domain: None,
            queue_id: transaction.and_then(|transaction| transaction.queue_id()).map(ToOwned::to_owned),
            instance: transaction.map(|transaction| transaction.instance.clone()).unwrap_or_default(),
            declared_size: transaction.map_or(0, |transaction| transaction.options.size),
            received_size: self.received,
            sasl: self.sasl(transaction.and_then(|transaction| transaction.options.auth.as_ref())),
            tls: None,
            improper_pipelining: self.improper_pipelining,
        }
    }
}

fn status(status: peer::NameStatus) -> NameStatus {
    match status {
        peer::NameStatus::Known => NameStatus::Known,
        peer::NameStatus::Temporary => NameStatus::Temporary,
        peer::NameStatus::Permanent => NameStatus::Permanent,
    }
}

fn refusal(verdict: Result<Verdict, access::Fatal>) -> Result<Option<Refusal>, End> {
    match verdict {
        Ok(Verdict::Accept) => Ok(None),
        Ok(Verdict::HangUp) => Err(End::Over),
        Ok(Verdict::Reject(reply)) => {
            let class = match reply.cause {
                Cause::Policy => Class::Policy,
                Cause::Software => Class::Software,
                Cause::Resource => Class::Resource,
            };
            Ok(Some(Refusal { class: Some(class), text: reply.text }))
        }
        Err(error) => fatal!("{error}"),
    }
}
