//! VRFY (smtpd §5.9).

use access::Stage;
use bstr::BString;
use config::params;
use smtp_protocol::server::address::Strictness;
use smtp_protocol::server::reply::Refusal;
use smtp_protocol::server::words::Word;

use crate::mail::NEEDS_SMTPUTF8;
use crate::rcpt::BAD_RECIPIENT;
use crate::session::{End, Outcome, Session};

impl Session<'_> {
    /// VRFY.
    pub fn vrfy(&mut self, arguments: &[Word]) -> Result<Outcome, End> {
        if self.config.get(params::DISABLE_VRFY_COMMAND) {
            return self.refuse(Refusal::policy("502 5.5.1 VRFY command is disabled"));
        }
        let takes_smtputf8 = self.takes_smtputf8();
        let (words, smtputf8) = match arguments {
            [words @ .., last] if takes_smtputf8 && last.text.eq_ignore_ascii_case(b"SMTPUTF8") => (words, true),
            words => (words, false),
        };
        if words.is_empty() {
            let more = if self.config.get(params::SMTPUTF8_ENABLE) { " [SMTPUTF8]" } else { "" };
            return self.refuse(Refusal::protocol(format!("501 5.5.4 Syntax: VRFY address{more}")));
        }
        if let Some(over) = self.limit_recipients() {
            return self.refuse_over_limit(over);
        }
        let typed: BString = bstr::join(" ", words.iter().map(|word| &word.text)).into();
        let sender = self.transaction.as_ref().map(|transaction| transaction.sender.clone()).unwrap_or_default();
        let how = Strictness { strict: false, empty: false };
        let Some(address) = self.address(&typed, how, smtputf8, &sender) else {
            return self.refuse(Refusal::protocol(BAD_RECIPIENT));
        };
        if !smtputf8 && !address.is_ascii() && self.config.get(params::STRICT_SMTPUTF8) {
            return self.refuse(Refusal::plain(NEEDS_SMTPUTF8));
        }
        if let Some(refusal) = self.decide(Stage::Vrfy, Some(&address))? {
            return self.refuse(refusal);
        }
        self.accept([b"252 2.0.0 ", typed.as_slice()].concat())
    }
}
