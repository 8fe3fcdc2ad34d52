//! MAIL (smtpd §5.5).

use bstr::{BString, ByteSlice};
use config::params;
use ipc::rewrite::resolved;
use logging::fatal;
use smtp_protocol::server::address::{Strictness, extract};
use smtp_protocol::server::ehlo::Feature;
use smtp_protocol::server::options::{Allowed, asks_for_smtputf8, mail};
use smtp_protocol::server::reply::Refusal;
use smtp_protocol::server::words::Word;

use crate::bdat::Bdat;
use crate::session::{End, Outcome, Session};
use crate::transaction::Transaction;

/// The reply to a sender that is no address.
const BAD_SENDER: &str = "501 5.1.7 Bad sender address syntax";
/// The reply to an address that needs SMTPUTF8.
pub const NEEDS_SMTPUTF8: &str = "553 5.6.7 Must declare SMTPUTF8 to send unicode address";

impl Session<'_> {
    /// MAIL. `line` is the whole command.
    pub fn mail(&mut self, arguments: &[Word], line: &[u8]) -> Result<Outcome, End> {
        if let Some(refusal) = self.refuse_mail_now(arguments) {
            return self.refuse(refusal);
        }
        if let Some(over) = self.limit_messages() {
            return self.refuse_over_limit(over);
        }
        let (word, options) = (&arguments[1], &arguments[2..]);
        if !word.closed {
            return self.refuse(Refusal::protocol(BAD_SENDER));
        }
        let allowed = self.allowed_options()?;
        let smtputf8 = asks_for_smtputf8(options.iter().map(|option| option.text.as_slice()), &allowed);
        let strict = self.config.get(params::STRICT_RFC821_ENVELOPES);
        let Some(sender) = self.address(&word.text, Strictness { strict, empty: true }, smtputf8, b"") else {
            return self.refuse(Refusal::protocol(BAD_SENDER));
        };
        let options = match mail(options.iter().map(|option| option.text.as_slice()), &allowed) {
            Ok(options) => options,
            Err(refusal) => return self.refuse(refusal),
        };
        if let Some(refusal) = self.decide_size(sender.as_bstr(), options.size)? {
            return self.refuse(refusal);
        }
        if options.verp.is_some() && sender.is_empty() {
            return self.refuse(Refusal::plain("503 5.5.4 Error: XVERP requires non-null sender"));
        }
        let sender = self.without_probe_stamp(sender);
        if let Some(refusal) = self.decide_sender(sender.as_bstr(), options.size, &options.auth)? {
            self.end_transaction();
            return self.refuse(refusal);
        }
        if let Some(refusal) = self.milter_refusal()? {
            self.end_transaction();
            return self.refuse(refusal);
        }
        let context = match self.decide_context(sender.as_bstr())? {
            Ok(context) => context,
            Err(refusal) => return self.refuse(refusal),
        };
        if !smtputf8 && !sender.is_ascii() {
            if self.config.get(params::STRICT_SMTPUTF8) {
                return self.refuse(Refusal::plain(NEEDS_SMTPUTF8));
            }
            self.log_legacy_smtputf8("sender", &sender);
        }
        if !self.stand_alone
            && !self.is_filtered_at_once()
            && let Some(refusal) = self.decide_space()?
        {
            return self.refuse(refusal);
        }
        self.transaction = Some(Transaction::new(sender, options, line, context));
        self.received = 0;
        if !self.config.get(params::SMTPD_DELAY_OPEN_UNTIL_VALID_RCPT)
            && let Err(refusal) = self.open_destination()
        {
            self.end_transaction();
            return self.refuse(refusal);
        }
        self.accept("250 2.1.0 Ok")
    }

    /// What is wrong with MAIL now, whatever its address.
    fn refuse_mail_now(&self, arguments: &[Word]) -> Option<Refusal> {
        if self.needs_hello() {
            return Some(Refusal::policy("503 5.5.1 Error: send HELO/EHLO first"));
        }
        if self.transaction.is_some() {
            return Some(Refusal::protocol("503 5.5.1 Error: nested MAIL command"));
        }
        if !matches!(self.bdat, Bdat::None) {
            return Some(Refusal::protocol("503 5.5.1 Error: MAIL after BDAT"));
        }
        let is_from = arguments.len() >= 2 && arguments[0].text.eq_ignore_ascii_case(b"from:");
        (!is_from).then(|| Refusal::protocol("501 5.5.4 Syntax: MAIL FROM:<address>"))
    }

    fn allowed_options(&mut self) -> Result<Allowed, End> {
        let verp = self.is_permitted(|site| &site.verp_clients);
        let Some(verp) = verp else { return Err(self.data_error()) };
        Ok(Allowed {
            smtputf8: self.takes_smtputf8(),
            dsn: !self.discarded.has(Feature::Dsn),
            auth: true,
            verp,
            verp_delimiters: self.config.get(params::DEFAULT_VERP_DELIMITERS).to_owned(),
            verp_filter: self.config.get(params::VERP_DELIMITER_FILTER).to_owned(),
        })
    }

    /// Whether the client may ask for SMTPUTF8.
    pub fn takes_smtputf8(&self) -> bool {
        self.config.get(params::SMTPUTF8_ENABLE) && !self.discarded.has(Feature::SmtpUtf8)
    }

    /// Says what a newer default would refuse.
    pub fn log_legacy_smtputf8(&self, what: &str, address: &[u8]) {
        if self.config.legacy_defaults().smtputf8_enable {
            log::info!(
                "using backwards-compatible default setting smtputf8_enable=no to accept non-ASCII {what} address \"{}\" from {}",
                text::show(address),
                text::show(&self.peer.namaddr)
            );
        }
    }

    /// The address of MAIL, RCPT or VRFY in internal form (§4.8). Nothing for a bad one, which has been logged. `other` is the address at the
    /// other end of the message.
    pub fn address(&mut self, word: &[u8], how: Strictness, smtputf8: bool, other: &[u8]) -> Option<BString> {
        let found = extract(word, how).filter(|address| self.is_resolvable(address, smtputf8, other));
        if found.is_none() {
            let word = text::show(word).to_string();
            let (client, stage) = (text::show(&self.peer.namaddr), self.stage);
            log::warn!("Illegal address syntax from {client} in {stage} command: {word}");
        }
        found
    }

    /// Whether trivial-rewrite takes an address for one; whoever runs this is believed.
    fn is_resolvable(&mut self, address: &[u8], smtputf8: bool, other: &[u8]) -> bool {
        let Some(access) = self.site.access.as_mut().filter(|_| !address.is_empty()) else { return true };
        let found = match access.resolve(other, address) {
            Ok(found) => found,
            Err(error) => fatal!("{error}"),
        };
        let domain = found.recipient.rfind_byte(b'@').map_or(b"".as_slice(), |at| &found.recipient[at + 1..]);
        found.flags & resolved::ERROR == 0 && (smtputf8 || domain.is_ascii())
    }
}
