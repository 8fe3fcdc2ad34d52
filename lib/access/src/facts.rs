//! What is known about a session (access-milter-postscreen §2.1, §6.2).

use bstr::{BString, ByteSlice};

/// The name in place of one that is not known.
pub const UNKNOWN: &[u8] = b"unknown";

/// When a decision is made. The order is that of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// A client has connected.
    Connect,
    /// XCLIENT has made the client another one.
    Xclient,
    /// HELO.
    Helo,
    /// EHLO.
    Ehlo,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// VRFY.
    Vrfy,
    /// ETRN.
    Etrn,
    /// DATA.
    Data,
    /// The first BDAT of a message.
    Bdat,
    /// The whole message is here.
    EndOfMessage,
}

impl Stage {
    /// The name in log lines.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Connect => "CONNECT",
            Stage::Xclient => "XCLIENT",
            Stage::Helo => "HELO",
            Stage::Ehlo => "EHLO",
            Stage::Mail => "MAIL",
            Stage::Rcpt => "RCPT",
            Stage::Vrfy => "VRFY",
            Stage::Etrn => "ETRN",
            Stage::Data => "DATA",
            Stage::Bdat => "BDAT",
            Stage::EndOfMessage => "END-OF-MESSAGE",
        }
    }

    /// The name that policy servers are told.
    pub fn policy_name(self) -> &'static str {
        if self == Stage::Bdat { "DATA" } else { self.name() }
    }

    /// Whether all recipients are known.
    pub fn is_after_recipients(self) -> bool {
        matches!(self, Stage::Data | Stage::Bdat | Stage::EndOfMessage)
    }

    /// Whether no transaction can have begun.
    pub fn is_before_mail(self) -> bool {
        matches!(self, Stage::Connect | Stage::Xclient | Stage::Helo | Stage::Ehlo)
    }
}

/// The protocol that the client speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// Until EHLO, and after HELO.
    #[default]
    Smtp,
    /// After EHLO.
    Esmtp,
}

impl Protocol {
    /// The name in log lines.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Smtp => "SMTP",
            Protocol::Esmtp => "ESMTP",
        }
    }
}

/// How the search for a client's name went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NameStatus {
    /// It has one.
    #[default]
    Known,
    /// A lookup failed, and might not fail later (smtpd's status 4).
    Temporary,
    /// It has none, or none that leads back to its address (smtpd's status 5).
    Permanent,
}

/// The client of the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The verified name; `unknown` if there is none.
    pub name: BString,
    /// How it was found.
    pub name_status: NameStatus,
    /// The name by the address alone; `unknown` if there is none.
    pub reverse_name: BString,
    /// How that was found.
    pub reverse_name_status: NameStatus,
    /// The address, in text form without `IPv6:`.
    pub address: BString,
    /// The port, in digits; `unknown` if it is not known.
    pub port: BString,
    /// `name[address]`, with `:port` if `smtpd_client_port_logging` says so.
    pub namaddr: BString,
}

impl Default for Client {
    fn default() -> Self {
        let unknown = || BString::from(UNKNOWN);
        Client {
            name: unknown(),
            name_status: NameStatus::Permanent,
            reverse_name: unknown(),
            reverse_name_status: NameStatus::Permanent,
            address: unknown(),
            port: unknown(),
            namaddr: "unknown[unknown]".into(),
        }
    }
}

/// Where the client has connected to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// The address, in text form.
    pub address: BString,
    /// The port, in digits.
    pub port: BString,
}

/// Who the client has shown to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sasl {
    /// The mechanism.
    pub method: BString,
    /// The login name.
    pub username: BString,
    /// The AUTH= parameter of MAIL; empty if none.
    pub sender: BString,
}

impl Sasl {
    /// Whether the client is somebody.
    pub fn is_authenticated(&self) -> bool {
        !self.method.is_empty() && !self.method.eq_ignore_ascii_case(b"anonymous")
    }
}

/// A session with encryption.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// As `TLSv1.3`.
    pub protocol: BString,
    /// As `TLS_AES_256_GCM_SHA384`.
    pub cipher: BString,
    /// Bits of the key in use.
    pub key_size: u32,
    /// The client's certificate, if it has sent one.
    pub certificate: Option<Certificate>,
}

/// The certificate of a client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// Whether it was issued by an authority that we trust.
    pub is_trusted: bool,
    /// The subject's common name.
    pub subject: BString,
    /// The issuer's common name.
    pub issuer: BString,
    /// The fingerprint of the certificate by `smtpd_tls_fingerprint_digest`.
    pub fingerprint: BString,
    /// The fingerprint of its public key.
    pub public_key_fingerprint: BString,
}

/// All that smtpd knows when a decision is made. Addresses are in internal form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The client.
    pub client: Client,
    /// Our end.
    pub server: Server,
    /// The argument of HELO or EHLO. At that stage: the new one.
    pub helo: Option<BString>,
    /// What the client speaks.
    pub protocol: Protocol,
    /// The envelope sender; empty for the null sender; `None` outside a transaction.
    pub sender: Option<BString>,
    /// At RCPT and VRFY the address in question. Later, the recipient that was accepted, if there is just one.
    pub recipient: Option<BString>,
    /// How many recipients have been accepted so far.
    pub recipient_count: usize,
    /// The argument of ETRN.
    pub etrn_domain: Option<BString>,
    /// The queue ID, once there is one.
    pub queue_id: Option<BString>,
    /// The name of the transaction: `<pid>.<seconds>.<microseconds>.<sequence>` in hexadecimal; empty before MAIL.
    pub instance: BString,
    /// The size in bytes that MAIL announced; 0 if none.
    pub declared_size: u64,
    /// The size in bytes of the message that was received; 0 until the end of data.
    pub received_size: u64,
    /// The login, after AUTH.
    pub sasl: Option<Sasl>,
    /// Encryption, if the session has it.
    pub tls: Option<Tls>,
    /// Whether the client was caught sending commands too early.
    pub improper_pipelining: bool,
}

impl Facts {
    /// The size that is known best.
    pub fn size(&self) -> u64 {
        if self.received_size > 0 { self.received_size } else { self.declared_size }
    }

    /// The login, of a client that has shown who it is.
    pub fn login(&self) -> Option<&Sasl> {
        self.sasl.as_ref().filter(|sasl| sasl.is_authenticated())
    }

    /// The client's certificate.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.tls.as_ref()?.certificate.as_ref()
    }
}

/// Whether a host name stands for none.
pub(crate) fn is_unknown(name: &[u8]) -> bool {
    name.as_bstr().eq_ignore_ascii_case(UNKNOWN)
}
