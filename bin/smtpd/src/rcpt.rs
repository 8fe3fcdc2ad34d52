//! RCPT (smtpd §5.6).

use access::Stage;
use bstr::{BString, ByteSlice};
use config::params;
use queue::{RecordType, attribute};
use smtp_protocol::server::address::{Strictness, bare};
use smtp_protocol::server::ehlo::Feature;
use smtp_protocol::server::options::{RcptOptions, rcpt};
use smtp_protocol::server::reply::Refusal;
use smtp_protocol::server::words::Word;

use crate::bdat::Bdat;
use crate::destination::Destination;
use crate::mail::NEEDS_SMTPUTF8;
use crate::session::{End, Outcome, Session, positive};

/// The reply to a recipient that is no address.
pub const BAD_RECIPIENT: &str = "501 5.1.3 Bad recipient address syntax";
const TOO_MANY: &str = "452 4.5.3 Error: too many recipients";

impl Session<'_> {
    /// RCPT. `line` is the whole command.
    pub fn rcpt(&mut self, arguments: &[Word], line: &[u8]) -> Result<Outcome, End> {
        if let Some(refusal) = self.refuse_rcpt_now(arguments) {
            return self.refuse(refusal);
        }
        if let Some(over) = self.limit_recipients() {
            return self.refuse_over_limit(over);
        }
        let (word, options) = (&arguments[1], &arguments[2..]);
        if !word.closed {
            return self.refuse(Refusal::protocol(BAD_RECIPIENT));
        }
        let (sender, smtputf8) = match &self.transaction {
            Some(transaction) => (transaction.sender.clone(), transaction.options.smtputf8),
            None => return self.refuse(Refusal::protocol("503 5.5.1 Error: need MAIL command")),
        };
        let strict = self.config.get(params::STRICT_RFC821_ENVELOPES);
        let Some(recipient) = self.address(&word.text, Strictness { strict, empty: false }, smtputf8, &sender) else {
            return self.refuse(Refusal::protocol(BAD_RECIPIENT));
        };
        let options = match rcpt(options.iter().map(|option| option.text.as_slice()), !self.discarded.has(Feature::Dsn))
        {
            Ok(options) => options,
            Err(error) => {
                if let Some(warning) = error.warning {
                    log::warn!("{warning}");
                }
                return self.refuse(error.refusal);
            }
        };
        if self.is_full() {
            return self.refuse_surplus();
        }
        if !smtputf8 && !recipient.is_ascii() {
            if self.config.get(params::STRICT_SMTPUTF8) {
                return self.refuse(Refusal::plain(NEEDS_SMTPUTF8));
            }
            self.log_legacy_smtputf8("recipient", &recipient);
        }
        let recipient = self.without_probe_stamp(recipient);
        if let Some(refusal) = self.decide(Stage::Rcpt, Some(&recipient))? {
            return self.refuse(refusal);
        }
        if let Err(refusal) = self.open_destination() {
            return self.refuse(refusal);
        }
        let original = options.orcpt.clone().unwrap_or_else(|| [b"rfc822;", bare(&word.text)].concat().into());
        if let Err(refusal) = self.send_recipient(&recipient, &original, &options, line) {
            return self.refuse(refusal);
        }
        if let Some(transaction) = &mut self.transaction {
            transaction.accepted += 1;
            transaction.recipient.get_or_insert(recipient);
        }
        self.accept("250 2.1.5 Ok")
    }

    /// What is wrong with RCPT now, whatever its address.
    fn refuse_rcpt_now(&self, arguments: &[Word]) -> Option<Refusal> {
        if self.transaction.is_none() {
            return Some(Refusal::protocol("503 5.5.1 Error: need MAIL command"));
        }
        if !matches!(self.bdat, Bdat::None) {
            return Some(Refusal::protocol("503 5.5.1 Error: RCPT after BDAT"));
        }
        let is_to = arguments.len() >= 2 && arguments[0].text.eq_ignore_ascii_case(b"to:");
        (!is_to).then(|| Refusal::protocol("501 5.5.4 Syntax: RCPT TO:<address>"))
    }

    fn is_full(&self) -> bool {
        let limit = positive(self.config.get(params::SMTPD_RECIPIENT_LIMIT));
        self.transaction.as_ref().is_some_and(|transaction| transaction.accepted as u64 >= limit)
    }

    /// A recipient too many. Some of these are no error: clients do not know the limit.
    fn refuse_surplus(&mut self) -> Result<Outcome, End> {
        let limit = positive(self.config.get(params::SMTPD_RECIPIENT_OVERSHOOT_LIMIT));
        let Some(transaction) = &mut self.transaction else { return Ok(Outcome::Bad) };
        transaction.surplus += 1;
        if transaction.surplus <= limit {
            return self.accept(TOO_MANY);
        }
        self.refuse(Refusal::policy(TOO_MANY))
    }

    fn send_recipient(
        &mut self,
        recipient: &BString,
        original: &BString,
        options: &RcptOptions,
        line: &[u8],
    ) -> Result<(), Refusal> {
        let destination = self.transaction.as_mut().and_then(|transaction| transaction.destination.as_mut());
        let Some(destination) = destination else { return Ok(()) };
        if let Destination::Filter(filter) = destination {
            return filter.recipient(line);
        }
        if let Some(bits) = options.notify {
            destination.attribute(attribute::NOTIFY_FLAGS, bits.to_string().as_bytes());
        }
        destination.attribute(attribute::DSN_ORIGINAL_RECIPIENT, original.as_bytes());
        destination.put(RecordType::RECIPIENT, recipient);
        Ok(())
    }
}
